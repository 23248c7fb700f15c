"""Companies, Visma's suppliers (read-only), and trading partners with their rules and routes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from mapping.admin.common import REHEARSE, Inline, ReadOnly, ReadOnlyInline, Reasoned, ReasonedForm
from mapping.models import Company, PartnerRoute, Supplier, SupplierLocation, TradingPartner

TOLERANCES = ("price_percent", "price_absolute", "quantity_percent", "quantity_absolute", "date_days")
ACCOUNTS = ("expense_account", "expense_subaccount", "unmatched_invoice")
EDIT_ACCOUNTS = "mapping.edit_accounts_tradingpartner"  # a permission of the roles' migration
WHY = ("Why", {"fields": ["change_reason"]})


@admin.register(Company)
class CompanyAdmin(Reasoned):
    """One Visma company. Finance edits its tolerances; the rest is for superusers."""

    list_display = ["name", "time_zone", "orders_from", "price_percent", "quantity_percent", "date_days"]
    search_fields = ["name"]
    change_form_outer_after_template = REHEARSE
    fieldsets = [
        (None, {"fields": ["name", "time_zone", "orders_from", "order_statuses", "confirmed_quantity_fields"]}),
        ("Tolerances of the company", {"fields": [*TOLERANCES, "total_tolerance_per_line"]}),
        WHY,
    ]

    def has_change_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:
        return super().has_change_permission(request, obj) or request.user.has_perm(EDIT_ACCOUNTS)

    def has_delete_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        """Everything belongs to a company, papers included: it stays."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Company | None = None) -> list[str]:
        if super().has_change_permission(request, obj):
            return []
        return ["name", "time_zone", "orders_from", "order_statuses", "confirmed_quantity_fields"]


class LocationRows(ReadOnlyInline):
    model = SupplierLocation
    fields = ["location", "name", "edi_code", "gln"]


class SupplierRouteRows(ReadOnlyInline):
    model = PartnerRoute
    fields = ["partner", "location", "branch", "is_default"]
    verbose_name_plural = "trading partners"


@admin.register(Supplier)
class SupplierAdmin(ReadOnly, Reasoned):
    """A firm as Visma knows it, with the partner ids that its locations offer."""

    list_display = ["number", "name", "company", "status", "currency", "offered", "mapped_to"]
    list_filter = ["company", "status"]
    list_select_related = ["company"]
    search_fields = ["number", "name", "vat_registration", "corporate_id", "locations__edi_code", "locations__gln"]
    inlines = [LocationRows, SupplierRouteRows]
    fields = [
        "company",
        "number",
        "name",
        "status",
        "currency",
        "vat_registration",
        "corporate_id",
        "our_number",
        "credit_terms",
        "offered",
        "mapped_to",
    ]
    readonly_fields = ["offered", "mapped_to"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Supplier]:
        rows: QuerySet[Supplier] = super().get_queryset(request).prefetch_related("locations", "routes__partner")
        return rows

    @admin.display(description="offered partner ids")
    def offered(self, supplier: Supplier) -> str:
        """`ediCode` and `gln` of its locations (visma.md §9.1): candidates, never applied by themselves."""
        codes = [code for place in supplier.locations.all() for code in (place.edi_code, place.gln) if code]
        return ", ".join(dict.fromkeys(codes)) or "none"

    @admin.display(description="mapped to")
    def mapped_to(self, supplier: Supplier) -> str:
        return ", ".join(route.partner.trading_partner_id for route in supplier.routes.all()) or "nobody"


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Supplier and partner of one company."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        supplier, partner = cleaned.get("supplier"), cleaned.get("partner") or self.instance.partner
        if supplier and partner.company_id and supplier.company_id != partner.company_id:
            self.add_error("supplier", f"{supplier} belongs to {supplier.company}, the partner does not.")
        return cleaned


class RouteRows(Inline):
    model = PartnerRoute
    form = RouteForm
    fields = ["supplier", "location", "branch", "is_default"]
    autocomplete_fields = ["supplier"]
    verbose_name_plural = "routes: whose orders go to this partner"


@admin.register(TradingPartner)
class TradingPartnerAdmin(Reasoned):
    """A firm as SPS knows it: its rules are procurement's, its accounts and tolerances finance's."""

    form = ReasonedForm
    list_display = ["trading_partner_id", "name", "company", "documents_exchanged", "routed", "expense_account"]
    list_filter = ["company", "unmatched_invoice", "acknowledgment", "release_receipts"]
    list_select_related = ["company"]
    search_fields = ["trading_partner_id", "name", "vendor_number"]
    autocomplete_fields = ["company"]
    inlines = [RouteRows]
    change_form_outer_after_template = REHEARSE
    readonly_fields = ["offered"]
    fieldsets = [
        (None, {"fields": ["company", "trading_partner_id", "name", "vendor_number", "offered"]}),
        ("Papers exchanged", {"fields": ["sends_orders", "takes_order_acks", "takes_shipments", "takes_invoices"]}),
        ("Rules", {"fields": ["acknowledgment", "release_receipts"]}),
        ("Accounts", {"fields": ACCOUNTS}),
        ("Tolerances", {"fields": TOLERANCES}),
        WHY,
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TradingPartner]:
        rows: QuerySet[TradingPartner] = super().get_queryset(request)
        return rows.prefetch_related("routes__supplier__locations")

    def has_change_permission(self, request: HttpRequest, obj: TradingPartner | None = None) -> bool:
        return super().has_change_permission(request, obj) or request.user.has_perm(EDIT_ACCOUNTS)

    def get_readonly_fields(self, request: HttpRequest, obj: TradingPartner | None = None) -> list[str]:
        """What is not one's own is shown, not offered."""
        rules = ["company", "trading_partner_id", "name", "vendor_number"]
        rules += ["sends_orders", "takes_order_acks", "takes_shipments", "takes_invoices"]
        rules += ["acknowledgment", "release_receipts"]
        edits_rules = super().has_change_permission(request, obj) or (obj is None and self.has_add_permission(request))
        edits_accounts = request.user.has_perm(EDIT_ACCOUNTS)
        return [
            *self.readonly_fields,
            *([] if edits_rules else rules),
            *([] if edits_accounts else [*ACCOUNTS, *TOLERANCES]),
        ]

    def get_inlines(self, request: HttpRequest, obj: TradingPartner | None) -> list[type[Inline]]:  # noqa: ARG002 - Django's own signature
        return [RouteRows]

    @admin.display(description="papers")
    def documents_exchanged(self, partner: TradingPartner) -> str:
        kinds = {
            "orders": partner.sends_orders,
            "acknowledgments": partner.takes_order_acks,
            "ship notices": partner.takes_shipments,
            "invoices": partner.takes_invoices,
        }
        return ", ".join(name for name, wanted in kinds.items() if wanted) or "none"

    @admin.display(description="suppliers")
    def routed(self, partner: TradingPartner) -> str:
        names = dict.fromkeys(str(route.supplier) for route in partner.routes.all() if route.pk)
        return ", ".join(names) or "none: no order goes out"

    @admin.display(description="ids that Visma offers")
    def offered(self, partner: TradingPartner) -> SafeString | str:
        """`ediCode` and `gln` of the routed suppliers' locations, to compare with the id."""
        if not partner.pk:
            return "shown once a supplier is routed"
        places = [place for route in partner.routes.all() for place in route.supplier.locations.all()]
        rows = [(place, place.edi_code or "-", place.gln or "-") for place in places if place.edi_code or place.gln]
        return format_html_join("", "<div>{}: EDI code {}, GLN {}</div>", rows) or "none"
