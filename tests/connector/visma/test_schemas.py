"""Our names against the official ones: what we read exists there, what we send is valid there."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from connector.http import lossless
from connector.visma import bodies, masters, rows, schemas
from connector.visma.bodies import (
    AddPurchaseOrderLines,
    AllocationUpdate,
    LinkLine,
    PurchaseOrderLineUpdate,
    PurchaseOrderUpdate,
    PurchaseReceiptLineUpdate,
    PurchaseReceiptUpdate,
    Segment,
    SupplierInvoiceLineUpdate,
    SupplierInvoiceUpdate,
    wrapped,
)

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "reference"

READ: dict[str, type[rows.Dto]] = {
    "SupplierDto": schemas.SupplierDto,
    "SupplierLocationDto": schemas.SupplierLocationDto,
    "InventoryDto": schemas.InventoryDto,
    "InventoryCrossReferenceDto": schemas.CrossReference,
    "InventoryUnitDto": schemas.InventoryUnit,
    "SupplierDetailsLineDto": schemas.SupplierDetail,
    "PurchaseOrderDto": schemas.PurchaseOrderDto,
    "PurchaseOrderLineDto": schemas.PurchaseOrderLineDto,
    "PurchaseReceiptsDto": schemas.ReceiptOfOrder,
    "PurchaseReceiptDto": schemas.PurchaseReceiptDto,
    "PurchaseReceiptLineDto": schemas.PurchaseReceiptLineDto,
    "AllocationsDto": schemas.Allocation,
    "SupplierInvoiceDto": schemas.SupplierInvoiceDto,
    "SupplierInvoiceLineDto": schemas.SupplierInvoiceLineDto,
    "TaxDetailDto": schemas.TaxDetail,
    "DiscountDetailDto": schemas.OrderDiscount,
    "AttachmentDto": schemas.Attachment,
    "BranchDto": masters.BranchDto,
    "ReleasePurchaseReceiptActionResultDto": schemas.ActionResult,
    "MetadataDto": schemas.Metadata,
}
NOT_THERE = {
    ("SupplierLocationDto", "note"),
    ("PurchaseReceiptsDto", "note"),
}


@pytest.fixture(scope="session")
def official() -> dict[str, Any]:
    path = REFERENCE / "visma-schema.json"
    if not path.exists():
        pytest.skip("the official schema is not beside this checkout")
    definitions: dict[str, Any] = json.loads(path.read_text())["$defs"]
    return definitions


def examples() -> list[tuple[str, str]]:
    path = REFERENCE / "visma.md"
    if not path.exists():
        return []
    return re.findall(r"<!-- schema: (\w+) -->\n```json\n(.*?)```", path.read_text(), re.DOTALL)


def is_valid(name: str, body: dict[str, Any], official: dict[str, Any]) -> None:
    plain = json.loads(lossless.written(body))
    schema = {"$ref": f"#/$defs/{name}", "$defs": official, "unevaluatedProperties": False}
    jsonschema.Draft202012Validator(schema).validate(plain)


def aliases(model: type[BaseModel]) -> set[str]:
    names = set()
    for name, about in model.model_fields.items():
        alias = about.validation_alias
        choices = {str(each) for each in alias.choices} if isinstance(alias, AliasChoices) else {str(alias or name)}
        names.add("|".join(sorted(choices)))
    return names


@pytest.mark.parametrize("name", READ)
def test_every_field_we_read_exists_there(name: str, official: dict[str, Any]) -> None:
    there = set(official[name]["properties"])
    ours = aliases(READ[name])
    unknown = {alias for alias in ours if not there & set(alias.split("|")) and (name, alias) not in NOT_THERE}
    assert not unknown


def test_the_examples_of_the_reference_are_read() -> None:
    if not examples():
        pytest.skip("the reference is not beside this checkout")
    for name, text in examples():
        if name in READ:
            assert READ[name].model_validate(lossless.read(text.encode())).model_fields_set


def test_an_order_is_read_by_our_names() -> None:
    text = """{"orderNbr": "PO000412", "status": "PendingMoon", "date": "2026-03-17T00:00:00", "branch": {"number": 1},
      "supplier": {"number": "50000"}, "terms": null, "lastModifiedDateTime": "2026-03-20T06:35:22.153", "timeStamp": "A=",
      "surprise": {"a": [1]}, "lines": [{"lineNbr": 3, "orderQty": 40.0, "unitCost": {"value": "48.10"}, "promised": "",
      "inventory": {"number": "1001-BLK"}, "canceled": false}]}"""
    order = schemas.PurchaseOrderDto.model_validate(lossless.read(text.encode()))
    (line,) = order.lines
    assert (order.order_nbr, order.status, order.date, order.promised_on) == (
        "PO000412",
        "PendingMoon",
        date(2026, 3, 17),
        None,
    )
    assert (order.branch.number, order.supplier.number, order.terms.id, order.time_stamp) == ("1", "50000", "", "A=")
    assert (line.line_nbr, line.order_qty, line.unit_cost, line.promised) == (
        3,
        Decimal("40.0"),
        Decimal("48.10"),
        None,
    )
    assert (line.inventory.number, line.canceled, line.completed, line.alternate_id) == ("1001-BLK", False, None, "")
    assert order.last_modified_date_time == "2026-03-20T06:35:22.153"


@pytest.mark.parametrize("row", [{"orderTotal": Decimal("1e13")}, {"lines": [{"orderQty": "-10000000000000"}]}])
def test_figure_that_no_column_of_ours_holds_makes_its_row_unreadable(row: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no amount and no quantity"):
        schemas.PurchaseOrderDto.model_validate(row)
    assert schemas.PurchaseOrderDto.model_validate({"orderTotal": Decimal("9999999999999.99")}).order_total


def test_an_invoice_row_knows_whether_its_lines_came() -> None:
    assert schemas.SupplierInvoiceDto.model_validate({"invoiceLines": []}).lines_came
    assert not schemas.SupplierInvoiceDto.model_validate({"invoiceLines": None}).lines_came
    assert not schemas.SupplierInvoiceDto.model_validate({}).lines_came


ACKNOWLEDGED = PurchaseOrderUpdate(
    lines=[
        PurchaseOrderLineUpdate(
            line_number=1, promised=date(2026, 4, 14), custom_dec1=Decimal(36), custom_str1="ACK quantity changed"
        )
    ]
)
HEADER = PurchaseReceiptUpdate(
    receipt_type="PoReceipt",
    hold=True,
    date=date(2026, 4, 13),
    post_period="042026",
    supplier_id="50000",
    supplier_ref="SHP-0099120",
    create_bill=False,
    branch_number="1",
    custom_str1="asn:SHP-0099120",
    note="Carrier DHL",
)
QUANTITIES = PurchaseReceiptUpdate(
    lines=[
        PurchaseReceiptLineUpdate(
            line_nbr=1,
            receipt_qty=Decimal("36.50"),
            complete_po_line=False,
            allocations=[AllocationUpdate(location="R1", lot_serial_number="LOT-A1", quantity=Decimal(36), uom="STK")],
        ),
        PurchaseReceiptLineUpdate(line_nbr=2, receipt_qty=Decimal(12), complete_po_line=True),
        PurchaseReceiptLineUpdate(operation="Delete", line_nbr=3),
    ]
)
INVOICE = SupplierInvoiceUpdate(
    date=date(2026, 4, 14),
    due_date=date(2026, 5, 14),
    post_period="042026",
    supplier_number="50000",
    supplier_reference="INV-88231",
    currency_id="NOK",
    amount=Decimal("1728.00"),
    invoice_lines=[
        SupplierInvoiceLineUpdate(
            inventory_number="1001-BLK",
            quantity=Decimal(36),
            unit_cost_in_currency=Decimal("48.00"),
            link_line=LinkLine(purchase_number="PR000233", purchase_line_nbr=1),
        ),
        SupplierInvoiceLineUpdate(
            transaction_description="Freight",
            quantity=Decimal(1),
            unit_cost_in_currency=Decimal("150.00"),
            account_number="4360",
            vat_code_id="1",
            subaccount=[Segment(segment_id=1, segment_value="00")],
        ),
    ],
)
SENT: list[tuple[str, bodies.Body]] = [
    ("PurchaseOrderUpdateDto", ACKNOWLEDGED),
    ("PurchaseReceiptUpdateDto", HEADER),
    ("PurchaseReceiptUpdateDto", QUANTITIES),
    ("PurchaseReceiptOrderLinesListUpdateDto", AddPurchaseOrderLines.of({"PO000412": [1, 3], "PO000413": [2]})),
    ("SupplierInvoiceUpdateDto", INVOICE),
]


@pytest.mark.parametrize(("name", "body"), SENT)
def test_what_we_send_is_valid_there(name: str, body: bodies.Body, official: dict[str, Any]) -> None:
    is_valid(name, body.wire(), official)


def test_every_field_we_could_send_exists_there(official: dict[str, Any]) -> None:
    pairs: dict[str, type[bodies.Body]] = {
        "PurchaseOrderUpdateDto": PurchaseOrderUpdate,
        "PurchaseOrderLineUpdateDto": PurchaseOrderLineUpdate,
        "PurchaseReceiptUpdateDto": PurchaseReceiptUpdate,
        "PurchaseReceiptLineUpdateDto": PurchaseReceiptLineUpdate,
        "AllocationsUpdateDto": AllocationUpdate,
        "SupplierInvoiceUpdateDto": SupplierInvoiceUpdate,
        "SupplierInvoiceLineUpdateDto": SupplierInvoiceLineUpdate,
        "LinkLineDto": LinkLine,
        "SegmentUpdateDto": Segment,
    }
    for name, model in pairs.items():
        for field in model.model_fields:
            there = official[name]["properties"][to_camel(field)]
            wrapped_there = "value" in there.get("properties", {})
            is_part = there.get("type") in (["array", "null"], "array") or "$ref" in there or "anyOf" in there
            assert is_part or wrapped_there != (field in model.bare), (name, field)


def test_scalars_are_wrapped_and_instructions_are_not() -> None:
    assert wrapped(7) == {"value": 7}
    assert ACKNOWLEDGED.wire() == {
        "lines": [
            {
                "operation": "Update",
                "lineNumber": {"value": 1},
                "promised": {"value": "2026-04-14T00:00:00"},
                "customDec1": {"value": Decimal(36)},
                "customStr1": {"value": "ACK quantity changed"},
            }
        ]
    }
    assert AddPurchaseOrderLines.of({"PO000412": [1]}).wire() == {
        "purchaseOrderLines": [{"orderNbr": "PO000412", "lines": [{"lineNbr": "1"}]}]
    }
    link = INVOICE.wire()["invoiceLines"][0]["linkLine"]
    assert link == {
        "purchaseType": "PurchaseReceipt",
        "purchaseNumber": {"value": "PR000233"},
        "purchaseLineNbr": {"value": 1},
    }
    assert INVOICE.wire()["validateLineDetails"] == {"value": True}
    assert INVOICE.wire()["hold"] == {"value": True}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: PurchaseOrderLineUpdate(line_number=1, custom_dec1=1.5),  # type: ignore[arg-type]  # a float on purpose
        lambda: PurchaseOrderLineUpdate(line_number="1"),  # type: ignore[arg-type]  # a text on purpose
        lambda: PurchaseOrderLineUpdate(line_number=1, custom_str1="x" * 101),
        lambda: PurchaseReceiptUpdate(post_period="202604"),
        lambda: PurchaseReceiptUpdate(suplier_id="50000"),  # type: ignore[call-arg]  # misspelt on purpose
        lambda: SupplierInvoiceLineUpdate(operation="Update"),
        lambda: SupplierInvoiceLineUpdate(operation="Insert", line_number=1),
        lambda: AllocationUpdate(operation="Delete"),
    ],
)
def test_what_does_not_fit_does_not_leave(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        wrong()
