"""One sweep: whatever can move now, moves. Several sweeps may run at once; leases keep them apart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector.http import kept_lines
from connector.models import Connection
from connector.pipeline import deciding, delivering, wakes
from mapping.locks import is_deadlock
from mapping.models import Company

log = logging.getLogger(__name__)

BATCH = 20


@dataclass(frozen=True)
class Swept:
    """How many documents one sweep has touched."""

    woken: int
    decided: int
    delivered: int
    reconciled: int

    @property
    def total(self) -> int:
        return self.woken + self.decided + self.delivered + self.reconciled


def sweep(company: Company | None = None, *, limit: int = BATCH) -> Swept:
    """At most `limit` documents of each status; call again while `total` is not 0."""
    with kept_lines():
        return Swept(
            woken=_wake(company),
            decided=_batch(Status.RECEIVED, deciding.decide, limit, _of(company)),
            delivered=_batch(Status.MATCHED, delivering.deliver, limit, _of(company) & _reachable()),
            reconciled=_batch(Status.DELIVERING, delivering.reconcile, limit, _of(company) & _reachable()),
        )


def _wake(company: Company | None) -> int:
    now = timezone.now()
    companies = [company] if company else list(Company.objects.all())
    mapped = sum(wakes.mappings_arrived(one, now=now) for one in companies)
    return mapped + wakes.patience_ended(now=now, company=company)


def _batch(status: str, step: Callable[..., None], limit: int, only: Q) -> int:
    """Claims documents and takes one after another, each only while its lease is still ours."""
    owner, documents = ledger.claim(status, limit=limit, seconds=settings.LEASE_SECONDS, now=timezone.now(), only=only)
    for document in documents:
        if ledger.begin(document, owner=owner, seconds=settings.LEASE_SECONDS, now=timezone.now()):
            _step(step, document, owner)
    return len(documents)


def _step(step: Callable[..., None], document: Document, owner: str) -> None:
    try:
        step(document, owner=owner)
    except OperationalError as error:
        if not is_deadlock(error):
            raise
        log.warning("%s is taken up again: %s", document, error)
        ledger.release(document, owner=owner, now=timezone.now())
        return
    if document.lease_owner:  # every move has ended it already
        ledger.release(document, owner=owner, now=timezone.now())


def _of(company: Company | None) -> Q:
    return Q(company=company) if company else Q()


def _reachable() -> Q:
    """Documents whose receiver is connected and not paused; the others stay where they are."""
    working = list(Connection.objects.filter(paused_at=None).values_list("company", "system"))
    visma = [company for company, system in working if system == Connection.System.VISMA]
    sps = [company for company, system in working if system == Connection.System.SPS]
    return Q(kind=Kind.ORDER, company__in=sps) | (~Q(kind=Kind.ORDER) & Q(company__in=visma))


def at_work(company: Company | None = None) -> list[Document]:
    """Documents that a machine can still move, soonest first: what `sync --until-idle` waits for."""
    moving = Q(status=Status.RECEIVED) | (Q(status__in=(Status.MATCHED, Status.DELIVERING)) & _reachable())
    soonest = Document.objects.filter(moving & _of(company)).order_by("due_at")
    return list(
        soonest.only("due_at", "lease_until")[:1000]
    )  # without what they carry: this is asked many times a second
