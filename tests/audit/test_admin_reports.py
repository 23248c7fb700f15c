"""The roll-up of an order: the latest answer counts, nothing counts twice, and what is asked of the database is bounded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from audit import ledger, reports
from audit.models import Document, DocumentLine, Kind, Status
from mapping.models import Booking, BookingLine, Company, Order, OrderLine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDERED = Decimal(100)


@pytest.fixture
def order(company: Company) -> Order:
    order = Order.objects.create(company=company, number="PO000412", status="Open")
    OrderLine.objects.create(order=order, number=1, item="1001-BLK", unit="STK", quantity=ORDERED)
    return order


def paper(order: Order, kind: str, status: str, *, at: datetime = NOON, ref: str = "", **said: Any) -> Document:
    """A document of one line about the order's first line, standing where it is told to."""
    place = Document.objects.count()
    document, _ = ledger.store(order.company, f"{kind}/{place}", b"{}", kind=kind, now=at)
    line = DocumentLine(position=0, order_number=order.number, order_line=order.lines.get(number=1), **said)
    ledger.describe(document, {order.number: order}, [line], number=f"{kind}-{place}", date=at.date())
    Document.objects.filter(pk=document.pk).update(
        status=status, output_ref=ref or "x", reason="x", lease_until=at, delivered_at=at
    )
    return document


def booked(order: Order, kind: str, quantity: int, **columns: Any) -> Booking:
    columns = {"type": "PoReceipt", "status": "Released", "number": f"B{Booking.objects.count()}", **columns}
    booking = Booking.objects.create(company=order.company, kind=kind, **columns)
    BookingLine.objects.create(
        booking=booking, number=1, order_number=order.number, order_line_number=1, quantity=quantity
    )
    return booking


def test_a_later_acknowledgment_replaces_an_earlier_one_and_an_older_one_never_wins(order: Order) -> None:
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, at=NOON + timedelta(days=1), confirmed=90, backordered=10)
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, at=NOON, confirmed=100)
    stand = reports.order_lines(order)[0]
    assert (stand.confirmed, stand.backordered, stand.open) == (Decimal(90), Decimal(10), Decimal(0))


def test_acknowledgments_of_two_locations_are_added_up(order: Order) -> None:
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, confirmed=40, location="OSLO")
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, confirmed=30, location="BERGEN")
    assert reports.order_lines(order)[0].confirmed == 70


def test_an_acknowledgment_of_the_whole_line_ends_those_per_location(order: Order) -> None:
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, confirmed=40, location="OSLO")
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, at=NOON + timedelta(days=1), confirmed=100)
    assert reports.order_lines(order)[0].confirmed == 100


def test_two_dates_in_one_acknowledgment_both_count_and_the_later_is_promised(order: Order) -> None:
    document = paper(order, Kind.ORDER_ACK, Status.DELIVERED, confirmed=60, date=date(2026, 4, 1))
    DocumentLine.objects.create(
        document=document, position=1, order_line=order.lines.get(number=1), confirmed=40, date=date(2026, 5, 1)
    )
    stand = reports.order_lines(order)[0]
    assert (stand.confirmed, stand.promised) == (ORDERED, date(2026, 5, 1))


@pytest.mark.parametrize("status", [Status.FAILED, Status.IGNORED])
def test_what_failed_or_is_ignored_says_nothing(order: Order, status: Status) -> None:
    paper(order, Kind.ORDER_ACK, status, confirmed=100)
    paper(order, Kind.SHIPMENT, status, shipped=100)
    stand = reports.order_lines(order)[0]
    assert (stand.confirmed, stand.shipped, stand.open) == (Decimal(0), Decimal(0), ORDERED)


def test_shipped_counts_once_it_is_matched_and_a_held_ship_notice_does_not(order: Order) -> None:
    paper(order, Kind.SHIPMENT, Status.MATCHED, shipped=10)
    paper(order, Kind.SHIPMENT, Status.HELD, shipped=1000)
    assert reports.order_lines(order)[0].shipped == 10


def test_an_unreleased_receipt_is_shown_apart_and_a_return_takes_away(order: Order) -> None:
    booked(order, "receipt", 60)
    booked(order, "receipt", 25, status="Hold")
    booked(order, "receipt", 5, type="PoReturn")
    booked(order, "receipt", 400, status="Cancelled")
    stand = reports.order_lines(order)[0]
    assert (stand.received, stand.unreleased) == (Decimal(55), Decimal(25))


def test_our_invoice_and_its_mirror_count_once_and_a_typed_one_is_added(order: Order) -> None:
    paper(order, Kind.INVOICE, Status.DELIVERED, ref="700001", invoiced=60)
    booked(order, "invoice", 60, type="Invoice", number="700001", status="Open")
    booked(order, "invoice", 40, type="Invoice", number="700002", status="Open")
    assert reports.order_lines(order)[0].invoiced == 100


def test_an_invoice_voided_in_visma_counts_on_neither_side(order: Order) -> None:
    paper(order, Kind.INVOICE, Status.DELIVERED, ref="700001", invoiced=60)
    booked(order, "invoice", 60, type="Invoice", number="700001", status="Voided")
    assert reports.order_lines(order)[0].invoiced == 0


def test_replaying_a_ship_notice_takes_it_out_of_the_figures_until_it_is_matched_again(order: Order) -> None:
    document = paper(order, Kind.SHIPMENT, Status.HELD, shipped=10)
    document.refresh_from_db()
    ledger.replay(document, now=NOON, actor="fiona")
    assert reports.order_lines(order)[0].shipped == 0
    ledger.move(document, Status.MATCHED, now=NOON)
    assert reports.order_lines(order)[0].shipped == 10


def test_the_same_order_number_in_another_company_is_another_order(order: Order) -> None:
    other = Company.objects.create(name="Other AB", orders_from=date(2026, 1, 1))
    booked(Order.objects.create(company=other, number=order.number), "receipt", 60)
    assert reports.order_lines(order)[0].received == 0


def test_where_an_order_stands_is_its_furthest_step(order: Order) -> None:
    def step() -> str:
        return reports.order_stands([order])[order.pk].step

    assert step() == "not sent"
    sent, _ = ledger.store(order.company, "visma:1", b"{}", kind=Kind.ORDER, now=NOON, number=order.number, revision=1)
    assert step() == "received", "the document waits for the sweep"
    Document.objects.filter(pk=sent.pk).update(status=Status.DELIVERED, output_ref="in/x")
    assert step() == "sent"
    Document.objects.filter(pk=sent.pk).update(picked_up_at=NOON)
    assert step() == "picked up"
    paper(order, Kind.ORDER_ACK, Status.DELIVERED, confirmed=100)
    assert step() == "answered"
    paper(order, Kind.SHIPMENT, Status.DELIVERED, shipped=100)
    assert step() == "shipped"
    booked(order, "receipt", 40)
    assert step() == "partly received"
    booked(order, "receipt", 60)
    assert step() == "received"
    paper(order, Kind.INVOICE, Status.DELIVERED, ref="7", invoiced=100)
    assert step() == "invoiced"


def test_fifty_orders_ask_no_more_of_the_database_than_one(order: Order) -> None:
    for number in range(50):
        other = Order.objects.create(company=order.company, number=f"PO{number}")
        OrderLine.objects.create(order=other, number=1, quantity=1)
        paper(other, Kind.SHIPMENT, Status.DELIVERED, shipped=1)
    everything = list(Order.objects.all())
    with CaptureQueriesContext(connection) as one:
        reports.order_stands([order])
    with CaptureQueriesContext(connection) as all_of_them:
        reports.order_stands(everything)
    assert len(all_of_them) == len(one) <= 6


def test_silence_is_seen_after_half_an_hour_and_three_days(order: Order) -> None:
    sent, _ = ledger.store(order.company, "v:1", b"{}", kind=Kind.ORDER, now=NOON, number=order.number, revision=1)
    Document.objects.filter(pk=sent.pk).update(status=Status.DELIVERED, output_ref="in/x", delivered_at=NOON)
    assert not reports.unpicked(NOON + timedelta(minutes=29)).exists()
    assert reports.unpicked(NOON + timedelta(minutes=31)).get() == sent
    assert not reports.unanswered(NOON + timedelta(days=2)).exists()
    assert reports.unanswered(NOON + timedelta(days=4)).get() == sent


quantities = st.decimals(min_value=0, max_value=10_000, places=3)
answers = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["", "OSLO", "BERGEN"]), quantities, quantities, quantities),
    max_size=12,
)


@given(answers, quantities)
def test_confirmed_backordered_rejected_and_open_always_make_up_what_was_ordered(
    said: list[tuple[int, str, Decimal, Decimal, Decimal]], ordered: Decimal
) -> None:
    rows = [
        DocumentLine(
            document=Document(
                pk=pk, kind=Kind.ORDER_ACK, status=Status.DELIVERED, date=date(2026, 3, pk), created_at=NOON
            ),
            location=location,
            confirmed=confirmed,
            backordered=backordered,
            rejected=rejected,
        )
        for pk, location, confirmed, backordered, rejected in said
    ]
    stand = reports.line_stand(OrderLine(quantity=ordered), rows, [])
    assert stand.confirmed + stand.backordered + stand.rejected + stand.open == ordered
    newest = max((row.document_id for row in rows), default=0)
    for row in rows:
        if row.document_id == newest:
            assert stand.confirmed >= row.confirmed, "the newest paper counts in full"
