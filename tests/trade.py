"""One buyer, one supplier, one order in the mirrors: the ground on which flows are tested without any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from mapping.models import (
    Company,
    Item,
    ItemUnit,
    Order,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)
from tests.papers import PARTNER


@dataclass(frozen=True)
class Bought:
    """One line to order."""

    item: str = "A1"
    quantity: Decimal = Decimal(10)
    price: Decimal = Decimal("12.50")
    unit: str = "STK"
    vendor_number: str = ""
    line_type: str = "GoodsForInventory"


def a_trade(company: Company) -> TradingPartner:
    """Items A1 and B2, bought by the piece (EA) or by cartons of twelve (CT), from a supplier behind one partner."""
    supplier = Supplier.objects.create(company=company, number="50000", name="Nordic Parts AS", currency="NOK")
    partner = TradingPartner.objects.create(
        company=company, trading_partner_id=PARTNER, name="Nordic Parts", expense_account="4360"
    )
    PartnerRoute.objects.create(partner=partner, supplier=supplier, is_default=True)
    for number in ("A1", "B2"):
        item = Item.objects.create(company=company, number=number, base_unit="STK", purchase_unit="STK")
        ItemUnit.objects.create(item=item, from_unit="KRT", to_unit="STK", factor=Decimal(12))
    for unit, rsx_unit in (("STK", "EA"), ("KRT", "CT")):
        UnitMapping.objects.create(company=company, unit=unit, rsx_unit=rsx_unit)
    TaxMapping.objects.create(partner=partner, tax_type="VA", percent=Decimal(25), vat_category="1")
    return partner


def an_order(company: Company, lines: Sequence[Bought] = (Bought(),), *, number: str = "PO100") -> Order:
    """Line numbers are 1, 2, 3 …; wanted on 1 April 2026."""
    order = Order.objects.create(
        company=company,
        number=number,
        order_type="RegularOrder",
        status="Open",
        date=date(2026, 3, 1),
        supplier=company.suppliers.get(number="50000"),
        supplier_number="50000",
        currency="NOK",
        branch="1",
        total=sum((line.quantity * line.price for line in lines), Decimal(0)),
        etag="v1",
    )
    for place, line in enumerate(lines, start=1):
        order.lines.create(
            number=place,
            item=line.item,
            vendor_number=line.vendor_number,
            line_type=line.line_type,
            unit=line.unit,
            quantity=line.quantity,
            unit_cost=line.price,
            amount=line.quantity * line.price,
            requested=date(2026, 4, 1),
        )
    return order
