"""Visma says that it took something and does not show it yet, or answers 404 for a moment: nothing is made a second time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector.sandbox.wire import Reply, Request, as_json
from mapping.models import TradingPartner
from tests.connector.pipeline.round import Round
from tests.connector.pipeline.story import accepted, answers, bills, ordered, received, ships, standing

NO_ROUTE = Reply(404, b"<html>no such route</html>")


def reading_receipt(call: Request) -> bool:
    return call.method == "GET" and call.path.startswith("/v2/PurchaseReceipt/")


def in_steps(round_: Round, passes: int = 4) -> Document:
    """Time enough for looks, not for an absence to be proven; the last document."""
    for _ in range(passes):
        round_.pass_once()
        round_.clock.shift(timedelta(seconds=5))
    return round_.documents()[-1]


def replayed(round_: Round, document: Document) -> Document:
    ledger.replay(document, now=timezone.now(), actor="anna")
    round_.work()
    document.refresh_from_db()
    return document


def test_attachment_that_is_answered_404_makes_no_second_invoice(round_: Round) -> None:
    order = received(round_)
    answers(round_, "visma", lambda call: as_json({}, 404) if call.path.endswith("/attachment") else None, times=1)
    bills(round_, "I1", order)
    round_.work()
    asked = round_.document(Kind.INVOICE)
    assert (asked.status, asked.cause) == (Status.HELD, "remote_rejected")
    assert "cannot be attached" in asked.reason
    assert replayed(round_, asked).status == Status.DELIVERED
    assert len(round_.world.visma.books.invoices) == 1


def test_invoice_that_is_refused_because_it_is_there_is_found_when_replayed(round_: Round) -> None:
    order = received(round_)
    invoices = round_.world.visma.books.invoices
    hidden = [True]

    def odd(call: Request) -> Reply | None:
        if hidden[0] and (call.method, call.path) == ("GET", "/v1/supplierInvoice"):
            return as_json([])  # its list lags further behind than anybody has told us
        if invoices and (call.method, call.path) == ("POST", "/v1/supplierInvoice"):
            return as_json({"message": "Supplier ref. I1 already exists."}, 400)
        return None

    answers(round_, "visma", odd)
    round_.world.visma.faults.fault("POST", "/v1/supplierInvoice", "break_after")
    bills(round_, "I1", order)
    round_.work()
    asked = round_.document(Kind.INVOICE)
    assert (asked.status, asked.cause) == (Status.HELD, "remote_rejected")
    hidden[0] = False
    assert replayed(round_, asked).status == Status.DELIVERED
    assert len(invoices) == 1


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("odd", [NO_ROUTE, Reply(200, b"null")])
def test_receipt_that_is_not_there_or_unreadable_for_a_moment_is_continued(
    round_: Round, odd: Reply, times: int
) -> None:
    order = ordered(round_)
    answers(round_, "visma", lambda call: odd if reading_receipt(call) else None, times=times)
    ships(round_, "S1", order, 4)
    in_steps(round_)
    round_.work()
    notice = round_.document(Kind.SHIPMENT)
    assert notice.status == Status.DELIVERED, notice.reason
    assert len(standing(round_)) == 1


def test_receipt_that_was_thought_gone_is_found_when_replayed(round_: Round) -> None:
    order = ordered(round_)
    answers(round_, "visma", lambda call: NO_ROUTE if reading_receipt(call) else None, times=2)
    ships(round_, "S1", order, 4)
    round_.work()
    notice = round_.document(Kind.SHIPMENT)
    assert (notice.status, notice.cause) == (Status.HELD, "remote_rejected")
    assert replayed(round_, notice).status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_created_under_an_address_without_a_number_is_looked_up(round_: Round) -> None:
    order = ordered(round_)
    handle = round_.world.visma.handle

    def odd(call: Request) -> Reply | None:
        if (call.method, call.path) != ("POST", "/v1/PurchaseReceipt"):
            return None
        handle(call)
        return Reply(201, b"", {"Location": "https://visma.example/v1/PurchaseReceipt/"})

    answers(round_, "visma", odd, times=1)
    ships(round_, "S1", order, 4)
    round_.work()
    assert round_.document(Kind.SHIPMENT).status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_quantities_that_appear_late_are_waited_for(round_: Round) -> None:
    order = ordered(round_)
    handle = round_.world.visma.handle
    shown: list[Reply] = []
    written: list[Request] = []

    def odd(call: Request) -> Reply | None:
        if call.method == "PUT" and "/PurchaseReceipt/" in call.path:
            written.append(call)
        elif reading_receipt(call) and not written:
            shown[:] = [handle(call)]
        elif reading_receipt(call) and len(shown) < 4:
            shown.append(shown[0])
            return shown[0]
        return None

    answers(round_, "visma", odd)
    ships(round_, "S1", order, 4)
    notice = in_steps(round_, passes=6)
    assert notice.status == Status.DELIVERED, notice.reason
    assert len(written) == 1


def test_quantities_that_visma_never_shows_are_asked_about(round_: Round) -> None:
    order = ordered(round_)
    answers(
        round_,
        "visma",
        lambda call: Reply(204) if call.method == "PUT" and "/PurchaseReceipt/" in call.path else None,
        times=1,
    )
    ships(round_, "S1", order, 4)
    round_.work()
    notice = round_.document(Kind.SHIPMENT)
    assert (notice.status, notice.cause) == (Status.HELD, "remote_rejected")
    assert "not 4" in notice.reason
    assert replayed(round_, notice).status == Status.DELIVERED  # a person has asked: it is told once more
    assert len(standing(round_)) == 1


@pytest.mark.parametrize("said", [Reply(202), as_json({"actionId": "x", "actionResult": "queued"})])
def test_replacement_waits_until_the_old_receipt_is_seen_cancelled(round_: Round, said: Reply) -> None:
    order = ordered(round_)
    ships(round_, "S1", order, 4)
    round_.work()
    answers(round_, "visma", lambda call: said if call.path.lower().endswith("/cancelreceipt") else None, times=1)
    ships(round_, "S1", order, 5, purpose="05")
    round_.work()
    accepted(round_.documents(kind=Kind.SHIPMENT)[-1])
    in_steps(round_)
    assert len(standing(round_)) == 1  # the old one
    round_.work()
    assert round_.documents(kind=Kind.SHIPMENT)[-1].status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_replacement_of_a_receipt_that_people_deleted_takes_its_place(round_: Round) -> None:
    order = ordered(round_)
    ships(round_, "S1", order, 4)
    round_.work()
    del round_.world.visma.books.receipts[next(iter(standing(round_)))]
    ships(round_, "S1", order, 5, purpose="05")
    round_.work()
    accepted(round_.documents(kind=Kind.SHIPMENT)[-1])
    round_.work()
    assert round_.documents(kind=Kind.SHIPMENT)[-1].status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_released_is_what_visma_shows_as_released(round_: Round) -> None:
    TradingPartner.objects.update(release_receipts=True)
    order = ordered(round_)
    answers(round_, "visma", lambda call: Reply(202) if call.path.lower().endswith("/release") else None, times=1)
    ships(round_, "S1", order, 4)
    assert in_steps(round_).status == Status.DELIVERING
    round_.work()
    assert round_.document(Kind.SHIPMENT).status == Status.DELIVERED
    books = round_.world.visma.books
    assert [books.receipts[number].body["status"] for number in standing(round_)] == ["Released"]
