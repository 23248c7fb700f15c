"""Figures: what stands where on an order, line by line, and what the dashboard counts.

Computed from DocumentLine and the mirrored bookings alone, so that they are right after any replay. Each function asks a
fixed number of queries, however many orders or documents there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from audit.models import Document, DocumentLine, Kind, Status
from audit.standing import AS_ORDERED, RECEIPT, LineStand, line_stand
from mapping.lookup import units_for
from mapping.matching import Units
from mapping.models import BookingLine, Company, Order, OrderLine

__all__ = [
    "LineStand",
    "OrderStand",
    "by_kind_and_status",
    "line_stand",
    "order_lines",
    "order_stands",
    "since",
    "unanswered",
    "unpicked",
]

UNPICKED_AFTER = timedelta(minutes=30)
UNANSWERED_AFTER = timedelta(days=3)


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
    """Where each of these orders stands, by the order's pk; six queries for any number of orders."""
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
    """Papers that arrived (`in`) and that were delivered (`out` to SPS, `booked` in Visma) since then.

    Two queries, each over its own index: one for both would read every document.
    """
    outbound, stands = Q(kind=Kind.ORDER), Q(status=Status.DELIVERED)
    delivered = _of(company).filter(delivered_at__gte=moment)  # the status is asked for below, or its index were taken
    return {
        "in": _of(company).filter(~outbound, created_at__gte=moment).count(),
        **delivered.aggregate(out=Count("pk", filter=outbound & stands), booked=Count("pk", filter=~outbound & stands)),
    }


def _of(company: Company | None) -> QuerySet[Document]:
    return Document.objects.filter(company=company) if company else Document.objects.all()


def _stands(orders: Sequence[Order]) -> dict[int, list[LineStand]]:
    """Four queries: the lines, what documents say about them, what Visma has booked on them and on their receipts."""
    lines = list(OrderLine.objects.filter(order__in=orders, is_present=True).select_related("order__company"))
    said: dict[int, list[DocumentLine]] = defaultdict(list)
    for row in _document_lines(lines):
        if row.order_line_id is not None:
            said[row.order_line_id].append(row)
    booked = _booked(lines)
    units = _units(lines, booked)
    found: dict[int, list[LineStand]] = {order.pk: [] for order in orders}
    for line in lines:
        known = units.get(line.order.company_id, AS_ORDERED)
        found[line.order_id].append(line_stand(line, said[line.pk], booked.get(line.pk, []), known))
    return found


def _document_lines(lines: Iterable[OrderLine]) -> QuerySet[DocumentLine]:
    return (
        DocumentLine.objects.filter(order_line__in=[line.pk for line in lines])
        .exclude(document__status__in=(Status.FAILED, Status.IGNORED))
        .exclude(document__kind=Kind.ORDER)
        .select_related("document")
        .defer("document__output", "document__progress")
    )


def _booked(lines: Sequence[OrderLine]) -> dict[int, list[BookingLine]]:
    """What Visma has booked on each of these lines; invoices may name the receipt and not the order."""
    keys = {(line.order.company_id, line.order.number, line.number): line.pk for line in lines}
    companies = {line.order.company_id for line in lines}
    rows = BookingLine.objects.filter(booking__company__in=companies).select_related("booking")
    found: dict[int, list[BookingLine]] = defaultdict(list)
    received: dict[tuple[int, str, int | None], int] = {}
    for row in rows.filter(order_number__in={line.order.number for line in lines}):
        key = keys.get((row.booking.company_id, row.order_number, row.order_line_number or -1))
        if key is not None:
            found[key].append(row)
            if row.booking.type == RECEIPT:
                received[(row.booking.company_id, row.booking.number, row.number)] = key
    for row in rows.filter(order_number="", receipt_number__in={number for _, number, _ in received}):
        key = received.get((row.booking.company_id, row.receipt_number, row.receipt_line_number))
        if key is not None:
            found[key].append(row)
    return found


def _units(lines: Sequence[OrderLine], booked: Mapping[int, Sequence[BookingLine]]) -> dict[int, Units]:
    """By company, only where somebody booked in another unit than was ordered: two queries for each such company."""
    items: dict[Company, set[str]] = defaultdict(set)
    for line in lines:
        if any(row.unit and line.unit and row.unit != line.unit for row in booked.get(line.pk, ())):
            items[line.order.company].add(line.item)
    return {company.pk: units_for(company, None, named) for company, named in items.items()}


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
