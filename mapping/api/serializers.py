"""Rows of the mappings as JSON, and what a change of one must obey."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from mapping.models import (
    Company,
    ItemReference,
    ItemTolerance,
    PartnerRoute,
    Supplier,
    SupplierLocation,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)

M = TypeVar("M", bound=models.Model)
REASON_LENGTH = 100  # simple_history's column
CHANGES = {"+": "created", "~": "changed", "-": "deleted"}


class Reasoned(serializers.ModelSerializer[M]):
    """A mapping whose changes say why. A row never changes its company."""

    change_reason = serializers.CharField(write_only=True, required=False, max_length=REASON_LENGTH)

    def get_validators(self) -> list[Any]:
        """What must be unique is the database's to say: free of races, and in the constraint's own words."""
        return []

    def create(self, validated_data: dict[str, Any]) -> M:
        reason = validated_data.pop("change_reason", "")
        model: Any = self.Meta.model
        row: M = model(**validated_data)
        return _saved(row, reason)

    def update(self, instance: M, validated_data: dict[str, Any]) -> M:
        reason = validated_data.pop("change_reason", "")
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return _saved(instance, reason)

    def validate_company(self, company: Company) -> Company:
        if self.instance is not None and getattr(self.instance, "company_id", company.pk) != company.pk:
            raise ValidationError("It stays with its company; make a new one for another company.")
        return company

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What belongs together belongs to one company."""
        mine = {self._now(attrs, name) for name in ("company", "partner", "supplier")} - {None}
        if len({row.pk if isinstance(row, Company) else row.company_id for row in mine}) > 1:
            raise ValidationError("Company, partner and supplier must belong together.")
        return attrs

    def _now(self, attrs: dict[str, Any], name: str) -> Any:
        return attrs.get(name, getattr(self.instance, name, None))


def _saved(row: M, reason: str) -> M:
    row._change_reason = reason or None  # type: ignore[attr-defined]  # read by simple_history
    row.save()
    return row


def company_field() -> serializers.SlugRelatedField[Company]:
    """A company is named, as on the command line."""
    return serializers.SlugRelatedField(slug_field="name", queryset=Company.objects.all())


class CompanySerializer(serializers.ModelSerializer[Company]):
    class Meta:
        model = Company
        fields = "__all__"


class LocationSerializer(serializers.ModelSerializer[SupplierLocation]):
    class Meta:
        model = SupplierLocation
        fields = ["location", "name", "edi_code", "gln"]


class SupplierSerializer(serializers.ModelSerializer[Supplier]):
    """A supplier with its locations; `edi_code` and `gln` are candidates for a trading partner's id."""

    company = company_field()
    locations = LocationSerializer(many=True)

    class Meta:
        model = Supplier
        exclude = ["content_hash", "modified"]


class PartnerSerializer(Reasoned[TradingPartner]):
    company = company_field()

    class Meta:
        model = TradingPartner
        exclude = ["suppliers"]


class PartnersOwn(Reasoned[M]):
    """A row of a partner's, which shows whose it is."""

    trading_partner_id = serializers.CharField(
        source="partner.trading_partner_id", read_only=True, default=None, allow_null=True
    )


class RouteSerializer(PartnersOwn[PartnerRoute]):
    class Meta:
        model = PartnerRoute
        fields = "__all__"


class ItemReferenceSerializer(PartnersOwn[ItemReference]):
    class Meta:
        model = ItemReference
        fields = "__all__"
        read_only_fields = ["compared_as"]


class UnitSerializer(PartnersOwn[UnitMapping]):
    company = company_field()

    class Meta:
        model = UnitMapping
        fields = "__all__"


class TaxSerializer(PartnersOwn[TaxMapping]):
    class Meta:
        model = TaxMapping
        fields = "__all__"


class ToleranceSerializer(PartnersOwn[ItemTolerance]):
    company = company_field()

    class Meta:
        model = ItemTolerance
        fields = "__all__"


class ChangeSerializer(serializers.Serializer[Any]):
    """One row of a history: the values as they were after the change."""

    at = serializers.DateTimeField(source="history_date")
    actor = serializers.CharField(source="history_user.username", default="")
    change = serializers.SerializerMethodField()
    reason = serializers.CharField(source="history_change_reason", default="", allow_null=True)
    values = serializers.SerializerMethodField()

    def get_change(self, row: Any) -> str:
        return CHANGES[row.history_type]

    def get_values(self, row: Any) -> dict[str, Any]:
        return {field.attname: getattr(row, field.attname) for field in row.tracked_fields}
