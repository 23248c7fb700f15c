"""The rules by which papers are compared: lines, units, prices, tolerances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mapping.matching import (
    Difference,
    KnownNumbers,
    LineView,
    Tolerance,
    Units,
    find_line,
    folded,
    in_six_digits,
    reach,
    shows,
)

WHERE = "Paper 1, item 1"
NOTHING_KNOWN = KnownNumbers()


@dataclass(frozen=True)
class Named:
    """The numbers of an item on a paper."""

    buyer: str = ""
    vendor: str = ""
    barcodes14: tuple[str, ...] = ()


def a_line(number: int = 1, item: str = "A1", *, vendor: str = "", cancelled: bool = False) -> LineView:
    return LineView(
        key=number,
        order_number="PO1",
        number=number,
        item=item,
        vendor_number=vendor,
        unit="STK",
        quantity=Decimal(10),
        price=Decimal(5),
        cancelled=cancelled,
    )


LINES = (a_line(1, "A1", vendor="V-1"), a_line(3, "B2", vendor="V-2"), a_line(5, "C3", vendor="V-2"))


def cause(
    line_number: str, named: Named, known: KnownNumbers = NOTHING_KNOWN, lines: Sequence[LineView] = LINES
) -> str:
    found = find_line(line_number, named, lines, known, WHERE)
    return found.cause if isinstance(found, Difference) else f"line {found.number}"


@pytest.mark.parametrize("written", ["3", "003", " 3 "])
def test_line_number_is_found_as_text_and_without_leading_zeros(written: str) -> None:
    assert cause(written, Named()) == "line 3"


def test_line_number_that_is_not_on_the_order_is_unknown() -> None:
    assert cause("2", Named(buyer="A1")) == "line_unknown"


def test_our_own_number_decides_over_barcode_and_vendor_number() -> None:
    known = KnownNumbers(barcode={"07038010000011": frozenset({"B2"})}, vendor={"v-2": frozenset({"B2"})})
    assert cause("1", Named("a1", "V-2", ("07038010000011",)), known) == "line 1"


def test_line_number_and_our_number_that_disagree_are_a_conflict() -> None:
    assert cause("1", Named(buyer="B2")) == "line_conflict"


def test_line_number_and_barcode_that_disagree_are_a_conflict() -> None:
    known = KnownNumbers(barcode={"07038010000011": frozenset({"B2"})})
    assert cause("1", Named(barcodes14=("07038010000011",)), known) == "line_conflict"


def test_number_of_ours_that_nobody_knows_is_a_conflict() -> None:
    assert cause("1", Named(buyer="Z9")) == "line_conflict"


@pytest.mark.parametrize("named", [Named(vendor="V-9"), Named(barcodes14=("00000000000017",))])
def test_number_of_theirs_that_nobody_knows_is_asked_about(named: Named) -> None:
    assert cause("1", named) == "item_unmapped"
    assert cause("", named) == "item_unmapped"


def test_vendor_number_of_two_lines_says_nothing_without_a_line_number() -> None:
    assert cause("5", Named(vendor="v-2")) == "line 5"
    assert cause("", Named(vendor="V-2")) == "line_unknown"


def test_item_on_one_line_alone_needs_no_line_number() -> None:
    assert cause("", Named(buyer="B2")) == "line 3"


def test_item_on_two_lines_needs_a_line_number_unless_one_is_cancelled() -> None:
    twice = (a_line(1), a_line(3))
    assert cause("", Named(buyer="A1"), lines=twice) == "line_unknown"
    assert cause("", Named(buyer="A1"), lines=(a_line(1, cancelled=True), a_line(3))) == "line 3"


def test_paper_without_any_number_is_asked_about() -> None:
    assert cause("", Named()) == "line_unknown"


items = st.sampled_from(["A1", "B2", "C3", "Z9"])
known_items = st.dictionaries(st.sampled_from(["n1", "n2"]), st.frozensets(items, min_size=1, max_size=2))


@given(
    st.sampled_from(["", "1", "03", "5", "7"]),
    st.builds(Named, st.sampled_from(["", "A1", "b2", "Z9"]), st.sampled_from(["", "n1", "n2", "V-2"])),
    st.builds(KnownNumbers, vendor=known_items),
)
def test_found_line_never_has_an_item_that_the_paper_contradicts(line: str, named: Named, known: KnownNumbers) -> None:
    found = find_line(line, named, LINES, known, WHERE)
    if isinstance(found, LineView):
        meant = known.items(named, LINES)
        assert not meant or found.item in meant
        assert not named.buyer or folded(named.buyer) == folded(found.item)
        assert not line or found.number == int(line)
    else:
        assert found.sentence.endswith(".")
        assert found.subject


# Units ----------------------------------------------------------------------------------------------------------------

PIECES_AND_CARTONS = Units(
    mapped=(("STK", "EA", Decimal(1)), ("KRT", "CT", Decimal(1))),
    conversions={"A1": reach([("KRT", "STK", Decimal(12))])},
)


def test_pieces_are_twelfths_of_a_carton() -> None:
    assert PIECES_AND_CARTONS.factor("EA", "A1", "KRT") == Decimal(1) / 12
    assert PIECES_AND_CARTONS.factor("CT", "A1", "STK") == 12


@pytest.mark.parametrize("looks_alike", ["CS", "CA", "CN", "PC"])
def test_unit_that_looks_like_another_is_not_that_other(looks_alike: str) -> None:
    assert PIECES_AND_CARTONS.factor(looks_alike, "A1", "KRT") is None
    assert not PIECES_AND_CARTONS.knows(looks_alike)


def test_unit_of_an_item_without_that_conversion_is_not_certain() -> None:
    assert PIECES_AND_CARTONS.factor("CT", "B2", "STK") is None


def test_paper_without_a_unit_speaks_in_the_ordered_one() -> None:
    assert PIECES_AND_CARTONS.factor("", "A1", "KRT") == 1


def test_two_mappings_of_one_unit_that_disagree_are_not_certain() -> None:
    units = Units(
        mapped=(("STK", "EA", Decimal(1)), ("PAR", "EA", Decimal(1)), ("KRT", "CT", Decimal(1))),
        conversions={"A1": reach([("KRT", "STK", Decimal(12)), ("PAR", "STK", Decimal(2))])},
    )
    assert units.factor("EA", "A1", "KRT") is None
    assert units.factor("EA", "A1", "PAR") == 1


def test_mapping_with_a_factor_counts_both_ways() -> None:
    units = Units(mapped=(("PAR", "EA", Decimal(2)),))
    assert units.outgoing("PAR") == ("EA", Decimal(2))
    assert units.factor("EA", "A1", "PAR") == Decimal("0.5")


amounts = st.decimals(min_value="0.001", max_value="100000", places=3)


@given(
    st.lists(st.tuples(st.sampled_from("KPB"), st.just("S"), amounts), min_size=1, unique_by=lambda row: row[0]),
    amounts,
)
def test_conversion_there_and_back_is_where_it_began(stated: list[tuple[str, str, Decimal]], quantity: Decimal) -> None:
    reached = reach(stated)
    for (start, end), factor in reached.items():
        back = in_six_digits(quantity * factor * reached[end, start])
        assert abs(back - quantity) <= Decimal("0.000001") * max(Decimal(1), quantity)


# Prices, quantities, dates --------------------------------------------------------------------------------------------


def test_third_is_shown_in_cents() -> None:
    assert shows(Decimal(100) / 3, Decimal("33.33"))
    assert shows(Decimal(100) / 3, Decimal("33.3333"))
    assert not shows(Decimal(100) / 3, Decimal(33))


@pytest.mark.parametrize(("ordered", "written"), [("48.40", "48"), ("0.125", "0.13"), ("9.99", "10")])
def test_price_that_a_paper_can_write_is_not_rounded(ordered: str, written: str) -> None:
    assert not shows(Decimal(ordered), Decimal(written))


@given(amounts, amounts)
def test_shown_price_is_never_more_than_half_a_cent_away(expected: Decimal, found: Decimal) -> None:
    assert not shows(expected, found) or abs(expected - found) <= Decimal("0.005")


percents = st.decimals(min_value=0, max_value=100, places=2)


@given(amounts, amounts, percents, amounts)
def test_tolerance_is_the_wider_of_percent_and_absolute(
    expected: Decimal, found: Decimal, percent: Decimal, absolute: Decimal
) -> None:
    tolerance = Tolerance(percent, absolute, percent, absolute)
    allowed = max(expected * percent / 100, absolute)
    assert tolerance.price_fits(expected, found) == (abs(found - expected) <= allowed)
    assert tolerance.most(expected) == expected + allowed


def test_without_a_tolerance_only_the_same_price_fits() -> None:
    assert Tolerance().price_fits(Decimal("48.0"), Decimal("48.00"))
    assert not Tolerance().price_fits(Decimal(48), Decimal("48.01"))
    assert Tolerance().most(Decimal(10)) == 10


def test_dates_are_free_unless_limited() -> None:
    wanted, late = date(2026, 4, 1), date(2026, 4, 5)
    assert Tolerance().date_fits(wanted, late)
    assert Tolerance(date_days=4).date_fits(wanted, late)
    assert not Tolerance(date_days=3).date_fits(wanted, late)
    assert Tolerance(date_days=0).date_fits(None, late)


@given(st.lists(st.sampled_from(["1", "5", "9"]), max_size=2).map(tuple))
def test_conflict_names_what_was_expected_and_found(barcodes: tuple[str, ...]) -> None:
    known = KnownNumbers(barcode={"5": frozenset({"B2"})})
    found = find_line("1", Named(barcodes14=barcodes), LINES, known, WHERE)
    assume(isinstance(found, Difference) and found.cause == "line_conflict")
    assert isinstance(found, Difference)
    assert (found.facts["expected"], found.facts["found"], found.subject) == ("A1", "B2", "PO1 line 1")
