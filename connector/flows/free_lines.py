"""Lines of an invoice that belong to no receipt: charges, allowances and expenses, with account and VAT category."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from connector.flows.billing import Billed
from connector.flows.ground import Ground
from connector.flows.invoice_plan import LONGEST_TEXT, BookingLinePlan
from connector.flows.verdict import (
    ZERO,
)
from connector.rsx.codes import basis_unit, price_divisor
from connector.rsx.common import Tax
from connector.rsx.invoice import Invoice, InvoiceLine, Reconciliation
from mapping import lookup
from mapping.lookup import MappingMissing
from mapping.matching import Difference, in_six_digits
from mapping.models import TradingPartner

CHARGES = {
    "C000": "Defective allowance",
    "C310": "Discount",
    "CA00": "Cash discount",
    "D240": "Freight",
    "D260": "Fuel charge",
    "D500": "Handling",
    "F180": "Pallet",
    "F800": "Promotion",
    "G740": "Service fee",
    "G830": "Shipping and handling",
    "H550": "Surcharge",
    "I170": "Trade discount",
    "I530": "Volume discount",
}
"""What the commonest codes say (sps.md §9), for the line's text."""


def charge_lines(paper: Invoice, sums: Reconciliation, found: Ground) -> tuple[list[BookingLinePlan], list[Difference]]:
    """Charges and allowances that are part of the total, on the partner's expense account."""
    lines: list[BookingLinePlan] = []
    for charge in sums.charges:
        if not charge.amount:
            continue
        text = charge.description or CHARGES.get(charge.code) or charge.code or "Charge"
        try:
            vat = _vat_category([*charge.taxes] or list(paper.taxes), found.partner)
        except MappingMissing as missing:
            return [], [missing.difference]
        lines.append(_free(text, Decimal(1), charge.amount, vat, found.partner))
    return lines, account_missing(found.partner, lines)


def surplus_lines(
    paper: Invoice, billed: Sequence[Billed], found: Ground
) -> tuple[list[BookingLinePlan], list[Difference]]:
    """What is paid beyond the receipts, as tolerance or a person allows: Visma links goods to receipts alone (visma.md §9.4)."""
    lines: list[BookingLinePlan] = []
    for one in billed:
        if not one.surplus:
            continue
        try:
            vat = _vat_category([*one.line.taxes] or list(paper.taxes), found.partner)
        except MappingMissing as missing:
            return [], [missing.difference]
        lines.append(_free(f"Surplus {one.view.item}", one.surplus, one.price, vat, found.partner))
    return lines, account_missing(found.partner, lines)


def _free(text: str, quantity: Decimal, price: Decimal, vat: str, partner: TradingPartner) -> BookingLinePlan:
    return BookingLinePlan(
        text=text[:LONGEST_TEXT],
        quantity=quantity,
        price=in_six_digits(price),
        account=partner.expense_account,
        subaccount=partner.expense_subaccount,
        vat_category=vat,
    )


def account_missing(partner: TradingPartner, lines: Sequence[BookingLinePlan]) -> list[Difference]:
    """The question for an account, where free lines need one."""
    if partner.expense_account or not lines:
        return []
    sentence = f"{partner} has no expense account for charges, freight and what no receipt covers."
    money = sum((line.quantity * line.price for line in lines), ZERO)
    return [Difference("account_missing", partner.trading_partner_id, sentence, {"partner": partner.pk}, money)]


def _vat_category(taxes: Sequence[Tax], partner: TradingPartner) -> str:
    """The category of a free line; none where the paper states no tax. Raises MappingMissing."""
    stated = list(dict.fromkeys((tax.type, tax.percent) for tax in taxes if tax.relationship != "O"))
    if not stated:
        return ""
    categories = {lookup.vat_category_for(partner, kind, percent) for kind, percent in stated}
    if len(categories) == 1:
        return categories.pop()
    subject = f"{partner.trading_partner_id} several taxes"
    sentence = f"{partner} states several taxes for one line: it is not certain which VAT category applies."
    raise MappingMissing(Difference("tax_unmapped", subject, sentence, {"partner": partner.pk}))


def expense_lines(paper: Invoice, partner: TradingPartner) -> tuple[list[BookingLinePlan], list[Difference]]:
    """Every line of the paper on the expense account, each with the category of its own or the header's tax."""
    lines = []
    for line in paper.lines:
        net = plain_net(line)
        if net is None:
            missing = line.quantity is None or line.price is None
            why = "no quantity or no price" if missing else f"a price per {line.price_basis}, and its unit is another"
            return [], [Difference("total", paper.number, f"Line {line.position} has {why}.")]
        if not line.quantity:
            continue
        try:
            vat = _vat_category([*line.taxes] or list(paper.taxes), partner)
        except MappingMissing as missing:
            return [], [missing.difference]
        text = line.description or line.numbers.vendor or line.numbers.buyer or f"Line {line.position}"
        lines.append(_free(text, line.quantity, net / line.quantity, vat, partner))
    return lines, []


def plain_net(line: InvoiceLine) -> Decimal | None:
    """Quantity times price over its basis; None when one of them is missing, or the basis is another unit than the line's."""
    divisor = price_divisor(line.price_basis)
    if divisor is None and line.unit and basis_unit(line.price_basis) == line.unit:
        divisor = Decimal(1)
    if line.quantity is None or line.price is None or divisor is None:
        return None
    return line.quantity * line.price / divisor
