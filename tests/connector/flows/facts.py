"""What other documents say, as one test needs it: a stand-in for `connector.facts.StoredFacts`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.flows.verdict import Asking, Ignoring, Ready, ReceiptLine, Rival, Verdict, Waiting
from mapping.matching import Difference

ZERO = Decimal(0)


@dataclass
class Told:
    """Facts as stated; amounts hold for every order line. `accepted` are pairs of cause and subject."""

    today: dt.date = dt.date(2026, 3, 2)
    patience_over: bool = False
    key: str = "mlc-1"
    purpose: str = "00"
    answered: bool = False
    as_expense: bool = False
    rivals: Sequence[Rival] = ()
    accepted: set[tuple[str, str]] = field(default_factory=set)
    was_shipped: Decimal = ZERO
    was_invoiced: Decimal = ZERO
    coming: bool = False
    receipts: Sequence[ReceiptLine] = ()
    newer: bool = False
    elsewhere: dt.date | None = None
    answered_elsewhere: Decimal = ZERO
    changed: bool = False
    typed: tuple[str, Decimal | None] | None = None
    uncountable: Sequence[Difference] = ()

    def accepts(self, difference: Difference) -> bool:
        return (difference.cause, difference.subject) in self.accepted

    def unclear(self, order_line: int) -> Sequence[Difference]:
        return self.uncountable

    def shipped(self, order_line: int) -> Decimal:
        return self.was_shipped

    def received(self, order_line: int) -> Decimal:
        return self.was_invoiced + sum((one.open for one in self.receipts if one.released), ZERO)

    def invoiced(self, order_line: int) -> Decimal:
        return self.was_invoiced

    def on_the_way(self, order_line: int) -> bool:
        return self.coming

    def receipt_lines(self, order_number: str, line: int) -> Sequence[ReceiptLine]:
        return self.receipts

    def overridden(self, order_line: int, location: str, date: dt.date | None) -> bool:
        return self.newer

    def promised_elsewhere(self, order_line: int, location: str) -> dt.date | None:
        return self.elsewhere

    def acknowledged_elsewhere(self, order_line: int, location: str) -> Decimal:
        return self.answered_elsewhere

    def has_changed(self, order_number: str) -> bool:
        return self.changed

    def typed_by_hand(self, supplier: Sequence[str], reference: str) -> tuple[str, Decimal | None] | None:
        return self.typed


def an_earlier(*, same: bool = False, status: str = "delivered", ref: str = "PR1", purpose: str = "00") -> Rival:
    """An earlier paper of the same number."""
    return Rival(7, status, same, purpose, ref, frozenset({"PO100"}))


def released(quantity: int, *, receipt: str = "PR1", line: int = 1) -> ReceiptLine:
    return ReceiptLine(receipt, line, released=True, open=Decimal(quantity))


def outcome(verdict: Verdict) -> str:
    """`ready`, `waiting`, `ignored`, or the causes that are asked about."""
    if isinstance(verdict, Asking):
        assert all(one.sentence.endswith(".") and one.subject for one in verdict.differences)
        return " ".join(dict.fromkeys(one.cause for one in verdict.differences))
    return {Ready: "ready", Waiting: "waiting", Ignoring: "ignored"}[type(verdict)]


def output(verdict: Verdict) -> bytes:
    assert isinstance(verdict, Ready), verdict
    return verdict.output
