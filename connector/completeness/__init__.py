"""Accounts for every purchase order and every file: both sides are listed anew, whatever the cursors say.

Each ends in one figure: sent or posted, held, waiting, ignored and why, or unexplained. An order that should have gone out
goes now; what stays unexplained, and what was posted and is gone, is held for a person. Where nothing is unexplained nothing
is written but the figures.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from connector.budget import BACKFILL
from connector.clients import Before, clients_for
from connector.completeness.bookings import account_bookings
from connector.completeness.figures import Account, asked
from connector.completeness.files import account_files, history_of, lost_orders
from connector.completeness.orders import account_orders, listed_orders
from connector.errors import ConnectorError
from connector.models import Completeness, Cursor
from mapping.models import Company

__all__ = ["Account", "account", "stale"]

FRESH = timedelta(hours=12)


def account(company: Company, *, since: date | None = None) -> Account:
    """Lists both sides and keeps the figures. May be broken off and repeated at any time.

    One call per 500 orders, receipts and invoices, 1000 files and 100 lines of SPS's history, and one for each of ours that
    is not listed, with the least right to the call budget. Raises the families of `connector.errors`; then the figures of
    the last time stay, with a sentence why. They stay as well when only what is dated `since` was looked at.
    """
    now = timezone.now()
    kept, _ = Completeness.objects.get_or_create(company=company, defaults={"tried_at": now})
    row = Completeness.objects.filter(pk=kept.pk)
    try:
        found = _accounted(company, since, before=lambda: _lease(row))
    except ConnectorError as error:
        row.update(tried_at=now, problem=str(error), lease_until=None)
        raise
    row.update(tried_at=now, problem=found.problem, lease_until=None, **({} if since else _of_all(found, now)))
    return found


def stale(now: datetime) -> list[Company]:
    """Companies connected to both systems that were not accounted for within the last twelve hours, and are not just now.

    Before their orders have been read for the first time everything would be unexplained, and one call each.
    """
    done = Completeness.objects.filter(Q(at__gt=now - FRESH) | Q(lease_until__gt=now)).values("company")
    read = Cursor.objects.filter(stream="orders").exclude(succeeded_at=None).values("connection__company")
    working = Company.objects.filter(pk__in=read, connections__paused_at=None).exclude(pk__in=done)
    return [one for one in working.distinct() if one.connections.filter(paused_at=None).count() == 2]


def _of_all(found: Account, now: datetime) -> dict[str, Any]:
    """What a look at a part, which a person asked for, must not write: it says nothing of the rest."""
    unexplained = len(found.unexplained)
    return {"at": now, "figures": found.figures, "total": found.total, "unexplained": unexplained}


def _lease(row: QuerySet[Completeness]) -> None:
    """Before every call: who looks at night need not begin what somebody is at. A person may, and loses nothing by it."""
    row.update(lease_until=timezone.now() + timedelta(seconds=settings.LEASE_SECONDS))


def _accounted(company: Company, since: date | None, *, before: Before) -> Account:
    found = Account(since, asked=asked(company))
    both = clients_for(company, priority=BACKFILL, before=before)
    window = listed_orders(both, since)
    history = history_of(company, both, since)
    account_orders(company, both, window, found, lost=lost_orders(company, both, history))
    account_files(company, both, found, history)
    account_bookings(company, both, found, history.since.date())
    found.problem = history.problem
    return found
