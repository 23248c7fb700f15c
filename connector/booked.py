"""What Visma's bookings say about some orders, whoever made them: receipts, returns and invoices in the units ordered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal

from django.db.models import Q

from audit.models import Document, Kind
from connector.flows.verdict import ZERO
from mapping import lookup
from mapping.matching import Difference, in_six_digits
from mapping.models import CANCELLED, Booking, BookingLine, Company, Order, OrderLine

GONE = (*CANCELLED, Booking.DELETED)
RECEIPT, RETURN = "PoReceipt", "PoReturn"  # visma.md §9.3
TAKES_BACK = ("DebitAdj", RETURN)  # of invoices a supplier's credit note (visma.md §9.4)
Place = tuple[str, int | None]


class Booked:
    """Bookings of these orders that stand, less those that are `without`; their quantities as the order line counts."""

    def __init__(self, company: Company, orders: Sequence[Order], *, without: Collection[str]) -> None:
        lines = OrderLine.objects.filter(order__in=orders).select_related("order")
        self._lines: dict[Place, OrderLine] = {(line.order.number, line.number): line for line in lines}
        self._rows = _rows(company, [order.number for order in orders], without)
        received = [row for row in self._rows if row.booking.type == RECEIPT]
        self._received: dict[Place, OrderLine | None] = {
            (row.booking.number, row.number): self._line_named(row) for row in received
        }
        self._unclear: dict[int, list[Difference]] = defaultdict(list)
        self._by_line = self._sorted()
        self._count_as_ordered(company)

    @property
    def keys(self) -> dict[Place, int]:
        """Keys of the order lines by order number and line number."""
        return {place: line.pk for place, line in self._lines.items()}

    def receipts(self, order_line: int) -> list[BookingLine]:
        """What was received, released or not, oldest first."""
        return [row for row in self._of(order_line, Booking.Kind.RECEIPT) if row.booking.type == RECEIPT]

    def invoices(self, order_line: int) -> list[BookingLine]:
        """By the order line they name, else by the receipt line they are linked to."""
        return self._of(order_line, Booking.Kind.INVOICE)

    def linked(self, receipt: str, line: int) -> list[BookingLine]:
        """The invoice lines that take from a receipt line."""
        return [
            row
            for row in self._rows
            if row.booking.kind == Booking.Kind.INVOICE
            and (row.receipt_number, row.receipt_line_number) == (receipt, line)
        ]

    def returned(self, order_line: int) -> Decimal:
        """What went back and is released: it may come again, and is not to be paid. A draft of a return moves nothing."""
        rows = self._of(order_line, Booking.Kind.RECEIPT)
        back = [row for row in rows if row.booking.type == RETURN and row.booking.status == "Released"]
        return sum((abs(row.quantity) for row in back), ZERO)

    def counted(self, order_line: int) -> dict[str, Decimal]:
        """What the warehouse counted, by receipt: only a released receipt has been counted."""
        counted: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.receipts(order_line):
            if row.booking.status == "Released":
                counted[row.booking.number] += row.quantity
        return counted

    def unclear(self, order_line: int) -> Sequence[Difference]:
        """Bookings in a unit that nobody can convert to the ordered one: any sum with them would be wrong."""
        return self._unclear.get(order_line, [])

    def forget(self, made: Collection[tuple[str, str]]) -> None:
        """As if these bookings, by kind and number, had never been made."""
        self._rows = [row for row in self._rows if (row.booking.kind, row.booking.number) not in made]
        self._by_line = self._sorted()

    def _of(self, order_line: int, kind: str) -> list[BookingLine]:
        return [row for row in self._by_line.get(order_line, []) if row.booking.kind == kind]

    def _sorted(self) -> dict[int, list[BookingLine]]:
        found: dict[int, list[BookingLine]] = defaultdict(list)
        for row in self._rows:
            if line := self._line_of(row):
                found[line.pk].append(row)
        return found

    def _line_named(self, row: BookingLine) -> OrderLine | None:
        return self._lines.get((row.order_number, row.order_line_number))

    def _line_of(self, row: BookingLine) -> OrderLine | None:
        return self._line_named(row) or self._received.get((row.receipt_number, row.receipt_line_number))

    def _count_as_ordered(self, company: Company) -> None:
        """Who types a booking may choose another of the item's units than the buyer did."""
        pairs = [(row, line) for row in self._rows if (line := self._line_of(row))]
        other = [(row, line) for row, line in pairs if row.unit and line.unit and row.unit != line.unit]
        if not other:
            return
        units = lookup.units_for(company, None, {line.item for _, line in other})
        for row, line in other:
            factor = units.between(line.item, row.unit, line.unit)
            if factor is None:
                self._unclear[line.pk].append(_cannot_convert(row, line))
            row.quantity = in_six_digits(row.quantity * factor) if factor else ZERO  # not as if it were the other unit


def signed(row: BookingLine) -> Decimal:
    """The quantity, negative where it is given back."""
    return -abs(row.quantity) if row.booking.type in TAKES_BACK else row.quantity


def nobodys_invoices(company: Company, supplier: Sequence[str], reference: str) -> list[Booking]:
    """Supplier invoices in Visma of this reference that no document of ours is known to have made."""
    found = Booking.objects.filter(
        company=company,
        kind=Booking.Kind.INVOICE,
        type="Invoice",
        supplier_number__in=supplier,
        reference__iexact=reference,
    ).exclude(status__in=GONE)
    # asked for by number: a list of all that we have ever posted would grow with every invoice
    ours = Document.objects.filter(company=company, kind=Kind.INVOICE, output_ref__in=[one.number for one in found])
    posted = set(ours.values_list("output_ref", flat=True)) if found else set()
    return [one for one in found if one.number not in posted]


def _rows(company: Company, orders: Sequence[str], without: Collection[str]) -> list[BookingLine]:
    """By order; invoices also by receipt, since they may name the receipt and not the order."""
    receipts = BookingLine.objects.filter(
        booking__company=company, booking__kind=Booking.Kind.RECEIPT, order_number__in=orders
    )
    numbers = list(receipts.values_list("booking__number", flat=True).distinct())
    found = (
        BookingLine.objects.filter(booking__company=company)
        .filter(Q(order_number__in=orders) | Q(receipt_number__in=numbers))
        .exclude(booking__status__in=GONE)
        .exclude(booking__number__in=without)
        .select_related("booking")
    )
    return list(found.order_by("booking__date", "booking__number", "number"))


def _cannot_convert(row: BookingLine, line: OrderLine) -> Difference:
    name = f"{line.order.number} line {line.number}"
    sentence = (
        f"{name}: {row.booking} in Visma counts in {row.unit}, which cannot be converted to {line.unit} for item "
        f"{line.item}. State the conversion on the item in Visma, or correct the {row.booking.get_kind_display()}."
    )
    return Difference("unit_unmapped", f"{row.unit} {line.item}", sentence, {"unit": row.unit, "item": line.item})
