"""Acknowledgment (855) to promised dates on the order's lines, and where the partner wants it a draft receipt (sps.md §6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.flows import drafts, receipts
from connector.flows.ground import Ground, duplicate, ground, missing_orders, unknown_purpose, unwanted
from connector.flows.hearing import REJECTS, Answer, heard, location_of
from connector.flows.receipts import ReceiptPlan
from connector.flows.verdict import (
    ZERO,
    Asking,
    Clients,
    Delivered,
    Facts,
    Ignoring,
    PaperLine,
    Plan,
    Ready,
    Summary,
    Verdict,
    Work,
    ask,
    uncountable,
)
from connector.rsx import order_ack
from connector.rsx.order_ack import STATUS_CLASS, OrderAck
from connector.visma.bodies import PurchaseOrderLineUpdate, PurchaseOrderUpdate
from connector.visma.schemas import PurchaseOrderLineDto
from mapping.matching import Difference
from mapping.models import Company

KIND = "order_ack"
FINEST = Decimal("0.0001")  # of a custom field (visma.md §9.2)
TYPES = ("", "AD", "AK", "AC", "AE", "AH", "AP", "RJ", "RD", "RF", "RO")


class LinePlan(Plan):
    line_number: int
    promised: dt.date | None = None
    confirmed: Decimal | None = None
    text: str = ""


class AckPlan(Plan):
    """What changes on the order; `etag` is that of the order which was matched (visma.md §5)."""

    order_number: str
    etag: str
    lines: tuple[LinePlan, ...] = ()
    receipt: ReceiptPlan | None = None


def unwrap(tree: dict[str, Any]) -> OrderAck:
    """Raises Unreadable."""
    return order_ack.read(tree)


def describe(paper: OrderAck) -> Summary:
    """What the paper says of itself; without number and time its key is incomplete (sps.md §4.3)."""
    stamp = paper.number or (f"{paper.date.isoformat()}T{paper.time}" if paper.date and paper.time else "")
    key = "|".join((paper.trading_partner_id, paper.vendor, paper.order_number, stamp)).casefold() if stamp else ""
    return Summary(
        number=paper.number or paper.order_number,
        trading_partner_id=paper.trading_partner_id,
        order_numbers=(paper.order_number.strip(),),
        date=paper.date,
        purpose=paper.purpose,
        currency=paper.currency,
        business_key=key,
    )


def match(paper: OrderAck, company: Company, facts: Facts) -> Verdict:
    """Decides; raises MappingMissing when the partner is not mapped."""
    number = paper.order_number.strip()
    found = ground(company, paper.trading_partner_id, [number], [line.numbers for line in paper.lines])
    off = unwanted(found.partner, KIND, "Acknowledgments")
    again = duplicate(facts, "acknowledgment", paper.number or number, paper.purpose, frozenset({number}))
    odd = unknown_purpose("acknowledgment", paper.number or number, paper.purpose)
    early = off or again or odd or missing_orders(found, [number])
    if early:
        return early
    location = location_of(paper)
    answers, differences = heard(paper, found, number, facts)
    current = [line for line in answers if not facts.overridden(line.view.key, location, paper.date)]
    if answers and not current and not differences:
        reason = f"Newer acknowledgments of order {number} speak about all its lines."
        return Ignoring(reason, _lines(answers, location, {}))
    differences = [*_header(paper, found, number), *differences, *_judge(current, found, facts, location)]
    if drafts.wanted(found):
        differences += uncountable((answer.view.key for answer in current), facts)
    plan = _plan(paper, found, current, facts, location)
    drafted = {line.line_number: line.quantity for line in plan.receipt.lines} if plan.receipt else {}
    asked = ask(differences, facts)
    if asked:
        return Asking(asked, _lines(answers, location, {}))
    return Ready(wrap(plan), _lines(answers, location, drafted))


def wrap(plan: AckPlan) -> bytes:
    """The plan as kept and shown."""
    return plan.model_dump_json(exclude_defaults=True).encode()


def find(work: Work, clients: Clients) -> str:
    """Whether the order shows dates and quantities, and for a draft receipt, which one was made."""
    plan = _of(work)
    if plan.receipt:
        return receipts.find(plan.receipt, clients.visma, work)
    return plan.order_number if not plan.lines or not _missing(plan, clients) else ""


def deliver(work: Work, clients: Clients, found: str) -> Delivered:
    """One PUT with If-Match: when the order changed meanwhile Stale is raised, and a repeat cannot do harm."""
    plan = _of(work)
    if plan.lines and not work.progress.get("promised") and not (found and plan.receipt is None):
        work.before_call()
        etag = plan.etag or clients.visma.order(plan.order_number)[1]
        clients.visma.update_order(plan.order_number, _body(plan), etag)
        work.remember(promised=True)
    if plan.receipt is None:
        return Delivered(plan.order_number)
    return receipts.deliver(plan.receipt, clients.visma, work, found)


def _of(work: Work) -> AckPlan:
    return AckPlan.model_validate_json(work.output)


def _missing(plan: AckPlan, clients: Clients) -> bool:
    lines = {line.line_nbr: line for line in clients.visma.order(plan.order_number)[0].dto.lines}
    return not all(_shows(lines.get(line.line_number), line) for line in plan.lines)


def _shows(there: PurchaseOrderLineDto | None, line: LinePlan) -> bool:
    """Fields that do not come back show nothing: then it is written once more, which does no harm."""
    if there is None or (line.promised and there.promised != line.promised):
        return False
    shown = there.custom_dec1
    return line.confirmed is None or (shown is not None and abs(shown - line.confirmed) < FINEST)


def _body(plan: AckPlan) -> PurchaseOrderUpdate:
    return PurchaseOrderUpdate(
        lines=[
            PurchaseOrderLineUpdate(
                line_number=line.line_number,
                promised=line.promised,
                custom_dec1=line.confirmed,
                custom_str1=line.text or None,
            )
            for line in plan.lines
        ]
    )


def _header(paper: OrderAck, found: Ground, number: str) -> list[Difference]:
    """What the type of the acknowledgment alone says."""
    order = found.orders[number]
    stake = (order.total, order.currency)
    if paper.purpose == "01":
        sentence = f"The supplier takes back an acknowledgment of order {number}."
        return [Difference("order_rejected", number, sentence, {}, *stake)]
    if paper.type not in TYPES or not (paper.type or paper.lines):
        said = f"is of type {paper.type}, which is not known" if paper.type else "says nothing: neither type nor lines"
        return [Difference("quantity", number, f"The acknowledgment of order {number} {said}.", {}, *stake)]
    if paper.type in REJECTS:
        return [Difference("order_rejected", number, f"The supplier {REJECTS[paper.type]} order {number}.", {}, *stake)]
    if paper.type == "RO":
        sentence = f"The supplier rejects order {number} with a counter-offer."
        return [Difference("order_rejected", number, sentence, {}, *stake)]
    if paper.type == "AH":
        sentence = f"The supplier has put order {number} on hold; another acknowledgment normally follows."
        return [Difference("order_on_hold", number, sentence, {}, *stake)]
    if paper.currency and order.currency and paper.currency != order.currency:
        sentence = f"Order {number} is in {order.currency}, the acknowledgment in {paper.currency}."
        return [Difference("currency", number, sentence, {"expected": order.currency, "found": paper.currency}, *stake)]
    return []


def _judge(answers: Sequence[Answer], found: Ground, facts: Facts, location: str) -> list[Difference]:
    """What needs a person in the answers themselves."""
    differences = []
    for answer in answers:
        elsewhere = facts.acknowledged_elsewhere(answer.view.key, location)
        differences += [*_statuses(answer, found), *_quantities(answer, found, elsewhere), *_dates(answer, found)]
        differences += _deletions(answer, found, facts)
    return differences


def _statuses(answer: Answer, found: Ground) -> list[Difference]:
    view, name = answer.view, answer.view.name
    stake = (view.quantity * view.price, found.orders[view.order_number].currency)
    asked = {
        "IS": (
            "substitution",
            f"{name}: the supplier offers a substitute{answer.substitute and ': ' + answer.substitute}.",
        ),
        "UM": ("quantity", f"{name}: the supplier changes the unit."),
        "IE": ("price", f"{name}: the supplier's price is still open."),
        "SP": ("date", f"{name}: the supplier's date is still open."),
    }
    differences = [
        Difference(asked[status][0], name, asked[status][1], {"found": status, "line": name}, *stake)
        for status in answer.statuses
        if status in asked
    ]
    if "IP" in answer.statuses and answer.price is None:
        sentence = f"{name}: the supplier changes the price and does not say to what."
        differences.append(Difference("price", name, sentence, {"line": name}, *stake))
    if answer.rejected and any(STATUS_CLASS.get(status) == "rejected" for status in answer.statuses):
        sentence = f"{name}: the supplier rejects {answer.rejected.normalize():f} {view.unit}."
        money = answer.rejected * view.price
        differences.append(Difference("order_rejected", name, sentence, {"line": name}, money, stake[1]))
    return differences


def _quantities(answer: Answer, found: Ground, elsewhere: Decimal) -> list[Difference]:
    """More than was ordered, over all locations, is asked about; less leaves the rest unconfirmed (sps.md §6)."""
    view = answer.view
    said = answer.confirmed + answer.backordered + answer.rejected + elsewhere
    promised = answer.confirmed + answer.backordered
    if said <= found.tolerances[view.item].most(view.quantity) and not (view.cancelled and promised):
        return []
    cancelled = " and cancelled since" if view.cancelled else ""
    sentence = (
        f"{view.name}: {said.normalize():f} {view.unit} acknowledged, {view.quantity.normalize():f} ordered{cancelled}."
    )
    facts = {"expected": f"{view.quantity.normalize():f}", "found": f"{said.normalize():f}", "line": view.name}
    money = (said - view.quantity) * view.price
    return [Difference("quantity", view.name, sentence, facts, money, found.orders[view.order_number].currency)]


def _deletions(answer: Answer, found: Ground, facts: Facts) -> list[Difference]:
    """ID says that a deletion which we asked for is done (sps.md §6); without one, the supplier will not send the goods."""
    view = answer.view
    if not answer.deleted or view.cancelled or facts.has_changed(view.order_number):
        return []
    sentence = (
        f"{view.name}: the supplier has deleted {answer.deleted.normalize():f} {view.unit}, which nobody asked for."
    )
    money = answer.deleted * view.price
    currency = found.orders[view.order_number].currency
    return [Difference("order_rejected", view.name, sentence, {"line": view.name}, money, currency)]


def _dates(answer: Answer, found: Ground) -> list[Difference]:
    view, promised = answer.view, answer.promised
    if promised is None or found.tolerances[view.item].date_fits(view.requested, promised):
        return []
    sentence = f"{view.name}: promised for {promised}, wanted on {view.requested}."
    facts = {"expected": str(view.requested), "found": str(promised), "line": view.name}
    return [Difference("date", view.name, sentence, facts)]


def _lines(answers: Sequence[Answer], location: str, drafted: Mapping[int, Decimal]) -> list[PaperLine]:
    """`drafted` is what goes onto a draft receipt, by order line: shipped, as far as other papers are concerned."""
    return [
        PaperLine(
            position=position,
            order_number=answer.view.order_number,
            line_number=answer.line_number or str(answer.view.number),
            order_line=answer.view.key,
            item=answer.view.item,
            unit=answer.view.unit,
            location=location,
            ordered=answer.view.quantity,
            confirmed=answer.confirmed,
            backordered=answer.backordered,
            rejected=answer.rejected + answer.deleted,
            shipped=drafted.get(answer.view.number, ZERO),
            price=answer.price,
            date=answer.promised,
            text=" ".join(answer.statuses),
        )
        for position, answer in enumerate(answers, start=1)
    ]


def _plan(paper: OrderAck, found: Ground, answers: Sequence[Answer], facts: Facts, location: str) -> AckPlan:
    order = found.orders[paper.order_number.strip()]
    writes = found.partner.company.confirmed_quantity_fields
    lines = []
    for answer in answers:
        dates = [answer.promised, facts.promised_elsewhere(answer.view.key, location)] if answer.promised else []
        promised = max((date for date in dates if date), default=None)
        changed = promised if promised != answer.view.promised and not answer.view.completed else None
        if changed or (writes and not answer.view.completed):
            text = f"855 {paper.number or paper.date or ''} {' '.join(answer.statuses)}".strip()[:100]
            lines.append(
                LinePlan(
                    line_number=answer.view.number,
                    promised=changed,
                    confirmed=answer.confirmed if writes else None,
                    text=text if writes else "",
                )
            )
    return AckPlan(
        order_number=order.number,
        etag=order.etag,
        lines=tuple(lines),
        receipt=drafts.receipt(paper, found, answers, facts),
    )
