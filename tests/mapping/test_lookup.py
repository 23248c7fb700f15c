"""What is known about partners, items, units and taxes; what is not is named."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from mapping import lookup
from mapping.lookup import MappingMissing
from mapping.matching import Tolerance
from mapping.models import (
    Company,
    Item,
    ItemNumber,
    ItemReference,
    ItemTolerance,
    PartnerRoute,
    Supplier,
    TradingPartner,
    UnitMapping,
)
from tests.trade import Bought, a_trade, an_order


@dataclass(frozen=True)
class Named:
    buyer: str = ""
    vendor: str = ""
    barcodes14: tuple[str, ...] = ()


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return a_trade(company)


def missing(question: object) -> MappingMissing:
    assert callable(question)
    with pytest.raises(MappingMissing) as caught:
        question()
    assert caught.value.difference.sentence.endswith(".")
    return caught.value


def test_partner_is_found_in_any_letter_case(company: Company, partner: TradingPartner) -> None:
    assert lookup.partner_for(company, " nordicparts01 ") == partner


@pytest.mark.parametrize("written", ["STRANGER", "", "  "])
def test_partner_that_nobody_mapped_is_named(company: Company, partner: TradingPartner, written: str) -> None:
    found = missing(lambda: lookup.partner_for(company, written)).difference
    assert (found.cause, found.subject) == ("partner_unmapped", written.strip() or "(none)")


def second_route(company: Company, **where: object) -> TradingPartner:
    other = TradingPartner.objects.create(company=company, trading_partner_id="NORDICWEST")
    supplier = Supplier.objects.get(company=company, number="50000")
    PartnerRoute.objects.create(partner=other, supplier=supplier, **where)
    return other


def test_order_goes_to_the_partner_of_its_location(company: Company, partner: TradingPartner) -> None:
    west = second_route(company, location="WEST")
    order = an_order(company)
    assert lookup.route_for(order) == partner
    order.location = "WEST"
    assert lookup.route_for(order) == west


def test_order_goes_to_the_partner_of_its_branch(company: Company, partner: TradingPartner) -> None:
    branch = second_route(company, branch="2")
    order = an_order(company)
    order.branch = "2"
    assert lookup.route_for(order) == branch


def test_order_that_two_partners_fit_equally_is_asked_about(company: Company, partner: TradingPartner) -> None:
    second_route(company, is_default=False)
    PartnerRoute.objects.update(is_default=False)
    found = missing(lambda: lookup.route_for(an_order(company))).difference
    assert "several trading partners fit" in found.sentence


def test_numbers_mean_items_by_mapping_and_by_cross_reference(company: Company, partner: TradingPartner) -> None:
    item = Item.objects.get(company=company, number="B2")
    ItemNumber.objects.create(item=item, kind="Barcode", number="7035550001231", compared_as="07035550001231")
    ItemNumber.objects.create(item=item, kind="VPN", number="V-2", compared_as="V-2", supplier_number="50000")
    ItemReference.objects.create(partner=partner, number_kind="upc", their_number="43000186706", item="A1")
    barcode, upc = Named(barcodes14=("07035550001231",)), Named(barcodes14=("00043000186706",))
    vendor = Named(vendor="v-2")
    known = lookup.known_numbers(partner, [barcode, upc, vendor])
    assert known.items(barcode, []) == {"B2"}
    assert known.items(upc, []) == {"A1"}
    assert known.items(vendor, []) == {"B2"}


def test_number_of_another_supplier_means_nothing(company: Company, partner: TradingPartner) -> None:
    item = Item.objects.get(company=company, number="B2")
    ItemNumber.objects.create(item=item, kind="VPN", number="V-2", compared_as="V-2", supplier_number="50009")
    assert lookup.known_numbers(partner, [Named(vendor="V-2")]).items(Named(vendor="V-2"), []) == frozenset()


def test_partner_s_unit_takes_the_place_of_the_company_s(company: Company, partner: TradingPartner) -> None:
    UnitMapping.objects.create(company=company, partner=partner, unit="KRT", rsx_unit="CA")
    units = lookup.units_for(company, partner, ["A1"])
    assert units.outgoing("KRT") == ("CA", Decimal(1))
    assert units.factor("CA", "A1", "STK") == 12
    assert units.factor("CT", "A1", "STK") is None


def test_tolerance_of_an_item_goes_before_the_partner_s_and_the_company_s(
    company: Company, partner: TradingPartner
) -> None:
    company.price_percent = Decimal(1)
    partner.company, partner.price_percent, partner.date_days = company, Decimal(2), 5
    ItemTolerance.objects.create(company=company, item="A1", price_percent=Decimal(3))
    ItemTolerance.objects.create(company=company, partner=partner, item="A1", price_absolute=Decimal(4))
    found = lookup.tolerances_for(partner, ["A1", "B2"])
    assert found["A1"] == Tolerance(price_percent=Decimal(3), price_absolute=Decimal(4), date_days=5)
    assert found["B2"] == Tolerance(price_percent=Decimal(2), date_days=5)


def test_tax_is_found_by_type_and_percent(partner: TradingPartner) -> None:
    assert lookup.vat_category_for(partner, "VA", Decimal("25.00")) == "1"
    found = missing(lambda: lookup.vat_category_for(partner, "VA", Decimal(15))).difference
    assert (found.cause, found.subject) == ("tax_unmapped", "NORDICPARTS01 VA 15 %")


@pytest.mark.parametrize(
    ("quantity", "cost", "amount", "net"),
    [
        ("3", "10", "20", "6.666667"),
        ("10", "48", "480", "48"),
        ("10", "48", "432", "43.2"),
        ("3", "10", "29.99", "10"),
        ("0", "48", "0", "48"),
    ],
)
def test_price_is_net_of_the_line_s_discount(quantity: str, cost: str, amount: str, net: str) -> None:
    assert lookup.net_price(Decimal(quantity), Decimal(cost), Decimal(amount)) == Decimal(net)


def test_lines_that_left_the_order_are_not_matched(company: Company, partner: TradingPartner) -> None:
    order = an_order(company, [Bought("A1"), Bought("B2")])
    order.lines.filter(number=1).update(is_present=False)
    assert [line.item for line in lookup.lines_of([order])["PO100"]] == ["B2"]
