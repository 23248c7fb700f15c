"""Item references, units, taxes and tolerances of items: what people map."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from mapping.admin.common import REHEARSE, Reasoned, ReasonedForm
from mapping.models import Item, ItemReference, ItemTolerance, TaxMapping, UnitMapping
from mapping.models.references import comparable


class ItemReferenceForm(ReasonedForm):
    """A number means one item, however it is written, and the item exists."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        partner, kind, number = (cleaned.get(name) for name in ("partner", "number_kind", "their_number"))
        if partner and kind and number:
            self._refuse_second(partner, str(kind), str(number))
        if partner and cleaned.get("item"):
            self._refuse_unknown(partner, str(cleaned["item"]))
        return cleaned

    def _refuse_second(self, partner: Any, kind: str, number: str) -> None:
        same = ItemReference.objects.filter(
            partner=partner, number_kind=kind, compared_as=comparable(kind, number)
        ).exclude(pk=self.instance.pk)
        if other := same.first():
            self.add_error("their_number", f"Already mapped: {other}. Change that mapping instead.")

    def _refuse_unknown(self, partner: Any, item: str) -> None:
        items = Item.objects.filter(company=partner.company_id)
        if items.exists() and not items.filter(number=item).exists():
            self.add_error("item", f"Visma has no item {item} in {partner.company}. Check the number, blanks included.")


@admin.register(ItemReference)
class ItemReferenceAdmin(Reasoned):
    form = ItemReferenceForm
    change_form_outer_after_template = REHEARSE
    list_display = ["their_number", "number_kind", "item", "partner", "updated_at"]
    list_filter = ["number_kind", "partner__company"]
    list_select_related = ["partner"]
    search_fields = ["their_number", "compared_as", "item", "partner__trading_partner_id", "partner__name"]
    autocomplete_fields = ["partner"]
    fields = ["partner", "number_kind", "their_number", "item", "change_reason"]


class OneCompanyForm(ReasonedForm):
    """A partner's own mapping belongs to the partner's company."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        company, partner = cleaned.get("company"), cleaned.get("partner")
        if company and partner and partner.company_id != company.pk:
            self.add_error("partner", f"{partner} belongs to {partner.company}.")
        return cleaned


@admin.register(UnitMapping)
class UnitMappingAdmin(Reasoned):
    form = OneCompanyForm
    change_form_outer_after_template = REHEARSE
    list_display = ["unit", "rsx_unit", "factor", "partner", "company", "updated_at"]
    list_filter = ["company"]
    list_select_related = ["partner", "company"]
    search_fields = ["unit", "rsx_unit", "partner__trading_partner_id"]
    autocomplete_fields = ["company", "partner"]
    fields = ["company", "partner", "unit", "rsx_unit", "factor", "change_reason"]


@admin.register(TaxMapping)
class TaxMappingAdmin(Reasoned):
    change_form_outer_after_template = REHEARSE
    list_display = ["tax_type", "percent", "vat_category", "partner", "updated_at"]
    list_filter = ["tax_type", "partner__company"]
    list_select_related = ["partner"]
    search_fields = ["tax_type", "vat_category", "partner__trading_partner_id", "partner__name"]
    autocomplete_fields = ["partner"]
    fields = ["partner", "tax_type", "percent", "vat_category", "change_reason"]


@admin.register(ItemTolerance)
class ItemToleranceAdmin(Reasoned):
    form = OneCompanyForm
    change_form_outer_after_template = REHEARSE
    list_display = ["item", "partner", "company", "price_percent", "price_absolute", "quantity_percent", "date_days"]
    list_filter = ["company"]
    list_select_related = ["partner", "company"]
    search_fields = ["item", "partner__trading_partner_id"]
    autocomplete_fields = ["company", "partner"]
    fields = [
        "company",
        "partner",
        "item",
        "price_percent",
        "price_absolute",
        "quantity_percent",
        "quantity_absolute",
        "date_days",
        "change_reason",
    ]
