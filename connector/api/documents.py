"""Documents: list, detail, their bytes and events, and what a person may do with one or with many."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django_filters.rest_framework import (
    CharFilter,
    ChoiceFilter,
    FilterSet,
    IsoDateTimeFilter,
    MultipleChoiceFilter,
    OrderingFilter,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from audit import ledger
from audit.models import Cause, Document, Hold, Kind, Status
from audit.selection import Selection, of_order, of_partner, rows, with_cause
from connector.api.companies import company_named
from connector.api.problems import Conflict
from connector.api.serializers import (
    REPLAYED_AT_ONCE,
    DecideSerializer,
    DocumentDetailSerializer,
    DocumentSerializer,
    EventSerializer,
    ReasonSerializer,
    ReplaySerializer,
    SelectSerializer,
    WhySerializer,
)
from connector.replays import meant, replay_all, replay_one
from connector.wakeups import wake_workers

BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class WhateverIsAccepted(BaseContentNegotiation):
    """For answers that are bytes: whatever Accept says, they are sent, and problems as JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002 - REST framework's own signature
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002 - REST framework's own signature
        return renderers[0], renderers[0].media_type


class DocumentFilters(FilterSet):
    """`since` and `until` are moments of creation; `order` is an order number, `partner` a trading partner's id."""

    company = CharFilter(field_name="company__name")
    kind = MultipleChoiceFilter(choices=Kind.choices)
    status = MultipleChoiceFilter(choices=Status.choices)
    cause = ChoiceFilter(choices=Cause.choices, method="by_cause")
    partner = CharFilter(method="by_partner")
    order = CharFilter(method="by_order")
    since = IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    ordering = OrderingFilter(
        fields=[(name, name) for name in ("id", "created_at", "updated_at", "due_at", "number", "date", "amount")]
    )

    class Meta:
        model = Document
        fields = ["number"]

    def by_cause(self, documents: QuerySet[Document], _name: str, cause: str) -> QuerySet[Document]:
        return documents.filter(with_cause(cause))

    def by_partner(self, documents: QuerySet[Document], _name: str, partner: str) -> QuerySet[Document]:
        return documents.filter(of_partner(partner))

    def by_order(self, documents: QuerySet[Document], _name: str, order: str) -> QuerySet[Document]:
        return documents.filter(of_order(order))


class Documents(viewsets.ReadOnlyModelViewSet[Document]):
    """What came out of one system and must arrive in the other, once."""

    queryset = rows(Document.objects.order_by("-created_at", "-pk"))
    serializer_class = DocumentSerializer
    filterset_class = DocumentFilters
    lookup_value_regex = r"\d+"
    rights = {
        "replay": "audit.replay_document",
        "replay_many": "audit.replay_document",
        "ignore": "audit.ignore_document",
        "decide": "audit.decide_document",
    }

    def get_serializer_class(self) -> type[BaseSerializer[Document]]:
        return DocumentDetailSerializer if self.action == "retrieve" else DocumentSerializer

    def get_queryset(self) -> QuerySet[Document]:
        documents = super().get_queryset()
        if self.action == "retrieve":
            return documents.prefetch_related("lines", "holds__assigned_to", "decisions")
        return documents

    @extend_schema(responses=BYTES)
    @action(detail=True, content_negotiation_class=WhateverIsAccepted)
    def source(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the address's own names
        """The bytes as they were received; for a paper out of a list, the whole file."""
        document = self.get_object()
        return attachment(document.source, document.transmission.path)

    @extend_schema(responses=BYTES)
    @action(detail=True, content_negotiation_class=WhateverIsAccepted)
    def output(self, request: Request, pk: str) -> HttpResponse:  # noqa: ARG002 - the address's own names
        """The bytes as they were delivered; 404 while nothing was."""
        document = self.get_object()
        if not document.output:
            raise NotFound(f"{document} has no output: it is {document.get_status_display()}.")
        return attachment(bytes(document.output), document.output_ref)

    @extend_schema(responses=EventSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[])
    def events(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """Everything that happened to it, oldest first."""
        events: QuerySet[Any] = self.get_object().events.order_by("sequence")
        page: Any = self.paginate_queryset(events)
        return self.get_paginated_response(EventSerializer(page, many=True).data)

    @extend_schema(request=WhySerializer, responses=DocumentSerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """Back to `received`, where it is decided again as if new."""
        said = checked(WhySerializer(data=request.data))
        outcome = replay_one(self.get_object(), actor=actor(request), reason=said["reason"], now=timezone.now())
        if not outcome.replayed:
            raise Conflict(outcome.why)
        return self._moved()

    @extend_schema(request=ReasonSerializer, responses=DocumentSerializer)
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """It is not delivered, for a reason."""
        said = checked(ReasonSerializer(data=request.data))
        document = self.get_object()
        try:
            moved = ledger.ignore(document, said["reason"], actor=actor(request), now=timezone.now())
        except ValueError as refused:
            raise Conflict(str(refused)) from refused
        if not moved:
            raise Conflict(f"{document} was moved by another hand at the same moment; look again.")
        return self._moved()

    @extend_schema(request=DecideSerializer, responses=DocumentSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the address's own names
        """The answer to one open hold: what the paper says is accepted, and the document is decided again."""
        said = checked(DecideSerializer(data=request.data))
        with transaction.atomic():
            document = self.get_object()
            hold = _open_hold(document, said["cause"], said["subject"])
            said["accepted"] = said["accepted"] or str(hold.facts.get("found", ""))[:100]
            try:
                ledger.decide(document, **said, actor=actor(request), now=timezone.now())
            except ValueError as refused:
                raise Conflict(str(refused)) from refused
        return self._moved()

    @extend_schema(operation_id="documents_replay_many", request=SelectSerializer, responses=ReplaySerializer)
    @action(detail=False, methods=["post"], url_path="replay", filter_backends=[], pagination_class=None)
    def replay_many(self, request: Request) -> Response:
        """Every document that the selectors mean, as `manage.py replay` does; `dry_run` lists what would happen."""
        said = checked(SelectSerializer(data=request.data))
        selection, dry_run = _selection(said), said["dry_run"]
        left = max(0, meant(selection).count() - REPLAYED_AT_ONCE)
        how: Any = {"actor": actor(request), "reason": said["reason"], "now": timezone.now(), "dry_run": dry_run}
        outcomes = list(replay_all(selection, **how, limit=REPLAYED_AT_ONCE))
        if not dry_run:
            wake_workers()
        replayed = sum(outcome.replayed for outcome in outcomes)
        summary = {
            "dry_run": dry_run,
            "replayed": replayed,
            "refused": len(outcomes) - replayed,
            "left": left,
            "missing": sorted({*said["documents"]} - {outcome.document.pk for outcome in outcomes}),
            "outcomes": outcomes,
        }
        return Response(ReplaySerializer(summary).data)

    def _moved(self) -> Response:
        wake_workers()
        return Response(DocumentSerializer(self.get_object()).data)


def actor(request: Request) -> str:
    """Who did it, as the ledger writes it."""
    return request.user.get_username()


def checked(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """What was sent, valid. Raises ValidationError."""
    serializer.is_valid(raise_exception=True)
    said: dict[str, Any] = serializer.validated_data
    return said


def attachment(content: bytes, path: str) -> HttpResponse:
    """Bytes to save, never to show: hostile papers must not run in a browser."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.rpartition("/")[2]) or "document"
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)


def _open_hold(document: Document, cause: str, subject: str) -> Hold:
    hold = document.holds.filter(closed_at=None, cause=cause, subject=subject).first()
    if hold is None:
        raise Conflict(f"{document} has no open hold {cause} about {subject!r}; look at its holds again.")
    return hold


def _selection(said: dict[str, Any]) -> Selection:
    return Selection(
        company=company_named(said["company"]),
        documents=said["documents"],
        statuses=sorted(said["status"]),
        kind=said["kind"],
        cause=said["cause"],
        since=said["since"],
    )
