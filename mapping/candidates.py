"""Looks up what could be meant by a number, unit or partner that is not mapped. One entry: `suggestions_for`; reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from mapping.lookup import BARCODES, orders_named, supplier_numbers, units_for
from mapping.matching import reach
from mapping.models import (
    Company,
    Item,
    ItemNumber,
    ItemReference,
    ItemUnit,
    NumberKind,
    Order,
    OrderLine,
    SupplierLocation,
    TradingPartner,
    UnitMapping,
)
from mapping.suggestions import Evidence, Suggestion, fitting_units, ranked, siblings, similar, squeezed

LOOKED_THROUGH = 20_000  # numbers of one supplier, or items ever ordered there
LIKENESS = 0.7  # of a description or name: alike is not the same


@dataclass(frozen=True)
class Missing:
    """What is known of a missing mapping: by the hold, and by the paper behind it.

    `matched` are items that other lines of the paper mean; `quantities` stand on the paper in the missing unit.
    """

    cause: str
    number: str = ""
    number_kind: str = ""
    rsx_unit: str = ""
    unit: str = ""
    item: str = ""
    trading_partner_id: str = ""
    supplier: str = ""
    vendor: str = ""
    orders: tuple[str, ...] = ()
    matched: frozenset[str] = frozenset()
    descriptions: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    quantities: tuple[Decimal, ...] = ()


def suggestions_for(company: Company, partner: TradingPartner | None, missing: Missing) -> list[Suggestion]:
    """Candidates for `item_unmapped` (items), `unit_unmapped` (our units, or RSX units for an unmapped one of ours) and
    `partner_unmapped` (suppliers for a paper that came, partner ids for an order that is to go); nothing for other causes.
    """
    if missing.cause == "item_unmapped":
        found = list(_items(company, partner, missing))
        names = Item.objects.filter(company=company, number__in={one.value for one in found})
        return ranked(found, dict(names.values_list("number", "description")))
    if missing.cause == "unit_unmapped":
        return ranked(_units(company, partner, missing))
    if missing.cause == "partner_unmapped":
        found = list(_partners(company, missing) if missing.supplier else _suppliers(company, missing))
        return ranked(found, dict(company.suppliers.values_list("number", "name")))
    return []


def _items(company: Company, partner: TradingPartner | None, missing: Missing) -> Iterator[Evidence]:
    lines = list(OrderLine.objects.filter(order__in=orders_named(company, missing.orders).values(), is_present=True))
    if missing.number_kind == NumberKind.GTIN:
        yield from _by_barcode(company, missing.number)
    else:
        yield from _by_number(company, partner, missing, lines)
    yield from _elsewhere(company, partner, missing)
    yield from _on_the_orders(missing, lines)
    yield from _by_description(company, partner, missing, lines)


def _by_barcode(company: Company, barcode: str) -> Iterator[Evidence]:
    numbers = ItemNumber.objects.filter(
        item__company=company, kind__in=BARCODES, compared_as__in={barcode.zfill(14), *siblings(barcode)}
    )
    for row in numbers.select_related("item"):
        same = row.compared_as == barcode.zfill(14)
        why = "has the same barcode in Visma" if same else f"has barcode {row.number}: the same, for another package"
        yield Evidence(row.item.number, 95.0 if same else 85.0, why)


def _by_number(
    company: Company, partner: TradingPartner | None, missing: Missing, lines: list[OrderLine]
) -> Iterator[Evidence]:
    """Supplier's numbers and ours that are the same but for signs, blanks, letter case and leading zeros."""
    wanted = squeezed(missing.number)
    if not wanted:
        return
    suppliers = supplier_numbers(partner) if partner else frozenset()
    theirs = ItemNumber.objects.filter(item__company=company, kind="VPN", supplier_number__in=suppliers)
    for number, item in theirs.values_list("number", "item__number")[:LOOKED_THROUGH]:
        if squeezed(number) == wanted:
            yield Evidence(item, 90.0, f"is number {number} of this supplier in Visma")
    for line in lines:
        if line.vendor_number and squeezed(line.vendor_number) == wanted:
            yield Evidence(line.item, 90.0, f"has number {line.vendor_number} on the order")
        if squeezed(line.item) == wanted:
            yield Evidence(line.item, 80.0, "is our own number, written otherwise")


def _elsewhere(company: Company, partner: TradingPartner | None, missing: Missing) -> Iterator[Evidence]:
    """What other partners mean by the number."""
    barcode = missing.number_kind == NumberKind.GTIN
    kinds = (NumberKind.GTIN, NumberKind.UPC) if barcode else (NumberKind.VENDOR, NumberKind.BUYER)
    numbers = {missing.number, *siblings(missing.number)} if barcode else {missing.number}
    rows = ItemReference.objects.filter(partner__company=company, number_kind__in=kinds, compared_as__in=numbers)
    for row in rows.exclude(partner=partner).select_related("partner"):
        why = f"is what {row.partner} means by {row.their_number}"
        yield Evidence(row.item, (90.0 if row.compared_as == missing.number else 80.0) if barcode else 50.0, why)


def _on_the_orders(missing: Missing, lines: list[OrderLine]) -> Iterator[Evidence]:
    left = {line.item for line in lines if line.item and not line.cancelled} - missing.matched
    for item in left:
        if len(left) == 1:
            yield Evidence(item, 60.0, "is the only item of the order that the paper does not name otherwise")
        else:
            yield Evidence(item, 30.0, "stands on the order, and no other line of the paper means it")


def _by_description(
    company: Company, partner: TradingPartner | None, missing: Missing, lines: list[OrderLine]
) -> Iterator[Evidence]:
    """Among what is on the orders, and what was ever ordered from this supplier."""
    if not missing.descriptions:
        return
    suppliers = supplier_numbers(partner) if partner else frozenset()
    ever = OrderLine.objects.filter(order__company=company, order__supplier_number__in=suppliers).exclude(item="")
    known = dict(ever.order_by().values_list("item", "description").distinct()[:LOOKED_THROUGH])
    known |= {line.item: line.description for line in lines if line.item}
    for text in missing.descriptions:
        for item, score in similar(text, {item: words for item, words in known.items() if words}):
            yield Evidence(item, score * LIKENESS, f"{known[item]} resembles {text} ({score:.0f} of 100)")


def _units(company: Company, partner: TradingPartner | None, missing: Missing) -> Iterator[Evidence]:
    if units_for(company, partner, []).outgoing(missing.unit) is None:
        yield from _rsx_units(company, missing)
        return
    mapped = UnitMapping.objects.filter(company=company, rsx_unit=missing.rsx_unit).exclude(partner=partner)
    for row in mapped.exclude(partner=None).select_related("partner"):
        yield Evidence(row.unit, 80.0, f"is what {row.partner} means by {missing.rsx_unit}")
    rows = ItemUnit.objects.filter(item__company=company, item__number=missing.item)
    conversions = reach(list(rows.values_list("from_unit", "to_unit", "factor")))
    orders = orders_named(company, missing.orders).values()
    ordered = set(OrderLine.objects.filter(order__in=orders, item=missing.item).values_list("quantity", flat=True))
    quantity = ordered.pop() if len(ordered) == 1 else Decimal(0)
    if (missing.unit, missing.unit) not in conversions:
        conversions[(missing.unit, missing.unit)] = Decimal(1)
    for evidence in fitting_units(conversions, missing.unit, quantity, missing.quantities):
        yield evidence
        if evidence.value.casefold() == missing.rsx_unit.casefold():
            yield Evidence(evidence.value, 60.0, "has the same letters")


def _rsx_units(company: Company, missing: Missing) -> Iterator[Evidence]:
    for row in UnitMapping.objects.filter(company=company, unit=missing.unit).exclude(partner=None):
        yield Evidence(row.rsx_unit, 80.0, f"is what {missing.unit} is for {row.partner}")
    if missing.rsx_unit:
        yield Evidence(missing.rsx_unit, 60.0, f"is what the paper counts in where we ordered in {missing.unit}")


def _suppliers(company: Company, missing: Missing) -> Iterator[Evidence]:
    """Who a paper with an unknown id can come from."""
    written = missing.trading_partner_id
    places = SupplierLocation.objects.filter(supplier__company=company).select_related("supplier")
    for place in places.filter(Q(edi_code__iexact=written) | Q(gln__iexact=written)) if written else ():
        field = "EDI code" if place.edi_code.casefold() == written.casefold() else "GLN"
        yield Evidence(place.supplier.number, 95.0, f"has this id as {field} of location {place.location}")
    for order in Order.objects.filter(company=company, number__in=missing.orders).exclude(supplier_number=""):
        yield Evidence(order.supplier_number, 85.0, f"has order {order.number}, which the paper names")
    if missing.vendor and company.suppliers.filter(number=missing.vendor).exists():
        yield Evidence(missing.vendor, 80.0, "has the vendor number that the paper gives")
    names = dict(company.suppliers.exclude(name="").values_list("number", "name")[:LOOKED_THROUGH])
    for name in missing.names:
        for number, score in similar(name, names):
            yield Evidence(number, score * LIKENESS, f"{names[number]} resembles {name} ({score:.0f} of 100)")


def _partners(company: Company, missing: Missing) -> Iterator[Evidence]:
    """Which partner an order of an unmapped supplier can go to."""
    supplier = company.suppliers.filter(number=missing.supplier).first()
    if supplier is None:
        return
    for place in supplier.locations.all():
        for field, code in (("EDI code", place.edi_code), ("GLN", place.gln)):
            if code:
                yield Evidence(code, 80.0, f"is the {field} of location {place.location} in Visma")
    names = dict(company.partners.exclude(name="").values_list("trading_partner_id", "name")[:LOOKED_THROUGH])
    for number, score in similar(supplier.name, names):
        yield Evidence(number, score * LIKENESS, f"{names[number]} resembles {supplier.name} ({score:.0f} of 100)")
