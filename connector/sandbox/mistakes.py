"""What suppliers get wrong, each in one stated way, and which cause of a hold should follow (the simulator's answer key)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["delivered", "held", "waiting", "ignored"]
Stage = Literal["order_ack", "shipment", "invoice"]


@dataclass(frozen=True)
class Mistake:
    """One way to be wrong: in which paper, where that paper must end, and the causes that would be right."""

    stage: Stage
    outcome: Outcome = "held"
    causes: tuple[str, ...] = ()
    ends_the_story: bool = False  # nothing more comes for this order
    beside_the_right_one: bool = False  # an extra paper; the right one comes too


MISTAKES: dict[str, Mistake] = {
    "ack_price": Mistake("order_ack", causes=("price",)),
    "ack_too_much": Mistake("order_ack", causes=("quantity",)),
    "ack_substitute": Mistake("order_ack", causes=("substitution",)),
    "ack_rejected": Mistake("order_ack", causes=("order_rejected",), ends_the_story=True),
    "ack_on_hold": Mistake("order_ack", causes=("order_on_hold",), ends_the_story=True),
    "ship_too_much": Mistake("shipment", causes=("over_shipped", "quantity"), ends_the_story=True),
    "ship_unknown_item": Mistake("shipment", causes=("item_unmapped", "line_conflict"), ends_the_story=True),
    "ship_wrong_line": Mistake("shipment", causes=("line_conflict",), ends_the_story=True),
    "ship_unknown_line": Mistake("shipment", causes=("line_unknown", "line_conflict"), ends_the_story=True),
    "ship_unknown_unit": Mistake("shipment", causes=("unit_unmapped",), ends_the_story=True),
    "ship_unknown_order": Mistake("shipment", "waiting", ("order_unknown",), ends_the_story=True),
    "invoice_price": Mistake("invoice", causes=("price",)),
    "invoice_total": Mistake("invoice", causes=("total",)),
    "invoice_currency": Mistake("invoice", causes=("currency",)),
    "invoice_too_much": Mistake("invoice", causes=("over_invoiced", "quantity")),
    "invoice_unknown_order": Mistake("invoice", "waiting", ("order_unknown",)),
    "invoice_number_reused": Mistake("invoice", causes=("number_reused",), beside_the_right_one=True),
    "invoice_twice": Mistake("invoice", "ignored", beside_the_right_one=True),
    "invoice_credit": Mistake("invoice", causes=("credit_note",), beside_the_right_one=True),
    "invoice_pro_forma": Mistake("invoice", causes=("not_postable",), beside_the_right_one=True),
}


@dataclass(frozen=True)
class Expected:
    """Where one paper must end: `path` and `index` name it (a file may hold several), `causes` are alternatives."""

    path: str
    index: int
    kind: Stage
    number: str
    orders: tuple[str, ...]
    partner: str
    outcome: Outcome
    causes: tuple[str, ...] = ()
    mistake: str = ""
