"""django-q2's tasks: wake-up calls that carry ids. Losing or repeating one costs nothing, the rows say what is left."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import monotonic, sleep

from django.conf import settings
from django.db import reset_queries
from django.utils import timezone

from audit.models import Exchange
from connector import clients, completeness, polling
from connector.errors import ConnectorError
from connector.http import kept_lines
from connector.models import Connection, Hook
from connector.pipeline import sweep
from connector.wakeups import queue

log = logging.getLogger(__name__)

SWEEP_SECONDS = 45.0  # then whoever waits in the queue has its turn


def tick() -> None:
    """Every minute: what is due is polled, each stream in a task of its own, and what can move, moves.

    Schedules have django-q2's own time-out, hence tasks of our own for what takes long.
    """
    for connection, stream in polling.due(timezone.now()):
        queue("poll", connection.pk, stream.name)
    queue("sweep_all")


def poll(connection_id: int, stream_name: str) -> str:
    """One stream of one connection; what came in is worked on at once. Returns how it went, for the queue's own pages."""
    connection = clients.connections().filter(pk=connection_id, paused_at=None).first()
    stream = next((stream for stream in polling.STREAMS if stream.name == stream_name), None)
    if connection is None or stream is None or stream.system != connection.system:
        return "nothing to poll"
    if not polling.is_due(connection, stream, timezone.now()):
        return "done by an earlier task"
    polled = polling.poll(connection, stream)
    if polled.more:
        queue("poll", connection.pk, stream.name)
    if polled.ok and connection.system == Connection.System.VISMA:
        polling.note_seen(connection, now=timezone.now())
    if polled.ok or polled.more:
        sweep_all()
    return "busy elsewhere" if polled.busy else polled.problem or "ok"


def wake(system: str = "") -> None:
    """Someone has decided something here, or the other system says that something is new there."""
    if system:
        for connection, stream in _turns(system, timezone.now()):
            poll(connection.pk, stream.name)
        if _turns(system, timezone.now() + polling.WAKE_GAP):
            queue("wake_again", system)
    sweep_all()


def wake_again(system: str) -> None:
    """What was woken in the moment after it was read, or while it was: its turn is waited for, the next tick is far."""
    for connection, stream in _turns(system, timezone.now() + polling.WAKE_GAP):
        sleep(polling.seconds_left(connection, stream, timezone.now()))
        poll(connection.pk, stream.name)


def _turns(system: str, at: datetime) -> list[tuple[Connection, polling.Stream]]:
    due = [(connection, stream) for connection, stream in polling.due(at) if connection.system == system]
    return sorted(due, key=lambda pair: pair[1].seconds is not None)  # master data can wait


def sweep_all() -> int:
    """Sweeps until nothing moves or the time is up; then another task goes on. Returns how many documents moved."""
    began, moved = monotonic(), 0
    with kept_lines():
        while touched := sweep().total:
            moved += touched
            reset_queries()  # with DEBUG on, Django keeps the last 9,000 with all that they carried
            if monotonic() - began > SWEEP_SECONDS:
                queue("sweep_all")
                break
    return moved


def account() -> int:
    """Hourly at night: every company that was not accounted for yet, in a task of its own. Returns how many.

    What could not be brought to its end (the call budget, the other side) is tried again in the next hour.
    """
    companies = completeness.stale(timezone.now())
    for company in companies:
        queue("account_for", company.pk)
    return len(companies)


def account_for(company_id: int) -> str:
    """Every order and every file of one company is accounted for. Returns how it went, for the queue's own pages."""
    company = next((one for one in completeness.stale(timezone.now()) if one.pk == company_id), None)
    if company is None:
        return "done by an earlier task, or at it"
    try:
        found = completeness.account(company)
    except ConnectorError as error:
        log.warning("%s could not be accounted for: %s", company, error)
        return str(error)
    sweep_all()
    return f"{len(found.unexplained)} unexplained of {found.total}"


def clean_up() -> int:
    """Nightly: the HTTP exchange log and the hooks are kept EXCHANGE_DAYS. Returns how many rows went."""
    before = timezone.now() - timedelta(days=settings.EXCHANGE_DAYS)
    gone, _ = Exchange.objects.filter(started_at__lt=before).delete()
    hooks, _ = Hook.objects.filter(received_at__lt=before).delete()
    return gone + hooks
