"""Every way from one status to another, and the answers of people that lead there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from audit.fitting import fitting
from audit.ledger.links import MACHINE, append, locked, take_over
from audit.models import ACCEPTABLE, AS_EXPENSE, Cause, Decision, Document, Hold, Kind, Status
from mapping.matching import Difference

LEAVES_TO: dict[str, frozenset[str]] = {
    Status.RECEIVED: frozenset({Status.MATCHED, Status.WAITING, Status.HELD, Status.FAILED, Status.IGNORED}),
    Status.WAITING: frozenset({Status.RECEIVED, Status.HELD, Status.IGNORED}),
    Status.MATCHED: frozenset(
        {Status.DELIVERING, Status.RECEIVED, Status.WAITING, Status.HELD, Status.FAILED, Status.IGNORED}
    ),
    Status.DELIVERING: frozenset({Status.DELIVERED, Status.MATCHED, Status.RECEIVED, Status.HELD, Status.FAILED}),
    Status.DELIVERED: frozenset({Status.RECEIVED}),
    Status.HELD: frozenset({Status.RECEIVED, Status.IGNORED}),
    Status.FAILED: frozenset({Status.RECEIVED, Status.IGNORED}),
    Status.IGNORED: frozenset({Status.RECEIVED}),
}


def move(
    document: Document,
    to: str,
    *,
    now: datetime,
    verb: str = "",
    actor: str = MACHINE,
    reason: str = "",
    cause: str = "",
    facts: dict[str, Any] | None = None,
    owner: str = "",
    **changes: Any,
) -> bool:
    """Moves a document on, if it still stands where the caller saw it (and, with `owner`, still holds its lease).

    `changes` are further columns of the document. The lease ends unless the move is to `delivering`.
    """
    if to not in LEAVES_TO[document.status]:
        raise ValueError(f"{document} cannot go from {document.status} to {to}.")
    if to != Status.DELIVERING:
        changes = {"lease_owner": "", "lease_until": None, "deaths": 0, **changes}
    changes = {"due_at": None, "cause": cause, "reason": reason, **changes, "status": to}
    with transaction.atomic():
        current = locked(document, owner)
        if current is None:
            return False
        append(
            current,
            verb=verb or to,
            now=now,
            actor=actor,
            cause=cause,
            reason=reason,
            facts=facts or {},
            from_status=document.status,
            to_status=to,
            changes=changes,
        )
        if document.status == Status.HELD:
            current.holds.filter(closed_at=None).update(closed_at=now)
    take_over(document, current)
    return True


def note(
    document: Document,
    verb: str,
    *,
    now: datetime,
    actor: str = MACHINE,
    reason: str = "",
    facts: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Something happened that moves nothing: an event, with further columns of the document."""
    with transaction.atomic():
        current = Document.objects.select_for_update(no_key=True).get(pk=document.pk)
        current.transmission = document.transmission
        append(current, verb=verb, now=now, actor=actor, reason=reason, facts=facts or {}, changes=changes)
    take_over(document, current)


def hold(
    document: Document,
    reasons: Sequence[Difference],
    *,
    now: datetime,
    actor: str = MACHINE,
    owner: str = "",
    **changes: Any,
) -> bool:
    """A person has to look: one open hold per cause and subject. The first reason names the document's cause."""
    first = reasons[0]
    with transaction.atomic():
        moved = move(
            document,
            Status.HELD,
            now=now,
            actor=actor,
            owner=owner,
            cause=first.cause,
            reason=" ".join(reason.sentence for reason in reasons),
            facts={"reasons": [{"cause": reason.cause, "subject": reason.subject} for reason in reasons]},
            **changes,
        )
        if moved:
            _open_holds(document, reasons, now)
    return moved


def fail(document: Document, why: str, *, now: datetime, owner: str = "", **changes: Any) -> bool:
    """The dead letter: a developer has to look."""
    return move(document, Status.FAILED, now=now, reason=why, owner=owner, **changes)


def ignore(
    document: Document,
    why: str,
    *,
    now: datetime,
    actor: str = MACHINE,
    facts: dict[str, Any] | None = None,
    **changes: Any,
) -> bool:
    """Deliberately not delivered, with a reason. What it has begun in Visma is named: nobody here will finish it."""
    if not why.strip():
        raise ValueError("A document is ignored with a reason.")
    if begun := document.half_made:
        why = f"{why.strip().rstrip('.')}. Half made in Visma: {begun}."
        facts = {**(facts or {}), "half_made": begun}
    return move(document, Status.IGNORED, now=now, actor=actor, reason=why, facts=facts, **changes)


def replay(document: Document, *, now: datetime, actor: str, reason: str = "") -> bool:
    """Back to `received`, where it is decided again as if new. What was delivered is never delivered again by it."""
    if document.status not in (Status.HELD, Status.FAILED, Status.IGNORED, Status.WAITING):
        raise ValueError(
            f"{document} is {document.get_status_display()}; only what is at rest and not delivered is replayed."
        )
    return move(document, Status.RECEIVED, now=now, verb="replayed", actor=actor, reason=reason, attempts=0, deaths=0)


def reopen(document: Document, *, gone: str, now: datetime, actor: str, reason: str = "") -> bool:
    """What was delivered is decided again, because its booking is cancelled or gone over there (`gone` says how).

    What its booking can be found by is kept: should it stand there after all, it is found instead of made twice.
    """
    facts = {"was": document.output_ref, "gone": gone}
    known = {name: document.progress[name] for name in ("began", "since") if name in document.progress}
    progress = {**known, "was": document.output_ref, "look_first": True}
    fresh: dict[str, Any] = {"output_ref": "", "progress": progress, "attempts": 0, "delivered_at": None}
    return move(
        document, Status.RECEIVED, now=now, verb="reopened", actor=actor, reason=reason or gone, facts=facts, **fresh
    )


def decide(
    document: Document, cause: str, subject: str, *, accepted: str, reason: str, actor: str, now: datetime
) -> Decision:
    """A person's answer to a hold, valid for the content it saw; the document is decided again."""
    if cause not in Cause.values:
        raise ValueError(f"{cause} is not a cause of a hold.")
    if cause not in ACCEPTABLE and not (accepted == AS_EXPENSE and document.kind == Kind.INVOICE):
        raise ValueError(
            f"“{Cause(cause).label}” cannot be accepted: it needs its fix, another paper, or to be ignored."
        )
    if not reason.strip():
        raise ValueError("A decision needs a reason.")
    with transaction.atomic():
        decision = Decision.objects.create(
            document=document,
            cause=cause,
            subject=subject,
            accepted=accepted,
            reason=reason,
            content_hash=document.content_hash,
            actor=actor,
            decided_at=now,
        )
        facts = {"cause": cause, "subject": subject, "accepted": accepted}
        note(document, "decided", now=now, actor=actor, reason=reason, facts=facts)
        if document.status == Status.HELD:
            move(document, Status.RECEIVED, now=now, verb="reconsidered", actor=actor, reason=reason)
    return decision


def wake(documents: Iterable[Document], why: str, *, now: datetime) -> int:
    """What waits or is held is looked at again, because something it depends on has arrived. Returns how many."""
    return sum(
        move(document, Status.RECEIVED, now=now, verb="woken", reason=why)
        for document in documents
        if document.status in (Status.WAITING, Status.HELD)
    )


def _open_holds(document: Document, reasons: Sequence[Difference], now: datetime) -> None:
    """One open hold per cause and subject; one that was open before keeps who has it and since when."""
    document.holds.filter(closed_at=None).update(closed_at=now)
    said = [fitting(Hold, asdict(reason)) for reason in reasons]
    for reason in {(reason["cause"], reason["subject"]): reason for reason in said}.values():
        asked = document.holds.filter(cause=reason["cause"], subject=reason["subject"])
        earlier = asked.order_by("-pk").first()
        Hold.objects.create(
            document=document,
            **reason,
            assigned_to=earlier.assigned_to if earlier else None,
            comment=earlier.comment if earlier else "",
            opened_at=earlier.opened_at if earlier else now,
        )
