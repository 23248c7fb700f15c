"""One order's story at its supplier: what was ordered, how it will be answered, shipped and invoiced (seeded)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from connector.sandbox.mistakes import MISTAKES
from connector.sandbox.papers import Line, OrderSeen
from connector.sandbox.visma_books import Books
from connector.sandbox.wire import Json

Step = Literal["new", "acknowledged", "done"]


@dataclass(frozen=True)
class Offer:
    """What a supplier knows of an item: its own number, the barcode as 14 digits, pieces in a carton (0: no carton)."""

    vendor: str
    gtin: str
    pieces: Decimal


Offers = Callable[[str], Offer | None]  # by the buyer's item number


def offered(books: Books, item: str) -> Offer | None:
    """What the supplier of an item knows of it; None for an item that is not in the books."""
    with books.lock:
        if item not in books.items:
            return None
        body, pieces = books.items[item].body, books.factor(item, "KRT")
    barcodes = [ref["alternateID"] for ref in body["crossReferences"] if ref["alternateType"] == "Barcode"]
    numbers = [detail["supplierItemId"] for detail in body["supplierDetails"]]
    return Offer("".join(numbers[:1]), "".join(barcodes[:1]).zfill(14), pieces or Decimal(0))


@dataclass
class Due:
    """An invoice that has still to be written, for what one shipment brought of one order."""

    shipment: str
    order: str
    lines: tuple[Line, ...]
    at_once: bool


@dataclass
class Story:
    """How an order goes on; `parts` are the shipments still to come, in the order's own units."""

    order: OrderSeen
    mistake: str
    chance: random.Random
    step: Step = "new"
    parts: list[tuple[Line, ...]] = field(default_factory=list)
    invoices: int = 0
    shipments: int = 0

    @property
    def wrong(self) -> bool:
        """Whether something goes wrong in this story."""
        return self.mistake != ""

    def wrong_in(self, stage: str) -> bool:
        """Whether the mistake is in this kind of paper."""
        return self.wrong and MISTAKES[self.mistake].stage == stage


def begin(order: OrderSeen, seed: int, mistake: str, offers: Offers) -> Story:
    """The story of an order, the same for the same seed and order."""
    chance = random.Random(f"story:{seed}:{order.number}")  # noqa: S311 - a simulation, nothing secret
    if chance.random() < 0.25:
        order = replace(order, lines=tuple(_in_own_numbers(line, offers) for line in order.lines))
    story = Story(order, mistake, chance)
    lines = tuple(_in_pieces(line, offers) for line in order.lines) if chance.random() < 0.15 else order.lines
    whole = mistake != "" or chance.random() < 0.6
    story.parts = [lines] if whole else _in_two(lines)
    return story


def _in_own_numbers(line: Line, offers: Offers) -> Line:
    """The supplier leaves the buyer's number out and gives its own and the barcode."""
    offer = offers(line.buyer)
    return replace(line, vendor=offer.vendor, gtin=offer.gtin, shows_buyer=False) if offer else line


def _in_pieces(line: Line, offers: Offers) -> Line:
    """The supplier counts pieces where cartons were ordered, if the price comes out even."""
    offer = offers(line.buyer) if line.unit == "CT" else None
    if offer is None or not offer.pieces or line.price % offer.pieces:
        return line
    return replace(line, quantity=line.quantity * offer.pieces, unit="EA", price=line.price / offer.pieces)


def _in_two(lines: tuple[Line, ...]) -> list[tuple[Line, ...]]:
    """Half of the first line now, the rest later; a first line of one piece goes whole."""
    first = lines[0]
    half = first.quantity // 2
    if half < 1:
        return [lines]
    rest = (replace(first, quantity=first.quantity - half), *lines[1:])
    return [(replace(first, quantity=half),), rest]


def wrong_lines(story: Story, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines with the story's mistake in the first of them."""
    first, rest = lines[0], lines[1:]
    match story.mistake:
        case "ship_too_much" | "invoice_too_much":
            return (replace(first, quantity=first.quantity + 7), *rest)
        case "ship_unknown_item":
            return (replace(first, buyer="", vendor="XX-UNKNOWN", gtin="07099999999999"), *rest)
        case "ship_wrong_line":
            other = rest[-1].buyer if rest else f"{first.buyer}-OTHER"
            return (replace(first, buyer=other, vendor="", gtin="", shows_buyer=True), *rest)
        case "ship_unknown_line":
            return (replace(first, number="997"), *rest)
        case "ship_unknown_unit":
            return (replace(first, unit="CS"), *rest)  # cassette, which looks like a case
        case "invoice_price" | "ack_price":
            return (replace(first, price=first.price + 5), *rest)
    return lines


def in_order_units(order: OrderSeen, lines: tuple[Line, ...], offers: Offers) -> dict[tuple[str, int], Decimal]:
    """What is shipped per (order number, line number), in the units of the order."""
    units = {line.number: line.unit for line in order.lines}
    counted: dict[tuple[str, int], Decimal] = {}
    for line in lines:
        in_pieces = (units.get(line.number), line.unit) == ("CT", "EA")
        offer = offers(line.buyer) if in_pieces else None
        counted[order.number, int(line.number)] = line.quantity / offer.pieces if offer else line.quantity
    return counted


def as_state(story: Story) -> Json:
    """The story for a control page."""
    return {"order": story.order.number, "step": story.step, "mistake": story.mistake, "parts": len(story.parts)}
