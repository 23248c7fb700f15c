"""No row is missed, whatever happens to stamps, pages and clocks while lists are read; and none has its effect twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import count
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.models import Document
from connector.http import Answer, ApiSession
from connector.models import Connection, Cursor
from connector.polling import STREAMS, poll
from connector.polling.from_visma import passed
from connector.sandbox.visma_books import COMPANY_ZONE, Books
from connector.sandbox.visma_catalogue import LISTS
from connector.sandbox.visma_lists import shown
from connector.sandbox.visma_orders import change
from connector.sandbox.wire import as_json
from connector.visma.client import VismaClient
from tests.acceptance.stage import HINGE, Stage

OSLO = ZoneInfo("Europe/Oslo")
AUTUMN = datetime(2026, 10, 24, 23, tzinfo=UTC)  # two hours before clocks go back: an hour of stamps comes twice
SPRING = datetime(2026, 3, 28, 23, tzinfo=UTC)  # two hours before they go ahead
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

Act = tuple[str, int]


class Buyers:
    """A company whose buyers place and change orders on a clock that may be wrong."""

    def __init__(self, begin: datetime, zone: tzinfo, *, scrambled: bool) -> None:
        self.now, self.wrong = begin, timedelta()
        self.books = Books(0, lambda: self.now + self.wrong, zone)
        self.books.rules.scrambled_rows = scrambled
        self._versions = count(1)

    def act(self, act: Act) -> None:
        """`place` an order, `touch` the n-th, `wait` n half seconds, `sleep` n minutes, or set the clock n minutes `ahead`."""
        what, amount = act
        orders = self.books.orders
        if what == "place":
            number = self.books.next_number("PO")
            body = {"orderType": "RegularOrder", "orderNbr": number, "status": "Open", "lines": []}
            self.books.add(orders, number, body | {"note": "0"}, "buyer")
        elif what == "touch" and orders:
            row = orders[sorted(orders)[amount % len(orders)]]
            row.body["note"] = str(next(self._versions))
            self.books.note(row, "buyer", "changed")
        elif what == "wait":
            self.now += timedelta(milliseconds=500 * amount)
        elif what == "sleep":
            self.now += timedelta(minutes=amount)
        elif what == "ahead":
            self.wrong = timedelta(minutes=amount)

    def notes(self) -> dict[str, str]:
        return {number: row.body["note"] for number, row in self.books.orders.items()}


class Line:
    """The session of a client in this process: before each page something may happen over there."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.before: Callable[[], None] = lambda: None

    def call(self, _method: str, path: str, *, params: dict[str, Any], **_: Any) -> Answer:
        self.before()
        asked = {name: str(value) for name, value in params.items()}
        reply = as_json(shown(self.books, LISTS[path], asked))
        return Answer(reply.status, reply.headers, reply.body)


class Reader:
    """What a poll of orders knows: its cursor, and of each order what it has seen last."""

    def __init__(self, books: Books) -> None:
        self.line = Line(books)
        self.client = VismaClient(cast("ApiSession", self.line), page_size=2)
        self.cursor = Cursor()
        self.seen: dict[str, str] = {}

    def poll(self) -> None:
        window = self.client.orders(self.cursor.value or None)
        self.seen |= {row.dto.order_nbr: row.raw["note"] for row in window.rows}
        self.cursor.value = passed(self.cursor, window)


def acts(most_ahead: int) -> st.SearchStrategy[Act]:
    return st.one_of(
        st.tuples(st.just("place"), st.just(0)),
        st.tuples(st.just("touch"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(0, 3)),
        st.tuples(st.just("sleep"), st.sampled_from([7, 61, 181])),
        st.tuples(st.just("ahead"), st.sampled_from([0, most_ahead])),
    )


def days(most_ahead: int) -> st.SearchStrategy[list[tuple[list[Act], list[Act]]]]:
    """Between two polls, and while the second is read: one thing before each page."""
    return st.lists(
        st.tuples(st.lists(acts(most_ahead), max_size=5), st.lists(acts(most_ahead), max_size=5)), max_size=5
    )


def live(buyers: Buyers, day: Sequence[tuple[list[Act], list[Act]]]) -> Reader:
    """The day goes by, and then nothing happens any more: one quiet poll is the last."""
    reader = Reader(buyers.books)
    for between, meanwhile in day:
        for act in between:
            buyers.act(act)
        left = iter(meanwhile)
        reader.line.before = lambda left=left: buyers.act(next(left, ("wait", 0)))  # type: ignore[misc]  # bound at once
        reader.poll()
    reader.line.before = lambda: None
    reader.poll()
    return reader


@given(days(119), st.booleans())
@settings(deadline=None, max_examples=150)
def test_no_change_is_missed_while_pages_move_and_clocks_jump(
    day: list[tuple[list[Act], list[Act]]], scrambled: bool
) -> None:
    buyers = Buyers(MONDAY, COMPANY_ZONE, scrambled=scrambled)
    assert live(buyers, day).seen == buyers.notes()


@pytest.mark.parametrize("begin", [AUTUMN, SPRING])
@given(days(59))
@settings(deadline=None, max_examples=60)
def test_no_change_is_missed_in_the_night_of_daylight_saving(
    begin: datetime, day: list[tuple[list[Act], list[Act]]]
) -> None:
    buyers = Buyers(begin, OSLO, scrambled=False)
    assert live(buyers, day).seen == buyers.notes()


def test_order_of_the_hour_that_comes_twice_is_read() -> None:
    buyers = Buyers(AUTUMN, OSLO, scrambled=False)
    reader = Reader(buyers.books)
    for act in (("sleep", 110), ("place", 0)):
        buyers.act(act)
    reader.poll()
    before = reader.cursor.value
    for act in (("sleep", 20), ("place", 0)):
        buyers.act(act)
    assert buyers.books.stamp() < before
    reader.poll()
    assert reader.seen == buyers.notes()


def test_rows_of_one_stamp_on_both_sides_of_a_page_and_of_a_poll_are_all_read() -> None:
    buyers = Buyers(MONDAY, COMPANY_ZONE, scrambled=False)
    reader = Reader(buyers.books)
    for _ in range(2):
        for _ in range(5):
            buyers.act(("place", 0))
        reader.poll()
        assert reader.cursor.value == "2026-03-02T10:00:00"  # no fraction, as Visma writes a whole second
    assert reader.seen == buyers.notes()


def test_cursor_stays_while_the_list_never_holds_still() -> None:
    buyers = Buyers(MONDAY, COMPANY_ZONE, scrambled=False)
    for _ in range(3):
        buyers.act(("place", 0))
    reader = Reader(buyers.books)
    reader.line.before = lambda: buyers.act(("place", 0))
    reader.poll()
    assert reader.cursor.value == ""
    assert "changed while it was read" in reader.cursor.problem
    reader.line.before = lambda: None
    reader.poll()
    assert (reader.seen, reader.cursor.problem) == (buyers.notes(), "")


def read_orders(times: int) -> None:
    stream = next(stream for stream in STREAMS if stream.name == "orders")
    for _ in range(times):
        assert poll(Connection.objects.get(system="visma"), stream).ok


def test_rows_that_come_again_and_again_are_one_revision(stage: Stage) -> None:
    number = stage.world.new_order("50000", [HINGE])
    orders = Document.objects.filter(number=number)
    read_orders(1)
    events = orders.get().events.count()
    read_orders(1)
    Cursor.objects.filter(stream="orders").update(value="")
    read_orders(1)
    change(stage.books, number, {"description": {"value": "touched"}}, "", "buyer")
    read_orders(2)
    assert orders.get().events.count() == events
    change(
        stage.books,
        number,
        {"lines": [{"operation": "Update", "lineNumber": {"value": 1}, "orderQty": {"value": Decimal(7)}}]},
        "",
        "buyer",
    )
    read_orders(2)
    Cursor.objects.filter(stream="orders").update(value="")
    read_orders(1)
    assert sorted(orders.values_list("revision", flat=True)) == [1, 2]
