"""A document's whole life in one glance: the steps of its road, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.models import Document, Event, Kind, Status

COLOURS = {
    "received": "info",
    "waiting for another document": "info",
    "matched": "info",
    "being delivered": "info",
    "delivered": "success",
    "waiting for a person": "warning",
    "failed": "danger",
}
REACHED = {
    Status.RECEIVED: 1,
    Status.WAITING: 1,
    Status.MATCHED: 2,
    Status.DELIVERING: 2,
    Status.DELIVERED: 3,
}
ASIDE = (Status.HELD, Status.FAILED, Status.IGNORED)


@dataclass(frozen=True)
class Step:
    """One step: `done`, `now` (the next to come), `stopped` (the next, and something is in the way) or `later`."""

    name: str
    at: datetime | None
    state: str
    says: str = ""


def steps(document: Document, events: Sequence[Event]) -> list[Step]:
    """Received, matched, delivered; an order is then also picked up and answered."""
    reached = _reached(document, events)
    names = ["Received", "Matched", "Delivered"]
    times = [document.created_at, _last(events, Status.MATCHED), document.delivered_at]
    found = [
        _step(place, name, at, reached, document) for place, (name, at) in enumerate(zip(names, times, strict=True))
    ]
    if document.kind == Kind.ORDER:
        for name, at in (("Picked up", document.picked_up_at), ("Answered", document.answered_at)):
            found.append(Step(name, at, "done" if at else "later"))
    return found


def _step(place: int, name: str, at: datetime | None, reached: int, document: Document) -> Step:
    if place < reached:
        return Step(name, at, "done")
    if place > reached:
        return Step(name, None, "later")
    stopped = document.status in (*ASIDE, Status.WAITING)
    return Step(name, None, "stopped" if stopped else "now", str(document.get_status_display()))


def _reached(document: Document, events: Sequence[Event]) -> int:
    """How many steps are behind it; what is aside stands where it was before."""
    if document.status not in ASIDE:
        return REACHED[Status(document.status)]
    before = next((event.from_status for event in reversed(events) if event.to_status == document.status), "")
    return 2 if before in (Status.MATCHED, Status.DELIVERING) else 1


def _last(events: Sequence[Event], status: str) -> datetime | None:
    return next((event.at for event in reversed(events) if event.to_status == status), None)
