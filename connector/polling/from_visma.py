"""Visma's lists: rows that differ from their mirror are written, and the cursor goes to the highest stamp that came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from connector import clients, mirror
from connector.budget import ANSWERS, MASTER_DATA, ORDERS
from connector.models import Connection, Cursor
from connector.news import new_invoices, new_orders, new_receipts
from connector.pipeline import orders_arrived, revise
from connector.polling.stream import Stream, a_while, note_problem, renew
from connector.visma.client import VismaClient
from connector.visma.schemas import Row, SupplierInvoiceDto
from connector.visma.window import Window
from mapping.models import Company

MASTER_DATA_SECONDS = 1800


def _visma(connection: Connection, cursor: Cursor, priority: int) -> VismaClient:
    return clients.visma_client(connection, priority=priority, before=lambda: renew(cursor))


def _suppliers(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).suppliers(cursor.value or None)
    mirror.suppliers(connection.company, window.rows)
    return passed(cursor, window)


def _locations(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).supplier_locations(cursor.value or None)
    mirror.locations(connection.company, window.rows)
    return passed(cursor, window)


def _items(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).items(cursor.value or None)
    mirror.items(connection.company, window.rows)
    return passed(cursor, window)


def _orders(connection: Connection, cursor: Cursor, priority: int) -> str:
    """Mirrored, and where the outgoing paper differs, revised: one transaction per order, so that neither is lost."""
    window = _visma(connection, cursor, priority).orders(cursor.value or None)
    for row in a_while(new_orders(connection.company, window.rows)):
        now = timezone.now()
        renew(cursor)
        with transaction.atomic():
            for order in mirror.orders(connection.company, [row]):
                revise(order, now=now)
                orders_arrived(connection.company, [order.number], now=now)
    return passed(cursor, window)


def _receipts(connection: Connection, cursor: Cursor, priority: int) -> str:
    window = _visma(connection, cursor, priority).receipts(cursor.value or None)
    _booked(connection, cursor, new_receipts(connection.company, window.rows), mirror.receipts)
    return passed(cursor, window)


def _invoices(connection: Connection, cursor: Cursor, priority: int) -> str:
    visma = _visma(connection, cursor, priority)
    window = visma.invoices(cursor.value or None)
    rows = new_invoices(connection.company, window.rows)
    _booked(connection, cursor, _with_lines(connection.company, cursor, visma, rows), mirror.invoices)
    return passed(cursor, window)


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
    for row in a_while(rows):
        renew(cursor)
        with transaction.atomic():
            touched = mirrored(connection.company, [row])
            orders_arrived(connection.company, touched, now=timezone.now())


def passed(cursor: Cursor, window: Window[Any]) -> str:
    """The new cursor: the highest stamp the server returned; where something could not be read it stays (house rule 9)."""
    note_problem(cursor, "")
    if window.unreadable:
        row, why = window.unreadable[0]
        note_problem(cursor, f"{len(window.unreadable)} rows cannot be read, the first: {why} ({str(row)[:300]})")
        return cursor.value
    if not window.complete:
        note_problem(cursor, "The list changed while it was read, three times; it is read again.")
        return cursor.value
    return window.watermark or cursor.value


STREAMS = (
    Stream("suppliers", Connection.System.VISMA, MASTER_DATA, _suppliers, MASTER_DATA_SECONDS),
    Stream("locations", Connection.System.VISMA, MASTER_DATA, _locations, MASTER_DATA_SECONDS, optional=True),
    Stream("items", Connection.System.VISMA, MASTER_DATA, _items, MASTER_DATA_SECONDS),
    Stream("orders", Connection.System.VISMA, ORDERS, _orders),
    Stream("receipts", Connection.System.VISMA, ANSWERS, _receipts),
    Stream("invoices", Connection.System.VISMA, ANSWERS, _invoices),
)
