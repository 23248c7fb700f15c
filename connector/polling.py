"""Reading both systems: each stream has a cursor that moves only after what it passed is stored, and a lease of its own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import clients, mirror
from connector.budget import ANSWERS, MASTER_DATA, ORDERS
from connector.errors import (
    ConnectorError,
    LeaseLost,
    Misconfigured,
    NotFound,
    RateLimited,
    Rejected,
    Transient,
    TypeConflict,
)
from connector.models import Connection, Cursor
from connector.news import new_invoices, new_orders, new_receipts
from connector.pipeline import orders_arrived, revise
from connector.rsx import envelope
from connector.sps.client import SpsClient
from connector.visma.client import VismaClient
from connector.visma.schemas import Row, SupplierInvoiceDto
from connector.visma.window import Window
from mapping.models import Company

log = logging.getLogger(__name__)

T = TypeVar("T")

MASTER_DATA_SECONDS = 1800
MISSING_FOR = timedelta(hours=24)  # a mailbox directory that stays away so long is worth a warning (sps.md §3.3)
GIVE_UP_AFTER = 3  # files in a row that could not be fetched for now: the system is away, not the file
READ_SECONDS = 45.0  # well below django-q2's own time-out of a task, reading the list comes on top
HISTORY_REACH = timedelta(days=7)
TAKEN = ("deleted", "downloaded")


@dataclass(frozen=True)
class Stream:
    """One thing that is read, how often at least, and with which right to the call budget."""

    name: str
    system: str
    priority: int
    read: Callable[[Connection, Cursor, int], str]
    seconds: int | None = None
    """None: the connection's own interval."""
    optional: bool = False
    """Whether everything else works without it, where the other system does not offer it."""


@dataclass(frozen=True)
class Polled:
    """How one poll went. `problem` is a sentence; `final` that trying again helps nothing."""

    stream: str
    system: str
    ok: bool
    problem: str = ""
    final: bool = False
    retry_at: datetime | None = None
    busy: bool = False
    more: bool = False
    """There is more than fits into one poll: it goes on at once, and what is stored is not read again."""


class _Unfinished(Transient):
    """A long list was worked on for READ_SECONDS."""


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
        _problem(cursor, str(error))
        value = cursor.value
    except Misconfigured as error:
        clients.pause(connection, str(error))
        return _failed(cursor, stream, str(error), None, final=True)
    except Transient as error:
        return _failed(cursor, stream, str(error), error.retry_after, more=isinstance(error, _Unfinished))
    except ConnectorError as error:
        return _failed(cursor, stream, str(error), None)
    except (OperationalError, InterfaceError):
        raise  # our own database is away: the lease runs out, and the cursor has not moved
    except Exception:
        log.exception("%s %s failed", connection, stream.name)
        return _failed(cursor, stream, "A defect in the connector: see the log.", None)
    return _succeeded(cursor, connection, stream, value, now)


def due(now: datetime, *, company: Company | None = None) -> list[tuple[Connection, Stream]]:
    """The streams whose turn has come, of connections that are not paused."""
    connections = Connection.objects.filter(paused_at=None).select_related("company")
    wanted = connections.filter(company=company) if company else connections
    cursors = {(cursor.connection_id, cursor.stream): cursor for cursor in Cursor.objects.all()}
    return [
        (connection, stream)
        for connection in wanted
        for stream in streams_of(connection)
        if _is_due(cursors.get((connection.pk, stream.name)), now)
    ]


def streams_of(connection: Connection) -> list[Stream]:
    """The streams of a connection, in the order in which they build on one another."""
    return [stream for stream in STREAMS if stream.system == connection.system]


def is_due(connection: Connection, stream: Stream, now: datetime) -> bool:
    """Whether its turn has come: a second task for the same turn finds that it has not."""
    return _is_due(Cursor.objects.filter(connection=connection, stream=stream.name).first(), now)


def wake(connection: Connection, *, now: datetime) -> None:
    """Everything that changes by the minute is due at once; only a wake-up, the cursor says what is read."""
    names = [stream.name for stream in streams_of(connection) if stream.seconds is None]
    for name in names:
        Cursor.objects.get_or_create(connection=connection, stream=name)
    Cursor.objects.filter(connection=connection, stream__in=names).update(due_at=now)


def _is_due(cursor: Cursor | None, now: datetime) -> bool:
    if cursor is None or cursor.due_at is None:
        return cursor is None or cursor.lease_until is None or cursor.lease_until < now
    return cursor.due_at <= now and (cursor.lease_until is None or cursor.lease_until < now)


def _succeeded(cursor: Cursor, connection: Connection, stream: Stream, value: str, began: datetime) -> Polled:
    now = timezone.now()
    interval = timedelta(seconds=stream.seconds or connection.poll_seconds)
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


def _renew(cursor: Cursor) -> None:
    """Before every call and between rows: who has lost the lease writes nothing more. Raises LeaseLost."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    if not Cursor.objects.filter(pk=cursor.pk, lease_owner=cursor.lease_owner).update(lease_until=until):
        raise LeaseLost(f"{cursor} is read by another run.")


def _a_while(rows: Iterable[T]) -> Iterator[T]:
    """What is stored with each row stays; a task that never ended would be ended from outside, with its lease in hand."""
    began = monotonic()
    for row in rows:
        yield row
        if monotonic() - began > READ_SECONDS:
            raise _Unfinished("There is more than fits into one poll; it goes on at once.", retry_after=0)


# Visma ----------------------------------------------------------------------------------------------------------------


def _visma(connection: Connection, cursor: Cursor, priority: int) -> VismaClient:
    return clients.visma_client(connection, priority=priority, before=lambda: _renew(cursor))


def _sps(connection: Connection, cursor: Cursor, priority: int) -> SpsClient:
    return clients.sps_client(connection, priority=priority, before=lambda: _renew(cursor))


def _suppliers(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).suppliers(cursor.value or None)
    mirror.suppliers(connection.company, window.rows)
    return _passed(cursor, window)


def _locations(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).supplier_locations(cursor.value or None)
    mirror.locations(connection.company, window.rows)
    return _passed(cursor, window)


def _items(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).items(cursor.value or None)
    mirror.items(connection.company, window.rows)
    return _passed(cursor, window)


def _orders(connection: Connection, cursor: Cursor, priority: int) -> str:
    """Mirrored, and where the outgoing paper differs, revised: one transaction per order, so that neither is lost."""
    window = _visma(connection, cursor, priority).orders(cursor.value or None)
    for row in _a_while(new_orders(connection.company, window.rows)):
        now = timezone.now()
        _renew(cursor)
        with transaction.atomic():
            for order in mirror.orders(connection.company, [row]):
                revise(order, now=now)
                orders_arrived(connection.company, [order.number], now=now)
    return _passed(cursor, window)


def _receipts(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).receipts(cursor.value or None)
    _booked(connection, cursor, new_receipts(connection.company, window.rows), mirror.receipts)
    return _passed(cursor, window)


def _invoices(connection: Connection, cursor: Cursor, priority: int) -> str:
    visma = _visma(connection, cursor, priority)
    window = visma.invoices(cursor.value or None)
    rows = new_invoices(connection.company, window.rows)
    _booked(connection, cursor, _with_lines(connection.company, cursor, visma, rows), mirror.invoices)
    return _passed(cursor, window)


def _with_lines(
    company: Company, cursor: Cursor, visma: VismaClient, rows: Iterable[Row[SupplierInvoiceDto]]
) -> Iterator[Row[SupplierInvoiceDto]]:
    """Lists are said to bring the lines, but nobody has seen it: where they do not, each invoice that matters is read.

    Those of suppliers without partner never matter, nor, on the first full pull, those from before this connection: one
    call each would use up the hour's budget. What was read at the same stamp is not read again.
    """
    partners = set(company.suppliers.exclude(partners=None).values_list("number", flat=True))
    first = cursor.succeeded_at is None
    for row in rows:
        if row.dto.lines_came:
            yield row
        elif not mirror.has_seen(company, row.dto):
            matters = row.dto.supplier.number in partners and not first
            yield visma.invoice(row.dto.reference_number, row.dto.document_type or "Invoice")[0] if matters else row


def _booked(
    connection: Connection, cursor: Cursor, rows: Iterable[Any], mirrored: Callable[[Company, Iterable[Any]], set[str]]
) -> None:
    for row in _a_while(rows):
        _renew(cursor)
        with transaction.atomic():
            touched = mirrored(connection.company, [row])
            orders_arrived(connection.company, touched, now=timezone.now())


def _passed(cursor: Cursor, window: Window[Any]) -> str:
    """The new cursor: the highest stamp the server returned; where something could not be read it stays (house rule 9)."""
    _problem(cursor, "")
    if window.unreadable:
        row, why = window.unreadable[0]
        _problem(cursor, f"{len(window.unreadable)} rows cannot be read, the first: {why} ({str(row)[:300]})")
        return cursor.value
    if not window.complete:
        _problem(cursor, "The list changed while it was read, three times; it is read again.")
        return cursor.value
    return window.watermark or cursor.value


def _problem(cursor: Cursor, what: str) -> None:
    cursor.problem_since = (cursor.problem_since or timezone.now()) if what else None
    cursor.problem = what


# SPS ------------------------------------------------------------------------------------------------------------------


def _mailbox(connection: Connection, cursor: Cursor, priority: int) -> str:
    """List, then for each file: read, store, commit, delete (sps.md §3.9)."""
    sps = _sps(connection, cursor, priority)
    listing = sps.walk(connection.out_dir)
    _problem_of_directory(cursor, connection, missing=listing.missing)
    failures: list[str] = []
    refused: list[str] = []
    in_a_row = 0
    for entry in _a_while(listing):
        try:
            _fetch(connection, sps, entry.path)
            in_a_row = 0
        except (RateLimited, Misconfigured):
            raise
        except Transient as error:
            failures.append(f"{entry.path}: {error}")
            in_a_row += 1
        except Rejected as error:
            refused.append(f"{entry.path}: {error}")
        if in_a_row >= GIVE_UP_AFTER:
            break
    if failures:
        raise Transient(f"{len(failures)} files could not be fetched: {failures[0]}")
    if refused:  # tried again with every poll, and nothing else waits for it
        _problem(cursor, f"{len(refused)} files cannot be fetched: {refused[0]}")
    return ""


def _problem_of_directory(cursor: Cursor, connection: Connection, *, missing: bool) -> None:
    """A missing directory is nothing there now; only one that lasts is worth a word (sps.md §3.3)."""
    if not missing:
        cursor.value = ""
        _problem(cursor, "")
        return
    since = cursor.problem_since or timezone.now()
    lasting = timezone.now() - since >= MISSING_FOR
    cursor.problem_since = since
    warning = f"SPS has no directory {connection.out_dir} for {MISSING_FOR.total_seconds() / 3600:.0f} hours now."
    cursor.problem = warning if lasting else ""


def _fetch(connection: Connection, sps: SpsClient, path: str) -> None:
    """One file into the store, then off the mailbox. Raises Transient, Rejected, Misconfigured."""
    try:
        content = sps.read(path, settings.FILE_LIMIT_BYTES)
    except NotFound:
        return  # gone between the listing and now: another run of ours, or SPS itself
    document, new = ledger.store(connection.company, path, content, kind=_promised_kind(path), now=timezone.now())
    _delete(sps, document, new)


def _delete(sps: SpsClient, document: Document, new: bool) -> None:
    """Deleted only once it is stored for good. What had been deleted before has come a second time, byte for byte."""
    now = timezone.now()
    if not new and document.transmission.removed_at:
        ledger.note(document, "came again", now=now, reason="The same bytes under the same path.")
    sps.delete(document.transmission.path)
    ledger.removed_at_source(document.transmission, now=now)


def _promised_kind(path: str) -> str:
    try:
        kind = envelope.expected_kind(path)
    except TypeConflict:
        return Kind.UNSUPPORTED
    return str(kind) if kind and kind != "order" else Kind.UNSUPPORTED


def _history(connection: Connection, cursor: Cursor, priority: int) -> str:
    """Which orders SPS has taken from the mailbox; asked only while one is not known to be (sps.md §3.5)."""
    now = timezone.now()
    waiting = Document.objects.filter(
        company=connection.company,
        kind=Kind.ORDER,
        status=Status.DELIVERED,
        picked_up_at=None,
        delivered_at__gte=now - HISTORY_REACH,
    )
    paths = {document.output_ref.lstrip("/"): document for document in waiting}
    _problem(cursor, "")
    if not paths:
        return ""
    since = min(document.delivered_at or now for document in paths.values()) - timedelta(minutes=5)
    for entry in _sps(connection, cursor, priority).history(since, None):
        document = paths.get(entry.path.lstrip("/"))
        if document and any(status in TAKEN for status, _, _ in entry.log):
            ledger.note(document, "picked up", now=now, facts={"path": entry.path}, picked_up_at=now)
    return ""


STREAMS = (
    Stream("suppliers", Connection.System.VISMA, MASTER_DATA, _suppliers, MASTER_DATA_SECONDS),
    Stream("locations", Connection.System.VISMA, MASTER_DATA, _locations, MASTER_DATA_SECONDS, optional=True),
    Stream("items", Connection.System.VISMA, MASTER_DATA, _items, MASTER_DATA_SECONDS),
    Stream("orders", Connection.System.VISMA, ORDERS, _orders),
    Stream("receipts", Connection.System.VISMA, ANSWERS, _receipts),
    Stream("invoices", Connection.System.VISMA, ANSWERS, _invoices),
    Stream("mailbox", Connection.System.SPS, ANSWERS, _mailbox),
    Stream("history", Connection.System.SPS, ANSWERS, _history, optional=True),
)
