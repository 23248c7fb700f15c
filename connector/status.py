"""Where things stand, in figures: what `manage.py status`, the API, `/readyz` and `/metrics` say."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from audit import desk
from audit.models import Document, Kind, Status
from audit.reports import by_kind_and_status, unanswered, unpicked
from connector.budget import ASSUMED_LIMIT
from connector.models import Completeness, Connection, Cursor, Heartbeat
from mapping.models import Company

ALIVE_WITHIN = timedelta(seconds=30)
BUDGET_COLUMNS = ("system", "budget_limit", "budget_remaining", "budget_resets_at", "blocked_until")


class Budget(TypedDict):
    """Calls of the window that runs now; `resets_in` in seconds. Where SPS tells no limit: None, and 0 left while it refuses."""

    limit: int | None
    remaining: int | None
    resets_in: int


class Accounted(TypedDict):
    """What the last complete look at both sides could not explain, of how many orders and files; `at` in ISO 8601."""

    unexplained: int
    total: int
    at: str | None


class Figures(TypedDict):
    """INTERFACE.md, `manage.py status`."""

    documents: dict[str, dict[str, int]]
    holds: int
    unpicked: int
    unanswered: int
    lag_seconds: dict[str, int | None]
    budget: dict[str, Budget]
    workers: int
    completeness: Accounted


def status(company: Company | None = None) -> Figures:
    """The figures of one company, or of all together; eight queries. A stream never read has no lag (None)."""
    now = timezone.now()
    return {
        "documents": counts(company),
        "holds": desk.open_holds(company).count(),
        "unpicked": unpicked(now, company).count(),
        "unanswered": unanswered(now, company).count(),
        "lag_seconds": lags(company, now),
        "budget": budgets(company, now),
        "workers": workers(now),
        "completeness": accounted(company),
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
    found: dict[str, Budget] = {}
    for connection in connections.only(*BUDGET_COLUMNS).order_by("system"):
        budget = budget_of(connection, now)
        least = found.setdefault(connection.system, budget)
        if _left(budget) < _left(least):
            found[connection.system] = budget
    return found


def budget_of(connection: Connection, now: datetime) -> Budget:
    """A window that has ended is full again; nothing goes while the other side has asked us to wait (connector.budget)."""
    ends = connection.budget_resets_at
    limit = None
    if connection.system == Connection.System.VISMA:
        limit = connection.budget_limit or ASSUMED_LIMIT
    elif ends and ends > now:
        limit = connection.budget_limit
    if connection.blocked_until and connection.blocked_until > now:
        return {"limit": limit, "remaining": 0, "resets_in": _seconds(connection.blocked_until - now)}
    if limit is None or ends is None or ends <= now:
        return {"limit": limit, "remaining": limit, "resets_in": 0}
    return {"limit": limit, "remaining": max(0, connection.budget_remaining), "resets_in": _seconds(ends - now)}


def accounted(company: Company | None = None) -> Accounted:
    """Of several companies the sums, and the look that is longest ago; `at` is None while one had none that came to its end."""
    rows = Completeness.objects.filter(company=company) if company else Completeness.objects.all()
    never = Count("pk", filter=Q(at=None))
    found = rows.aggregate(unexplained=Sum("unexplained"), total=Sum("total"), oldest=Min("at"), never=never)
    at = found["oldest"].isoformat() if found["oldest"] and not found["never"] else None
    return {"unexplained": found["unexplained"] or 0, "total": found["total"] or 0, "at": at}


def workers(now: datetime) -> int:
    """Worker clusters that proved themselves alive within ALIVE_WITHIN. Raises django.db.Error.

    The beat waits like any other task: where every worker is in the middle of a long one, a lease that was renewed since
    stands for one of them.
    """
    beating = Heartbeat.objects.filter(beat_at__gt=now - ALIVE_WITHIN).count()
    return beating or int(_somebody_works(now))


def _somebody_works(now: datetime) -> bool:
    renewed = now - ALIVE_WITHIN + timedelta(seconds=settings.LEASE_SECONDS)
    moving = Document.objects.filter(status__in=(Status.RECEIVED, Status.MATCHED, Status.DELIVERING))
    leased = (Cursor.objects.all(), Completeness.objects.all(), moving)
    cursors, *others = (rows.order_by().filter(lease_until__gt=renewed).values("pk") for rows in leased)
    return cursors.union(*others).exists()


def _slowest(moments: list[datetime | None], now: datetime) -> int | None:
    read = [moment for moment in moments if moment]
    return max(0, int((now - min(read)).total_seconds())) if len(read) == len(moments) else None


def _left(budget: Budget) -> float:
    return math.inf if budget["remaining"] is None else budget["remaining"]


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
