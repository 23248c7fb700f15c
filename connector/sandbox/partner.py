"""Suppliers behind SPS, and the warehouse in Visma: they take orders and answer with papers, some wrong in a stated way.

`expected` says for every paper where it must end; that is the answer key of demo and tests.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from connector.sandbox.mistakes import MISTAKES, Expected
from connector.sandbox.outbox import Outbox, fact
from connector.sandbox.papers import (
    FORMS,
    Answer,
    Line,
    Money,
    OrderSeen,
    Packing,
    Unacceptable,
    invoice,
    order_ack,
    read_order,
    shipment,
)
from connector.sandbox.sps import SandboxSps
from connector.sandbox.story import Due, Offers, Story, as_state, begin, in_order_units, offered, wrong_lines
from connector.sandbox.visma import SandboxVisma
from connector.sandbox.warehouse import release_what_agrees
from connector.sandbox.wire import Json

_FREIGHT_STEP = 25  # in the order's currency


@dataclass(frozen=True)
class _Bill:
    """An invoice as it should be."""

    number: str
    money: Money
    paper: Json


@dataclass(frozen=True)
class _Twin:
    """A paper that bears the number of another one."""

    number: str
    paper: Json
    fact: Expected


class Partner:
    """All suppliers of the sandbox; one `tick` lets each story go one step on."""

    def __init__(self, sps: SandboxSps, visma: SandboxVisma, seed: int = 0, mismatch_rate: float = 0.1) -> None:
        self.sps = sps
        self.visma = visma
        self.seed = seed
        self.mismatch_rate = mismatch_rate
        self.outbox = Outbox(sps, seed)
        self.planned: dict[str, str] = {}  # order number -> mistake, instead of chance ("" = none)
        self.received: dict[str, Counter[str]] = {}  # order number -> purpose -> how often
        self.refused: list[tuple[str, str]] = []  # path and what a supplier lacks in it
        self.promised: dict[tuple[str, int], str] = {}  # what confirmed lines must say in Visma
        self.shipped: dict[str, dict[tuple[str, int], Decimal]] = {}  # shipment -> (order, line) -> quantity
        self._stories: dict[str, Story] = {}
        self._due: list[Due] = []
        self._twins: list[_Twin] = []
        self._offers: Offers = partial(offered, visma.books)
        self._lock = threading.RLock()

    def tick(self) -> int:
        """Take orders, write one more paper for each story; how many papers were written."""
        with self._lock:
            before = len(self.outbox.expected)
            self._send_twins()
            self._write_due_invoices()
            self._ship([s for s in self._stories.values() if s.step == "acknowledged"])
            self._take_orders()
            for story in [s for s in self._stories.values() if s.step == "new"]:
                self._acknowledge(story)
            return len(self.outbox.expected) - before

    @property
    def expected(self) -> list[Expected]:
        """Where every paper so far must end."""
        with self._lock:
            return list(self.outbox.expected)

    def idle(self) -> bool:
        """Whether every story is told."""
        with self._lock:
            return not self._due and not self._twins and all(story.step == "done" for story in self._stories.values())

    def state(self) -> list[Json]:
        """Every story, for a control page."""
        with self._lock:
            return [as_state(story) for story in self._stories.values()]

    # -- orders in

    def _take_orders(self) -> None:
        for taken in self.sps.pick_up():
            try:
                self._receive(read_order(taken.content))
            except Unacceptable as why:
                self.refused.append((taken.path, str(why)))

    def _receive(self, order: OrderSeen) -> None:
        purposes = self.received.setdefault(order.number, Counter())
        purposes[order.purpose] += 1
        story = self._stories.get(order.number)
        if order.purpose == "01":
            self._stories[order.number] = Story(order, "", self._chance(order.number), step="done")
        elif story is None or (order.purpose == "05" and story.shipments == 0):
            self._stories[order.number] = begin(order, self.seed, self._mistake_of(order.number), self._offers)

    def _chance(self, subject: str) -> random.Random:
        return random.Random(f"partner:{self.seed}:{subject}")  # noqa: S311 - a simulation, nothing secret

    def _mistake_of(self, number: str) -> str:
        if number in self.planned:
            return self.planned[number]
        chance = self._chance(number)
        return chance.choice(sorted(MISTAKES)) if chance.random() < self.mismatch_rate else ""

    def _today(self, plus: int = 0) -> str:
        today: date = self.sps.shelf.clock().date()
        return (today + timedelta(days=plus)).isoformat()

    # -- acknowledgments

    def _acknowledge(self, story: Story) -> None:
        order, mistake = story.order, story.mistake if story.wrong_in("order_ack") else ""
        kind, answers = self._answers(story, mistake)
        paper = order_ack(order, kind, self._today(), answers)
        self.outbox.send("order_ack", [paper], [fact("order_ack", "", [order], mistake)], story.chance.choice(FORMS))
        if not mistake:
            for line, entries in answers:
                self.promised[order.number, int(line.number)] = max(entry.date for entry in entries)
        ends = mistake != "" and MISTAKES[mistake].ends_the_story
        story.step = "done" if ends else "acknowledged"

    def _answers(self, story: Story, mistake: str) -> tuple[str, list[tuple[Line, list[Answer]]]]:
        """Type of the acknowledgment and what it says of each line."""
        lines = story.order.lines
        if mistake in ("ack_rejected", "ack_on_hold"):
            return ("RJ" if mistake == "ack_rejected" else "AH"), []
        if mistake == "ack_price":
            lines = wrong_lines(story, lines)
        first = {"ack_price": "IP", "ack_substitute": "IS"}.get(mistake, "")
        soon, later = self._today(story.chance.randint(3, 9)), self._today(story.chance.randint(10, 20))
        answers = [(line, [Answer("IA", line.quantity, soon)]) for line in lines]
        if first:
            answers[0] = (lines[0], [Answer(first, lines[0].quantity, soon)])
        elif mistake == "ack_too_much":
            answers[0] = (lines[0], [Answer("IA", lines[0].quantity + 3, soon)])
        elif len(story.parts) > 1:
            half = lines[0].quantity // 2
            split = [Answer("IQ", half, soon), Answer("IB", lines[0].quantity - half, later)]
            answers[0] = (lines[0], split)
        changed = first or mistake or len(story.parts) > 1
        return ("AC" if changed else "AD"), answers

    # -- shipments

    def _ship(self, stories: list[Story]) -> None:
        """Each story ships its next part; what is right may travel together with others to the same buyer."""
        together: dict[str, list[Story]] = {}
        for story in stories:
            if story.wrong_in("shipment"):
                self._ship_wrong(story)
            elif story.chance.random() < 0.3:
                together.setdefault(story.order.partner, []).append(story)
            else:
                self._ship_right([story])
        for group in together.values():
            self._ship_right(group)

    def _number_of(self, story: Story) -> str:
        story.shipments += 1
        return f"SHP-{story.order.number}-{story.shipments}"

    def _packing(self, story: Story) -> Packing:
        tree = story.chance.choice(("items", "cartons", "cartons", "pallets"))
        return Packing(tree, self.outbox.next_number() * 10_000)

    def _with_lots(self, number: str, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        items = self.visma.books.items
        tracked = {key for key, row in items.items() if row.body.get("lotSerialClass")}
        return tuple(replace(line, lot=f"LOT-{number}") if line.buyer in tracked else line for line in lines)

    def _ship_right(self, stories: list[Story]) -> None:
        first = stories[0]
        number = self._number_of(first)
        loads = [(story, self._with_lots(number, story.parts.pop(0))) for story in stories]
        paper = shipment([(s.order, lines) for s, lines in loads], number, self._today(), self._packing(first))
        right = fact("shipment", number, [story.order for story in stories])
        self.outbox.send("shipment", [paper], [right], first.chance.choice(FORMS))
        self.shipped[number] = {}
        for story, lines in loads:
            self.shipped[number] |= in_order_units(story.order, lines, self._offers)
            self._due.append(Due(number, story.order.number, lines, story.chance.random() < 0.5))
            story.step = "acknowledged" if story.parts else "done"

    def _ship_wrong(self, story: Story) -> None:
        order, lines = story.order, wrong_lines(story, story.parts.pop(0))
        if story.mistake == "ship_unknown_order":
            order = replace(order, number=f"PX{order.number[2:]}")
        number = self._number_of(story)
        paper = shipment([(order, lines)], number, self._today(), self._packing(story))
        self.shipped[number] = in_order_units(order, lines, self._offers)
        self.outbox.send("shipment", [paper], [fact("shipment", number, [order], story.mistake)])
        story.step = "done"

    # -- invoices

    def _write_due_invoices(self) -> None:
        with self.visma.books.lock:
            there = {row.body["supplierRef"] for row in self.visma.books.receipts.values()}
        ready = [due for due in self._due if due.at_once or due.shipment in there]
        self._due = [due for due in self._due if not (due.at_once or due.shipment in there)]
        for number in sorted({due.shipment for due in ready}):
            self._invoice_shipment([due for due in ready if due.shipment == number])

    def _invoice_shipment(self, group: list[Due]) -> None:
        """One invoice for each order on the shipment; several that are right come as a list in one file."""
        stories = [self._stories[due.order] for due in group]
        bills = [self._bill(story, due) for story, due in zip(stories, group, strict=True)]
        if any(story.wrong_in("invoice") for story in stories) or len(group) == 1:
            for story, due, bill in zip(stories, group, bills, strict=True):
                self._invoice(story, due, bill)
            return
        facts = [fact("invoice", bill.number, [story.order]) for story, bill in zip(stories, bills, strict=True)]
        self.outbox.send("invoice", [bill.paper for bill in bills], facts, stories[0].chance.choice(FORMS))

    def _bill(self, story: Story, due: Due) -> _Bill:
        story.invoices += 1
        number = f"INV-{story.order.number}-{story.invoices}"
        steps = story.chance.randint(1, 9) if story.chance.random() < 0.4 else 0
        money = Money(story.order.currency, Decimal(_FREIGHT_STEP * steps))
        return _Bill(number, money, invoice(story.order, due.lines, number, self._today(), money))

    def _invoice(self, story: Story, due: Due, bill: _Bill) -> None:
        if story.wrong_in("invoice"):
            self._invoice_wrong(story, due.lines, bill)
        else:
            right = fact("invoice", bill.number, [story.order])
            self.outbox.send("invoice", [bill.paper], [right], story.chance.choice(FORMS))

    def _invoice_wrong(self, story: Story, lines: tuple[Line, ...], bill: _Bill) -> None:
        """The wrong invoice, and beside it the right one where the mistake is an extra paper."""
        order, number, money, kind = story.order, bill.number, bill.money, "DR"
        match story.mistake:
            case "invoice_total":
                money = replace(money, error=Decimal("111.11"))
            case "invoice_currency":
                money = replace(money, currency="USD")
            case "invoice_unknown_order":
                order = replace(order, number=f"PX{order.number[2:]}")
            case "invoice_number_reused":
                money = replace(money, freight=money.freight + 10)
            case "invoice_credit" | "invoice_pro_forma":
                kind = "CR" if story.mistake == "invoice_credit" else "PRO"
                number = f"{kind}-{number}"
        paper = invoice(order, wrong_lines(story, lines), number, self._today(), money, kind)
        wrong = _Twin(number, paper, fact("invoice", number, [order], story.mistake))
        if MISTAKES[story.mistake].beside_the_right_one:
            self.outbox.send("invoice", [bill.paper], [fact("invoice", bill.number, [story.order])])
        if number == bill.number and MISTAKES[story.mistake].beside_the_right_one:
            self._twins.append(wrong)
        else:
            self.outbox.send("invoice", [paper], [wrong.fact])

    def _send_twins(self) -> None:
        """A second paper of the same number comes once the first is booked: which is which would be chance otherwise."""
        with self.visma.books.lock:
            booked = {row.body["supplierReference"] for row in self.visma.books.invoices.values()}
        for twin in [twin for twin in self._twins if twin.number in booked]:
            self._twins.remove(twin)
            self.outbox.send("invoice", [twin.paper], [twin.fact])

    # -- the warehouse

    def warehouse(self) -> list[str]:
        """A person in Visma counts what came: receipts on hold that say the same are released. Their numbers."""
        with self._lock:
            return release_what_agrees(self.visma.books, self.shipped)
