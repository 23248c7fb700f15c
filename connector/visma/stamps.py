"""Arithmetic of Visma's stamps: texts without zone, up to seven decimals, trailing zeros dropped (visma.md §3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d+))?)?)?(Z|[+-]\d{2}:\d{2})?")
_EARLIEST = datetime(1900, 1, 1)  # noqa: DTZ001 - stamps have no zone
_FRACTION = 9

Moment = tuple[datetime, str]


def moment(stamp: str) -> Moment | None:
    """Something that orders stamps rightly, whatever their fraction lengths; None for what is no stamp."""
    parts = _parts(stamp)
    if parts is None:
        return None
    wall, fraction, zone = parts
    return (_in_utc(wall, zone), fraction)


def highest(stamps: list[str]) -> str | None:
    """The latest of these stamps, as the text that it is; None when none of them can be read."""
    readable = [(at, stamp) for stamp in stamps if (at := moment(stamp)) is not None]
    return max(readable)[1] if readable else None


def less_overlap(stamp: str, overlap: timedelta) -> str:
    """`stamp` minus `overlap` as `yyyy-MM-ddTHH:mm:ss.fff`: no zone, rounded down. ValueError when it is no stamp.

    The zone of a stamp is undocumented. Should one carry a zone, the earlier of its two readings counts.
    """
    parts = _parts(stamp)
    if parts is None:
        raise ValueError(f"{stamp!r} is no time stamp as Visma sends it")
    wall, fraction, zone = parts
    at = min(wall, _in_utc(wall, zone)) + timedelta(milliseconds=int(fraction[:3]))
    at = at - overlap if at - _EARLIEST > overlap else _EARLIEST
    return at.isoformat(timespec="milliseconds")


def said(date: str) -> datetime | None:
    """The server's own moment in UTC, from HTTP's Date (RFC 9110 §6.6.1); None when it says none, or one without zone."""
    try:
        at = parsedate_to_datetime(date)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError, IndexError):
        return None


def _parts(stamp: str) -> tuple[datetime, str, str] | None:
    match = _STAMP.fullmatch(stamp.strip())
    if match is None:
        return None
    day, minute, second, fraction, zone = match.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}")
        _in_utc(wall, zone or "")
    except (ValueError, OverflowError):
        return None
    return wall, (fraction or "")[:_FRACTION].ljust(_FRACTION, "0"), zone or ""


def _in_utc(wall: datetime, zone: str) -> datetime:
    if not zone:
        return wall
    return datetime.fromisoformat(wall.isoformat() + zone.replace("Z", "+00:00")).astimezone(UTC).replace(tzinfo=None)
