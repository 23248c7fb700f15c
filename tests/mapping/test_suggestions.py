"""Suggestions: the rules of ranking held against generated evidence, and what the books say about a missing mapping."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.candidates import Missing, suggestions_for
from mapping.models import (
    Company,
    Item,
    ItemNumber,
    ItemReference,
    ItemUnit,
    Order,
    OrderLine,
    PartnerRoute,
    Supplier,
    SupplierLocation,
    TradingPartner,
    UnitMapping,
)
from mapping.suggestions import Evidence, fitting_units, ranked, siblings, similar, squeezed

EVIDENCE = st.builds(
    Evidence,
    value=st.sampled_from(["A", "B", "C", "D", ""]),
    strength=st.floats(0, 100),
    why=st.sampled_from(["same barcode", "same number", "alike", "on the order"]),
)
BARCODES = st.text("0123456789", min_size=1, max_size=14)


def places(found: list[Evidence]) -> dict[str, int]:
    return {one.value: place for place, one in enumerate(ranked(found))}


@given(st.lists(EVIDENCE, max_size=12))
def test_every_suggestion_has_its_evidence_and_nothing_else_is_suggested(found: list[Evidence]) -> None:
    for one in ranked(found):
        reasons = {evidence.why for evidence in found if evidence.value == one.value and evidence.strength > 0}
        assert set(one.why) == reasons
        strongest = max(evidence.strength for evidence in found if evidence.value == one.value)
        assert strongest - 0.1 <= one.score <= 100


@given(st.lists(EVIDENCE, max_size=12), st.randoms())
def test_the_order_in_which_evidence_is_found_does_not_matter(found: list[Evidence], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own kind of random.Random
    assert ranked(shuffled) == ranked(found)


@given(st.lists(EVIDENCE, max_size=12), EVIDENCE)
def test_more_evidence_never_makes_a_candidate_worse(found: list[Evidence], more: Evidence) -> None:
    before, after = places(found), places([*found, more])
    if more.value in before:
        assert after[more.value] <= before[more.value]


@given(st.lists(EVIDENCE, max_size=12), st.integers(0, 4))
def test_scores_fall_and_the_list_is_as_long_as_asked(found: list[Evidence], shown: int) -> None:
    scores = [one.score for one in ranked(found, shown=shown)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) <= shown


@given(st.lists(EVIDENCE, max_size=12))
def test_saying_the_same_twice_adds_nothing(found: list[Evidence]) -> None:
    assert ranked(found * 2) == ranked(found)


def test_certainty_beats_many_vague_reasons() -> None:
    vague = [Evidence("B", 30, f"reason {place}") for place in range(4)]
    assert [one.value for one in ranked([*vague, Evidence("A", 90, "same barcode")])] == ["A", "B"]


@given(BARCODES)
def test_siblings_are_ten_valid_barcodes_of_one_article(barcode: str) -> None:
    found = siblings(barcode)
    assert len(set(found)) == 10
    for one in found:
        weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(one))
        assert (len(one), weighted % 10, one[1:13]) == (14, 0, barcode.zfill(14)[1:13])
    assert siblings(found[3]) == found


@pytest.mark.parametrize("text", ["", "x1", "1" * 15, "٣"])
def test_what_is_no_barcode_has_no_siblings(text: str) -> None:
    assert text == "" or siblings(text) == ()


@given(st.text("0aB-./ 17"))
def test_squeezing_twice_changes_nothing(number: str) -> None:
    assert squeezed(squeezed(number)) == squeezed(number) == squeezed(f" 0{number.upper()}-")


def test_descriptions_are_compared_without_order_and_case() -> None:
    texts = {"A": "Hinge 35mm, black", "B": "Screws 4x40 box", "C": ""}
    assert [key for key, _ in similar("BLACK HINGE 35MM", texts)] == ["A"]
    assert similar("", texts) == similar("!!!", texts) == []


def test_a_unit_that_gives_the_ordered_quantity_comes_first() -> None:
    reach = {("KRT", "STK"): Decimal(12), ("PAL", "STK"): Decimal(480), ("STK", "STK"): Decimal(1)}
    found = ranked(fitting_units(reach, "STK", Decimal(60), [Decimal(5)]))
    assert [one.value for one in found] == ["KRT", "PAL", "STK"]
    assert found[0].why == (
        "5 of it is exactly the 60 STK that were ordered",
        "1 KRT = 12 STK by the item's conversions",
    )


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    partner = TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")
    supplier = Supplier.objects.create(company=company, number="50000", name="Nordic Parts AS")
    PartnerRoute.objects.create(partner=partner, supplier=supplier)
    for number, words in (("1001-BLK", "Hinge 35mm, black"), ("1002-WHT", "Hinge 35mm, white"), ("1003", "Glue")):
        Item.objects.create(company=company, number=number, description=words)
    order = Order.objects.create(company=company, number="PO1", supplier=supplier, supplier_number="50000")
    for place, item in enumerate(Item.objects.order_by("number"), start=1):
        OrderLine.objects.create(
            order=order, number=place, item=item.number, description=item.description, unit="STK", quantity=60
        )
    return partner


def best(company: Company, partner: TradingPartner | None, cause: str, **known: object) -> tuple[str, str]:
    """The first suggestion, and its first reason."""
    found = suggestions_for(company, partner, Missing(cause, **known))  # type: ignore[arg-type]  # as the case says
    return (found[0].value, found[0].why[0]) if found else ("", "")


def test_the_same_article_in_another_package(company: Company, partner: TradingPartner) -> None:
    item = Item.objects.get(number="1003")
    ItemNumber.objects.create(item=item, kind="Barcode", number="7038010000010", compared_as="07038010000010")
    carton = {"number": "17038010000017", "number_kind": "gtin"}
    assert best(company, partner, "item_unmapped", **carton) == (
        "1003",
        "has barcode 7038010000010: the same, for another package",
    )


def test_a_number_of_the_supplier_written_otherwise(company: Company, partner: TradingPartner) -> None:
    item = Item.objects.get(number="1002-WHT")
    ItemNumber.objects.create(item=item, kind="VPN", number="NP-77411", compared_as="NP-77411", supplier_number="50000")
    ItemNumber.objects.create(item=item, kind="VPN", number="AB 1", compared_as="AB 1", supplier_number="60000")
    wanted = {"number_kind": "vendor", "orders": ()}
    assert best(company, partner, "item_unmapped", number="np77411", **wanted) == (
        "1002-WHT",
        "is number NP-77411 of this supplier in Visma",
    )
    assert best(company, partner, "item_unmapped", number="AB1", **wanted) == ("", "")


def test_the_only_item_that_is_left_on_the_order(company: Company, partner: TradingPartner) -> None:
    known = {"number": "X", "number_kind": "vendor", "orders": ("PO1",), "matched": frozenset({"1001-BLK", "1003"})}
    assert best(company, partner, "item_unmapped", **known) == (
        "1002-WHT",
        "is the only item of the order that the paper does not name otherwise",
    )


def test_a_description_that_is_alike(company: Company, partner: TradingPartner) -> None:
    known = {"number": "X", "number_kind": "vendor", "descriptions": ("HINGE BLACK 35MM",)}
    value, why = best(company, partner, "item_unmapped", **known)
    assert (value, why.startswith("Hinge 35mm, black resembles HINGE BLACK 35MM")) == ("1001-BLK", True)


def test_what_another_partner_means_by_it(company: Company, partner: TradingPartner) -> None:
    other = TradingPartner.objects.create(company=company, trading_partner_id="OTHER")
    ItemReference.objects.create(partner=other, number_kind="upc", their_number="43000186706", item="1003")
    known = {"number": "00043000186706", "number_kind": "gtin"}
    assert best(company, partner, "item_unmapped", **known) == ("1003", "is what OTHER means by 43000186706")


def test_units_that_convert_for_the_item(company: Company, partner: TradingPartner) -> None:
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    ItemUnit.objects.create(item=Item.objects.get(number="1003"), from_unit="KRT", to_unit="STK", factor=12)
    known = {"rsx_unit": "CT", "unit": "STK", "item": "1003", "orders": ("PO1",), "quantities": (Decimal(5),)}
    assert best(company, partner, "unit_unmapped", **known) == (
        "KRT",
        "5 of it is exactly the 60 STK that were ordered",
    )
    assert best(company, partner, "unit_unmapped", rsx_unit="EA", unit="PAL") == (
        "EA",
        "is what the paper counts in where we ordered in PAL",
    )


def test_a_supplier_by_its_codes_its_orders_and_its_name(company: Company, partner: TradingPartner) -> None:
    other = Supplier.objects.create(company=company, number="60000", name="Fjord Verktøy AS")
    SupplierLocation.objects.create(supplier=other, location="MAIN", edi_code="FJORD01", gln="7080000000001")
    found = [
        best(company, None, "partner_unmapped", trading_partner_id="fjord01"),
        best(company, None, "partner_unmapped", trading_partner_id="7080000000001"),
        best(company, None, "partner_unmapped", trading_partner_id="X", orders=("PO1",)),
        best(company, None, "partner_unmapped", trading_partner_id="X", names=("FJORD VERKTØY",)),
    ]
    assert found == [
        ("60000", "has this id as EDI code of location MAIN"),
        ("60000", "has this id as GLN of location MAIN"),
        ("50000", "has order PO1, which the paper names"),
        ("60000", "Fjord Verktøy AS resembles FJORD VERKTØY (100 of 100)"),
    ]


def test_a_partner_id_for_an_order_of_an_unmapped_supplier(company: Company, partner: TradingPartner) -> None:
    supplier = Supplier.objects.create(company=company, number="60000", name="Nordic Parts Sweden")
    SupplierLocation.objects.create(supplier=supplier, location="MAIN", edi_code="NORDICSE")
    found = suggestions_for(company, None, Missing("partner_unmapped", supplier="60000"))
    assert [one.value for one in found] == ["NORDICSE", "NORDIC"]


def test_other_causes_have_no_suggestions(company: Company) -> None:
    assert suggestions_for(company, None, Missing("price")) == []
