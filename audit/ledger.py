"""The only hand that writes documents and events.

A move is a conditional UPDATE plus an Event in one transaction; False means that someone else has the document: let go.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When

from audit.chain import seal, sha256
from audit.fitting import fitting
from audit.models import (
    ACCEPTABLE,
    AS_EXPENSE,
    Cause,
    Decision,
    Document,
    DocumentLine,
    DocumentOrder,
    Event,
    Hold,
    Kind,
    Status,
    Transmission,
)
from mapping.matching import Difference
from mapping.models import Company, Order

MACHINE = "connector"

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


def store(
    company: Company, path: str, content: bytes, *, kind: str, now: datetime, number: str = "", revision: int = 0
) -> tuple[Document, bool]:
    """What arrived, as received, with the document of its first part. The same bytes again: the first one, False."""
    with transaction.atomic():
        transmission, _ = keep(company, path, content, now=now)
        known = transmission.documents.filter(part=0, revision=revision).first()
        if known:
            return known, False
        return _create(transmission, kind=kind, part=0, now=now, number=number, revision=revision), True


def keep(company: Company, path: str, content: bytes, *, now: datetime) -> tuple[Transmission, bool]:
    """The bytes alone, as received, and whether they came for the first time."""
    return Transmission.objects.get_or_create(
        company=company,
        path=path,
        sha256=sha256(content),
        defaults={"content": content, "size": len(content), "received_at": now},
    )


def add_part(document: Document, part: int, *, kind: str, now: datetime) -> Document:
    """The document of a further paper in the same file."""
    with transaction.atomic():
        Transmission.objects.select_for_update(no_key=True).get(pk=document.transmission_id)
        known = (
            Document.objects.filter(transmission=document.transmission_id, part=part).exclude(kind=Kind.ORDER).first()
        )
        return known or _create(document.transmission, kind=kind, part=part, now=now)


def removed_at_source(transmission: Transmission, *, now: datetime) -> None:
    """The file is deleted at SPS: what is stored here is now the only copy."""
    Transmission.objects.filter(pk=transmission.pk, removed_at=None).update(removed_at=now)


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
        current = _locked(document, owner)
        if current is None:
            return False
        _append(
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
    _take_over(document, current)
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
        _append(current, verb=verb, now=now, actor=actor, reason=reason, facts=facts or {}, changes=changes)
    _take_over(document, current)


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


def describe(
    document: Document, orders: dict[str, Order | None], lines: Sequence[DocumentLine], **columns: Any
) -> None:
    """What the paper says: its columns, the orders it names, and its lines. Part of the transaction that decides it."""
    with transaction.atomic():
        Document.objects.filter(pk=document.pk).update(**columns)
        _name_orders(document, orders)
        document.lines.all().delete()
        for line in lines:
            line.document = document
        DocumentLine.objects.bulk_create(lines)
    for name, value in columns.items():
        setattr(document, name, value)


def _name_orders(document: Document, orders: dict[str, Order | None]) -> None:
    known = {row.order_number: row for row in document.orders.all()}
    document.orders.filter(order_number__in=known.keys() - orders.keys()).delete()
    for number in known.keys() & orders.keys():
        order = orders[number]
        if known[number].order_id != (order.pk if order else None):
            known[number].order = order
            known[number].save(update_fields=["order"])
    new = [number for number in orders if number not in known]
    DocumentOrder.objects.bulk_create(
        DocumentOrder(document=document, order_number=number, order=orders[number]) for number in new
    )


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
        current = _locked(document, owner)
        if current is None:
            return
        changes = {"lease_owner": "", "lease_until": now, "deaths": 0, "due_at": until, "reason": why}
        repeated = current.reason == why
        if repeated:  # the same doubt again is no event
            _write(current, now=now, **changes)
        else:
            _append(current, verb="in doubt", now=now, actor=MACHINE, reason=why, facts={}, changes=changes)
    _take_over(document, current)


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


def _create(
    transmission: Transmission, *, kind: str, part: int, now: datetime, number: str = "", revision: int = 0
) -> Document:
    document = Document.objects.create(
        company_id=transmission.company_id,
        kind=kind,
        transmission=transmission,
        part=part,
        number=number,
        revision=revision,
        created_at=now,
        updated_at=now,
    )
    _append(
        document,
        verb="received",
        now=now,
        actor=MACHINE,
        to_status=Status.RECEIVED,
        facts={"path": transmission.path, "bytes": transmission.size},
        changes={},
    )
    return document


def _locked(document: Document, owner: str) -> Document | None:
    """The row as it is now, locked, if it still stands where the caller saw it and, with `owner`, is still the caller's."""
    where = {"pk": document.pk, "status": document.status, **({"lease_owner": owner} if owner else {})}
    current = Document.objects.select_for_update(no_key=True).filter(**where).first()
    if current:
        current.transmission = document.transmission  # never changes, and is large
    return current


def _take_over(document: Document, current: Document) -> None:
    """The caller's document shows what the row now holds, without reading it once more."""
    for field in Document._meta.concrete_fields:
        setattr(document, field.attname, getattr(current, field.attname))


def _append(
    current: Document,
    *,
    verb: str,
    now: datetime,
    actor: str,
    changes: dict[str, Any],
    facts: dict[str, Any],
    cause: str = "",
    reason: str = "",
    from_status: str = "",
    to_status: str = "",
) -> None:
    """The next link of the chain. The count is raised under its old value, so that no two hands add the same link."""
    if "output" in changes:
        changes["output_sha256"] = sha256(changes["output"]) if changes["output"] else ""
    event = Event(
        document=current,
        sequence=current.event_count + 1,
        at=now,
        verb=verb,
        actor=actor,
        from_status=from_status,
        to_status=to_status,
        cause=cause,
        reason=reason,
        facts=facts,
        source_sha256=current.transmission.sha256,
        output_sha256=changes.get("output_sha256", current.output_sha256),
        previous=current.event_head,
    )
    event.mac = seal(event, str(current.uid))
    link = {"event_count": event.sequence, "event_head": event.mac}
    if not _write(current, now=now, **changes, **link):
        raise models.ObjectDoesNotExist(f"{current} was changed by another hand at the same moment.")
    event.save(force_insert=True)


def _write(current: Document, *, now: datetime, **changes: Any) -> bool:
    """Columns of a locked row, unless another hand has added to its chain meanwhile."""
    changes["updated_at"] = now
    unchanged = Document.objects.filter(pk=current.pk, event_count=current.event_count)
    if not unchanged.update(**changes):
        return False
    for name, value in changes.items():
        setattr(current, name, value)
    return True


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
