"""What we send to Visma: strict models whose `wire()` is the body, scalars wrapped as `{"value": x}` (visma.md §9).

A field that is None is left out, and what is left out is not touched over there. Line lists are instructions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

ShortText = Annotated[str, Field(max_length=100)]
Period = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])\d{4}$")]


def wrapped(value: Any) -> dict[str, Any]:
    """`{"value": x}`; a date becomes its midnight, as Visma writes document dates."""
    return {"value": _scalar(value)}


def _scalar(value: Any) -> Any:
    return f"{value.isoformat()}T00:00:00" if isinstance(value, dt.date) else value


class Body(BaseModel):
    """Ground of all bodies. `bare` names the scalars that Visma wants unwrapped; lists and parts always are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    bare: ClassVar[frozenset[str]] = frozenset()

    def wire(self) -> dict[str, Any]:
        """The body as dict of texts, ints, booleans and Decimals, without what is None."""
        return {to_camel(name): self._written(name, value) for name, value in self if value is not None}

    def _written(self, name: str, value: Any) -> Any:
        if isinstance(value, Body):
            return value.wire()
        if isinstance(value, list):
            return [item.wire() for item in value]
        return _scalar(value) if name in self.bare else wrapped(value)


def _named(operation: str, number: int | None) -> None:
    if (number is None) != (operation == "Insert"):
        raise ValueError(f"{operation} and line number {number} do not go together (visma.md §9)")


class PurchaseOrderLineUpdate(Body):
    bare = frozenset({"operation"})

    operation: Literal["Update"] = "Update"
    line_number: int
    promised: dt.date | None = None
    custom_dec1: Decimal | None = None
    custom_str1: ShortText | None = None
    note: str | None = None


class PurchaseOrderUpdate(Body):
    """`PUT /v1/purchaseorder/{nbr}`: what an acknowledgment may change (visma.md §9.2)."""

    promised_on: dt.date | None = None
    supplier_ref: str | None = None
    custom_dec1: Decimal | None = None
    custom_str1: ShortText | None = None
    note: str | None = None
    lines: list[PurchaseOrderLineUpdate] | None = None


class AllocationUpdate(Body):
    bare = frozenset({"operation"})

    operation: Literal["Insert", "Update", "Delete"] = "Insert"
    line_nbr: int | None = None
    location: str | None = None
    lot_serial_number: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    expiration_date: dt.date | None = None

    @model_validator(mode="after")
    def _names_its_line(self) -> Self:
        _named(self.operation, self.line_nbr)
        return self


class PurchaseReceiptLineUpdate(Body):
    """A change of a line that the order's lines made; allocations only for tracked items or a named bin."""

    bare = frozenset({"operation"})

    operation: Literal["Update", "Delete"] = "Update"
    line_nbr: int
    receipt_qty: Decimal | None = None
    uom: str | None = None
    complete_po_line: bool | None = None
    lot_serial_number: str | None = None
    expiration_date: dt.date | None = None
    note: str | None = None
    allocations: list[AllocationUpdate] | None = None


class PurchaseReceiptUpdate(Body):
    """`POST` and `PUT /v1/PurchaseReceipt`: the header on hold, later quantities on its lines (visma.md §9.3)."""

    receipt_type: Literal["PoReceipt", "PoReturn"] | None = None
    hold: bool | None = None
    date: dt.date | None = None
    post_period: Period | None = None
    supplier_id: str | None = None
    location_id: str | None = None
    warehouse_id: str | None = None
    branch_number: str | None = None
    currency: str | None = None
    supplier_ref: str | None = None
    create_bill: bool | None = None
    control_qty: Decimal | None = None
    custom_str1: ShortText | None = None
    note: str | None = None
    lines: list[PurchaseReceiptLineUpdate] | None = None


class OrderLineToAdd(Body):
    bare = frozenset({"line_nbr"})

    line_nbr: str


class OrderLinesToAdd(Body):
    bare = frozenset({"order_nbr"})

    order_nbr: str
    lines: list[OrderLineToAdd]


class AddPurchaseOrderLines(Body):
    """`POST /v1/PurchaseReceipt/{nbr}/action/addpurchaseorderlines`; line numbers are text here, nothing is wrapped."""

    purchase_order_lines: list[OrderLinesToAdd]

    @classmethod
    def of(cls, lines: Mapping[str, Iterable[int]]) -> Self:
        """From {order number: line numbers}, in the given order."""
        return cls(
            purchase_order_lines=[
                OrderLinesToAdd(order_nbr=order, lines=[OrderLineToAdd(line_nbr=str(number)) for number in numbers])
                for order, numbers in lines.items()
            ]
        )


class LinkLine(Body):
    """Ties an invoice line to the purchase. Stock items only to a receipt, others to either (visma.md §9.4)."""

    bare = frozenset({"purchase_type"})

    purchase_type: Literal["PurchaseReceipt", "PurchaseOrder"] = "PurchaseReceipt"
    purchase_number: str
    purchase_line_nbr: int


class Segment(Body):
    bare = frozenset({"segment_id", "segment_value"})

    segment_id: int
    segment_value: str


class SupplierInvoiceLineUpdate(Body):
    """A linked line (`link_line`), or a free one on `account_number`; `vat_code_id` is a VAT category id."""

    bare = frozenset({"operation"})

    operation: Literal["Insert", "Update", "Delete"] = "Insert"
    line_number: int | None = None
    inventory_number: str | None = None
    transaction_description: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    unit_cost_in_currency: Decimal | None = None
    cost_in_currency: Decimal | None = None
    discount_percent: Decimal | None = None
    discount_amount_in_currency: Decimal | None = None
    account_number: str | None = None
    subaccount: list[Segment] | None = None
    vat_code_id: str | None = None
    branch_number: str | None = None
    project_id: str | None = None
    note: str | None = None
    link_line: LinkLine | None = None

    @model_validator(mode="after")
    def _names_its_line(self) -> Self:
        _named(self.operation, self.line_number)
        return self


class SupplierInvoiceUpdate(Body):
    """`POST /v1/supplierInvoice`. Without `validate_line_details` errors on lines are dropped silently: it is sent."""

    document_type: Literal["Invoice", "CreditAdj", "DebitAdj"] = "Invoice"
    hold: bool = True
    validate_line_details: bool = True
    date: dt.date | None = None
    due_date: dt.date | None = None
    post_period: Period | None = None
    supplier_number: str | None = None
    supplier_reference: str | None = None
    location_id: str | None = None
    description: str | None = None
    currency_id: str | None = None
    credit_terms_id: str | None = None
    payment_ref_no: str | None = None
    branch_number: str | None = None
    amount: Decimal | None = None
    vat_amount: Decimal | None = None
    rounding_diff_in_currency: Decimal | None = None
    tax_calculation_mode: Literal["TaxSetting", "Gross", "Net"] | None = None
    note: str | None = None
    invoice_lines: list[SupplierInvoiceLineUpdate] | None = None
