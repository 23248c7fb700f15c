"""Mirrors of Visma's items and bookings, read-only. Orders stand in the connector's rooms: their page shows documents."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from mapping.admin.common import Days, Page, ReadOnly, ReadOnlyInline, coloured
from mapping.models import Booking, BookingLine, Item, ItemNumber, ItemUnit


class NumberRows(ReadOnlyInline):
    model = ItemNumber
    fields = ["kind", "number", "supplier_number", "unit"]


class UnitRows(ReadOnlyInline):
    model = ItemUnit
    fields = ["from_unit", "to_unit", "factor"]


@admin.register(Item)
class ItemAdmin(ReadOnly, Page):
    list_display = ["number", "description", "status", "is_stock", "base_unit", "purchase_unit", "company"]
    list_filter = ["company", "is_stock"]
    list_select_related = ["company"]
    search_fields = ["number", "description", "numbers__compared_as"]
    fields = ["company", "number", "description", "status", "is_stock", "base_unit", "purchase_unit", "seen_at"]
    inlines = [NumberRows, UnitRows]


class BookingLineRows(ReadOnlyInline):
    model = BookingLine
    fields = ["number", "item", "order_number", "order_line_number", "receipt_number", "quantity", "unit", "amount"]


@admin.register(Booking)
class BookingAdmin(ReadOnly, Page):
    """Receipts and supplier invoices in Visma, whoever made them."""

    list_display = [
        "number",
        "kind",
        "type",
        "shown_status",
        "supplier_number",
        "reference",
        "date",
        "amount",
        "made_by",
    ]
    list_filter = [("kind", ChoicesDropdownFilter), "company", "status", ("date", Days)]
    list_select_related = ["company"]
    search_fields = ["number", "reference", "supplier_number", "key", "lines__order_number"]
    ordering = ["-date", "-id"]
    fields = [
        "company",
        "kind",
        "type",
        "number",
        "status",
        "supplier_number",
        "reference",
        "key",
        "date",
        "amount",
        "balance",
        "currency",
        "seen_at",
    ]
    inlines = [BookingLineRows]

    @coloured(
        {"Released": "success", "Open": "success", "Closed": "success", "Hold": "warning", "Balanced": "info"},
        description="status",
        ordering="status",
    )
    def shown_status(self, booking: Booking) -> str:
        return booking.status

    @admin.display(description="made by")
    def made_by(self, booking: Booking) -> str:
        """A receipt of ours carries our key; anything else is known only as Visma's."""
        return "this connector" if booking.key.startswith("mlc-") else "Visma"
