"""Purchase order to SPS: the order as an RSX file in the mailbox, once per revision (sps.md §3.8, §5)."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from connector.errors import Rejected
from connector.flows.uploads import was_uploaded
from connector.flows.verdict import (
    Asking,
    Clients,
    Delivered,
    Facts,
    Ignoring,
    PaperLine,
    Ready,
    Summary,
    Verdict,
    Work,
    ask,
)
from connector.rsx import order as rsx_order
from connector.rsx.common import Party
from connector.rsx.order import OrderPaper, OrderPaperLine, Purpose, Terms
from connector.visma.schemas import PurchaseOrderDto, PurchaseOrderLineDto
from mapping import lookup
from mapping.matching import Difference, Units, in_six_digits
from mapping.models import Company, ItemNumber, Order, TradingPartner

KIND = "order"
TYPES = {"RegularOrder": "SA", "DropShip": "DS", "": "SA"}


@dataclass(frozen=True)
class ItemNumbers:
    """What else the supplier may know our items by; by our item number."""

    barcodes: Mapping[str, str] = field(default_factory=dict)
    suppliers: Mapping[str, str] = field(default_factory=dict)


def unwrap(tree: dict[str, Any]) -> PurchaseOrderDto:
    """The row as Visma sent it."""
    return PurchaseOrderDto.model_validate(tree)


def describe(paper: PurchaseOrderDto) -> Summary:
    """What the order says of itself."""
    return Summary(
        number=paper.order_nbr,
        trading_partner_id="",
        order_numbers=(paper.order_nbr,),
        date=paper.date,
        amount=paper.order_total,
        currency=paper.currency,
    )


def goes_out(paper: PurchaseOrderDto, also: Sequence[str]) -> bool:
    """Whether an order of this type and status is for the supplier to see: never one on hold (visma.md §9.2)."""
    allowed = paper.order_type in TYPES and not paper.hold and paper.status in ("Open", *also)
    return allowed and bool(_present(paper))


def is_emptied(paper: PurchaseOrderDto) -> bool:
    """Whether every line of an order has been cancelled or taken away: for the supplier it is cancelled."""
    return paper.order_type in TYPES and not paper.hold and not _present(paper)


def neutral_hash(paper: PurchaseOrderDto) -> str:
    """What a revision is recognised by: the canonical outgoing paper in Visma's own words, without purpose and revision.

    Mappings do not enter: a corrected mapping must not send every open order again. Nor do our own write-backs,
    receipts and statuses, none of which stand in the paper (DESIGN.md, revisions).
    """
    unmapped = Units(mapped=tuple((line.uom, line.uom, Decimal(1)) for line in paper.lines))
    whole = _paper(paper, "neutral", "00", "", unmapped, ItemNumbers())
    return rsx_order.paper_hash(whole)


def match(paper: PurchaseOrderDto, company: Company, facts: Facts) -> Verdict:
    """Decides; raises MappingMissing when no partner, or more than one, is the order's."""
    purpose = facts.purpose or "00"
    order = company.orders.select_related("supplier").get(number=paper.order_nbr)
    partner = lookup.route_for(order)
    if not partner.sends_orders:
        return Ignoring(f"Orders to {partner} are switched off.")
    units = lookup.units_for(company, partner, [])
    differences = _unmapped_units(paper, units)
    if facts.answered and purpose != "00":
        verb = "cancelled" if purpose == "01" else "changed"
        sentence = f"Order {order.number} was {verb} in Visma after the supplier had answered it."
        differences.append(Difference("order_changed", order.number, sentence, {}, order.total, order.currency))
    asked = ask(differences, facts)
    lines = _lines(paper, order)
    if asked:
        return Asking(asked, lines)
    numbers = _item_numbers(company, paper)
    outgoing = _paper(paper, partner.trading_partner_id, purpose, partner.vendor_number, units, numbers)
    return Ready(wrap(outgoing), lines)


def wrap(plan: OrderPaper) -> bytes:
    """The file for SPS. Raises Rejected when it cannot be made valid, or its lines could not be answered."""
    if not all(line.line_number for line in plan.lines):
        raise Rejected(
            f"Order {plan.number} cannot be sent: a line has no number, by which the supplier could answer it."
        )
    return rsx_order.write(plan)


def path_of(in_dir: str, number: str, revision: int) -> str:
    """The deterministic path of a revision (sps.md §3.8): other characters are mapped, and a hash keeps paths apart."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", number)
    if safe != number:
        safe = f"{safe}-{hashlib.sha256(number.encode()).hexdigest()[:8]}"
    return f"/{in_dir.lstrip('/')}PO{safe}-{revision}.json"


def find(work: Work, clients: Clients) -> str:
    """Whether the file lies in the mailbox, or was ever uploaded since the attempt began (sps.md §3.8)."""
    path = str(work.progress["path"])
    return path if was_uploaded(path, work, clients) else ""


def deliver(work: Work, clients: Clients, found: str) -> Delivered:
    """One POST."""
    path = str(work.progress["path"])
    if found:
        return Delivered(path, note="found in the mailbox or its history")
    work.must_be_settled(f"{path} is neither in the mailbox nor in its history yet.")
    work.before_call()
    digest = hashlib.sha256(work.output).hexdigest()
    status = clients.sps.post(
        path, work.output, {"po_number": work.progress["number"], "sha256": digest, "message_id": work.key}
    )
    return Delivered(path, note="replaced a file of the same path" if status == 200 else "")


def _paper(
    paper: PurchaseOrderDto, partner_id: str, purpose: str, vendor: str, units: Units, numbers: ItemNumbers
) -> OrderPaper:
    return OrderPaper(
        trading_partner_id=partner_id,
        number=paper.order_nbr,
        purpose=cast(Purpose, purpose),
        kind=TYPES.get(paper.order_type, "SA"),
        date=paper.date,
        currency=paper.currency,
        vendor=vendor or paper.supplier.number,
        terms=_terms(paper),
        requested=_requested(paper),
        addresses=_addresses(paper),
        lines=tuple(_line(line, units, numbers) for line in _present(paper)),
        notes=tuple(note for note in (paper.note,) if note),
    )


def _present(paper: PurchaseOrderDto) -> list[PurchaseOrderLineDto]:
    """The lines that the supplier is asked for: neither cancelled ones nor mere text."""
    return [line for line in paper.lines if not line.canceled and line.line_type != "Description" and line.order_qty]


def _line(line: PurchaseOrderLineDto, units: Units, numbers: ItemNumbers) -> OrderPaperLine:
    unit, factor = units.outgoing(line.uom) or (line.uom, Decimal(1))
    quantity = line.order_qty or Decimal(0)
    price = None  # nothing stated is not free of charge
    if line.unit_cost is not None or line.amount is not None:
        net = lookup.net_price(quantity, line.unit_cost or Decimal(0), line.amount or Decimal(0))
        price = in_six_digits(net / factor)
    return OrderPaperLine(
        line_number="" if line.line_nbr is None else str(line.line_nbr),
        buyer_number=line.inventory.number,
        vendor_number=line.alternate_id or numbers.suppliers.get(line.inventory.number, ""),
        gtin=numbers.barcodes.get(line.inventory.number, ""),
        quantity=in_six_digits(quantity * factor),
        unit=unit,
        price=price,
        price_basis="PE" if unit == "EA" else "UM",
        requested=line.requested,
        description=line.line_description or line.inventory.description,
        note=line.note,
    )


def _terms(paper: PurchaseOrderDto) -> Terms | None:
    """Visma's terms are a code and words; a plain number of days is one too."""
    if not (paper.terms.id or paper.terms.description):
        return None
    days = int(paper.terms.id) if paper.terms.id.isdigit() and int(paper.terms.id) <= 365 else None
    return Terms(net_days=days, description=paper.terms.description or paper.terms.id)


def _requested(paper: PurchaseOrderDto) -> dt.date | None:
    """The wanted date at the header, where all lines want the same one; never `promised` (DESIGN.md)."""
    dates = {line.requested for line in _present(paper)}
    return dates.pop() if len(dates) == 1 else None


def _addresses(paper: PurchaseOrderDto) -> tuple[Party, ...]:
    address, contact = paper.shipping_address, paper.shipping_contact
    code = paper.shipping_location.id or paper.warehouse.id
    name = contact.name or paper.ship_to.name or paper.branch.name
    street = (address.address_line1, address.address_line2, address.address_line3)
    ship_to = Party(
        type="ST",
        qualifier="92" if code else "",
        location=code,
        name=name,
        street=tuple(line for line in street if line),
        city=address.city,
        postal_code=address.postal_code,
        country=address.country.id,
    )
    supplier = Party(type="VN", qualifier="92", location=paper.supplier.number, name=paper.supplier.name)
    wanted = [ship_to] if name or ship_to.street or code else []
    return (*wanted, *([supplier] if paper.supplier.number else []))


def _unmapped_units(paper: PurchaseOrderDto, units: Units) -> list[Difference]:
    missing = dict.fromkeys(line.uom for line in _present(paper) if units.outgoing(line.uom) is None)
    return [
        Difference(
            "unit_unmapped",
            unit or "(none)",
            f"Order {paper.order_nbr}: our unit {unit or '(none)'} is not mapped to an RSX unit.",
            {"unit": unit},
        )
        for unit in missing
    ]


def _item_numbers(company: Company, paper: PurchaseOrderDto) -> ItemNumbers:
    """The GTIN and the supplier's number of each item, where Visma has exactly one that could be it (visma.md §9.6)."""
    units = {line.inventory.number: line.uom for line in paper.lines}
    barcodes: dict[str, set[str]] = {}
    suppliers: dict[str, set[str]] = {}
    rows = ItemNumber.objects.filter(item__company=company, item__number__in=units, kind__in=("Barcode", "VPN"))
    for row in rows.select_related("item"):
        item = row.item.number
        if row.kind == "VPN":
            if row.supplier_number == paper.supplier.number:
                suppliers.setdefault(item, set()).add(row.number)
        elif row.number.isdigit() and 8 <= len(row.number) <= 14 and row.unit in ("", units[item]):
            barcodes.setdefault(item, set()).add(row.number.zfill(14))
    return ItemNumbers(_certain(barcodes), _certain(suppliers))


def _certain(found: dict[str, set[str]]) -> dict[str, str]:
    return {item: numbers.pop() for item, numbers in found.items() if len(numbers) == 1}


def _lines(paper: PurchaseOrderDto, order: Order) -> list[PaperLine]:
    keys = dict(order.lines.values_list("number", "pk"))
    return [
        PaperLine(
            position=position,
            order_number=paper.order_nbr,
            line_number=str(line.line_nbr),
            order_line=keys.get(line.line_nbr or -1),
            item=line.inventory.number,
            unit=line.uom,
            ordered=line.order_qty or Decimal(0),
            price=line.unit_cost,
            amount=line.amount,
            date=line.requested,
        )
        for position, line in enumerate(_present(paper), start=1)
    ]


def partner_of(order: Order) -> TradingPartner | None:
    """The partner an order would go to, if that is certain."""
    try:
        return lookup.route_for(order)
    except lookup.MappingMissing:
        return None
