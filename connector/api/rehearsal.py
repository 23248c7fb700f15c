"""A change of a mapping or tolerance, rehearsed: what would have ended differently, and the money in it. Nothing is saved."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.models import Cause, Kind, Status
from connector.api.documents import checked
from connector.api.units import RsxUnitSerializer
from connector.rehearsal import Change, rehearse
from mapping.admin.parties import EDIT_ACCOUNTS, TOLERANCES
from mapping.api.serializers import (
    CompanySerializer,
    ItemReferenceSerializer,
    PartnerSerializer,
    RouteSerializer,
    TaxSerializer,
    ToleranceSerializer,
)
from mapping.models.mirrors import MONEY

REHEARSED: dict[str, type[serializers.ModelSerializer[Any]]] = {
    "companies": CompanySerializer,
    "partners": PartnerSerializer,
    "routes": RouteSerializer,
    "item-references": ItemReferenceSerializer,
    "units": RsxUnitSerializer,
    "taxes": TaxSerializer,
    "tolerances": ToleranceSerializer,
}
OF_FINANCE = ("companies", "partners")  # which Finance changes too: their tolerances and accounts
OF_A_COMPANY = {*TOLERANCES, "total_tolerance_per_line"}
MOST_DAYS = 366


class ProposalSerializer(serializers.Serializer[Any]):
    """What would be sent to the address of that name: without `id` a new row, else the values that change."""

    model = serializers.ChoiceField(choices=sorted(REHEARSED))
    id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    values = serializers.DictField(required=False, default=dict)
    delete = serializers.BooleanField(required=False, default=False, help_text="the row with this id goes")
    days = serializers.IntegerField(required=False, default=30, min_value=1, max_value=MOST_DAYS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "id" not in attrs and (attrs["delete"] or attrs["model"] == "companies"):
            raise ValidationError({"id": ["Which one?"]})
        return attrs


class DifferentSerializer(serializers.Serializer[Any]):
    """A document that would have ended differently; `matched` stands for going out. Worth nobody knows is null."""

    document = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    number = serializers.CharField()
    partner = serializers.CharField()
    was = serializers.ChoiceField(choices=Status.choices)
    was_causes = serializers.ListField(child=serializers.ChoiceField(choices=Cause.choices))
    would_be = serializers.ChoiceField(choices=Status.choices)
    causes = serializers.ListField(child=serializers.ChoiceField(choices=Cause.choices))
    why = serializers.CharField()
    other_content = serializers.BooleanField(help_text="it would go out as well, with other figures or numbers")
    amount = serializers.DecimalField(**MONEY, allow_null=True)
    currency = serializers.CharField()


class RehearsalSerializer(serializers.Serializer[Any]):
    """`left` documents were not looked at, because there were too many: ask for fewer days."""

    days = serializers.IntegerField()
    examined = serializers.IntegerField()
    left = serializers.IntegerField()
    totals = serializers.DictField(child=serializers.DecimalField(**MONEY))
    without_amount = serializers.IntegerField()
    different = DifferentSerializer(many=True)


class RehearsalView(APIView):
    """Which documents of the last days would have ended differently. Needs the right to make the change."""

    rights = {"post": "audit.view_document"}

    @extend_schema(request=ProposalSerializer, responses=RehearsalSerializer)
    def post(self, request: Request) -> Response:
        asked = checked(ProposalSerializer(data=request.data))
        _demand(request, asked)
        change = Change(_row(asked), asked["delete"])
        found = rehearse([change], days=asked["days"], now=timezone.now())
        return Response(RehearsalSerializer(found).data)


def _model(asked: dict[str, Any]) -> type[models.Model]:
    found: type[models.Model] = REHEARSED[asked["model"]].Meta.model
    return found


def _demand(request: Request, asked: dict[str, Any]) -> None:
    verb = "delete" if asked["delete"] else "change" if "id" in asked else "add"
    model = _model(asked)._meta
    rights = [f"{model.app_label}.{verb}_{model.model_name}"]
    if verb == "change" and asked["model"] in OF_FINANCE:
        rights.append(EDIT_ACCOUNTS)
    if not any(request.user.has_perm(right) for right in rights):
        raise PermissionDenied("Your rights do not include this change, and so not its rehearsal.")


def _row(asked: dict[str, Any]) -> models.Model:
    """The row as it would be, not saved. Raises NotFound and ValidationError."""
    serializer = REHEARSED[asked["model"]]
    model = _model(asked)
    row = model._default_manager.filter(pk=asked["id"]).first() if "id" in asked else None
    if row is None and "id" in asked:
        raise NotFound
    if row is not None and asked["delete"]:
        return row
    if asked["model"] == "companies" and (others := set(asked["values"]) - OF_A_COMPANY):
        raise ValidationError({"values": [f"Of a company tolerances are rehearsed, not {', '.join(sorted(others))}."]})
    said = checked(serializer(row, data=asked["values"], partial=row is not None))
    said.pop("change_reason", None)
    row = row or model()
    for name, value in said.items():
        setattr(row, name, value)
    return row
