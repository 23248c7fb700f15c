"""Where one order line stands: what documents say about it and what Visma has booked on it, each thing counted once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby

from audit.models import Cause, DocumentLine, Kind, Status
from mapping.matching import Units, in_six_digits
from mapping.models import Booking, BookingLine, OrderLine

ON_THE_WAY = (Status.MATCHED, Status.DELIVERING, Status.DELIVERED)
RECEIPT = "PoReceipt"
TAKES_BACK = ("PoReturn", "DebitAdj")
AS_ORDERED = Units(mapped=())
ZERO = Decimal(0)


@dataclass(frozen=True)
class LineStand:
    """Where one order line stands; quantities in the order line's unit. confirmed + backordered + rejected + open = ordered."""

    line: OrderLine
    ordered: Decimal = ZERO
    confirmed: Decimal = ZERO
    backordered: Decimal = ZERO
    rejected: Decimal = ZERO
    shipped: Decimal = ZERO
    received: Decimal = ZERO
    unreleased: Decimal = ZERO
    invoiced: Decimal = ZERO
    promised: date | None = None
    paid: str = ""
    """Of what is invoiced: `paid`, `partly paid`, `unpaid`; empty while nothing is."""
    uncounted: tuple[str, ...] = ()
    """Sentences about bookings in a unit that cannot be converted: no figure here has them in it."""

    @property
    def open(self) -> Decimal:
        """What nobody has answered yet; negative where more was confirmed than ordered."""
        return self.ordered - self.confirmed - self.backordered - self.rejected


def line_stand(
    line: OrderLine, said: Sequence[DocumentLine], booked: Sequence[BookingLine], units: Units = AS_ORDERED
) -> LineStand:
    """One line's stand, from what documents say about it and what Visma has booked on it. Pure."""
    booked, uncounted = _as_ordered(line, booked, units)
    answers = _standing([row for row in said if row.document.kind == Kind.ORDER_ACK and not _is_disputed(row)])
    shipped = [row for row in said if row.document.kind == Kind.SHIPMENT and row.document.status in ON_THE_WAY]
    receipts = [row for row in booked if row.booking.kind == Booking.Kind.RECEIPT]
    drafts = [row for row in receipts if row.booking.type == RECEIPT and row.booking.status in ("Hold", "Balanced")]
    dates = [row.date for row in answers if row.date and (row.confirmed or row.backordered)]
    ordered = ZERO if line.cancelled else line.quantity
    confirmed = sum((row.confirmed for row in answers), ZERO)
    backordered = sum((row.backordered for row in answers), ZERO)
    rejected = sum((row.rejected for row in answers), ZERO)
    return LineStand(
        line=line,
        ordered=ordered,
        confirmed=confirmed,
        backordered=backordered,
        rejected=min(rejected, max(ordered - confirmed - backordered, ZERO)),  # of what is still ordered
        shipped=sum((row.shipped for row in shipped), ZERO),
        received=sum((_signed(row) for row in receipts if row.booking.status == "Released"), ZERO),
        unreleased=sum((row.quantity for row in drafts), ZERO),
        invoiced=_invoiced(said, booked),
        promised=max(dates, default=None) or line.promised,
        paid=_paid([row for row in booked if row.booking.kind == Booking.Kind.INVOICE]),
        uncounted=tuple(uncounted),
    )


def _as_ordered(line: OrderLine, booked: Sequence[BookingLine], units: Units) -> tuple[list[BookingLine], list[str]]:
    """The bookings as copies in the unit that was ordered, and sentences about those that nobody can convert."""
    counted, uncounted = [], []
    for row in booked:
        factor = units.between(line.item, row.unit, line.unit)
        if factor is None:
            if row.booking.status not in ("Cancelled", "Voided"):
                said = f"{row.quantity.normalize():f} {row.unit} on {row.booking}"
                uncounted.append(f"{said} are not counted: nobody knows how many {line.unit} that is.")
            continue
        same = copy(row)
        same.quantity = in_six_digits(row.quantity * factor)
        counted.append(same)
    return counted, uncounted


def _paid(rows: Sequence[BookingLine]) -> str:
    """By the invoices' own state in Visma: closed, or nothing left to pay on a released one (visma.md §9.4)."""
    standing = [row.booking for row in rows if row.booking.status != "Voided"]
    settled = [one for one in standing if one.status == "Closed" or (one.status == "Open" and one.balance == ZERO)]
    if not standing:
        return ""
    partly = any(one.balance is not None and one.amount and ZERO < one.balance < one.amount for one in standing)
    if len(settled) == len(standing):
        return "paid"
    return "partly paid" if settled or partly else "unpaid"


def _is_disputed(row: DocumentLine) -> bool:
    """More was acknowledged than ordered, and nobody has accepted it."""
    return row.document.status == Status.HELD and row.document.cause == Cause.QUANTITY


def _standing(rows: Sequence[DocumentLine]) -> list[DocumentLine]:
    """The acknowledgment lines that still count: per location the latest paper's; one for the whole line ends all before it."""
    standing: list[DocumentLine] = []
    places: set[str] = set()
    for _, lines in groupby(sorted(rows, key=_recency, reverse=True), key=lambda row: row.document_id):
        paper = list(lines)
        standing += [row for row in paper if row.location not in places and (row.location or not places)]
        if any(not row.location for row in paper):
            break
        places |= {row.location for row in paper}
    return standing


def _recency(row: DocumentLine) -> tuple[date, datetime, int]:
    return row.document.date or date.min, row.document.created_at, row.document_id


def _invoiced(said: Sequence[DocumentLine], booked: Sequence[BookingLine]) -> Decimal:
    """Our delivered invoices, and those in Visma that are not ours; a voided one counts on neither side."""
    bookings = [row for row in booked if row.booking.kind == Booking.Kind.INVOICE]
    voided = {row.booking.number for row in bookings if row.booking.status == "Voided"}
    ours = [
        row
        for row in said
        if row.document.kind == Kind.INVOICE
        and row.document.status == Status.DELIVERED
        and row.document.output_ref not in voided
    ]
    known = {row.document.output_ref for row in ours} | voided
    theirs = sum((_signed(row) for row in bookings if row.booking.number not in known), ZERO)
    return sum((row.invoiced for row in ours), ZERO) + theirs


def _signed(row: BookingLine) -> Decimal:
    """Returns and a supplier's credit notes take away (visma.md §9.3, §9.4)."""
    return -abs(row.quantity) if row.booking.type in TAKES_BACK else row.quantity
