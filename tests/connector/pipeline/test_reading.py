"""Reading both systems: stored before deleted, cursors that move last, one bad file or row that stops nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from audit.models import Kind, Transmission
from connector import polling
from connector.models import Connection, Cursor
from connector.polling import Polled
from connector.sandbox.wire import Reply, Request, as_json, load
from mapping.models import Booking, PartnerRoute, SupplierLocation
from tests.connector.pipeline.round import Round
from tests.connector.pipeline.story import answers

FILES = ("GET", "/transactions/v5/data/out/*.*")
DELETE = ("DELETE", "/transactions/v5/data/out/*")


def read(round_: Round, name: str) -> Polled:
    stream = next(stream for stream in polling.STREAMS if stream.name == name)
    connection = Connection.objects.get(company=round_.company, system=stream.system)
    return polling.poll(connection, stream)


def test_a_file_that_was_stored_and_not_deleted_is_deleted_the_next_time_and_stored_once(round_: Round) -> None:
    round_.world.sps.put("out/IN/1.json", b"{}")
    round_.world.sps.faults.fault(*DELETE, "http500_before")
    assert not read(round_, "mailbox").ok
    assert Transmission.objects.get(path="/out/IN/1.json").removed_at is None
    assert read(round_, "mailbox").ok
    assert Transmission.objects.get(path="/out/IN/1.json").removed_at is not None
    assert round_.world.sps.paths("out/") == []


def test_other_bytes_under_the_same_path_are_another_document(round_: Round) -> None:
    for content in (b"{}", b"[]", b"{}"):
        round_.world.sps.put("out/IN/1.json", content)
        assert read(round_, "mailbox").ok
    first, _ = round_.documents(kind=Kind.INVOICE)
    assert first.events.filter(verb="came again").count() == 1


def test_a_file_that_is_too_large_stays_and_stops_no_other(round_: Round, settings: Settings) -> None:
    settings.FILE_LIMIT_BYTES = 10
    for place in range(4):
        round_.world.sps.put(f"out/IN/{place}-large.json", b"x" * 70_000)
    round_.world.sps.put("out/IN/9.json", b"{}")
    polled = read(round_, "mailbox")
    assert polled.ok
    assert "4 files cannot be fetched" in polled.problem
    assert Transmission.objects.filter(path="/out/IN/9.json").exists()
    assert len(round_.world.sps.paths("out/")) == 4


def test_one_file_that_fails_stops_no_other(round_: Round) -> None:
    for place in range(3):
        round_.world.sps.put(f"out/IN/{place}.json", f"[{place}]".encode())
    round_.world.sps.faults.fault(*FILES, "http500_before")
    assert not read(round_, "mailbox").ok
    assert round_.world.sps.paths("out/") == ["/out/IN/0.json"]


def test_files_that_fail_with_every_poll_keep_no_other_waiting_for_ever(round_: Round) -> None:
    for place in range(4):
        round_.world.sps.put(f"out/IN/{place}.json", f"[{place}]".encode())
    answers(round_, "sps", lambda call: Reply(503) if call.path.endswith(("0.json", "1.json", "2.json")) else None)
    for _ in range(60):
        assert not read(round_, "mailbox").ok
    assert "/out/IN/3.json" not in round_.world.sps.paths("out/")


@pytest.mark.parametrize(
    "page", [b"", b"\xef\xbb\xbf\r\n", b"<!DOCTYPE html><html><body>Service maintenance</body></html>"]
)
def test_what_a_proxy_answers_in_the_place_of_a_file_is_not_taken_for_it(round_: Round, page: bytes) -> None:
    round_.world.sps.put("out/IN/1.json", b"{}")
    handle = round_.world.sps.handle
    round_.world.sps.handle = lambda call: Reply(200, page) if call.path.endswith("1.json") else handle(call)  # type: ignore[method-assign]  # the one seam: a proxy
    polled = read(round_, "mailbox")
    assert not polled.ok
    assert "/out/IN/1.json: Nothing came, or a web page." in polled.problem
    round_.world.sps.handle = handle  # type: ignore[method-assign]  # the proxy is gone
    assert round_.world.sps.paths("out/") == ["/out/IN/1.json"]
    assert read(round_, "mailbox").ok
    assert [document.source for document in round_.documents()] == [b"{}"]


@pytest.mark.parametrize("junk", [b"", b" \n<?xml version='1.0'?><HTML></HTML>"])
def test_a_file_that_is_empty_or_a_web_page_is_taken_when_it_comes_a_second_time(round_: Round, junk: bytes) -> None:
    round_.world.sps.put("out/IN/1.json", junk)
    round_.world.sps.put("out/IN/2.json", b"{}")
    assert not read(round_, "mailbox").ok
    assert round_.world.sps.paths("out/") == ["/out/IN/1.json"]
    assert read(round_, "mailbox").ok
    assert round_.world.sps.paths("out/") == []
    assert [document.source for document in round_.documents()] == [b"{}", junk]


def test_a_cursor_stays_until_the_whole_window_is_read(round_: Round) -> None:
    round_.world.new_order("50000")
    round_.world.visma.faults.fault("GET", "/v1/purchaseorder", "truncate")
    assert not read(round_, "orders").ok
    assert Cursor.objects.get(stream="orders").value == ""
    assert read(round_, "orders").ok
    assert Cursor.objects.get(stream="orders").value != ""


def test_locations_that_came_before_their_suppliers_are_read_again(round_: Round) -> None:
    places = SupplierLocation.objects.filter(supplier__company=round_.company)
    PartnerRoute.objects.all().delete()
    round_.company.suppliers.all().delete()
    for _ in range(2):  # for hours the list of suppliers cannot be read
        round_.world.visma.faults.fault("GET", "/v1/supplier", "http500_before")
        assert not read(round_, "suppliers").ok
        assert read(round_, "locations").ok
        round_.clock.shift(timedelta(hours=3))
    assert not places.exists()
    assert read(round_, "suppliers").ok
    assert read(round_, "locations").ok
    assert places.count() == len(round_.world.visma.books.locations)
    assert Cursor.objects.get(stream="locations").value != ""


def test_locations_of_nobody_are_not_read_for_ever(round_: Round) -> None:
    for name in ("suppliers", "locations"):
        assert read(round_, name).ok
    seen = Cursor.objects.get(stream="locations").value
    row = next(iter(round_.world.visma.books.locations.values()))
    row.body |= {"baccount": {"number": "none"}, "lastModifiedDateTime": "2026-03-02T12:00:00"}
    round_.clock.shift(timedelta(hours=3))
    assert read(round_, "locations").ok
    assert Cursor.objects.get(stream="locations").value == seen
    round_.clock.shift(timedelta(hours=3))
    for name in ("suppliers", "locations"):
        assert read(round_, name).ok
    assert Cursor.objects.get(stream="locations").value == "2026-03-02T12:00:00"


def test_a_second_reader_waits_for_the_lease_of_the_first(round_: Round, settings: Settings) -> None:
    read(round_, "orders")
    until = round_.now() + timedelta(seconds=settings.LEASE_SECONDS)
    Cursor.objects.filter(stream="orders").update(lease_owner="another", lease_until=until)
    assert read(round_, "orders").busy
    round_.clock.shift(timedelta(seconds=settings.LEASE_SECONDS + 1))
    assert read(round_, "orders").ok


def test_invoices_that_lists_bring_without_lines_are_read_one_by_one_and_once(round_: Round) -> None:
    round_.world.new_order("50000")
    round_.play()
    handle = round_.world.visma.handle

    def without_lines(call: Request) -> Reply:
        reply = handle(call)
        if (call.method, call.path) != ("GET", "/v1/supplierInvoice"):
            return reply
        rows = [{name: value for name, value in row.items() if name != "invoiceLines"} for row in load(reply.body)]
        return as_json(rows, reply.status, reply.headers)

    round_.world.visma.handle = without_lines  # type: ignore[method-assign]  # the one seam: another Visma
    Booking.objects.filter(kind=Booking.Kind.INVOICE).delete()
    before = round_.world.visma.traffic.total()
    assert read(round_, "invoices").ok
    made = Booking.objects.filter(kind=Booking.Kind.INVOICE)
    assert made.exists()
    assert all(booking.lines.exists() for booking in made)
    assert round_.world.visma.traffic.total() - before == 1 + made.count()
    assert read(round_, "invoices").ok
    assert round_.world.visma.traffic.total() - before == 2 + made.count()
    assert all(booking.lines.exists() for booking in made)
