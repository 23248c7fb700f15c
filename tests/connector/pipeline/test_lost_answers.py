"""What nobody knows is looked for, and nothing is sent twice: lost answers, late writes, failed looks, half-made bookings."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from django.db.models import Q
from pytest_django.fixtures import Settings

from audit import ledger
from audit.models import Document, Hold, Kind, Status
from connector.models import Connection, Cursor
from connector.pipeline import delivering
from connector.sandbox.gate import Passed
from connector.sandbox.sps_shelf import Entry
from connector.sandbox.wire import Reply, Request
from connector.sandbox.wire import as_json as reply_json
from tests.connector.pipeline.round import LAG, Round
from tests.connector.pipeline.story import HINGE, answers, bills, ordered, received
from tests.papers import ack, ack_line, as_json, entry

INVOICE = ("POST", "/v1/supplierInvoice")
RECEIPT = ("POST", "/v1/PurchaseReceipt")
ORDER = ("POST", "/transactions/v5/data/in/*")


def calls_of(round_: Round, system: str, method: str, path: str) -> list[Passed]:
    traffic = getattr(round_.world, system).traffic.recent
    return [passed for passed in traffic if (passed.method, passed.path) == (method, path)]


def until_matched_invoice(round_: Round) -> None:
    """Everything up to the moment in which the invoice lies in the mailbox."""
    round_.world.new_order("50000")
    round_.work()
    while not any("/IN" in path for path in round_.world.sps.paths("out/")):
        round_.world.tick()
        if not any("/IN" in path for path in round_.world.sps.paths("out/")):
            round_.work()


def test_a_lost_answer_is_found_and_not_posted_twice(round_: Round) -> None:
    round_.world.visma.faults.fault(*INVOICE, "break_after")
    round_.play()
    until_matched_invoice(round_)
    round_.play()
    assert round_.uneven() == {}
    assert len(calls_of(round_, "visma", *INVOICE)) == len(round_.documents(kind=Kind.INVOICE))


def test_a_write_that_arrives_after_the_first_look_is_waited_for(round_: Round) -> None:
    late: list[Request] = []
    handle = round_.world.visma.handle

    def swallow_first_invoice(call: Request) -> Reply:
        if (call.method, call.path) == INVOICE and not late:
            late.append(call)
            return Reply(201)
        return handle(call)

    until_matched_invoice(round_)
    round_.world.visma.handle = swallow_first_invoice  # type: ignore[method-assign]  # the one seam: a slow Visma
    round_.world.visma.faults.fault(*INVOICE, "break_after")
    round_.pass_once()
    round_.clock.shift(timedelta(seconds=3))
    round_.pass_once()
    assert [d.status for d in round_.documents(kind=Kind.INVOICE, status=Status.DELIVERING)] == [Status.DELIVERING]
    handle(late[0])
    round_.clock.shift(timedelta(seconds=LAG))
    round_.play()
    assert round_.uneven() == {}


@pytest.mark.parametrize("kind", ["refuse", "http500_before", "rate_limit", "truncate"])
def test_a_look_that_fails_settles_no_doubt(round_: Round, kind: str) -> None:
    until_matched_invoice(round_)
    round_.world.visma.faults.fault(*INVOICE, "break_after")
    round_.world.visma.faults.fault("GET", "/v1/supplierInvoice", kind, times=2)
    round_.clock.shift(timedelta(seconds=1))
    round_.pass_once()
    for _ in range(4):
        round_.clock.shift(timedelta(seconds=LAG + 5))
        round_.pass_once()
    round_.play()
    assert round_.uneven() == {}
    assert round_.not_delivered() == []


def test_an_invoice_is_found_whose_reference_visma_has_written_in_capitals(round_: Round) -> None:
    def in_capitals(call: Request) -> None:
        for row in round_.world.visma.books.invoices.values():
            row.body["supplierReference"] = row.body["supplierReference"].upper()

    order = received(round_)
    answers(round_, "visma", in_capitals)
    round_.world.visma.faults.fault(*INVOICE, "break_after")
    bills(round_, "i1b", order)
    round_.work()
    invoice = round_.document(Kind.INVOICE)
    assert (invoice.status, len(round_.world.visma.books.invoices)) == (Status.DELIVERED, 1), invoice.reason
    assert len(calls_of(round_, "visma", *INVOICE)) == 1


def test_a_receipt_found_after_a_lost_answer_is_continued_when_its_next_step_is_refused(round_: Round) -> None:
    round_.world.visma.faults.fault(*RECEIPT, "break_after")
    round_.world.visma.faults.fault("POST", "/v1/PurchaseReceipt/*/action/addpurchaseorderlines", "rate_limit", times=2)
    round_.world.new_order("50000")
    round_.play()
    assert round_.uneven() == {}
    assert len(round_.world.visma.books.receipts) == len(round_.documents(kind=Kind.SHIPMENT))


def test_an_order_that_sps_took_before_the_history_shows_it_is_not_sent_again(round_: Round) -> None:
    round_.world.sps.history_lag = LAG - 10
    round_.world.sps.faults.fault(*ORDER, "break_after")
    number = round_.world.new_order("50000")
    round_.pass_once()
    round_.world.tick()
    round_.clock.shift(timedelta(seconds=5))
    round_.pass_once()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    assert order.status == Status.DELIVERING, order.reason
    round_.play()
    assert round_.uneven() == {}


@pytest.mark.parametrize(
    "body", [{"status": "error", "error": {"error": "busy"}}, {"results": [], "paging": {"total_count": 250}}]
)
def test_an_order_is_not_sent_again_because_of_a_history_that_is_none(round_: Round, body: dict[str, object]) -> None:
    handle, posts = round_.world.sps.handle, []

    def broken_history(call: Request) -> Reply:
        if call.method == "POST" and "/in/" in call.path:
            posts.append(call.path)
        return reply_json(body) if call.path.endswith("/history") else handle(call)

    round_.world.sps.handle = broken_history  # type: ignore[method-assign]  # the one seam: an SPS out of order
    round_.world.sps.faults.fault(*ORDER, "break_after")
    round_.world.new_order("50000")
    round_.pass_once()
    round_.world.tick()
    for _ in range(4):
        round_.clock.shift(timedelta(seconds=LAG + 40))
        round_.pass_once()
    assert len(posts) == 1


@pytest.mark.parametrize("hours", [-12, -5, 2, 14])
def test_an_order_that_sps_picked_up_is_found_in_a_history_of_any_time_zone(round_: Round, hours: int) -> None:
    round_.world.sps.shelf.zone = timezone(timedelta(hours=hours))
    round_.world.sps.faults.fault(*ORDER, "break_after")
    round_.world.new_order("50000")
    round_.pass_once()
    round_.world.tick()
    round_.clock.shift(timedelta(seconds=LAG + 5))
    round_.play()
    assert round_.uneven() == {}
    assert len([one for one in round_.world.sps.traffic.recent if one.method == "POST" and "/in/" in one.path]) == 1


@pytest.mark.parametrize("fault", ["break_after", "break_before"])
def test_a_history_that_never_comes_whole_is_read_in_parts(round_: Round, fault: str) -> None:
    shelf, handle = round_.world.sps.shelf, round_.world.sps.handle
    shelf.zone = timezone(timedelta(hours=-5))  # so that the first look, which is short, does not see it
    for minutes in range(900):
        when = shelf.clock() - timedelta(minutes=minutes)
        shelf.log[f"/in/OTHER{minutes}.json"] = [Entry(when, "uploaded", "another", 2, "")]
    asked: list[str] = []

    def without_patience(call: Request) -> Reply:
        """Whoever pages too far into the history is cut off."""
        if call.path.endswith("/history"):
            asked.append(call.query["after"])
            if int(call.query.get("offset", "0")) >= 200:
                return Reply(503)
        return handle(call)

    round_.world.sps.handle = without_patience  # type: ignore[method-assign]  # the one seam: a weak history
    round_.world.sps.faults.fault(*ORDER, fault)
    number = round_.world.new_order("50000")
    round_.pass_once()
    round_.world.tick()
    for _ in range(12):
        round_.clock.shift(timedelta(minutes=5))
        round_.pass_once()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    assert order.status == Status.DELIVERED, order.reason
    posts = [one for one in round_.world.sps.traffic.recent if one.method == "POST" and "/in/" in one.path]
    assert len(posts) == (1 if fault == "break_after" else 2)
    assert len(set(asked)) > 4, "part by part"


def test_a_half_made_receipt_that_people_cancelled_is_made_anew_after_a_replay(round_: Round) -> None:
    lines = "/v1/PurchaseReceipt/*/action/addpurchaseorderlines"
    round_.world.visma.faults.fault("POST", lines, "rate_limit", times=1)
    round_.world.new_order("50000")
    round_.work()
    for _ in range(2):
        round_.world.tick()
        round_.pass_once()
    shipment = next(iter(round_.documents(kind=Kind.SHIPMENT, status=Status.MATCHED)))
    half_made = shipment.progress["receipt"]
    round_.world.visma.books.receipts[half_made].body["status"] = "Cancelled"
    round_.work()
    shipment.refresh_from_db()
    assert (shipment.status, shipment.cause) == (Status.HELD, "remote_rejected")
    assert half_made in shipment.reason
    ledger.replay(shipment, now=shipment.updated_at, actor="anna")
    round_.play()
    assert round_.uneven() == {}


def test_endless_doubt_is_asked_of_a_person(round_: Round, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 3
    until_matched_invoice(round_)
    round_.world.visma.faults.fault(*INVOICE, "http500_before", times=99)
    round_.work(passes=60)
    held = round_.documents(kind=Kind.INVOICE, status=Status.HELD)
    assert {document.cause for document in held} == {"in_doubt"}
    assert Hold.objects.get(document=held[0], closed_at=None).cause == "in_doubt"
    round_.world.visma.faults.clear()
    for document in held:
        ledger.replay(document, now=document.updated_at, actor="anna")
    round_.play()
    assert round_.uneven() == {}


@pytest.mark.parametrize(
    ("status", "said"), [(503, "Looked for 3 times"), (400, "It was sent, and whether it arrived cannot be seen")]
)
def test_a_look_that_never_comes_about_is_told_to_a_person(
    round_: Round, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    monkeypatch.setattr(delivering, "MOST_LOOKS", 3)
    until_matched_invoice(round_)
    away = True
    look = ("GET", INVOICE[1])
    answers(
        round_,
        "visma",
        lambda call: Reply(status) if away and (call.method, call.path) == look and "supplier" in call.query else None,
    )
    round_.world.visma.faults.fault(*INVOICE, "break_after")
    round_.work()
    (invoice,) = round_.documents(kind=Kind.INVOICE, status=Status.HELD)
    assert (invoice.cause, invoice.progress["open"]) == ("in_doubt", True)
    assert invoice.reason.startswith(said)
    assert str(status) in invoice.reason
    away = False
    ledger.replay(invoice, now=invoice.updated_at, actor="anna")
    round_.play()
    assert round_.uneven() == {}


def test_attempts_end_in_the_dead_letter(round_: Round, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 3
    round_.world.sps.faults.fault(*ORDER, "rate_limit")
    round_.world.new_order("50000")
    round_.pass_once()
    Connection.objects.filter(system=Connection.System.SPS).update(url="http://127.0.0.1:9")  # nobody listens there
    for _ in range(8):
        round_.pass_once()
        round_.clock.shift(timedelta(seconds=LAG))
    (order,) = round_.documents(kind=Kind.ORDER, status=Status.FAILED)
    assert order.attempts == 3
    assert "Tried 3 times" in order.reason


def test_a_rate_limit_is_no_attempt_and_its_retry_after_is_obeyed(round_: Round) -> None:
    round_.world.sps.faults.fault(*ORDER, "rate_limit")
    number = round_.world.new_order("50000")
    round_.pass_once()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    assert (order.status, order.attempts) == (Status.MATCHED, 0)
    assert order.due_at is not None
    assert order.due_at - order.updated_at == timedelta(seconds=1)


def test_refused_credentials_pause_the_connection_and_sync_tries_again(round_: Round) -> None:
    round_.world.new_order("50000")
    sps = Connection.objects.filter(company=round_.company, system=Connection.System.SPS)
    right = sps.get().client_secret
    wrong = sps.get()
    wrong.client_secret = "wrong"
    wrong.save()
    synced = round_.pass_once()
    assert "401" in synced.failure
    assert sps.get().paused_at is not None
    assert [d.status for d in round_.documents(number__startswith="PO")].count(Status.MATCHED) >= 1
    mended = sps.get()
    mended.client_secret = right
    mended.save()
    round_.play()
    assert round_.uneven() == {}


def test_a_document_that_kills_its_worker_is_parked(round_: Round, settings: Settings) -> None:
    round_.world.sps.faults.fault(*ORDER, "rate_limit")
    number = round_.world.new_order("50000")
    round_.pass_once()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    for _ in range(settings.MAX_DEATHS + 1):
        round_.clock.shift(timedelta(seconds=settings.LEASE_SECONDS + 1))
        owner, (order,) = ledger.claim(
            order.status, limit=1, seconds=settings.LEASE_SECONDS, now=round_.now(), only=Q(pk=order.pk)
        )
        assert ledger.begin(order, owner=owner, seconds=settings.LEASE_SECONDS, now=round_.now())
        if order.status == Status.MATCHED:  # and here the worker dies
            ledger.begin_delivery(order, owner=owner, seconds=settings.LEASE_SECONDS, now=round_.now())
    delivering.reconcile(order, owner=owner)
    assert Document.objects.get(pk=order.pk).status == Status.FAILED


def test_who_has_lost_the_lease_sends_nothing(round_: Round, settings: Settings) -> None:
    round_.world.sps.faults.fault(*ORDER, "rate_limit")
    number = round_.world.new_order("50000")
    round_.pass_once()
    round_.clock.shift(timedelta(seconds=5))
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    owner, (order,) = ledger.claim(order.status, limit=1, seconds=1, now=round_.now(), only=Q(pk=order.pk))
    Document.objects.filter(pk=order.pk).update(lease_owner="another")
    before = round_.world.sps.traffic.total()
    delivering.deliver(order, owner=owner)
    assert round_.world.sps.traffic.total() == before
    assert Document.objects.get(pk=order.pk).status == Status.MATCHED


@pytest.mark.parametrize("status", [404, 403])
def test_an_order_in_doubt_is_asked_about_where_sps_keeps_no_history(
    round_: Round, settings: Settings, status: int
) -> None:
    settings.MAX_ATTEMPTS = 3
    handle = round_.world.sps.handle

    def without_history(call: Request) -> Reply:
        return Reply(status) if call.path.endswith("/history") else handle(call)

    round_.world.sps.handle = without_history  # type: ignore[method-assign]  # the one seam: an account without it
    round_.world.sps.faults.fault(*ORDER, "break_before")
    number = round_.world.new_order("50000")
    round_.work()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    assert (order.status, order.cause) == (Status.HELD, "in_doubt")
    assert "no history" in order.reason
    assert not Connection.objects.exclude(paused_at=None).exists()
    assert len(calls_of(round_, "sps", "POST", f"/transactions/v5/data{order.progress['path']}")) == 1


def test_an_order_in_doubt_is_looked_for_where_it_went_when_the_directory_is_another_by_then(
    round_: Round, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    handle, answering = round_.world.sps.handle, False

    def at_first_without_history(call: Request) -> Reply:
        return Reply(404) if call.path.endswith("/history") and not answering else handle(call)

    round_.world.sps.handle = at_first_without_history  # type: ignore[method-assign]  # the one seam: no history yet
    round_.world.sps.faults.fault(*ORDER, "break_after")
    number = round_.world.new_order("50000")
    round_.pass_once()
    round_.world.tick()
    round_.work()
    (order,) = round_.documents(kind=Kind.ORDER, number=number)
    assert (order.cause, order.progress["path"]) == ("in_doubt", f"/in/PO{number}-1.json")
    answering = True
    Connection.objects.filter(system=Connection.System.SPS).update(in_dir="in/new/")
    ledger.replay(order, now=round_.now(), actor="anna")
    round_.work()
    order.refresh_from_db()
    assert (order.status, order.output_ref) == (Status.DELIVERED, f"/in/PO{number}-1.json")
    assert len([one for one in round_.world.sps.traffic.recent if one.method == "POST" and "/in/" in one.path]) == 1


@pytest.mark.parametrize("fault", ["break_before", "break_after"])
def test_a_confirmed_quantity_is_written_where_no_date_shows_whether_it_was(round_: Round, fault: str) -> None:
    round_.company.confirmed_quantity_fields = True
    round_.company.save()
    order = ordered(round_)
    line = round_.world.visma.books.orders[order].body["lines"][0]
    confirmed = entry("IA", 10, str(line["promised"])[:10])
    paper = ack(order, "AC", [ack_line(HINGE, confirmed, ordered=10)])
    round_.world.sps.put("/out/PR/PR1.json", as_json(paper))
    round_.world.visma.faults.fault("PUT", "/v1/purchaseorder/*", fault)
    round_.work()
    assert round_.document(Kind.ORDER_ACK).status == Status.DELIVERED
    assert round_.world.visma.books.orders[order].body["lines"][0]["customDec1"] == 10
    assert len(calls_of(round_, "visma", "PUT", f"/v1/purchaseorder/{order}")) == (2 if fault == "break_before" else 1)


def test_a_stamp_far_ahead_of_all_clocks_hides_no_receipt_from_the_look(round_: Round) -> None:
    round_.world.visma.faults.fault(*RECEIPT, "break_after")
    round_.world.new_order("50000")
    round_.work()
    Cursor.objects.filter(stream="receipts").update(value="2031-01-01T00:00:00")  # their clock was wrong for a moment
    round_.play()
    assert round_.uneven() == {}
    assert len(round_.world.visma.books.receipts) == len(round_.documents(kind=Kind.SHIPMENT))
