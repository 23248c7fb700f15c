"""What is known about partners, items, units and taxes; what is not raises MappingMissing, naming the missing thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, Q

from mapping.matching import Difference, KnownNumbers, LineView, PaperNumbers, Tolerance, Units, folded, reach
from mapping.models import (
    Company,
    Item,
    ItemNumber,
    ItemReference,
    ItemTolerance,
    ItemUnit,
    NumberKind,
    Order,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)

BARCODES = ("Barcode", "Global")


class MappingMissing(Exception):
    """A mapping is missing; `difference` says which, for the desk."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.sentence)
        self.difference = difference


def partner_for(company: Company, trading_partner_id: str) -> TradingPartner:
    """The partner that a paper names. Raises MappingMissing (partner_unmapped)."""
    written = trading_partner_id.strip()
    partner = company.partners.filter(trading_partner_id__iexact=written).first() if written else None
    if partner is None:
        sentence = f"Trading partner {written or '(none given)'} is not mapped to a supplier."
        raise MappingMissing(
            Difference("partner_unmapped", written or "(none)", sentence, {"trading_partner_id": written})
        )
    return partner


def route_for(order: Order) -> TradingPartner:
    """The one partner that an order goes to: the most specific match on location and branch, else the default.

    The supplier counts by its number: it may be mapped before it is mirrored. Raises MappingMissing (partner_unmapped),
    also when two partners match equally well.
    """
    of_supplier = PartnerRoute.objects.filter(
        supplier__company=order.company_id, supplier__number=order.supplier_number
    )
    routes = list(of_supplier.select_related("partner"))
    fitting = [(_fit(route, order), route) for route in routes]
    best = max((fit for fit, _ in fitting if fit is not None), default=None)
    top = {route.partner.pk: route.partner for fit, route in fitting if fit is not None and fit == best}
    if not top:
        top = {route.partner.pk: route.partner for route in routes if route.is_default}
    if len(top) == 1:
        return top.popitem()[1]
    name = str(order.supplier) if order.supplier else order.supplier_number
    why = "several trading partners fit" if top else "no trading partner is mapped"
    sentence = f"Supplier {name}: {why} for order {order.number}."
    facts = {"supplier": order.supplier_number, "location": order.location, "branch": order.branch}
    raise MappingMissing(
        Difference("partner_unmapped", order.supplier_number, sentence, facts, order.total, order.currency)
    )


def supplier_numbers(partner: TradingPartner) -> frozenset[str]:
    """The Visma suppliers behind a partner."""
    return frozenset(partner.routes.values_list("supplier__number", flat=True))


def orders_named(company: Company, numbers: Iterable[str]) -> dict[str, Order]:
    """The mirrored orders by number, exact after trimming."""
    wanted = {number.strip() for number in numbers if number.strip()}
    return {order.number: order for order in company.orders.filter(number__in=wanted).select_related("supplier")}


def lines_of(orders: Iterable[Order]) -> dict[str, list[LineView]]:
    """The lines that are still on the orders, by order number."""
    found: dict[str, list[LineView]] = {order.number: [] for order in orders}
    rows = Order.objects.filter(pk__in=[order.pk for order in orders]).prefetch_related("lines")
    for order in rows:
        for line in order.lines.all():
            if line.is_present:
                found[order.number].append(
                    LineView(
                        key=line.pk,
                        order_number=order.number,
                        number=line.number,
                        item=line.item,
                        vendor_number=line.vendor_number,
                        unit=line.unit,
                        quantity=line.quantity,
                        price=net_price(line.quantity, line.unit_cost, line.amount),
                        requested=line.requested,
                        promised=line.promised,
                        line_type=line.line_type,
                        description=line.description,
                        completed=line.completed,
                        cancelled=line.cancelled or order.is_cancelled,
                    )
                )
    return found


def net_price(quantity: Decimal, unit_cost: Decimal, amount: Decimal) -> Decimal:
    """The price per unit after the line's discount; the unit cost where there is none."""
    gross = quantity * unit_cost
    if not quantity or not amount or abs(gross - amount) <= Decimal("0.01"):
        return unit_cost
    return (amount / quantity).quantize(Decimal("0.000001"))


def known_numbers(partner: TradingPartner, papers: Iterable[PaperNumbers]) -> KnownNumbers:
    """What the numbers on these papers mean, by the partner's mappings and Visma's cross references; two queries."""
    numbers = list(papers)
    barcodes = {barcode for paper in numbers for barcode in paper.barcodes14}
    vendors = _spellings(paper.vendor for paper in numbers)
    buyers = _spellings(paper.buyer for paper in numbers)
    found: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in ("buyer", "barcode", "vendor")}
    for reference in ItemReference.objects.filter(partner=partner, compared_as__in=barcodes | vendors | buyers):
        kind = "barcode" if reference.number_kind in (NumberKind.GTIN, NumberKind.UPC) else reference.number_kind
        found[kind][reference.compared_as if kind == "barcode" else folded(reference.compared_as)].add(reference.item)
    crossings = ItemNumber.objects.filter(item__company=partner.company_id).filter(
        Q(kind__in=BARCODES, compared_as__in=barcodes)
        | Q(kind="VPN", compared_as__in=vendors, supplier_number__in=supplier_numbers(partner))
    )
    for crossing in crossings.select_related("item"):
        kind = "vendor" if crossing.kind == "VPN" else "barcode"
        found[kind][folded(crossing.compared_as)].add(crossing.item.number)
    for number in Item.objects.filter(company=partner.company_id, number__in=buyers).values_list("number", flat=True):
        found["buyer"][folded(number)].add(number)
    frozen = {kind: {number: frozenset(items) for number, items in rows.items()} for kind, rows in found.items()}
    return KnownNumbers(buyer=frozen["buyer"], barcode=frozen["barcode"], vendor=frozen["vendor"])


def _spellings(numbers: Iterable[str]) -> set[str]:
    """Numbers as written and in either letter case: identifiers come in both (sps.md §10)."""
    written = {number.strip() for number in numbers} - {""}
    return {spelling for number in written for spelling in (number, number.upper(), number.lower())}


def units_for(company: Company, partner: TradingPartner | None, items: Iterable[str]) -> Units:
    """The units of a partner: its own mappings instead of the company's, and the conversions of these items."""
    rows = UnitMapping.objects.filter(Q(partner=partner) | Q(partner=None), company=company)
    own = {row.unit: row for row in sorted(rows, key=lambda row: row.partner_id is not None)}
    stated: dict[str, list[tuple[str, str, Decimal]]] = defaultdict(list)
    wanted = ItemUnit.objects.filter(item__company=company, item__number__in=set(items)).select_related("item")
    for unit in wanted:
        stated[unit.item.number].append((unit.from_unit, unit.to_unit, unit.factor))
    return Units(
        mapped=tuple((row.unit, row.rsx_unit, row.factor) for row in own.values()),
        conversions={item: reach(conversions) for item, conversions in stated.items()},
    )


def tolerances_for(partner: TradingPartner, items: Iterable[str]) -> dict[str, Tolerance]:
    """The tolerance of each item: the item's own for this partner, the item's, the partner's, the company's."""
    company = partner.company
    own = ItemTolerance.objects.filter(Q(partner=partner) | Q(partner=None), company=company, item__in=set(items))
    levels: dict[str, list[ItemTolerance]] = defaultdict(list)
    for row in sorted(own, key=lambda row: row.partner_id is None):
        levels[row.item].append(row)
    return {item: _first_stated([*levels[item], partner, company]) for item in set(items)}


def vat_category_for(partner: TradingPartner, tax_type: str, percent: Decimal | None) -> str:
    """Visma's VAT category for a tax as the partner states it. Raises MappingMissing (tax_unmapped)."""
    rate = percent or Decimal(0)
    mapping = TaxMapping.objects.filter(partner=partner, tax_type=tax_type, percent=rate).first()
    if mapping is None:
        subject = f"{partner.trading_partner_id} {tax_type} {rate.normalize():f} %"
        facts = {"tax_type": tax_type, "percent": str(rate), "partner": partner.pk}
        sentence = f"Tax {tax_type} of {rate.normalize():f} % of {partner} is not mapped to a VAT category."
        raise MappingMissing(Difference("tax_unmapped", subject, sentence, facts))
    return mapping.vat_category


def mappings_changed_at(company: Company) -> dict[str, datetime | None]:
    """When the mappings behind each cause last changed: what was held for them before is looked at again."""
    partners = TradingPartner.history.filter(company=company).aggregate(at=Max("history_date"))["at"]
    routes = PartnerRoute.history.filter(supplier__company=company).aggregate(at=Max("history_date"))["at"]
    items = _latest(
        ItemReference.objects.filter(partner__company=company).aggregate(at=Max("updated_at"))["at"],
        Item.objects.filter(company=company).aggregate(at=Max("seen_at"))["at"],
    )
    units = UnitMapping.objects.filter(company=company).aggregate(at=Max("updated_at"))["at"]
    taxes = TaxMapping.objects.filter(partner__company=company).aggregate(at=Max("updated_at"))["at"]
    return {
        "partner_unmapped": _latest(partners, routes),
        "order_unknown": routes,
        "item_unmapped": items,
        "line_conflict": items,
        "unit_unmapped": _latest(units, items),
        "tax_unmapped": taxes,
        "account_missing": partners,
    }


def supplier_named(company: Company, number: str) -> Supplier | None:
    """The mirrored supplier of a number."""
    return company.suppliers.filter(number=number).first()


def _fit(route: PartnerRoute, order: Order) -> int | None:
    """How specifically a route fits an order: the number of criteria that match, None when one does not."""
    wanted = [
        (route.location, {order.location, order.location_name}),
        (route.branch, {order.branch}),
    ]
    stated = [(value, found) for value, found in wanted if value]
    if any(value not in found for value, found in stated):
        return None
    return 2 * len(stated) + (1 if route.is_default else 0)


def _first_stated(levels: Sequence[ItemTolerance | TradingPartner | Company]) -> Tolerance:
    def stated(name: str) -> Decimal:
        return next((value for level in levels if (value := getattr(level, name)) is not None), Decimal(0))

    days = next((level.date_days for level in levels if level.date_days is not None), None)
    return Tolerance(
        price_percent=stated("price_percent"),
        price_absolute=stated("price_absolute"),
        quantity_percent=stated("quantity_percent"),
        quantity_absolute=stated("quantity_absolute"),
        date_days=days,
    )


def _latest(*stamps: datetime | None) -> datetime | None:
    return max((stamp for stamp in stamps if stamp is not None), default=None)
