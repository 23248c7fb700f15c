"""Visma's lists: rows that differ from their mirror are written, and the cursor goes to the highest stamp that came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from connector import clients, mirror
from connector.budget import ANSWERS, MASTER_DATA, ORDERS
from connector.models import Connection, Cursor
from connector.news import new_invoices, new_orders, new_receipts
from connector.pipeline import order_shown, orders_arrived
from connector.polling import clocks
from connector.polling.stream import Stream, a_while, note_problem, renew
from connector.visma import stamps
from connector.visma.client import VismaClient
from connector.visma.rows import Dto
from connector.visma.schemas import Row, SupplierInvoiceDto
from connector.visma.window import Window
from mapping.models import Company

MASTER_DATA_SECONDS = 1800
READ_SECONDS = 300.0  # the next portion begins with the whole list again, a call for every 500 rows

T = TypeVar("T", bound=Dto)


def _visma(connection: Connection, cursor: Cursor, priority: int) -> VismaClient:
    return clients.visma_client(connection, priority=priority, before=lambda: renew(cursor))


def _read(connection: Connection, cursor: Cursor, ask: Callable[[str | None], Window[T]]) -> Window[T]:
    return clocks.read(cursor, clocks.zone_of(connection.company), ask, now=timezone.now())


def _leased(cursor: Cursor, rows: Iterable[Row[T]]) -> Iterator[Row[T]]:
    """A first pull is written for longer than a lease lasts."""
    for row in rows:
        renew(cursor)
        yield row


def _suppliers(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _read(connection, cursor, _visma(connection, cursor, priority).suppliers)
    mirror.suppliers(connection.company, _leased(cursor, window.rows))
    return passed(cursor, window, clocks.zone_of(connection.company))


def _locations(connection: Connection, cursor: Cursor, priority: int) -> str:
    """A location whose supplier is not mirrored is read again, at least until the suppliers have been read once more."""
    window = _read(connection, cursor, _visma(connection, cursor, priority).supplier_locations)
    left_out = mirror.locations(connection.company, _leased(cursor, window.rows))
    read_up_to = passed(cursor, window, clocks.zone_of(connection.company))
    suppliers = Cursor.objects.filter(connection=connection, stream="suppliers").exclude(succeeded_at=None)
    if cursor.succeeded_at:
        suppliers = suppliers.filter(succeeded_at__gt=cursor.succeeded_at)
    return cursor.value if left_out and not suppliers.exists() else read_up_to


def _items(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _read(connection, cursor, _visma(connection, cursor, priority).items)
    mirror.items(connection.company, _leased(cursor, window.rows))
    return passed(cursor, window, clocks.zone_of(connection.company))


def _orders(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _read(connection, cursor, _visma(connection, cursor, priority).orders)
    for row in a_while(new_orders(connection.company, window.rows), READ_SECONDS):
        now = timezone.now()
        renew(cursor)
        order_shown(connection.company, row, now=now)
    return passed(cursor, window, clocks.zone_of(connection.company))


def _receipts(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _read(connection, cursor, _visma(connection, cursor, priority).receipts)
    _booked(connection, cursor, new_receipts(connection.company, window.rows), mirror.receipts)
    return passed(cursor, window, clocks.zone_of(connection.company))


def _invoices(connection: Connection, cursor: Cursor, priority: int) -> str:
    visma = _visma(connection, cursor, priority)
    window = _read(connection, cursor, visma.invoices)
    rows = new_invoices(connection.company, window.rows)
    _booked(connection, cursor, _with_lines(connection.company, cursor, visma, rows), mirror.invoices)
    return passed(cursor, window, clocks.zone_of(connection.company))


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
    for row in a_while(rows, READ_SECONDS):
        renew(cursor)
        with transaction.atomic():
            touched = mirrored(connection.company, [row])
            orders_arrived(connection.company, touched, now=timezone.now())


def passed(cursor: Cursor, window: Window[Any], zone: tzinfo) -> str:
    """The new cursor: the highest stamp the server returned; where something could not be read it stays (house rule 9).

    Until it can be read every poll is longer than the one before; they come so much less often that an hour's calls stay few.
    Never a stamp that lies ahead of the server's own clock: rows made from now on would be stamped below it.
    """
    note_problem(cursor, _problem(window, zone))
    cursor.pace = window.calls if window.unreadable else 1
    if window.unreadable or not window.complete:
        return cursor.value
    clock = window.clock
    believed = [each for each in window.stamps if not (clock and clocks.lies_ahead(each, clock[0], zone))]
    return stamps.highest(believed) or cursor.value


def _problem(window: Window[Any], zone: tzinfo) -> str:
    if window.unreadable:
        row, why = window.unreadable[0]
        return f"{len(window.unreadable)} rows cannot be read, the first: {why} ({str(row)[:300]})"
    if not window.complete:
        return "The list changed while it was read, three times; it is read again."
    furthest = window.watermark
    if furthest and window.clock and clocks.lies_ahead(furthest, window.clock[1], zone):
        return (
            f"Visma's clock was set back, or a row is stamped wrongly: the newest stamp is {furthest}, but Visma's clock says"
            f" {window.clock[1]:%Y-%m-%d %H:%M} UTC. The list is read from what that clock says; nothing needs to be done."
        )
    return ""


STREAMS = (
    Stream("suppliers", Connection.System.VISMA, MASTER_DATA, _suppliers, MASTER_DATA_SECONDS),
    Stream("locations", Connection.System.VISMA, MASTER_DATA, _locations, MASTER_DATA_SECONDS, optional=True),
    Stream("items", Connection.System.VISMA, MASTER_DATA, _items, MASTER_DATA_SECONDS),
    Stream("orders", Connection.System.VISMA, ORDERS, _orders),
    Stream("receipts", Connection.System.VISMA, ANSWERS, _receipts),
    Stream("invoices", Connection.System.VISMA, ANSWERS, _invoices),
)
