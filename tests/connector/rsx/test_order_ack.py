"""What a supplier answers to an order."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import Unreadable
from connector.rsx.envelope import split
from connector.rsx.order_ack import STATUS_CLASS, read
from tests.connector.rsx.reference import sample, schema


def _tree(*lines: Any, **header: Any) -> dict[str, Any]:
    return {
        "Header": {"OrderHeader": {"TradingPartnerId": "P", "PurchaseOrderNumber": " 7 ", **header}},
        "LineItem": list(lines),
    }


def test_one_ordered_line_is_answered_in_two_parts() -> None:
    ack = read(split(sample("PR584615"))[0].tree)
    assert (ack.order_number, ack.type, ack.date) == ("PO584615-1", "AC", dt.date(2020, 12, 2))
    lines: list[object] = [(line.position, line.line_number, line.quantity) for line in ack.lines]
    assert lines == [
        (1, "1", 5),
        (2, "2", 2),
        (3, "3", 3),
    ]
    first: list[object] = [
        (one.status, one.quantity, one.unit, one.date_kind, one.date) for one in ack.lines[0].entries
    ]
    assert first == [("IQ", 3, "EA", "068", dt.date(2020, 12, 15)), ("IB", 2, "EA", "068", dt.date(2020, 12, 15))]
    assert ack.lines[1].entries[0].date == dt.date(2018, 12, 26)
    assert ack.total == 270


def test_every_status_of_the_schema_has_a_class() -> None:
    known = schema("OrderAcks")["definitions"]["OrderAck"]["properties"]["LineItem"]["items"]["properties"]
    entry = known["LineItemAcknowledgement"]["items"]["properties"]
    assert set(STATUS_CLASS) == set(entry["ItemStatusCode"]["enum"])


def test_classes_hold_as_many_statuses_as_the_contract_lists() -> None:
    assert Counter(STATUS_CLASS.values()) == {
        "confirmed": 4, "changed": 3, "approval": 5, "backordered": 2, "rejected": 8, "held": 3, "cancelled": 1
    }  # fmt: skip


def test_acknowledgment_without_lines_is_whole() -> None:
    ack = read(_tree(AcknowledgementType="AK", InternalOrderNumber="S-1"))
    assert (ack.order_number, ack.type, ack.supplier_order_number, ack.lines) == ("7", "AK", "S-1", ())


def test_substitute_carries_its_own_numbers_and_price_and_an_unknown_status_is_kept() -> None:
    entries = [{"ItemStatusCode": "IS", "BuyerPartNumber": "NEW", "PurchasePrice": "9.50"}, {"ItemStatusCode": "??"}]
    ack = read(_tree({"OrderLine": {"BuyerPartNumber": "OLD"}, "LineItemAcknowledgement": entries}))
    [line] = ack.lines
    assert (line.numbers.buyer, line.entries[0].numbers.buyer, line.entries[0].price) == ("OLD", "NEW", Decimal("9.50"))
    assert line.entries[1].status == "??"
    assert "??" not in STATUS_CLASS


def test_bad_schedule_date_is_a_warning_and_nothing_more() -> None:
    ack = read(_tree({"LineItemAcknowledgement": [{"ItemScheduleDate": "soon"}]}))
    assert ack.lines[0].entries[0].date is None
    assert ack.warnings == ("LineItem[1].LineItemAcknowledgement[1].ItemScheduleDate: 'soon' is not a date.",)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({}, "Header is missing"),
        ({"Header": {"OrderHeader": "x"}}, "Header.OrderHeader: a block of fields is expected"),
        ({"Header": {"OrderHeader": {"TradingPartnerId": "P"}}}, "PurchaseOrderNumber is missing"),
        ({"Header": {"OrderHeader": {"PurchaseOrderNumber": "P"}}}, "TradingPartnerId is missing"),
        (_tree({"OrderLine": {"OrderQty": "12,5"}}), r"LineItem\[1\].OrderLine.OrderQty: '12,5' is not a number"),
        (_tree({}, 7), r"LineItem\[2\]: a block of fields is expected, but it is 7"),
    ],
)
def test_what_we_need_and_cannot_read_is_named(tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read(tree)
