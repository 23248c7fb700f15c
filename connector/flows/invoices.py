"""Invoice (810) to supplier invoice on hold: lines linked to released receipts, charges as expense, the paper attached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from connector.errors import NotFound, Rejected
from connector.flows.ground import Ground, duplicate, ground, missing_orders, per_unit, unwanted
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
    ReceiptLine,
    Summary,
    Verdict,
    Waiting,
    Work,
    ask,
)
from connector.rsx import invoice as rsx_invoice
from connector.rsx.common import Tax
from connector.rsx.invoice import Invoice, InvoiceLine, Reconciliation
from connector.visma.bodies import LinkLine, Segment, SupplierInvoiceLineUpdate, SupplierInvoiceUpdate
from connector.visma.schemas import SupplierInvoiceDto
from mapping import lookup
from mapping.lookup import MappingMissing
from mapping.matching import Difference, LineView, in_six_digits
from mapping.models import Company, TradingPartner

KIND = "invoice"
DOCUMENT_TYPE: Literal["Invoice"] = "Invoice"
NON_STOCK = ("NonStock", "NonStockForDropShip", "NonStockForSalesOrder", "Service", "Freight")
LONGEST_TEXT = 30  # of a line, as Visma's specification says (visma.md §9.4)
NOT_POSTED = {
    "CR": ("credit_note", "is a credit note: book it against the original in Visma."),
    "PRO": ("not_postable", "is a pro forma invoice and is never posted."),
    "SELF": ("not_postable", "is self-billed: it was made on our side and is not posted from here."),
}


class BookingLinePlan(Plan):
    """A line linked to a receipt (or, for services, to the order), or a free line on an account."""

    item: str = ""
    text: str = ""
    quantity: Decimal
    unit: str = ""
    price: Decimal
    receipt: str = ""
    receipt_line: int | None = None
    order: str = ""
    order_line: int | None = None
    account: str = ""
    subaccount: str = ""
    vat_category: str = ""


class InvoicePlan(Plan):
    supplier: str
    reference: str
    date: dt.date
    due: dt.date | None = None
    currency: str = ""
    branch: str = ""
    description: str = ""
    lines: tuple[BookingLinePlan, ...]


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


def unwrap(tree: dict[str, Any]) -> Invoice:
    """Raises Unreadable."""
    return rsx_invoice.read(tree)


def describe(paper: Invoice) -> Summary:
    """What the paper says of itself; its key is sps.md §4.3's."""
    kind = "DR" if paper.type in ("", "DR", "U5") else paper.type  # U5 corrects an ordinary invoice: same key
    key = "|".join((paper.trading_partner_id, paper.vendor, paper.number, kind)).casefold()
    return Summary(
        number=paper.number,
        trading_partner_id=paper.trading_partner_id,
        order_numbers=tuple(number.strip() for number in paper.order_numbers if number.strip()),
        date=paper.date,
        amount=paper.total,
        currency=paper.currency,
        purpose=paper.type if paper.type not in ("", "DR") else paper.purpose,
        business_key=key,
    )


def match(paper: Invoice, company: Company, facts: Facts) -> Verdict:
    """Decides; raises MappingMissing when the partner is not mapped."""
    summary = describe(paper)
    found = ground(company, paper.trading_partner_id, summary.order_numbers, [line.numbers for line in paper.lines])
    early = (
        unwanted(found.partner, KIND, "Invoices")
        or duplicate(facts, "invoice", paper.number, _purpose(paper), frozenset(summary.order_numbers))
        or _not_posted(paper, facts)
        or _typed(paper, found, facts)
    )
    if early:
        return early
    expense = found.partner.unmatched_invoice == TradingPartner.UnmatchedInvoice.EXPENSE
    missing = missing_orders(found, summary.order_numbers)
    if facts.as_expense:
        return _as_expense(paper, found, facts)
    if not summary.order_numbers:
        return _without_order(paper, found, facts, expense)
    if isinstance(missing, Waiting) and ((expense and facts.patience_over) or facts.accepts(missing.instead)):
        return _as_expense(paper, found, facts)
    if missing:
        return missing
    return _against_orders(paper, company, found, facts, expense)


def wrap(plan: InvoicePlan) -> bytes:
    """The plan as kept and shown."""
    return plan.model_dump_json(exclude_defaults=True).encode()


def find(work: Work, clients: Clients) -> str:
    """The invoice that an earlier attempt posted, by supplier, time and reference (visma.md §8); empty when there is none."""
    if known := str(work.progress.get("invoice", "")):
        return known
    plan = _of(work)
    taken = work.progress.get("taken", [])
    rows = clients.visma.find_invoices(plan.supplier, work.since or None, DOCUMENT_TYPE)
    ours = {
        row.dto.reference_number
        for row in rows
        if row.dto.supplier_reference == plan.reference
        and row.dto.status != "Voided"
        and row.dto.reference_number not in taken
    }
    if len(ours) > 1:
        numbers = ", ".join(sorted(ours))
        raise Rejected(
            f"Visma shows several invoices {plan.reference} of the supplier: {numbers}. Keep one, then replay."
        )
    return ours.pop() if ours else ""


def deliver(work: Work, clients: Clients, found: str) -> Delivered:
    """Post, attach the paper, read back and check: 2 calls and 1 to verify."""
    plan = _of(work)
    number = found
    if not number:
        work.must_be_settled(f"Invoice {plan.reference} is not visible in Visma yet.")
        work.before_call()
        number = clients.visma.create_invoice(_body(plan))
    if work.progress.get("invoice") != number:
        work.remember(invoice=number)
    try:
        if not work.progress.get("attached"):
            _attach(number, work, clients)
        row = clients.visma.invoice(number, DOCUMENT_TYPE)[0]
    except NotFound as error:
        work.remember(invoice="", attached=False, open=False)
        raise Rejected(f"Invoice {number}, half made, is not in Visma any more. Replay to make a new one.") from error
    _verify(plan, row.dto)
    return Delivered(number, invoice=row)


def _of(work: Work) -> InvoicePlan:
    return InvoicePlan.model_validate_json(work.output)


def _attach(number: str, work: Work, clients: Clients) -> None:
    """Bookkeeping evidence. The same name again would only be a new revision (visma.md §9.4)."""
    work.before_call()
    kind = "application/xml" if work.form == "xml" else "application/json"
    clients.visma.attach_to_invoice(number, DOCUMENT_TYPE, work.source_name, work.source, kind)
    work.remember(attached=True)


def _body(plan: InvoicePlan) -> SupplierInvoiceUpdate:
    return SupplierInvoiceUpdate(
        document_type=DOCUMENT_TYPE,
        hold=True,
        date=plan.date,
        due_date=plan.due,
        post_period=f"{plan.date:%m%Y}",  # MMYYYY, unlike financialPeriod
        supplier_number=plan.supplier,
        supplier_reference=plan.reference,
        payment_ref_no=plan.reference,
        description=plan.description or None,
        currency_id=plan.currency or None,
        branch_number=plan.branch or None,
        validate_line_details=True,  # otherwise Visma drops faulty lines silently
        invoice_lines=[_line_body(line) for line in plan.lines],
    )


def _line_body(line: BookingLinePlan) -> SupplierInvoiceLineUpdate:
    link = None
    if line.receipt and line.receipt_line is not None:
        link = LinkLine(
            purchase_type="PurchaseReceipt", purchase_number=line.receipt, purchase_line_nbr=line.receipt_line
        )
    elif line.order and line.order_line is not None:
        link = LinkLine(purchase_type="PurchaseOrder", purchase_number=line.order, purchase_line_nbr=line.order_line)
    segments = [part.partition("=") for part in line.subaccount.split(";") if "=" in part]
    return SupplierInvoiceLineUpdate(
        operation="Insert",
        inventory_number=line.item or None,
        transaction_description=line.text[:LONGEST_TEXT] or None,
        quantity=line.quantity,
        uom=line.unit or None,
        unit_cost_in_currency=line.price,
        account_number=line.account or None,
        subaccount=[Segment(segment_id=int(place), segment_value=value) for place, _, value in segments] or None,
        vat_code_id=line.vat_category or None,
        link_line=link,
    )


def _verify(plan: InvoicePlan, dto: SupplierInvoiceDto) -> None:
    """Each line is there, linked where it should be (visma.md §9.4: errors on lines are otherwise silent)."""
    what = f"Invoice {dto.reference_number} in Visma"
    if len(dto.invoice_lines) != len(plan.lines):
        raise Rejected(
            f"{what} shows {len(dto.invoice_lines)} lines, not {len(plan.lines)}. Correct it there, then replay."
        )
    linked = sorted((line.receipt, line.receipt_line or 0, line.quantity) for line in plan.lines if line.receipt)
    shown = sorted(
        (line.po_receipt_nbr, line.po_receipt_line_nbr or 0, line.quantity or ZERO)
        for line in dto.invoice_lines
        if line.po_receipt_nbr
    )
    if linked != shown:
        raise Rejected(f"{what} is not linked to its receipts as sent. Correct it there, then replay.")


def _purpose(paper: Invoice) -> str:
    return "05" if paper.type == "U5" else paper.purpose


def _not_posted(paper: Invoice, facts: Facts) -> Verdict | None:
    """Kinds that are not booked from here, and a correction of what is booked (sps.md §8)."""
    booked = next((rival for rival in facts.rivals if rival.output_ref and rival.status != "ignored"), None)
    if paper.type in NOT_POSTED:
        cause, sentence = NOT_POSTED[paper.type]
    elif paper.type == "U5" and booked:
        cause, sentence = "not_postable", f"corrects invoice {booked.output_ref}, which is in Visma: correct it there."
    elif _purpose(paper) == "01":
        cause, sentence = "cancelled", "cancels an invoice of the same number: see what is in Visma."
        if not booked:
            return Ignoring(f"Cancels invoice {paper.number}, which is not in Visma.", instead_of=True)
    elif paper.type not in ("", "DR", "U5"):
        cause, sentence = "not_postable", f"is of a type that is not known: {paper.type}."
    else:
        return None
    asked = Difference(cause, paper.number, f"Invoice {paper.number} {sentence}", {}, paper.total, paper.currency)
    return Asking([asked])


def _typed(paper: Invoice, found: Ground, facts: Facts) -> Verdict | None:
    """An invoice that someone typed into Visma by hand is not posted again."""
    typed = facts.typed_by_hand(sorted(found.suppliers), paper.number)
    if typed is None:
        return None
    number, amount = typed
    if paper.total is not None and amount is not None and abs(amount - paper.total) <= Decimal("0.01"):
        return Ignoring(f"Invoice {paper.number} is in Visma already, as {number}, entered by hand.")
    theirs, ours = (f"{total:f}" if total is not None else "no total" for total in (amount, paper.total))
    sentence = f"Invoice {paper.number} is in Visma as {number}, entered by hand with {theirs}; the paper says {ours}."
    asked = Difference("number_reused", f"invoice {paper.number}", sentence, {}, paper.total, paper.currency)
    return None if facts.accepts(asked) else Asking([asked])


def _against_orders(paper: Invoice, company: Company, found: Ground, facts: Facts, expense: bool) -> Verdict:
    billed, differences = _billed(paper, found)
    currency = paper.currency or next(iter(found.orders.values())).currency
    differences += _currency(paper, found)
    nets = {line.line.position: line.net for line in billed}
    sums = None
    if not any(difference.cause in ("unit_unmapped", "item_unmapped") for difference in differences):
        sums = rsx_invoice.reconcile(
            paper, lambda line: nets.get(line.position, _plain_net(line)), _slack(paper, company)
        )
        if sums is None:
            differences.append(_does_not_add_up(paper, currency))
    differences += _over_invoiced(billed, found, facts)
    free, faults = _free_lines(paper, sums, found) if sums else ([], [])
    differences += faults
    lines = _lines(billed)
    asked = ask(differences, facts)
    if asked:
        return Asking(asked, lines)
    late = _allocate(billed, found, facts)
    if isinstance(late, Waiting) and ((expense and facts.patience_over) or facts.accepts(late.instead)):
        return _as_expense(paper, found, facts)
    if late:
        return _with_lines(late, lines)
    plan = _plan(paper, found, facts, currency, [*_linked(billed), *free])
    return Ready(wrap(plan), _lines(billed))


def _with_lines(verdict: Waiting | Asking, lines: Sequence[PaperLine]) -> Verdict:
    if isinstance(verdict, Waiting):
        return Waiting(verdict.reason, verdict.instead, lines)
    return Asking(verdict.differences, lines)


def _billed(paper: Invoice, found: Ground) -> tuple[list[Billed], list[Difference]]:
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
    order_number = (line.order_number or next(iter(paper.order_numbers), "")).strip()
    if len(paper.order_numbers) > 1 and not line.order_number:
        order_number = _only_order(line, found) or order_number
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
    return Billed(view, line, in_six_digits(line.quantity * factor), net)


def _only_order(line: InvoiceLine, found: Ground) -> str:
    """Of several orders the one whose lines know the item, if it is one (AN references name no line)."""
    items = [
        number
        for number, views in found.lines.items()
        if {view.item for view in views} & found.known.items(line.numbers, views)
    ]
    return items[0] if len(items) == 1 else ""


def _currency(paper: Invoice, found: Ground) -> list[Difference]:
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


def _plain_net(line: InvoiceLine) -> Decimal | None:
    return line.quantity * line.price if line.quantity is not None and line.price is not None else None


def _slack(paper: Invoice, company: Company) -> Decimal:
    return company.total_tolerance_per_line * max(len(paper.lines), 1)


def _does_not_add_up(paper: Invoice, currency: str) -> Difference:
    sentence = (
        f"Invoice {paper.number}: lines, charges and taxes do not add up to its total of {paper.total} {currency}."
    )
    return Difference("total", paper.number, sentence, {"found": str(paper.total)}, paper.total, currency)


def _over_invoiced(billed: Sequence[Billed], found: Ground, facts: Facts) -> list[Difference]:
    """More than was ordered, across all invoices of the line; against what was received in `_allocate`."""
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
    sentence = f"{view.name}: {total:f} {view.unit} invoiced in all, {against}."
    money = (total - view.quantity) * view.price if total > view.quantity else total * view.price
    facts = {"expected": against, "found": f"{total:f}", "line": view.name}
    return Difference("over_invoiced", view.name, sentence, facts, money, found.orders[view.order_number].currency)


def _allocate(billed: Sequence[Billed], found: Ground, facts: Facts) -> Waiting | Asking | None:
    """Ties each line to released receipt lines that are still to be invoiced, oldest first (visma.md §9.4)."""
    left: dict[tuple[str, int], Decimal] = {}
    over: list[Difference] = []
    wanted: dict[int, Decimal] = {}
    for line in billed:
        wanted[line.view.key] = wanted.get(line.view.key, ZERO) + line.quantity
        missing = _take(line, facts.receipt_lines(line.view.order_number, line.view.number), left)
        if missing <= _surplus(line, found) or _needs_no_receipt(line, facts):
            continue
        if not _never_enough(line, wanted[line.view.key], facts):
            instead = _over(line.view, line.quantity, "less received", found)
            return Waiting(f"The goods of {line.view.name} are not received and released in Visma yet.", instead)
        unbooked = max(facts.shipped(line.view.key) - facts.invoiced(line.view.key), ZERO)
        against = f"{unbooked.normalize():f} received and not yet invoiced"
        over.append(_over(line.view, line.quantity, against, found))
    asked = ask(over, facts)
    return Asking(asked) if asked else None


def _surplus(line: Billed, found: Ground) -> Decimal:
    """How much more than received may pass, where anything was received."""
    received = sum((part for _, part in line.receipts), ZERO)
    return found.tolerances[line.view.item].most(received) - received if received else ZERO


def _needs_no_receipt(line: Billed, facts: Facts) -> bool:
    """Services and the like may be linked to the order itself, unless something of them is on its way."""
    return line.view.line_type in NON_STOCK and not line.receipts and not facts.on_the_way(line.view.key)


def _never_enough(line: Billed, wanted: Decimal, facts: Facts) -> bool:
    """More is invoiced than all ship notices and receipts so far can ever cover; before the first one, nobody knows."""
    shipped = facts.shipped(line.view.key)
    return shipped > 0 and wanted > shipped - facts.invoiced(line.view.key)


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


def _linked(billed: Sequence[Billed]) -> list[BookingLinePlan]:
    lines = []
    for line in billed:
        parts = list(line.receipts)
        rest = line.quantity - sum((part for _, part in parts), ZERO)
        for receipt, part in parts:
            extra = rest if receipt is parts[-1][0] else ZERO  # an accepted surplus goes to the last receipt line
            lines.append(_booking_line(line, part + extra, receipt=receipt.receipt, receipt_line=receipt.line))
        if not parts:
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


def _free_lines(paper: Invoice, sums: Reconciliation, found: Ground) -> tuple[list[BookingLinePlan], list[Difference]]:
    """Charges and allowances that are part of the total, on the partner's expense account."""
    lines: list[BookingLinePlan] = []
    for charge in sums.charges:
        if not charge.amount:
            continue
        text = charge.description or charge.code or "Charge"
        try:
            vat = _vat_category([*charge.taxes] or list(paper.taxes), found.partner)
        except MappingMissing as missing:
            return [], [missing.difference]
        lines.append(_free(text, Decimal(1), charge.amount, vat, found.partner))
    return lines, _account_missing(found.partner, lines)


def _free(text: str, quantity: Decimal, price: Decimal, vat: str, partner: TradingPartner) -> BookingLinePlan:
    return BookingLinePlan(
        text=text[:LONGEST_TEXT],
        quantity=quantity,
        price=in_six_digits(price),
        account=partner.expense_account,
        subaccount=partner.expense_subaccount,
        vat_category=vat,
    )


def _account_missing(partner: TradingPartner, lines: Sequence[BookingLinePlan]) -> list[Difference]:
    if partner.expense_account or not lines:
        return []
    sentence = f"{partner} has no expense account for charges and freight."
    money = sum((line.quantity * line.price for line in lines), ZERO)
    return [Difference("account_missing", partner.trading_partner_id, sentence, {"partner": partner.pk}, money)]


def _vat_category(taxes: Sequence[Tax], partner: TradingPartner) -> str:
    """The category of a free line; none where the paper states no tax. Raises MappingMissing."""
    stated = list(dict.fromkeys((tax.type, tax.percent) for tax in taxes if tax.relationship != "O"))
    if not stated:
        return ""
    categories = {lookup.vat_category_for(partner, kind, percent) for kind, percent in stated}
    if len(categories) == 1:
        return categories.pop()
    subject = f"{partner.trading_partner_id} several taxes"
    sentence = f"{partner} states several taxes for one line: it is not certain which VAT category applies."
    raise MappingMissing(Difference("tax_unmapped", subject, sentence, {"partner": partner.pk}))


def _without_order(paper: Invoice, found: Ground, facts: Facts, expense: bool) -> Verdict:
    if expense:
        return _as_expense(paper, found, facts)
    sentence = f"Invoice {paper.number} names no order that is in Visma."
    asked = Difference("order_unknown", f"invoice {paper.number}", sentence, {}, paper.total, paper.currency)
    if facts.accepts(asked):
        return _as_expense(paper, found, facts)
    return Asking([asked])


def _as_expense(paper: Invoice, found: Ground, facts: Facts) -> Verdict:
    """An invoice that fits no receipt, booked on the partner's expense account (the partner's rule)."""
    differences: list[Difference] = []
    sums = rsx_invoice.reconcile(paper, _plain_net, _slack(paper, found.partner.company))
    lines: list[BookingLinePlan] = []
    if sums is None:
        differences.append(_does_not_add_up(paper, paper.currency))
    else:
        free, differences = _free_lines(paper, sums, found)
        lines, faults = _expense_lines(paper, found.partner)
        differences += faults or _account_missing(found.partner, lines)
        lines += free
    asked = ask(list({(one.cause, one.subject): one for one in differences}.values()), facts)
    if asked or not lines:
        return Asking(asked or [Difference("total", paper.number, f"Invoice {paper.number} has no lines.")])
    if len(found.suppliers) != 1 and not found.orders:
        sentence = f"{found.partner} stands for several suppliers: it is not certain whose invoice {paper.number} is."
        return Asking([Difference("order_unknown", f"invoice {paper.number}", sentence)])
    return Ready(wrap(_plan(paper, found, facts, paper.currency, lines)))


def _expense_lines(paper: Invoice, partner: TradingPartner) -> tuple[list[BookingLinePlan], list[Difference]]:
    lines = []
    for line in paper.lines:
        net = _plain_net(line)
        if net is None or not line.quantity:
            return [], [Difference("total", paper.number, f"Line {line.position} has no quantity or no price.")]
        try:
            vat = _vat_category([*line.taxes] or list(paper.taxes), partner)
        except MappingMissing as missing:
            return [], [missing.difference]
        text = line.description or line.numbers.vendor or line.numbers.buyer or f"Line {line.position}"
        lines.append(_free(text, line.quantity, net / line.quantity, vat, partner))
    return lines, []


def _plan(paper: Invoice, found: Ground, facts: Facts, currency: str, lines: Sequence[BookingLinePlan]) -> InvoicePlan:
    orders = list(found.orders.values())
    said = [*(order.number for order in orders), *paper.shipment_references]
    return InvoicePlan(
        supplier=orders[0].supplier_number if orders else next(iter(found.suppliers)),
        reference=paper.number,
        date=paper.date or facts.today,
        due=paper.due_date,
        currency=currency,
        branch=orders[0].branch if orders else "",
        description=" / ".join(said)[:255],
        lines=tuple(lines),
    )


def _lines(billed: Sequence[Billed]) -> list[PaperLine]:
    """One line per receipt line it is linked to, so that what a receipt line still has can be told."""
    lines: list[PaperLine] = []
    for line in billed:
        parts: list[tuple[str, int | None, Decimal]] = [("", None, line.quantity)]
        if line.receipts:
            parts = [(receipt.receipt, receipt.line, part) for receipt, part in line.receipts]
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
