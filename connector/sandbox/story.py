"""One order's story at its supplier: what was ordered, how it will be answered, shipped and invoiced (seeded)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from connector.sandbox.mistakes import MISTAKES
from connector.sandbox.papers import Line, OrderSeen
from connector.sandbox.wire import Json

Step = Literal["new", "acknowledged", "done"]
Pieces = Callable[[str], Decimal | None]  # item number of the buyer -> pieces in its carton


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


def begin(order: OrderSeen, seed: int, mistake: str, pieces: Pieces) -> Story:
    """The story of an order, the same for the same seed and order."""
    chance = random.Random(f"story:{seed}:{order.number}")  # noqa: S311 - a simulation, nothing secret
    story = Story(order, mistake, chance)
    lines = tuple(_in_pieces(line, pieces) for line in order.lines) if chance.random() < 0.15 else order.lines
    whole = mistake != "" or chance.random() < 0.6
    story.parts = [lines] if whole else _in_two(lines)
    return story


def _in_pieces(line: Line, pieces: Pieces) -> Line:
    """The supplier counts pieces where cartons were ordered, if the price comes out even."""
    content = pieces(line.buyer) if line.unit == "CT" else None
    if not content or line.price % content:
        return line
    return replace(line, quantity=line.quantity * content, unit="EA", price=line.price / content)


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
            return (replace(first, buyer=other, vendor="", gtin=""), *rest)
        case "ship_unknown_line":
            return (replace(first, number="997"), *rest)
        case "ship_unknown_unit":
            return (replace(first, unit="CS"), *rest)  # cassette, which looks like a case
        case "invoice_price" | "ack_price":
            return (replace(first, price=first.price + 5), *rest)
    return lines


def in_order_units(order: OrderSeen, lines: tuple[Line, ...], pieces: Pieces) -> dict[tuple[str, int], Decimal]:
    """What is shipped per (order number, line number), in the units of the order."""
    units = {line.number: line.unit for line in order.lines}
    counted: dict[tuple[str, int], Decimal] = {}
    for line in lines:
        content = pieces(line.buyer) or Decimal(1)
        same = units.get(line.number, line.unit) == line.unit
        counted[order.number, int(line.number)] = line.quantity if same else line.quantity / content
    return counted


def as_state(story: Story) -> Json:
    """The story for a control page."""
    return {"order": story.order.number, "step": story.step, "mistake": story.mistake, "parts": len(story.parts)}
