"""Transmissions as they arrived, the business documents in them, and their lines. Written by `audit.ledger` alone."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.db import models

from mapping.models import Company, Order, OrderLine, TradingPartner
from mapping.models.mirrors import MONEY, QUANTITY


class Kind(models.TextChoices):
    ORDER = "order", "purchase order"
    ORDER_ACK = "order_ack", "acknowledgment"
    SHIPMENT = "shipment", "ship notice"
    INVOICE = "invoice", "invoice"
    UNSUPPORTED = "unsupported", "unsupported"


class Status(models.TextChoices):
    """Whose turn it is (DESIGN.md). A status exists only where a document can rest."""

    RECEIVED = "received", "received"
    WAITING = "waiting", "waiting for another document"
    MATCHED = "matched", "matched"
    DELIVERING = "delivering", "being delivered"
    DELIVERED = "delivered", "delivered"
    HELD = "held", "waiting for a person"
    FAILED = "failed", "failed"
    IGNORED = "ignored", "ignored"


QUESTION = "unexplained:"
"""Before the path under which a question is kept that has no paper."""


class Transmission(models.Model):
    """What arrived, untouched. The same bytes under the same path are the same transmission (sps.md §3.9)."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="transmissions")
    path = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    size = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True, help_text="when it was deleted at SPS")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "path", "sha256"], name="the_same_bytes_under_a_path_are_stored_once"
            )
        ]
        indexes = [models.Index(fields=["-received_at", "-id"], name="transmissions_newest_first")]  # the list
        ordering = ["-received_at", "-id"]

    def __str__(self) -> str:
        return self.path

    @property
    def is_question(self) -> bool:
        return self.path.startswith(QUESTION)


class Document(models.Model):
    """One business document on its road from one system to the other."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=12, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.RECEIVED)
    transmission = models.ForeignKey(Transmission, on_delete=models.PROTECT, related_name="documents")
    part = models.PositiveIntegerField(default=0, help_text="place of the paper in its file, from 0")
    partner = models.ForeignKey(
        TradingPartner, on_delete=models.PROTECT, related_name="documents", null=True, blank=True
    )
    trading_partner_id = models.CharField(max_length=60, blank=True, help_text="as the paper writes it")
    number = models.CharField(max_length=120, blank=True, help_text="order, shipment or invoice number")
    revision = models.PositiveIntegerField(default=0, help_text="of an order: 1 is the first that was to go out")
    purpose = models.CharField(max_length=3, blank=True, help_text="TsetPurposeCode, or the invoice type")
    date = models.DateField(null=True, blank=True)
    amount = models.DecimalField(**MONEY, null=True, blank=True)
    currency = models.CharField(max_length=5, blank=True)
    business_key = models.CharField(max_length=300, blank=True, help_text="sps.md §4.3; empty when incomplete")
    content_hash = models.CharField(max_length=64, blank=True, help_text="of the canonical paper")
    output = models.BinaryField(default=b"", help_text="as delivered")
    output_sha256 = models.CharField(max_length=64, blank=True)
    output_ref = models.CharField(max_length=500, blank=True, help_text="path or number in the receiving system")
    progress = models.JSONField(default=dict, blank=True, help_text="what is known of a delivery under way")
    attempts = models.PositiveIntegerField(default=0)
    deaths = models.PositiveIntegerField(default=0, help_text="workers that died during its own calls, running")
    due_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True, help_text="when it was last matched")
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=20, blank=True)
    reason = models.TextField(blank=True, help_text="what it says now, for people")
    event_count = models.PositiveIntegerField(default=0)
    event_head = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    picked_up_at = models.DateTimeField(null=True, blank=True, help_text="when SPS took an order from the mailbox")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="when an order was first answered")
    replacement_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="when the supplier was last asked for another paper in its place"
    )
    replacement_asked_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["transmission", "part"],
                condition=~models.Q(kind="order"),
                name="a_part_of_a_transmission_is_one_document",
            ),
            models.UniqueConstraint(
                fields=["company", "number", "revision"],
                condition=models.Q(kind="order", revision__gt=0),
                name="an_order_revision_is_sent_by_one_document",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="a_document_rests_in_a_known_status"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="delivered") | ~models.Q(output_ref=""),
                name="a_delivered_document_has_its_reference",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="delivering") | models.Q(lease_until__isnull=False),
                name="a_document_being_delivered_has_a_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=("held", "failed", "ignored")) | ~models.Q(reason=""),
                name="a_document_at_rest_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="documents_newest_first"),  # the admin list
            models.Index(
                fields=["status", "-created_at", "-id"], name="documents_by_status"
            ),  # the admin list, filtered
            models.Index(fields=["status", "due_at", "id"], name="documents_due"),  # the sweep
            models.Index(fields=["company", "kind", "business_key"], name="documents_by_business_key"),  # duplicates
            # duplicates among papers without a complete key: acknowledgments usually have none
            models.Index(fields=["company", "kind", "content_hash"], name="documents_by_content"),
            models.Index(fields=["company", "kind", "number"], name="documents_by_number"),  # search
            models.Index(fields=["delivered_at"], name="documents_by_delivery"),  # the dashboard's day
            models.Index(fields=["cause", "-created_at", "-id"], name="documents_by_cause"),  # the list, filtered
            # the dashboard's table and its silent orders; not conditional: SQLite would use that for literals only
            models.Index(fields=["kind", "status", "picked_up_at", "delivered_at"], name="documents_not_picked_up"),
            models.Index(fields=["kind", "status", "answered_at", "delivered_at"], name="documents_not_answered"),
        ]
        permissions = [
            ("replay_document", "Can replay documents"),
            ("ignore_document", "Can ignore documents"),
            ("decide_document", "Can decide holds"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number or self.transmission_id}"

    @property
    def direction(self) -> str:
        """`outbound` is Visma to SPS, `inbound` the other way."""
        return "outbound" if self.kind == Kind.ORDER else "inbound"

    @property
    def source(self) -> bytes:
        """The bytes as received; for a part of a list, the whole file."""
        return bytes(self.transmission.content)

    @property
    def source_ref(self) -> str:
        """Full SPS path of an inbound document, Visma's order number of an outbound one."""
        return self.number if self.kind == Kind.ORDER else self.transmission.path

    @property
    def half_made(self) -> str:
        """Number of the booking that its delivery has begun in Visma and not finished; empty when there is none."""
        begun = self.progress.get("receipt") or self.progress.get("invoice")
        return str(begun or "") if not self.output_ref else ""

    @property
    def key(self) -> str:
        """Our own key in the other system (visma.md §8), at most 100 characters."""
        return f"mlc-{self.uid}"


class DocumentOrder(models.Model):
    """An order that a document is about, as text, with the Order when it is known."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="orders")
    order_number = models.CharField(max_length=60)
    order = models.ForeignKey(Order, on_delete=models.SET_NULL, related_name="documents", null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "order_number"], name="a_document_names_an_order_once")
        ]
        indexes = [models.Index(fields=["order_number"], name="documents_of_an_order")]  # what waited for it

    def __str__(self) -> str:
        return self.order_number


class DocumentLine(models.Model):
    """One normalised line, tied to an order line; quantities and price in the order line's unit and currency.

    Roll-ups, the three-way match and every report are queries over these.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    order_number = models.CharField(max_length=60, blank=True)
    line_number = models.CharField(max_length=30, blank=True, help_text="as the paper writes it")
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.SET_NULL, related_name="document_lines", null=True, blank=True
    )
    item = models.CharField(max_length=80, blank=True)
    location = models.CharField(max_length=60, blank=True, help_text="of an acknowledgment per location")
    unit = models.CharField(max_length=10, blank=True)
    ordered = models.DecimalField(**QUANTITY, default=Decimal(0))
    confirmed = models.DecimalField(**QUANTITY, default=Decimal(0))
    backordered = models.DecimalField(**QUANTITY, default=Decimal(0))
    rejected = models.DecimalField(**QUANTITY, default=Decimal(0))
    shipped = models.DecimalField(**QUANTITY, default=Decimal(0))
    invoiced = models.DecimalField(**QUANTITY, default=Decimal(0))
    price = models.DecimalField(**MONEY, null=True, blank=True)
    amount = models.DecimalField(**MONEY, null=True, blank=True)
    date = models.DateField(null=True, blank=True, help_text="promised by an acknowledgment, expected by a ship notice")
    receipt_number = models.CharField(
        max_length=40, blank=True, help_text="the receipt line an invoice line is linked to"
    )
    receipt_line_number = models.PositiveIntegerField(null=True, blank=True)
    text = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="a_position_is_unique_in_its_document")
        ]
        ordering = ["document", "position"]

    def __str__(self) -> str:
        return f"{self.document} line {self.line_number or self.position}"
