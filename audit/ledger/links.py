"""The chain of a document: every change of its row and the event that tells of it, under the row's lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from audit.chain import seal, sha256
from audit.models import Document, Event

MACHINE = "connector"


def locked(document: Document, owner: str) -> Document | None:
    """The row as it is now, locked, if it still stands where the caller saw it and, with `owner`, is still the caller's."""
    where = {"pk": document.pk, "status": document.status, **({"lease_owner": owner} if owner else {})}
    current = Document.objects.select_for_update(no_key=True).filter(**where).first()
    if current:
        current.transmission = document.transmission  # never changes, and is large
    return current


def append(
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
    if not write(current, now=now, **changes, **link):
        raise models.ObjectDoesNotExist(f"{current} was changed by another hand at the same moment.")
    event.save(force_insert=True)


def write(current: Document, *, now: datetime, **changes: Any) -> bool:
    """Columns of a locked row, unless another hand has added to its chain meanwhile."""
    changes["updated_at"] = now
    unchanged = Document.objects.filter(pk=current.pk, event_count=current.event_count)
    if not unchanged.update(**changes):
        return False
    for name, value in changes.items():
        setattr(current, name, value)
    return True


def take_over(document: Document, current: Document) -> None:
    """The caller's document shows what the row now holds, without reading it once more."""
    for field in Document._meta.concrete_fields:
        setattr(document, field.attname, getattr(current, field.attname))
