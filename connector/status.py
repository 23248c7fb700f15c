"""Where things stand, in figures: what `manage.py status`, the API, `/readyz` and `/metrics` say."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TypedDict

from django.utils import timezone

from audit import desk
from audit.models import Kind
from audit.reports import by_kind_and_status, unanswered, unpicked
from connector.models import Connection, Cursor, Heartbeat
from mapping.models import Company

ALIVE_WITHIN = timedelta(seconds=30)


class Budget(TypedDict):
    """Calls of the window that runs now; `resets_in` in seconds. 0, 0, 0 while the system has not told any."""

    limit: int
    remaining: int
    resets_in: int


class Figures(TypedDict):
    """INTERFACE.md, `manage.py status`."""

    documents: dict[str, dict[str, int]]
    holds: int
    unpicked: int
    unanswered: int
    lag_seconds: dict[str, int | None]
    budget: dict[str, Budget]
    workers: int


def status(company: Company | None = None) -> Figures:
    """The figures of one company, or of all together; seven queries. A stream never read has no lag (None)."""
    now = timezone.now()
    return {
        "documents": counts(company),
        "holds": desk.open_holds(company).count(),
        "unpicked": unpicked(now, company).count(),
        "unanswered": unanswered(now, company).count(),
        "lag_seconds": lags(company, now),
        "budget": budgets(company, now),
        "workers": workers(now),
    }


def counts(company: Company | None = None) -> dict[str, dict[str, int]]:
    """Documents by kind and status; every kind is named, statuses only where there are any."""
    return {kind: {} for kind in Kind.values} | by_kind_and_status(company)


def lags(company: Company | None, now: datetime) -> dict[str, int | None]:
    """Seconds since each stream was last read to its end; of several companies the slowest. None: never read."""
    cursors = Cursor.objects.filter(connection__company=company) if company else Cursor.objects.all()
    read: dict[str, list[datetime | None]] = defaultdict(list)
    for stream, succeeded in cursors.order_by("stream").values_list("stream", "succeeded_at"):
        read[stream].append(succeeded)
    return {stream: _slowest(moments, now) for stream, moments in read.items()}


def budgets(company: Company | None, now: datetime) -> dict[str, Budget]:
    """Per system; of several companies the connection with the fewest calls left."""
    connections = Connection.objects.filter(company=company) if company else Connection.objects.all()
    columns = ("system", "budget_limit", "budget_remaining", "budget_resets_at")
    found: dict[str, Budget] = {}
    for system, limit, remaining, resets_at in connections.order_by("-budget_remaining").values_list(*columns):
        found[system] = _budget(limit, remaining, resets_at, now)
    return found


def workers(now: datetime) -> int:
    """Worker clusters that proved themselves alive within ALIVE_WITHIN. Raises django.db.Error."""
    return Heartbeat.objects.filter(beat_at__gt=now - ALIVE_WITHIN).count()


def _slowest(moments: list[datetime | None], now: datetime) -> int | None:
    read = [moment for moment in moments if moment]
    return max(0, int((now - min(read)).total_seconds())) if len(read) == len(moments) else None


def _budget(limit: int, remaining: int, resets_at: datetime | None, now: datetime) -> Budget:
    """A window that has ended is full again, whatever was left of it."""
    if resets_at is None or resets_at <= now:
        return {"limit": limit, "remaining": limit, "resets_in": 0}
    return {"limit": limit, "remaining": remaining, "resets_in": int((resets_at - now).total_seconds())}
