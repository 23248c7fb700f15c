"""The list of documents with replay and ignore, and the page of one document."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

from audit import reports
from audit.letter import asked_words
from audit.models import Cause, Document, DocumentOrder, Kind, Status, Transmission
from connector.admin import verbs
from connector.admin.life import COLOURS
from connector.admin.paper_page import paper_page
from connector.templatetags.backoffice import age, money
from mapping.admin.common import Days, Page, ReadOnly, coloured

PAYLOAD = ("output", "progress")
SHORT: dict[str, str] = {Status.WAITING: "waiting", Status.HELD: "needs a person"}


class CauseFilter(DropdownFilter):  # type: ignore[misc]  # unfold publishes no types
    title = "cause"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's own signature
        return [(cause.value, str(cause.label)) for cause in Cause]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:  # noqa: ARG002 - Django's own signature
        return queryset.filter(cause=self.value()) if self.value() else queryset


class DirectionFilter(DropdownFilter):  # type: ignore[misc]  # unfold publishes no types
    title = "direction"
    parameter_name = "direction"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's own signature
        return [("inbound", "SPS to Visma"), ("outbound", "Visma to SPS")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:  # noqa: ARG002 - Django's own signature
        wanted = {"inbound": ~Q(kind=Kind.ORDER), "outbound": Q(kind=Kind.ORDER)}.get(self.value() or "")
        return queryset.filter(wanted) if wanted is not None else queryset


class SilenceFilter(DropdownFilter):  # type: ignore[misc]  # unfold publishes no types
    """Orders that went out and of which nobody has heard."""

    title = "silence"
    parameter_name = "silence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's own signature
        return [("unpicked", "not picked up by SPS"), ("unanswered", "not answered by the supplier")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:  # noqa: ARG002 - Django's own signature
        silent = {"unpicked": reports.unpicked, "unanswered": reports.unanswered}.get(self.value() or "")
        return queryset & silent(timezone.now()) if silent else queryset


class AskedFilter(DropdownFilter):  # type: ignore[misc]  # unfold publishes no types
    """Papers of which the supplier was asked for another one."""

    title = "replacement"
    parameter_name = "replacement"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's own signature
        return [("asked", "asked for, not come yet"), ("settled", "asked for, settled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:  # noqa: ARG002 - Django's own signature
        still_open = Q(status__in=(Status.HELD, Status.RECEIVED, Status.WAITING))
        wanted = {"asked": still_open, "settled": ~still_open}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted).exclude(replacement_asked_at=None)


@admin.register(Document)
class DocumentAdmin(ReadOnly, Page):
    """Every document, newest first; its page is read-only, its verbs are replay and ignore."""

    list_display = ["shown_number", "kind", "partner_named", "orders_named", "shown_status", "says", "worth", "arrived"]
    list_display_links = ["shown_number"]
    list_select_related = ["company", "partner"]
    list_filter = [
        ("company", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        CauseFilter,
        DirectionFilter,
        SilenceFilter,
        AskedFilter,
        ("partner", AutocompleteSelectFilter),
        ("created_at", Days),
        ("delivered_at", Days),
    ]
    search_fields = ["number"]
    search_help_text = "Number, order, path, reference in the other system, or trading partner id"
    ordering = ["-created_at", "-id"]
    actions = ["replay_selected", "ignore_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows: QuerySet[Document] = super().get_queryset(request)
        return rows.defer(*PAYLOAD).prefetch_related("orders")

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's own signature
        queryset: QuerySet[Document],
        search_term: str,
    ) -> tuple[QuerySet[Document], bool]:
        """By subqueries instead of joins: no DISTINCT over the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        paths = Transmission.objects.filter(path__icontains=term).values("pk")
        orders = DocumentOrder.objects.filter(order_number__icontains=term).values("document")
        found = Q(number__icontains=term) | Q(output_ref__icontains=term) | Q(trading_partner_id__icontains=term)
        return queryset.filter(found | Q(transmission__in=paths) | Q(pk__in=orders)), False

    @admin.display(description="number", ordering="number")
    def shown_number(self, document: Document) -> str:
        revision = f" rev. {document.revision}" if document.revision > 1 else ""
        return f"{document.number or f'(no number, #{document.pk})'}{revision}"

    @admin.display(description="partner")
    def partner_named(self, document: Document) -> str:
        partner = document.partner
        return (partner.name or partner.trading_partner_id) if partner else document.trading_partner_id or "–"

    @admin.display(description="orders")
    def orders_named(self, document: Document) -> str:
        numbers = [order.order_number for order in document.orders.all()]
        return ", ".join(numbers[:3]) + (f" +{len(numbers) - 3}" if len(numbers) > 3 else "") or "–"

    @coloured({**COLOURS, "waiting": "info", "needs a person": "warning"}, description="status", ordering="status")
    def shown_status(self, document: Document) -> str:
        return SHORT.get(document.status, str(document.get_status_display()))

    @admin.display(description="what it says now")
    def says(self, document: Document) -> SafeString:
        asked = f"Replacement {asked_words(document)}. " if document.replacement_asked_at else ""
        return format_html('<span class="mlc-says" title="{0}">{0}</span>', asked + document.reason)

    @admin.display(description="amount", ordering="amount")
    def worth(self, document: Document) -> SafeString:
        return format_html('<span class="mlc-number">{}</span>', money(document.amount, document.currency))

    @admin.display(description="age", ordering="created_at")
    def arrived(self, document: Document) -> SafeString:
        stamp = document.created_at.strftime("%Y-%m-%d %H:%M UTC")
        return format_html('<span class="mlc-number" title="{}">{}</span>', stamp, age(document.created_at))

    # rights -----------------------------------------------------------------------------------------------------------
    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.replay_document")

    def has_ignore_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("audit.ignore_document")

    # actions of the list ----------------------------------------------------------------------------------------------
    @admin.action(description="Replay: decide again as if new", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, documents: QuerySet[Document]) -> None:
        chosen = _chosen(documents)
        resting = [document for document in chosen if document.status != Status.DELIVERED]
        outcome = verbs.replay(resting, actor=request.user.get_username(), reason="replayed from the list")
        outcome.refused += [
            f"{document} is delivered: replay it from its page, which asks the other system first."
            for document in chosen
            if document.status == Status.DELIVERED
        ]
        outcome.tell(request, "replayed")

    @admin.action(description="Ignore: do not deliver, with a reason", permissions=["ignore"])
    def ignore_selected(self, request: HttpRequest, documents: QuerySet[Document]) -> HttpResponse | None:
        reason = request.POST.get("reason", "").strip()
        chosen, refused = _sorted_out(_chosen(documents))
        if refused:
            outcome = verbs.Outcome(refused=[_why_not(document) for document in refused])
            outcome.tell(request, "ignored")
        if not chosen:
            return None
        if reason:
            verbs.ignore(chosen, actor=request.user.get_username(), reason=reason).tell(request, "ignored")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Ignore documents",
            "documents": chosen,
            "action": "ignore_selected",
            "across": request.POST.get("select_across", "0"),
            "asked": "reason" in request.POST,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "backoffice/ignore.html", context)

    # the page ---------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = [
            ("replay", require_POST(self.replay_view)),
            ("ignore", require_POST(self.ignore_view)),
            ("source", self.source_view),
            ("output", self.output_view),
        ]
        wrap = self.admin_site.admin_view
        urls = [path(f"<int:pk>/{name}/", wrap(view), name=f"audit_document_{name}") for name, view in own]
        return [*urls, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002 - Django's own signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """A page of paper instead of a form; nothing is posted to it."""
        document = self._document(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **paper_page(document),
            **(extra_context or {}),
            "title": f"{str(document.get_kind_display()).capitalize()} {document.number}".strip(),
            "original": document,
            "opts": self.model._meta,
            "may_replay": self.has_replay_permission(request) and _replayable(document),
            "may_ignore": self.has_ignore_permission(request) and document.status in _IGNORABLE,
        }
        return TemplateResponse(request, "backoffice/document.html", context)

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        document = self._document(request, pk)
        reason = request.POST.get("reason", "").strip()
        verbs.replay([document], actor=request.user.get_username(), reason=reason).tell(request, "replayed")
        return redirect("admin:audit_document_change", pk)

    def ignore_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_ignore_permission(request):
            raise PermissionDenied
        document = self._document(request, pk)
        reason = request.POST.get("reason", "").strip()
        verbs.ignore([document], actor=request.user.get_username(), reason=reason).tell(request, "ignored")
        return redirect("admin:audit_document_change", pk)

    def source_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        document = self._document(request, pk)
        return _download(document.source, document.transmission.path.rsplit("/", 1)[-1] or f"source-{pk}")

    def output_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        document = self._document(request, pk)
        if not document.output:
            raise Http404
        return _download(bytes(document.output), document.output_ref.rsplit("/", 1)[-1] or f"output-{pk}")

    def _document(self, request: HttpRequest, pk: str | int | None) -> Document:
        """The document with its bytes. Raises Http404, PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(pk).isdecimal():
            raise Http404
        found = Document.objects.select_related("company", "partner", "transmission").filter(pk=int(str(pk))).first()
        if found is None:
            raise Http404
        return found


_IGNORABLE = (Status.RECEIVED, Status.WAITING, Status.MATCHED, Status.HELD, Status.FAILED)


def _sorted_out(documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """What can be ignored, and what cannot."""
    chosen = [document for document in documents if document.status in _IGNORABLE]
    return chosen, [document for document in documents if document.status not in _IGNORABLE]


def _why_not(document: Document) -> str:
    if document.status == Status.DELIVERED:
        return f"{document} is delivered as {document.output_ref} already: it cannot be ignored any more."
    return f"{document} is {document.get_status_display()}: it cannot be ignored."


def _replayable(document: Document) -> bool:
    """What is at rest; what was delivered to Visma too, should its booking be cancelled or gone there. No mere question."""
    if document.transmission.is_question:
        return False
    if document.status == Status.DELIVERED:
        return document.kind in (Kind.SHIPMENT, Kind.INVOICE)
    return document.status in (Status.HELD, Status.FAILED, Status.IGNORED, Status.WAITING)


def _chosen(documents: QuerySet[Document]) -> list[Document]:
    """What a page can move in one request; more is the replay command's."""
    return list(documents.select_related("transmission").defer("output", "transmission__content")[: verbs.AT_ONCE])


def _download(content: bytes, name: str) -> HttpResponse:
    """The exact bytes; no browser shall run what a partner sent."""
    return HttpResponse(
        content,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
