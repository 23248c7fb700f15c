"""Replay of many documents: which are moved back to `received`, which are refused, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from audit import ledger
from audit.models import Document, Kind, Status
from audit.selection import Selection, rows
from connector.errors import ConnectorError
from connector.pipeline import cancelled_or_gone, replay_delivered

AT_REST = (Status.HELD, Status.FAILED)  # what is replayed when nobody says which
BATCH = 200


@dataclass(frozen=True)
class Outcome:
    """One document of a replay; `why` says why it was refused."""

    document: Document
    replayed: bool
    why: str = ""


def meant(selection: Selection) -> QuerySet[Document]:
    """The documents to replay: those named by id in any status, else by default what is held or failed."""
    named = selection.statuses or selection.documents
    return selection.find() if named else selection.find().filter(status__in=AT_REST)


def replay_all(
    selection: Selection, *, actor: str, reason: str, now: datetime, dry_run: bool = False, limit: int | None = None
) -> Iterator[Outcome]:
    """The selection's documents, oldest first and at most `limit` of them, each moved when its turn comes.

    With `dry_run` only what would happen.
    """
    ids = list(meant(selection).values_list("pk", flat=True)[:limit])
    for start in range(0, len(ids), BATCH):
        batch = rows(Document.objects.filter(pk__in=ids[start : start + BATCH])).order_by("created_at", "pk")
        for document in batch:
            yield rehearse(document) if dry_run else replay_one(document, actor=actor, reason=reason, now=now)


def rehearse(document: Document) -> Outcome:
    """What replaying it would do; a delivered one is looked up in Visma."""
    why = _refused(document)
    if why or document.status != Status.DELIVERED:
        return Outcome(document, not why, why)
    try:
        gone = cancelled_or_gone(document)
    except ConnectorError as error:
        return Outcome(document, False, f"{document}: {error}")
    return Outcome(document, bool(gone), "" if gone else f"{document} stands in Visma as {document.output_ref}.")


def replay_one(document: Document, *, actor: str, reason: str, now: datetime) -> Outcome:
    """Moves it back to `received`, unless it is on its way, stands in the other system or another hand has it."""
    why = _refused(document)
    if why:
        return Outcome(document, False, why)
    again = replay_delivered if document.status == Status.DELIVERED else ledger.replay
    try:
        moved = again(document, actor=actor, reason=reason, now=now)
    except (ValueError, ConnectorError) as refused:
        return Outcome(document, False, str(refused))
    return Outcome(document, moved, "" if moved else f"{document} was moved by another hand at the same moment.")


def _refused(document: Document) -> str:
    """Why it is not replayed whatever the other system says, or nothing."""
    if document.status in (Status.RECEIVED, Status.MATCHED, Status.DELIVERING):
        return f"{document} is {document.get_status_display()}: it is on its way already."
    if document.status == Status.DELIVERED and document.kind not in (Kind.SHIPMENT, Kind.INVOICE):
        return f"{document} is delivered as {document.output_ref} and is not delivered again."
    return ""
