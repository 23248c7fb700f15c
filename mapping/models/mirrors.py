"""What Visma holds, as last read: items, purchase orders, and bookings (receipts and supplier invoices, whoever made them)."""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from django.db import models

from mapping.models.parties import Company, Supplier


class Digits(TypedDict):
    """How a decimal column is cut."""

    max_digits: int
    decimal_places: int


QUANTITY: Digits = {"max_digits": 19, "decimal_places": 6}
MONEY: Digits = {"max_digits": 19, "decimal_places": 6}
CANCELLED = ("Cancelled", "Voided")


class Mirror(models.Model):
    """A row of Visma's: its stamp as text (visma.md §3: zone unknown, never compared with our clock) and what it said."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="%(class)ss")
    modified = models.CharField(max_length=30, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Item(Mirror):
    """An inventory item (visma.md §9.6)."""

    number = models.CharField(max_length=60)
    description = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=30, blank=True)
    is_stock = models.BooleanField(default=True)
    base_unit = models.CharField(max_length=10, blank=True)
    purchase_unit = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="an_item_number_is_unique_in_its_company")
        ]
        ordering = ["company", "number"]

    def __str__(self) -> str:
        return f"{self.number} {self.description}".strip()


class ItemUnit(models.Model):
    """One conversion of an item: 1 `from_unit` is `factor` `to_unit`s (multiply), or 1/factor (divide), resolved to multiply."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="units")
    from_unit = models.CharField(max_length=10)
    to_unit = models.CharField(max_length=10)
    factor = models.DecimalField(max_digits=28, decimal_places=12)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "from_unit", "to_unit"], name="a_unit_of_an_item_is_converted_once"
            ),
            models.CheckConstraint(condition=models.Q(factor__gt=0), name="an_item_unit_factor_is_positive"),
        ]

    def __str__(self) -> str:
        return f"1 {self.from_unit} = {self.factor.normalize():f} {self.to_unit}"


class ItemNumber(models.Model):
    """A cross reference of an item in Visma: barcode, global, or a supplier's number (visma.md §9.6)."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="numbers")
    kind = models.CharField(max_length=10, help_text="Barcode, Global, VPN")
    number = models.CharField(max_length=80)
    compared_as = models.CharField(max_length=80)
    supplier_number = models.CharField(max_length=30, blank=True, help_text="whose number a VPN is")
    unit = models.CharField(max_length=10, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["compared_as"], name="item_by_number")  # a paper line without a line number
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Order(Mirror):
    """A purchase order (visma.md §9.2), what matching looks at."""

    number = models.CharField(max_length=40)
    order_type = models.CharField(max_length=30, blank=True)
    status = models.CharField(max_length=30, blank=True)
    on_hold = models.BooleanField(default=False)
    date = models.DateField(null=True, blank=True)
    supplier_number = models.CharField(max_length=30, blank=True)
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="orders", null=True, blank=True)
    location = models.CharField(max_length=60, blank=True)
    location_name = models.CharField(max_length=255, blank=True)
    branch = models.CharField(max_length=30, blank=True)
    currency = models.CharField(max_length=5, blank=True)
    promised_on = models.DateField(null=True, blank=True)
    total = models.DecimalField(**MONEY, null=True, blank=True)
    etag = models.CharField(max_length=60, blank=True, help_text="Visma's timeStamp, sent back as If-Match")
    row = models.BinaryField(default=b"", help_text="the row as received, JSON")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="an_order_number_is_unique_in_its_company")
        ]
        indexes = [
            models.Index(fields=["company", "-date", "-id"], name="orders_newest_first"),  # the list of a company
            models.Index(fields=["-date", "-id"], name="orders_of_all_newest_first"),  # the list
        ]
        ordering = ["-date", "-id"]

    def __str__(self) -> str:
        return self.number

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing of it is wanted any more."""
        return self.status in CANCELLED


class OrderLine(models.Model):
    """A line of a purchase order; `number` is Visma's stable key, gaps occur."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    item = models.CharField(max_length=60, blank=True)
    description = models.CharField(max_length=255, blank=True)
    vendor_number = models.CharField(max_length=80, blank=True, help_text="Visma's alternateId")
    line_type = models.CharField(max_length=30, blank=True)
    unit = models.CharField(max_length=10, blank=True)
    quantity = models.DecimalField(**QUANTITY, default=Decimal(0))
    unit_cost = models.DecimalField(**MONEY, default=Decimal(0))
    amount = models.DecimalField(**MONEY, default=Decimal(0))
    on_receipts = models.DecimalField(**QUANTITY, default=Decimal(0), help_text="includes unreleased receipts")
    requested = models.DateField(null=True, blank=True)
    promised = models.DateField(null=True, blank=True)
    completed = models.BooleanField(default=False)
    cancelled = models.BooleanField(default=False)
    is_present = models.BooleanField(default=True, help_text="still in the order as last read")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="a_line_number_is_unique_in_its_order")]
        ordering = ["order", "number"]

    def __str__(self) -> str:
        return f"{self.order} line {self.number}"


class Booking(Mirror):
    """A purchase receipt or supplier invoice in Visma, whoever made it (visma.md §9.3, 9.4)."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt", "purchase receipt"
        INVOICE = "invoice", "supplier invoice"

    DELETED = "Deleted"  # a status of our own: Visma shows nothing of what is deleted (visma.md §3)

    kind = models.CharField(max_length=10, choices=Kind)
    type = models.CharField(max_length=20, help_text="PoReceipt, PoReturn …; Invoice, DebitAdj …")
    number = models.CharField(max_length=40)
    status = models.CharField(max_length=30, blank=True)
    supplier_number = models.CharField(max_length=30, blank=True)
    reference = models.CharField(max_length=120, blank=True, help_text="shipment id or the supplier's invoice number")
    key = models.CharField(max_length=120, blank=True, help_text="our own key, in customStr1 of a receipt")
    currency = models.CharField(max_length=5, blank=True)
    amount = models.DecimalField(**MONEY, null=True, blank=True)
    balance = models.DecimalField(**MONEY, null=True, blank=True)
    date = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "kind", "type", "number"], name="a_booking_is_mirrored_once")
        ]
        indexes = [
            models.Index(fields=["company", "kind", "supplier_number", "reference"], name="booking_by_reference")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class BookingLine(models.Model):
    """A line of a booking, tied to the order line and, for invoices, to the receipt line."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    order_number = models.CharField(max_length=40, blank=True)
    order_line_number = models.PositiveIntegerField(null=True, blank=True)
    receipt_number = models.CharField(max_length=40, blank=True)
    receipt_line_number = models.PositiveIntegerField(null=True, blank=True)
    item = models.CharField(max_length=60, blank=True)
    unit = models.CharField(max_length=10, blank=True)
    quantity = models.DecimalField(**QUANTITY, default=Decimal(0))
    amount = models.DecimalField(**MONEY, default=Decimal(0))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["booking", "number"], name="a_line_number_is_unique_in_its_booking")
        ]
        indexes = [
            models.Index(fields=["order_number", "order_line_number"], name="booking_lines_by_order_line"),
            models.Index(fields=["receipt_number", "receipt_line_number"], name="booking_lines_by_receipt_line"),
        ]

    def __str__(self) -> str:
        return f"{self.booking} line {self.number}"
