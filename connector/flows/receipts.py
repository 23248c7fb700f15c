"""A purchase receipt in Visma, made in the sequence of visma.md §9.3 and continued from the first step not visible there."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from connector.errors import InDoubt, NotFound, Rejected, Transient, Unreadable
from connector.flows.verdict import Delivered, Plan, Work, is_same_reference
from connector.visma.bodies import (
    AddPurchaseOrderLines,
    AllocationUpdate,
    PurchaseReceiptLineUpdate,
    PurchaseReceiptUpdate,
)
from connector.visma.client import VismaClient
from connector.visma.schemas import ActionResult, PurchaseReceiptDto, PurchaseReceiptLineDto, Row


class LotPlan(Plan):
    number: str
    quantity: Decimal
    expires: dt.date | None = None


class ReceiptLinePlan(Plan):
    """One order line: what arrives of it, in the order line's unit, and whether that completes it."""

    order_number: str
    line_number: int
    item: str
    quantity: Decimal
    unit: str
    completes: bool
    lots: tuple[LotPlan, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.order_number} line {self.line_number}"


class ReceiptPlan(Plan):
    """A receipt on hold; `key` is ours (customStr1), `reference` the shipment id (supplierRef)."""

    key: str
    supplier: str
    reference: str
    date: dt.date
    branch: str = ""
    note: str = ""
    release: bool = False
    cancels: str = ""
    lines: tuple[ReceiptLinePlan, ...]


def find(plan: ReceiptPlan, visma: VismaClient, work: Work) -> str:
    """The number of the receipt that an earlier attempt made; "" when Visma shows none (visma.md §8)."""
    if known := str(work.progress.get("receipt", "")):
        return known
    if not plan.lines:
        return ""
    rows = visma.find_receipts(plan.supplier, work.since or None)
    ours = [row.dto for row in rows if row.dto.status != "Cancelled" and _is_ours(row.dto, plan, work)]
    if len({dto.receipt_nbr for dto in ours}) > 1:
        numbers = ", ".join(sorted(dto.receipt_nbr for dto in ours))
        raise Rejected(
            f"Visma shows several receipts for {plan.reference}: {numbers}. Cancel all but one, then replay."
        )
    return ours[0].receipt_nbr if ours else ""


def deliver(plan: ReceiptPlan, visma: VismaClient, work: Work, found: str) -> Delivered:
    """Header, lines, quantities, verification, and release where the partner wants it: 4 calls and 1 to verify."""
    plan = _closing_nothing_early(plan, work)
    cancelled = _cancel(plan, visma, work) if plan.cancels else None
    if not plan.lines:
        return Delivered(plan.cancels, receipt=cancelled)
    work.take_turn()  # a line takes all that is open of it until the quantities are told (visma.md §9.3)
    number = found or _header(plan, visma, work)
    row = _continued(found, visma, work) if found else None
    if row is None or not row.dto.lines:
        _add_lines(plan, number, visma, work, fresh=row is None)
        row = _with_lines(number, visma)
    changes = [] if row.dto.status == "Released" else _changes(plan, row.dto)
    appearing = bool(work.progress.get("told")) and not work.settled
    if changes and not work.progress.get("told"):
        _once_settled(work, "changing", f"The quantities of receipt {number} are not visible yet.")
        work.before_call()
        row = _changed(number, changes, visma, work)
        appearing = bool(work.progress.get("told"))
    _verify(plan, row.dto, work, appearing=appearing)
    if plan.release and row.dto.status != "Released":
        row = _release(number, row, visma, work)
    return Delivered(number, receipt=row)


def _closing_nothing_early(plan: ReceiptPlan, work: Work) -> ReceiptPlan:
    """The last part of an order line completes it. Whichever is received first, though: where another part has no receipt
    yet, none completes the line, or there would be nothing left to receive the other on."""
    if not any(line.completes for line in plan.lines):
        return plan
    outstanding = work.outstanding()
    lines = tuple(
        line.model_copy(update={"completes": False}) if (line.order_number, line.line_number) in outstanding else line
        for line in plan.lines
    )
    return plan.model_copy(update={"lines": lines})


def _continued(number: str, visma: VismaClient, work: Work) -> Row[PurchaseReceiptDto]:
    """The half-made receipt of an earlier attempt. One that people took away there is forgotten, and a person asked."""
    if work.progress.get("receipt") != number:
        work.remember(receipt=number)
    try:
        row = visma.receipt(number)[0]
    except NotFound as error:
        work.must_be_settled(f"Receipt {number} is not visible yet.")
        _forget(work)
        raise Rejected(f"Receipt {number}, half made, is not in Visma any more. Replay to make a new one.") from error
    if row.dto.status == "Cancelled":
        _forget(work)
        raise Rejected(f"Receipt {number}, half made, was cancelled in Visma. Replay to make a new one.")
    return row


def _forget(work: Work) -> None:
    work.remember(receipt="", adding=False, changing=False, told=False, releasing=False, open=False)


def _once_settled(work: Work, step: str, otherwise: str) -> None:
    """A step whose repetition may do harm is not repeated while the earlier one may still run. Raises Unsettled."""
    if work.progress.get(step):
        work.must_be_settled(otherwise)
    work.remember(**{step: True})


def _is_ours(dto: PurchaseReceiptDto, plan: ReceiptPlan, work: Work) -> bool:
    """By our key; where the company's custom fields do not come back, by the shipment id of a receipt still on hold."""
    if dto.custom_str1:
        return is_same_reference(dto.custom_str1, plan.key)
    taken = work.progress.get("taken", [])
    same = is_same_reference(dto.supplier_ref, plan.reference)
    return same and dto.status == "Hold" and dto.receipt_nbr not in taken


def _header(plan: ReceiptPlan, visma: VismaClient, work: Work) -> str:
    work.must_be_settled(f"Receipt {plan.reference} is not visible in Visma yet.")
    work.before_call()
    number = visma.create_receipt(
        PurchaseReceiptUpdate(
            receipt_type="PoReceipt",
            hold=True,
            date=plan.date,
            supplier_id=plan.supplier,
            supplier_ref=plan.reference,
            create_bill=False,  # the invoice comes through us: otherwise the goods are invoiced twice
            branch_number=plan.branch or None,
            custom_str1=plan.key,
            note=plan.note or None,
        )
    )
    work.remember(receipt=number)
    return number


def _add_lines(plan: ReceiptPlan, number: str, visma: VismaClient, work: Work, *, fresh: bool) -> None:
    """Whether a repeat doubles lines is unknown (visma.md §10): never repeated while the first may still run."""
    if fresh:
        work.remember(adding=True)
    else:
        _once_settled(work, "adding", f"The lines of receipt {number} are not visible yet.")
    by_order: dict[str, list[int]] = {}
    for line in plan.lines:
        by_order.setdefault(line.order_number, []).append(line.line_number)
    work.before_call()
    visma.add_order_lines(number, AddPurchaseOrderLines.of(by_order))


def _with_lines(number: str, visma: VismaClient) -> Row[PurchaseReceiptDto]:
    """The receipt with its lines; a queued action shows them later (visma.md §9.3)."""
    row = _shown(number, visma)
    if not row.dto.lines:
        raise InDoubt(f"The lines of receipt {number} are not visible yet.")
    return row


def _changes(plan: ReceiptPlan, dto: PurchaseReceiptDto) -> list[PurchaseReceiptLineUpdate]:
    """What must be said so that the receipt shows what was shipped."""
    shown = _by_order_line(dto)
    changes = []
    for line in plan.lines:
        there = shown.get((line.order_number, line.line_number))
        if there is None or there.line_nbr is None:
            raise Rejected(
                f"Receipt {dto.receipt_nbr} does not show {line.name}; Visma may have completed or cancelled it."
            )
        if not _as_planned(there, line):
            changes.append(
                PurchaseReceiptLineUpdate(
                    line_nbr=there.line_nbr,
                    receipt_qty=line.quantity,
                    complete_po_line=line.completes,
                    allocations=_allocations(there, line) or None,
                )
            )
    return changes


def _shown(number: str, visma: VismaClient) -> Row[PurchaseReceiptDto]:
    """A receipt that was just written. Raises InDoubt when it does not come: what was written is then not known to be there."""
    try:
        return visma.receipt(number)[0]
    except (Transient, NotFound, Unreadable) as error:
        raise InDoubt(f"What was written to receipt {number} cannot be seen yet: {error}") from error


def _changed(
    number: str, changes: list[PurchaseReceiptLineUpdate], visma: VismaClient, work: Work
) -> Row[PurchaseReceiptDto]:
    """The receipt afterwards. The warehouse may release it in this very moment: then what it shows is verified as it is."""
    try:
        visma.update_receipt(number, PurchaseReceiptUpdate(lines=changes))
    except Rejected as refused:
        return _released_meanwhile(number, refused, visma)
    work.remember(told=True)
    return _shown(number, visma)


def _released_meanwhile(number: str, refused: Rejected, visma: VismaClient) -> Row[PurchaseReceiptDto]:
    """The receipt, if that is why a change was refused. Raises `refused` otherwise."""
    row = visma.receipt(number)[0]
    if row.dto.status != "Released":
        raise refused
    return row


def _as_planned(there: PurchaseReceiptLineDto, line: ReceiptLinePlan) -> bool:
    lots = {lot.lot_serial_number for lot in there.allocations}
    return (
        there.receipt_qty == line.quantity
        and bool(there.complete_po_line) == line.completes
        and all(lot.number in lots for lot in line.lots)
    )


def _allocations(there: PurchaseReceiptLineDto, line: ReceiptLinePlan) -> list[AllocationUpdate]:
    shown = {lot.lot_serial_number for lot in there.allocations}
    return [
        AllocationUpdate(
            lot_serial_number=lot.number, quantity=lot.quantity, uom=line.unit, expiration_date=lot.expires
        )
        for lot in line.lots
        if lot.number not in shown
    ]


def _verify(plan: ReceiptPlan, dto: PurchaseReceiptDto, work: Work, *, appearing: bool) -> None:
    """The receipt shows each planned line once, with its quantity, and no other line.

    Raises InDoubt while quantities that Visma has taken may still be `appearing`, else Rejected.
    """
    wanted = {(line.order_number, line.line_number): line for line in plan.lines}
    shown = [(line.po_order_nbr, line.po_order_line_nbr) for line in dto.lines]
    if sorted(map(str, shown)) != sorted(map(str, wanted)):
        raise Rejected(
            f"Receipt {dto.receipt_nbr} shows other lines than the ship notice. Correct it in Visma, then replay."
        )
    for key, there in _by_order_line(dto).items():
        if there.receipt_qty != wanted[key].quantity:
            if appearing:
                raise InDoubt(f"The quantities of receipt {dto.receipt_nbr} are not visible yet.")
            work.remember(told=False)
            raise Rejected(
                f"Receipt {dto.receipt_nbr} shows {there.receipt_qty} {there.uom} for {wanted[key].name}, "
                f"not {wanted[key].quantity}. Correct it in Visma, then replay."
            )


def _by_order_line(dto: PurchaseReceiptDto) -> dict[tuple[str, int], PurchaseReceiptLineDto]:
    return {(line.po_order_nbr, line.po_order_line_nbr or 0): line for line in dto.lines}


def _release(number: str, row: Row[PurchaseReceiptDto], visma: VismaClient, work: Work) -> Row[PurchaseReceiptDto]:
    try:
        if row.dto.hold or row.dto.status == "Hold":
            work.before_call()
            visma.update_receipt(number, PurchaseReceiptUpdate(hold=False))
        _once_settled(work, "releasing", f"The release of receipt {number} is not visible yet.")
        work.before_call()
        result = visma.release_receipt(number)
    except Rejected as refused:
        return _released_meanwhile(number, refused, visma)
    return _acted(number, "Released", result, visma)


def _cancel(plan: ReceiptPlan, visma: VismaClient, work: Work) -> Row[PurchaseReceiptDto] | None:
    """Cancels the receipt of the ship notice that this one replaces; a released one is never touched. None: it is gone."""
    number = plan.cancels
    try:
        row = visma.receipt(number)[0]
    except NotFound:
        if any(each.dto.receipt_nbr == number for each in visma.find_receipts(plan.supplier, None)):
            raise InDoubt(f"Visma lists receipt {number}, but answers 404 for it.") from None
        return None
    if row.dto.status == "Cancelled":
        return row
    if row.dto.status == "Released":
        raise Rejected(f"Receipt {number} is released meanwhile and cannot be cancelled: return the goods in Visma.")
    _once_settled(work, "cancelling", f"The cancellation of receipt {number} is not visible yet.")
    work.before_call()
    return _acted(number, "Cancelled", visma.cancel_receipt(number), visma)


def _acted(number: str, status: str, result: ActionResult, visma: VismaClient) -> Row[PurchaseReceiptDto]:
    """The receipt after an action, which may be queued (visma.md §4). Raises InDoubt until it is seen to have happened."""
    said = result.action_result
    row = None if said.casefold() in ("queued", "inprocess") else _shown(number, visma)
    if row is None or row.dto.status != status:
        raise InDoubt(f"Receipt {number} is not {status} yet{f': Visma says {said}' if said else ''}.")
    return row
