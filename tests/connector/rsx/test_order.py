"""The order that we send: always valid by the official schema, the same bytes for the same paper."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Rejected, Unreadable
from connector.rsx.codes import ADDRESS_TYPES, LOCATION_QUALIFIERS, PRICE_BASES, UNITS
from connector.rsx.common import Party
from connector.rsx.envelope import split
from connector.rsx.order import OrderPaper, OrderPaperLine, Terms, paper_hash, read, write
from tests.connector.rsx.reference import schema

_LINE = OrderPaperLine(
    line_number="1",
    buyer_number="ITEM-7",
    vendor_number="V-7",
    gtin="07038010000011",
    quantity=Decimal("12.00"),
    unit="EA",
    price=Decimal("49.90"),
    requested=dt.date(2026, 2, 1),
    description="Widget",
)
_PAPER = OrderPaper(
    trading_partner_id="ABCALLSUPPLIER1",
    number="000123",
    date=dt.date(2026, 1, 15),
    currency="NOK",
    vendor="50012",
    terms=Terms(net_days=30, description="Net 30"),
    requested=dt.date(2026, 2, 1),
    addresses=(
        Party(
            type="ST",
            qualifier="92",
            location="OSLO1",
            name="Main warehouse",
            street=("Street 1", "Gate B"),
            city="Oslo",
            postal_code="0150",
            country="NOR",
        ),
    ),
    lines=(_LINE,),
)


@cache
def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(schema("Orders"))


def test_paper_is_written_as_the_contract_shows_it() -> None:
    expected = {
        "Header": {
            "OrderHeader": {
                "TradingPartnerId": "ABCALLSUPPLIER1",
                "PurchaseOrderNumber": "000123",
                "TsetPurposeCode": "00",
                "PrimaryPOTypeCode": "SA",
                "PurchaseOrderDate": "2026-01-15",
                "BuyersCurrency": "NOK",
                "Vendor": "50012",
            },
            "PaymentTerms": [
                {"TermsType": "01", "TermsBasisDateCode": "3", "TermsNetDueDays": 30, "TermsDescription": "Net 30"}
            ],
            "Dates": [{"DateTimeQualifier": "002", "Date": "2026-02-01"}],
            "Address": [
                {
                    "AddressTypeCode": "ST",
                    "LocationCodeQualifier": "92",
                    "AddressLocationNumber": "OSLO1",
                    "AddressName": "Main warehouse",
                    "Address1": "Street 1",
                    "Address2": "Gate B",
                    "City": "Oslo",
                    "PostalCode": "0150",
                    "Country": "NOR",
                }
            ],
        },
        "LineItem": [
            {
                "OrderLine": {
                    "LineSequenceNumber": "1",
                    "BuyerPartNumber": "ITEM-7",
                    "VendorPartNumber": "V-7",
                    "GTIN": "07038010000011",
                    "OrderQty": 12,
                    "OrderQtyUOM": "EA",
                    "PurchasePrice": 49.9,
                    "PurchasePriceBasis": "PE",
                },
                "Dates": [{"DateTimeQualifier": "002", "Date": "2026-02-01"}],
                "ProductOrItemDescription": [{"ProductCharacteristicCode": "08", "ProductDescription": "Widget"}],
            }
        ],
        "Summary": {"TotalAmount": 598.8, "TotalLineItemNumber": 1},
    }
    assert json.loads(write(_PAPER)) == expected


def test_a_third_of_a_price_leaves_no_fractions_of_a_cent_in_the_total() -> None:
    thirds = _LINE.model_copy(update={"quantity": Decimal(15), "price": Decimal("33.333333")})
    assert b'"TotalAmount":500,' in write(_PAPER.model_copy(update={"lines": (thirds,)}))


def test_price_per_hundred_is_divided_in_the_total_and_an_unknown_price_leaves_it_out() -> None:
    hundred = _LINE.model_copy(update={"price_basis": "HP"})
    assert b'"TotalAmount":5.99' in write(_PAPER.model_copy(update={"lines": (hundred,)}))
    for without in ({"price": None}, {"price_basis": "PK"}):
        paper = _PAPER.model_copy(update={"lines": (_LINE, _LINE.model_copy(update=without))})
        assert b"TotalAmount" not in write(paper)


def test_hash_changes_with_what_the_supplier_sees_and_not_with_purpose_or_zeros() -> None:
    replacement = _PAPER.model_copy(update={"purpose": "05"})
    same = _LINE.model_copy(update={"quantity": Decimal("12.0"), "price": Decimal("49.9000")})
    assert paper_hash(replacement) == paper_hash(_PAPER) == paper_hash(_PAPER.model_copy(update={"lines": (same,)}))
    later = _PAPER.model_copy(update={"requested": dt.date(2026, 2, 2)})
    assert paper_hash(later) != paper_hash(_PAPER)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trading_partner_id": "A" * 16}, "1 to 15 characters"),
        ({"trading_partner_id": " "}, "1 to 15 characters"),
        ({"number": "1" * 23}, "1 to 22 characters; it has 23"),
        ({"number": ""}, "Order without number"),
        ({"kind": "XX"}, "'XX' is not a known order kind"),
        ({"ship_complete": "P"}, "ship-complete"),
        ({"addresses": (Party(type="ZZ"),)}, "address type"),
        ({"addresses": (Party(type="ST", qualifier="93"),)}, "location qualifier"),
        ({"lines": (_LINE.model_copy(update={"unit": "STK"}),)}, "line 1: 'STK' is not a unit of RSX"),
        ({"lines": (_LINE.model_copy(update={"price_basis": "XX"}),)}, "price basis"),
        ({"lines": (_LINE.model_copy(update={"quantity": Decimal(-1)}),)}, "below zero"),
        ({"lines": (_LINE.model_copy(update={"price": Decimal("1E+30")}),)}, "beyond reason"),
    ],
)
def test_paper_that_cannot_be_made_valid_is_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    paper = _PAPER.model_copy(update=change)
    with pytest.raises(Rejected, match=sentence):
        write(paper)
    assert paper_hash(paper)


def test_order_of_another_purpose_is_not_read_as_one_of_ours() -> None:
    tree = {"Header": {"OrderHeader": {"TradingPartnerId": "P", "PurchaseOrderNumber": "1", "TsetPurposeCode": "06"}}}
    with pytest.raises(Unreadable, match=r"Header\.OrderHeader\.TsetPurposeCode: '06'"):
        read(tree)


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip)
_AMOUNTS = st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=6)
_DATES = st.none() | st.dates(min_value=dt.date(1, 1, 1))
_LINES = st.builds(
    OrderPaperLine,
    line_number=_TEXT,
    buyer_number=_TEXT,
    vendor_number=_TEXT,
    gtin=_TEXT,
    quantity=_AMOUNTS,
    unit=st.sampled_from(sorted(UNITS)),
    price=st.none() | _AMOUNTS,
    price_basis=st.sampled_from(["", *sorted(PRICE_BASES)]),
    requested=_DATES,
    description=_TEXT,
    note=_TEXT,
)
_PARTIES = st.builds(
    Party,
    type=st.sampled_from(sorted(ADDRESS_TYPES)),
    qualifier=st.sampled_from(["", *sorted(LOCATION_QUALIFIERS)]),
    street=st.lists(_TEXT.filter(bool), max_size=4).map(tuple),
    **dict.fromkeys(("location", "name", "city", "postal_code", "country"), _TEXT),
)
_TERMS = st.builds(
    Terms,
    net_days=st.integers(0, 999),
    discount_percent=st.none() | st.decimals(0, 100, places=3),
    discount_days=st.none() | st.integers(0, 99),
    description=_TEXT,
)
_PAPERS = st.builds(
    OrderPaper,
    trading_partner_id=_TEXT.filter(lambda text: 1 <= len(text) <= 15),
    number=_TEXT.filter(bool),
    purpose=st.sampled_from(["00", "05", "01"]),
    date=_DATES,
    currency=_TEXT,
    vendor=_TEXT,
    ship_complete=st.sampled_from(["", "Y", "N"]),
    terms=st.none() | _TERMS,
    requested=_DATES,
    addresses=st.lists(_PARTIES, max_size=2).map(tuple),
    lines=st.lists(_LINES, max_size=3).map(tuple),
    notes=st.lists(_TEXT.filter(bool), max_size=2).map(tuple),
)


@given(_PAPERS)
def test_every_paper_comes_back_as_it_was_written(paper: OrderPaper) -> None:
    written = write(paper)
    [part] = split(written)
    assert part.kind == "order"
    assert read(part.tree) == paper
    assert write(read(part.tree)) == written
    assert paper_hash(read(part.tree)) == paper_hash(paper)


@given(_PAPERS)
def test_every_paper_is_valid_by_the_official_schema(paper: OrderPaper) -> None:
    _validator().validate(json.loads(write(paper)))
