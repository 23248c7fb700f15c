"""The invoice (810) that a supplier sends, as stated (sps.md §8). Whether its figures add up is asked in `totals`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connector.rsx import totals
from connector.rsx.block import Block
from connector.rsx.common import (
    Charge,
    ItemNumbers,
    Paper,
    PaperDate,
    Party,
    Reference,
    Tax,
    charges,
    currency,
    dates,
    description,
    item_numbers,
    parties,
    references,
    taxes,
    trading_partner,
)
from connector.rsx.totals import Reconciliation

__all__ = ["Invoice", "InvoiceLine", "InvoiceTerms", "Reconciliation", "read", "reconcile"]

_SHIPMENT_REFERENCES = ("SI", "DNN", "AAK", "PK", "BM")  # shipment, delivery note, despatch advice, packing list, B/L


class InvoiceTerms(Paper):
    """Payment terms as stated; `discount_percent` 0 to 100, days from the invoice date."""

    net_days: int | None = None
    due_date: dt.date | None = None
    discount_percent: Decimal | None = None
    discount_days: int | None = None
    discount_date: dt.date | None = None
    discount_amount: Decimal | None = None
    description: str = ""


class InvoiceLine(Paper):
    """One invoiced line; `price` is per `price_basis`, `position` counts from 1."""

    position: int
    line_number: str = ""
    order_number: str = ""
    numbers: ItemNumbers = ItemNumbers()
    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    price_basis: str = ""
    ship_quantity: Decimal | None = None
    charges: tuple[Charge, ...] = ()
    taxes: tuple[Tax, ...] = ()
    description: str = ""


class Invoice(Paper):
    """One invoice or credit; `type` DR (or ""), CR, PRO, SELF, U5; `total` is what the supplier says is due."""

    trading_partner_id: str
    vendor: str = ""
    number: str
    date: dt.date | None = None
    type: str = ""
    purpose: str = ""
    currency: str = ""
    header_order: str = ""
    order_numbers: tuple[str, ...] = ()
    associated: tuple[str, ...] = ()
    """Numbers beside the header's order that may be further orders, or contracts (AN)."""
    shipment_references: tuple[str, ...] = ()
    original_invoice: str = ""
    due_date: dt.date | None = None
    terms: InvoiceTerms | None = None
    charges: tuple[Charge, ...] = ()
    taxes: tuple[Tax, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()
    total: Decimal | None = None
    sales_total: Decimal | None = None
    dates: tuple[PaperDate, ...] = ()
    references: tuple[Reference, ...] = ()
    parties: tuple[Party, ...] = ()
    warnings: tuple[str, ...] = ()


def read(tree: dict[str, Any]) -> Invoice:
    """Raises Unreadable with the place when something that we need is missing or of the wrong type."""
    warnings: list[str] = []
    paper = Block(tree, "", warnings)
    whole = paper.required("Header")
    header = whole.required("InvoiceHeader")
    summary = paper.block("Summary")
    lines = tuple(_line(position, item) for position, item in enumerate(paper.blocks("LineItem", needed=True), 1))
    terms = [_terms(one) for one in whole.blocks("PaymentTerms")]
    refers = references(whole)
    found = Invoice(
        trading_partner_id=trading_partner(header),
        vendor=header.text("Vendor"),
        number=header.required_text("InvoiceNumber"),
        date=header.date("InvoiceDate"),
        type=header.text("InvoiceTypeCode"),
        purpose=header.text("TsetPurposeCode"),
        currency=currency(header),
        header_order=header.text("PurchaseOrderNumber"),
        order_numbers=_order_numbers(header.text("PurchaseOrderNumber"), lines, refers),
        associated=_referred(refers, "AN") if header.text("PurchaseOrderNumber") else (),
        shipment_references=_distinct(
            *_referred(refers, *_SHIPMENT_REFERENCES), header.text("BillOfLadingNumber", needed=False)
        ),
        original_invoice=next(iter([*_referred(refers, "INV"), *_referred(refers, "CRM")]), ""),
        due_date=next((one.due_date for one in terms if one.due_date), None),
        terms=terms[0] if terms else None,
        charges=charges(whole),
        taxes=taxes(whole),
        lines=lines,
        total=summary.number("TotalAmount"),
        sales_total=summary.number("TotalSalesAmount", needed=False),
        dates=dates(whole),
        references=refers,
        parties=parties(whole),
    )
    if found.type == "CR" and totals.mixes_signs([line.quantity for line in lines]):
        paper.warn("LineItem", "a credit that mixes positive and negative quantities")
    return found.model_copy(update={"warnings": tuple(dict.fromkeys(warnings))})


def reconcile(
    invoice: Invoice, line_net: Callable[[InvoiceLine], Decimal | None], tolerance: Decimal
) -> Reconciliation | None:
    """The reading of lines, charges and taxes that meets the stated total within `tolerance` (an amount of money).

    `line_net` gives a line's quantity times price in the invoice's currency, or None when it cannot be known. The
    answer is None when no reading, or two different ones equally well, meet the total: a person must look. All
    amounts of a credit come out positive (sps.md §8).
    """
    nets = [line_net(line) for line in invoice.lines]
    known = [net for net in nets if net is not None]
    if len(known) < len(nets):
        return None
    return totals.reconcile(
        totals.Figures(
            nets=tuple(known),
            charges=invoice.charges,
            taxes=invoice.taxes,
            line_charges=tuple(line.charges for line in invoice.lines),
            line_taxes=tuple(line.taxes for line in invoice.lines),
            total=invoice.total,
            is_credit=invoice.type == "CR",
        ),
        tolerance,
    )


def _line(position: int, item: Block) -> InvoiceLine:
    line = item.block("InvoiceLine")
    return InvoiceLine(
        position=position,
        line_number=line.text("LineSequenceNumber"),
        # not in the 7.7.7 schema, but the only place where a collective invoice could say it
        order_number=line.text("PurchaseOrderNumber"),
        numbers=item_numbers(line),
        quantity=line.number("InvoiceQty"),
        unit=line.text("InvoiceQtyUOM"),
        price=line.number("PurchasePrice"),
        price_basis=line.text("PurchasePriceBasis"),
        ship_quantity=line.number("ShipQty", needed=False),
        charges=charges(item),
        taxes=taxes(item),
        description=description(item),
    )


def _terms(block: Block) -> InvoiceTerms:
    return InvoiceTerms(
        net_days=block.whole("TermsNetDueDays"),
        due_date=block.date("TermsNetDueDate"),
        discount_percent=block.number("TermsDiscountPercentage", needed=False),
        discount_days=block.whole("TermsDiscountDueDays"),
        discount_date=block.date("TermsDiscountDate"),
        discount_amount=block.number("TermsDiscountAmount", needed=False),
        description=block.text("TermsDescription", needed=False),
    )


def _order_numbers(header: str, lines: tuple[InvoiceLine, ...], refers: tuple[Reference, ...]) -> tuple[str, ...]:
    """AN references count for certain only without an order in the header: SPS's samples put contract numbers there."""
    associated = () if header else _referred(refers, "AN")
    return _distinct(header, *(line.order_number for line in lines), *associated)


def _referred(refers: tuple[Reference, ...], *qualifiers: str) -> tuple[str, ...]:
    return tuple(one.number for one in refers if one.qualifier in qualifiers and one.number)


def _distinct(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
