"""What Visma's stand-in accepts and refuses from writers, over a socket: supplier invoices and attachments."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from connector.sandbox import World
from tests.connector.sandbox.client import Client, reference
from tests.connector.sandbox.writing import Json, number_of, w


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
