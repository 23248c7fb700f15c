"""What every answer of a supplier stands on: its partner, the orders it names, and what numbers and units mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.flows.verdict import Asking, Facts, Ignoring, Verdict, Waiting
from connector.rsx.codes import basis_unit, price_divisor
from connector.rsx.common import ItemNumbers
from mapping import lookup
from mapping.matching import Difference, KnownNumbers, LineView, Tolerance, Units, find_line, in_six_digits, shows
from mapping.models import Company, Order, TradingPartner

PIECE = "EA"
PURPOSES = ("", "00", "01", "05", "06", "07", "20", "CN")  # sps.md §9; 04 only in acknowledgments


@dataclass(frozen=True)
class Ground:
    """The state of knowledge against which one paper is matched."""

    partner: TradingPartner
    orders: dict[str, Order]
    lines: dict[str, list[LineView]]
    known: KnownNumbers
    units: Units
    tolerances: dict[str, Tolerance]
    suppliers: frozenset[str]

    def line(self, order_number: str, line_number: str, numbers: ItemNumbers, where: str) -> LineView | Difference:
        """The order line that a paper's line means, or why it is not certain."""
        return find_line(line_number, numbers, self.lines[order_number], self.known, where)

    def factor(self, rsx_unit: str, line: LineView, where: str) -> Decimal | Difference:
        """How many ordered units one unit of the paper is, or what is not mapped."""
        found = self.units.factor(rsx_unit, line.item, line.unit)
        if found is not None:
            return found
        facts = {"rsx_unit": rsx_unit, "unit": line.unit, "item": line.item}
        if self.units.outgoing(line.unit) is None:
            sentence = f"{where}: our unit {line.unit} is not mapped to an RSX unit."
            return Difference("unit_unmapped", line.unit, sentence, facts)
        why = "is not mapped" if not self.units.knows(rsx_unit) else f"cannot be converted to {line.unit}"
        sentence = f"{where}: unit {rsx_unit} {why} for item {line.item}."
        subject = rsx_unit if not self.units.knows(rsx_unit) else f"{rsx_unit} {line.item}"
        return Difference("unit_unmapped", subject, sentence, facts)

    def net(
        self, line: LineView, quantity: Decimal, unit: str, price: Decimal, basis: str, where: str
    ) -> Decimal | Difference:
        """Quantity times price over its basis (sps.md §8, §9); a basis in another unit is converted by the item."""
        divisor = price_divisor(basis)
        if divisor is not None:
            plain = quantity * price / divisor
            return self._by_the_piece(line, quantity, unit, price, plain) if basis == "PE" else plain
        priced_in = basis_unit(basis)
        to_paper = self.units.factor(unit, line.item, line.unit)
        to_basis = self.units.factor(priced_in, line.item, line.unit) if priced_in else None
        if to_paper is None or not to_basis:
            sentence = f"{where}: the price is per {basis}, which cannot be converted to {unit or line.unit}."
            return Difference("unit_unmapped", f"{priced_in or basis} {line.item}", sentence, {"rsx_unit": priced_in})
        return quantity * to_paper / to_basis * price

    def _by_the_piece(self, line: LineView, quantity: Decimal, unit: str, price: Decimal, plain: Decimal) -> Decimal:
        """PE says that the price is for each piece; many write it for whatever unit. The ordered price tells which."""
        to_paper = self.units.factor(unit, line.item, line.unit)
        to_piece = self.units.factor(PIECE, line.item, line.unit)
        if not to_paper or not to_piece:
            return plain
        each = quantity * to_paper / to_piece * price
        return min((plain, each), key=lambda net: abs(net - quantity * to_paper * line.price))

    def price_differs(
        self, line: LineView, found: Decimal, written: Decimal | None, factor: Decimal, quantity: Decimal, where: str
    ) -> Difference | None:
        """A price per ordered unit that does not fit; equal as written in the paper's own unit is equal."""
        if self.tolerances[line.item].price_fits(line.price, found):
            return None
        if written is not None and factor and shows(line.price * factor, written):
            return None  # the paper's unit makes thirds of our price
        currency = self.orders[line.order_number].currency
        sentence = f"{where}: price {found:f} {currency} per {line.unit}, ordered at {line.price.normalize():f}."
        facts = {"expected": f"{line.price.normalize():f}", "found": f"{found:f}", "line": line.name}
        return Difference("price", line.name, sentence, facts, abs(found - line.price) * quantity, currency)


def ground(
    company: Company,
    trading_partner_id: str,
    order_numbers: Sequence[str],
    numbers: Sequence[ItemNumbers],
    associated: Sequence[str] = (),
) -> Ground:
    """Reads what is known. `associated` may be numbers of orders; others' do not count. Raises MappingMissing when the
    partner is not known."""
    partner = lookup.partner_for(company, trading_partner_id)
    suppliers = lookup.supplier_numbers(partner)
    named = lookup.orders_named(company, [*order_numbers, *associated])
    orders = {
        number: order
        for number, order in named.items()
        if number in order_numbers or order.supplier_number in suppliers
    }
    lines = lookup.lines_of(orders.values())
    known = lookup.known_numbers(partner, numbers)
    items = {line.item for views in lines.values() for line in views}
    return Ground(
        partner=partner,
        orders=orders,
        lines=lines,
        known=known,
        units=lookup.units_for(company, partner, items),
        tolerances=lookup.tolerances_for(partner, items),
        suppliers=suppliers,
    )


def unwanted(partner: TradingPartner, kind: str, what: str) -> Verdict | None:
    """Papers of a kind that is switched off for the partner."""
    return None if partner.wants(kind) else Ignoring(f"{what} of {partner} are switched off.")


def missing_orders(found: Ground, wanted: Iterable[str]) -> Verdict | None:
    """An order of another supplier is asked about at once; one that is not mirrored yet is waited for."""
    for number in wanted:
        order = found.orders.get(number)
        if order is not None and order.supplier_number not in found.suppliers:
            sentence = f"Order {number} belongs to supplier {order.supplier_number}, not to {found.partner}."
            return Asking([Difference("order_unknown", number, sentence, {"order": number})])
    for number in wanted:
        if number not in found.orders:
            instead = Difference("order_unknown", number, f"Order {number} is not in Visma.", {"order": number})
            return Waiting(f"Order {number} is not in Visma yet.", instead)
    return None


def unknown_purpose(kind: str, number: str, purpose: str) -> Verdict | None:
    """A purpose decides whether anything is booked at all: one that nobody knows is asked about (sps.md §9)."""
    known = (*PURPOSES, "04") if kind == "acknowledgment" else PURPOSES
    if purpose in known:
        return None
    sentence = (
        f"{kind.capitalize()} {number} has purpose {purpose}, which is not known here: book it by hand, if at all."
    )
    return Asking([Difference("unsupported", f"{kind} {number}", sentence, {"found": purpose})])


def duplicate(facts: Facts, kind: str, number: str, purpose: str, order_numbers: frozenset[str]) -> Verdict | None:
    """sps.md §4.3: same content is ignored, a declared duplicate too, and what its cancellation has overtaken; same
    number with other content is asked about."""
    same = next((rival for rival in facts.rivals if rival.same_content), None)
    if same:
        return Ignoring(f"The same {kind} {number} came before, as document {same.id}.", duplicate_of=same.id)
    others = [rival for rival in facts.rivals if rival.status != "ignored"]
    if facts.rivals and purpose != "01" and all(rival.purpose == "01" for rival in facts.rivals):
        return Ignoring(f"{kind.capitalize()} {number} was cancelled by document {facts.rivals[0].id} before it came.")
    if purpose == "07" and others:
        first = others[0].id
        return Ignoring(f"Declared a duplicate of {kind} {number}, document {first}.", duplicate_of=first)
    if not others or purpose in ("01", "05"):
        return None
    subject = f"{kind} {number}"
    sentence = f"{kind.capitalize()} number {number} was used before with other content, in document {others[0].id}."
    asked = Difference("number_reused", subject, sentence, {"earlier": others[0].id, "orders": sorted(order_numbers)})
    return None if facts.accepts(asked) else Asking([asked])


def per_unit(net: Decimal, quantity: Decimal) -> Decimal:
    """A price per ordered unit, to six digits."""
    return in_six_digits(net / quantity) if quantity else Decimal(0)
