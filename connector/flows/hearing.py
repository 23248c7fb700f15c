"""What an acknowledgment says about each order line: quantities by class, dates, price (sps.md §6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.flows.ground import Ground
from connector.flows.verdict import (
    ZERO,
    Facts,
)
from connector.rsx.common import PaperDate
from connector.rsx.order_ack import STATUS_CLASS, AckEntry, AckLine, OrderAck
from mapping.matching import Difference, LineView, in_six_digits

REJECTS = {"RJ": "rejects", "RD": "rejects, with details,", "RF": "rejects, with exceptions,"}
DELIVERY_DATES = ("067", "017", "069")
SHIP_DATES = ("068", "079")
ECHOES = ("002", "010")  # what we had asked for, repeated
OTHER_DATES = ("001", "050", "118", "405", "510", "511", "BBD")  # last day, receipt, pick-up, production, shelf life
PROMISING = ("confirmed", "changed", "approval", "backordered")
ALL_LINES = ("AD", "AK", "AE", "AH")  # what is not listed is answered as well


@dataclass
class Answer:
    """What the acknowledgment says about one order line, in ordered units."""

    view: LineView
    line_number: str
    confirmed: Decimal = ZERO
    backordered: Decimal = ZERO
    rejected: Decimal = ZERO
    deleted: Decimal = ZERO
    price: Decimal | None = None
    dates: list[dt.date] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    substitute: str = ""
    """The number of what is offered instead, where the paper names it."""

    @property
    def promised(self) -> dt.date | None:
        """Of several dates the latest confirmed or backordered one."""
        return max(self.dates, default=None)


def heard(paper: OrderAck, found: Ground, number: str, facts: Facts) -> tuple[list[Answer], list[Difference]]:
    """Each order line that is spoken about; what is not listed counts as accepted only where sps.md §6 says so."""
    answers: dict[int, Answer] = {}
    differences: list[Difference] = []
    for line in paper.lines:
        where = f"Acknowledgment of {number}, line {line.line_number or line.position}"
        view = found.line(number, line.line_number, line.numbers, where)
        if isinstance(view, Difference):
            differences.append(view)
            continue
        answer = answers.setdefault(view.key, Answer(view, line.line_number))
        if paper.type != "AH":  # on hold: whatever it lists stays open
            differences += _hear(paper, line, answer, found, where)
    if paper.type in ALL_LINES or (not paper.lines and (paper.type in REJECTS or paper.type == "RO")):
        for view in found.lines[number]:
            if view.key not in answers and not view.cancelled:
                elsewhere = facts.acknowledged_elsewhere(view.key, location_of(paper))
                answers[view.key] = _whole(view, paper, max(view.quantity - elsewhere, ZERO))
    return list(answers.values()), differences


def _whole(view: LineView, paper: OrderAck, quantity: Decimal) -> Answer:
    """A line that the type of the acknowledgment answers, as far as no other location has."""
    if paper.type in ("AH", "RF", "RO"):  # about the line, and nobody knows what
        return Answer(view, str(view.number))
    if paper.type in REJECTS:
        return Answer(view, str(view.number), rejected=quantity)
    date = _stated(paper.dates) or (None if view.promised or _is_unread(paper.dates) else view.requested)
    return Answer(view, str(view.number), confirmed=quantity, dates=[date] if date else [])


def _hear(paper: OrderAck, line: AckLine, answer: Answer, found: Ground, where: str) -> list[Difference]:
    entries = line.entries or (AckEntry(status="IR" if paper.type in REJECTS else "IA"),)
    differences = []
    for entry in entries:
        fault = _entry(paper, line, entry, answer, found, where, alone=len(entries) == 1)
        if fault:
            differences.append(fault)
    return differences + _price(line, answer, found, where)


def _entry(
    paper: OrderAck, line: AckLine, entry: AckEntry, answer: Answer, found: Ground, where: str, *, alone: bool
) -> Difference | None:
    """One status of one line: its quantity to its class, its date to the promises."""
    view = answer.view
    status = STATUS_CLASS.get(entry.status)
    if status is None:
        sentence = f"{where}: status {entry.status or '(none)'} is not known."
        return Difference("quantity", view.name, sentence, {"found": entry.status})
    factor = found.factor(entry.unit or line.unit, view, where)
    if isinstance(factor, Difference):
        return factor
    quantity = _quantity(line, entry, view, factor, alone=alone)
    if quantity is None:
        sentence = f"{where}: the supplier changes the quantity and does not say to what."
        return Difference("quantity", view.name, sentence, {"found": entry.status, "line": view.name})
    if quantity < 0:
        sentence = f"{where}: a quantity of {quantity:f} {view.unit} is less than nothing."
        return Difference("quantity", view.name, sentence, {"found": f"{quantity:f}", "line": view.name})
    answer.statuses.append(entry.status)
    answer.substitute = answer.substitute or (entry.numbers.named if entry.status == "IS" else "")
    if status in ("confirmed", "changed", "approval"):
        answer.confirmed += quantity
    elif status == "backordered":
        answer.backordered += quantity
    elif status == "rejected":
        answer.rejected += quantity
    elif status == "cancelled":
        answer.deleted += quantity
    date = _entry_date(entry, status, view) or _stated(line.dates) or _stated(paper.dates)
    unread = entry.date_is_unread or _is_unread(line.dates) or _is_unread(paper.dates)
    if date is None and not unread and not view.promised and status == "confirmed":
        date = view.requested  # accepted as ordered, date included
    if status in PROMISING and date:
        answer.dates.append(date)
    return None


def _quantity(line: AckLine, entry: AckEntry, view: LineView, factor: Decimal, *, alone: bool) -> Decimal | None:
    """In ordered units. Without a quantity an entry that stands alone covers the whole line: as the supplier now sees it
    (OrderQty is the most recent quantity, sps.md §6), else as ordered. None for a change that does not say to what."""
    if entry.quantity is not None:
        return in_six_digits(entry.quantity * factor)
    if not alone:
        return ZERO
    if line.quantity is not None and STATUS_CLASS[entry.status] in PROMISING:
        return in_six_digits(line.quantity * factor)
    return None if entry.status == "IQ" else view.quantity


def _entry_date(entry: AckEntry, status: str, view: LineView) -> dt.date | None:
    """An echo promises nothing but what was wanted, where the line is accepted (sps.md §6); DR itself says the new date."""
    if entry.date_kind not in (*ECHOES, *OTHER_DATES) or entry.status == "DR":
        return entry.date
    if entry.date_kind in OTHER_DATES:
        return None
    accepted = status in ("confirmed", "changed") and entry.date == view.requested
    return entry.date if accepted else None


def _stated(dates: Sequence[PaperDate]) -> dt.date | None:
    """The date that is promised: a delivery date before a ship date; an echo of our wish is none (sps.md §6)."""
    for kinds in (DELIVERY_DATES, SHIP_DATES):
        found = [date.date for date in dates if date.qualifier in kinds and date.date]
        if found:
            return max(found)
    return None


def _is_unread(dates: Sequence[PaperDate]) -> bool:
    """Whether a promised date is stated that nobody can read: then it is not known to be the wanted one."""
    return any(date.raw and not date.date for date in dates if date.qualifier in (*DELIVERY_DATES, *SHIP_DATES))


def _price(line: AckLine, answer: Answer, found: Ground, where: str) -> list[Difference]:
    """A changed price is a price change, with or without a status that says so."""
    entry = next((entry for entry in line.entries if entry.price is not None), None)
    price, basis = (entry.price, entry.price_basis) if entry else (line.price, line.price_basis)
    unit = (entry.unit if entry else "") or line.unit
    factor = found.factor(unit, answer.view, where)
    if price is None or isinstance(factor, Difference):
        return []
    net = found.net(answer.view, Decimal(1), unit, price, basis or line.price_basis, where)
    if isinstance(net, Difference):
        return [net]
    answer.price = in_six_digits(net / factor)
    differs = found.price_differs(answer.view, answer.price, price, factor, answer.view.quantity, where)
    return [differs] if differs else []


def location_of(paper: OrderAck) -> str:
    """Which place an acknowledgment per location is about (sps.md §6); the final store before the ship-to."""
    for kind in ("Z7", "ST"):
        for party in paper.parties:
            if party.type == kind and party.location:
                return party.location
    return ""
