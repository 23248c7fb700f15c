"""Generated sequences of papers about one order, decided as in life: what must hold whatever suppliers send.

GENERATED_CASES (default 40) is the number of sequences; `GENERATED_CASES=10000` is the long version.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import ledger, reports
from audit.models import Document, Kind, Status
from connector.flows.invoice_plan import InvoicePlan
from connector.flows.receipts import ReceiptPlan
from connector.pipeline import wakes
from connector.pipeline.deciding import decide
from mapping.models import Booking, BookingLine, Company, Order, TradingPartner
from tests.papers import (
    Tree,
    ack,
    ack_line,
    as_json,
    entry,
    invoice,
    invoice_line,
    numbers,
    of_order,
    ship_item,
    shipment,
)
from tests.trade import Bought, a_trade, an_order

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASES = int(os.environ.get("GENERATED_CASES", "40"))
ORDERED = {1: Decimal(10), 2: Decimal(4)}
ITEMS = {1: "A1", 2: "B2"}
LETTERS = {"order_ack": "PR", "shipment": "SH", "invoice": "IN"}
quantities = st.sampled_from([0, 1, 2, 3, "0.5", 4, 5, 6, 10, 11, 12, 24])
lines = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 9]), quantities, st.sampled_from(["EA", "EA", "CT", "CS"])),
    min_size=1,
    max_size=3,
)
places = st.sampled_from(["", "", "OSLO", "BERGEN"])
statuses = st.sampled_from(["IA", "IQ", "DR", "IB", "IR", "IH", "IP", "ID"])
entries = st.lists(st.tuples(statuses, quantities), min_size=1, max_size=2)


@dataclass(frozen=True)
class Sent:
    """One paper, and whether the warehouse releases its receipt."""

    kind: str
    tree: Tree
    released: bool


@st.composite
def papers(draw: st.DrawFn) -> Sent:
    kind = draw(st.sampled_from(["order_ack", "shipment", "shipment", "shipment", "invoice", "invoice"]))
    number = f"{kind}-{draw(st.integers(1, 4))}"
    if kind == "order_ack":
        listed = draw(st.lists(st.tuples(st.sampled_from([1, 2]), entries), max_size=2, unique_by=lambda one: one[0]))
        answers = [ack_line(_named(line), *(entry(*one) for one in said)) for line, said in listed]
        type_ = draw(st.sampled_from(["AC", "AD", "AE", "AH", "RJ", "RO"]))
        day = f"2026-03-{draw(st.integers(1, 9)):02d}"
        return Sent(kind, ack("PO100", type_, answers, date=day, place=draw(places)), released=False)
    wanted = draw(lines)
    if kind == "shipment":
        items = [ship_item(_named(line), quantity, unit) for line, quantity, unit in wanted]
        purpose = draw(st.sampled_from(["00", "00", "00", "01", "05"]))
        tree = shipment(number, *([] if purpose == "01" else [of_order("PO100", items=items)]), purpose=purpose)
        return Sent(kind, tree, released=draw(st.booleans()))
    price = {"EA": Decimal("12.50"), "CT": Decimal(150), "CS": Decimal("12.50")}
    billed = [invoice_line(_named(line), quantity, price[unit], unit) for line, quantity, unit in wanted]
    total = sum((Decimal(str(quantity)) * price[unit] for _, quantity, unit in wanted), Decimal(0))
    kinds = st.sampled_from(["DR", "DR", "DR", "U5", "CR", "PRO"])
    return Sent(
        kind, invoice(number, "PO100", billed, total + draw(st.sampled_from([0, 0, 0, 5])), kind=draw(kinds)), False
    )


def _named(line: int) -> Tree:
    return numbers(str(line), buyer=ITEMS.get(line, "A1"))


class Trade:
    """One order, and a Visma that only keeps bookings."""

    def __init__(self, company: Company, tolerance: Decimal) -> None:
        TradingPartner.objects.filter(company=company).update(quantity_percent=tolerance)
        self.company = company
        self.tolerance = tolerance
        self.order: Order = an_order(company, [Bought("A1", ORDERED[1]), Bought("B2", ORDERED[2])])
        self._numbers = count(1)

    def receive(self, sent: Sent) -> None:
        """A paper arrives; it is decided, and with it whatever that sets free."""
        path = f"/out/{LETTERS[sent.kind]}/{next(self._numbers)}.json"
        ledger.store(self.company, path, as_json(sent.tree), kind=sent.kind, now=NOW)
        for _ in range(12):
            owner, found = ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=datetime.now(UTC))
            for document in found:
                decide(document, owner=owner)
            matched = list(Document.objects.filter(company=self.company, status=Status.MATCHED))
            for document in matched:
                self._post(document, released=sent.released)
            if not (found or matched):
                return
        pytest.fail("documents wake one another for ever")

    def _post(self, document: Document, *, released: bool) -> None:
        owner, [document] = ledger.claim(
            Status.MATCHED, limit=1, seconds=60, now=datetime.now(UTC), only=Q(pk=document.pk)
        )
        assert ledger.begin_delivery(document, owner=owner, seconds=60, now=NOW)
        ref = self._book(document, released=released)
        ledger.move(document, Status.DELIVERED, now=NOW, owner=owner, output_ref=ref, delivered_at=NOW)
        wakes.orders_arrived(self.company, ["PO100"], now=NOW)

    def _book(self, document: Document, *, released: bool) -> str:
        output = bytes(document.output)
        if document.kind == Kind.ORDER_ACK:
            return "PO100"
        ref = f"{document.kind}-{document.pk}"
        if document.kind == Kind.INVOICE:
            self._invoice(ref, InvoicePlan.model_validate_json(output))
            return ref
        plan = ReceiptPlan.model_validate_json(output)
        if plan.cancels:
            Booking.objects.filter(company=self.company, number=plan.cancels).update(status="Cancelled")
        return self._receipt(ref, plan, released=released) if plan.lines else plan.cancels

    def _receipt(self, ref: str, plan: ReceiptPlan, *, released: bool) -> str:
        status = "Released" if released else "Hold"
        booking = self._booking(Booking.Kind.RECEIPT, "PoReceipt", ref, status=status, reference=plan.reference)
        for place, line in enumerate(plan.lines, start=1):
            order = {"order_number": line.order_number, "order_line_number": line.line_number}
            BookingLine.objects.create(booking=booking, number=place, quantity=line.quantity, **order)
        return ref

    def _invoice(self, ref: str, plan: InvoicePlan) -> None:
        booking = self._booking(Booking.Kind.INVOICE, "Invoice", ref, status="Hold", reference=plan.reference)
        for place, line in enumerate(plan.lines, start=1):
            receipt = {"receipt_number": line.receipt, "receipt_line_number": line.receipt_line}
            BookingLine.objects.create(booking=booking, number=place, quantity=line.quantity, **receipt)

    def _booking(self, kind: str, type_: str, number: str, **columns: Any) -> Booking:
        return Booking.objects.create(
            company=self.company, kind=kind, type=type_, number=number, supplier_number="50000", **columns
        )

    def check(self) -> None:
        """What must hold at any moment."""
        for number, ordered in ORDERED.items():
            most = ordered * (1 + self.tolerance / 100)
            received = self._total(order_line_number=number, booking__kind="receipt")
            assert received <= most, f"line {number}: {received} received, {ordered} ordered"
            assert self._invoiced(number) <= most, f"line {number}: {self._invoiced(number)} invoiced"
        self._check_rest()
        self._check_roll_up()

    def _total(self, **where: Any) -> Decimal:
        rows = BookingLine.objects.filter(booking__company=self.company, **where)
        found = rows.exclude(booking__status="Cancelled").aggregate(total=Sum("quantity"))["total"]
        return found or Decimal(0)

    def _invoiced(self, number: int) -> Decimal:
        """By receipt line: nothing is invoiced that was not received and released, beyond the tolerance."""
        total = Decimal(0)
        for row in BookingLine.objects.filter(booking__kind="receipt", order_line_number=number):
            billed = self._total(receipt_number=row.booking.number, receipt_line_number=row.number)
            assert not billed or row.booking.status == "Released"
            assert billed <= row.quantity * (1 + self.tolerance / 100)
            total += billed
        return total

    def _check_rest(self) -> None:
        """Nothing is posted from a paper that is held, waits or was ignored; each says why."""
        for document in Document.objects.filter(company=self.company).exclude(status=Status.DELIVERED):
            assert document.status in (Status.HELD, Status.WAITING, Status.IGNORED), document
            assert not document.output_ref
            assert document.reason
            assert not Booking.objects.filter(number=f"{document.kind}-{document.pk}").exists()

    def _check_roll_up(self) -> None:
        acks = Document.objects.filter(company=self.company, kind=Kind.ORDER_ACK).exclude(status=Status.IGNORED)
        clean = all(document.status == Status.DELIVERED for document in acks)
        for stand in reports.order_lines(self.order):
            assert stand.confirmed + stand.backordered + stand.rejected + stand.open == stand.ordered
            if clean and not self.tolerance:
                assert stand.open >= 0, f"line {stand.line.number}: {stand}"


@pytest.fixture
def trading(company: Company) -> Company:
    a_trade(company)
    return company


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(papers(), min_size=2, max_size=7), st.sampled_from([Decimal(0), Decimal(0), Decimal(10)]))
def test_never_more_than_the_tolerance_and_nothing_from_a_held_paper(
    trading: Company, sent: list[Sent], tolerance: Decimal
) -> None:
    with transaction.atomic():
        trade = Trade(trading, tolerance)
        for one in sent:
            trade.receive(one)
            trade.check()
        transaction.set_rollback(True)
