"""What flows are asked and what they answer: facts in, one verdict out; and the terms on which a delivery runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from connector.sps.client import SpsClient
from connector.visma.client import VismaClient
from connector.visma.schemas import PurchaseReceiptDto, Row, SupplierInvoiceDto
from mapping.matching import Difference

ZERO = Decimal(0)


class Plan(BaseModel):
    """What is to be delivered to Visma, as kept in a document's output. Strict: only what flows put in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Summary:
    """What a paper says of itself."""

    number: str
    trading_partner_id: str
    order_numbers: tuple[str, ...]
    date: dt.date | None = None
    amount: Decimal | None = None
    currency: str = ""
    purpose: str = ""
    business_key: str = ""
    associated: tuple[str, ...] = ()
    """Numbers that count as orders only where the partner's supplier has such an order."""


@dataclass(frozen=True)
class PaperLine:
    """One normalised line of a paper; quantities and price in the order line's unit."""

    position: int
    order_number: str
    line_number: str
    order_line: int | None
    item: str
    unit: str
    location: str = ""
    ordered: Decimal = ZERO
    confirmed: Decimal = ZERO
    backordered: Decimal = ZERO
    rejected: Decimal = ZERO
    shipped: Decimal = ZERO
    invoiced: Decimal = ZERO
    price: Decimal | None = None
    amount: Decimal | None = None
    date: dt.date | None = None
    receipt_number: str = ""
    receipt_line_number: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Ready:
    """Everything is known: this goes out."""

    output: bytes
    lines: Sequence[PaperLine] = ()


@dataclass(frozen=True)
class Waiting:
    """Another document is needed first. When patience is used up, `instead` is asked of a person."""

    reason: str
    instead: Difference
    lines: Sequence[PaperLine] = ()


@dataclass(frozen=True)
class Asking:
    """The papers disagree: people are asked."""

    differences: Sequence[Difference]
    lines: Sequence[PaperLine] = ()


@dataclass(frozen=True)
class Ignoring:
    """Deliberately not delivered; `duplicate_of` names the document that came before.

    With `instead_of` the earlier papers of the number, which never arrived over there, must not arrive any more.
    """

    reason: str
    lines: Sequence[PaperLine] = ()
    duplicate_of: int | None = None
    instead_of: bool = False


Verdict = Ready | Waiting | Asking | Ignoring


@dataclass(frozen=True)
class Rival:
    """An earlier document with the same business key (sps.md §4.3)."""

    id: int
    status: str
    same_content: bool
    purpose: str
    output_ref: str
    order_numbers: frozenset[str]


@dataclass(frozen=True)
class ReceiptLine:
    """A line of a purchase receipt in Visma, and how much of it is still to be invoiced."""

    receipt: str
    line: int
    released: bool
    open: Decimal


class Facts(Protocol):
    """What other documents and bookings say; read under a lock on the orders concerned."""

    today: dt.date
    patience_over: bool
    key: str
    purpose: str
    answered: bool
    as_expense: bool
    rivals: Sequence[Rival]

    def accepts(self, difference: Difference) -> bool:
        """Whether a person has accepted this, for exactly this content."""

    def unclear(self, order_line: int) -> Sequence[Difference]:
        """Bookings of the line whose quantity nobody can tell in the ordered unit: no sum with them is right."""

    def shipped(self, order_line: int) -> Decimal:
        """Shipped or received by others: papers not yet counted by the warehouse, else what was counted; less returns."""

    def received(self, order_line: int) -> Decimal:
        """Received and released, less returns."""

    def invoiced(self, order_line: int) -> Decimal:
        """Invoiced by others, papers and bookings, each once."""

    def on_the_way(self, order_line: int) -> bool:
        """Whether a ship notice or an unreleased receipt is under way."""

    def receipt_lines(self, order_number: str, line: int) -> Sequence[ReceiptLine]:
        """The receipt lines of an order line, oldest first."""

    def overridden(self, order_line: int, location: str, date: dt.date | None) -> bool:
        """Whether a newer acknowledgment speaks about the line."""

    def promised_elsewhere(self, order_line: int, location: str) -> dt.date | None:
        """The latest date promised for the same line at other locations."""

    def acknowledged_elsewhere(self, order_line: int, location: str) -> Decimal:
        """How much of the line the acknowledgments of other locations answer."""

    def has_changed(self, order_number: str) -> bool:
        """Whether a change or a cancellation of the order has gone out."""

    def typed_by_hand(self, supplier: Sequence[str], reference: str) -> tuple[str, Decimal | None] | None:
        """A supplier invoice in Visma that is not ours and bears this reference: its number and amount."""


class Work(Protocol):
    """A delivery under way, as its flow sees it; the pipeline keeps the lease and what is remembered."""

    key: str
    output: bytes
    source: bytes
    source_name: str
    form: str
    since: str
    """The highest stamp that Visma had shown before the first attempt, as text."""
    began: dt.datetime
    """When the first attempt did."""
    now: dt.datetime
    """When this one did."""
    settled: bool
    """Whether 'not found' proves absence by now (house rule 3)."""
    progress: dict[str, Any]

    def outstanding(self) -> Collection[tuple[str, int]]:
        """Order and number of order lines of which another ship notice is known that stands on no receipt yet."""

    def take_turn(self) -> None:
        """Raises Busy while another document of the same order is being received. LeaseLost."""

    def before_call(self) -> None:
        """Renews the lease and notes that a write is about to leave. Raises LeaseLost."""

    def remember(self, **progress: Any) -> None:
        """Keeps what is now known for whoever continues. Raises LeaseLost."""

    def must_be_settled(self, otherwise: str) -> None:
        """Raises Unsettled while an earlier attempt may still show up."""


@dataclass(frozen=True)
class Clients:
    """The two remote systems of a company."""

    visma: VismaClient
    sps: SpsClient


@dataclass(frozen=True)
class Delivered:
    """Where it arrived, and the booking as the receiver now shows it."""

    ref: str
    receipt: Row[PurchaseReceiptDto] | None = None
    invoice: Row[SupplierInvoiceDto] | None = None
    note: str = ""


def is_same_reference(shown: str, sent: str) -> bool:
    """Whether what Visma shows is what we sent: it may have trimmed it, or written it in capitals."""
    return shown.strip().casefold() == sent.strip().casefold()


def uncountable(order_lines: Iterable[int], facts: Facts) -> list[Difference]:
    """What hinders any sum over these order lines, each question once."""
    found = (difference for key in dict.fromkeys(order_lines) for difference in facts.unclear(key))
    return list({(difference.cause, difference.subject): difference for difference in found}.values())


def ask(differences: Sequence[Difference], facts: Facts) -> list[Difference]:
    """The differences that nobody has accepted yet."""
    return [difference for difference in differences if not facts.accepts(difference)]
