"""The rules by which papers are compared: pure, papers in, differences out (sps.md §6, §8; DESIGN.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

SIX_DIGITS = Decimal("0.000001")
FOUR_DIGITS = Decimal("0.0001")


@dataclass(frozen=True)
class Difference:
    """One reason to ask a person: a cause of INTERFACE.md, what it is about, a sentence, and what the fix needs."""

    cause: str
    subject: str
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)
    amount: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True)
class LineView:
    """An order line as matching looks at it; quantities in `unit`, price per `unit` in the order's currency."""

    key: int
    order_number: str
    number: int
    item: str
    vendor_number: str
    unit: str
    quantity: Decimal
    price: Decimal
    requested: date | None = None
    promised: date | None = None
    line_type: str = ""
    description: str = ""
    completed: bool = False
    cancelled: bool = False

    @property
    def name(self) -> str:
        """How people call it; also the subject of what is asked about it."""
        return f"{self.order_number} line {self.number}"


class PaperNumbers(Protocol):
    """The numbers by which a paper names an item."""

    @property
    def buyer(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def barcodes14(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class KnownNumbers:
    """Which items a partner's numbers mean, by mapping and by Visma's cross references. Keys are as compared."""

    buyer: Mapping[str, frozenset[str]] = field(default_factory=dict)
    barcode: Mapping[str, frozenset[str]] = field(default_factory=dict)
    vendor: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def items(self, numbers: PaperNumbers, lines: Sequence[LineView]) -> frozenset[str]:
        """The items meant: our number decides, else the barcodes, else the vendor's number (sps.md §6, matching, 3)."""
        ours = _ours(numbers.buyer, lines) | self.buyer.get(folded(numbers.buyer), frozenset())
        if ours:
            return ours
        for barcode in numbers.barcodes14:
            if found := self.barcode.get(barcode):
                return found
        if numbers.buyer.strip():
            return frozenset()  # a number of ours that is none: their own alone does not outweigh it
        return self.vendor.get(folded(numbers.vendor), frozenset()) | frozenset(
            line.item for line in lines if numbers.vendor and folded(line.vendor_number) == folded(numbers.vendor)
        )


@dataclass(frozen=True)
class Tolerance:
    """How far papers may differ. The wider of percent and absolute counts."""

    price_percent: Decimal = Decimal(0)
    price_absolute: Decimal = Decimal(0)
    quantity_percent: Decimal = Decimal(0)
    quantity_absolute: Decimal = Decimal(0)
    date_days: int | None = None

    def price_fits(self, expected: Decimal, found: Decimal) -> bool:
        """Whether a price per ordered unit may pass."""
        return abs(found - expected) <= max(self.price_absolute, abs(expected) * self.price_percent / 100)

    def most(self, quantity: Decimal) -> Decimal:
        """The most that may be shipped or invoiced where `quantity` is expected."""
        return quantity + max(self.quantity_absolute, quantity * self.quantity_percent / 100)

    def date_fits(self, requested: date | None, found: date) -> bool:
        """Whether a promised date may pass; without a limit, or without a wanted date, any does."""
        if self.date_days is None or requested is None:
            return True
        return abs((found - requested).days) <= self.date_days


@dataclass(frozen=True)
class Units:
    """Unit mappings of a partner and its company, and the items' own conversions."""

    mapped: tuple[tuple[str, str, Decimal], ...]
    """(unit, RSX unit, factor): one unit is factor RSX units; a partner's own rows stand first."""
    conversions: Mapping[str, Mapping[tuple[str, str], Decimal]] = field(default_factory=dict)
    """item -> (from, to) -> factor, in both directions."""

    def outgoing(self, unit: str) -> tuple[str, Decimal] | None:
        """The RSX unit of a unit, and how many of it one unit is."""
        return next(((rsx_unit, factor) for own, rsx_unit, factor in self.mapped if own == unit), None)

    def factor(self, rsx_unit: str, item: str, unit: str) -> Decimal | None:
        """How many `unit` one `rsx_unit` of the item is; None when it is not known, or not certain.

        A paper without a unit speaks in the unit that we ordered in.
        """
        out = self.outgoing(unit)
        if out and rsx_unit in ("", out[0]):
            return 1 / out[1]
        found = {
            ratio / factor
            for own, mapped_to, factor in self.mapped
            if mapped_to == rsx_unit and (ratio := self.conversions.get(item, {}).get((own, unit))) is not None
        }
        return found.pop() if len(found) == 1 else None

    def between(self, item: str, start: str, end: str) -> Decimal | None:
        """How many `end` one `start` of the item is, both of them Visma's units; None when it is not known.

        The item's own conversions decide, else one RSX unit that both are mapped to. No unit is the ordered one.
        """
        if start == end or not (start and end):
            return Decimal(1)
        stated = self.conversions.get(item, {}).get((start, end))
        one, other = self.outgoing(start), self.outgoing(end)
        if stated is None and one and other and one[0] == other[0]:
            return one[1] / other[1]
        return stated

    def knows(self, rsx_unit: str) -> bool:
        """Whether any unit is mapped to this RSX unit."""
        return any(mapped_to == rsx_unit for _, mapped_to, _ in self.mapped)


def find_line(
    line_number: str, numbers: PaperNumbers, lines: Sequence[LineView], known: KnownNumbers, where: str
) -> LineView | Difference:
    """The order line that a paper's line means (sps.md §6, matching a line). `where` names the paper's line."""
    items = known.items(numbers, lines)
    if not line_number.strip():
        return _by_item(numbers, items, lines, where)
    line = _by_number(line_number, lines)
    if line is None:
        sentence = f"{where}: line {line_number} is not on the order."
        return Difference("line_unknown", f"{_order_of(lines)} line {line_number}", sentence)
    if (items and line.item not in items) or (not items and numbers.buyer.strip()):
        named = ", ".join(sorted(items)) or numbers.buyer
        sentence = f"{where}: line number {line.number} is item {line.item}, but the paper names {named}."
        facts = {"expected": line.item, "found": named, **_named_by(numbers)}
        return Difference("line_conflict", line.name, sentence, facts)
    if not items and (numbers.barcodes14 or numbers.vendor.strip()):
        return _unmapped(numbers, lines, where)  # the item cannot be checked: one mapping answers it for good
    return line


def reach(conversions: Sequence[tuple[str, str, Decimal]]) -> dict[tuple[str, str], Decimal]:
    """Every conversion that the stated ones imply, in both directions and over one unit between (usually the base unit)."""
    direct = {(unit, unit): Decimal(1) for row in conversions for unit in row[:2]}
    for from_unit, to_unit, factor in conversions:
        direct.setdefault((to_unit, from_unit), 1 / factor)
        direct[(from_unit, to_unit)] = factor
    chained = {
        (start, end): first * second
        for (start, middle), first in direct.items()
        for (through, end), second in direct.items()
        if middle == through and (start, end) not in direct
    }
    return {**chained, **direct}


def in_six_digits(quantity: Decimal) -> Decimal:
    """A quantity as the books keep it."""
    return quantity.quantize(SIX_DIGITS, rounding=ROUND_HALF_UP).normalize() + 0


def shows(expected: Decimal, found: Decimal) -> bool:
    """Whether `found` is `expected` as a paper must round it: only what has no end in four digits, to a cent or finer."""
    if expected == expected.quantize(FOUR_DIGITS):
        return expected == found
    exponent = int(found.normalize().as_tuple().exponent)
    return expected.quantize(Decimal(1).scaleb(min(exponent, -2)), rounding=ROUND_HALF_UP) == found


def folded(text: str) -> str:
    """The form in which item numbers are compared: without outer blanks, letter case ignored (sps.md §10)."""
    return text.strip().casefold()


def _ours(buyer: str, lines: Sequence[LineView]) -> frozenset[str]:
    return frozenset(line.item for line in lines if buyer.strip() and folded(line.item) == folded(buyer))


def _by_number(line_number: str, lines: Sequence[LineView]) -> LineView | None:
    """As text, else with leading zeros stripped."""
    text = line_number.strip()
    exact = next((line for line in lines if str(line.number) == text), None)
    return exact or next((line for line in lines if str(line.number) == text.lstrip("0")), None)


def _by_item(
    numbers: PaperNumbers, items: frozenset[str], lines: Sequence[LineView], where: str
) -> LineView | Difference:
    """Without a line number an item decides only where it is unique on the order."""
    if not items:
        return _unmapped(numbers, lines, where)
    found = [line for line in lines if line.item in items]
    open_ones = [line for line in found if not line.cancelled]
    if len(open_ones) == 1:
        return open_ones[0]
    order, named = _order_of(lines), ", ".join(sorted(items))
    if not found:
        return Difference("line_unknown", f"{order} {named}", f"{where}: item {named} is not on order {order}.")
    several = " and ".join(str(line.number) for line in found)
    sentence = f"{where}: item {named} stands on lines {several} of order {order}, and the paper gives no line number."
    return Difference("line_unknown", f"{order} {named}", sentence)


def _unmapped(numbers: PaperNumbers, lines: Sequence[LineView], where: str) -> Difference:
    named = _named_by(numbers)
    if not named:
        sentence = f"{where} has neither a line number nor an item number."
        return Difference("line_unknown", f"{_order_of(lines)} (no number)", sentence)
    sentence = f"{where}: {named['number_kind']} number {named['number']} is not mapped to an item."
    return Difference("item_unmapped", named["number"], sentence, {**named})


def _named_by(numbers: PaperNumbers) -> dict[str, str]:
    """The number by which a mapping can say what the paper means; empty when it has none."""
    known = (
        ("gtin", next(iter(numbers.barcodes14), "")),
        ("vendor", "" if numbers.buyer.strip() else numbers.vendor),
        ("buyer", numbers.buyer),
    )
    return next(({"number": number, "number_kind": kind} for kind, number in known if number.strip()), {})


def _order_of(lines: Sequence[LineView]) -> str:
    return lines[0].order_number if lines else ""
