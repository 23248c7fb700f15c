"""Companies, suppliers as Visma knows them, and the same firms as SPS knows them, with their rules and routing."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from mapping.models.mapped import Mapped, MappedForPartner

NONE_NEGATIVE = [MinValueValidator(Decimal(0))]


class Tolerances(models.Model):
    """How far papers may differ before a person is asked. Empty means: as one level up (item, partner, company)."""

    price_percent = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True, validators=NONE_NEGATIVE)
    price_absolute = models.DecimalField(
        max_digits=19, decimal_places=6, null=True, blank=True, validators=NONE_NEGATIVE, help_text="per ordered unit"
    )
    quantity_percent = models.DecimalField(
        max_digits=9, decimal_places=4, null=True, blank=True, validators=NONE_NEGATIVE
    )
    quantity_absolute = models.DecimalField(
        max_digits=19, decimal_places=6, null=True, blank=True, validators=NONE_NEGATIVE, help_text="in ordered units"
    )
    date_days = models.PositiveIntegerField(null=True, blank=True, help_text="empty at the company: any date is fine")

    class Meta:
        abstract = True


class Company(Tolerances):
    """One Visma company with the SPS account it trades through; everything belongs to one."""

    name = models.CharField(max_length=100, unique=True)
    time_zone = models.CharField(max_length=64, default="Europe/Oslo")
    orders_from = models.DateField(help_text="Orders dated earlier are mirrored, and sent only by hand or by backfill.")
    total_tolerance_per_line = models.DecimalField(
        max_digits=9, decimal_places=4, default=Decimal("0.02"), validators=NONE_NEGATIVE
    )
    order_statuses = models.JSONField(
        default=list, blank=True, help_text="Statuses in which an order goes out besides Open, such as PendingPrint."
    )
    confirmed_quantity_fields = models.BooleanField(
        default=False,
        help_text="Write what a supplier confirmed into customDec1 and customStr1 of the order line (check that they are free).",
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "companies"

    def __str__(self) -> str:
        return self.name


class Supplier(models.Model):
    """A firm as Visma knows it (mirror of visma.md §9.1)."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="suppliers")
    number = models.CharField(max_length=30)
    name = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=30, blank=True)
    currency = models.CharField(max_length=5, blank=True)
    vat_registration = models.CharField(max_length=50, blank=True)
    corporate_id = models.CharField(max_length=50, blank=True)
    our_number = models.CharField(max_length=50, blank=True, help_text="our customer number at the supplier")
    credit_terms = models.CharField(max_length=30, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    modified = models.CharField(max_length=30, blank=True, editable=False, help_text="Visma's own stamp, as text")
    history = HistoricalRecords(excluded_fields=["content_hash", "modified"])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="a_supplier_number_is_unique_in_its_company")
        ]
        ordering = ["company", "number"]

    def __str__(self) -> str:
        return f"{self.number} {self.name}".strip()


class SupplierLocation(models.Model):
    """A location of a supplier; `edi_code` and `gln` are offered as trading-partner ids (visma.md §9.1)."""

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="locations")
    location = models.CharField(max_length=30)
    name = models.CharField(max_length=255, blank=True)
    edi_code = models.CharField(max_length=60, blank=True)
    gln = models.CharField(max_length=20, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["supplier", "location"], name="a_location_is_unique_at_its_supplier")
        ]
        ordering = ["supplier", "location"]

    def __str__(self) -> str:
        return f"{self.supplier} / {self.location}"


class TradingPartner(Mapped, Tolerances):
    """The same firm as SPS knows it, with its rules."""

    class Acknowledgment(models.TextChoices):
        DATES = "dates", "promised dates"
        RECEIPT = "receipt", "promised dates and a draft receipt"

    class UnmatchedInvoice(models.TextChoices):
        HOLD = "hold", "ask a person"
        EXPENSE = "expense", "book as expense"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="partners")
    trading_partner_id = models.CharField(
        max_length=15, validators=[MaxLengthValidator(15)], help_text="given by SPS, 1 to 15 characters"
    )
    name = models.CharField(max_length=255, blank=True)
    vendor_number = models.CharField(max_length=30, blank=True, help_text="our number for the supplier on the papers")
    sends_orders = models.BooleanField("orders", default=True)
    takes_order_acks = models.BooleanField("acknowledgments", default=True)
    takes_shipments = models.BooleanField("ship notices", default=True)
    takes_invoices = models.BooleanField("invoices", default=True)
    acknowledgment = models.CharField(max_length=10, choices=Acknowledgment, default=Acknowledgment.DATES)
    unmatched_invoice = models.CharField(max_length=10, choices=UnmatchedInvoice, default=UnmatchedInvoice.HOLD)
    release_receipts = models.BooleanField(default=False)
    expense_account = models.CharField(
        max_length=20, blank=True, help_text="for charges, freight and invoices booked as expense"
    )
    expense_subaccount = models.CharField(max_length=40, blank=True, help_text="segments, such as 1=00;2=10")
    suppliers = models.ManyToManyField(Supplier, through="PartnerRoute", related_name="partners")
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "trading_partner_id"], name="a_trading_partner_id_is_unique_in_its_company"
            ),
            models.CheckConstraint(condition=~models.Q(trading_partner_id=""), name="a_trading_partner_has_an_id"),
        ]
        ordering = ["company", "trading_partner_id"]

    def __str__(self) -> str:
        return f"{self.trading_partner_id} {self.name}".strip()

    def wants(self, kind: str) -> bool:
        """Whether papers of this kind are exchanged with the partner."""
        return {
            "order": self.sends_orders,
            "order_ack": self.takes_order_acks,
            "shipment": self.takes_shipments,
            "invoice": self.takes_invoices,
        }.get(kind, False)


class PartnerRoute(MappedForPartner):
    """Which partner gets a supplier's orders: the most specific match on location and branch, else the default."""

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="routes")
    partner = models.ForeignKey(TradingPartner, on_delete=models.CASCADE, related_name="routes")
    location = models.CharField(max_length=30, blank=True)
    branch = models.CharField(max_length=30, blank=True)
    is_default = models.BooleanField("default", default=False)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["supplier", "partner", "location", "branch"], name="a_route_is_stated_once"
            ),
            models.UniqueConstraint(
                fields=["supplier"],
                condition=models.Q(is_default=True),
                name="a_supplier_has_at_most_one_default_partner",
            ),
        ]

    def __str__(self) -> str:
        where = " ".join(part for part in (self.location, self.branch) if part)
        return f"{self.supplier} → {self.partner} {where}".strip()
