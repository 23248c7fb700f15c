"""The trail's own pages, all read-only. Documents and the desk stand in the connector's rooms: their verbs wake workers."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from audit.models import Decision, Event, Exchange, Hold, Transmission
from mapping.admin.common import Days, Page, ReadOnly, coloured


@admin.register(Transmission)
class TransmissionAdmin(ReadOnly, Page):
    """What arrived, untouched; the bytes are on the pages of its documents."""

    list_display = ["path", "company", "size", "received_at", "removed_at"]
    list_filter = ["company", ("received_at", Days)]
    list_select_related = ["company"]
    search_fields = ["path", "sha256"]
    fields = ["company", "path", "size", "sha256", "received_at", "removed_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transmission]:
        rows: QuerySet[Transmission] = super().get_queryset(request).defer("content")
        return rows


@admin.register(Hold)
class HoldAdmin(ReadOnly, Page):
    """Every hold, closed ones included; the open ones are answered on the desk."""

    list_display = ["subject", "cause", "document", "state", "assigned_to", "opened_at", "closed_at"]
    list_filter = [("cause", ChoicesDropdownFilter), ("closed_at", admin.EmptyFieldListFilter), "assigned_to"]
    list_select_related = ["document", "assigned_to"]
    search_fields = ["subject", "sentence", "document__number"]
    ordering = ["-opened_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        rows: QuerySet[Hold] = super().get_queryset(request).defer("document__output", "document__progress")
        return rows

    @coloured({"open": "warning", "closed": "success"}, description="state", ordering="closed_at")
    def state(self, hold: Hold) -> str:
        return "closed" if hold.closed_at else "open"


@admin.register(Decision)
class DecisionAdmin(ReadOnly, Page):
    """What people accepted, and why."""

    list_display = ["cause", "subject", "document", "accepted", "actor", "decided_at", "reason"]
    list_filter = [("cause", ChoicesDropdownFilter), ("decided_at", Days)]
    list_select_related = ["document"]
    search_fields = ["subject", "actor", "reason", "document__number"]
    ordering = ["-decided_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        rows: QuerySet[Decision] = super().get_queryset(request).defer("document__output", "document__progress")
        return rows


@admin.register(Event)
class EventAdmin(ReadOnly, Page):
    """The chain of events."""

    list_display = ["at", "document", "sequence", "verb", "actor", "to_status", "reason"]
    list_filter = [("at", Days), "to_status"]
    list_select_related = ["document"]
    search_fields = ["document__number", "actor", "reason"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        rows: QuerySet[Event] = super().get_queryset(request).defer("document__output", "document__progress")
        return rows


@admin.register(Exchange)
class ExchangeAdmin(ReadOnly, Page):
    """HTTP calls, newest first."""

    list_display = ["started_at", "system", "method", "path", "answer", "took", "document"]
    list_filter = ["system", "method", ("started_at", Days), "company"]
    list_select_related = ["document"]
    search_fields = ["path", "request_id", "error"]
    ordering = ["-started_at"]
    fields = [
        "company",
        "document",
        "system",
        "method",
        "path",
        "status",
        "started_at",
        "seconds",
        "request_id",
        "shown_request",
        "shown_response",
        "error",
    ]
    readonly_fields = ["shown_request", "shown_response"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        rows: QuerySet[Exchange] = super().get_queryset(request).defer("document__output", "document__progress")
        return rows

    @admin.display(description="answer", ordering="status")
    def answer(self, exchange: Exchange) -> str:
        return str(exchange.status or "none")

    @admin.display(description="took")
    def took(self, exchange: Exchange) -> str:
        return f"{exchange.seconds * 1000:.0f} ms"

    @admin.display(description="request, first 2 kB")
    def shown_request(self, exchange: Exchange) -> str:
        return bytes(exchange.request_head).decode("utf-8", "replace")

    @admin.display(description="answer, first 2 kB")
    def shown_response(self, exchange: Exchange) -> str:
        return bytes(exchange.response_head).decode("utf-8", "replace")
