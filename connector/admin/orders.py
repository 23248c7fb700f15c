"""Purchase orders: where each stands, its roll-up line by line, what answered it, and "send now"."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from audit import paper, reports
from audit.models import Document, DocumentOrder, Kind, Status
from connector.admin import verbs
from connector.admin.life import COLOURS
from connector.admin.roll_up import as_csv
from connector.templatetags.backoffice import money
from mapping.admin.common import Days, Page, ReadOnly, coloured
from mapping.models import Booking, BookingLine, Order

SEND = "mapping.send_order"
STEP_COLOURS = {
    "sent": "info",
    "picked up": "info",
    "answered": "primary",
    "shipped": "primary",
    "partly received": "primary",
    "received": "success",
    "invoiced": "success",
    "waiting for a person": "warning",
    "failed": "danger",
}


class StandsFilter(DropdownFilter):  # type: ignore[misc]  # unfold publishes no types
    title = "where it stands"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's own signature
        return [
            ("unsent", "not sent"),
            ("unpicked", "sent, not picked up"),
            ("unanswered", "sent, not answered"),
            ("waiting", "something waits for a person"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:  # noqa: ARG002 - Django's own signature
        outgoing = Document.objects.filter(kind=Kind.ORDER)
        mine = outgoing.filter(company=OuterRef("company"), number=OuterRef("number"))
        sent, stopped = mine.filter(status=Status.DELIVERED), Q(status__in=(Status.HELD, Status.FAILED))
        # by number first: few are silent or stopped, and the orders are many
        silent = outgoing.filter(status=Status.DELIVERED, answered_at=None).values("number")
        lying = outgoing.filter(status=Status.DELIVERED, picked_up_at=None).values("number")
        asking = Document.objects.filter(stopped)
        named = DocumentOrder.objects.filter(document__in=asking.values("pk")).values("order")
        wanted = {
            "unsent": ~Exists(sent),
            "unpicked": Q(number__in=lying) & Exists(sent.filter(picked_up_at=None)),
            "unanswered": Q(number__in=silent) & Exists(sent) & ~Exists(sent.exclude(answered_at=None)),
            "waiting": Q(pk__in=named)
            | (Q(number__in=asking.filter(kind=Kind.ORDER).values("number")) & Exists(mine.filter(stopped))),
        }.get(self.value() or "")
        return queryset.filter(wanted) if wanted is not None else queryset


@admin.register(Order)
class OrderAdmin(ReadOnly, Page):
    """Visma's purchase orders as last read, with what the documents say about them."""

    list_display = [
        "number",
        "supplier_named",
        "dated",
        "shown_status",
        "shown_step",
        "progress",
        "promised",
        "answers",
        "worth",
    ]
    list_filter = [
        ("company", RelatedDropdownFilter),
        StandsFilter,
        ("date", Days),
        "status",
    ]
    list_select_related = ["company", "supplier"]
    search_fields = ["number", "supplier_number", "supplier__name"]
    ordering = ["-date", "-id"]
    actions = ["send_selected", "export_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        rows: QuerySet[Order] = super().get_queryset(request).defer("row")
        return rows

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The roll-ups of one page of orders together: a fixed number of queries."""
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        stands = reports.order_stands(shown)
        for order in shown:
            order.stand = stands[order.pk]
        changelist.result_list = shown
        return changelist

    @admin.display(description="supplier", ordering="supplier_number")
    def supplier_named(self, order: Order) -> str:
        return (order.supplier.name if order.supplier else "") or order.supplier_number

    @admin.display(description="in Visma", ordering="status")
    def shown_status(self, order: Order) -> str:
        return f"{order.status}, on hold" if order.on_hold else order.status

    @admin.display(description="date", ordering="date")
    def dated(self, order: Order) -> str:
        return f"{order.date:%Y-%m-%d}" if order.date else "–"

    @coloured(STEP_COLOURS, description="stands", ordering="")
    def shown_step(self, order: Any) -> str:
        return str(order.stand.step)

    @admin.display(description="conf. / shipped / rec. / inv.")
    def progress(self, order: Any) -> SafeString:
        """Lines on which the whole quantity has come so far."""
        lines = [line for line in order.stand.lines if line.ordered]
        counts = [
            sum(getattr(line, name) >= line.ordered for line in lines)
            for name in ("confirmed", "shipped", "received", "invoiced")
        ]
        text = " / ".join(str(count) for count in counts)
        return format_html('<span class="mlc-number">{} of {} lines</span>', text, len(lines))

    @admin.display(description="promised")
    def promised(self, order: Any) -> str:
        dates = [line.promised for line in order.stand.lines if line.promised]
        return f"{max(dates):%Y-%m-%d}" if dates else "–"

    @admin.display(description="papers")
    def answers(self, order: Any) -> str:
        waiting = f", {order.stand.waiting} waiting" if order.stand.waiting else ""
        return f"{order.stand.documents}{waiting}"

    @admin.display(description="total", ordering="total")
    def worth(self, order: Order) -> SafeString:
        return format_html('<span class="mlc-number">{}</span>', money(order.total, order.currency))

    # verbs ------------------------------------------------------------------------------------------------------------
    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEND)

    @admin.action(description="Send now, whatever their date", permissions=["send"])
    def send_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        verbs.send(orders[: verbs.AT_ONCE], actor=request.user.get_username()).tell(request, "to be sent")

    @admin.action(description="Export the roll-up as CSV", permissions=["view"])
    def export_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> StreamingHttpResponse:  # noqa: ARG002 - Django's own signature
        return as_csv(orders)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/send/", wrap(require_POST(self.send_view)), name="mapping_order_send"),
            *super().get_urls(),
        ]

    def send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_send_permission(request):
            raise PermissionDenied
        order = self._order(request, pk)
        verbs.send([order], actor=request.user.get_username()).tell(request, "to be sent")
        return redirect("admin:mapping_order_change", pk)

    # the page ---------------------------------------------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002 - Django's own signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """The roll-up instead of a form; nothing is posted to it."""
        order = self._order(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            **_order_page(order),
            "title": f"Purchase order {order.number}",
            "original": order,
            "opts": self.model._meta,
            "may_send": self.has_send_permission(request),
        }
        return TemplateResponse(request, "backoffice/order.html", context)

    def _order(self, request: HttpRequest, pk: str | int | None) -> Order:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(pk).isdecimal():
            raise Http404
        found = Order.objects.select_related("company", "supplier").filter(pk=int(str(pk))).first()
        if found is None:
            raise Http404
        return found


def _order_page(order: Order) -> dict[str, Any]:
    stand = reports.order_stands([order])[order.pk]
    outgoing = Q(kind=Kind.ORDER, company=order.company_id, number=order.number)
    documents = (
        Document.objects.filter(outgoing | Q(pk__in=DocumentOrder.objects.filter(order=order).values("document")))
        .select_related("partner")
        .defer("output", "progress")
        .order_by("created_at", "pk")
    )
    booked = BookingLine.objects.filter(order_number=order.number, booking__company=order.company_id)
    return {
        "order": order,
        "stand": stand,
        "step_colour": STEP_COLOURS.get(stand.step, ""),
        "lines": stand.lines,
        "documents": [(row, COLOURS.get(str(row.get_status_display()), "")) for row in documents],
        "bookings": list(Booking.objects.filter(pk__in=booked.values("booking")).order_by("date", "pk")),
        "row": paper.shown(bytes(order.row)),
    }
