"""Invoice lines against order lines and receipts: what is billed, whether it fits, which receipt lines it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.flows.ground import Ground, per_unit
from connector.flows.invoice_plan import LONGEST_TEXT, BookingLinePlan
from connector.flows.verdict import (
    ZERO,
    Asking,
    Facts,
    PaperLine,
    ReceiptLine,
    Waiting,
    ask,
)
from connector.rsx.invoice import Invoice, InvoiceLine
from mapping.matching import Difference, LineView, in_six_digits

NON_STOCK = ("NonStock", "NonStockForDropShip", "NonStockForSalesOrder", "Service", "Freight")


@dataclass
class Billed:
    """What the invoice says about one order line, in ordered units."""

    view: LineView
    line: InvoiceLine
    quantity: Decimal
    net: Decimal
    receipts: list[tuple[ReceiptLine, Decimal]] = field(default_factory=list)

    @property
    def price(self) -> Decimal:
        return per_unit(self.net, self.quantity)

    @property
    def surplus(self) -> Decimal:
        """What its receipts do not cover: Visma links no more than was received, and goods to nothing else (visma.md §9.4)."""
        covered = sum((part for _, part in self.receipts), ZERO)
        return self.quantity - covered if self.receipts or self.view.line_type not in NON_STOCK else ZERO


def billed_lines(paper: Invoice, found: Ground) -> tuple[list[Billed], list[Difference]]:
    """The lines that can be billed, in ordered units, and what hinders the others or differs in price."""
    billed: list[Billed] = []
    differences: list[Difference] = []
    for line in paper.lines:
        where = f"Invoice {paper.number}, line {line.line_number or line.position}"
        result = _bill(line, paper, found, where)
        if isinstance(result, Difference):
            differences.append(result)
            continue
        billed.append(result)
        if line.price is not None and result.quantity:
            factor = result.quantity / line.quantity if line.quantity else Decimal(1)
            differs = found.price_differs(result.view, result.price, line.price, factor, result.quantity, where)
            differences += [differs] if differs else []
    return billed, differences


def _bill(line: InvoiceLine, paper: Invoice, found: Ground, where: str) -> Billed | Difference:
    order_number = _order_of(line, paper, found, where)
    if isinstance(order_number, Difference):
        return order_number
    view = found.line(order_number, line.line_number, line.numbers, where)
    if isinstance(view, Difference):
        return view
    if line.quantity is None or line.price is None:
        missing = "quantity" if line.quantity is None else "price"
        return Difference(missing, view.name, f"{where} has no {missing}.")
    factor = found.factor(line.unit, view, where)
    if isinstance(factor, Difference):
        return factor
    net = found.net(view, line.quantity, line.unit, line.price, line.price_basis, where)
    if isinstance(net, Difference):
        return net
    quantity = in_six_digits(line.quantity * factor)
    if line.quantity and not quantity:
        sentence = f"{where}: a quantity of {line.quantity:f} is too small to be booked."
        return Difference("quantity", view.name, sentence, {"found": f"{line.quantity:f}", "line": view.name})
    return Billed(view, line, quantity, net)


def _order_of(line: InvoiceLine, paper: Invoice, found: Ground, where: str) -> str | Difference:
    """The order that a line names; else the header's, unless only another that the invoice names has such a line."""
    stated = (line.order_number or next(iter(paper.order_numbers), "")).strip()
    if line.order_number or len(found.lines) < 2:
        return stated
    possible = _possible_orders(line, found)
    if paper.header_order in possible or not possible:
        return stated
    if len(possible) > 1:
        sentence = f"{where} names no order, and its item stands on {' and '.join(possible)}."
        return Difference("line_unknown", f"{paper.number} line {line.line_number or line.position}", sentence)
    return possible[0]


def _possible_orders(line: InvoiceLine, found: Ground) -> list[str]:
    """Of several orders those whose lines know the item (AN references name no line): where that can be, under its number."""
    known = {
        number: [view for view in views if view.item in found.known.items(line.numbers, views)]
        for number, views in sorted(found.lines.items())
    }
    having = [number for number, views in known.items() if views]
    wanted = line.line_number.strip().lstrip("0")
    numbered = [number for number in having if any(str(view.number) == wanted for view in known[number])]
    return numbered or having


def currency_differs(paper: Invoice, found: Ground) -> list[Difference]:
    """The invoice's currency against its orders'; without one of its own they must agree among themselves."""
    known = {order.currency for order in found.orders.values()}
    if not paper.currency and len(known) > 1:
        sentence = f"Invoice {paper.number} states no currency, and its orders are in {' and '.join(sorted(known))}."
        return [Difference("currency", paper.number, sentence, {}, paper.total, "")]
    wrong = [order for order in found.orders.values() if paper.currency and order.currency not in ("", paper.currency)]
    return [
        Difference(
            "currency",
            order.number,
            f"Order {order.number} is in {order.currency}, invoice {paper.number} in {paper.currency}.",
            {"expected": order.currency, "found": paper.currency},
            paper.total,
            paper.currency,
        )
        for order in wrong
    ]


def over_invoiced(billed: Sequence[Billed], found: Ground, facts: Facts) -> list[Difference]:
    """More than was ordered, across all invoices of the line; against what was received in `allocate`."""
    totals: dict[int, Decimal] = {}
    for line in billed:
        totals[line.view.key] = totals.get(line.view.key, ZERO) + line.quantity
    views = {line.view.key: line.view for line in billed}
    differences = []
    for key, quantity in totals.items():
        view = views[key]
        total = in_six_digits(facts.invoiced(key) + quantity)
        if total > found.tolerances[view.item].most(view.quantity):
            differences.append(_over(view, total, f"{view.quantity.normalize():f} ordered", found))
    return differences


def _over(view: LineView, total: Decimal, against: str, found: Ground) -> Difference:
    accepting = "If that is accepted, what no receipt covers is booked as expense."
    sentence = f"{view.name}: {total:f} {view.unit} invoiced in all, {against}. {accepting}"
    money = (total - view.quantity) * view.price if total > view.quantity else total * view.price
    facts = {"expected": against, "found": f"{total:f}", "line": view.name}
    return Difference("over_invoiced", view.name, sentence, facts, money, found.orders[view.order_number].currency)


def allocate(billed: Sequence[Billed], found: Ground, facts: Facts) -> Waiting | Asking | None:
    """Ties each line to released receipt lines that are still to be invoiced, oldest first (visma.md §9.4).

    Even who accepts more than will ever come waits for the goods that are on their way.
    """
    left: dict[tuple[str, int], Decimal] = {}
    over: list[Difference] = []
    late: Waiting | None = None
    wanted: dict[int, Decimal] = {}
    for line in billed:
        wanted[line.view.key] = wanted.get(line.view.key, ZERO) + line.quantity
        missing = _take(line, facts.receipt_lines(line.view.order_number, line.view.number), left)
        if _is_covered(line, missing, wanted[line.view.key], found, facts) or _needs_no_receipt(line, facts):
            continue
        enough_may_come = not _never_enough(line, wanted[line.view.key], facts)
        if enough_may_come or facts.on_the_way(line.view.key):
            late = late or _waiting(line, found)
        if enough_may_come:
            continue
        unbooked = max(facts.shipped(line.view.key) - facts.invoiced(line.view.key), ZERO)
        against = f"{unbooked.normalize():f} received and not yet invoiced"
        over.append(_over(line.view, line.quantity, against, found))
    asked = ask(over, facts)
    return Asking(asked) if asked else late


def _waiting(line: Billed, found: Ground) -> Waiting:
    reason = f"The goods of {line.view.name} are not received and released in Visma yet."
    return Waiting(reason, _late(line, found))


def _late(line: Billed, found: Ground) -> Difference:
    """A question of its own: who has accepted more than was ordered has not said that the goods need not come."""
    view = line.view
    sentence = (
        f"{view.name}: {line.quantity.normalize():f} {view.unit} invoiced, and the goods are not received and released in "
        "Visma. If that is accepted, the whole invoice is booked as expense, without a receipt."
    )
    facts = {"expected": "goods received", "found": f"{line.quantity:f}", "line": view.name}
    currency = found.orders[view.order_number].currency
    return Difference("over_invoiced", f"{view.name}, not received", sentence, facts, line.net, currency)


def _is_covered(line: Billed, missing: Decimal, wanted: Decimal, found: Ground, facts: Facts) -> bool:
    """By receipts, or beyond them within the tolerance: that is granted once, over all invoices of the order line."""
    if missing <= 0:
        return True
    most = found.tolerances[line.view.item].most(facts.received(line.view.key))
    return bool(line.receipts) and facts.invoiced(line.view.key) + wanted <= most


def _needs_no_receipt(line: Billed, facts: Facts) -> bool:
    """Services and the like may be linked to the order itself, unless something of them is on its way."""
    return line.view.line_type in NON_STOCK and not line.receipts and not facts.on_the_way(line.view.key)


def _never_enough(line: Billed, wanted: Decimal, facts: Facts) -> bool:
    """More is invoiced than all ship notices and receipts so far can ever cover; before the first one, nobody knows.

    Once all of them is invoiced, the next invoice is for a part delivery that is not announced yet, if the order has room.
    What is completed or cancelled has none.
    """
    shipped = facts.shipped(line.view.key)
    unbilled = shipped - facts.invoiced(line.view.key)
    if line.view.completed or line.view.cancelled:
        return wanted > unbilled
    return shipped > 0 and wanted > unbilled and (unbilled > 0 or wanted > line.view.quantity - shipped)


def _take(line: Billed, receipts: Sequence[ReceiptLine], left: dict[tuple[str, int], Decimal]) -> Decimal:
    """Takes from the receipt lines what they still have; returns what is missing."""
    missing = line.quantity
    for receipt in receipts:
        key = (receipt.receipt, receipt.line)
        part = min(missing, left.setdefault(key, receipt.open)) if receipt.released else ZERO
        if part > 0:
            line.receipts.append((receipt, part))
            left[key] -= part
            missing -= part
    return missing


def linked_lines(billed: Sequence[Billed]) -> list[BookingLinePlan]:
    """One line per receipt line taken; what needs no receipt is linked to the order (visma.md §9.4). Nothing for none."""
    lines = []
    for line in billed:
        for receipt, part in line.receipts:
            lines.append(_booking_line(line, part, receipt=receipt.receipt, receipt_line=receipt.line))
        if line.quantity and not line.receipts and not line.surplus:
            lines.append(_booking_line(line, line.quantity, order=line.view.order_number, order_line=line.view.number))
    return lines


def _booking_line(line: Billed, quantity: Decimal, **link: Any) -> BookingLinePlan:
    return BookingLinePlan(
        item=line.view.item,
        text=(line.line.description or line.view.description)[:LONGEST_TEXT],
        quantity=quantity,
        unit=line.view.unit,
        price=line.price,
        **link,
    )


def paper_lines(billed: Sequence[Billed]) -> list[PaperLine]:
    """One line per receipt line it is linked to, so that what a receipt line still has can be told."""
    lines: list[PaperLine] = []
    for line in billed:
        parts: list[tuple[str, int | None, Decimal]] = [("", None, line.quantity)]
        if line.receipts:
            parts = [(receipt.receipt, receipt.line, part) for receipt, part in line.receipts]
            parts += [("", None, line.surplus)] if line.surplus else []
        for receipt, receipt_line, quantity in parts:
            lines.append(
                PaperLine(
                    position=len(lines) + 1,
                    order_number=line.view.order_number,
                    line_number=line.line.line_number or str(line.view.number),
                    order_line=line.view.key,
                    item=line.view.item,
                    unit=line.view.unit,
                    ordered=line.view.quantity,
                    invoiced=quantity,
                    price=line.price,
                    amount=in_six_digits(line.price * quantity),
                    receipt_number=receipt,
                    receipt_line_number=receipt_line,
                    text=line.line.description[:255],
                )
            )
    return lines
