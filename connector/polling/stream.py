"""What a stream is, how one poll of it went, and what all readers do between two rows: hold the lease, watch the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar

from django.conf import settings
from django.utils import timezone

from connector.errors import LeaseLost, Transient
from connector.models import Connection, Cursor

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """One thing that is read, how often at least, and with which right to the call budget."""

    name: str
    system: str
    priority: int
    read: Callable[[Connection, Cursor, int], str]
    seconds: int | None = None
    """None: the connection's own interval."""
    optional: bool = False
    """Whether everything else works without it, where the other system does not offer it."""


@dataclass(frozen=True)
class Polled:
    """How one poll went. `problem` is a sentence; `final` that trying again helps nothing."""

    stream: str
    system: str
    ok: bool
    problem: str = ""
    final: bool = False
    retry_at: datetime | None = None
    busy: bool = False
    more: bool = False
    """There is more than fits into one poll: it goes on at once, and what is stored is not read again."""


class Unfinished(Transient):
    """A long list was worked on for as long as one poll may."""


def renew(cursor: Cursor) -> None:
    """Before every call and between rows: who has lost the lease writes nothing more. Raises LeaseLost."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    if not Cursor.objects.filter(pk=cursor.pk, lease_owner=cursor.lease_owner).update(lease_until=until):
        raise LeaseLost(f"{cursor} is read by another run.")


def a_while(rows: Iterable[T], seconds: float) -> Iterator[T]:
    """What is stored with each row stays; a task that never ended would be ended from outside, with its lease in hand."""
    began = monotonic()
    for row in rows:
        yield row
        if monotonic() - began > seconds:
            raise Unfinished("There is more than fits into one poll; it goes on at once.", retry_after=0)


def note_problem(cursor: Cursor, what: str) -> None:
    """For the row, which is written when the poll is done: a sentence and since when, or "" for nothing."""
    cursor.problem_since = (cursor.problem_since or timezone.now()) if what else None
    cursor.problem = what
