"""Documents and what hangs on them, as JSON; the `documents` command prints the same keys (INTERFACE.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from audit.models import Cause, Decision, Document, DocumentLine, DocumentOrder, Event, Hold, Kind, Status

REPLAYED_AT_ONCE = 500  # some ten seconds: a caller's connection lives so long


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document in one row; wants `audit.selection.rows`. Quantities and money are decimals in strings."""

    company = serializers.CharField(source="company.name")
    direction = serializers.ChoiceField(choices=["outbound", "inbound"])
    partner = serializers.SerializerMethodField(help_text="the trading partner's id, as SPS knows it")
    orders = serializers.SerializerMethodField(help_text="order numbers that it is about")
    source_ref = serializers.CharField(help_text="full SPS path when inbound, Visma's order number when outbound")

    class Meta:
        model = Document
        fields = [
            "id",
            "kind",
            "status",
            "direction",
            "company",
            "partner",
            "number",
            "revision",
            "orders",
            "source_ref",
            "output_ref",
            "date",
            "amount",
            "currency",
            "attempts",
            "cause",
            "reason",
            "due_at",
            "created_at",
            "updated_at",
            "delivered_at",
            "picked_up_at",
            "answered_at",
            "replacement_asked_at",
            "replacement_asked_by",
        ]

    def get_partner(self, document: Document) -> str:
        return document.partner.trading_partner_id if document.partner else document.trading_partner_id

    def get_orders(self, document: Document) -> list[str]:
        named = [order.order_number for order in document.orders.all()]
        return named or ([document.number] if document.kind == Kind.ORDER else [])


class LineSerializer(serializers.ModelSerializer[DocumentLine]):
    class Meta:
        model = DocumentLine
        exclude = ["document"]


class NamedOrderSerializer(serializers.ModelSerializer[DocumentOrder]):
    """An order that a document names; `order` is its id here when it is known."""

    class Meta:
        model = DocumentOrder
        fields = ["order_number", "order"]


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """Why one document waits; `document` is its id."""

    assigned_to = serializers.CharField(source="assigned_to.username", default="")

    class Meta:
        model = Hold
        fields = [
            "id",
            "document",
            "cause",
            "subject",
            "sentence",
            "facts",
            "amount",
            "currency",
            "assigned_to",
            "comment",
            "opened_at",
            "closed_at",
        ]


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    class Meta:
        model = Decision
        fields = ["id", "cause", "subject", "accepted", "reason", "content_hash", "actor", "decided_at"]


class DocumentDetailSerializer(DocumentSerializer):
    """Everything that is known of a document but its bytes and events, which have addresses of their own."""

    named_orders = NamedOrderSerializer(many=True, source="orders")
    lines = LineSerializer(many=True)
    holds = HoldSerializer(many=True)
    decisions = DecisionSerializer(many=True)

    class Meta(DocumentSerializer.Meta):
        fields = [
            *DocumentSerializer.Meta.fields,
            "uid",
            "part",
            "purpose",
            "business_key",
            "content_hash",
            "output_sha256",
            "named_orders",
            "lines",
            "holds",
            "decisions",
        ]


class EventSerializer(serializers.ModelSerializer[Event]):
    """One line of the ledger, with the hashes that chain it."""

    class Meta:
        model = Event
        exclude = ["id", "document"]


class WhySerializer(serializers.Serializer[Any]):
    """Why something is done again."""

    reason = serializers.CharField(required=False, allow_blank=True, default="")


class ReasonSerializer(serializers.Serializer[Any]):
    """What is not done, or accepted, is so for a reason."""

    reason = serializers.CharField()


class DecideSerializer(ReasonSerializer):
    """The answer to one open hold of the document. `accepted` is the value the person saw."""

    cause = serializers.ChoiceField(choices=Cause.choices)
    subject = serializers.CharField()
    accepted = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)


class SelectSerializer(WhySerializer):
    """The selectors of `manage.py replay`; without `status` and `documents`, what is held or failed."""

    documents = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, default=list, max_length=REPLAYED_AT_ONCE
    )
    status = serializers.MultipleChoiceField(choices=Status.choices, required=False, default=set)
    company = serializers.CharField(required=False, default="")
    kind = serializers.ChoiceField(choices=Kind.choices, required=False, default="")
    cause = serializers.ChoiceField(choices=Cause.choices, required=False, default="")
    since = serializers.DateTimeField(required=False, default=None)
    dry_run = serializers.BooleanField(required=False, default=False)

    def validate_status(self, states: Iterable[str]) -> set[str]:
        others = set(states) - {Status.HELD, Status.FAILED, Status.IGNORED}
        if others:
            raise serializers.ValidationError(f"Of these, none is at rest: {', '.join(sorted(others))}.")
        return set(states)


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became, or with `dry_run` would become, of one document; `why` says why not."""

    document = DocumentSerializer()
    replayed = serializers.BooleanField()
    why = serializers.CharField()


class ReplaySerializer(serializers.Serializer[Any]):
    """`replayed` and `refused` count the outcomes; with `dry_run` nothing was moved.

    One call replays so many at once, oldest first; `left` says how many are left for the next. `missing` are ids that
    do not exist or are not selected by the rest.
    """

    dry_run = serializers.BooleanField()
    replayed = serializers.IntegerField()
    refused = serializers.IntegerField()
    left = serializers.IntegerField()
    missing = serializers.ListField(child=serializers.IntegerField())
    outcomes = OutcomeSerializer(many=True)
