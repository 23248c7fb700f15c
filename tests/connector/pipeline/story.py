"""Papers about a hinge, laid into the mailbox of a round, and a Visma or SPS that answers as a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from audit import ledger
from audit.models import Document
from connector.sandbox import Wanted
from connector.sandbox.visma_receipts import change, release
from connector.sandbox.wire import Reply, Request
from tests.connector.pipeline.round import Round
from tests.papers import as_json, invoice, invoice_line, numbers, of_order, ship_item, shipment

HINGE = numbers("1", buyer="1001-BLK", vendor="NP-77410")


def ordered(round_: Round) -> str:
    """An order for ten hinges, which has gone out."""
    number = round_.world.new_order("50000", (Wanted("1001-BLK", Decimal(10), "STK", Decimal("48.00"), "NP-77410"),))
    round_.work()
    return number


def ships(round_: Round, number: str, order: str, quantity: int, **more: Any) -> None:
    paper = shipment(number, of_order(order, items=[ship_item(HINGE, quantity)]), **more)
    _put(round_, "SH", number, paper)


def bills(round_: Round, number: str, order: str, quantity: int = 10) -> None:
    _put(round_, "IN", number, invoice(number, order, [invoice_line(HINGE, quantity, "48.00")], quantity * 48))


def received(round_: Round, shipped: str = "S1") -> str:
    """An order whose ten hinges have come, and whose receipt the warehouse has released."""
    order = ordered(round_)
    ships(round_, shipped, order, 10)
    round_.work()
    books = round_.world.visma.books
    for number in [number for number, row in books.receipts.items() if row.body["status"] == "Hold"]:
        change(books, number, {"hold": {"value": False}}, "", "warehouse")
        release(books, number, "warehouse")
    round_.clock.shift(timedelta(minutes=20))
    round_.work()
    return order


def answers(round_: Round, system: str, instead: Callable[[Request], Reply | None], *, times: int = 1_000_000) -> None:
    """The one seam: what `instead` says takes the place of the system's own answer, so many times."""
    remote = getattr(round_.world, system)
    handle = remote.handle
    said: list[Reply] = []

    def between(call: Request) -> Reply:
        reply = instead(call) if len(said) < times else None
        said.extend([reply] if reply else [])
        return reply or handle(call)

    remote.handle = between


def accepted(document: Document) -> None:
    """A person accepts everything that it is held for."""
    document.refresh_from_db()
    for hold in document.holds.filter(closed_at=None):
        ledger.decide(document, hold.cause, hold.subject, accepted="", reason="fine", actor="kari", now=timezone.now())


def standing(round_: Round) -> dict[str, list[Any]]:
    """Quantities by receipt, of those in Visma that are not cancelled."""
    receipts = round_.world.visma.books.receipts
    return {
        number: [line["receiptQty"] for line in row.body["lines"]]
        for number, row in receipts.items()
        if row.body["status"] != "Cancelled"
    }


def _put(round_: Round, letters: str, number: str, paper: dict[str, Any]) -> None:
    content = as_json(paper)
    round_.world.sps.put(f"/out/{letters}/{letters}{number}-{len(round_.documents())}.json", content)
