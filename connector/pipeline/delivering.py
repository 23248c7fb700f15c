"""Matched documents are delivered; what is in doubt is looked for. The one ladder of errors stands here."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import clients, mirror
from connector.errors import (
    InDoubt,
    LeaseLost,
    Misconfigured,
    RateLimited,
    Rejected,
    Stale,
    Transient,
    Unsettled,
)
from connector.flows.verdict import Delivered
from connector.models import Connection, Cursor
from connector.pipeline import wakes
from connector.pipeline.reading import FLOWS
from mapping.matching import Difference

log = logging.getLogger(__name__)

FIRST_LOOK = timedelta(seconds=2)


class LeasedWork:
    """A delivery under way: its lease, and what is known of it, kept in the row before and after each write."""

    def __init__(self, document: Document, owner: str, lag: timedelta) -> None:
        self.document = document
        self.owner = owner
        self.lag = lag
        self.key = document.key
        self.output = bytes(document.output)
        self.source = document.source
        self.source_name = document.transmission.path.rpartition("/")[2][-100:] or "paper"
        self.form = "xml" if document.source.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" else "json"
        self.since = str(document.progress.get("since", ""))
        self.began = _moment(document.progress.get("began")) or timezone.now()
        self.settled = self.settles_at is None or timezone.now() >= self.settles_at

    @property
    def progress(self) -> dict[str, Any]:
        """What is known so far."""
        known: dict[str, Any] = self.document.progress
        return known

    @property
    def settles_at(self) -> datetime | None:
        """When 'not found' proves absence; None when no write is in doubt (house rule 3)."""
        if not self.progress.get("open"):
            return None
        ended = _moment(self.progress.get("doubt_at"))
        if ended is None:  # a crash: the call may have run until its time-out
            began = _moment(self.progress.get("called_at")) or timezone.now()
            ended = began + timedelta(seconds=settings.REQUEST_TIMEOUT_SECONDS)
        return ended + self.lag

    def before_call(self) -> None:
        """Renews the lease and notes that a write is about to leave. Raises LeaseLost."""
        now = timezone.now()
        if not ledger.renew(self.document, owner=self.owner, seconds=settings.LEASE_SECONDS, now=now):
            raise LeaseLost(f"{self.document} was taken over by another worker.")
        self.remember(called_at=now.isoformat(), open=True, doubt_at="")

    def remember(self, **progress: Any) -> None:
        """Keeps what is now known for whoever continues. Raises LeaseLost."""
        if not ledger.remember(self.document, owner=self.owner, **progress):
            raise LeaseLost(f"{self.document} was taken over by another worker.")

    def must_be_settled(self, otherwise: str) -> None:
        """Raises Unsettled while an earlier attempt may still show up."""
        if not self.settled:
            raise Unsettled(otherwise)

    @property
    def needs_find(self) -> bool:
        """Whether an earlier attempt may have left something over there."""
        return bool(self.progress.get("open") or self.progress.get("receipt") or self.progress.get("invoice"))


def deliver(document: Document, *, owner: str) -> None:
    """One attempt for a matched document."""
    now = timezone.now()
    connection = _connection(document)
    if connection is None:
        ledger.release(document, owner=owner)
        return
    if not ledger.begin_delivery(document, owner=owner, seconds=settings.LEASE_SECONDS, now=now):
        return
    work = LeasedWork(document, owner, timedelta(seconds=connection.absence_lag_seconds))
    if not document.progress.get("began"):
        work.remember(began=now.isoformat(), since=_watermark(document), taken=_taken(document))
        work = LeasedWork(document, owner, work.lag)
    _attempt(work, connection)


def reconcile(document: Document, *, owner: str) -> None:
    """A delivery whose worker died or whose outcome nobody knows: looked for, then continued."""
    connection = _connection(document)
    if connection is None:
        ledger.release(document, owner=owner)
        return
    if document.deaths > settings.MAX_DEATHS:
        why = f"Its worker died {settings.MAX_DEATHS} times while delivering it."
        ledger.fail(document, why, now=timezone.now(), owner=owner)
        return
    _attempt(LeasedWork(document, owner, timedelta(seconds=connection.absence_lag_seconds)), connection)


def _attempt(work: LeasedWork, connection: Connection) -> None:
    """The one ladder: each family of errors says whether it happened (DESIGN.md)."""
    document, owner = work.document, work.owner
    flow = FLOWS[document.kind]
    try:
        both = clients.clients_for(document.company, document)
        found = flow.find(work, both) if work.needs_find else ""
        _arrived(work, flow.deliver(work, both, found))
    except LeaseLost as error:
        log.info("%s", error)
    except Unsettled as error:
        _rest(work, str(error), work.settles_at or timezone.now())
    except InDoubt as error:
        _in_doubt(work, str(error))
    except Stale as error:
        _again_with_new_order(work, str(error))
    except RateLimited as error:
        _later(work, str(error), error.retry_after, counts=False)
    except Transient as error:
        _later(work, str(error), error.retry_after, counts=True)
    except Rejected as error:
        asked = Difference("remote_rejected", f"{document.kind} {document.number}", str(error))
        _settle(work)
        ledger.hold(document, [asked], now=timezone.now(), owner=owner)
    except Misconfigured as error:
        clients.pause(connection, str(error))
        _later(work, str(error), None, counts=False)
    except Exception:
        log.exception("%s failed", document)
        ledger.fail(document, "A defect in the connector: see the log.", now=timezone.now(), owner=owner)


def _arrived(work: LeasedWork, delivered: Delivered) -> None:
    """Delivered, and mirrored at once, so that what waits for it need not wait for the next poll."""
    now, document = timezone.now(), work.document
    progress = {**work.progress, "open": False}
    moved = ledger.move(
        document,
        Status.DELIVERED,
        now=now,
        owner=work.owner,
        reason=delivered.note,
        facts={"ref": delivered.ref},
        output_ref=delivered.ref,
        delivered_at=now,
        progress=progress,
    )
    if not moved:
        return
    touched: set[str] = set()
    if delivered.receipt:
        touched |= mirror.receipts(document.company, [delivered.receipt])
    if delivered.invoice:
        touched |= mirror.invoices(document.company, [delivered.invoice])
    wakes.orders_arrived(document.company, touched, now=now)


def _rest(work: LeasedWork, why: str, until: datetime) -> None:
    """Stays `delivering`; the first look comes soon, the next when absence is proven."""
    now = timezone.now()
    ledger.rest(work.document, owner=work.owner, until=max(until, now), why=why, now=now)


def _in_doubt(work: LeasedWork, why: str) -> None:
    """Nobody knows: what was about to be sent may still arrive. After many doubts a person is asked."""
    now = timezone.now()
    doubts = int(work.progress.get("doubts", 0)) + 1
    try:
        work.remember(doubt_at=now.isoformat(), open=True, doubts=doubts)
    except LeaseLost as error:
        log.info("%s", error)
        return
    if doubts > settings.MAX_ATTEMPTS:
        subject = f"{work.document.kind} {work.document.number}"
        sentence = f"Sent {doubts} times, and nothing proves whether it arrived. Last: {why}"
        ledger.hold(work.document, [Difference("in_doubt", subject, sentence)], now=now, owner=work.owner)
        return
    _rest(work, why, now + FIRST_LOOK)


def _again_with_new_order(work: LeasedWork, why: str) -> None:
    """412: the order is read and the paper matched again (house rule 3)."""
    document = work.document
    try:
        both = clients.clients_for(document.company, document)
        rows = [both.visma.order(number)[0] for number in document.orders.values_list("order_number", flat=True)]
    except (Transient, Misconfigured, Rejected, InDoubt) as error:
        _later(work, str(error), None, counts=True)
        return
    mirror.orders(document.company, rows)
    _settle(work)
    ledger.move(document, Status.RECEIVED, now=timezone.now(), owner=work.owner, verb="stale", reason=why)


def _later(work: LeasedWork, why: str, retry_after: float | None, *, counts: bool) -> None:
    """It did not happen: back to `matched`, due after the back-off, or parked when the attempts are used up."""
    now, document = timezone.now(), work.document
    if work.progress.get("open") and work.needs_find and not work.settled:
        _rest(work, why, now + FIRST_LOOK)  # this step did not happen, but an earlier one is still in doubt
        return
    _settle(work)
    attempts = document.attempts if counts else max(document.attempts - 1, 0)
    if attempts >= settings.MAX_ATTEMPTS:
        ledger.fail(document, f"Tried {attempts} times. Last: {why}", now=now, owner=work.owner)
        return
    due_at = now + timedelta(seconds=back_off(attempts, retry_after))
    reason = f"{why} Next try at {due_at:%H:%M:%S} UTC."
    ledger.move(
        document,
        Status.MATCHED,
        now=now,
        owner=work.owner,
        verb="postponed",
        reason=reason,
        due_at=due_at,
        attempts=attempts,
    )


def back_off(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next try: what the other side asked for, else exponential with full jitter, at most an hour."""
    if retry_after is not None:
        return max(retry_after, 0.0)
    ceiling = min(settings.RETRY_FIRST_SECONDS * 2 ** max(attempts - 1, 0), settings.RETRY_LONGEST_SECONDS)
    return random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing


def _settle(work: LeasedWork) -> None:
    """The last write certainly did not happen."""
    ledger.remember(work.document, owner=work.owner, open=False)


def _connection(document: Document) -> Connection | None:
    system = Connection.System.SPS if document.kind == Kind.ORDER else Connection.System.VISMA
    return Connection.objects.filter(company=document.company, system=system).select_related("company").first()


def _watermark(document: Document) -> str:
    """The highest stamp that Visma has shown so far: what we make now is not older (visma.md §8)."""
    stream = "invoices" if document.kind == Kind.INVOICE else "receipts"
    cursor = Cursor.objects.filter(connection__company=document.company, stream=stream).first()
    return cursor.value if cursor else ""


def _taken(document: Document) -> list[str]:
    """Bookings of other documents of the same number: never mistaken for ours."""
    others = Document.objects.filter(company=document.company, kind=document.kind, number=document.number)
    return list(others.exclude(pk=document.pk).exclude(output_ref="").values_list("output_ref", flat=True))


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
