"""What may happen to one order, drawn by hypothesis: papers of a supplier, right and wrong, and bookings that people type."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from tests.papers import Tree, ack, ack_line, entry, invoice, invoice_line, numbers, of_order, ship_item, shipment

ORDERED = {1: Decimal(10), 2: Decimal(4)}
ITEMS = {1: "A1", 2: "B2"}
PRICE = Decimal("12.50")
IN_PIECES = {"EA": Decimal(1), "CT": Decimal(12)}  # CS is a cassette: nobody mapped it
TYPED_IN = {"STK": Decimal(1), "KRT": Decimal(12), "PAL": None}  # nobody knows how many a PAL is
quantities = st.sampled_from([Decimal(one) for one in ("0.5", 1, 2, 3, 4, 4, 5, 5, 6, 6, 8, 10, 10, 11, 12, 12)])
few = st.sampled_from([Decimal("0.25"), Decimal("0.5")])
named = st.sampled_from([1] * 6 + [2] * 5 + [9])
units = st.sampled_from(["EA"] * 8 + ["CT", "CS"])
statuses = st.sampled_from(["IA", "IA", "IQ", "DR", "IB", "IB", "IR", "IH", "IP", "ID"])
entries = st.lists(st.tuples(statuses, quantities, st.integers(1, 28)), min_size=1, max_size=2)
places = st.sampled_from(["", "", "OSLO", "BERGEN"])
THEMES = {
    "goods": ["shipment", "shipment", "receipt", "return", "invoice", "invoice"],
    "answers": ["order_ack", "order_ack", "order_ack", "order_ack", "shipment"],
    "all": ["order_ack", "shipment", "shipment", "invoice", "invoice", "receipt", "bill", "credit", "return"],
}


@dataclass(frozen=True)
class Said:
    """One line of a ship notice or invoice, as the oracle understands it."""

    line: int
    quantity: Decimal
    unit: str
    price: Decimal = PRICE
    wrong_item: bool = False

    @property
    def pieces(self) -> Decimal:
        return self.quantity * IN_PIECES[self.unit]

    @property
    def numbers(self) -> Tree:
        item = ITEMS[3 - self.line] if self.wrong_item else ITEMS.get(self.line, "A1")
        return numbers(str(self.line), buyer=item)


@dataclass(frozen=True)
class Sent:
    """One paper; `released` says whether the warehouse releases its receipt at once."""

    kind: str
    tree: Tree
    number: str = ""
    type: str = ""
    lines: tuple[Said, ...] = ()
    adds_up: bool = True
    day: int = 0
    place: str = ""
    answers: tuple[tuple[int, tuple[tuple[str, Decimal, int], ...]], ...] = ()
    released: bool = False


@dataclass(frozen=True)
class Typed:
    """One booking by hand: `receipt`, `return` of goods, `bill` of a receipt, `credit` for one."""

    kind: str
    line: int
    quantity: Decimal
    unit: str
    released: bool


@st.composite
def happenings(draw: st.DrawFn) -> list[Sent | Typed]:
    """What happens to the order, in this sequence."""
    kinds = draw(st.lists(st.sampled_from(THEMES[draw(st.sampled_from(sorted(THEMES)))]), min_size=3, max_size=9))
    drawn = {"order_ack": _ack, "shipment": _shipment, "invoice": _invoice}
    return [draw(drawn[kind]()) if kind in drawn else draw(_typed(kind)) for kind in kinds]


@st.composite
def _typed(draw: st.DrawFn, kind: str) -> Typed:
    unit = draw(st.sampled_from([*["STK"] * 6, "KRT", "PAL"])) if kind == "receipt" else "STK"
    quantity = draw(quantities if unit == "STK" else few)
    return Typed(kind, draw(st.sampled_from([1, 1, 2])), quantity, unit, draw(st.sampled_from([True, True, False])))


@st.composite
def _ack(draw: st.DrawFn) -> Sent:
    listed = draw(st.lists(st.tuples(st.sampled_from([1, 2]), entries), max_size=2, unique_by=lambda one: one[0]))
    type_ = draw(st.sampled_from(["AC", "AC", "AC", "AC", "AD", "AE", "AH", "RJ", "RO"]))
    day, place = draw(st.integers(1, 9)), draw(places)
    lines = [
        ack_line(
            numbers(str(line), buyer=ITEMS[line]),
            *(entry(status, quantity, f"2026-04-{promised:02d}") for status, quantity, promised in said),
        )
        for line, said in listed
    ]
    answers = tuple(
        (line, tuple((status, quantity, promised) for status, quantity, promised in said)) for line, said in listed
    )
    tree = ack("PO100", type_, lines, date=f"2026-03-{day:02d}", place=place)
    return Sent("order_ack", tree, type=type_, day=day, place=place, answers=answers)


@st.composite
def _shipment(draw: st.DrawFn) -> Sent:
    lines, number = draw(_lines()), f"S{draw(st.integers(1, 4))}"
    purpose = draw(st.sampled_from(["00", "00", "00", "00", "01", "05"]))
    items = [ship_item(one.numbers, one.quantity, one.unit) for one in lines]
    tree = shipment(number, *([] if purpose == "01" else [of_order("PO100", items=items)]), purpose=purpose)
    lines = () if purpose == "01" else lines
    return Sent("shipment", tree, number, purpose, lines, released=draw(st.sampled_from([True, True, False])))


@st.composite
def _invoice(draw: st.DrawFn) -> Sent:
    lines, number = draw(_lines(priced=True)), f"I{draw(st.integers(1, 4))}"
    billed = [invoice_line(one.numbers, one.quantity, one.price, one.unit) for one in lines]
    off, kind = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 5])), draw(st.sampled_from([*["DR"] * 8, "U5", "CR", "PRO"]))
    total = sum((one.quantity * one.price for one in lines), Decimal(0)) + off
    return Sent("invoice", invoice(number, "PO100", billed, total, kind=kind), number, kind, lines, adds_up=not off)


@st.composite
def _lines(draw: st.DrawFn, *, priced: bool = False) -> tuple[Said, ...]:
    found = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        line, unit = draw(named), draw(units)
        dearer = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1])) if priced else 0
        price = (PRICE + dearer) * IN_PIECES.get(unit, Decimal(1))
        wrong = line != 9 and draw(st.sampled_from([False] * 11 + [True]))
        found.append(Said(line, draw(quantities), unit, price, wrong))
    return tuple(found)
