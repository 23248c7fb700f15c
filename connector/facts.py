"""What other documents and Visma's bookings say about the orders of one document: the facts that flows decide by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from audit.models import Document, DocumentLine, Kind, Status
from connector.accepted import Accepted
from connector.booked import GONE, Booked, nobodys_invoices, signed
from connector.flows.verdict import ZERO, ReceiptLine, Rival
from mapping import lookup
from mapping.matching import Difference
from mapping.models import Booking, BookingLine, Order

ON_THE_ROAD = (Status.MATCHED, Status.DELIVERING, Status.DELIVERED)
UNDER_WAY = (Status.RECEIVED, Status.WAITING, Status.MATCHED, Status.DELIVERING)
REPLACING = ("01", "05", "U5")


class StoredFacts:
    """Facts from the database; made inside the transaction that locks the orders concerned (`connector.pipeline`)."""

    def __init__(self, document: Document, orders: Sequence[Order], *, business_key: str, now: dt.datetime) -> None:
        self.key = document.key
        self.today = now.astimezone(ZoneInfo(document.company.time_zone)).date()
        self.patience_over = now >= document.created_at + dt.timedelta(hours=settings.WAITING_PATIENCE_HOURS)
        self.purpose = _purpose(document)
        self.answered = _answered(document)
        self.rivals = _rivals(document, business_key)
        self._document = document
        replaced = _replaced(document, self.rivals)
        self._accepted = Accepted(document)
        self.as_expense = self._accepted.as_expense
        self._others = list(
            DocumentLine.objects.filter(order_line__order__in=orders)
            .exclude(document__in=[document, *replaced])
            .exclude(document__status__in=(Status.FAILED, Status.IGNORED))
            .select_related("document", "order_line")
        )
        # neither what this document itself has made so far, nor what it takes the place of
        ours = [ref for one in (document, *replaced) for ref in (*_refs(one), one.progress.get("was", ""))]
        self._booked = Booked(document.company, orders, without=[*ours, *_perhaps_ours(document)])
        self._states = dict(
            Booking.objects.filter(
                company=document.company, number__in={_ref(line.document) for line in self._others}
            ).values_list("number", "status")
        )

    def accepts(self, difference: Difference) -> bool:
        """Whether a person has accepted this, for exactly this content, and not less than it says by now."""
        return self._accepted.covers(difference)

    def unclear(self, order_line: int) -> Sequence[Difference]:
        """Bookings that cannot be counted, because nobody knows how much they are in the ordered unit."""
        return self._booked.unclear(order_line)

    def shipped(self, order_line: int) -> Decimal:
        """Our ship notices (as the warehouse counted them, once it did), and receipts that others made; less returns."""
        papers = [line for line in self._standing(order_line, Kind.SHIPMENT, Kind.ORDER_ACK) if line.shipped]
        ours = {_ref(line.document) for line in papers}
        others = [row for row in self._booked.receipts(order_line) if row.booking.number not in ours]
        counted = self._booked.counted(order_line)
        total = sum((self._arrived(line, counted) for line in papers), ZERO) + sum(
            (row.quantity for row in others), ZERO
        )
        return max(total - self._booked.returned(order_line), ZERO)

    def received(self, order_line: int) -> Decimal:
        """Counted by the warehouse, whoever made the receipt; less returns."""
        return max(sum(self._booked.counted(order_line).values(), ZERO) - self._booked.returned(order_line), ZERO)

    def invoiced(self, order_line: int) -> Decimal:
        """Our invoices and those that others made, each once."""
        papers = self._standing(order_line, Kind.INVOICE)
        ours = {_ref(line.document) for line in papers}
        others = (signed(row) for row in self._booked.invoices(order_line) if row.booking.number not in ours)
        return sum((line.invoiced for line in papers), ZERO) + sum(others, ZERO)

    def on_the_way(self, order_line: int) -> bool:
        """Whether a ship notice or an unreleased receipt is under way."""
        notices = any(line.document.status in UNDER_WAY for line in self._lines(order_line, Kind.SHIPMENT))
        return notices or any(row.booking.status != "Released" for row in self._booked.receipts(order_line))

    def receipt_lines(self, order_number: str, line: int) -> Sequence[ReceiptLine]:
        """The receipt lines of an order line, oldest first, less what is invoiced of them and what went back."""
        key = self._booked.keys.get((order_number, line), 0)
        rows = self._booked.receipts(key)
        open_ = [max(row.quantity - self._taken(row.booking.number, row.number), ZERO) for row in rows]
        back = self._not_to_be_paid(key, rows, open_)
        released = [row.booking.status == "Released" for row in rows]
        for place in sorted(range(len(rows)), key=lambda place: not released[place]):  # nothing else can have gone back
            less = min(back, open_[place])
            back, open_[place] = back - less, open_[place] - less
        return [
            ReceiptLine(row.booking.number, row.number, released=counted, open=quantity)
            for row, counted, quantity in zip(rows, released, open_, strict=True)
        ]

    def overridden(self, order_line: int, location: str, date: dt.date | None) -> bool:
        """Whether a newer acknowledgment speaks about the line; of one day the one that came later.

        One that names no location is about all of them.
        """
        ours = (date or dt.date.min, self._document.created_at, self._document.pk)
        return any(
            _recency(line) > ours
            for line in self._lines(order_line, Kind.ORDER_ACK)
            if not _elsewhere(line, location) and line.document.status not in (Status.RECEIVED, Status.WAITING)
        )

    def promised_elsewhere(self, order_line: int, location: str) -> dt.date | None:
        """The latest date promised for the same line at other locations."""
        return max((line.date for line in self._other_places(order_line, location) if line.date), default=None)

    def acknowledged_elsewhere(self, order_line: int, location: str) -> Decimal:
        """How much of the line the acknowledgments of other locations answer."""
        others = self._other_places(order_line, location)
        return sum((line.confirmed + line.backordered + line.rejected for line in others), ZERO)

    def has_changed(self, order_number: str) -> bool:
        """Whether a change or a cancellation of the order has gone out."""
        revisions = Document.objects.filter(company=self._document.company, kind=Kind.ORDER, number=order_number)
        return revisions.filter(revision__gt=1, status__in=(Status.DELIVERING, Status.DELIVERED)).exists()

    def typed_by_hand(self, supplier: Sequence[str], reference: str) -> tuple[str, Decimal | None] | None:
        """A supplier invoice in Visma that no document of ours has made; never once we may have posted ourselves."""
        known = self._document.progress
        if known.get("called_at"):
            return None
        found = nobodys_invoices(self._document.company, supplier, reference)
        typed = next((one for one in found if one.number != known.get("was")), None)
        return (typed.number, typed.amount) if typed else None

    def _lines(self, order_line: int, *kinds: str) -> list[DocumentLine]:
        return [line for line in self._others if line.order_line_id == order_line and line.document.kind in kinds]

    def _standing(self, order_line: int, *kinds: str) -> list[DocumentLine]:
        """Lines of papers that count: on the road, and their booking not cancelled or voided since."""
        return [
            line
            for line in self._lines(order_line, *kinds)
            if line.document.status in ON_THE_ROAD and not self._is_undone(line)
        ]

    def _other_places(self, order_line: int, location: str) -> list[DocumentLine]:
        """Of each other location the latest acknowledgment, where that one counts."""
        latest: dict[str, DocumentLine] = {}
        for line in sorted(self._lines(order_line, Kind.ORDER_ACK), key=_recency):
            if not line.location:
                latest.clear()  # about all locations: what they said before is over
            elif _elsewhere(line, location):
                latest[line.location] = line
        return [line for line in latest.values() if line.document.status in ON_THE_ROAD]

    def _arrived(self, line: DocumentLine, counted: dict[str, Decimal]) -> Decimal:
        """What is expected of a paper; once its receipt is released what was counted, were it nothing."""
        ref = _ref(line.document)
        return counted.get(ref, ZERO if self._states.get(ref) == "Released" else line.shipped)

    def _not_to_be_paid(self, order_line: int, rows: Sequence[BookingLine], open_: Sequence[Decimal]) -> Decimal:
        """Of what receipts still have open, what was returned and not credited yet: Visma leaves their lines as they are."""
        returned = self._booked.returned(order_line)
        if not returned:
            return ZERO
        kept = sum((row.quantity for row in rows), ZERO) - returned
        return max(sum(open_, ZERO) - max(kept - self.invoiced(order_line), ZERO), ZERO)

    def _taken(self, receipt: str, line: int) -> Decimal:
        """What is invoiced of a receipt line: by bookings, and by our papers that are not mirrored as bookings yet."""
        booked = self._booked.linked(receipt, line)
        mirrored = {row.booking.number for row in booked}
        papers = [
            other.invoiced
            for other in self._others
            if (other.receipt_number, other.receipt_line_number) == (receipt, line)
            and other.document.status in ON_THE_ROAD
            and _ref(other.document) not in mirrored
            and not self._is_undone(other)
        ]
        return sum((signed(row) for row in booked), ZERO) + sum(papers, ZERO)

    def _is_undone(self, line: DocumentLine) -> bool:
        """Whether what became of its paper was cancelled or voided in Visma."""
        return self._states.get(_ref(line.document)) in GONE


def _replaced(document: Document, rivals: Sequence[Rival]) -> list[Document]:
    """The papers whose place this one takes: what they shipped or invoiced is not counted beside it."""
    if document.kind == Kind.ORDER or document.purpose not in REPLACING:
        return []
    return list(Document.objects.filter(pk__in=[rival.id for rival in rivals if not rival.same_content]))


def _recency(line: DocumentLine) -> tuple[dt.date, dt.datetime, int]:
    return line.document.date or dt.date.min, line.document.created_at, line.document.pk


def _elsewhere(line: DocumentLine, location: str) -> bool:
    return bool(line.location and location and line.location != location)


class FactsOfThen(StoredFacts):
    """What was known when a document on the road was decided: without what came later. For any other, what is known now.

    Orders and bookings of other people are as they are today: nobody keeps their past.
    """

    def __init__(self, document: Document, orders: Sequence[Order], *, business_key: str, now: dt.datetime) -> None:
        gone = document.status in ON_THE_ROAD and document.looked_at is not None
        moment = document.looked_at if gone and document.looked_at else now
        super().__init__(document, orders, business_key=business_key, now=moment)
        if gone:
            self.rivals = [rival for rival in self.rivals if rival.id < document.pk]
            self._forget([line for line in self._others if _is_later(line.document, moment, document.pk)])

    def count_in(self, freed: Sequence[DocumentLine]) -> None:
        """Lines of papers that are held and would be on the road by then, instead of what they say now."""
        papers = {line.document_id for line in freed}
        stay = [line for line in self._others if line.document_id not in papers]
        self._others = [*stay, *freed]

    def _forget(self, later: Sequence[DocumentLine]) -> None:
        """Later papers, and the bookings that became of them."""
        made = {(_booked_as(line.document), ref) for line in later for ref in _refs(line.document)}
        self._others = [line for line in self._others if line not in later]
        self._booked.forget(made)


def _is_later(document: Document, moment: dt.datetime, key: int) -> bool:
    return document.looked_at is None or (document.looked_at, document.pk) > (moment, key)


def _booked_as(document: Document) -> str:
    return Booking.Kind.INVOICE if document.kind == Kind.INVOICE else Booking.Kind.RECEIPT


def _refs(document: Document) -> list[str]:
    """The bookings that a document has made, also when it is not delivered yet."""
    known = (document.output_ref, document.progress.get("receipt", ""), document.progress.get("invoice", ""))
    return [ref for ref in known if ref]


def _ref(document: Document) -> str:
    return next(iter(_refs(document)), "")


def _perhaps_ours(document: Document) -> list[str]:
    """What a delivery may have made, mirrored before it was found: it is not counted beside itself."""
    if not (document.progress.get("open") or document.progress.get("look_first")):
        return []
    if document.kind != Kind.INVOICE:
        keyed = Booking.objects.filter(company=document.company, kind=Booking.Kind.RECEIPT, key=document.key)
        return list(keyed.values_list("number", flat=True))
    suppliers = sorted(lookup.supplier_numbers(document.partner)) if document.partner else []
    return [one.number for one in nobodys_invoices(document.company, suppliers, document.number)]


def _purpose(document: Document) -> str:
    """Of an order: it replaces only what has gone out, and is an original while nothing has (DESIGN.md, revisions)."""
    if document.kind != Kind.ORDER or document.purpose not in ("00", "05"):
        return document.purpose
    out = Document.objects.filter(
        company=document.company, kind=Kind.ORDER, number=document.number, revision__lt=document.revision
    ).filter(status__in=(Status.DELIVERING, Status.DELIVERED))
    return "05" if out.exists() else "00"


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


def _given_up(rival: Document, document: Document) -> bool:
    """Held, and people have asked the supplier for this one in its place."""
    asked = rival.status == Status.HELD and rival.replacement_asked_at is not None
    return asked and rival.pk < document.pk and not (_ref(rival) or rival.progress.get("open"))


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
            status=Status.IGNORED if _given_up(row, document) else row.status,
            same_content=row.content_hash == document.content_hash and row.status != Status.FAILED,
            purpose=row.purpose,
            output_ref=_ref(row),
            order_numbers=frozenset(order.order_number for order in row.orders.all()),
        )
        for row in rows.prefetch_related("orders").order_by("pk")
        if row.progress.get("duplicate_of") != document.pk
    ]
