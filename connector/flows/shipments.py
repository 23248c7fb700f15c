"""Ship notice (856) to purchase receipt on hold: shipped quantities, lots and cartons, no bill of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from connector.flows import receipts
from connector.flows.ground import Ground, duplicate, ground, missing_orders, unknown_purpose, unwanted
from connector.flows.receipts import LotPlan, ReceiptLinePlan, ReceiptPlan
from connector.flows.verdict import (
    ZERO,
    Asking,
    Clients,
    Delivered,
    Facts,
    Ignoring,
    PaperLine,
    Ready,
    Rival,
    Summary,
    Verdict,
    Work,
    ask,
    uncountable,
)
from connector.rsx import shipment
from connector.rsx.order_ack import STATUS_CLASS
from connector.rsx.shipment import ShipLine, Shipment
from mapping.matching import Difference, LineView, in_six_digits
from mapping.models import Company

KIND = "shipment"


class Shipped:
    """What one ship notice says about one order line, summed over its packs."""

    def __init__(self, view: LineView, line_number: str) -> None:
        self.view = view
        self.line_number = line_number
        self.quantity = ZERO
        self.lots: dict[tuple[str, dt.date | None], Decimal | None] = {}

    def add(self, line: ShipLine, factor: Decimal) -> None:
        """One item of the walk; `factor` ordered units are one of the paper's."""
        quantity = (line.quantity or ZERO) * factor
        self.quantity += quantity
        alone = len(line.lots) == 1
        for lot in line.lots:
            part = lot.quantity * factor if lot.quantity is not None else (quantity if alone else None)
            key = (lot.number, lot.expires)
            earlier = self.lots.get(key, ZERO)
            self.lots[key] = None if part is None or earlier is None else earlier + part

    def lot_plans(self) -> tuple[LotPlan, ...]:
        """The lots, where the paper says how much is of which."""
        if any(quantity is None for quantity in self.lots.values()):
            return ()
        return tuple(
            LotPlan(number=number, quantity=in_six_digits(quantity or ZERO), expires=expires)
            for (number, expires), quantity in self.lots.items()
        )


def unwrap(tree: dict[str, Any]) -> Shipment:
    """Raises Unreadable."""
    return shipment.read(tree)


def describe(paper: Shipment) -> Summary:
    """What the paper says of itself; its key is sps.md §4.3's."""
    ship_from = next((party.location or party.name for party in paper.parties if party.type == "SF"), "")
    key = "|".join((paper.trading_partner_id, paper.vendor or ship_from, paper.number)).casefold()
    return Summary(
        number=paper.number,
        trading_partner_id=paper.trading_partner_id,
        order_numbers=tuple(number.strip() for number in paper.order_numbers if number.strip()),
        date=paper.ship_date or paper.notice_date,
        purpose=paper.purpose,
        business_key=key,
    )


def match(paper: Shipment, company: Company, facts: Facts) -> Verdict:
    """Decides; raises MappingMissing when the partner is not mapped."""
    summary = describe(paper)
    found = ground(company, paper.trading_partner_id, summary.order_numbers, [line.numbers for line in paper.lines])
    off = unwanted(found.partner, KIND, "Ship notices")
    again = duplicate(facts, "shipment", paper.number, paper.purpose, frozenset(summary.order_numbers))
    odd = unknown_purpose("shipment", paper.number, paper.purpose)
    early = off or again or odd or _cancellation(paper, found, facts) or missing_orders(found, summary.order_numbers)
    if early:
        return early
    if found.partner.acknowledgment == found.partner.Acknowledgment.RECEIPT:
        return Ignoring(f"Receipts of {found.partner} are made from acknowledgments.", _lines(_sum(paper, found)[0]))
    shipped, differences = _sum(paper, found)
    differences += [*_mixed(paper, found), *uncountable((line.view.key for line in shipped), facts)]
    differences += _over_shipped(shipped, found, facts)
    replaced = _replaced(paper, facts)
    asked = ask([*differences, *replaced[1]], facts)
    lines = _lines(shipped)
    if asked:
        return Asking(asked, lines)
    if not any(line.quantity for line in shipped):
        return Asking([Difference("quantity", paper.number, f"Ship notice {paper.number} ships nothing.")], lines)
    return Ready(wrap(_plan(paper, found, shipped, facts, replaced[0])), lines)


def wrap(plan: ReceiptPlan) -> bytes:
    """The plan as kept and shown."""
    return plan.model_dump_json(exclude_defaults=True).encode()


def find(work: Work, clients: Clients) -> str:
    """The number of the receipt that an earlier attempt made; empty when there is none."""
    return receipts.find(_of(work), clients.visma, work)


def deliver(work: Work, clients: Clients, found: str) -> Delivered:
    """Makes the receipt, or what is left of it."""
    return receipts.deliver(_of(work), clients.visma, work, found)


def _of(work: Work) -> ReceiptPlan:
    return ReceiptPlan.model_validate_json(work.output)


def _cancellation(paper: Shipment, found: Ground, facts: Facts) -> Verdict | None:
    """A cancellation of what never reached Visma needs nobody; one of a receipt that stands there is asked about."""
    if paper.purpose != "01":
        return None
    booked = _standing(facts)
    if booked is None:
        return Ignoring(f"Cancels ship notice {paper.number}, which is not in Visma.", instead_of=True)
    asked = ask([_cancels(paper, booked.output_ref)], facts)
    return Asking(asked) if asked else Ready(wrap(_undoing(paper, found, booked.output_ref, facts)))


def _standing(facts: Facts) -> Rival | None:
    """The paper of this number whose receipt stands in Visma: the latest booked one, unless that was a cancellation."""
    booked = [rival for rival in facts.rivals if rival.output_ref and rival.status != "ignored"]
    return booked[-1] if booked and booked[-1].purpose != "01" else None


def _undoing(paper: Shipment, found: Ground, receipt: str, facts: Facts) -> ReceiptPlan:
    """A plan that only cancels."""
    supplier = next((order.supplier_number for order in found.orders.values()), "")
    date = paper.ship_date or facts.today
    return ReceiptPlan(key=facts.key, supplier=supplier, reference=paper.number, date=date, cancels=receipt, lines=())


def _mixed(paper: Shipment, found: Ground) -> list[Difference]:
    """A receipt has one supplier, one branch and one currency."""
    if len({(order.supplier_number, order.branch, order.currency) for order in found.orders.values()}) < 2:
        return []
    orders = ", ".join(sorted(found.orders))
    sentence = f"Ship notice {paper.number} mixes orders of different suppliers, branches or currencies: {orders}."
    return [Difference("line_conflict", paper.number, sentence)]


def _cancels(paper: Shipment, receipt: str) -> Difference:
    verb = "cancels" if paper.purpose == "01" else "replaces"
    sentence = f"Ship notice {paper.number} {verb} the one behind receipt {receipt}."
    return Difference("cancelled", f"receipt {receipt}", sentence, {"receipt": receipt})


def _replaced(paper: Shipment, facts: Facts) -> tuple[str, list[Difference]]:
    """The receipt that a replacement cancels first, and the question whether it may."""
    if paper.purpose != "05":
        return "", []
    booked = _standing(facts)
    return (booked.output_ref, [_cancels(paper, booked.output_ref)]) if booked else ("", [])


def _sum(paper: Shipment, found: Ground) -> tuple[list[Shipped], list[Difference]]:
    """The paper's lines summed per order line (sps.md §7.1), and what hinders."""
    shipped: dict[int, Shipped] = {}
    differences: list[Difference] = []
    for line in paper.lines:
        where = f"Ship notice {paper.number}, item {line.position}"
        fault = _add(line, found, shipped, where)
        if fault:
            differences.append(fault)
    return list(shipped.values()), differences


def _add(line: ShipLine, found: Ground, shipped: dict[int, Shipped], where: str) -> Difference | None:
    if line.order_number.strip() not in found.lines:
        return Difference("order_unknown", "(no order number)", f"{where} names no order.")
    view = found.line(line.order_number.strip(), line.line_number, line.numbers, where)
    if isinstance(view, Difference):
        return view
    if line.status == "IS":
        return Difference("substitution", view.name, f"{where}: the supplier ships a substitute.", {"line": view.name})
    if line.quantity is None or line.quantity < 0:
        return Difference("quantity", view.name, f"{where}: the shipped quantity is missing or below zero.")
    if line.quantity and STATUS_CLASS.get(line.status) in ("rejected", "cancelled"):
        sentence = f"{where}: status {line.status} says that it is not delivered, and {line.quantity:f} are shipped. "
        sentence += "If that is accepted, they are not received."
        return Difference("quantity", view.name, sentence, {"found": f"{line.quantity:f}", "line": view.name})
    factor = found.factor(line.unit, view, where)
    if isinstance(factor, Difference):
        return factor
    shipped.setdefault(view.key, Shipped(view, line.line_number)).add(line, factor)
    return None


def _over_shipped(shipped: Sequence[Shipped], found: Ground, facts: Facts) -> list[Difference]:
    """Across all ship notices and receipts of the order line (DESIGN.md); what is cancelled takes nothing more."""
    differences = []
    for line in shipped:
        view = line.view
        before = facts.shipped(view.key)
        most = ZERO if view.cancelled else found.tolerances[view.item].most(view.quantity)
        total = in_six_digits(before + line.quantity)
        if total > most:
            over = total - view.quantity
            sentence = (
                f"{view.name}: {total:f} {view.unit} shipped in all, {view.quantity.normalize():f} ordered"
                f"{' and cancelled' if view.cancelled else ''}."
            )
            facts_ = {"expected": f"{view.quantity.normalize():f}", "found": f"{total:f}", "line": view.name}
            currency = found.orders[view.order_number].currency
            differences.append(Difference("over_shipped", view.name, sentence, facts_, over * view.price, currency))
    return differences


def _lines(shipped: Sequence[Shipped]) -> list[PaperLine]:
    return [
        PaperLine(
            position=position,
            order_number=line.view.order_number,
            line_number=line.line_number or str(line.view.number),
            order_line=line.view.key,
            item=line.view.item,
            unit=line.view.unit,
            ordered=line.view.quantity,
            shipped=in_six_digits(line.quantity),
            text=", ".join(number for number, _ in line.lots)[:255],
        )
        for position, line in enumerate(shipped, start=1)
    ]


def _plan(paper: Shipment, found: Ground, shipped: Sequence[Shipped], facts: Facts, cancels: str) -> ReceiptPlan:
    orders = [found.orders[number] for number in dict.fromkeys(line.view.order_number for line in shipped)]
    return ReceiptPlan(
        key=facts.key,
        supplier=orders[0].supplier_number,
        reference=paper.number,
        date=paper.ship_date or facts.today,
        branch=orders[0].branch,
        note=_note(paper),
        release=found.partner.release_receipts,
        cancels=cancels,
        lines=tuple(
            ReceiptLinePlan(
                order_number=line.view.order_number,
                line_number=line.view.number,
                item=line.view.item,
                quantity=in_six_digits(line.quantity),
                unit=line.view.unit,
                completes=facts.shipped(line.view.key) + line.quantity >= line.view.quantity,
                lots=line.lot_plans(),
            )
            for line in shipped
            if line.quantity
        ),
    )


def _note(paper: Shipment) -> str:
    """What the warehouse wants to know: carrier, papers, cartons and their numbers."""
    said = [
        ("Carrier", paper.carrier),
        ("tracking", paper.carrier_pro),
        ("bill of lading", paper.bill_of_lading),
        ("expected", paper.expected.isoformat() if paper.expected else ""),
        ("cartons", str(paper.cartons) if paper.cartons else ""),
        ("pallets", str(paper.pallets) if paper.pallets else ""),
        ("packages", " ".join(paper.packages)),
    ]
    return ", ".join(f"{name} {value}" for name, value in said if value)[:2000]
