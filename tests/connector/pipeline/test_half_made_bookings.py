"""Bookings that are half made in Visma: never taken for another paper's, and never forgotten."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from audit import desk, ledger
from audit.models import Document, Kind, Status
from connector import pipeline
from connector.sandbox.wire import Reply, Request, as_json
from mapping.models import Booking
from tests.connector.pipeline.round import LAG, Round
from tests.connector.pipeline.story import accepted, answers, bills, ordered, received, ships, standing


def test_an_invoice_does_not_take_the_half_made_one_of_the_same_number_for_its_own(round_: Round) -> None:
    one, other = received(round_, "S1"), received(round_, "S2")
    refusing = True

    def attachments_refused(call: Request) -> Reply | None:
        refused = refusing and call.path.endswith("/attachment")
        return as_json({"message": "This type of file is not allowed."}, 400) if refused else None

    answers(round_, "visma", attachments_refused)
    bills(round_, "I1", one)
    round_.pass_once()
    first = round_.document(Kind.INVOICE)
    bills(round_, "i1", other)
    round_.pass_once()
    refusing = False
    round_.world.visma.faults.fault("POST", "/v1/supplierInvoice", "break_before")
    second = round_.documents(kind=Kind.INVOICE)[-1]
    accepted(second)
    round_.pass_once()
    round_.clock.shift(LAG)
    round_.work()
    second.refresh_from_db()
    assert first.progress["invoice"] not in ("", second.output_ref)
    assert second.status == Status.DELIVERED


def a_half_made_receipt(round_: Round) -> tuple[Document, str]:
    """A ship notice of four hinges whose receipt Visma has begun, and whose quantities it refuses; and its order."""
    order = ordered(round_)
    refused = as_json({"message": "A lot number is required."}, 400)
    quantities = ("PUT", "/v1/PurchaseReceipt/PR")
    answers(round_, "visma", lambda call: refused if (call.method, call.path[:22]) == quantities else None)
    ships(round_, "S1", order, 4)
    round_.work()
    document = round_.document(Kind.SHIPMENT)
    assert list(standing(round_)) == [document.half_made]
    return document, order


def test_a_ship_notice_that_was_asked_for_leaves_one_with_a_half_made_receipt_on_the_desk(round_: Round) -> None:
    half, order = a_half_made_receipt(round_)
    desk.ask_replacement(desk.alike(half.holds.get(closed_at=None)), reason="Wrong.", actor="kari", now=round_.now())
    ships(round_, "S1", order, 5)
    round_.work()
    half.refresh_from_db()
    assert half.status == Status.HELD
    assert round_.documents(kind=Kind.SHIPMENT)[-1].cause == "number_reused"


def test_whoever_ignores_a_half_made_receipt_is_told_its_number(round_: Round) -> None:
    half, _ = a_half_made_receipt(round_)
    assert ledger.ignore(half, "Not wanted.", now=round_.now(), actor="anna")
    assert half.reason == f"Not wanted. Half made in Visma: {half.half_made}."
    assert half.events.latest("sequence").facts == {"half_made": half.half_made}


@pytest.mark.parametrize("kind", [Kind.SHIPMENT, Kind.INVOICE])
def test_a_booking_that_a_gateway_said_is_gone_is_found_again_and_not_made_twice(round_: Round, kind: Kind) -> None:
    bills(round_, "I1", received(round_))
    round_.work()
    document, books = round_.document(kind), round_.world.visma.books
    was = document.output_ref
    page = Reply(404, b"<html>404 page not found</html>")
    asking = True
    answers(round_, "visma", lambda call: page if asking and call.path.endswith(f"/{was}") else None)
    assert pipeline.replay_delivered(document, actor="anna", reason="Is it there?", now=round_.now())
    asking = False
    round_.work()
    document.refresh_from_db()
    assert (document.status, document.output_ref) == (Status.DELIVERED, was), document.reason
    assert (len(books.receipts), len(books.invoices)) == (1, 1)


def test_an_invoice_in_doubt_is_not_counted_beside_what_it_has_become(round_: Round, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 2
    order = received(round_)
    unreadable = as_json([{"documentType": "Invoice"}])
    asking = True
    look = ("GET", "/v1/supplierInvoice")
    answers(
        round_,
        "visma",
        lambda call: unreadable if asking and (call.method, call.path) == look and "supplier" in call.query else None,
    )
    round_.world.visma.faults.fault("POST", "/v1/supplierInvoice", "break_after")
    bills(round_, "I1", order)
    round_.work()
    invoice = round_.document(Kind.INVOICE)
    assert invoice.cause == "in_doubt"
    asking = False
    round_.clock.shift(3600)
    round_.work()
    assert Booking.objects.filter(kind=Booking.Kind.INVOICE, reference="I1").exists(), "mirrored"
    ledger.replay(invoice, now=round_.now(), actor="anna")
    round_.work()
    invoice.refresh_from_db()
    assert (invoice.status, len(round_.world.visma.books.invoices)) == (Status.DELIVERED, 1), invoice.reason
