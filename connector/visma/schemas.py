"""What we read from Visma: the fields that purchasing needs, by our names (visma.md §9, types in its schema).

Everything is optional, extra fields are ignored, unknown codes are plain text. The bodies that we send stand in
`connector.visma.bodies`; money, quantities and rates are Decimal.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import AliasChoices, Field

from connector.visma.masters import (
    BranchDto,
    CrossReference,
    InventoryDto,
    InventoryUnit,
    SupplierDetail,
    SupplierDto,
    SupplierLocationDto,
)
from connector.visma.rows import (
    Address,
    Coded,
    Contact,
    CustomFields,
    Day,
    Dto,
    Metadata,
    Party,
    Row,
    Stamp,
    Stamped,
    Text,
)

__all__ = [
    "ActionResult",
    "Address",
    "Allocation",
    "Attachment",
    "BranchDto",
    "Coded",
    "Contact",
    "CrossReference",
    "InventoryDto",
    "InventoryUnit",
    "Metadata",
    "OrderDiscount",
    "Party",
    "PurchaseOrderDto",
    "PurchaseOrderLineDto",
    "PurchaseReceiptDto",
    "PurchaseReceiptLineDto",
    "ReceiptOfOrder",
    "Row",
    "SupplierDetail",
    "SupplierDto",
    "SupplierInvoiceDto",
    "SupplierInvoiceLineDto",
    "SupplierLocationDto",
    "TaxDetail",
]


class PurchaseOrderLineDto(CustomFields):
    """`line_nbr` is the stable key, with gaps. `qty_on_receipts` includes unreleased receipts (visma.md §9.2)."""

    line_nbr: int | None = None
    branch: Party = Party()
    inventory: Party = Party()
    line_type: Text = ""
    warehouse: Coded = Coded()
    line_description: Text = ""
    alternate_id: Text = Field("", validation_alias=AliasChoices("alternateId", "alternateID"))
    uom: Text = ""
    order_qty: Decimal | None = None
    base_order_qty: Decimal | None = None
    qty_on_receipts: Decimal | None = None
    unit_cost: Decimal | None = None
    ext_cost: Decimal | None = None
    discount_percent: Decimal | None = None
    discount_amount: Decimal | None = None
    amount: Decimal | None = None
    min_receipt: Decimal | None = None
    max_receipt: Decimal | None = None
    complete_on: Decimal | None = None
    receipt_action: Text = ""
    tax_category: Party = Party()
    requested: Day = None
    promised: Day = None
    completed: bool | None = None
    canceled: bool | None = None
    note: Text = ""


class ReceiptOfOrder(Dto):
    type: Text = ""
    receipt_number: Text = ""
    status: Text = ""
    total_qty: Decimal | None = None


class TaxDetail(Dto):
    tax_id: Text = ""
    vat_id: Party = Party()
    vat_rate: Decimal | None = None
    taxable_amount: Decimal | None = None
    vat_amount: Decimal | None = None


class OrderDiscount(Dto):
    discount_code: Text = ""
    type: Text = ""
    discount_amt: Decimal | None = None
    discount: Decimal | None = None


class PurchaseOrderDto(Stamped, CustomFields):
    """Key: `order_type` and `order_nbr`. Dates have no time; `promised_on` is the supplier's date for all of it."""

    order_type: Text = ""
    order_nbr: Text = ""
    status: Text = ""
    hold: bool | None = None
    date: Day = None
    promised_on: Day = None
    description: Text = ""
    supplier: Party = Party()
    location: Coded = Coded()
    owner: Coded = Coded()
    branch: Party = Party()
    warehouse: Coded = Coded()
    currency: Text = ""
    exchange_rate: Decimal | None = None
    supplier_ref: Text = ""
    terms: Coded = Coded()
    supplier_vat_zone: Coded = Coded()
    shipping_destination_type: Text = ""
    ship_to: Party = Party()
    shipping_location: Coded = Coded()
    shipping_contact: Contact = Contact()
    shipping_address: Address = Address()
    fob_point: Text = ""
    ship_via: Text = ""
    ship_terms: Text = ""
    line_total: Decimal | None = None
    vat_exempt_total: Decimal | None = None
    tax_total: Decimal | None = None
    order_total: Decimal | None = None
    control_total: Decimal | None = None
    open_quantity: Decimal | None = None
    open_balance: Decimal | None = None
    lines: list[PurchaseOrderLineDto] = []
    tax_details: list[TaxDetail] = []
    discount_details: list[OrderDiscount] = []
    purchase_receipts: list[ReceiptOfOrder] = []


class Allocation(Dto):
    line_nbr: int | None = None
    location: Coded = Coded()
    lot_serial_number: Text = ""
    quantity: Decimal | None = None
    uom: Text = ""
    expiration_date: Day = None


class PurchaseReceiptLineDto(CustomFields):
    """Tied to its order line by `po_order_nbr` and `po_order_line_nbr` (visma.md §9.3)."""

    line_nbr: int | None = None
    inventory: Party = Party()
    line_type: Text = ""
    warehouse: Coded = Coded()
    location: Coded = Coded()
    transaction_description: Text = ""
    uom: Text = ""
    order_qty: Decimal | None = None
    open_qty: Decimal | None = None
    receipt_qty: Decimal | None = None
    base_receipt_qty: Decimal | None = None
    unit_cost: Decimal | None = None
    ext_cost: Decimal | None = None
    amount: Decimal | None = None
    po_order_type: Text = ""
    po_order_nbr: Text = ""
    po_order_line_nbr: int | None = None
    complete_po_line: bool | None = None
    lot_serial_number: Text = ""
    expiration_date: Day = None
    allocations: list[Allocation] = []
    note: Text = ""


class PurchaseReceiptDto(Stamped, CustomFields):
    """Key: `receipt_type` and `receipt_nbr`. `status`: Hold, Balanced, Released, Cancelled, or what comes."""

    receipt_type: Text = ""
    receipt_nbr: Text = ""
    status: Text = ""
    hold: bool | None = None
    date: Day = None
    due_date: Day = None
    post_period: Text = ""
    supplier: Party = Party()
    location: Coded = Coded()
    branch_number: Party = Party()
    warehouse: Coded = Coded()
    currency: Text = ""
    exchange_rate: Decimal | None = None
    create_bill: bool | None = None
    supplier_ref: Text = ""
    total_qty: Decimal | None = None
    control_qty: Decimal | None = None
    total_amt: Decimal | None = None
    lines: list[PurchaseReceiptLineDto] = []


class Attachment(Dto):
    name: Text = ""
    id: Text = ""
    revision: int | None = None


class SupplierInvoiceLineDto(Dto):
    """Tied to the purchase by `po_receipt_nbr`/`po_receipt_line_nbr` and `po_number`/`po_line_nr` (visma.md §9.4)."""

    line_number: int | None = None
    inventory_number: Text = ""
    external_inventory_id: Text = ""
    stock_item: bool | None = None
    transaction_description: Text = ""
    quantity: Decimal | None = None
    uom: Text = ""
    unit_cost: Decimal | None = None
    unit_cost_in_currency: Decimal | None = None
    cost: Decimal | None = None
    cost_in_currency: Decimal | None = None
    discount_percent: Decimal | None = None
    discount_amount_in_currency: Decimal | None = None
    account: Party = Party()
    vat_code: Coded = Coded()
    branch_number: Party = Party()
    po_number: Text = ""
    po_line_nr: int | None = None
    po_receipt_nbr: Text = ""
    po_receipt_line_nbr: int | None = None
    note: Text = ""


class SupplierInvoiceDto(Stamped):
    """Key: `document_type` and `reference_number`. `supplier_reference` is the supplier's own invoice number."""

    document_type: Text = ""
    reference_number: Text = ""
    supplier_reference: Text = ""
    status: Text = ""
    approval_status: Text = ""
    hold: bool | None = None
    supplier: Party = Party()
    location: Coded = Coded()
    branch_number: Party = Party()
    date: Day = None
    due_date: Day = None
    post_period: Text = ""
    financial_period: Text = ""
    description: Text = ""
    payment_ref_no: Text = ""
    credit_terms: Coded = Coded()
    currency_id: Text = ""
    exchange_rate: Decimal | None = None
    amount: Decimal | None = None
    vat_amount: Decimal | None = None
    vat_total: Decimal | None = None
    vat_total_in_currency: Decimal | None = None
    vat_taxable_total_in_currency: Decimal | None = None
    detail_total: Decimal | None = None
    detail_total_in_currency: Decimal | None = None
    discount_total_in_currency: Decimal | None = None
    balance: Decimal | None = None
    balance_in_currency: Decimal | None = None
    tax_calculation_mode: Text = ""
    created_date_time: Stamp = ""
    invoice_lines: list[SupplierInvoiceLineDto] = []
    tax_detail_lines: list[TaxDetail] = []
    attachments: list[Attachment] = []

    @property
    def lines_came(self) -> bool:
        """False when the row was sent without its lines; `VismaClient.invoice` reads them."""
        return "invoice_lines" in self.model_fields_set


class ActionResult(Dto):
    """`action_result`: Queued, InProcess, Failed or Done (visma.md §9.3). On the first two, read the record again."""

    action_id: Text = ""
    action_result: Text = ""
    error_info: Text = ""
