"""What other documents and Visma's bookings say about the orders of one document: the facts that flows decide by."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from audit.models import Document, DocumentLine, Kind, Status
from connector.flows.verdict import ZERO, ReceiptLine, Rival
from mapping.matching import Difference
from mapping.models import Booking, BookingLine, Order

ON_THE_ROAD = (Status.MATCHED, Status.DELIVERING, Status.DELIVERED)
UNDER_WAY = (Status.RECEIVED, Status.WAITING, Status.MATCHED, Status.DELIVERING)
GONE = ("Cancelled", "Voided")


class StoredFacts:
    """Facts from the database; made inside the transaction that locks the orders concerned (`connector.pipeline`)."""

    def __init__(self, document: Document, orders: Sequence[Order], *, business_key: str, now: dt.datetime) -> None:
        self.key = document.key
        self.today = now.astimezone(ZoneInfo(document.company.time_zone)).date()
        self.patience_over = now >= document.created_at + dt.timedelta(hours=settings.WAITING_PATIENCE_HOURS)
        self.purpose = document.purpose
        self.answered = _answered(document)
        self.rivals = _rivals(document, business_key)
        self._document = document
        self._numbers = [order.number for order in orders]
        self._accepted = set(
            document.decisions.filter(content_hash=document.content_hash).values_list("cause", "subject")
        )
        self._others = list(
            DocumentLine.objects.filter(order_line__order__in=orders)
            .exclude(document=document)
            .exclude(document__status__in=(Status.FAILED, Status.IGNORED))
            .select_related("document", "order_line")
        )
        self._bookings = list(
            BookingLine.objects.filter(booking__company=document.company)
            .filter(Q(order_number__in=self._numbers) | Q(receipt_number__in=self._receipts_of(document)))
            .exclude(booking__status__in=GONE)
            .exclude(booking__number__in=_refs(document))  # what this document itself has made so far
            .select_related("booking")
            .order_by("booking__date", "booking__number", "number")
        )
        self._keys = {
            (line.order.number, line.number): line.pk
            for order in orders
            for line in order.lines.select_related("order")
        }

    def accepts(self, difference: Difference) -> bool:
        """Whether a person has accepted this, for exactly this content."""
        return (difference.cause, difference.subject[:200]) in self._accepted

    def shipped(self, order_line: int) -> Decimal:
        """Our ship notices (as the warehouse counted them, once it did), and receipts that others made."""
        ours, total = self._our_refs(Kind.SHIPMENT, Kind.ORDER_ACK), ZERO
        counted = self._counted(order_line)
        for line in self._lines(order_line, Kind.SHIPMENT):
            if line.document.status in ON_THE_ROAD:
                total += counted.get(_ref(line.document), line.shipped)
        papers = {_ref(line.document) for line in self._lines(order_line, Kind.SHIPMENT)}
        return total + sum(
            (row.quantity for row in self._receipts(order_line) if row.booking.number not in ours & papers), ZERO
        )

    def invoiced(self, order_line: int) -> Decimal:
        """Our invoices and those that others made, each once."""
        ours = self._our_refs(Kind.INVOICE)
        papers = sum(
            (line.invoiced for line in self._lines(order_line, Kind.INVOICE) if line.document.status in ON_THE_ROAD),
            ZERO,
        )
        others = [row for row in self._invoices(order_line) if row.booking.number not in ours]
        return papers + sum((row.quantity for row in others), ZERO)

    def on_the_way(self, order_line: int) -> bool:
        """Whether a ship notice or an unreleased receipt is under way."""
        notices = any(line.document.status in UNDER_WAY for line in self._lines(order_line, Kind.SHIPMENT))
        return notices or any(row.booking.status != "Released" for row in self._receipts(order_line))

    def receipt_lines(self, order_number: str, line: int) -> Sequence[ReceiptLine]:
        """The receipt lines of an order line, oldest first, less what is invoiced of them."""
        key = self._keys.get((order_number, line), 0)
        return [
            ReceiptLine(
                receipt=row.booking.number,
                line=row.number,
                released=row.booking.status == "Released",
                open=max(row.quantity - self._taken(row.booking.number, row.number), ZERO),
            )
            for row in self._receipts(key)
        ]

    def overridden(self, order_line: int, location: str, date: dt.date | None) -> bool:
        """Whether a newer acknowledgment speaks about the line; of one day the one that came later."""
        ours = (date or dt.date.min, self._document.created_at, self._document.pk)
        return any(
            (line.document.date or dt.date.min, line.document.created_at, line.document.pk) > ours
            for line in self._lines(order_line, Kind.ORDER_ACK)
            if line.location == location and line.document.status not in (Status.RECEIVED, Status.WAITING)
        )

    def promised_elsewhere(self, order_line: int, location: str) -> dt.date | None:
        """The latest date promised for the same line at other locations."""
        dates = [
            line.date for line in self._lines(order_line, Kind.ORDER_ACK) if line.location != location and line.date
        ]
        return max(dates, default=None)

    def typed_by_hand(self, supplier: Sequence[str], reference: str) -> tuple[str, Decimal | None] | None:
        """A supplier invoice in Visma that no document of ours has made; never once we may have posted ourselves."""
        if self._document.progress.get("called_at"):
            return None
        found = Booking.objects.filter(
            company=self._document.company,
            kind=Booking.Kind.INVOICE,
            type="Invoice",
            supplier_number__in=supplier,
            reference__iexact=reference,
        ).exclude(status__in=GONE)
        ours = Document.objects.filter(company=self._document.company, kind=Kind.INVOICE).exclude(output_ref="")
        typed = found.exclude(number__in=ours.values("output_ref")).first()
        return (typed.number, typed.amount) if typed else None

    def _lines(self, order_line: int, kind: str) -> list[DocumentLine]:
        return [line for line in self._others if line.order_line_id == order_line and line.document.kind == kind]

    def _our_refs(self, *kinds: str) -> set[str]:
        return {_ref(line.document) for line in self._others if line.document.kind in kinds} - {""}

    def _rows(self, order_line: int, kind: str) -> list[BookingLine]:
        return [
            row
            for row in self._bookings
            if row.booking.kind == kind
            and self._keys.get((row.order_number, row.order_line_number or -1)) == order_line
        ]

    def _receipts(self, order_line: int) -> list[BookingLine]:
        return [row for row in self._rows(order_line, Booking.Kind.RECEIPT) if row.booking.type == "PoReceipt"]

    def _invoices(self, order_line: int) -> list[BookingLine]:
        """By the order line they name, else by the receipt line they are linked to."""
        receipts = {(row.booking.number, row.number) for row in self._receipts(order_line)}
        named = self._rows(order_line, Booking.Kind.INVOICE)
        linked = [
            row
            for row in self._bookings
            if row.booking.kind == Booking.Kind.INVOICE and (row.receipt_number, row.receipt_line_number) in receipts
        ]
        return list({row.pk: row for row in [*named, *linked]}.values())

    def _counted(self, order_line: int) -> dict[str, Decimal]:
        """What the warehouse counted, by receipt: only a released receipt has been counted."""
        counted: dict[str, Decimal] = defaultdict(Decimal)
        for row in self._receipts(order_line):
            if row.booking.status == "Released":
                counted[row.booking.number] += row.quantity
        return counted

    def _taken(self, receipt: str, line: int) -> Decimal:
        """What is invoiced of a receipt line: by bookings, and by our papers that are not mirrored as bookings yet."""
        booked = [row for row in self._bookings if (row.receipt_number, row.receipt_line_number) == (receipt, line)]
        mirrored = {row.booking.number for row in booked}
        papers = [
            other.invoiced
            for other in self._others
            if (other.receipt_number, other.receipt_line_number) == (receipt, line)
            and other.document.status in ON_THE_ROAD
            and _ref(other.document) not in mirrored
        ]
        return sum((row.quantity for row in booked if row.booking.kind == Booking.Kind.INVOICE), ZERO) + sum(
            papers, ZERO
        )

    def _receipts_of(self, document: Document) -> list[str]:
        """The receipts of these orders: invoices may name the receipt and not the order."""
        rows = BookingLine.objects.filter(
            booking__company=document.company, booking__kind=Booking.Kind.RECEIPT, order_number__in=self._numbers
        )
        return list(rows.values_list("booking__number", flat=True).distinct())


def _refs(document: Document) -> list[str]:
    """The bookings that a document has made, also when it is not delivered yet."""
    known = (document.output_ref, document.progress.get("receipt", ""), document.progress.get("invoice", ""))
    return [ref for ref in known if ref]


def _ref(document: Document) -> str:
    return next(iter(_refs(document)), "")


def _answered(document: Document) -> bool:
    """Whether an earlier revision of the order has been answered by a paper that counts."""
    if document.kind != Kind.ORDER:
        return False
    answers = Document.objects.filter(company=document.company, orders__order_number=document.number)
    return (
        answers.filter(kind__in=(Kind.ORDER_ACK, Kind.SHIPMENT, Kind.INVOICE))
        .exclude(status__in=(Status.IGNORED, Status.FAILED))
        .exists()
    )


def _rivals(document: Document, business_key: str) -> list[Rival]:
    """Documents with the same key; without a complete key those with the same content (sps.md §4.3).

    Later ones count once they are decided, so that two at the same moment cannot both pass. One that was ignored as a
    duplicate of this very document does not count: otherwise each would point to the other.
    """
    if document.kind == Kind.ORDER:
        return []
    same = Q(business_key=business_key) if business_key else Q(business_key="", content_hash=document.content_hash)
    first = Q(pk__lt=document.pk) | ~Q(status=Status.RECEIVED)
    rows = Document.objects.filter(same, first, company=document.company, kind=document.kind).exclude(pk=document.pk)
    return [
        Rival(
            id=row.pk,
            status=row.status,
            same_content=row.content_hash == document.content_hash and row.status != Status.FAILED,
            purpose=row.purpose,
            output_ref=_ref(row),
            order_numbers=frozenset(order.order_number for order in row.orders.all()),
        )
        for row in rows.prefetch_related("orders").order_by("pk")
        if row.progress.get("duplicate_of") != document.pk
    ]
