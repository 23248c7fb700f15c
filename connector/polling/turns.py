"""Which streams there are, in the order in which they build on one another, and whose turn has come."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Case, DateTimeField, Exists, F, Q, Value, When

from connector import clients
from connector.models import Connection, Cursor, Hook
from connector.polling import from_sps, from_visma
from connector.polling.stream import Stream
from mapping.models import Company

STREAMS = (*from_visma.STREAMS, *from_sps.STREAMS)
WAKE_GAP = timedelta(seconds=1.5)


def due(now: datetime, *, company: Company | None = None) -> list[tuple[Connection, Stream]]:
    """The streams whose turn has come, of connections that are not paused."""
    connections = clients.connections().filter(paused_at=None).order_by("pk")
    wanted = connections.filter(company=company) if company else connections
    cursors = {(cursor.connection_id, cursor.stream): cursor for cursor in Cursor.objects.all()}
    return [
        (connection, stream)
        for connection in wanted
        for stream in streams_of(connection)
        if _is_due(cursors.get((connection.pk, stream.name)), now)
    ]


def streams_of(connection: Connection) -> list[Stream]:
    """The streams of a connection, in the order in which they build on one another."""
    return [stream for stream in STREAMS if stream.system == connection.system]


def is_due(connection: Connection, stream: Stream, now: datetime) -> bool:
    """Whether its turn has come: a second task for the same turn finds that it has not."""
    return _is_due(Cursor.objects.filter(connection=connection, stream=stream.name).first(), now)


def wake(connection: Connection, *, now: datetime) -> None:
    """A hook has come, and is not stored yet: everything that changes by the minute is due; the cursor says what is read.

    At once, unless another one came shortly before: of those, a stream is due as long after it was last read. What is changed
    in bulk sends a hook for each, and one poll sees all of them. A stream without a cursor is due anyway.
    """
    names = [stream.name for stream in streams_of(connection) if stream.seconds is None]
    gap = _gap(connection, now)
    another = Exists(Hook.objects.filter(connection=connection, received_at__gt=now - gap))
    read = When(another, tried_at__gt=now - gap, tried_at__lte=now, then=F("tried_at") + gap)
    at = Case(read, default=Value(now), output_field=DateTimeField())
    later = Cursor.objects.filter(Q(due_at=None) | Q(due_at__gt=at), connection=connection, stream__in=names)
    later.update(due_at=at)


def note_seen(connection: Connection, *, now: datetime) -> None:
    """Of the hooks of the last day those that came before everything that changes by the minute was begun, and was read."""
    names = [stream.name for stream in streams_of(connection) if stream.seconds is None]
    tries = Cursor.objects.filter(connection=connection, stream__in=names, succeeded_at__gte=F("tried_at"))
    begun = [at for at in tries.values_list("tried_at", flat=True) if at]
    if len(begun) == len(names):
        unseen = Hook.objects.filter(connection=connection, seen_at=None, received_at__gt=now - timedelta(days=1))
        unseen.filter(received_at__lte=min(begun)).update(seen_at=now)


def seconds_left(connection: Connection, stream: Stream, now: datetime) -> float:
    """Until a stream that `due` has named for a moment in the future; for one of which another run knows more, 0."""
    cursor = Cursor.objects.filter(connection=connection, stream=stream.name).first()
    left = cursor.due_at - now if cursor and cursor.due_at else timedelta()
    return max(left.total_seconds(), 0.0) if left <= WAKE_GAP else 0.0


def _gap(connection: Connection, now: datetime) -> timedelta:
    """Hooks may use half of the calls of a window, then they come no more often than the interval: papers need the rest."""
    known = connection.budget_resets_at is not None and connection.budget_resets_at > now
    if known and connection.budget_remaining * 2 < connection.budget_limit:
        return timedelta(seconds=connection.poll_seconds)
    return WAKE_GAP


def _is_due(cursor: Cursor | None, now: datetime) -> bool:
    if cursor is None or cursor.due_at is None:
        return cursor is None or cursor.lease_until is None or cursor.lease_until < now
    return cursor.due_at <= now and (cursor.lease_until is None or cursor.lease_until < now)
