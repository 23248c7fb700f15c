"""Files become papers: every form a file can arrive in, and every way it can be broken."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import TypeConflict, Unreadable
from connector.rsx import invoice, order, order_ack, shipment
from connector.rsx.codes import LIST_NAMES, NUMBER_NAMES, UNITS
from connector.rsx.envelope import Kind, Part, content_hash, expected_kind, resolve_kind, split
from tests.connector.rsx.reference import in_xml, samples, schema

_READERS: dict[str, Any] = {
    "order": order.read,
    "order_ack": order_ack.read,
    "shipment": shipment.read,
    "invoice": invoice.read,
}
_INVOICE = {"Header": {"InvoiceHeader": {"TradingPartnerId": "P", "InvoiceNumber": "1"}}}
_SHIPMENT = {"Header": {"ShipmentHeader": {"TradingPartnerId": "P", "ShipmentIdentification": "1"}}}
_ORDER = {"Header": {"OrderHeader": {"TradingPartnerId": "P", "PurchaseOrderNumber": "7"}}}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _ack(**header: str) -> dict[str, Any]:
    return {"Header": {"OrderHeader": {**_ORDER["Header"]["OrderHeader"], **header}}}


@pytest.mark.parametrize("path", samples())
def test_official_sample_reads_the_same_in_json_and_in_xml(path: Path) -> None:
    [paper] = split(path.read_bytes())
    [other] = split(in_xml(path))
    assert (paper.form, other.form) == ("json", "xml")
    assert paper.kind == other.kind == resolve_kind(f"/out/{path.name}", paper)
    assert _READERS[paper.kind](paper.tree) == _READERS[other.kind](other.tree)
    assert content_hash(paper.tree) == content_hash(other.tree)


@pytest.mark.parametrize("name", ["Orders", "OrderAcks", "Shipments", "Invoices"])
def test_our_lists_of_names_are_those_of_the_schemas(name: str) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, list):
            for element in node:
                walk(element)
        if not isinstance(node, dict):
            return
        for field, kind in node.get("properties", {}).items():
            assert (kind.get("type") == "array") == (field in LIST_NAMES), field
            assert (kind.get("type") in ("number", "integer")) == (field in NUMBER_NAMES), field
            if field == "OrderQtyUOM":
                assert set(kind["enum"]) == UNITS
        for value in node.values():
            walk(value)

    walk(schema(name))


def test_byte_order_mark_is_ignored_in_both_forms() -> None:
    assert split(b"\xef\xbb\xbf" + _json(_INVOICE))[0].kind == "invoice"
    assert split(b"\xef\xbb\xbf<Invoice><Header><InvoiceHeader/></Header></Invoice>")[0].kind == "unsupported"


def test_list_gives_one_part_each_and_a_number_in_it_stops_nobody() -> None:
    parts = split(_json([_INVOICE, 5, _SHIPMENT, None, ["x"]]))
    assert [part.kind for part in parts] == ["invoice", "unsupported", "shipment", "unsupported", "unsupported"]
    assert [part.index for part in parts] == [0, 1, 2, 3, 4]
    assert parts[1].warnings == ("Element 2 is not a paper but the bare value '5'.",)


@pytest.mark.parametrize(
    "wrapped",
    [
        {"Invoices": {"Invoice": [_INVOICE, _INVOICE]}},
        {"Invoices": [_INVOICE, _INVOICE]},
        {"@xmlns": "x", "Invoices": {"@xmlns": "y", "Invoice": [_INVOICE, _INVOICE]}},
        [{"Invoice": _INVOICE}, {"Invoice": _INVOICE}],
    ],
)
def test_harmless_wrapper_is_taken_off(wrapped: Any) -> None:
    assert [part.tree for part in split(_json(wrapped))] == [_INVOICE, _INVOICE]


def test_numbers_are_decimals_to_the_last_digit() -> None:
    [part] = split(b'{"Header": {"a": 20.10, "b": 12345678901234567890, "c": 0.1e-2}}')
    assert part.tree["Header"] == {"a": Decimal("20.10"), "b": Decimal("12345678901234567890"), "c": Decimal("0.001")}
    assert str(part.tree["Header"]["a"]) == "20.10"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf \r\n", "The file is empty"),
        (b'{"Header": {\n"x": ', "line 2, column"),
        (b'{"Header": "bl\xe5"}', "byte 14 (counted from 0) is 0xE5"),
        (b'\xef\xbb\xbf{"Header": "bl\xe5"}', "byte 17 (counted from 0) is 0xE5"),
        ("\ufeff{}".encode("utf-16-le"), "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e99999999999999999999}', "a number that no one can mean"),
        (b'{"a": 1, "a": 2}', "names 'a' twice"),
        (b"5", "bare value '5'"),
        (b"null", "empty"),
        (b"[]", "no paper"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested"),
        (b"<Orders/>", "no paper"),
        (b"<Order>\n<Header>", "line 2, column 9: no element found."),
        (b"<a>" * 1_000 + b"</a>" * 1_000, "nested"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DTD"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DTD"),
        (b'<?xml version="1.0" encoding="nope"?><a/>', "encoding"),
        (b'<?xml version="1.0" encoding="utf-8"?><a>bl\xe5</a>', "not well-formed"),
    ],
)
def test_broken_file_is_refused_with_the_place(content: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(sentence)):
        split(content)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-8", "utf-16"])
def test_xml_is_read_in_the_encoding_it_declares(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><Order><Header><OrderHeader><Vendor>Blåbær</Vendor>'
    [part] = split(f"{text}</OrderHeader></Header></Order>".encode(encoding))
    assert part.tree == {"Header": {"OrderHeader": {"Vendor": "Blåbær"}}}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ('<Invoices xmlns="http://www.spscommerce.com/RSX">', "</Invoices>"),
        ('<r:Invoices xmlns:r="urn:any">', "</r:Invoices>"),
        ("  \n<Invoices>", "</Invoices>"),
    ],
)
def test_plural_root_holds_several_papers_with_any_prefix(start: str, end: str) -> None:
    prefix = "r:" if "r:" in start else ""
    body = (
        "Invoice><{0}Header><{0}InvoiceHeader><{0}InvoiceNumber>00{1}</{0}InvoiceNumber></{0}InvoiceHeader></{0}Header>"
    )
    paper = "".join(f"<{prefix}{body.format(prefix, number)}</{prefix}Invoice>" for number in (1, 2))
    parts = split(f"{start}{paper}{end}".encode())
    assert [part.tree["Header"]["InvoiceHeader"]["InvoiceNumber"] for part in parts] == ["001", "002"]


def test_one_occurrence_of_a_repeatable_name_is_a_list_and_an_empty_element_is_absent() -> None:
    [part] = split(b"<Order><Header><OrderHeader/><Notes/><Dates><Date>2026-01-02</Date></Dates></Header></Order>")
    assert part.tree == {"Header": {"Dates": [{"Date": "2026-01-02"}]}}
    [part] = split(_json({"Header": {"Dates": {"Date": "2026-01-02"}}}))
    assert part.tree == {"Header": {"Dates": [{"Date": "2026-01-02"}]}}


def test_names_of_older_papers_are_read_as_todays() -> None:
    [part] = split(
        b"<Order><Header><OrderHeader><PurchaseOrderTypeCode>SA</PurchaseOrderTypeCode></OrderHeader>"
        b"<Date><DateTimeQualifier1>010</DateTimeQualifier1><Date1>2014-02-03</Date1></Date>"
        b"<Date><DateTimeQualifier1>002</DateTimeQualifier1><Date1>2014-02-04</Date1></Date></Header></Order>"
    )
    assert part.tree["Header"] == {
        "OrderHeader": {"PrimaryPOTypeCode": "SA"},
        "Dates": [
            {"DateTimeQualifier": "010", "Date": "2014-02-03"},
            {"DateTimeQualifier": "002", "Date": "2014-02-04"},
        ],
    }


def test_text_that_no_database_stores_is_cleaned_and_unknown_fields_are_kept() -> None:
    [part] = split(b'{"Header": {"OrderHeader": {"Vendor": "a\\u0000b\\ud800", "Brandnew": {"x": [1]}}}}')
    assert part.tree["Header"]["OrderHeader"] == {"Vendor": "ab?", "Brandnew": {"x": [Decimal(1)]}}


@pytest.mark.parametrize(
    ("tree", "kind"),
    [
        (_INVOICE, "invoice"),
        (_SHIPMENT, "shipment"),
        (_ORDER, "order"),
        (_ack(AcknowledgementType="AD"), "order"),
        (_ack(AcknowledgementDate="2026-01-02"), "order_ack"),
        (_ack(AcknowledgementNumber="A1"), "order_ack"),
        ({**_ORDER, "LineItem": [{}, {"LineItemAcknowledgement": [{"ItemStatusCode": "IA"}]}]}, "order_ack"),
        ({**_ORDER, "LineItem": [{"OrderLine": {"LineChangeCode": "AI"}}]}, "unsupported"),
        (_ack(POChangeDate="2026-01-02", AcknowledgementDate="2026-01-02"), "unsupported"),
        ({"Header": {"HeaderReport": {}}}, "unsupported"),
        ({"Header": "text"}, "unsupported"),
        ({}, "unsupported"),
    ],
)
def test_content_tells_its_kind(tree: dict[str, Any], kind: Kind) -> None:
    assert split(_json([tree]))[0].kind == kind


def test_element_name_settles_what_the_content_leaves_open() -> None:
    header = "<Header><OrderHeader><AcknowledgementType>AK</AcknowledgementType></OrderHeader></Header>"
    assert split(f"<OrderAck>{header}</OrderAck>".encode())[0].kind == "order_ack"
    assert split(f"<OrderChanges><OrderChange>{header}</OrderChange></OrderChanges>".encode())[0].kind == "unsupported"
    [odd] = split(b"<Order><Header><InvoiceHeader><Vendor>1</Vendor></InvoiceHeader></Header></Order>")
    assert odd.kind == "invoice"
    assert odd.warnings == ("The paper is called Order, but its content is of kind invoice.",)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/out/PR/anything.json", "order_ack"),
        ("/out/SH584615-1-v7.7.json", "shipment"),
        ("/out/IN_7.xml", "invoice"),
        ("/out/PRPO584616-1.json", "order_ack"),
        ("/out/SHSh123546-1.json", "shipment"),
        ("/out/CA/CA1.xml", "unsupported"),
        ("/out/IA0001", "unsupported"),
        ("/out/INVENTORY.json", None),
        ("/out/POACK-7.json", None),
        ("/out/Consolidated_Shipment.json", None),
        ("/out/in584615.json", None),
        ("/in/x.json", None),
    ],
)
def test_path_promises_a_kind(path: str, kind: Kind | None) -> None:
    assert expected_kind(path) == kind


def test_directory_and_name_that_disagree_are_a_conflict() -> None:
    with pytest.raises(TypeConflict, match="kind invoice, but its name is that of kind shipment"):
        expected_kind("/out/IN/SH1.json")


def _part(tree: dict[str, Any]) -> Part:
    return split(_json([tree]))[0]


@pytest.mark.parametrize(
    ("path", "tree", "kind"),
    [
        ("/out/whatever.json", _INVOICE, "invoice"),
        ("/out/IN1.json", _INVOICE, "invoice"),
        ("/out/PR1.json", _ack(AcknowledgementType="AK"), "order_ack"),
        ("/out/PC1.json", _ORDER, "unsupported"),
        ("/out/IN1.json", {}, "unsupported"),
    ],
)
def test_path_and_content_agree(path: str, tree: dict[str, Any], kind: Kind) -> None:
    assert resolve_kind(path, _part(tree)) == kind


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/out/SH1.json", _INVOICE),
        ("/out/PR1.json", _ORDER),
        ("/out/PO1.json", _ack(AcknowledgementDate="2026-01-02")),
        ("/out/IB1.json", _SHIPMENT),
        ("/out/IN/1.json", {"Header": {"Something": {}}}),
    ],
)
def test_path_and_content_that_disagree_are_left_to_a_person(path: str, tree: dict[str, Any]) -> None:
    with pytest.raises(TypeConflict, match="A person must say"):
        resolve_kind(path, _part(tree))


def test_equal_papers_hash_equally_however_they_are_written() -> None:
    one = {"LineItem": [{"OrderLine": {"OrderQty": Decimal("20"), "GTIN": "007"}}], "Summary": {"TotalAmount": "20.00"}}
    two = {
        "Meta": {"InterchangeControlNumber": "77"},
        "Summary": {"TotalAmount": Decimal("2E+1"), "Notes": []},
        "LineItem": [{"OrderLine": {"GTIN": " 007 ", "OrderQty": "20.0", "Vendor": None, "EAN": ""}}],
    }
    assert content_hash(one) == content_hash(two)
    other_gtin = {"LineItem": [{"OrderLine": {"OrderQty": "20", "GTIN": "7"}}], "Summary": {"TotalAmount": "20"}}
    assert content_hash(one) != content_hash(other_gtin)


def test_hash_of_a_number_with_a_huge_exponent_costs_nothing() -> None:
    assert content_hash({"Summary": {"TotalAmount": Decimal("1E+99999999")}})


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 5))
def test_hash_sees_the_value_of_a_number_and_not_its_zeros(value: Decimal, zeros: int) -> None:
    sign, digits, exponent = value.as_tuple()
    padded = Decimal((sign, (*digits, *[0] * zeros), int(exponent) - zeros))
    assert content_hash({"Qty": value}) == content_hash({"Qty": padded}) == content_hash({"Qty": str(padded)})
    assert value == 0 or content_hash({"Qty": value}) != content_hash({"Qty": value.copy_negate()})


_NAMES = st.sampled_from(
    """
    Header OrderHeader InvoiceHeader ShipmentHeader OrderLine ShipmentLine InvoiceLine Pack Container Summary
    TradingPartnerId InvoiceNumber PurchaseOrderNumber ShipmentIdentification ShipQty OrderQty TotalAmount Date Date1
    AllowChrgAmt TaxPercent ShippingSerialID ReferenceQual ReferenceID DateTimeQualifier ItemScheduleDate GTIN
    """.split()  # noqa: SIM905 (a list of so many names, one to a line, hides the test)
    + sorted(LIST_NAMES)
)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
    | st.sampled_from(["12,5", "1e5", "-1E+40", "2026-02-30", "2026-01-02T00:00:00+01:00", "LT", "511", "P", "T"])
)  # fmt: skip
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=25
)


@st.composite
def _papers(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["OrderHeader", "ShipmentHeader", "InvoiceHeader"]))
    key = {"OrderHeader": "PurchaseOrderNumber", "ShipmentHeader": "ShipmentIdentification"}.get(name, "InvoiceNumber")
    rest = draw(st.dictionaries(_NAMES, _TREES, max_size=4))
    inner = draw(st.dictionaries(_NAMES, _TREES, max_size=4))
    return {**rest, "Header": {**inner, name: {"TradingPartnerId": "P", key: "1"}}}


@given(_TREES | _papers())
def test_whatever_json_arrives_only_unreadable_is_raised(value: Any) -> None:
    try:
        parts = split(_json(value))
    except Unreadable:
        return
    for part in parts:
        content_hash(part.tree)
        for read in _READERS.values():
            with suppress(Unreadable):
                read(part.tree)


@given(st.binary(max_size=60) | st.text(alphabet='<>/ab "=&!?[]{}:,1\n', max_size=60).map(str.encode))
def test_whatever_bytes_arrive_only_unreadable_is_raised(content: bytes) -> None:
    with suppress(Unreadable):
        assert split(content)
