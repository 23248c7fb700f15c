"""The paging loop against lists that move, cut, repeat and lie, as Visma's do (visma.md §3)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import count as count_up
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import errors
from connector.visma.schemas import PurchaseOrderDto, SupplierLocationDto
from connector.visma.window import Page, Window, page_of, read_window

KEY = ("orderType", "orderNbr")


def row(number: int, stamp: str = "2026-03-20T06:35:22.153", **more: Any) -> dict[str, Any]:
    return {"orderType": "RegularOrder", "orderNbr": f"PO{number:04d}", "lastModifiedDateTime": stamp} | more


class Shelf:
    """Rows in some order; cuts page sizes to `maximum`, states totals, and changes before a page when told."""

    def __init__(
        self, rows: list[Any], maximum: int = 500, changes: Mapping[int, Callable[[list[Any]], Any]] | None = None
    ) -> None:
        self.rows = rows
        self.maximum = maximum
        self.changes = changes or {}
        self.asked: list[tuple[int, int]] = []
        self.stated = True

    def fetch(self, number: int, size: int) -> Page:
        change = self.changes.get(len(self.asked) + 1)
        if change is not None:
            change(self.rows)
        self.asked.append((number, size))
        cut = min(size, self.maximum)
        page = self.rows[(number - 1) * cut : number * cut]
        about = {"totalCount": len(self.rows), "maxPageSize": self.maximum}
        body = [
            ({**each, "metadata": about} if self.stated else each) if isinstance(each, dict) else each for each in page
        ]
        return page_of(body, size)


def read(shelf: Shelf, page_size: int = 2) -> Window[PurchaseOrderDto]:
    return read_window(shelf.fetch, PurchaseOrderDto, KEY, page_size)


def numbers(window: Window[PurchaseOrderDto]) -> list[str]:
    return sorted(each.dto.order_nbr for each in window.rows)


def names(count: int) -> list[str]:
    return [f"PO{number:04d}" for number in range(count)]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (1, 1), (499, 1), (500, 1), (501, 2), (990, 2), (991, 3), (5_000, 11)]
)
def test_pages_are_read_to_the_total_and_no_further(count: int, calls: int) -> None:
    shelf = Shelf([row(number) for number in range(count)])
    window = read(shelf, page_size=500)
    assert numbers(window) == sorted(names(count))
    assert window.complete
    assert window.calls == len(shelf.asked) == calls


@pytest.mark.parametrize("holes", [{2}, {2, 4}])
def test_an_empty_page_in_the_midst_does_not_end_a_list_that_says_how_long_it_is(holes: set[int]) -> None:
    shelf = Shelf([row(number) for number in range(12)])

    def with_holes(number: int, size: int) -> Page:
        page = shelf.fetch(number, size)
        return Page([], frozenset(), size) if size == 2 and number in holes else page

    window = read_window(with_holes, PurchaseOrderDto, KEY, 2)
    assert set(numbers(window)) >= set(names(12)) - {"PO0002", "PO0003", "PO0006", "PO0007"}
    assert not window.complete  # what lies in the hole is missing, so the cursor stays


def test_a_total_of_rows_that_never_come_is_not_followed_for_ever() -> None:
    def fetch(number: int, size: int) -> Page:
        return Page([row(1), row(2), row(3)] if number == 1 else [], frozenset([5000] if number == 1 else []), size)

    window = read_window(fetch, PurchaseOrderDto, KEY, 500)
    assert (window.complete, window.calls) == (False, 9)


def test_pages_overlap() -> None:
    shelf = Shelf([row(number) for number in range(2000)])
    read(shelf, page_size=500)
    places = [((number - 1) * size, number * size) for number, size in shelf.asked]
    assert all(start < end for (_, end), (start, _) in pairwise(places))
    assert max(size for _, size in shelf.asked) == 500


def test_an_empty_list_has_no_watermark() -> None:
    assert read(Shelf([])).watermark is None


def test_a_smaller_maximum_than_asked_for_is_obeyed() -> None:
    shelf = Shelf([row(number) for number in range(25)], maximum=10)
    window = read(shelf, page_size=500)
    assert numbers(window) == names(25)
    assert max(size for _, size in shelf.asked[1:]) <= 10
    assert (window.complete, window.calls) == (True, 4)


def test_a_stated_maximum_below_what_came_is_not_believed() -> None:
    rows = [row(number) for number in range(8)]

    def fetch(number: int, size: int) -> Page:
        page = rows[(number - 1) * size : number * size]
        return page_of([each | {"metadata": {"totalCount": 8, "maxPageSize": 2}} for each in page], size)

    window = read_window(fetch, PurchaseOrderDto, KEY, 6)
    assert (numbers(window), window.complete, window.calls) == (names(8), True, 2)


def test_rows_with_equal_stamps_are_all_kept() -> None:
    window = read(Shelf([row(number) for number in range(5)]))
    assert len(window.rows) == 5
    assert window.watermark == "2026-03-20T06:35:22.153"


def test_the_watermark_is_the_latest_stamp_wherever_it_stands() -> None:
    stamps = ["2024-12-02T14:14:59.74", "2024-12-02T14:14:59.743", "2024-12-02T14:14:59", "2023-01-01T00:00:00"]
    assert read(Shelf([row(n, stamp) for n, stamp in enumerate(stamps)])).watermark == "2024-12-02T14:14:59.743"


def test_of_a_row_that_comes_twice_the_newest_counts() -> None:
    old, new = row(1, "2026-01-01T00:00:00", status="Hold"), row(1, "2026-01-01T00:00:00.003", status="Open")
    for pair in ([old, new], [new, old]):
        window = read(Shelf(pair))
        assert [each.dto.status for each in window.rows] == ["Open"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=6))
def test_rows_come_out_of_their_window_as_they_came(values: list[Any]) -> None:
    came = [row(number, remark=value) for number, value in enumerate(values)]
    window = read(Shelf(came), page_size=500)
    kept = [{name: value for name, value in each.raw.items() if name != "metadata"} for each in window.rows]
    assert kept == came
    assert [each.dto.order_nbr for each in window.rows[1:3]] == names(len(came))[1:3]


LATER = "2026-03-20T07:00:00"


def deleted_and_added(rows: list[Any]) -> None:
    rows.pop(0)
    rows.append(row(1000 + int(rows[-1]["orderNbr"][2:]), LATER))


def touched_to_the_end(rows: list[Any]) -> None:
    rows.append(rows.pop(0) | {"lastModifiedDateTime": LATER})


@pytest.mark.parametrize("slide", [deleted_and_added, touched_to_the_end])
@pytest.mark.parametrize("page_size", [1, 2, 5, 10])
def test_a_row_that_slides_over_a_page_break_is_read_though_the_total_stays(
    slide: Callable[[list[Any]], None], page_size: int
) -> None:
    window = read(Shelf([row(number) for number in range(20)], changes={2: slide}), page_size)
    assert window.complete
    assert set(names(20)) <= {"PO0000", *numbers(window)}


def test_as_many_rows_as_pages_overlap_may_slide_without_a_second_reading() -> None:
    def four_slide(rows: list[Any]) -> None:
        for _ in range(4):
            deleted_and_added(rows)

    window = read(Shelf([row(number) for number in range(900)], changes={2: four_slide}), page_size=500)
    assert (window.complete, window.calls) == (True, 2)
    assert set(names(900)) <= set(numbers(window))


def test_more_than_that_is_read_again() -> None:
    def many_slide(rows: list[Any]) -> None:
        for _ in range(6):
            deleted_and_added(rows)

    window = read(Shelf([row(number) for number in range(900)], changes={2: many_slide}), page_size=500)
    assert (window.complete, window.calls) == (True, 6)
    assert set(names(900)) <= set(numbers(window))


def test_page_sizes_that_mean_nothing_over_there_are_noticed_and_done_without() -> None:
    rows = [row(number) for number in range(12)]

    def fetch(number: int, size: int) -> Page:
        about = {"metadata": {"totalCount": 12, "maxPageSize": 5}}
        return page_of([each | about for each in rows[(number - 1) * 5 : number * 5]], size)

    window = read_window(fetch, PurchaseOrderDto, KEY, 500)
    assert (numbers(window), window.complete) == (names(12), True)


def test_a_total_that_changes_while_reading_means_reading_again() -> None:
    shelf = Shelf([row(number) for number in range(3)], changes={2: lambda rows: rows.insert(0, row(3))})
    window = read(shelf)
    assert numbers(window) == names(4)
    assert window.complete


def test_a_row_deleted_while_reading_means_reading_again() -> None:
    shelf = Shelf([row(number) for number in range(5)], changes={2: lambda rows: rows.pop(0)})
    window = read(shelf)
    assert {"PO0001", "PO0002", "PO0003", "PO0004"} <= set(numbers(window))
    assert window.complete


def test_a_list_that_never_holds_still_is_incomplete_after_three_runs() -> None:
    fresh = iter(range(100, 1000))
    grow = {call: lambda rows: rows.insert(0, row(next(fresh))) for call in range(1, 100)}
    window = read(Shelf([row(number) for number in range(4)], changes=grow))
    assert not window.complete
    assert set(names(4)) <= set(numbers(window))


def test_page_numbers_that_are_ignored_do_not_read_for_ever() -> None:
    rows = [row(number) for number in range(5)]
    assert read_window(lambda number, size: page_of(rows, size), PurchaseOrderDto, KEY, 2).calls == 2
    told = [each | {"metadata": {"totalCount": 9, "maxPageSize": 5}} for each in rows]
    window = read_window(lambda number, size: page_of(told, size), PurchaseOrderDto, KEY, 2)
    assert not window.complete
    assert window.calls == 6


def test_without_totals_an_empty_page_ends_it() -> None:
    shelf = Shelf([row(number) for number in range(5)], maximum=2)
    shelf.stated = False
    window = read(shelf, page_size=2)
    assert numbers(window) == names(5)
    assert window.complete


def test_envelopes_are_understood() -> None:
    rows = [row(number) for number in range(5)]

    def fetch(number: int, size: int) -> Page:
        page = rows[(number - 1) * 2 : number * 2]
        return page_of({"pageNumber": number, "pageSize": 2, "totalCount": 5, "records": page}, size)

    window = read_window(fetch, PurchaseOrderDto, KEY, 100)
    assert (numbers(window), window.complete) == (names(5), True)
    assert page_of({"totalCount": 0, "records": None}, 5).rows == []


@pytest.mark.parametrize("body", [None, {}, {"message": "x"}, "text", 7, {"records": "no", "totalCount": 1}])
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(errors.Transient, match="no list"):
        page_of(body, 5)


def test_unreadable_rows_are_handed_over_and_stop_nothing() -> None:
    odd = [row(1, lines=[{"lineNbr": "first"}]), {"note": "no key"}, None, "text", row(2, date="some day")]
    window = read(Shelf([row(0), *odd, row(3)]))
    assert numbers(window) == ["PO0000", "PO0003"]
    assert [raw.get("orderNbr") if isinstance(raw, dict) else raw for raw, _ in window.unreadable] == [
        "PO0001", None, None, "text", "PO0002",
    ]  # fmt: skip
    assert "lines.0.lineNbr" in window.unreadable[0][1]
    assert "PO0001" in window.unreadable[0][1]
    assert "which is its key" in window.unreadable[1][1]


def test_equal_location_ids_of_two_suppliers_are_two_rows() -> None:
    rows = [{"baccount": {"number": number}, "locationId": "MAIN"} for number in ("50000", "50001")]
    window = read_window(
        lambda number, size: page_of(rows, size), SupplierLocationDto, ("baccount.number", "locationId"), 9
    )
    assert [each.dto.baccount.number for each in window.rows] == ["50000", "50001"]


def test_wrapped_rows_are_read_like_bare_ones() -> None:
    wrapped = {
        "orderNbr": {"value": "PO1"},
        "lastModifiedDateTime": {"value": "2026-01-01T00:00:00"},
        "hold": {"value": None},
    }
    window = read(Shelf([wrapped, wrapped]))
    assert [each.dto.order_nbr for each in window.rows] == ["PO1"]
    assert window.watermark == "2026-01-01T00:00:00"


def disturbed(rows: list[Any], chance: random.Random, stamp: str) -> None:
    """One thing that people do: a row is added anywhere, deleted, or touched, and then it may stand anywhere."""
    what = chance.choice(["add", "delete", "touch"]) if rows else "add"
    taken = rows.pop(chance.choice([0, -1, chance.randrange(len(rows))])) if what != "add" else None
    if what == "delete":
        return
    now = {"lastModifiedDateTime": stamp}
    fresh = row(1000 + chance.randrange(9000)) | now if taken is None else taken | now
    rows.insert(chance.choice([0, len(rows), chance.randrange(len(rows) + 1)]), fresh)


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False), st.integers(0, 4))
def test_a_complete_window_misses_no_row_that_nobody_touched(
    count: int, page_size: int, maximum: int, chance: random.Random, busy: int
) -> None:
    """Before each page any number of things happen; a window that says complete holds all rows left alone."""
    stamps = (f"2026-03-20T07:00:{second:02d}" for second in count_up())

    def disturb(rows: list[Any]) -> None:
        for _ in range(chance.randrange(busy + 1)):
            disturbed(rows, chance, next(stamps))

    shelf = Shelf([row(number) for number in range(count)], maximum, dict.fromkeys(range(2, 9), disturb))
    before = {each["orderNbr"] for each in shelf.rows}
    window = read(shelf, page_size)
    left_alone = {
        each["orderNbr"] for each in shelf.rows if each["lastModifiedDateTime"] == row(0)["lastModifiedDateTime"]
    }
    assert not window.unreadable
    if window.complete:
        assert left_alone & before <= set(numbers(window))
