"""What Visma's stand-in accepts and refuses from writers, over a socket: orders, receipts, invoices, attachments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from connector.sandbox import Wanted, World
from connector.sandbox.warehouse import release
from tests.connector.sandbox.conftest import Client, reference

Json = dict[str, Any]


def w(value: object) -> Json:
    return {"value": value}


@pytest.fixture
def order(world: World) -> str:
    lines = [
        Wanted("1001-BLK", Decimal(40), "STK", Decimal("48"), "NP-77410"),
        Wanted("1003-SCR", Decimal(5), "KRT", Decimal("240"), "NP-80010", "Reject"),
    ]
    return world.new_order("50000", lines)


def receipt_header(**more: object) -> Json:
    return {"supplierId": w("50000"), "supplierRef": w("SHP-1"), "createBill": w(False)} | more


def number_of(answer: requests.Response) -> str:
    assert answer.status_code == 201, answer.text
    assert answer.content == b""
    assert answer.headers["ETag"].startswith('"')
    return answer.headers["Location"].rsplit("/", 1)[1]


def add(visma: Client, receipt: str, order: str, *lines: object) -> requests.Response:
    body = {"purchaseOrderLines": [{"orderNbr": order, "lines": [{"lineNbr": line} for line in lines]}]}
    return visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/addpurchaseorderlines", json=body)


def change(visma: Client, receipt: str, line: int, quantity: object, **more: object) -> requests.Response:
    edit = {"operation": "Update", "lineNbr": w(line), "receiptQty": w(quantity)} | more
    return visma("PUT", f"/v1/PurchaseReceipt/{receipt}", json={"lines": [edit]})


@pytest.fixture
def receipt(visma: Client, order: str) -> str:
    number = number_of(visma("POST", "/v1/PurchaseReceipt", json=receipt_header()))
    assert add(visma, number, order, "1", "3").json()["actionResult"] == "Done"
    return number


@pytest.fixture
def released(world: World, receipt: str) -> str:
    release(world.visma.books, receipt)
    return receipt


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


# -- invoices


def linked(receipt: str, line: int, quantity: object, **more: object) -> Json:
    link = {"purchaseType": "PurchaseReceipt", "purchaseNumber": w(receipt), "purchaseLineNbr": w(line)}
    return {"operation": "Insert", "quantity": w(quantity), "linkLine": link} | more


def free(**more: object) -> Json:
    return {"operation": "Insert", "unitCostInCurrency": w(150), "accountNumber": w("4360"), "vatCodeId": w("1")} | more


def invoice(*lines: Json, **more: object) -> Json:
    header = {"supplierNumber": w("50000"), "supplierReference": w("INV-1"), "validateLineDetails": w(True)}
    return header | {"invoiceLines": list(lines)} | more


def test_an_invoice_shows_where_its_lines_come_from(visma: Client, order: str, released: str) -> None:
    body = invoice(linked(released, 1, 40, unitCostInCurrency=w("48.0")), free(), postPeriod=w("042026"))
    number = number_of(visma("POST", "/v1/supplierInvoice", json=body))
    read = visma("GET", f"/v1/supplierInvoice/Invoice/{number}").json()
    first, second = read["invoiceLines"]
    assert (first["poReceiptNbr"], first["poReceiptLineNbr"]) == (released, 1)
    assert (first["poNumber"], first["poLineNr"], first["vatCode"]["id"]) == (order, 1, "1")
    assert second["account"]["number"] == "4360"
    assert (read["status"], read["vatTotal"], read["amount"]) == ("Hold", 517.5, 2587.5)
    assert visma("GET", f"/v1/supplierInvoice/{number}").json() == read


@pytest.mark.parametrize(
    ("lines", "more", "says"),
    [
        ([], {"supplierNumber": w("59999")}, "'59999' cannot be found"),
        ([], {"supplierReference": w("")}, "Supplier ref"),
        ([], {"postPeriod": w("202604")}, "MMYYYY"),
        ([], {"creditTermsId": w("99")}, "'Terms' '99'"),
        ([], {"supplierNumber": "50000"}, "scalars are"),
        ([free(accountNumber=w("0000"))], {}, "'Account' '0000'"),
        ([free(accountNumber=w(None))], {}, "'Account' cannot be empty"),
        ([free(vatCodeId=w("25"))], {}, "'VAT category' '25'"),
        ([free(transactionDescription=w("x" * 31))], {}, "longer than 30"),
        ([linked("PR999999", 1, 1)], {}, "cannot be found"),
        ([{"operation": "Update", "lineNumber": w(1)}], {}, "no line to change"),
    ],
)
def test_an_invoice_that_is_wrong_is_refused(visma: Client, lines: list[Json], more: Json, says: str) -> None:
    answer = visma("POST", "/v1/supplierInvoice", json=invoice(*lines, **more))
    assert (answer.status_code, says in answer.json()["message"]) == (400, True), answer.text
    assert visma("GET", "/v1/supplierInvoice").json() == []


def test_a_link_to_an_unreleased_receipt_is_refused(visma: Client, receipt: str) -> None:
    answer = visma("POST", "/v1/supplierInvoice", json=invoice(linked(receipt, 1, 1)))
    assert answer.status_code == 400
    assert "not Released" in answer.json()["message"]


def test_no_more_is_invoiced_than_was_received_also_over_two_invoices_and_units(visma: Client, released: str) -> None:
    assert visma("POST", "/v1/supplierInvoice", json=invoice(linked(released, 2, 36, uom=w("STK")))).status_code == 201
    assert visma("POST", "/v1/supplierInvoice", json=invoice(linked(released, 2, 3))).status_code == 400
    twice = invoice(linked(released, 2, 1), linked(released, 2, 1, uom=w("KRT")), linked(released, 2, 1, uom=w("STK")))
    assert visma("POST", "/v1/supplierInvoice", json=twice).status_code == 400
    assert visma("POST", "/v1/supplierInvoice", json=invoice(linked(released, 2, 2))).status_code == 201


def test_a_link_of_another_item_an_unknown_line_or_unit_is_refused(visma: Client, released: str) -> None:
    wrong = (
        linked(released, 1, 1, inventoryNumber=w("1002-WHT")),
        linked(released, 9, 1),
        linked(released, 1, 1, uom=w("KRT")),
        linked(released, 1, 1, vatCodeId=w("X")),
    )
    for line in wrong:
        assert visma("POST", "/v1/supplierInvoice", json=invoice(line)).status_code == 400


def test_without_validation_a_bad_line_is_dropped_in_silence(visma: Client, receipt: str) -> None:
    body = invoice(linked(receipt, 1, 1), free(), validateLineDetails=w(False))
    number = number_of(visma("POST", "/v1/supplierInvoice", json=body))
    assert len(visma("GET", f"/v1/supplierInvoice/{number}").json()["invoiceLines"]) == 1


def test_receipt_lines_may_be_added_through_the_header(visma: Client, released: str) -> None:
    lines = [{"poReceiptNumber": w(released), "poReceiptLineNumber": w(1), "quantity": w(40)}]
    number = number_of(visma("POST", "/v1/supplierInvoice", json=invoice(addPOReceiptLines=lines)))
    read = visma("GET", f"/v1/supplierInvoice/{number}").json()
    assert (read["detailTotal"], read["invoiceLines"][0]["poReceiptLineNbr"]) == (1920, 1)


def test_a_repeated_reference_is_taken_unless_the_company_refuses_it(world: World, visma: Client) -> None:
    assert [visma("POST", "/v1/supplierInvoice", json=invoice(free())).status_code for _ in range(2)] == [201, 201]
    world.visma.books.rules.refuse_repeated_reference = True
    assert visma("POST", "/v1/supplierInvoice", json=invoice(free())).status_code == 400


def test_an_attachment_of_the_same_name_is_a_new_revision(visma: Client) -> None:
    number = number_of(visma("POST", "/v1/supplierInvoice", json=invoice(free())))
    path = f"/v1/supplierInvoice/documentType/Invoice/{number}/attachment"
    for content in (b"\xef\xbb\xbf{}", b"\x00second\r\n"):
        answer = visma("POST", path, files={"file": ("IN1.json", content, "application/json")})
        assert (answer.status_code, answer.content) == (201, b"")
    read = visma("GET", f"/v1/supplierInvoice/{number}", params={"expandAttachment": "true"}).json()
    assert [(file["name"], file["revision"]) for file in read["attachments"]] == [("IN1.json", 2)]
    assert visma("GET", f"/v1/attachment/{read['attachments'][0]['id']}").content == b"\x00second\r\n"
    assert visma("POST", path, data=b"no file", headers={"Content-Type": "text/plain"}).status_code == 400


def test_invoices_are_found_by_supplier_type_and_time(visma: Client) -> None:
    number = number_of(visma("POST", "/v1/supplierInvoice", json=invoice(free())))
    stamp = visma("GET", f"/v1/supplierInvoice/{number}").json()["createdDateTime"]
    asked = {"supplier": "50000", "documentType": "Invoice", "createdDateTime": stamp, "createdDateTimeCondition": ">="}
    assert [row["referenceNumber"] for row in visma("GET", "/v1/supplierInvoice", params=asked).json()] == [number]
    assert visma("GET", "/v1/supplierInvoice", params=asked | {"supplier": "50001"}).json() == []
    assert "invoiceLines" not in visma("GET", "/v1/supplierdocument", params=asked).json()[0]


def test_the_ledger_says_who_wrote_what(world: World, released: str) -> None:
    history = world.visma.ledger()["receipts"][released]["history"]
    assert [(line["who"], line["action"]) for line in history][:2] == [
        ("isv_sandbox", "created"),
        ("isv_sandbox", "order lines added"),
    ]
    assert history[-1]["who"] == "warehouse"


def test_written_records_validate_against_the_official_schema(visma: Client, released: str) -> None:
    definitions = reference("visma-schema.json")["$defs"]
    number_of(visma("POST", "/v1/supplierInvoice", json=invoice(linked(released, 1, 40), free())))
    for path, name in (("/v2/PurchaseReceipt", "PurchaseReceiptDto"), ("/v1/supplierInvoice", "SupplierInvoiceDto")):
        validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
        asked = {"includeCustomFreeFields": "true", "expandAttachment": "true"}
        for row in visma("GET", path, params=asked).json():
            assert [error.message for error in validator.iter_errors(row)] == []
            assert set(row) <= set(definitions[name]["properties"])
