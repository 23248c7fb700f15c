"""Who works on a document just now, for how long, and what is known so far of its delivery."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from audit.ledger.links import MACHINE, append, locked, take_over, write
from audit.ledger.moves import move
from audit.models import Document, Status


def claim(
    status: str, *, limit: int, seconds: float, now: datetime, only: Q | None = None
) -> tuple[str, list[Document]]:
    """Takes documents that are due, with a lease, so that no other worker looks at them meanwhile.

    Two workers: the row locks (or SQLite's one writer) let each see only what the other has not taken. Returns the
    lease's owner and the documents.
    """
    owner = uuid.uuid4().hex
    due = Q(status=status) & (Q(due_at=None) | Q(due_at__lte=now)) & (Q(lease_until=None) | Q(lease_until__lt=now))
    with transaction.atomic():
        ids = list(
            Document.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(due & (only or Q()))
            .order_by(F("due_at").asc(nulls_first=True), "pk")  # fresh ones do not wait for those put off
            .values_list("pk", flat=True)[:limit]
        )
        Document.objects.filter(pk__in=ids).update(lease_owner=owner, lease_until=now + timedelta(seconds=seconds))
    return owner, list(
        Document.objects.select_related("transmission", "company", "partner").filter(pk__in=ids).order_by("pk")
    )


def begin(document: Document, *, owner: str, seconds: float, now: datetime) -> bool:
    """Work on a claimed document starts: a death is counted in advance, every orderly end takes it back (house rule 3).

    False when the lease was lost meanwhile.
    """
    held = Document.objects.filter(pk=document.pk, lease_owner=owner, status=document.status).exclude(lease_owner="")
    began = held.update(deaths=F("deaths") + 1, lease_until=now + timedelta(seconds=seconds)) == 1
    document.deaths += began
    return began


def begin_delivery(document: Document, *, owner: str, seconds: float, now: datetime) -> bool:
    """`delivering`, committed before the first call (house rule 3)."""
    return move(
        document,
        Status.DELIVERING,
        now=now,
        owner=owner,
        attempts=document.attempts + 1,
        lease_owner=owner,
        lease_until=now + timedelta(seconds=seconds),
    )


def rest(document: Document, *, owner: str, until: datetime, why: str, now: datetime) -> None:
    """A delivery in doubt stays `delivering` and is looked at again at `until` by whoever takes it over."""
    with transaction.atomic():
        current = locked(document, owner)
        if current is None:
            return
        changes = {"lease_owner": "", "lease_until": now, "deaths": 0, "due_at": until, "reason": why}
        repeated = current.reason == why
        if repeated:  # the same doubt again is no event
            write(current, now=now, **changes)
        else:
            append(current, verb="in doubt", now=now, actor=MACHINE, reason=why, facts={}, changes=changes)
    take_over(document, current)


def renew(document: Document, *, owner: str, seconds: float, now: datetime, **progress: Any) -> bool:
    """Holds the lease for longer, and remembers `progress` with it; False when it was lost meanwhile."""
    return _remember(document, owner, progress, lease_until=now + timedelta(seconds=seconds))


def release(document: Document, *, owner: str, now: datetime) -> None:
    """Gives a lease back without a move. What is being delivered has always one: it is over."""
    over = Case(When(status=Status.DELIVERING, then=Value(now)), default=None)
    Document.objects.filter(pk=document.pk, lease_owner=owner).update(lease_owner="", lease_until=over, deaths=0)


def remember(document: Document, *, owner: str, **progress: Any) -> bool:
    """What is now known of a delivery under way, kept for whoever continues it; False when the lease was lost."""
    return _remember(document, owner, progress)


def _remember(document: Document, owner: str, progress: dict[str, Any], **changes: Any) -> bool:
    """Only the lease's owner writes progress, so that what the caller's document shows of it is what the row holds."""
    known = {**document.progress, **progress}
    changes = {**changes, **({"progress": known} if progress else {})}
    if not Document.objects.filter(pk=document.pk, lease_owner=owner).exclude(lease_owner="").update(**changes):
        return False
    document.progress = known
    return True
