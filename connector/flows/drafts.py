"""Draft receipts from acknowledgments: what is confirmed and not yet on a receipt, for partners who send no ship notices."""

from __future__ import annotations

from collections.abc import Sequence

from connector.flows.ground import Ground
from connector.flows.hearing import Answer
from connector.flows.receipts import ReceiptLinePlan, ReceiptPlan
from connector.flows.verdict import Facts
from connector.rsx.order_ack import OrderAck
from mapping.matching import in_six_digits


def wanted(found: Ground) -> bool:
    """The partner's rule: receipts are made from acknowledgments, not from ship notices."""
    return found.partner.acknowledgment == found.partner.Acknowledgment.RECEIPT


def receipt(paper: OrderAck, found: Ground, answers: Sequence[Answer], facts: Facts) -> ReceiptPlan | None:
    """A draft receipt of what is confirmed and not yet on one, where the partner's rule says so."""
    if not wanted(found):
        return None
    open_ = [
        (answer, min(answer.confirmed, answer.view.quantity - facts.shipped(answer.view.key)))
        for answer in answers
        if not answer.view.completed
    ]
    lines = tuple(
        ReceiptLinePlan(
            order_number=answer.view.order_number,
            line_number=answer.view.number,
            item=answer.view.item,
            quantity=in_six_digits(quantity),
            unit=answer.view.unit,
            completes=facts.shipped(answer.view.key) + quantity >= answer.view.quantity,
        )
        for answer, quantity in open_
        if quantity > 0
    )
    if not lines:
        return None
    order = found.orders[paper.order_number.strip()]
    reference = paper.number or f"ACK-{order.number}"
    return ReceiptPlan(
        key=facts.key,
        supplier=order.supplier_number,
        reference=reference,
        date=paper.date or facts.today,
        branch=order.branch,
        note=f"Draft made from the supplier's acknowledgment of order {order.number}.",
        lines=lines,
    )
