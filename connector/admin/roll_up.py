"""The roll-up of many orders as a table to be opened elsewhere: one row per order line, as CSV in UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from audit import reports
from audit.standing import LineStand
from mapping.models import Order

AT_ONCE = 200
FIGURES = (
    "ordered",
    "confirmed",
    "backordered",
    "rejected",
    "open",
    "shipped",
    "received",
    "unreleased",
    "invoiced",
    "promised",
    "paid",
)
HEADINGS = ("order", "date", "supplier", "name", "stands", "line", "item", "description", "unit", *FIGURES, "currency")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would reckon instead of show


class _Echo:
    """What the writer hands on instead of keeping it."""

    def write(self, row: str) -> str:
        return row


def as_csv(orders: QuerySet[Order]) -> StreamingHttpResponse:
    """A file to be saved; a fixed number of queries for every `AT_ONCE` orders."""
    writer = csv.writer(_Echo())
    body = (str(writer.writerow(row)) for row in _rows(orders))
    answer = StreamingHttpResponse(_with_mark(body), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="orders-{timezone.localdate()}.csv"'
    return answer


def _with_mark(body: Iterator[str]) -> Iterator[str]:
    yield "\ufeff"  # without it spreadsheets take UTF-8 for something else
    yield from body


def _rows(orders: QuerySet[Order]) -> Iterator[tuple[str, ...]]:
    yield HEADINGS
    for page in Paginator(orders.select_related("supplier").order_by("-date", "-pk"), AT_ONCE):
        stands = reports.order_stands(list(page))
        for order in page:
            stand = stands[order.pk]
            yield from (_row(order, stand.step, line) for line in stand.lines)


def _row(order: Order, step: str, stand: LineStand) -> tuple[str, ...]:
    line, supplier = stand.line, order.supplier.name if order.supplier else ""
    about = (order.number, order.date, order.supplier_number, supplier, step)
    what = (line.number, line.item, line.description, line.unit)
    return tuple(_cell(value) for value in (*about, *what, *(getattr(stand, name) for name in FIGURES), order.currency))


def _cell(value: str | int | date | Decimal | None) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
