"""People in Visma's warehouse: they count what came and release the receipts that say the same."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connector.sandbox import visma_receipts
from connector.sandbox.visma_books import Books
from connector.sandbox.wire import Json

Counted = Mapping[tuple[str, int], Decimal]  # (order number, line number) -> quantity in the order's unit
WHO = "warehouse"


def release_what_agrees(books: Books, came: Mapping[str, Counted]) -> list[str]:
    """Release every receipt on hold whose lines are what came with its shipment (by `supplierRef`). Their numbers."""
    with books.lock:
        waiting = [row.body for row in books.receipts.values() if row.body["status"] in ("Hold", "Balanced")]
        agreed = [body["receiptNbr"] for body in waiting if _said(body) == came.get(body["supplierRef"])]
        for number in agreed:
            release(books, number)
        return agreed


def _said(receipt: Json) -> Counted:
    return {(line["poOrderNbr"], line["poOrderLineNbr"]): line["receiptQty"] for line in receipt["lines"]}


def release(books: Books, number: str) -> None:
    """A person takes the hold off a receipt and releases it."""
    with books.lock:
        visma_receipts.change(books, number, {"hold": {"value": False}}, "", WHO)
        visma_receipts.release(books, number, WHO)
