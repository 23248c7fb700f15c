"""The fixes of the desk: each a small form that saves one mapping and says in a sentence what it did."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from audit.models import ACCEPTABLE, Cause, Hold
from connector.rsx.common import UNITS
from mapping.models import (
    Item,
    ItemReference,
    NumberKind,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)
from mapping.models.references import comparable

ACCEPTED = ACCEPTABLE - {Cause.ORDER_UNKNOWN}  # that one is answered by booking as expense


def _text(label: str, length: int, *, required: bool = True, hint: str = "", offered: bool = False) -> forms.CharField:
    """A line of text; `offered` ties it to the candidates that the page lists."""
    widget = UnfoldAdminTextInputWidget(attrs={"list": "offered", "autocomplete": "off"} if offered else None)
    return forms.CharField(label=label, max_length=length, required=required, help_text=hint, widget=widget)


class Why(forms.Form):
    """An answer that needs its reason."""

    reason = forms.CharField(label="Reason", max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


class Assign(forms.Form):
    """Who has the question, and what there is to say."""

    user = forms.ModelChoiceField(
        get_user_model()._default_manager.filter(is_active=True, is_staff=True),
        label="To",
        required=False,
        empty_label="nobody",
        widget=UnfoldAdminSelectWidget(),
    )
    comment = forms.CharField(
        label="Comment", max_length=1000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class Fix(forms.Form):
    """A mapping to be made from what a hold knows (its facts)."""

    verb = ""
    right = ""

    def __init__(self, posted: QueryDict | None, *, hold: Hold) -> None:
        self.hold = hold
        self.company = hold.document.company
        super().__init__(posted, initial=self.from_facts(hold.facts))

    @property
    def partner(self) -> TradingPartner | None:
        """The partner that the hold is about: by its facts, else its document's."""
        named = self.company.partners.filter(pk=self.hold.facts.get("partner") or 0).first()
        return named or self.hold.document.partner

    def from_facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        """What the form is filled with."""
        return {name: facts[name] for name in self.base_fields if name in facts}

    def rows(self) -> Iterator[models.Model]:
        """The rows to be saved, each made after the one before it was. Raises ValidationError."""
        raise NotImplementedError

    def sentence(self) -> str:
        """What is so, once they are."""
        raise NotImplementedError

    def save(self) -> str:
        """What was done, or nothing when the form now says why not."""
        try:
            with transaction.atomic():
                for row in self.rows():
                    self.keep(row)
                return self.sentence()
        except ValidationError as error:
            self._refuse(error)
        except IntegrityError:
            self.add_error(None, "Someone else has just mapped the same. Look at the question again.")
        return ""

    def proposed(self) -> list[models.Model]:
        """The rows as they would be saved; none when the form now says why not."""
        try:
            found = list(self.rows())
            for row in found:
                row.full_clean(exclude=_unsaved(row))
        except ValidationError as error:
            self._refuse(error)
            return []
        return found

    def _refuse(self, error: ValidationError) -> None:
        for sentence in error.messages:
            self.add_error(None, sentence)

    def keep(self, row: models.Model) -> None:
        """Checked and saved, with the desk as the reason in its history."""
        row.full_clean()
        row._change_reason = f"desk: {self.hold}"[:100]  # type: ignore[attr-defined]  # simple_history reads it
        row.save()

    def demanded_partner(self) -> TradingPartner:
        """Raises ValidationError when nobody knows whose number it is."""
        if self.partner is None:
            raise ValidationError("The partner of these documents is not known yet: map the partner first.")
        return self.partner


def _unsaved(row: models.Model) -> set[str]:
    """Fields that refer to rows which are to be saved before this one."""
    return {name for name, other in row._state.fields_cache.items() if other is not None and other._state.adding}


class ItemFix(Fix):
    verb = "Map item"
    right = "mapping.add_itemreference"
    number_kind = forms.ChoiceField(label="Kind", choices=NumberKind.choices, widget=UnfoldAdminSelectWidget())
    number = _text("Their number", 80)
    item = _text("Our item", 60, hint="Visma's inventory number", offered=True)

    def offered(self) -> list[tuple[str, str]]:
        """Items on the orders of the document: candidates, never applied by themselves."""
        orders = self.hold.document.orders.values_list("order", flat=True)
        lines = self.hold.document.orders.model._meta.get_field("order").related_model
        found = lines._default_manager.filter(pk__in=orders).values_list("lines__item", "lines__description")
        return [(item, description or "") for item, description in found[:20] if item]

    def rows(self) -> Iterator[models.Model]:
        """One reference; none where it is mapped so already. Raises ValidationError where it is another item, or none."""
        partner, item = self.demanded_partner(), self.cleaned_data["item"].strip()
        items = Item.objects.filter(company=self.company)
        if items.exists() and not items.filter(number=item).exists():
            raise ValidationError(f"Visma has no item {item} in {self.company}.")
        kind, number = self.cleaned_data["number_kind"], self.cleaned_data["number"]
        known = partner.item_references.filter(number_kind=kind, compared_as=comparable(kind, number)).first()
        if known and known.item != item:
            raise ValidationError(f"{number} is item {known.item} already. Change that mapping if it is wrong.")
        if known is None:
            yield ItemReference(partner=partner, number_kind=kind, their_number=number, item=item)

    def sentence(self) -> str:
        """What is so, once it is saved."""
        return f"{self.cleaned_data['number']} of {self.partner} is item {self.cleaned_data['item'].strip()}."


class UnitFix(Fix):
    verb = "Map unit"
    right = "mapping.add_unitmapping"
    unit = _text("Visma's unit", 10)
    rsx_unit = _text("Unit on the paper", 3, hint="RSX code, such as EA or CA")
    factor = forms.DecimalField(
        label="Factor",
        max_digits=19,
        decimal_places=6,
        validators=[MinValueValidator(Decimal("0.000001"))],
        widget=UnfoldAdminTextInputWidget(),
        help_text="how many units on the paper one of Visma's is",
    )
    everyone = forms.BooleanField(label="For all partners", required=False, initial=True, widget=UnfoldBooleanWidget())

    def clean_rsx_unit(self) -> str:
        unit = str(self.cleaned_data["rsx_unit"]).strip().upper()
        if unit not in UNITS:
            raise ValidationError(f"{unit} is not a unit of RSX 7.7.7.")
        return unit

    def rows(self) -> Iterator[models.Model]:
        """One unit; none where it is mapped so already. Raises ValidationError where it is mapped otherwise."""
        partner = None if self.cleaned_data["everyone"] else self.demanded_partner()
        unit, rsx_unit, factor = (self.cleaned_data[name] for name in ("unit", "rsx_unit", "factor"))
        known = UnitMapping.objects.filter(company=self.company, partner=partner, unit=unit).first()
        if known and (known.rsx_unit, known.factor) != (rsx_unit, factor):
            raise ValidationError(f"{unit} is mapped already: {known}. Change that mapping if it is wrong.")
        if known is None:
            yield UnitMapping(company=self.company, partner=partner, unit=unit, rsx_unit=rsx_unit, factor=factor)

    def sentence(self) -> str:
        """What is so, once it is saved."""
        unit, rsx_unit, factor = (self.cleaned_data[name] for name in ("unit", "rsx_unit", "factor"))
        return f"1 {unit} is {factor.normalize():f} {rsx_unit}."


class TaxFix(Fix):
    verb = "Map tax"
    right = "mapping.add_taxmapping"
    tax_type = _text("Tax on the paper", 5)
    percent = forms.DecimalField(label="Percent", max_digits=9, decimal_places=4, widget=UnfoldAdminTextInputWidget())
    vat_category = _text("Visma's VAT category", 20)

    def rows(self) -> Iterator[models.Model]:
        """One tax; none where it is mapped so already. Raises ValidationError where it is mapped otherwise."""
        partner = self.demanded_partner()
        tax, percent, category = (self.cleaned_data[name] for name in ("tax_type", "percent", "vat_category"))
        known = partner.tax_mappings.filter(tax_type=tax, percent=percent).first()
        if known and known.vat_category != category:
            raise ValidationError(f"{tax} is mapped already: {known}. Change that mapping if it is wrong.")
        if known is None:
            yield TaxMapping(partner=partner, tax_type=tax, percent=percent, vat_category=category)

    def sentence(self) -> str:
        """What is so, once it is saved."""
        tax, percent, category = (self.cleaned_data[name] for name in ("tax_type", "percent", "vat_category"))
        return f"{tax} {percent.normalize():f} % of {self.partner} is VAT category {category}."


class AccountFix(Fix):
    verb = "Set expense account"
    right = "mapping.edit_accounts_tradingpartner"
    expense_account = _text("Expense account", 20)
    expense_subaccount = _text("Subaccount", 40, required=False, hint="segments, such as 1=00;2=10")

    def rows(self) -> Iterator[models.Model]:
        """The partner with its account."""
        partner = self.demanded_partner()
        partner.expense_account = self.cleaned_data["expense_account"]
        partner.expense_subaccount = self.cleaned_data["expense_subaccount"]
        yield partner

    def sentence(self) -> str:
        """What is so, once it is saved."""
        return f"Charges of {self.partner} go to account {self.cleaned_data['expense_account']}."


class PartnerFix(Fix):
    verb = "Map partner"
    right = "mapping.add_partnerroute"
    trading_partner_id = _text("Trading partner id", 15, hint="as SPS gave it", offered=True)
    name = _text("Name", 255, required=False)
    supplier = _text("Visma's supplier number", 30)
    location = _text("Only for location", 30, required=False)
    branch = _text("Only for branch", 30, required=False)
    default = forms.BooleanField(
        label="Default partner of this supplier", required=False, initial=True, widget=UnfoldBooleanWidget()
    )

    def from_facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Location and branch are left empty: a route for all of them is the usual one."""
        return {name: facts[name] for name in ("trading_partner_id", "supplier") if facts.get(name)}

    def offered(self) -> list[tuple[str, str]]:
        """`ediCode` and `gln` of the supplier's locations (visma.md §9.1)."""
        supplier = self.company.suppliers.filter(number=self.hold.facts.get("supplier", "")).first()
        places = supplier.locations.all() if supplier else []
        return [(code, f"of {place}") for place in places for code in (place.edi_code, place.gln) if code]

    def clean_supplier(self) -> Supplier:
        supplier = self.company.suppliers.filter(number=str(self.cleaned_data["supplier"]).strip()).first()
        if supplier is None:
            raise ValidationError(f"{self.company} has no supplier of this number in Visma, as last read.")
        return supplier

    def rows(self) -> Iterator[models.Model]:
        """The partner, if it is a new one, and its route. Raises ValidationError for a second default."""
        supplier, partner = self.cleaned_data["supplier"], self._partner()
        if partner._state.adding:
            yield partner
        place = {name: self.cleaned_data[name].strip() for name in ("location", "branch")}
        if partner._state.adding or not supplier.routes.filter(partner=partner, **place).exists():
            yield PartnerRoute(supplier=supplier, partner=partner, is_default=self._is_default(supplier), **place)

    def sentence(self) -> str:
        """What is so, once they are saved."""
        return f"{self.cleaned_data['supplier']} trades as {self._partner()}."

    def _partner(self) -> TradingPartner:
        written, supplier = self.cleaned_data["trading_partner_id"].strip(), self.cleaned_data["supplier"]
        known = self.company.partners.filter(trading_partner_id__iexact=written).first()
        name = self.cleaned_data["name"] or supplier.name
        return known or TradingPartner(company=self.company, trading_partner_id=written, name=name)

    def _is_default(self, supplier: Supplier) -> bool:
        """Raises ValidationError when another partner is the default already."""
        if not self.cleaned_data["default"]:
            return False
        other = supplier.routes.filter(is_default=True).select_related("partner").first()
        if other:
            raise ValidationError(
                f"{other.partner} is the default partner of {supplier} already: take the tick away, or change that route."
            )
        return True


FIXES: dict[str, type[Fix]] = {
    Cause.ITEM_UNMAPPED: ItemFix,
    Cause.LINE_CONFLICT: ItemFix,
    Cause.UNIT_UNMAPPED: UnitFix,
    Cause.TAX_UNMAPPED: TaxFix,
    Cause.ACCOUNT_MISSING: AccountFix,
    Cause.PARTNER_UNMAPPED: PartnerFix,
}
