"""What Visma's own clock says about a cursor: once that clock was set back, rows are stamped below what has been read.

The clock is HTTP's Date, which comes with every answer; where it is missing nothing is concluded. It says UTC, and whether
stamps are UTC or local is undocumented (visma.md §3), so both readings count, and those of the days on which clocks change.
A cursor that no reading explains lies ahead. One that lies ahead by less is made up for: polls reach back so much farther.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from connector.models import Cursor
from connector.visma import stamps
from connector.visma.client import OVERLAP
from connector.visma.rows import Dto
from connector.visma.window import Window
from mapping.models import Company

TOLERANCE = timedelta(minutes=5)  # between the clocks of Visma's gateway, which says the Date, and of its database
A_DAY = timedelta(days=1)
UTC_STAMPS = timedelta(0)

T = TypeVar("T", bound=Dto)


def zone_of(company: Company) -> ZoneInfo:
    return ZoneInfo(company.time_zone)


def read(cursor: Cursor, zone: tzinfo, ask: Callable[[str | None], Window[T]], *, now: datetime) -> Window[T]:
    """The window from the cursor on. Where Visma's clock was set back behind it, `cursor.value` is lowered and it is read again.

    No row is missed that was made or changed since the last poll while the clock stood no lower than it stands now; one
    that was made under a clock set back and ahead again between two polls is found by the completeness ledger alone.
    """
    window = ask(_since(cursor, zone, now))
    if _is_lowered(cursor, window, zone, now):
        window = ask(_since(cursor, zone, now))
        _is_lowered(cursor, window, zone, now)  # set back once more while it was read: the next poll goes back as far
    return window


def _is_lowered(cursor: Cursor, window: Window[T], zone: tzinfo, now: datetime) -> bool:
    if window.clock is None or not lies_ahead(cursor.value, window.clock[0], zone):
        return False
    unread = now - cursor.succeeded_at if cursor.succeeded_at else timedelta()
    earliest = window.clock[0].replace(tzinfo=None) + min(_offsets(window.clock[0], zone)) - max(unread, timedelta())
    cursor.value = earliest.isoformat(timespec="milliseconds")
    return True


def lies_ahead(stamp: str, clock: datetime, zone: tzinfo) -> bool:
    """Whether a row stamped at the moment `clock` (aware) could not carry so late a stamp yet, however stamps are meant."""
    at = stamps.moment(stamp)
    return at is not None and at[0] > latest(clock, zone)


def latest(clock: datetime, zone: tzinfo) -> datetime:
    """The latest stamp, without zone, that is believed at the moment `clock`."""
    return clock.replace(tzinfo=None) + max(_offsets(clock, zone)) + TOLERANCE


def _since(cursor: Cursor, zone: tzinfo, now: datetime) -> str | None:
    """The cursor, less what the client's overlap does not cover of the doubt about it."""
    if not cursor.value:
        return None
    offsets = _offsets(now, zone)
    doubt = max(offsets) - min(offsets)
    return stamps.less_overlap(cursor.value, max(doubt - OVERLAP, timedelta()) + 2 * TOLERANCE)


def _offsets(at: datetime, zone: tzinfo) -> list[timedelta]:
    """What a stamp may be apart from UTC around that moment."""
    days = (at - A_DAY, at, at + A_DAY)
    return [UTC_STAMPS, *(day.astimezone(zone).utcoffset() or UTC_STAMPS for day in days)]
