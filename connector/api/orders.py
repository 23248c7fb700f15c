"""Purchase orders as Visma holds them: where each line stands, what was said about it, and sending one by hand."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_filters.rest_framework import CharFilter, DateFilter, FilterSet, OrderingFilter
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from audit.models import Document
from audit.reports import order_lines
from audit.selection import rows
from connector.api.documents import actor
from connector.api.problems import Conflict
from connector.api.serializers import DocumentSerializer
from connector.pipeline import send_order
from connector.wakeups import wake_workers
from mapping.models import Order
from mapping.models.mirrors import QUANTITY


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order in one row."""

    company = serializers.CharField(source="company.name")
    supplier_name = serializers.CharField(source="supplier.name", default="")

    class Meta:
        model = Order
        fields = [
            "id",
            "company",
            "number",
            "order_type",
            "status",
            "on_hold",
            "date",
            "supplier_number",
            "supplier_name",
            "location",
            "branch",
            "currency",
            "total",
            "promised_on",
            "seen_at",
        ]


class LineStandSerializer(serializers.Serializer[Any]):
    """Where one line stands, in its own unit: confirmed + backordered + rejected + open = ordered."""

    number = serializers.IntegerField(source="line.number")
    item = serializers.CharField(source="line.item")
    description = serializers.CharField(source="line.description")
    unit = serializers.CharField(source="line.unit")
    unit_cost = serializers.DecimalField(source="line.unit_cost", **QUANTITY)
    requested = serializers.DateField(source="line.requested", allow_null=True)
    promised = serializers.DateField(allow_null=True)
    ordered = serializers.DecimalField(**QUANTITY)
    confirmed = serializers.DecimalField(**QUANTITY)
    backordered = serializers.DecimalField(**QUANTITY)
    rejected = serializers.DecimalField(**QUANTITY)
    open = serializers.DecimalField(**QUANTITY)
    shipped = serializers.DecimalField(**QUANTITY)
    received = serializers.DecimalField(**QUANTITY)
    unreleased = serializers.DecimalField(**QUANTITY, help_text="on receipts that are not released yet")
    invoiced = serializers.DecimalField(**QUANTITY)
    paid = serializers.CharField(help_text="paid, partly paid, unpaid; empty while nothing is invoiced")
    uncounted = serializers.ListField(
        child=serializers.CharField(), help_text="bookings in a unit that cannot be converted: in none of these figures"
    )


class OrderDetailSerializer(OrderSerializer):
    """An order with its roll-up and every document about it, oldest first."""

    lines = serializers.SerializerMethodField()
    documents = serializers.SerializerMethodField()

    class Meta(OrderSerializer.Meta):
        fields = [*OrderSerializer.Meta.fields, "lines", "documents"]

    @extend_schema_field(LineStandSerializer(many=True))
    def get_lines(self, order: Order) -> Any:
        return LineStandSerializer(order_lines(order), many=True).data

    @extend_schema_field(DocumentSerializer(many=True))
    def get_documents(self, order: Order) -> Any:
        about = rows(Document.objects.filter(company=order.company_id, orders__order=order))
        return DocumentSerializer(about.order_by("created_at", "pk"), many=True).data


class OrderFilters(FilterSet):
    """`since` and `until` are dates of the order."""

    company = CharFilter(field_name="company__name")
    since = DateFilter(field_name="date", lookup_expr="gte")
    until = DateFilter(field_name="date", lookup_expr="lt")
    ordering = OrderingFilter(fields=[(name, name) for name in ("id", "date", "number", "total")])

    class Meta:
        model = Order
        fields = ["number", "supplier_number", "status", "order_type", "on_hold", "branch"]


class Orders(viewsets.ReadOnlyModelViewSet[Order]):
    """Mirrors of Visma's purchase orders; nothing is changed here."""

    queryset = Order.objects.select_related("company", "supplier").defer("row").order_by("-date", "-pk")
    serializer_class = OrderSerializer
    filterset_class = OrderFilters
    lookup_value_regex = r"\d+"
    rights = {"send": "mapping.send_order"}

    def get_serializer_class(self) -> type[BaseSerializer[Order]]:
        return OrderDetailSerializer if self.action == "retrieve" else OrderSerializer

    @extend_schema(request=None, responses={201: DocumentSerializer})
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """Send now, whatever the go-live cut says; 409 with a sentence when there is nothing to send."""
        order: Order = self.get_object()
        try:
            sent = send_order(order, actor=actor(request), now=timezone.now())
        except ValueError as refused:
            raise Conflict(str(refused)) from refused
        wake_workers()
        return Response(DocumentSerializer(rows(Document.objects.all()).get(pk=sent.pk)).data, status=201)
