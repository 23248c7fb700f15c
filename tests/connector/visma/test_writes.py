"""What we write, what its answers become, and how we look for it when there was none (visma.md §8, §9)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connector import errors
from connector.visma.bodies import AddPurchaseOrderLines, PurchaseOrderLineUpdate, PurchaseOrderUpdate
from connector.visma.client import VismaClient
from tests.connector.stand_in import Manner, Said, StandIn, json_said
from tests.connector.visma.near import BODY, INVOICE, RECEIPT, STAMP, client, listed

# Writes


def test_an_order_is_updated_only_as_it_was_read() -> None:
    body = PurchaseOrderUpdate(lines=[PurchaseOrderLineUpdate(line_number=1, custom_dec1=Decimal("36.0"))])
    with StandIn(Said(204, b"", {"ETag": '"new="'}), Said(412)) as far:
        assert client(far).update_order("PO1", body, "old=") == "new="
        with pytest.raises(errors.Stale):
            client(far).update_order("PO1", body, "old=")
    asked = far.asked[0]
    assert (asked.method, asked.path, asked.headers["If-Match"]) == ("PUT", "/v1/purchaseorder/PO1", '"old="')
    assert asked.body == (b'{"lines":[{"operation":"Update","lineNumber":{"value":1},"customDec1":{"value":36.0}}]}')


@pytest.mark.parametrize(
    ("location", "number"),
    [
        ("https://integration.visma.net/API/controller/api/v1/PurchaseReceipt/PR000233", "PR000233"),
        ("/v1/PurchaseReceipt/PR000233/?x=1", "PR000233"),
        ("https://h/v1/PurchaseReceipt/PR%2F233", "PR/233"),
        ("https://h/v1/PurchaseReceipt/b64(QS8x)", "A/1"),
        ("PR000233", "PR000233"),
    ],
)
def test_the_new_number_is_the_last_segment_of_location(location: str, number: str) -> None:
    with StandIn(Said(201, b"", {"Location": location})) as far:
        assert client(far).create_receipt(BODY) == number
        assert client(far).create_invoice(BODY) == number
    assert [asked.path for asked in far.asked] == ["/v1/PurchaseReceipt", "/v1/supplierInvoice"]
    assert far.asked[0].body == b'{"hold":{"value":true},"qty":{"value":1.50}}'


@pytest.mark.parametrize(
    "location",
    ["", "https://host", "https://host/", "https://[bad/", "https://h/v1/b64(!)", "https://h/v1/PurchaseReceipt/"],
)
def test_created_without_a_number_is_in_doubt(location: str) -> None:
    headers = {"Location": location} if location else {}
    with StandIn(Said(201, b"", headers)) as far, pytest.raises(errors.InDoubt, match="looked up"):
        client(far).create_receipt(BODY)


def test_a_change_is_believed_by_its_status_its_etag_or_its_body() -> None:
    with StandIn(Said(200, b"", {"ETag": '"new="'}), Said(204), Said(200, b"{}"), Said(200)) as far:
        assert client(far).update_order("PO1", BODY, "old=") == "new="
        assert client(far).update_order("PO1", BODY, "old=") == ""
        assert client(far).update_order("PO1", BODY, "old=") == ""
        with pytest.raises(errors.InDoubt, match="looked up"):
            client(far).update_order("PO1", BODY, "old=")


@pytest.mark.parametrize("manner", ["close", "reset", "cut_head"])
def test_a_lost_answer_leaves_every_write_in_doubt(manner: Manner) -> None:
    writes: list[Callable[[VismaClient], Any]] = [
        lambda visma: visma.create_receipt(BODY),
        lambda visma: visma.create_invoice(BODY),
        lambda visma: visma.update_order("PO1", BODY, "e"),
        lambda visma: visma.update_receipt("PR1", BODY),
        lambda visma: visma.add_order_lines("PR1", BODY),
        lambda visma: visma.release_receipt("PR1"),
        lambda visma: visma.cancel_receipt("PR1"),
        lambda visma: visma.attach_to_invoice("I1", "Invoice", "a.xml", b"x", "text/xml"),
    ]
    with StandIn(Said(201, b"{}", {"Location": "/v1/x/7"}, manner)) as far:
        for write in writes:
            with pytest.raises(errors.InDoubt):
                write(client(far))
        assert len(far.asked) == len(writes)


def test_the_actions_of_a_receipt_go_where_they_belong() -> None:
    with StandIn(json_said({"actionId": "x", "actionResult": "Done"})) as far:
        visma = client(far)
        visma.add_order_lines("PR1", AddPurchaseOrderLines.of({"PO1": [1]}))
        assert visma.release_receipt("PR1").action_result == "Done"
        visma.cancel_receipt("PR1")
    assert [(asked.method, asked.path) for asked in far.asked] == [
        ("POST", "/v1/PurchaseReceipt/PR1/action/addpurchaseorderlines"),
        ("POST", "/v1/PurchaseReceipt/PR1/action/release"),
        ("POST", "/v1/PurchaseReceipt/PR1/action/cancelReceipt"),
    ]
    assert far.asked[0].json() == {"purchaseOrderLines": [{"orderNbr": "PO1", "lines": [{"lineNbr": "1"}]}]}
    assert far.asked[1].body == b""


def test_200_may_still_mean_failed() -> None:
    with (
        StandIn(json_said({"actionResult": "Failed", "errorInfo": "Order is on hold."})) as far,
        pytest.raises(errors.Rejected, match="Order is on hold"),
    ):
        client(far).add_order_lines("PR1", BODY)


def test_a_queued_action_is_neither_done_nor_failed() -> None:
    with StandIn(json_said({"actionResult": "Queued"}, 202)) as far:
        assert client(far).release_receipt("PR1").action_result == "Queued"


@pytest.mark.parametrize(
    "said", [Said(200, b'{"actionResult": "Failed"}', manner="cut_body"), Said(200, b"<html>"), Said(200, b"[]")]
)
def test_an_action_whose_result_is_unreadable_is_in_doubt(said: Said) -> None:
    with StandIn(said) as far, pytest.raises(errors.InDoubt):
        client(far).add_order_lines("PR1", BODY)


def test_an_action_without_words_is_taken_at_its_status() -> None:
    with StandIn(Said(204)) as far:
        assert client(far).release_receipt("PR1").action_result == ""


@pytest.mark.parametrize("status", [200, 201])
def test_the_paper_is_attached_as_one_file(status: int) -> None:
    with StandIn(Said(status)) as far:
        client(far).attach_to_invoice("I1", "Invoice", "IN 88231.json", b"\xef\xbb\xbf{}", "application/json")
    asked = far.asked[0]
    assert asked.path == "/v1/supplierInvoice/documentType/Invoice/I1/attachment"
    assert b'name="file"; filename="IN 88231.json"' in asked.body
    assert b"\r\n\r\n\xef\xbb\xbf{}\r\n" in asked.body


def test_a_business_rule_answered_with_500_stays_in_doubt() -> None:
    with (
        StandIn(json_said({"message": "Duplicate reference"}, 500)) as far,
        pytest.raises(errors.InDoubt, match="Duplicate reference"),
    ):
        client(far).create_invoice(BODY)


# Looking for what may have been written


def test_receipts_are_found_by_supplier_and_time_though_the_filter_is_ignored() -> None:
    others = [
        RECEIPT | {"receiptNbr": "PR2", "supplier": {"number": "50001"}},
        RECEIPT | {"receiptNbr": "PR3", "lastModifiedDateTime": "2026-03-20T04:35:22.15"},
        RECEIPT | {"receiptNbr": "PR4", "lastModifiedDateTime": "2026-03-20T04:35:22.153"},
        RECEIPT | {"receiptNbr": "PR5", "lastModifiedDateTime": None},
    ]
    with StandIn(listed(RECEIPT, *others)) as far:
        found = client(far).find_receipts("50000", STAMP)
    assert [row.dto.receipt_nbr for row in found] == ["PR1", "PR4", "PR5"]
    assert far.asked[0].path == "/v2/PurchaseReceipt"
    assert far.asked[0].query["supplier"] == "50000"


@pytest.mark.parametrize("by", ["createdDateTime", "lastModifiedDateTime"])
def test_invoices_are_found_by_supplier_type_and_time_though_the_filter_is_ignored(by: str) -> None:
    others = [
        INVOICE | {"referenceNumber": "I2", "supplier": {"number": "50001"}},
        INVOICE | {"referenceNumber": "I3", "documentType": "DebitAdj"},
        INVOICE | {"referenceNumber": "I4", by: "2025-01-01T00:00:00"},
    ]
    with StandIn(listed(INVOICE, *others)) as far:
        found = client(far).find_invoices("50000", STAMP, by=by)
    assert [row.dto.reference_number for row in found] == ["I1"]
    asked = far.asked[0].query
    assert (asked["supplier"], asked["documentType"]) == ("50000", "Invoice")
    assert (asked[by], asked[f"{by}Condition"]) == ("2026-03-20T04:35:22.153", ">=")


def test_an_empty_answer_proves_absence() -> None:
    with StandIn(json_said([])) as far:
        assert client(far).find_receipts("50000", None) == []


def test_a_list_that_will_not_hold_still_proves_nothing() -> None:
    restless = json_said([RECEIPT | {"metadata": {"totalCount": 2, "maxPageSize": 500}}])
    with StandIn(restless) as far, pytest.raises(errors.Transient, match="read again"):
        client(far).find_receipts("50000", STAMP)


def test_a_list_with_an_unreadable_row_proves_nothing() -> None:
    with (
        StandIn(listed(INVOICE, INVOICE | {"referenceNumber": "I2", "amount": "much"})) as far,
        pytest.raises(errors.InDoubt, match="I2"),
    ):
        client(far).find_invoices("50000", STAMP)
