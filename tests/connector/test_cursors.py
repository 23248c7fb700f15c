"""No row is missed, whatever happens to stamps, pages and clocks while lists are read; and none has its effect twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from email.utils import format_datetime
from itertools import count
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.models import Document, Exchange
from connector.budget import ORDERS
from connector.http import Answer, ApiSession
from connector.models import Connection, Cursor
from connector.polling import STREAMS, Stream, clocks, poll
from connector.polling.from_visma import passed
from connector.sandbox.visma_books import COMPANY_ZONE, Books
from connector.sandbox.visma_catalogue import LISTS
from connector.sandbox.visma_lists import shown
from connector.sandbox.visma_orders import change
from connector.sandbox.wire import as_json
from connector.visma.client import VismaClient
from connector.visma.schemas import PurchaseOrderDto
from connector.visma.window import Window
from mapping.models import Company
from tests.acceptance.stage import HINGE, Stage

OSLO = ZoneInfo("Europe/Oslo")
SYDNEY = ZoneInfo("Australia/Sydney")
NEW_YORK = ZoneInfo("America/New_York")
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
        """`place` an order, `touch` or `delete` the n-th, `wait` n half seconds, `sleep` n minutes; a clock n minutes `ahead`."""
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
        elif what == "delete" and orders:
            del orders[sorted(orders)[amount % len(orders)]]
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

    def __init__(self, books: Books, *, dated: bool = True) -> None:
        self.books = books
        self.dated = dated
        self.before: Callable[[], None] = lambda: None
        self.calls = 0

    def call(self, _method: str, path: str, *, params: dict[str, Any], **_: Any) -> Answer:
        self.before()
        self.calls += 1
        asked = {name: str(value) for name, value in params.items()}
        reply = as_json(shown(self.books, LISTS[path], asked))
        date = {"Date": format_datetime(self.books.clock(), usegmt=True)} if self.dated else {}
        return Answer(reply.status, {**reply.headers, **date}, reply.body)


class Reader:
    """What a poll of orders knows: its cursor, and of each order what it has seen last."""

    def __init__(self, buyers: Buyers, *, zone: tzinfo = OSLO, page_size: int = 2, dated: bool = True) -> None:
        self.buyers, self.zone = buyers, zone
        self.line = Line(buyers.books, dated=dated)
        self.client = VismaClient(cast("ApiSession", self.line), page_size=page_size)
        self.cursor = Cursor()
        self.seen: dict[str, str] = {}

    def poll(self) -> None:
        window = clocks.read(self.cursor, self.zone, self.client.orders, now=self.buyers.now)
        self.seen |= {row.dto.order_nbr: row.raw["note"] for row in window.rows}
        self.cursor.value = passed(self.cursor, window, self.zone)
        self.cursor.succeeded_at = self.buyers.now

    def missed(self) -> dict[str, str]:
        """What stands over there and was not seen as it stands."""
        return {number: note for number, note in self.buyers.notes().items() if self.seen.get(number) != note}


def acts(most_ahead: int) -> st.SearchStrategy[Act]:
    return st.one_of(
        st.tuples(st.just("place"), st.just(0)),
        st.tuples(st.sampled_from(["touch", "delete"]), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(0, 3)),
        st.tuples(st.just("sleep"), st.sampled_from([7, 61, 181])),
        st.tuples(st.just("ahead"), st.sampled_from([0, most_ahead])),
    )


def days(most_ahead: int) -> st.SearchStrategy[list[tuple[list[Act], list[Act]]]]:
    """Between two polls, and while the second is read: one thing before each page."""
    return st.lists(
        st.tuples(st.lists(acts(most_ahead), max_size=5), st.lists(acts(most_ahead), max_size=5)), max_size=5
    )


def live(reader: Reader, day: Sequence[tuple[list[Act], list[Act]]]) -> Reader:
    """The day goes by, and then nothing happens any more: one quiet poll is the last."""
    for between, meanwhile in day:
        for act in between:
            reader.buyers.act(act)
        left = iter(meanwhile)
        reader.line.before = lambda left=left: reader.buyers.act(next(left, ("wait", 0)))  # type: ignore[misc]  # bound at once
        reader.poll()
    reader.line.before = lambda: None
    reader.poll()
    return reader


@given(days(119), st.booleans(), st.booleans(), st.sampled_from([2, 5, 20]))
@settings(deadline=None, max_examples=150)
def test_no_change_is_missed_while_pages_move_and_clocks_jump(
    day: list[tuple[list[Act], list[Act]]], scrambled: bool, dated: bool, page_size: int
) -> None:
    buyers = Buyers(MONDAY, COMPANY_ZONE, scrambled=scrambled)
    assert not live(Reader(buyers, page_size=page_size, dated=dated), day).missed()


@pytest.mark.parametrize("begin", [AUTUMN, SPRING])
@given(days(59), st.booleans())
@settings(deadline=None, max_examples=60)
def test_no_change_is_missed_in_the_night_of_daylight_saving(
    begin: datetime, day: list[tuple[list[Act], list[Act]]], dated: bool
) -> None:
    buyers = Buyers(begin, OSLO, scrambled=False)
    assert not live(Reader(buyers, dated=dated), day).missed()


AN_HOUR, A_YEAR = 60, 366 * 24 * 60
anywhere = st.one_of(st.integers(-5 * AN_HOUR, 5 * AN_HOUR), st.integers(-A_YEAR, A_YEAR))
writes = st.one_of(
    st.tuples(st.just("place"), st.just(0)),
    st.tuples(st.sampled_from(["touch", "delete"]), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(0, 3)),
    st.tuples(st.just("sleep"), st.sampled_from([7, 61, 181])),
)
some = st.lists(writes, max_size=3)


@given(
    st.sampled_from([MONDAY, AUTUMN, SPRING]),
    st.sampled_from(
        [(UTC, OSLO), (OSLO, OSLO), (UTC, SYDNEY), (SYDNEY, SYDNEY), (UTC, NEW_YORK), (NEW_YORK, NEW_YORK)]
    ),
    st.lists(st.tuples(anywhere, some, st.integers(0, A_YEAR), some, st.integers(0, A_YEAR), some), max_size=4),
)
@settings(deadline=None, max_examples=200)
def test_no_change_is_missed_however_far_the_clock_is_set_ahead_or_back(
    begin: datetime, zones: tuple[tzinfo, tzinfo], day: list[tuple[int, list[Act], int, list[Act], int, list[Act]]]
) -> None:
    """Between two polls the clock is set anywhere and then only back, as while a list is read: what is written under a
    clock that was set back and ahead again before any answer said so leaves no trace in any answer."""
    buyers = Buyers(begin, zones[0], scrambled=False)
    reader = Reader(buyers, zone=zones[1])
    lowest, steps = A_YEAR, []
    for at, first, back, then, back_again, meanwhile in day:
        start = min(at, lowest)
        set_back = ("ahead", start - back)
        steps.append(
            (
                [("ahead", start), *first, set_back, *then],
                [("wait", 0), ("ahead", start - back - back_again), *meanwhile],
            )
        )
        lowest = start - back - back_again if back_again else A_YEAR
    assert not live(reader, steps).missed()


def test_clock_that_is_set_back_again_while_the_list_is_read_anew_hides_no_order() -> None:
    reader = Reader(Buyers(MONDAY, UTC, scrambled=False))
    noticed: list[Act] = [("ahead", -131), ("place", 0), ("place", 0)]
    meanwhile: list[Act] = [("wait", 0), ("ahead", -262), ("place", 0), ("sleep", 181)]
    assert not live(reader, [([("place", 0)], []), (noticed, meanwhile)]).missed()


def test_clock_that_is_set_back_is_noticed_at_once_and_told_until_it_has_caught_up() -> None:
    buyers = Buyers(MONDAY, OSLO, scrambled=False)
    reader = Reader(buyers)
    for act in (("ahead", 5 * AN_HOUR), ("place", 0)):
        buyers.act(act)
    reader.poll()
    assert reader.cursor.problem == ""
    for act in (("ahead", 0), ("sleep", 7), ("place", 0)):
        buyers.act(act)
    reader.poll()
    assert not reader.missed()
    assert "set back" in reader.cursor.problem
    assert reader.cursor.value == "2026-03-02T10:07:00"
    calls = reader.line.calls
    reader.poll()
    assert reader.line.calls == calls + 1
    for act in (("sleep", 5 * AN_HOUR), ("place", 0)):
        buyers.act(act)
    reader.poll()
    assert (reader.cursor.problem, reader.cursor.value) == ("", "2026-03-02T15:07:00")


def test_what_was_written_long_before_the_poll_that_notices_is_read() -> None:
    buyers = Buyers(MONDAY, OSLO, scrambled=False)
    reader = Reader(buyers)
    buyers.act(("place", 0))
    reader.poll()
    for act in (("ahead", -10 * AN_HOUR), ("place", 0), ("sleep", 181), ("sleep", 181)):
        buyers.act(act)
    reader.poll()
    assert not reader.missed()


def test_row_of_a_year_that_never_comes_stops_no_cursor() -> None:
    buyers = Buyers(MONDAY, OSLO, scrambled=False)
    reader = Reader(buyers)
    buyers.act(("place", 0))
    buyers.books.orders["PO000412"].body["lastModifiedDateTime"] = "2099-01-01T00:00:00"
    for _ in range(3):
        buyers.act(("place", 0))
        buyers.act(("sleep", 181))
        reader.poll()
    assert not reader.missed()
    assert reader.cursor.value == "2026-03-02T16:02:00"


def test_clock_that_goes_right_costs_no_call() -> None:
    buyers = Buyers(AUTUMN, OSLO, scrambled=False)
    reader = Reader(buyers, page_size=500)
    for _ in range(40):
        for act in (("sleep", 7), ("place", 0)):
            buyers.act(act)
        reader.poll()
        assert reader.cursor.problem == ""
    assert reader.line.calls == 40


def test_order_of_the_hour_that_comes_twice_is_read() -> None:
    buyers = Buyers(AUTUMN, OSLO, scrambled=False)
    reader = Reader(buyers)
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
    reader = Reader(buyers)
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
    reader = Reader(buyers)
    reader.line.before = lambda: buyers.act(("place", 0))
    reader.poll()
    assert reader.cursor.value == ""
    assert "changed while it was read" in reader.cursor.problem
    reader.line.before = lambda: None
    reader.poll()
    assert (reader.seen, reader.cursor.problem) == (buyers.notes(), "")


@pytest.mark.parametrize(("calls", "seconds"), [(1, 120), (3, 360), (100, 3600)])
def test_poll_that_a_row_makes_longer_and_longer_comes_less_often(company: Company, calls: int, seconds: int) -> None:
    """The row cannot be read, so the cursor stays; the calls of an hour do not grow with the list behind it."""
    visma = Connection.objects.create(company=company, system="visma", poll_seconds=120)
    unreadable: list[tuple[Any, str]] = [({"lines": "x"}, "Visma's row PO1 cannot be read")]

    def reads(window: Window[PurchaseOrderDto]) -> float:
        """Seconds until the next poll."""
        stream = Stream("orders", "visma", ORDERS, lambda _, cursor, __: passed(cursor, window, OSLO))
        began = datetime.now(UTC)
        assert poll(visma, stream).ok
        due_at = Cursor.objects.get().due_at
        assert due_at
        return (due_at - began).total_seconds()

    assert reads(Window([], ["2026-03-02T10:00:00"], calls, True, unreadable)) == pytest.approx(seconds, abs=5)
    assert Cursor.objects.get().value == ""
    assert reads(Window([], ["2026-03-02T10:00:00"], calls, True)) == pytest.approx(120, abs=5)


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


def test_clock_of_visma_that_is_set_back_is_told_on_the_stream_and_its_orders_go_out(stage: Stage) -> None:
    Company.objects.update(orders_from=date(2020, 1, 1))  # a clock nine hours behind may date the order yesterday
    books = stage.books
    stage.world.new_order("50000", [HINGE])
    read_orders(1)
    true = books.clock
    books.clock = lambda: true() - timedelta(hours=9)
    number = stage.world.new_order("50000", [HINGE])
    read_orders(1)
    assert Document.objects.filter(number=number).exists()
    cursor = Cursor.objects.get(stream="orders")
    assert "set back" in cursor.problem
    calls = Exchange.objects.count()
    read_orders(1)
    assert Exchange.objects.count() == calls + 1
    books.clock = true
    read_orders(1)
    assert Cursor.objects.get(stream="orders").problem == ""
