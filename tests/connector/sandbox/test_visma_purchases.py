"""What Visma's stand-in accepts and refuses from writers, over a socket: orders and receipts."""

from __future__ import annotations

import pytest

from connector.sandbox import World
from connector.sandbox.warehouse import release
from tests.connector.sandbox.client import Client
from tests.connector.sandbox.writing import Json, add, change, number_of, receipt_header, w

# -- orders


def test_a_promised_date_is_written_when_the_etag_still_fits(visma: Client, order: str) -> None:
    path = f"/v1/purchaseorder/{order}"
    etag = visma("GET", path).headers["ETag"]
    line = {"operation": "Update", "lineNumber": w(1), "promised": w("2026-04-14T00:00:00"), "customDec1": w(36)}
    answer = visma("PUT", path, json={"lines": [line]}, headers={"If-Match": etag})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["ETag"] != etag
    again = visma("PUT", path, json={"lines": [line]}, headers={"If-Match": etag})
    assert (again.status_code, again.content) == (412, b"")
    read = visma("GET", path, params={"includeCustomFreeFields": "true"}).json()["lines"][0]
    assert (read["promised"], read["customDec1"]) == ("2026-04-14T00:00:00", 36)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"operation": "Update", "lineNumber": w(2), "promised": w("2026-04-14")}, "no line 2"),
        ({"operation": "Update", "lineNumber": w(1), "promised": "2026-04-14"}, "promised"),
        ({"operation": w("Update"), "lineNumber": w(1)}, "operation"),
        ({"operation": "Update", "lineNumber": w(1), "promised": w("soon")}, "a date"),
        ({"operation": "Update", "lineNumber": w(1), "customStr1": w("x" * 101)}, "100 characters"),
    ],
)
def test_a_malformed_order_change_is_refused_and_changes_nothing(
    visma: Client, order: str, line: Json, says: str
) -> None:
    before = visma("GET", f"/v1/purchaseorder/{order}").json()
    answer = visma("PUT", f"/v1/purchaseorder/{order}", json={"promisedOn": w("2027-01-01"), "lines": [line]})
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert visma("GET", f"/v1/purchaseorder/{order}").json() == before


# -- receipts


def test_the_receipt_sequence_puts_shipped_quantities_on_hold(visma: Client, order: str, receipt: str) -> None:
    lot = {"operation": "Insert", "lotSerialNumber": w("LOT-A1"), "quantity": w(36), "uom": w("STK")}
    assert change(visma, receipt, 1, 36, allocations=[lot]).status_code == 204
    read = visma("GET", f"/v2/PurchaseReceipt/{receipt}").json()
    assert (read["status"], read["supplierRef"], read["totalQty"]) == ("Hold", "SHP-1", 41)
    assert [(x["poOrderNbr"], x["poOrderLineNbr"], x["receiptQty"]) for x in read["lines"]] == [
        (order, 1, 36),
        (order, 3, 5),
    ]
    assert read["lines"][0]["allocations"][0]["lotSerialNumber"] == "LOT-A1"
    on_order = visma("GET", f"/v1/purchaseorder/{order}").json()
    assert [line["qtyOnReceipts"] for line in on_order["lines"]] == [36, 5]
    assert on_order["purchaseReceipts"][0]["receiptNumber"] == receipt


def test_locations_alternate_between_this_host_and_the_legacy_one(world: World, visma: Client) -> None:
    answers = [visma("POST", "/v1/PurchaseReceipt", json=receipt_header()) for _ in range(2)]
    assert answers[0].headers["Location"].startswith(f"{world.visma_url}/v1/PurchaseReceipt/PR")
    assert answers[1].headers["Location"].startswith("https://integration.visma.net/API/controller/api/v1/")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (receipt_header(supplierId=w("59999")), "'59999' cannot be found"),
        (receipt_header(supplierRef="SHP-1"), "scalars are"),
        (receipt_header(hold=w("yes")), "a boolean"),
        (receipt_header(postPeriod=w("202604")), "MMYYYY"),
        (receipt_header(branchNumber=w("9")), "'Branch' '9'"),
    ],
)
def test_a_receipt_header_that_is_wrong_is_refused(visma: Client, header: Json, says: str) -> None:
    answer = visma("POST", "/v1/PurchaseReceipt", json=header)
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert visma("GET", "/v2/PurchaseReceipt").json() == []


def test_adding_the_same_lines_again_is_refused_and_doubles_nothing(visma: Client, order: str, receipt: str) -> None:
    assert add(visma, receipt, order, "1").status_code == 400
    assert len(visma("GET", f"/v2/PurchaseReceipt/{receipt}").json()["lines"]) == 2


@pytest.mark.parametrize(("line", "says"), [(1, "to text"), ("2", "no line 2"), ("x", "to text")])
def test_lines_to_add_are_named_by_text_and_must_exist(visma: Client, order: str, line: object, says: str) -> None:
    number = number_of(visma("POST", "/v1/PurchaseReceipt", json=receipt_header()))
    answer = add(visma, number, order, line)
    assert (answer.status_code, says in answer.json()["message"]) == (400, True)


def test_lines_of_an_order_of_another_supplier_or_on_hold_are_refused(world: World, visma: Client) -> None:
    number = number_of(visma("POST", "/v1/PurchaseReceipt", json=receipt_header()))
    other, held = world.new_order("50001"), world.new_order("50000", status="Hold")
    assert "another supplier" in add(visma, number, other, "1").json()["message"]
    assert "is Hold" in add(visma, number, held, "1").json()["message"]


def test_more_than_the_maximum_is_refused_where_the_line_says_reject(visma: Client, receipt: str) -> None:
    assert change(visma, receipt, 2, 6).status_code == 400  # Reject, 100 %
    assert change(visma, receipt, 1, 60).status_code == 204  # AcceptButWarn
    assert change(visma, receipt, 2, -1).status_code == 400


def test_allocations_must_not_exceed_the_line(visma: Client, receipt: str) -> None:
    lot = {"operation": "Insert", "lotSerialNumber": w("L"), "quantity": w(41)}
    assert change(visma, receipt, 1, 40, allocations=[lot]).status_code == 400


def test_a_second_receipt_gets_what_is_still_open(visma: Client, order: str, receipt: str) -> None:
    change(visma, receipt, 1, 15)
    second = number_of(visma("POST", "/v1/PurchaseReceipt", json=receipt_header(supplierRef=w("SHP-2"))))
    assert add(visma, second, order, "3").status_code == 400  # nothing open
    assert add(visma, second, order, "1").status_code == 200
    assert visma("GET", f"/v2/PurchaseReceipt/{second}").json()["lines"][0]["receiptQty"] == 25


def test_a_receipt_on_hold_cannot_be_released_and_says_so_with_200(visma: Client, receipt: str) -> None:
    answer = visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/release")
    assert (answer.status_code, answer.json()["actionResult"]) == (200, "Failed")
    assert "Hold" in answer.json()["errorInfo"]


def test_release_closes_the_order_and_cancel_gives_the_quantity_back(visma: Client, order: str, receipt: str) -> None:
    visma("PUT", f"/v1/PurchaseReceipt/{receipt}", json={"hold": w(False)})
    assert visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/release").json()["actionResult"] == "Done"
    assert visma("GET", f"/v1/purchaseorder/{order}").json()["status"] == "Closed"
    assert visma("PUT", f"/v1/PurchaseReceipt/{receipt}", json={"hold": w(True)}).status_code == 400
    assert visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/cancelReceipt").json()["actionResult"] == "Failed"


def test_a_cancelled_receipt_gives_its_quantity_back(visma: Client, order: str, receipt: str) -> None:
    assert visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/cancelReceipt").json()["actionResult"] == "Done"
    assert [x["qtyOnReceipts"] for x in visma("GET", f"/v1/purchaseorder/{order}").json()["lines"]] == [0, 0]


def test_without_create_bill_false_the_release_makes_an_invoice_of_its_own(
    world: World, visma: Client, order: str
) -> None:
    header = {"supplierId": w("50000"), "supplierRef": w("SHP-9")}
    number = number_of(visma("POST", "/v1/PurchaseReceipt", json=header))
    add(visma, number, order, "1")
    release(world.visma.books, number)
    (bill,) = visma("GET", "/v1/supplierInvoice").json()
    assert (bill["supplierReference"], bill["invoiceLines"][0]["poReceiptNbr"]) == ("SHP-9", number)
