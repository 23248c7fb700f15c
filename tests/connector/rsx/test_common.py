"""Single fields: what is read with a shrug, what with a warning, and what not at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import Unreadable
from connector.rsx.block import Block
from connector.rsx.codes import PRICE_BASES
from connector.rsx.common import (
    UNITS,
    ItemNumbers,
    Reference,
    basis_unit,
    dates,
    description,
    item_numbers,
    price_divisor,
    references,
)


def _block(**tree: Any) -> Block:
    return Block(tree, "LineItem[2].InvoiceLine", [])


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("12.50", "12.50"),
        (" 7 ", "7"),
        (Decimal("20.0"), "20.0"),
        (3, "3"),
        (0.1, "0.1"),
        ("-.5", "-0.5"),
        ("1e3", "1000"),
        ("33.333333333333336", "33.333333333333336"),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_number_is_read_also_when_it_is_text(raw: Any, value: str | None) -> None:
    found = _block(Qty=raw).number("Qty")
    assert found == (None if value is None else Decimal(value))


@pytest.mark.parametrize("raw", ["12,5", "abc", "1 000", "٣", "NaN", True, [1], {"a": 1}, "1e999", Decimal("1E+40")])
def test_number_that_nobody_can_read_names_its_place(raw: Any) -> None:
    with pytest.raises(Unreadable, match=r"^LineItem\[2\]\.InvoiceLine\.InvoiceQty: .* is not a number$"):
        _block(InvoiceQty=raw).number("InvoiceQty")
    block = _block(InvoiceQty=raw)
    assert block.number("InvoiceQty", needed=False) is None
    assert len(block.warnings) == 1


@pytest.mark.parametrize(
    ("raw", "text"),
    [(Decimal("7035550001234"), "7035550001234"), (Decimal("12.0"), "12"), (Decimal("0.50"), "0.50"), (True, "true")],
)
def test_number_for_an_identifier_becomes_text_with_a_warning(raw: Any, text: str) -> None:
    block = _block(GTIN=raw)
    assert block.text("GTIN") == text
    assert "leading zeros may be lost" in block.warnings[0]


def test_wrong_type_is_refused_where_it_matters_and_a_warning_where_not() -> None:
    block = _block(Note={"x": 1}, Vendor=["1", "2"])
    assert block.text("Note", needed=False) == ""
    assert block.warnings == ["LineItem[2].InvoiceLine.Note: text is expected, but it is an object; it is not read."]
    with pytest.raises(Unreadable, match="Vendor: text is expected, but it is a list"):
        block.text("Vendor")


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2026-02-28", dt.date(2026, 2, 28)),
        ("2026-02-28Z", dt.date(2026, 2, 28)),
        ("2026-02-28+13:00", dt.date(2026, 2, 28)),
        ("2026-02-28T23:30:00-08:00", dt.date(2026, 2, 28)),
        ("2026-02-30", None),
        ("20260228", None),
        ("28.02.2026", None),
        ("0000-01-01", None),
    ],
)
def test_date_is_never_shifted_and_a_bad_one_is_kept_raw(raw: str, day: dt.date | None) -> None:
    block = _block(Dates=[{"DateTimeQualifier": "002", "Date": raw, "Time": "14:22:14"}])
    [found] = dates(block)
    assert (found.date, found.raw, found.qualifier, found.time) == (day, raw, "002", "14:22:14")
    assert bool(block.warnings) == (day is None)


def test_blocks_that_are_none_are_skipped_or_refused() -> None:
    block = _block(Notes=["x", {"Note": "y"}], LineItem=[{}, 5])
    assert [one.where for one in block.blocks("Notes")] == ["LineItem[2].InvoiceLine.Notes[2]"]
    with pytest.raises(Unreadable, match=r"LineItem\[2\]: a block of fields is expected, but it is 5"):
        list(block.blocks("LineItem", needed=True))


def test_item_numbers_are_sorted_by_what_they_are() -> None:
    block = _block(
        BuyerPartNumber="B",
        VendorPartNumber=" V ",
        GTIN="07035550001234",
        EAN="7035550001234",
        ConsumerPackageCode="859563003863",
        ProductID=[
            {"PartNumberQual": "ZEAN", "PartNumber": "4006381333931"},
            {"PartNumberQual": "ZUPC", "PartNumber": "not a code"},
            {"PartNumberQual": "B8", "PartNumber": "LOT-1"},
        ],
    )
    found = item_numbers(block)
    assert found == ItemNumbers(
        buyer="B",
        vendor="V",
        gtins=("07035550001234", "7035550001234", "4006381333931"),
        upcs=("859563003863", "not a code"),
        other=(("B8", "LOT-1"),),
    )
    assert found.barcodes14 == ("07035550001234", "04006381333931", "00859563003863")


def test_blank_and_overlong_barcodes_match_nothing() -> None:
    assert ItemNumbers(gtins=("00000000000000", "123456789012345", "²")).barcodes14 == ()


def test_references_bring_their_further_ids() -> None:
    inner = [{"ReferenceQual": "AN", "ReferenceID": "PO2"}]
    block = _block(References=[{"ReferenceQual": "AN", "ReferenceID": "PO1", "ReferenceIDs": inner}, {}])
    assert references(block) == (Reference(qualifier="AN", number="PO1"), Reference(qualifier="AN", number="PO2"))


def test_description_of_the_product_is_preferred() -> None:
    texts = [
        {"ProductCharacteristicCode": "75", "ProductDescription": "red"},
        {"ProductCharacteristicCode": "08", "ProductDescription": "Widget"},
    ]
    assert description(_block(ProductOrItemDescription=texts)) == "Widget"
    assert description(_block(ProductOrItemDescription=texts[:1])) == "red"
    assert description(_block()) == ""


def test_price_basis_divides_or_names_a_unit_but_never_both() -> None:
    divisors = {"": 1, "PE": 1, "UM": 1, "PN": 10, "PD": 12, "HP": 100, "HT": 1000, "TT": 10_000, "HTH": 100_000}
    for basis in ("", *PRICE_BASES):
        assert price_divisor(basis) == divisors.get(basis)
        assert basis_unit(basis) == "" or basis_unit(basis) in UNITS
        assert not (price_divisor(basis) and basis_unit(basis))
    assert (basis_unit("PK"), basis_unit("CA"), basis_unit("PF"), basis_unit("PT")) == ("KG", "CA", "FT", "")


def test_units_that_look_like_others_are_not_in_the_list() -> None:
    assert len(UNITS) == 262
    assert {"CS", "CN", "FO", "LT"} <= UNITS
    assert not {"STK", "KRT", "M", ""} & UNITS
