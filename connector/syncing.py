"""One pass of everything in this process, and repeating it until nothing can move without a person (`manage.py sync`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from audit.models import Document, Status
from connector import clients, polling
from connector.models import Connection, Cursor
from connector.pipeline import sweep
from connector.pipeline.sweep import at_work
from connector.polling import Polled
from mapping.models import Company

MOST_PASSES = 3
LONGEST_NAP = 1.0


@dataclass
class Synced:
    """What a sync has done. `failure` says in a sentence what did not succeed."""

    passes: int = 0
    moved: int = 0
    failure: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


def sync(company: Company, *, until_idle: bool, timeout: float, say: Callable[[str], None]) -> Synced:
    """Polls, matches, delivers, reconciles. A paused connection is tried again: an operator asks for it."""
    done, began = Synced(), timezone.now()
    deadline = began + timedelta(seconds=timeout)
    connections = list(clients.connections().filter(company=company))
    before = _calls(company)
    if {connection.system for connection in connections} != set(Connection.System.values):
        done.failure = f"{company} is not connected to both systems: run `manage.py connect {company}`."
        return done
    for connection in connections:
        clients.resume(connection)
    _run(company, connections, done, began, deadline, until_idle=until_idle, say=say)
    done.failure = done.failure or _refused(company)
    done.calls = {system: count - before.get(system, 0) for system, count in _calls(company).items()}
    return done


def read(company: Company, system: str, *, timeout: float, say: Callable[[str], None]) -> str:
    """Every stream of one system to its end, also when another run has it. Returns why that failed, or nothing.

    For who must know what is there before anything is done; a paused connection is tried again.
    """
    done, began = Synced(), timezone.now()
    deadline = began + timedelta(seconds=timeout)
    connections = list(clients.connections().filter(company=company, system=system))
    for connection in connections:
        clients.resume(connection)
    _poll(connections, done, since=None, say=say)
    while not done.failure and (missing := _unread(connections, began)):
        if timezone.now() >= deadline:
            return _out_of_time(missing, [], done)
        time.sleep(_nap(missing, [], deadline))
        _poll(connections, done, since=began, say=say)
    return done.failure


def _run(
    company: Company,
    connections: list[Connection],
    done: Synced,
    began: datetime,
    deadline: datetime,
    *,
    until_idle: bool,
    say: Callable[[str], None],
) -> None:
    while True:
        delivered = _pass(company, connections, done, say)
        say(f"pass {done.passes}: {done.moved} moves so far")
        if done.failure or not until_idle:
            done.failure = done.failure or "; ".join(done.problems.values())
            return
        if not _settle(company, connections, done, began, deadline, say):
            return
        if not (delivered and done.passes < MOST_PASSES and _someone_waits(company)):
            return
        began = timezone.now()


def _refused(company: Company) -> str:
    """What a connection says that was paused meanwhile: a delivery, too, may find out that we have no right to it."""
    paused = clients.connections().filter(company=company).exclude(paused_at=None)
    return "; ".join(f"{connection}: {connection.paused_reason}" for connection in paused)


def _pass(company: Company, connections: list[Connection], done: Synced, say: Callable[[str], None]) -> bool:
    """Every stream once, then whatever can move. Returns whether something was delivered."""
    done.passes += 1
    _poll(connections, done, since=None, say=say)
    return _sweep(company, done)


def _settle(
    company: Company,
    connections: list[Connection],
    done: Synced,
    began: datetime,
    deadline: datetime,
    say: Callable[[str], None],
) -> bool:
    """Waits for what is due soon and for streams that failed or are read elsewhere. False when the time is up."""
    while True:
        missing = _unread(connections, began)
        busy = at_work(company)
        if done.failure or not (missing or busy):
            return not done.failure
        if timezone.now() >= deadline:
            done.failure = _out_of_time(missing, busy, done)
            return False
        time.sleep(_nap(missing, busy, deadline))
        _poll(connections, done, since=began, say=say)
        _sweep(company, done)


def _poll(connections: list[Connection], done: Synced, *, since: datetime | None, say: Callable[[str], None]) -> None:
    """All streams, or with `since` those that were not read since then and whose turn has come. What begins to fail is said."""
    now = timezone.now()
    cursors = {(cursor.connection_id, cursor.stream): cursor for cursor in Cursor.objects.all()}
    for connection in connections:
        for stream in polling.streams_of(connection):
            cursor = cursors.get((connection.pk, stream.name))
            if since and cursor and (_read_since(cursor, since) or _is_backing_off(cursor, now)):
                continue
            polled = polling.poll(connection, stream)
            while polled.more:
                polled = polling.poll(connection, stream)
            _note(polled, done, say)


def _note(polled: Polled, done: Synced, say: Callable[[str], None]) -> None:
    name = f"{polled.system} {polled.stream}"
    known = done.problems.pop(name, None)
    if not polled.ok and not polled.busy:
        done.problems[name] = f"{name}: {polled.problem}"
        if known is None:
            say(done.problems[name])
        if polled.final:
            done.failure = done.problems[name]


def _sweep(company: Company, done: Synced) -> bool:
    """Until nothing moves. Returns whether something was delivered."""
    delivered = False
    while (swept := sweep(company)).total:
        done.moved += swept.total
        delivered = delivered or bool(swept.delivered or swept.reconciled)
    return delivered


def _unread(connections: list[Connection], since: datetime) -> list[str]:
    read = {
        (cursor.connection_id, cursor.stream)
        for cursor in Cursor.objects.filter(connection__in=connections)
        if _read_since(cursor, since)
    }
    return [
        f"{connection.system} {stream.name}"
        for connection in connections
        for stream in polling.streams_of(connection)
        if (connection.pk, stream.name) not in read
    ]


def _read_since(cursor: Cursor, since: datetime) -> bool:
    return cursor.succeeded_at is not None and cursor.succeeded_at >= since


def _someone_waits(company: Company) -> bool:
    return Document.objects.filter(company=company, status=Status.WAITING).exists()


def _is_backing_off(cursor: Cursor, now: datetime) -> bool:
    """Whether the last try has failed and the next is not due yet."""
    return bool(cursor.problem and cursor.due_at and cursor.due_at > now)


def _nap(missing: list[str], busy: list[Document], deadline: datetime) -> float:
    """Until the next document is due, at most a second: rows may also be moved by others."""
    now = timezone.now()
    soonest = min((_free_at(document, now) for document in busy), default=now + timedelta(seconds=LONGEST_NAP))
    wait = 0.1 if missing else (soonest - now).total_seconds()
    return min(max(wait, 0.02), LONGEST_NAP, max((deadline - now).total_seconds(), 0.02))


def _free_at(document: Document, now: datetime) -> datetime:
    """When it is due and no other worker holds it (a dead one holds it until its lease has run out)."""
    return max(document.due_at or now, document.lease_until or now)


def _out_of_time(missing: list[str], busy: list[Document], done: Synced) -> str:
    said = [
        f"not read: {', '.join(missing)}" if missing else "",
        f"{len(busy)} documents still on their way" if busy else "",
    ]
    why = "; ".join([*(part for part in said if part), *done.problems.values()])
    return f"Time is up: {why.rstrip('.')}."


def _calls(company: Company) -> dict[str, int]:
    return dict(Connection.objects.filter(company=company).values_list("system", "calls"))
