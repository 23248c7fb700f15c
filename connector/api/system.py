"""Where things stand, and how the remote systems are reached; never their secrets."""

from __future__ import annotations

from typing import Any

from django_filters.rest_framework import CharFilter, FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connector.api.companies import company_named
from connector.models import Connection
from connector.ping import ping
from connector.status import status


class BudgetSerializer(serializers.Serializer[Any]):
    """`limit` null: the system tells none; `remaining` is 0 while it refuses."""

    limit = serializers.IntegerField(allow_null=True)
    remaining = serializers.IntegerField(allow_null=True)
    resets_in = serializers.IntegerField(help_text="seconds")


class AccountedSerializer(serializers.Serializer[Any]):
    """Of how many orders and files the last complete look at both sides left how many unexplained."""

    unexplained = serializers.IntegerField()
    total = serializers.IntegerField()
    at = serializers.DateTimeField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    """`manage.py status`."""

    documents = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    holds = serializers.IntegerField()
    unpicked = serializers.IntegerField()
    unanswered = serializers.IntegerField()
    lag_seconds = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    budget = serializers.DictField(child=BudgetSerializer())
    workers = serializers.IntegerField()
    completeness = AccountedSerializer()


class StatusView(APIView):
    """The figures of one company, or of all together."""

    rights = {"get": "audit.view_document"}

    @extend_schema(responses=StatusSerializer, parameters=[OpenApiParameter("company", OpenApiTypes.STR)])
    def get(self, request: Request) -> Response:
        company = company_named(request.query_params.get("company", ""))
        return Response(StatusSerializer(status(company)).data)


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """Of the secrets only whether they are set."""

    company = serializers.CharField(source="company.name")
    has_client_secret = serializers.SerializerMethodField()
    has_webhook_secret = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = [
            "id",
            "company",
            "system",
            "url",
            "token_url",
            "token_body",
            "client_id",
            "tenant",
            "scope",
            "audience",
            "in_dir",
            "out_dir",
            "absence_lag_seconds",
            "poll_seconds",
            "webhook_uid",
            "webhook_header",
            "has_client_secret",
            "has_webhook_secret",
            "paused_at",
            "paused_reason",
            "token_expires_at",
            "budget_limit",
            "budget_remaining",
            "budget_resets_at",
            "blocked_until",
            "calls",
        ]

    def get_has_client_secret(self, connection: Connection) -> bool:
        return bool(connection.client_secret)

    def get_has_webhook_secret(self, connection: Connection) -> bool:
        return bool(connection.webhook_secret)


class CheckSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()


class PingSerializer(serializers.Serializer[Any]):
    """What was tried and what came of it, as `manage.py ping` says it."""

    ok = serializers.BooleanField()
    checks = CheckSerializer(many=True)


class ConnectionFilters(FilterSet):
    company = CharFilter(field_name="company__name")

    class Meta:
        model = Connection
        fields = ["system"]


class Connections(viewsets.ReadOnlyModelViewSet[Connection]):
    """How each remote system is reached."""

    queryset = Connection.objects.select_related("company").defer("token").order_by("company__name", "system")
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilters
    lookup_value_regex = r"\d+"
    rights = {"ping": "connector.ping_connection"}

    @extend_schema(request=None, responses=PingSerializer)
    @action(detail=True, methods=["post"])
    def ping(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """Tries the system with the stored credentials; when all works, a paused connection goes on."""
        connection = self.get_object()
        tried = ping(connection.company, Connection.System(connection.system))
        return Response(PingSerializer(tried).data)
