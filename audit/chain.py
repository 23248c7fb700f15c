"""The hash chain of events: keyed (HMAC-SHA256), one chain per document, covering source and output."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from audit.models import Document, Event


@dataclass(frozen=True)
class Break:
    """Where a chain is broken; `sequence` is the first event that does not hold, 0 the document itself."""

    document: int
    sequence: int
    why: str


def sha256(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def seal(event: Event, uid: str) -> str:
    """The keyed hash of an event: everything it says, and the hash before it."""
    said = [
        uid,
        event.sequence,
        event.at.isoformat(),
        event.verb,
        event.actor,
        event.from_status,
        event.to_status,
        event.cause,
        event.reason,
        event.facts,
        event.source_sha256,
        event.output_sha256,
        event.previous,
    ]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(settings.AUDIT_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def verify(document: Document) -> Break | None:
    """The first broken link of a document's chain, or None."""
    events = list(document.events.order_by("sequence"))
    return _broken_link(document, events) or _broken_end(document, events)


def verify_all() -> Iterator[tuple[Document, Break | None]]:
    """Every document with its first broken link."""
    for document in Document.objects.select_related("transmission").order_by("pk").iterator(chunk_size=200):
        yield document, verify(document)


def _broken_link(document: Document, events: list[Event]) -> Break | None:
    previous = ""
    for place, event in enumerate(events, start=1):
        if event.sequence != place:
            return Break(document.pk, place, f"event {place} is missing")
        if event.previous != previous:
            return Break(document.pk, place, "it does not follow the event before it")
        if not hmac.compare_digest(event.mac, seal(event, str(document.uid))):
            return Break(document.pk, place, "what it says was changed")
        previous = event.mac
    return None


def _broken_end(document: Document, events: list[Event]) -> Break | None:
    """The document against its last event: a cut tail, or a source, output or status changed past the ledger."""
    if not events:
        return Break(document.pk, 0, "it has no events")
    last = events[-1]
    checks = [
        (document.event_count == len(events), f"{document.event_count - len(events)} events are missing at the end"),
        (document.event_head == last.mac, "its head is not its last event"),
        (_status_by(events) == document.status, f"its status {document.status} has no event"),
        (last.source_sha256 == sha256(document.source), "its source is not what was received"),
        (last.output_sha256 == (sha256(bytes(document.output)) if document.output else ""), "its output was changed"),
    ]
    return next((Break(document.pk, last.sequence, why) for holds, why in checks if not holds), None)


def _status_by(events: list[Event]) -> str:
    return next((event.to_status for event in reversed(events) if event.to_status), "")
