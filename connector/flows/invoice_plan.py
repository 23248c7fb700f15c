"""What an invoice becomes in Visma: its plan, the body that is posted, and what it must show afterwards (visma.md §9.4)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

from connector.errors import Rejected
from connector.flows.verdict import (
    ZERO,
    Plan,
)
from connector.visma.bodies import LinkLine, Segment, SupplierInvoiceLineUpdate, SupplierInvoiceUpdate
from connector.visma.schemas import SupplierInvoiceDto

DOCUMENT_TYPE: Literal["Invoice"] = "Invoice"
CENT = Decimal("0.01")
LONGEST_TEXT = 30  # of a line, as Visma's specification says (visma.md §9.4)


class BookingLinePlan(Plan):
    """A line linked to a receipt (or, for services, to the order), or a free line on an account."""

    item: str = ""
    text: str = ""
    quantity: Decimal
    unit: str = ""
    price: Decimal
    receipt: str = ""
    receipt_line: int | None = None
    order: str = ""
    order_line: int | None = None
    account: str = ""
    subaccount: str = ""
    vat_category: str = ""


class InvoicePlan(Plan):
    supplier: str
    reference: str
    date: dt.date
    due: dt.date | None = None
    currency: str = ""
    branch: str = ""
    description: str = ""
    lines: tuple[BookingLinePlan, ...]
    total: Decimal | None = None
    """What the paper says is due, taxes included."""
    slack: Decimal = ZERO
    """By how much sums may differ."""

    @property
    def net(self) -> Decimal:
        return sum((line.quantity * line.price for line in self.lines), ZERO)


def body(plan: InvoicePlan) -> SupplierInvoiceUpdate:
    """The POST of visma.md §9.4, on hold and with its lines validated."""
    return SupplierInvoiceUpdate(
        document_type=DOCUMENT_TYPE,
        hold=True,
        date=plan.date,
        due_date=plan.due,
        post_period=f"{plan.date.month:02}{plan.date.year:04}",  # MMYYYY, unlike financialPeriod
        supplier_number=plan.supplier,
        supplier_reference=plan.reference,
        payment_ref_no=plan.reference,
        description=plan.description or None,
        currency_id=plan.currency or None,
        branch_number=plan.branch or None,
        validate_line_details=True,  # otherwise Visma drops faulty lines silently
        invoice_lines=[_line_body(line) for line in plan.lines],
    )


def _line_body(line: BookingLinePlan) -> SupplierInvoiceLineUpdate:
    link = None
    if line.receipt and line.receipt_line is not None:
        link = LinkLine(
            purchase_type="PurchaseReceipt", purchase_number=line.receipt, purchase_line_nbr=line.receipt_line
        )
    elif line.order and line.order_line is not None:
        link = LinkLine(purchase_type="PurchaseOrder", purchase_number=line.order, purchase_line_nbr=line.order_line)
    segments = [part.partition("=") for part in line.subaccount.split(";") if "=" in part]
    return SupplierInvoiceLineUpdate(
        operation="Insert",
        inventory_number=line.item or None,
        transaction_description=line.text[:LONGEST_TEXT] or None,
        quantity=line.quantity,
        uom=line.unit or None,
        unit_cost_in_currency=line.price,
        account_number=line.account or None,
        subaccount=[Segment(segment_id=int(place), segment_value=value) for place, _, value in segments] or None,
        vat_code_id=line.vat_category or None,
        link_line=link,
    )


def verify(plan: InvoicePlan, dto: SupplierInvoiceDto) -> str:
    """Each line is there, linked where it should be (visma.md §9.4: faults are otherwise silent). Raises Rejected.

    Returns a sentence where the total is not the paper's: who releases the invoice, which is on hold, has to know.
    """
    what = f"Invoice {dto.reference_number} in Visma"
    if len(dto.invoice_lines) != len(plan.lines):
        raise Rejected(
            f"{what} shows {len(dto.invoice_lines)} lines, not {len(plan.lines)}. Correct it there, then replay."
        )
    linked = sorted((line.receipt, line.receipt_line or 0, line.quantity) for line in plan.lines if line.receipt)
    shown = sorted(
        (line.po_receipt_nbr, line.po_receipt_line_nbr or 0, line.quantity or ZERO)
        for line in dto.invoice_lines
        if line.po_receipt_nbr
    )
    if linked != shown:
        raise Rejected(f"{what} is not linked to its receipts as sent. Correct it there, then replay.")
    return _total_differs(plan, dto, what)


def _total_differs(plan: InvoicePlan, dto: SupplierInvoiceDto, what: str) -> str:
    """Visma reckons VAT by its own rules: by the item's or the supplier's category, whatever the paper says.

    Amounts whose net part is not the plan's are in another currency and prove nothing.
    """
    vat = dto.vat_total if dto.vat_total_in_currency is None else dto.vat_total_in_currency
    shown = dto.amount if dto.detail_total_in_currency is None else dto.detail_total_in_currency + (vat or ZERO)
    slack = plan.slack + CENT * len(plan.lines)
    if plan.total is None or not shown or abs(shown - plan.total) <= slack:
        return ""
    if abs(shown - (vat or ZERO) - plan.net) > slack:
        return ""
    amounts = f"{shown:.2f} {plan.currency}, {vat or ZERO:.2f} of it VAT"
    return f"{what} amounts to {amounts}; the paper to {plan.total:.2f}: see to it before it is released."
