"""Why documents wait for people, and what people decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from audit.models.documents import Document
from mapping.models.mirrors import MONEY


class Cause(models.TextChoices):
    """INTERFACE.md, causes of a hold."""

    PARTNER_UNMAPPED = "partner_unmapped", "partner is not mapped"
    ITEM_UNMAPPED = "item_unmapped", "item is not mapped"
    UNIT_UNMAPPED = "unit_unmapped", "unit is not mapped"
    TAX_UNMAPPED = "tax_unmapped", "tax is not mapped"
    ACCOUNT_MISSING = "account_missing", "expense account is missing"
    ORDER_UNKNOWN = "order_unknown", "order is not known"
    LINE_UNKNOWN = "line_unknown", "line is not on the order"
    LINE_CONFLICT = "line_conflict", "line number and item disagree"
    QUANTITY = "quantity", "quantity differs"
    PRICE = "price", "price differs"
    DATE = "date", "date differs"
    CURRENCY = "currency", "currency differs"
    TOTAL = "total", "figures do not add up"
    OVER_SHIPPED = "over_shipped", "more shipped than ordered"
    OVER_INVOICED = "over_invoiced", "more invoiced than received"
    ORDER_REJECTED = "order_rejected", "supplier rejects"
    ORDER_ON_HOLD = "order_on_hold", "supplier holds the order"
    SUBSTITUTION = "substitution", "supplier offers a substitute"
    ORDER_CHANGED = "order_changed", "order changed after it was answered"
    NUMBER_REUSED = "number_reused", "number used before for something else"
    CANCELLED = "cancelled", "cancels what is already in Visma"
    CREDIT_NOTE = "credit_note", "credit note"
    NOT_POSTABLE = "not_postable", "not to be posted"
    TYPE_CONFLICT = "type_conflict", "directory, name and content disagree"
    UNSUPPORTED = "unsupported", "kind is not handled"
    REMOTE_REJECTED = "remote_rejected", "the other system refuses"
    IN_DOUBT = "in_doubt", "sent, outcome unknown"


ACCEPTABLE = frozenset(
    {
        Cause.ORDER_UNKNOWN,
        Cause.QUANTITY,
        Cause.PRICE,
        Cause.DATE,
        Cause.OVER_SHIPPED,
        Cause.OVER_INVOICED,
        Cause.ORDER_REJECTED,
        Cause.ORDER_ON_HOLD,
        Cause.SUBSTITUTION,
        Cause.ORDER_CHANGED,
        Cause.NUMBER_REUSED,
        Cause.CANCELLED,
    }
)
"""What a person may accept as the paper says it. The rest needs a mapping, another paper, or to be ignored."""


AS_EXPENSE = "expense"
"""What a decision accepts when an invoice is to be booked as expense, whatever it does not fit."""


class Hold(models.Model):
    """One reason why a document waits for a person. Same cause and subject is one row on the desk."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="holds")
    cause = models.CharField(max_length=20, choices=Cause)
    subject = models.CharField(max_length=200, help_text="what it is about: an item, a unit, an order …")
    sentence = models.TextField()
    facts = models.JSONField(default=dict, blank=True, help_text="what the fix needs: number, kind, expected, found …")
    amount = models.DecimalField(**MONEY, null=True, blank=True, help_text="money at stake")
    currency = models.CharField(max_length=5, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="holds", null=True, blank=True
    )
    comment = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["document", "cause", "subject"],
                condition=models.Q(closed_at__isnull=True),
                name="a_document_is_held_once_for_a_cause_and_subject",
            ),
            models.CheckConstraint(condition=models.Q(cause__in=Cause.values), name="a_hold_has_a_known_cause"),
        ]
        indexes = [
            models.Index(
                fields=["cause", "subject"], condition=models.Q(closed_at__isnull=True), name="the_desk"
            )  # rows of the desk
        ]

    def __str__(self) -> str:
        return f"{self.get_cause_display()}: {self.subject}"


class Decision(models.Model):
    """What a person decided about a hold; an input to matching, valid only for the content it saw."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="decisions")
    cause = models.CharField(max_length=20, choices=Cause)
    subject = models.CharField(max_length=200)
    accepted = models.CharField(max_length=100, blank=True, help_text="the value that was accepted, as text")
    reason = models.TextField()
    content_hash = models.CharField(max_length=64)
    actor = models.CharField(max_length=150)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(reason=""), name="a_decision_says_why")]

    def __str__(self) -> str:
        return f"{self.get_cause_display()} {self.subject}: accepted"
