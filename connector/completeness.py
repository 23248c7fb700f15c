"""Accounts for every purchase order and every file: both sides are listed anew, whatever the cursors say.

Each ends in one figure: sent or posted, held, waiting, ignored and why, or unexplained. An order that should have gone out
goes now; what stays unexplained is held for a person. Where nothing is unexplained nothing is written but the figures.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.models import Cause, Document, Kind, Status
from connector import mirror, polling
from connector.budget import BACKFILL
from connector.clients import clients_for, connection_of
from connector.errors import ConnectorError, NotFound, Transient
from connector.flows import orders as orders_flow
from connector.flows.verdict import Clients
from connector.http import lossless
from connector.models import Completeness, Connection
from connector.pipeline import orders_arrived, revise
from connector.pipeline.outgoing import GONE, would_go
from connector.sps.schemas import HistoryEntry
from connector.visma.schemas import PurchaseOrderDto, Row
from mapping.matching import Difference
from mapping.models import Company

UNEXPLAINED = "unexplained"
HISTORY_DAYS = 30  # how far back files are looked for when no date is given; how long SPS keeps its history is unknown
FRESH = timedelta(hours=12)
NOTE = "unexplained:"  # before the path under which a hold is kept for what has no paper
ENDS = {  # of a document; of several papers in a file the one that stands last here counts
    Status.DELIVERED: "delivered",
    Status.IGNORED: "ignored",
    Status.RECEIVED: "under_way",
    Status.MATCHED: "under_way",
    Status.DELIVERING: "under_way",
    Status.WAITING: "waiting",
    Status.HELD: "held",
    Status.FAILED: "failed",
}
URGENCY = [str(status) for status in ENDS]


@dataclass
class Account:
    """Figures by what became of orders and files; sentences for what nobody can explain and for what was caught up."""

    since: date | None
    orders: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    """Subjects that a person was asked about by an earlier look."""

    @property
    def total(self) -> int:
        return self.orders.total() + self.files.total()

    @property
    def figures(self) -> dict[str, dict[str, int]]:
        return {"orders": dict(sorted(self.orders.items())), "files": dict(sorted(self.files.items()))}


def account(company: Company, *, since: date | None = None) -> Account:
    """Lists both sides and keeps the figures. May be broken off and repeated at any time.

    One call per 500 orders and per 1000 files, with the least right to the call budget. Raises the families of
    `connector.errors`; then the figures of the last time stay, with a sentence why.
    """
    now = timezone.now()
    kept, _ = Completeness.objects.get_or_create(company=company, defaults={"tried_at": now})
    row = Completeness.objects.filter(pk=kept.pk)
    try:
        found = _accounted(company, since)
    except ConnectorError as error:
        row.update(tried_at=now, problem=str(error))
        raise
    row.update(
        tried_at=now,
        at=now,
        since=since,
        figures=found.figures,
        total=found.total,
        unexplained=len(found.unexplained),
        problem="",
    )
    return found


def stale(now: datetime) -> list[Company]:
    """Companies connected to both systems that were not accounted for within the last twelve hours."""
    done = Completeness.objects.filter(at__gt=now - FRESH).values("company")
    working = Company.objects.exclude(pk__in=done).filter(connections__paused_at=None)
    return [one for one in working.distinct() if one.connections.filter(paused_at=None).count() == 2]


def _accounted(company: Company, since: date | None) -> Account:
    found = Account(since, asked=_asked(company))
    both = clients_for(company, priority=BACKFILL)
    _account_orders(company, both, found)
    _account_files(company, both, found)
    return found


# Orders ---------------------------------------------------------------------------------------------------------------


def _account_orders(company: Company, both: Clients, found: Account) -> None:
    stamp = f"{found.since - timedelta(days=1):%Y-%m-%dT00:00:00}" if found.since else None
    window = both.visma.every_order(stamp, _head)
    if not window.complete:
        raise Transient("The list of purchase orders changed while it was read, three times; look again later.")
    rows = [row for row in window.rows if found.since is None or row.dto.date is None or row.dto.date >= found.since]
    known = dict(company.orders.values_list("number", "content_hash"))
    for row in rows:
        if known.get(row.dto.order_nbr) != row.raw["hash"] or _may_go(company, row.dto):
            _catch_up(company, both, row, known.get(row.dto.order_nbr), found)
    last = _last_documents(company)
    for row in rows:
        _count_order(company, row.dto, last.get(row.dto.order_nbr), found)
    for _, why in window.unreadable:
        _unexplained(company, why.partition(" cannot be read")[0], f"cannot be read: {why}", found.orders, found)


def _head(raw: dict[str, object]) -> dict[str, object]:
    """Of a row what says which order it is and whether it goes out, and the hash of all of it."""
    names = ("orderType", "orderNbr", "status", "hold", "date", "lastModifiedDateTime")
    return {name: raw[name] for name in names if name in raw} | {"hash": mirror.hash_of(raw)}


def _may_go(company: Company, head: PurchaseOrderDto) -> bool:
    """Whether it, or its cancellation, could be for the supplier to see; the head alone cannot say more."""
    return head.status in GONE or _not_sent(company, head) in ("before_go_live", UNEXPLAINED)


def _catch_up(company: Company, both: Clients, row: Row[PurchaseOrderDto], known: str | None, found: Account) -> None:
    """An order that a poll has missed, or one that should have gone out, is put right at once."""
    number = row.dto.order_nbr
    try:
        fresh = [both.visma.order(number)[0]] if known != row.raw["hash"] else []
    except NotFound:
        return  # deleted since it was listed
    with transaction.atomic():
        if mirror.orders(company, fresh):
            orders_arrived(company, [number], now=timezone.now())
        order = company.orders.filter(number=number).first()
        if order and would_go(order, by_hand=False) and (document := revise(order, now=timezone.now())):
            found.caught.append(f"Order {number} had not gone out as it stands: revision {document.revision} is made.")


def _last_documents(company: Company) -> dict[str, str]:
    """The status of the last revision of each order."""
    rows = Document.objects.filter(company=company, kind=Kind.ORDER, revision__gt=0).order_by("revision")
    return dict(rows.values_list("number", "status"))


def _count_order(company: Company, head: PurchaseOrderDto, status: str | None, found: Account) -> None:
    end = _end_of(status, "sent") if status else _not_sent(company, head)
    subject = f"order {head.order_nbr}"
    if end == UNEXPLAINED and _is_empty(company, head.order_nbr):
        end = "empty"
    if end == UNEXPLAINED:
        what = f"is {head.status} in Visma and should have gone out, but there is no document of it"
        _unexplained(company, subject, what, found.orders, found)
    else:
        found.orders[end] += 1
        _no_longer(company, subject, found)


def _not_sent(company: Company, head: PurchaseOrderDto) -> str:
    """Why an order without a document never went out."""
    if head.order_type not in orders_flow.TYPES:
        return "another_type"
    if head.status in GONE:
        return "cancelled"
    if head.hold or head.status not in ("Open", *company.order_statuses):
        return "not_open"
    return "before_go_live" if head.date and head.date < company.orders_from else UNEXPLAINED


def _is_empty(company: Company, number: str) -> bool:
    """Whether the supplier would be asked for nothing: no line, or cancelled ones and text only."""
    row = bytes(company.orders.filter(number=number).values_list("row", flat=True).first() or b"")
    return bool(row) and orders_flow.is_emptied(orders_flow.unwrap(lossless.read(row)))


# Files ----------------------------------------------------------------------------------------------------------------


def _account_files(company: Company, both: Clients, found: Account) -> None:
    """History before listing before store: whatever arrives meanwhile is seen by the later look."""
    since = found.since or timezone.now().date() - timedelta(days=HISTORY_DAYS)
    out_dir = both.sps.out_dir
    history = {
        entry.path: entry
        for entry in both.sps.history(datetime.combine(since, time.min, UTC))
        if entry.path.startswith(out_dir)
    }
    listed = {entry.path for entry in both.sps.walk(out_dir)}
    stored = _stored(company)
    unread = not listed <= stored.keys() and _read_mailbox(company)
    stored = _stored(company) if unread else stored
    came = set(stored) if found.since is None else _came_since(company, since)
    for path in sorted(path for path in listed | history.keys() | came if not path.startswith(NOTE)):
        _count_file(company, path, stored.get(path), history.get(path), found, listed=path in listed)


def _stored(company: Company) -> dict[str, str]:
    """Every path that has come, with the status of the paper in it that is farthest from its end."""
    rows = Document.objects.filter(company=company).exclude(kind=Kind.ORDER, revision__gt=0)
    found: dict[str, str] = {}
    for path, status in rows.values_list("transmission__path", "status").iterator():
        found[path] = max(found.get(path, status), status, key=URGENCY.index)
    return found


def _came_since(company: Company, since: date) -> set[str]:
    """Our own store remembers longer than SPS does."""
    begin = datetime.combine(since, time.min, UTC)
    return set(
        Document.objects.filter(company=company, transmission__received_at__gte=begin)
        .exclude(kind=Kind.ORDER, revision__gt=0)
        .values_list("transmission__path", flat=True)
    )


def _read_mailbox(company: Company) -> bool:
    """What lies there unread is fetched as by any poll. Whether it could be."""
    connection = connection_of(company, Connection.System.SPS)
    [stream] = [stream for stream in polling.streams_of(connection) if stream.name == "mailbox"]
    return polling.poll(connection, stream).ok


def _count_file(
    company: Company, path: str, status: str | None, entry: HistoryEntry | None, found: Account, *, listed: bool
) -> None:
    if status:
        found.files[_end_of(status, "posted")] += 1
        _no_longer(company, path, found)
    elif listed:
        found.files["in_mailbox"] += 1
    elif entry and _ended_before(entry, company):
        found.files["before_go_live"] += 1
    else:
        what = "was in the mailbox, as SPS's history shows, and is gone, but was never read here: ask SPS for it again"
        _unexplained(company, path, what, found.files, found)


def _ended_before(entry: HistoryEntry, company: Company) -> bool:
    """Whether all that its log tells lies before the go-live cut; stamps are taken as UTC (sps.md §3.5)."""
    cut = datetime.combine(company.orders_from, time.min, ZoneInfo(company.time_zone)).astimezone(UTC)
    stamps = [stamp for _, stamp, _ in entry.log]
    return bool(stamps) and max(stamps)[:19] < f"{cut:%Y-%m-%dT%H:%M:%S}"


def _end_of(status: str, delivered: str) -> str:
    end = ENDS[Status(status)]
    return delivered if end == "delivered" else end


# What nobody can explain ----------------------------------------------------------------------------------------------


def _unexplained(company: Company, subject: str, what: str, figures: Counter[str], found: Account) -> None:
    """Held for a person, once; a person who says why it is well makes it one that is ignored with a reason."""
    sentence = f"{subject[:1].upper()}{subject[1:]} {what}."
    with transaction.atomic():  # a sweep must not take the note for a paper
        content = json.dumps({"unexplained": subject}).encode()
        now = timezone.now()
        note, new = ledger.store(company, NOTE + subject, content, kind=Kind.UNSUPPORTED, now=now)
        if new:
            ledger.hold(note, [Difference(Cause.IN_DOUBT, subject, sentence)], now=now)
    if note.status == Status.IGNORED:
        figures["ignored"] += 1
        return
    figures[UNEXPLAINED] += 1
    found.unexplained.append(sentence)


def _no_longer(company: Company, subject: str, found: Account) -> None:
    """It has come after all: the question is answered."""
    if subject in found.asked:
        note = Document.objects.get(company=company, transmission__path=NOTE + subject)
        ledger.ignore(note, "It is accounted for now.", now=timezone.now())


def _asked(company: Company) -> set[str]:
    """What is asked about since an earlier look."""
    notes = Document.objects.filter(company=company, kind=Kind.UNSUPPORTED, status=Status.HELD)
    paths = notes.filter(transmission__path__startswith=NOTE).values_list("transmission__path", flat=True)
    return {path.removeprefix(NOTE) for path in paths}
