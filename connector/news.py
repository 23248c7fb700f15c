"""Which rows of a window say something new: polls overlap by hours, and most of what they bring is mirrored already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from connector.mirror import hash_of
from connector.visma.schemas import PurchaseOrderDto, PurchaseReceiptDto, Row, SupplierInvoiceDto
from mapping.models import Booking, Company

BATCH = 100
R = TypeVar("R", bound=Row[Any])
Known = Callable[[list[str]], set[str]]
"""The content hashes that are mirrored under these numbers."""


def new_orders(company: Company, rows: Sequence[Row[PurchaseOrderDto]]) -> Iterator[Row[PurchaseOrderDto]]:
    """Orders that differ from their mirror, or have none."""

    def known(numbers: list[str]) -> set[str]:
        return set(company.orders.filter(number__in=numbers).values_list("content_hash", flat=True))

    return _differing(rows, lambda row: row.dto.order_nbr, known)


def new_receipts(company: Company, rows: Sequence[Row[PurchaseReceiptDto]]) -> Iterator[Row[PurchaseReceiptDto]]:
    """Receipts that differ from their mirror, or have none."""
    return _differing(rows, lambda row: row.dto.receipt_nbr, _mirrored(company, Booking.Kind.RECEIPT))


def new_invoices(company: Company, rows: Sequence[Row[SupplierInvoiceDto]]) -> Iterator[Row[SupplierInvoiceDto]]:
    """Invoices that differ from their mirror, or have none; one that was read by itself may differ from its list row."""
    return _differing(rows, lambda row: row.dto.reference_number, _mirrored(company, Booking.Kind.INVOICE))


def _mirrored(company: Company, kind: str) -> Known:
    bookings = Booking.objects.filter(company=company, kind=kind)
    return lambda numbers: set(bookings.filter(number__in=numbers).values_list("content_hash", flat=True))


def _differing(rows: Sequence[R], number_of: Callable[[R], str], known: Known) -> Iterator[R]:
    """A hash covers the number and the type, so that no row is taken for another."""
    for start in range(0, len(rows), BATCH):
        batch = list(rows[start : start + BATCH])
        seen = known([number_of(row) for row in batch])
        yield from (row for row in batch if hash_of(row.raw) not in seen)
