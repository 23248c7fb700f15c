"""A Visma that keeps one order's books, and says no where the invariants would break: judged by what papers said alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connector.flows.invoice_plan import InvoicePlan
from connector.flows.order_acks import AckPlan
from connector.flows.receipts import ReceiptPlan
from mapping.models import Booking, BookingLine, Company, OrderLine
from tests.acceptance.generated import IN_PIECES, ORDERED, PRICE, TYPED_IN, Sent, Typed

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ZERO = Decimal(0)
CONFIRMS, BACKORDERS, REJECTS, ASKS = ("IA", "IQ", "DR", "IP"), ("IB",), ("IR", "ID"), ("IR", "ID", "IP")


@dataclass
class Goods:
    """One line of a receipt or a return, in pieces; None where nobody knows."""

    ref: str
    line: int
    place: int
    pieces: Decimal | None
    released: bool
    is_return: bool = False


@dataclass
class Billed:
    """Pieces of one order line on an invoice, negative on a credit note; `goods` where it is linked."""

    line: int
    pieces: Decimal
    goods: Goods | None = None


class SmallVisma:
    """The books in memory, for the invariants, and as mirrored bookings, for those who decide."""

    def __init__(self, company: Company, percent: Decimal, absolute: Decimal) -> None:
        self.company, self.percent, self.absolute = company, percent, absolute
        self.goods: list[Goods] = []
        self.billed: list[Billed] = []
        self.answers: list[tuple[int, int, Sent]] = []
        self.numbers: set[tuple[str, str]] = set()

    def most(self, quantity: Decimal) -> Decimal:
        return quantity + max(self.absolute, quantity * self.percent / 100)

    # what is there ----------------------------------------------------------------------------------------------------

    def kept(self, line: int, *, released: bool) -> Decimal:
        """Received less returned; with drafts of receipts unless `released`, never with drafts of returns."""
        own = [one for one in self.goods if one.line == line and one.pieces is not None]
        there = sum((one.pieces or ZERO for one in own if not one.is_return and (one.released or not released)), ZERO)
        return there - sum((one.pieces or ZERO for one in own if one.is_return and one.released), ZERO)

    def invoiced(self, line: int) -> Decimal:
        return sum((one.pieces for one in self.billed if one.line == line), ZERO)

    def taken(self, goods: Goods) -> Decimal:
        return sum((one.pieces for one in self.billed if one.goods is goods), ZERO)

    def is_uncountable(self, line: int) -> bool:
        return any(one.pieces is None for one in self.goods if one.line == line)

    # what we post -----------------------------------------------------------------------------------------------------

    def post(self, sent: Sent, output: bytes, ref: str, sequence: int) -> str:
        """Takes what was decided to go out; fails where it must not have been."""
        if sent.kind == "order_ack":
            self._promise(sent, AckPlan.model_validate_json(output), sequence)
            return "PO100"
        assert (sent.kind, sent.number) not in self.numbers, f"{sent.kind} {sent.number} is booked twice"
        self.numbers.add((sent.kind, sent.number))
        for one in sent.lines:
            assert one.line in ORDERED, "a line that is not on the order"
            assert not one.wrong_item, "line and item disagree"
            assert one.unit in IN_PIECES, "a unit that nobody mapped"
            assert not self.is_uncountable(one.line), "beside a booking that nobody can count"
        if sent.kind == "shipment":
            self._receive(sent, ReceiptPlan.model_validate_json(output), ref)
        else:
            self._bill(sent, InvoicePlan.model_validate_json(output), ref)
        return ref

    def _receive(self, sent: Sent, plan: ReceiptPlan, ref: str) -> None:
        assert not plan.cancels, "nobody allowed to cancel a receipt"
        assert {line.line_number: line.quantity for line in plan.lines} == _pieces(sent)
        for place, line in enumerate(plan.lines, start=1):
            self._keep(Goods(ref, line.line_number, place, line.quantity, sent.released))
            total, most = self.kept(line.line_number, released=False), self.most(ORDERED[line.line_number])
            assert total <= most, f"line {line.line_number}: {total} received, at most {most} expected"
        self._mirror(Booking.Kind.RECEIPT, "PoReceipt", ref, [one for one in self.goods if one.ref == ref])

    def _keep(self, goods: Goods) -> None:
        self.goods.append(goods)

    def _bill(self, sent: Sent, plan: InvoicePlan, ref: str) -> None:
        assert sent.type in ("DR", "U5"), f"type {sent.type} is never posted"
        assert sent.adds_up, "its figures do not add up"
        assert all(one.price == PRICE * IN_PIECES[one.unit] for one in sent.lines), "another price than ordered"
        by_place = {(one.ref, one.place): one for one in self.goods}
        linked: dict[int, Decimal] = defaultdict(Decimal)
        rows = []
        for line in plan.lines:
            if line.receipt:
                goods = by_place[line.receipt, line.receipt_line or 0]
                linked[goods.line] += line.quantity
                rows.append(Billed(goods.line, line.quantity, goods))
        wanted = _pieces(sent)
        rows += [
            Billed(number, pieces - linked[number]) for number, pieces in wanted.items() if pieces > linked[number]
        ]
        assert sum((line.quantity for line in plan.lines), ZERO) == sum(wanted.values()), "not all that the paper bills"
        self.billed += rows
        for row in rows:
            self._check_billed(row)
        self._mirror_invoice("Invoice", ref, [row for row in rows if row.goods])

    def _check_billed(self, row: Billed) -> None:
        if row.goods:
            assert row.goods.released, "a receipt that is not released"
            assert self.taken(row.goods) <= (row.goods.pieces or ZERO), "more than is on the receipt line"
        invoiced, kept = self.invoiced(row.line), self.kept(row.line, released=True)
        assert invoiced <= self.most(ORDERED[row.line]), f"line {row.line}: {invoiced} invoiced"
        assert invoiced <= self.most(kept), f"line {row.line}: {invoiced} invoiced, {kept} received"

    def _promise(self, sent: Sent, plan: AckPlan, sequence: int) -> None:
        """An older acknowledgment changes nothing that a newer one of the same line and place has said."""
        assert sent.type in ("AC", "AD", "AE"), f"type {sent.type} is for a person"
        # what it asks of one line may be answered by a newer one; what it says of the others then still goes
        asks = {line for line, said in sent.answers if any(status in ASKS for status, _, _ in said)}
        for line in plan.lines:
            assert line.line_number not in asks, f"line {line.line_number}: asks for a person"
            newer = [one for day, place, one in self.answers if (day, place) > (sent.day, sequence)]
            about = [one for one in newer if speaks_of(one, line.line_number) and not elsewhere(one, sent)]
            assert not about, f"line {line.line_number}: an older acknowledgment wins"
            if line.promised:
                OrderLine.objects.filter(order__number="PO100", number=line.line_number).update(promised=line.promised)
        self.answers.append((sent.day, sequence, sent))

    # what people type -------------------------------------------------------------------------------------------------

    def type(self, typed: Typed, ref: str) -> None:
        """A booking by hand, as far as Visma takes it: no return of what is not there, no bill without goods."""
        if typed.kind == "receipt":
            factor = TYPED_IN[typed.unit]
            pieces = typed.quantity * factor if factor else None
            self._keep(Goods(ref, typed.line, 1, pieces, typed.released))
            self._mirror(Booking.Kind.RECEIPT, "PoReceipt", ref, self.goods[-1:], typed)
        elif typed.kind == "return":
            self._give_back(typed, ref)
        else:
            self._type_bill(typed, ref)

    def _give_back(self, typed: Typed, ref: str) -> None:
        pieces = min(typed.quantity, self.kept(typed.line, released=True))
        if pieces > 0:
            self._keep(Goods(ref, typed.line, 1, pieces, typed.released, is_return=True))
            self._mirror(Booking.Kind.RECEIPT, "PoReturn", ref, self.goods[-1:])

    def _type_bill(self, typed: Typed, ref: str) -> None:
        own = [
            one for one in self.goods if one.line == typed.line and one.released and not one.is_return and one.pieces
        ]
        for goods in own:
            room = self.taken(goods) if typed.kind == "credit" else (goods.pieces or ZERO) - self.taken(goods)
            pieces = min(typed.quantity, room)
            if pieces > 0:
                self.billed.append(Billed(typed.line, -pieces if typed.kind == "credit" else pieces, goods))
                self._mirror_invoice("DebitAdj" if typed.kind == "credit" else "Invoice", ref, self.billed[-1:])
                return

    # the mirrors ------------------------------------------------------------------------------------------------------

    def _mirror(self, kind: str, type_: str, ref: str, goods: list[Goods], typed: Typed | None = None) -> None:
        booking = self._booking(kind, type_, ref, "Released" if goods[0].released else "Hold")
        unit, quantity = (typed.unit, typed.quantity) if typed else ("STK", None)
        BookingLine.objects.bulk_create(
            BookingLine(
                booking=booking,
                number=one.place,
                order_number="PO100",
                order_line_number=one.line,
                unit=unit,
                quantity=quantity or one.pieces or ZERO,
            )
            for one in goods
        )

    def _mirror_invoice(self, type_: str, ref: str, rows: list[Billed]) -> None:
        booking = self._booking(Booking.Kind.INVOICE, type_, ref, "Hold")
        BookingLine.objects.bulk_create(
            BookingLine(
                booking=booking,
                number=place,
                receipt_number=row.goods.ref if row.goods else "",
                receipt_line_number=row.goods.place if row.goods else None,
                unit="STK",
                quantity=abs(row.pieces),
            )
            for place, row in enumerate(rows, start=1)
        )

    def _booking(self, kind: str, type_: str, number: str, status: str) -> Booking:
        columns: dict[str, Any] = {"supplier_number": "50000", "status": status, "date": NOW.date()}
        return Booking.objects.create(company=self.company, kind=kind, type=type_, number=number, **columns)


def speaks_of(sent: Sent, line: int) -> bool:
    return sent.type != "AC" or line in dict(sent.answers)


def elsewhere(one: Sent, other: Sent) -> bool:
    return bool(one.place and other.place and one.place != other.place)


def _pieces(sent: Sent) -> dict[int, Decimal]:
    found: dict[int, Decimal] = defaultdict(Decimal)
    for one in sent.lines:
        found[one.line] += one.pieces
    return dict(found)
