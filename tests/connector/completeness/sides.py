"""What happens on both sides between two looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from audit.models import Document, Event, Transmission
from tests.acceptance.stage import Stage

LONG_AGO = "2001-01-01T00:00:00"
SEEDED = {"before_go_live": 1, "held": 1, "not_open": 1}  # the orders that the sandbox's company begins with
HOUR = timedelta(hours=1)


def steal(stage: Stage, path: str) -> None:
    """Someone else empties the mailbox."""
    stage.world.sps.shelf.remove(path, "someone")


def later(stage: Stage, by: timedelta = HOUR) -> None:
    """Time goes by: SPS's history tells of everything that happened until then."""
    shelf = stage.world.sps.shelf
    for path, log in shelf.log.items():
        shelf.log[path] = [replace(entry, when=entry.when - by) for entry in log]
    for transmission in Transmission.objects.all():
        Transmission.objects.filter(pk=transmission.pk).update(received_at=transmission.received_at - by)
    Event.objects.filter(verb="came again").update(at=timezone.now() - by)
    Document.objects.exclude(delivered_at=None).update(delivered_at=F("delivered_at") - by)


def passed_by(stage: Stage, order: str) -> None:
    """As if written under a clock that went wrong between two polls: its stamp lies far below the cursor."""
    stage.books.orders[order].body["lastModifiedDateTime"] = LONG_AGO
