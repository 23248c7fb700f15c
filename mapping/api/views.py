"""The mappings for other software: read, write, and every change with who made it and why."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from django_filters.rest_framework import CharFilter, FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mapping.admin.parties import ACCOUNTS, EDIT_ACCOUNTS, TOLERANCES
from mapping.api.serializers import (
    REASON_LENGTH,
    ChangeSerializer,
    CompanySerializer,
    ItemReferenceSerializer,
    PartnerSerializer,
    RouteSerializer,
    SupplierSerializer,
    TaxSerializer,
    ToleranceSerializer,
    UnitSerializer,
)
from mapping.models import (
    Company,
    ItemReference,
    ItemTolerance,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)

M = TypeVar("M", bound=models.Model)
CHANGE_PARTNERS = "mapping.change_tradingpartner"
REASON_HEADER = OpenApiParameter(
    "X-Change-Reason", OpenApiTypes.STR, OpenApiParameter.HEADER, description="why; or the key `change_reason`"
)


class OfCompany(FilterSet):
    """A company is named, as on the command line."""

    company = CharFilter(field_name="company__name")


class Historic(viewsets.GenericViewSet[M]):
    """`…/history/`: who changed the row, when and why, newest first; also of a row that is deleted."""

    lookup_value_regex = r"\d+"

    @extend_schema(responses=ChangeSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[])
    def history(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        model: Any = self.get_queryset().model
        rows = model.history.filter(**{model._meta.pk.attname: pk}).select_related("history_user")
        page = self.paginate_queryset(rows.order_by("-history_date", "-history_id"))
        if not page:
            raise NotFound()
        return self.get_paginated_response(ChangeSerializer(page, many=True).data)


class Mappings(Historic[M], viewsets.ModelViewSet[M]):
    """What people map. A change and its line of history are one transaction."""

    def perform_create(self, serializer: serializers.BaseSerializer[M]) -> None:
        self._save(serializer)

    def perform_update(self, serializer: serializers.BaseSerializer[M]) -> None:
        self._save(serializer)

    @extend_schema(parameters=[REASON_HEADER])
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: M) -> None:
        instance._change_reason = self._header_reason() or None  # type: ignore[attr-defined]  # read by simple_history
        with transaction.atomic():
            instance.delete()

    def _save(self, serializer: serializers.BaseSerializer[M]) -> None:
        reason = serializer.validated_data.get("change_reason") or self._header_reason()
        with transaction.atomic():
            serializer.save(change_reason=reason)

    def _header_reason(self) -> str:
        reason: str = self.request.headers.get("X-Change-Reason", "").strip()
        if len(reason) > REASON_LENGTH:
            raise ValidationError({"change_reason": [f"At most {REASON_LENGTH} characters."]})
        return reason


class Companies(Historic[Company], viewsets.ReadOnlyModelViewSet[Company]):
    queryset = Company.objects.order_by("name")
    serializer_class = CompanySerializer
    filterset_fields = ["name"]


class SupplierFilters(OfCompany):
    edi_code = CharFilter(field_name="locations__edi_code", distinct=True)
    gln = CharFilter(field_name="locations__gln", distinct=True)

    class Meta:
        model = Supplier
        fields = {"number": ["exact"], "name": ["exact", "icontains"], "status": ["exact"]}


class Suppliers(Historic[Supplier], viewsets.ReadOnlyModelViewSet[Supplier]):
    queryset = Supplier.objects.select_related("company").prefetch_related("locations").order_by("company", "number")
    serializer_class = SupplierSerializer
    filterset_class = SupplierFilters


class PartnerFilters(OfCompany):
    class Meta:
        model = TradingPartner
        fields = ["trading_partner_id", "vendor_number", "name"]


class Partners(Mappings[TradingPartner]):
    """Accounts and tolerances are changed with a right of their own, as in the back office: Finance's, not Procurement's."""

    queryset = TradingPartner.objects.select_related("company").order_by("company", "trading_partner_id")
    serializer_class = PartnerSerializer
    filterset_class = PartnerFilters
    rights = {"update": (CHANGE_PARTNERS, EDIT_ACCOUNTS), "partial_update": (CHANGE_PARTNERS, EDIT_ACCOUNTS)}

    def _save(self, serializer: serializers.BaseSerializer[TradingPartner]) -> None:
        now = serializer.instance or TradingPartner()
        said = serializer.validated_data.items()
        changed = {name for name, value in said if name != "change_reason" and value != getattr(now, name, None)}
        money = changed & {*ACCOUNTS, *TOLERANCES}
        may = self.request.user.has_perm
        if money and not may(EDIT_ACCOUNTS):
            raise PermissionDenied(f"Your rights do not include {', '.join(sorted(money))}: Finance changes these.")
        if serializer.instance and changed - money and not may(CHANGE_PARTNERS):
            raise PermissionDenied(f"Your rights include {', '.join((*ACCOUNTS, *TOLERANCES))} only.")
        super()._save(serializer)


class Routes(Mappings[PartnerRoute]):
    queryset = PartnerRoute.objects.select_related("partner").order_by("pk")
    serializer_class = RouteSerializer
    filterset_fields = ["supplier", "supplier__number", "partner", "partner__trading_partner_id", "is_default"]


class ItemReferences(Mappings[ItemReference]):
    queryset = ItemReference.objects.select_related("partner").order_by("pk")
    serializer_class = ItemReferenceSerializer
    filterset_fields = ["partner", "partner__trading_partner_id", "number_kind", "their_number", "item"]


class UnitFilters(OfCompany):
    class Meta:
        model = UnitMapping
        fields = ["partner", "unit", "rsx_unit"]


class Units(Mappings[UnitMapping]):
    queryset = UnitMapping.objects.select_related("company", "partner").order_by("pk")
    serializer_class: type[serializers.BaseSerializer[UnitMapping]] = UnitSerializer
    filterset_class = UnitFilters


class Taxes(Mappings[TaxMapping]):
    queryset = TaxMapping.objects.select_related("partner").order_by("pk")
    serializer_class = TaxSerializer
    filterset_fields = ["partner", "partner__trading_partner_id", "tax_type"]


class ToleranceFilters(OfCompany):
    class Meta:
        model = ItemTolerance
        fields = ["partner", "item"]


class Tolerances(Mappings[ItemTolerance]):
    queryset = ItemTolerance.objects.select_related("company", "partner").order_by("pk")
    serializer_class = ToleranceSerializer
    filterset_class = ToleranceFilters
