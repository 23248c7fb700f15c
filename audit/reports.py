"""Figures: what stands where on an order, line by line, and what the dashboard counts.

Computed from DocumentLine and the mirrored bookings alone, so that they are right after any replay. Each function asks a
fixed number of queries, however many orders or documents there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from django.db.models import Count, Q, QuerySet

from audit.models import Document, DocumentLine, Kind, Status
from mapping.models import Booking, BookingLine, Company, Order, OrderLine

UNPICKED_AFTER = timedelta(minutes=30)
UNANSWERED_AFTER = timedelta(days=3)
ON_THE_WAY = (Status.MATCHED, Status.DELIVERING, Status.DELIVERED)
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

    @property
    def open(self) -> Decimal:
        """What nobody has answered yet; negative where more was confirmed than ordered."""
        return self.ordered - self.confirmed - self.backordered - self.rejected


@dataclass(frozen=True)
class OrderStand:
    """Where an order stands, for one row of a list."""

    sent: Document | None = None
    answered: bool = False
    documents: int = 0
    waiting: int = 0
    lines: list[LineStand] = field(default_factory=list)

    @property
    def step(self) -> str:
        """The furthest step: `not sent`, `sent`, `picked up`, `answered`, `shipped`, `received` or `invoiced`."""
        lines = [stand for stand in self.lines if stand.ordered]
        if lines and all(stand.invoiced >= stand.ordered for stand in lines):
            return "invoiced"
        if lines and all(stand.received >= stand.ordered for stand in lines):
            return "received"
        if any(stand.received for stand in lines):
            return "partly received"
        if any(stand.shipped for stand in lines):
            return "shipped"
        if self.answered:
            return "answered"
        return self._outward()

    def _outward(self) -> str:
        if self.sent is None:
            return "not sent"
        if self.sent.status != Status.DELIVERED:
            return str(self.sent.get_status_display())
        return "picked up" if self.sent.picked_up_at else "sent"


def order_lines(order: Order) -> list[LineStand]:
    """The roll-up of one order, in the order's sequence of lines."""
    return _stands([order])[order.pk]


def order_stands(orders: Sequence[Order]) -> dict[int, OrderStand]:
    """Where each of these orders stands, by the order's pk; five queries for any number of orders."""
    stands = _stands(orders)
    sent = _outgoing(orders)
    answers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    named = Document.objects.filter(orders__order__in=orders).exclude(kind=Kind.ORDER)
    for pk, kind, status in named.values_list("orders__order", "kind", "status"):
        if pk in stands:
            answers[pk].append((kind, status))
    return {
        order.pk: OrderStand(
            sent=sent.get(order.pk),
            answered=any(status not in (Status.FAILED, Status.IGNORED) for _, status in answers[order.pk]),
            documents=len(answers[order.pk]),
            waiting=sum(status in (Status.HELD, Status.FAILED) for _, status in answers[order.pk]),
            lines=stands[order.pk],
        )
        for order in orders
    }


def by_kind_and_status(company: Company | None = None) -> dict[str, dict[str, int]]:
    """How many documents stand where: kind, then status. One query over an index."""
    found: dict[str, dict[str, int]] = {}
    rows = _of(company).order_by().values_list("kind", "status").annotate(number=Count("pk"))
    for kind, status, number in rows:
        found.setdefault(kind, {})[status] = number
    return found


def unpicked(now: datetime, company: Company | None = None) -> QuerySet[Document]:
    """Orders that lie at SPS longer than UNPICKED_AFTER and were not taken."""
    return _of(company).filter(
        kind=Kind.ORDER, status=Status.DELIVERED, picked_up_at=None, delivered_at__lt=now - UNPICKED_AFTER
    )


def unanswered(now: datetime, company: Company | None = None) -> QuerySet[Document]:
    """Orders that went out longer than UNANSWERED_AFTER ago and that nobody answered."""
    return _of(company).filter(
        kind=Kind.ORDER, status=Status.DELIVERED, answered_at=None, delivered_at__lt=now - UNANSWERED_AFTER
    )


def since(moment: datetime, company: Company | None = None) -> dict[str, int]:
    """Papers that arrived (`in`) and that were delivered (`out` to SPS, `booked` in Visma) since then; one query."""
    outbound, delivered = Q(kind=Kind.ORDER), Q(delivered_at__gte=moment, status=Status.DELIVERED)
    return (
        _of(company)
        .filter(Q(created_at__gte=moment) | delivered)
        .aggregate(
            **{
                "in": Count("pk", filter=~outbound & Q(created_at__gte=moment)),
                "out": Count("pk", filter=outbound & delivered),
                "booked": Count("pk", filter=~outbound & delivered),
            }
        )
    )


def _of(company: Company | None) -> QuerySet[Document]:
    return Document.objects.filter(company=company) if company else Document.objects.all()


def _stands(orders: Sequence[Order]) -> dict[int, list[LineStand]]:
    """Three queries: the lines, what documents say about them, what Visma has booked on them."""
    lines = list(OrderLine.objects.filter(order__in=orders, is_present=True).select_related("order"))
    said: dict[int, list[DocumentLine]] = defaultdict(list)
    for row in _document_lines(lines):
        if row.order_line_id is not None:
            said[row.order_line_id].append(row)
    booked = _booked(orders)
    found: dict[int, list[LineStand]] = {order.pk: [] for order in orders}
    for line in lines:
        key = (line.order.company_id, line.order.number, line.number)
        found[line.order_id].append(line_stand(line, said[line.pk], booked.get(key, [])))
    return found


def _document_lines(lines: Iterable[OrderLine]) -> QuerySet[DocumentLine]:
    return (
        DocumentLine.objects.filter(order_line__in=[line.pk for line in lines])
        .exclude(document__status__in=(Status.FAILED, Status.IGNORED))
        .exclude(document__kind=Kind.ORDER)
        .select_related("document")
        .defer("document__output", "document__progress")
    )


def _booked(orders: Sequence[Order]) -> dict[tuple[int, str, int | None], list[BookingLine]]:
    """What Visma has booked, by company, order number and line number."""
    rows = BookingLine.objects.filter(
        order_number__in={order.number for order in orders},
        booking__company__in={order.company_id for order in orders},
    ).select_related("booking")
    found: dict[tuple[int, str, int | None], list[BookingLine]] = defaultdict(list)
    for row in rows:
        found[(row.booking.company_id, row.order_number, row.order_line_number)].append(row)
    return found


def line_stand(line: OrderLine, said: Sequence[DocumentLine], booked: Sequence[BookingLine]) -> LineStand:
    """One line's stand, from what documents say about it and what Visma has booked on it. Pure."""
    answers = _standing([row for row in said if row.document.kind == Kind.ORDER_ACK])
    shipped = [row for row in said if row.document.kind == Kind.SHIPMENT and row.document.status in ON_THE_WAY]
    receipts = [row for row in booked if row.booking.kind == Booking.Kind.RECEIPT]
    dates = [row.date for row in answers if row.date and (row.confirmed or row.backordered)]
    return LineStand(
        line=line,
        ordered=ZERO if line.cancelled else line.quantity,
        confirmed=sum((row.confirmed for row in answers), ZERO),
        backordered=sum((row.backordered for row in answers), ZERO),
        rejected=sum((row.rejected for row in answers), ZERO),
        shipped=sum((row.shipped for row in shipped), ZERO),
        received=sum((_signed(row) for row in receipts if row.booking.status == "Released"), ZERO),
        unreleased=sum((_signed(row) for row in receipts if row.booking.status in ("Hold", "Balanced")), ZERO),
        invoiced=_invoiced(said, booked),
        promised=max(dates, default=None) or line.promised,
        paid=_paid([row for row in booked if row.booking.kind == Booking.Kind.INVOICE]),
    )


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
    return -abs(row.quantity) if row.booking.type in ("PoReturn", "DebitAdj") else row.quantity


def _outgoing(orders: Sequence[Order]) -> dict[int, Document]:
    """The latest outgoing document of each order that is not ignored."""
    rows = (
        Document.objects.filter(kind=Kind.ORDER, number__in={order.number for order in orders})
        .filter(company__in={order.company_id for order in orders})
        .exclude(status=Status.IGNORED)
        .defer("output", "progress")
        .order_by("revision", "pk")
    )
    by_number = {(row.company_id, row.number): row for row in rows}
    return {
        order.pk: by_number[(order.company_id, order.number)]
        for order in orders
        if (order.company_id, order.number) in by_number
    }
