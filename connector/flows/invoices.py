"""Invoice (810) to supplier invoice on hold: lines linked to released receipts, charges as expense, the paper attached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from connector.errors import InDoubt, NotFound, Rejected
from connector.flows.billing import allocate, billed_lines, currency_differs, linked_lines, over_invoiced, paper_lines
from connector.flows.free_lines import account_missing, charge_lines, expense_lines, plain_net, surplus_lines
from connector.flows.ground import Ground, duplicate, ground, missing_orders, unknown_purpose, unwanted
from connector.flows.invoice_plan import DOCUMENT_TYPE, BookingLinePlan, InvoicePlan, body, verify
from connector.flows.verdict import (
    ZERO,
    Asking,
    Clients,
    Delivered,
    Facts,
    Ignoring,
    PaperLine,
    Ready,
    Summary,
    Verdict,
    Waiting,
    Work,
    ask,
    is_same_reference,
    uncountable,
)
from connector.rsx import invoice as rsx_invoice
from connector.rsx.invoice import Invoice, InvoiceLine
from connector.visma.schemas import Row, SupplierInvoiceDto
from mapping.matching import Difference
from mapping.models import Company, TradingPartner

KIND = "invoice"
NOT_POSTED = {
    "CR": ("credit_note", "is a credit note: book it against the original in Visma."),
    "PRO": ("not_postable", "is a pro forma invoice and is never posted."),
    "SELF": ("not_postable", "is self-billed: it was made on our side and is not posted from here."),
}


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
        associated=tuple(number.strip() for number in paper.associated),
    )


def match(paper: Invoice, company: Company, facts: Facts) -> Verdict:
    """Decides; raises MappingMissing when the partner is not mapped."""
    summary = describe(paper)
    numbers = [line.numbers for line in paper.lines]
    found = ground(company, paper.trading_partner_id, summary.order_numbers, numbers, summary.associated)
    early = (
        unwanted(found.partner, KIND, "Invoices")
        or duplicate(facts, "invoice", paper.number, _purpose(paper), frozenset(summary.order_numbers))
        or unknown_purpose("invoice", paper.number, paper.purpose)
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
        if is_same_reference(row.dto.supplier_reference, plan.reference)
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
        number = clients.visma.create_invoice(body(plan))
    if work.progress.get("invoice") != number:
        work.remember(invoice=number)
    refused = None if work.progress.get("attached") else _attach(number, work, clients)
    row = _shown(number, work, clients, found=bool(found))
    if refused:
        raise Rejected(f"The paper cannot be attached to invoice {number}: {refused}")
    return Delivered(number, invoice=row, note=verify(plan, row.dto))


def _shown(number: str, work: Work, clients: Clients, *, found: bool) -> Row[SupplierInvoiceDto]:
    """The invoice as Visma has it. One that people took away there is forgotten, and a person asked."""
    try:
        return clients.visma.invoice(number, DOCUMENT_TYPE)[0]
    except NotFound as error:
        if not found:
            raise InDoubt(f"Invoice {number} was made, but is not visible yet.") from error
        work.must_be_settled(f"Invoice {number} is not visible yet.")
        work.remember(invoice="", attached=False, open=False)
        raise Rejected(f"Invoice {number}, half made, is not in Visma any more. Replay to make a new one.") from error


def _of(work: Work) -> InvoicePlan:
    return InvoicePlan.model_validate_json(work.output)


def _attach(number: str, work: Work, clients: Clients) -> NotFound | None:
    """Bookkeeping evidence. The same name again would only be a new revision (visma.md §9.4).

    Returns a 404: it may be the invoice that is not there, and it alone says so.
    """
    work.before_call()
    kind = "application/xml" if work.form == "xml" else "application/json"
    try:
        clients.visma.attach_to_invoice(number, DOCUMENT_TYPE, work.source_name, work.source, kind)
    except NotFound as error:
        return error
    work.remember(attached=True)
    return None


def _purpose(paper: Invoice) -> str:
    return "05" if paper.type == "U5" else paper.purpose


def _not_posted(paper: Invoice, facts: Facts) -> Verdict | None:
    """Kinds that are not booked from here, and a correction of what is booked (sps.md §8)."""
    booked = next((rival for rival in facts.rivals if rival.output_ref and rival.status != "ignored"), None)
    if paper.type in NOT_POSTED:
        cause, sentence = NOT_POSTED[paper.type]
    elif _purpose(paper) == "05" and booked:
        cause, sentence = "not_postable", f"corrects invoice {booked.output_ref}, which is in Visma: correct it there."
    elif _purpose(paper) == "01":
        cause, sentence = "cancelled", "cancels an invoice of the same number: see what is in Visma."
        if not booked:
            return Ignoring(f"Cancels invoice {paper.number}, which is not in Visma.", instead_of=True)
    elif paper.type not in ("", "DR", "U5"):
        cause, sentence = "not_postable", f"is of a type that is not known: {paper.type}."
    elif back := [line for line in paper.lines if line.quantity is not None and line.quantity < 0]:
        cause, sentence = "credit_note", f"takes back goods in line {_named(back[0])}: book it by hand in Visma."
    else:
        return None
    asked = Difference(cause, paper.number, f"Invoice {paper.number} {sentence}", {}, paper.total, paper.currency)
    return Asking([asked])


def _named(line: InvoiceLine) -> str:
    return line.line_number or str(line.position)


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
    billed, differences = billed_lines(paper, found)
    currency = paper.currency or next(iter(found.orders.values())).currency
    differences += currency_differs(paper, found)
    nets = {line.line.position: line.net for line in billed}
    sums = None
    if not any(difference.cause in ("unit_unmapped", "item_unmapped") for difference in differences):

        def net(line: InvoiceLine) -> Decimal | None:
            return nets.get(line.position, plain_net(line))

        sums = rsx_invoice.reconcile(paper, net, _slack(paper, company))
        if sums is None:
            differences.append(_does_not_add_up(paper, currency, net))
    differences += [*uncountable((line.view.key for line in billed), facts), *over_invoiced(billed, found, facts)]
    free, faults = charge_lines(paper, sums, found) if sums else ([], [])
    differences += faults
    lines = paper_lines(billed)
    asked = ask(differences, facts)
    if asked:
        return Asking(asked, lines)
    late = allocate(billed, found, facts)
    if isinstance(late, Waiting) and ((expense and facts.patience_over) or facts.accepts(late.instead)):
        return _as_expense(paper, found, facts)
    if late:
        return _with_lines(late, lines)
    beyond, faults = surplus_lines(paper, billed, found)
    if faults:
        return Asking(faults, lines)
    wanted = [*linked_lines(billed), *beyond, *free]
    if not wanted:
        return Asking([_nothing_to_book(paper)], lines)
    return Ready(wrap(_plan(paper, found, facts, currency, wanted)), paper_lines(billed))


def _with_lines(verdict: Waiting | Asking, lines: Sequence[PaperLine]) -> Verdict:
    if isinstance(verdict, Waiting):
        return Waiting(verdict.reason, verdict.instead, lines)
    return Asking(verdict.differences, lines)


def _slack(paper: Invoice, company: Company) -> Decimal:
    return company.total_tolerance_per_line * max(len(paper.lines), 1)


def _does_not_add_up(paper: Invoice, currency: str, net: Callable[[InvoiceLine], Decimal | None]) -> Difference:
    sentence = (
        f"Invoice {paper.number}: lines, charges and taxes do not add up to its total of {paper.total} {currency}."
    )
    if paper.total is None:
        sentence = (
            f"Invoice {paper.number} states no total, and its lines, charges and taxes can be added up in several ways."
        )
    nets = [each for each in map(net, paper.lines) if each is not None]
    if len(nets) == len(paper.lines):
        sentence += f" The lines alone come to {sum(nets, ZERO):.2f}."
    found = "" if paper.total is None else str(paper.total)
    return Difference("total", paper.number, sentence, {"found": found}, paper.total, currency)


def _nothing_to_book(paper: Invoice) -> Difference:
    return Difference("total", paper.number, f"Invoice {paper.number} bills nothing: there is nothing to book.")


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
    sums = rsx_invoice.reconcile(paper, plain_net, _slack(paper, found.partner.company))
    lines: list[BookingLinePlan] = []
    if sums is None:
        differences.append(_does_not_add_up(paper, paper.currency, plain_net))
    else:
        free, differences = charge_lines(paper, sums, found)
        lines, faults = expense_lines(paper, found.partner)
        differences += faults or account_missing(found.partner, lines)
        lines += free
    asked = ask(list({(one.cause, one.subject): one for one in differences}.values()), facts)
    if asked or not lines:
        return Asking(asked or [_nothing_to_book(paper)])
    if len(found.suppliers) != 1 and not found.orders:
        sentence = f"{found.partner} stands for several suppliers: it is not certain whose invoice {paper.number} is."
        return Asking([Difference("order_unknown", f"invoice {paper.number}", sentence)])
    return Ready(wrap(_plan(paper, found, facts, paper.currency, lines)))


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
        total=paper.total,
        slack=_slack(paper, found.partner.company),
    )
