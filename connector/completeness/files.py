"""Every file that SPS lists or its history tells of, and every one that has come: what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from audit.models import QUESTION, Document, Event, Kind, Status, Transmission
from connector import polling
from connector.clients import connection_of
from connector.completeness.figures import URGENCY, Account, ask, end_of, no_longer
from connector.completeness.versions import Log, unread_versions
from connector.errors import NotFound
from connector.flows.verdict import Clients
from connector.models import Connection, Cursor
from connector.sps.schemas import HistoryEntry, plain_path
from mapping.models import Company

HISTORY_DAYS = 30  # how far back files are looked for when no date is given; how long SPS keeps its history is unknown
MARGIN = timedelta(minutes=1)
A_DAY = timedelta(days=1)
SECOND = len("2026-01-15T00:00:00")


@dataclass(frozen=True)
class History:
    """SPS's transport log by path, read before everything else: whatever arrives meanwhile is seen by the later look."""

    since: datetime
    logs: Mapping[str, Log]
    told_until: datetime
    """What happened later may be missing: entries lag (sps.md §3.5)."""
    problem: str = ""


def history_of(company: Company, both: Clients, since: date | None) -> History:
    now = timezone.now()
    begin = datetime.combine(since or now.date() - timedelta(days=HISTORY_DAYS), time.min, UTC)
    lag = timedelta(seconds=connection_of(company, Connection.System.SPS).absence_lag_seconds) + MARGIN
    try:
        entries = both.sps.history(begin)
    except NotFound as error:  # not everyone has one (sps.md §3.5); orders and the mailbox are accounted for without it
        return History(begin, {}, now - lag, f"SPS shows no history, files that vanished unread are not seen: {error}")
    return History(begin, _by_path(entries), now - lag)


def _by_path(entries: Iterable[HistoryEntry]) -> dict[str, Log]:
    logs: dict[str, Log] = defaultdict(list)
    for entry in entries:
        logs[entry.path] += [(stamp, status) for status, stamp, _ in entry.log]
    return dict(logs)


def lost_orders(company: Company, both: Clients, history: History) -> set[str]:
    """Numbers of orders that were posted, and that SPS shows neither in its history nor in its mailbox.

    How long the history is kept is unknown, and whether it tells of orders at all: only what was posted a day after the
    first order that it tells of is judged; a day, because the zone of its stamps is unknown as well (sps.md §3.5).
    """
    told = [stamp for path, log in history.logs.items() if path.startswith(both.sps.in_dir) for stamp, _ in log]
    if not told:
        return set()
    first = datetime.fromisoformat(min(told)[:SECOND]).replace(tzinfo=UTC)
    posted = Document.objects.filter(company=company, kind=Kind.ORDER, status=Status.DELIVERED, picked_up_at=None)
    judged = posted.filter(delivered_at__gt=max(first, history.since) + A_DAY, delivered_at__lt=history.told_until)
    paths = {plain_path(path): number for path, number in judged.values_list("output_ref", "number")}
    missing = {path: number for path, number in paths.items() if path not in history.logs}
    listed = {entry.path for entry in both.sps.walk(both.sps.in_dir)} if missing else set()
    return {number for path, number in missing.items() if path not in listed}


def account_files(company: Company, both: Clients, found: Account, history: History) -> None:
    logs = {path: log for path, log in history.logs.items() if path.startswith(both.sps.out_dir)}
    listed = {entry.path for entry in both.sps.walk(both.sps.out_dir)}
    unread = listed - _stored(company).keys()
    unreadable = _read_mailbox(company, both, unread) if unread else {}
    stored = _stored(company)
    came = set(stored) if found.since is None else _came_since(company, history.since)
    for path in sorted(path for path in listed | logs.keys() | came if not path.startswith(QUESTION)):
        if path in unreadable and path not in stored:
            ask(company, path, unreadable[path], found.files, found)
        else:
            _count(company, path, stored.get(path), logs.get(path, []), found, listed=path in listed)
    _ask_for_versions(company, logs, listed, stored.keys(), found, history)


def _stored(company: Company) -> dict[str, str]:
    """Every path that has come, with the status of the paper in it that is farthest from its end."""
    rows = Document.objects.filter(company=company).exclude(kind=Kind.ORDER, revision__gt=0)
    found: dict[str, str] = {}
    for path, status in rows.values_list("transmission__path", "status").iterator():
        found[path] = max(found.get(path, status), status, key=URGENCY.index)
    return found


def _came_since(company: Company, begin: datetime) -> set[str]:
    """Our own store remembers longer than SPS does."""
    return set(
        Document.objects.filter(company=company, transmission__received_at__gte=begin)
        .exclude(kind=Kind.ORDER, revision__gt=0)
        .values_list("transmission__path", flat=True)
    )


def _read_mailbox(company: Company, both: Clients, unread: set[str]) -> dict[str, str]:
    """What lies there unread is fetched as by any poll. Returns what nobody will ever fetch, each with a sentence.

    A poll that went well leaves what is refused for good, or listed and not found; for one that fails a day is waited.
    """
    connection = connection_of(company, Connection.System.SPS)
    [stream] = [stream for stream in polling.streams_of(connection) if stream.name == "mailbox"]
    polled = polling.poll(connection, stream)
    since = Cursor.objects.get(connection=connection, stream=stream.name).problem_since
    if polled.busy or not (polled.ok or (since and timezone.now() - since > A_DAY)):
        return {}
    why = polled.problem or "SPS lists it and finds nothing under its name"
    what = f"lies in the mailbox and cannot be fetched ({why.rstrip('.')}): ask SPS for it"
    return {entry.path: what for entry in both.sps.walk(both.sps.out_dir) if entry.path in unread}


def _count(company: Company, path: str, status: str | None, log: Log, found: Account, *, listed: bool) -> None:
    if status:
        found.files[end_of(status, "posted")] += 1
        no_longer(company, path, found)
    elif listed:
        found.files["in_mailbox"] += 1
    elif _ended_before(log, company):
        found.files["before_go_live"] += 1
    else:
        what = "was in the mailbox, as SPS's history shows, and is gone, but was never read here: ask SPS for it again"
        ask(company, path, what, found.files, found)


def _ended_before(log: Log, company: Company) -> bool:
    """Whether all that its log tells lies before the go-live cut; stamps are taken as UTC (sps.md §3.5)."""
    cut = datetime.combine(company.orders_from, time.min, ZoneInfo(company.time_zone)).astimezone(UTC)
    return bool(log) and max(stamp for stamp, _ in log)[:SECOND] < f"{cut:%Y-%m-%dT%H:%M:%S}"


def _ask_for_versions(
    company: Company, logs: Mapping[str, Log], listed: set[str], stored: Iterable[str], found: Account, history: History
) -> None:
    """A name that is known may have carried other bytes as well, which someone else deleted or took."""
    readings = _readings(company, history.since)
    for path in sorted(logs.keys() & set(stored)):
        times = readings.get(path, [])
        if any(at >= history.told_until for at in times):
            continue  # the log does not tell of it all yet; a later look judges
        for stamp in unread_versions(logs[path], len(times), listed=path in listed):
            what = (
                "was written once more under a name that had been read, as SPS's history shows, and is gone, but was"
                " never read here: ask SPS for it again"
            )
            ask(company, f"{path} of {stamp}", what, found.files, found)


def _readings(company: Company, since: datetime) -> dict[str, list[datetime]]:
    """When each path was read: other bytes are another transmission, the same bytes once more an event."""
    found: dict[str, list[datetime]] = defaultdict(list)
    first = Transmission.objects.filter(company=company, received_at__gte=since, documents__part=0)
    again = Event.objects.filter(document__company=company, verb="came again", at__gte=since)
    for path, at in first.values_list("path", "received_at"):
        found[path].append(at)
    for path, at in again.values_list("document__transmission__path", "at"):
        found[path].append(at)
    return found
