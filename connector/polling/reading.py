"""One poll of one stream: under a lease, with its errors turned into a sentence and a time for the next try."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone

from connector import clients
from connector.errors import ConnectorError, LeaseLost, Misconfigured, NotFound, Transient
from connector.models import Connection, Cursor
from connector.polling.stream import Polled, Stream, Unfinished, note_problem
from mapping.locks import is_deadlock

log = logging.getLogger(__name__)

LONGEST_INTERVAL = 3600


def poll(connection: Connection, stream: Stream) -> Polled:
    """Reads one stream, unless another run holds its lease. Never raises for what the other side does."""
    cursor, _ = Cursor.objects.get_or_create(connection=connection, stream=stream.name)
    owner = uuid.uuid4().hex
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    until = now + timedelta(seconds=settings.LEASE_SECONDS)
    taken = Cursor.objects.filter(free, pk=cursor.pk).update(
        lease_owner=owner, lease_until=until, tried_at=now, due_at=None
    )
    if not taken:
        return Polled(stream.name, stream.system, ok=False, busy=True)
    cursor.refresh_from_db()
    try:
        value = stream.read(connection, cursor, stream.priority)
    except LeaseLost:
        return Polled(stream.name, stream.system, ok=False, busy=True)
    except NotFound as error:
        if not stream.optional:
            return _failed(cursor, stream, str(error), None)
        note_problem(cursor, str(error))
        value = cursor.value
    except Misconfigured as error:
        clients.pause(connection, str(error))
        return _failed(cursor, stream, str(error), None, final=True)
    except Transient as error:
        return _failed(cursor, stream, str(error), error.retry_after, more=isinstance(error, Unfinished))
    except ConnectorError as error:
        return _failed(cursor, stream, str(error), None)
    except (OperationalError, InterfaceError) as error:
        if is_deadlock(error):
            return _failed(cursor, stream, "The database undid it, because two at once waited for each other.", None)
        raise  # our own database is away: the lease runs out, and the cursor has not moved
    except Exception:  # a defect in one stream stops no other; the log has the trace
        log.exception("%s %s failed", connection, stream.name)
        return _failed(cursor, stream, "A defect in the connector: see the log.", None)
    return _succeeded(cursor, connection, stream, value, now)


def _succeeded(cursor: Cursor, connection: Connection, stream: Stream, value: str, began: datetime) -> Polled:
    now = timezone.now()
    seconds = stream.seconds or connection.poll_seconds
    interval = timedelta(seconds=max(seconds, min(seconds * cursor.pace, LONGEST_INTERVAL)))
    mine = Cursor.objects.filter(pk=cursor.pk, lease_owner=cursor.lease_owner)
    mine.filter(due_at=None).update(due_at=began + interval)  # a wake-up meanwhile stays due
    mine.update(
        value=value,
        lease_owner="",
        lease_until=None,
        succeeded_at=now,
        problem=cursor.problem,
        problem_since=cursor.problem_since,
    )
    return Polled(stream.name, stream.system, ok=True, problem=cursor.problem)


def _failed(
    cursor: Cursor, stream: Stream, why: str, retry_after: float | None, *, final: bool = False, more: bool = False
) -> Polled:
    """The cursor stays where it was. Tried again soon, the longer it lasts the later."""
    now = timezone.now()
    since = cursor.problem_since or now
    first = timedelta(seconds=settings.RETRY_FIRST_SECONDS)
    lasting = max(first, min((now - since) / 2, timedelta(minutes=10)))
    retry_at = now + (timedelta(seconds=retry_after) if retry_after is not None else lasting)
    Cursor.objects.filter(pk=cursor.pk, lease_owner=cursor.lease_owner).update(
        lease_owner="", lease_until=None, problem=why, problem_since=since, due_at=retry_at
    )
    return Polled(stream.name, stream.system, ok=False, problem=why, final=final, retry_at=retry_at, more=more)
