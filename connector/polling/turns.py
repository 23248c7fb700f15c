"""Which streams there are, in the order in which they build on one another, and whose turn has come."""

from __future__ import annotations

from datetime import datetime

from connector import clients
from connector.models import Connection, Cursor
from connector.polling import from_sps, from_visma
from connector.polling.stream import Stream
from mapping.models import Company

STREAMS = (*from_visma.STREAMS, *from_sps.STREAMS)


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
    """Everything that changes by the minute is due at once; only a wake-up, the cursor says what is read.

    A stream without a cursor is due anyway: its first poll makes one before it reads.
    """
    names = [stream.name for stream in streams_of(connection) if stream.seconds is None]
    Cursor.objects.filter(connection=connection, stream__in=names).update(due_at=now)


def _is_due(cursor: Cursor | None, now: datetime) -> bool:
    if cursor is None or cursor.due_at is None:
        return cursor is None or cursor.lease_until is None or cursor.lease_until < now
    return cursor.due_at <= now and (cursor.lease_until is None or cursor.lease_until < now)
