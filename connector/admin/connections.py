"""Connections: secrets are set and replaced and never seen; ping, pause and resume."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminPasswordWidget

from connector import ping, tokens
from connector.models import Connection, Cursor, Heartbeat, Hook
from connector.templatetags.backoffice import age
from connector.wakeups import wake_workers
from mapping.admin.common import Page, ReadOnly, ReadOnlyInline, Reasoned, ReasonedForm, coloured

SECRETS = {"new_client_secret": "client_secret", "new_webhook_secret": "webhook_secret"}
KEEP = "Empty keeps what is stored. It is stored encrypted and never shown again."


def _secret(label: str) -> forms.CharField:
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
    return forms.CharField(label=label, required=False, max_length=2000, help_text=KEEP, widget=widget)


class ConnectionForm(ReasonedForm):
    """The model's secrets are no fields of it: what is stored never reaches the page."""

    new_client_secret = _secret("New client secret")
    new_webhook_secret = _secret("New webhook secret")


class CursorRows(ReadOnlyInline):
    model = Cursor
    fields = ["stream", "value", "succeeded_at", "tried_at", "due_at", "problem", "problem_since"]
    verbose_name_plural = "streams"


@admin.register(Connection)
class ConnectionAdmin(Reasoned):
    """How one remote system is reached. Superusers edit, everyone with the right sees (no secrets) and pings."""

    form = ConnectionForm
    exclude = ["client_secret", "webhook_secret", "token"]
    list_display = ["company", "system", "url", "secret_state", "token_state", "shown_state", "budget"]
    list_display_links = ["company", "system"]
    list_filter = ["system", "company"]
    list_select_related = ["company"]
    search_fields = ["company__name", "url", "client_id"]
    inlines = [CursorRows]
    change_form_outer_before_template = "backoffice/connection_verbs.html"
    readonly_fields = [
        "secret_state",
        "webhook_secret_state",
        "token_state",
        "budget",
        "calls",
        "shown_state",
        "webhook_address",
    ]
    fieldsets = [
        (None, {"fields": ["company", "system", "url", "shown_state"]}),
        (
            "Credentials",
            {
                "fields": [
                    "token_url",
                    "token_body",
                    "client_id",
                    "secret_state",
                    "new_client_secret",
                    "tenant",
                    "scope",
                    "audience",
                    "company_header",
                    "token_state",
                ]
            },
        ),
        ("Mailbox", {"fields": ["in_dir", "out_dir"]}),
        ("Pace", {"fields": ["poll_seconds", "absence_lag_seconds", "budget", "calls"]}),
        (
            "Webhooks",
            {"fields": ["webhook_address", "webhook_header", "webhook_secret_state", "new_webhook_secret"]},
        ),
        ("Why", {"fields": ["change_reason"]}),
    ]

    # rights -----------------------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        return bool(request.user.is_active and request.user.is_superuser)

    has_delete_permission = has_change_permission

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> list[Any]:
        """Who only looks is shown no inputs."""
        if self.has_change_permission(request, obj):
            return list(self.fieldsets)
        inputs = {*SECRETS, "change_reason"}
        return [
            (name, {"fields": kept})
            for name, options in self.fieldsets
            if (kept := [field for field in options["fields"] if field not in inputs])
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:  # noqa: ARG002 - Django's own signature
        """A connection stays the connection it is."""
        return [*self.readonly_fields, *(["company", "system"] if obj else [])]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An address typed without a scheme is https."""
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    # what is shown ----------------------------------------------------------------------------------------------------
    @admin.display(description="client secret")
    def secret_state(self, connection: Connection) -> str:
        return "set" if connection.client_secret else "not set"

    @admin.display(description="webhook secret")
    def webhook_secret_state(self, connection: Connection) -> str:
        return "set" if connection.webhook_secret else "not set: webhooks are refused"

    @admin.display(description="token")
    def token_state(self, connection: Connection) -> str:
        if not connection.token or connection.token_expires_at is None:
            return "none yet"
        if connection.token_expires_at < timezone.now():
            return "run out, renewed by the next call"
        return f"good until {connection.token_expires_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="calls left")
    def budget(self, connection: Connection) -> str:
        blocked, ends, now = connection.blocked_until, connection.budget_resets_at, timezone.now()
        if blocked and blocked > now:
            return f"none until {blocked:%H:%M:%S} UTC"
        if ends is None or ends <= now:
            return "no limit told"
        return f"{connection.budget_remaining} of {connection.budget_limit} until {ends:%H:%M:%S} UTC"

    @coloured({"runs": "success", "paused": "danger"}, description="state", ordering="paused_at")
    def shown_state(self, connection: Connection) -> str:
        return "paused" if connection.paused_at else "runs"

    @admin.display(description="address for Visma")
    def webhook_address(self, connection: Connection) -> str:
        return f"/hooks/visma/{connection.webhook_uid}/"

    # saving -----------------------------------------------------------------------------------------------------------
    def save_model(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's own signature
        obj: Connection,
        form: ModelForm[Any],
        change: bool,
    ) -> None:
        """Only what was edited is written: workers write token and budget into the same row meanwhile."""
        columns = [name for name in form.changed_data if name not in SECRETS and name != "change_reason"]
        for field, column in SECRETS.items():
            if form.cleaned_data.get(field):
                setattr(obj, column, form.cleaned_data[field])
                columns.append(column)
        if {"client_secret", "client_id", "token_url", "scope", "audience", "tenant"} & set(columns):
            obj.token, obj.token_expires_at = "", None  # the next call asks with what is new
            columns += ["token", "token_expires_at"]
        obj._change_reason = form.cleaned_data.get("change_reason") or ""  # type: ignore[attr-defined]  # simple_history reads it
        if not change:
            obj.save()
        elif columns:
            obj.save(update_fields=columns)

    # verbs ------------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = [("ping", self.ping_view), ("pause", self.pause_view), ("resume", self.resume_view)]
        wrap = self.admin_site.admin_view
        return [
            *(
                path(f"<int:pk>/{name}/", wrap(require_POST(view)), name=f"connector_connection_{name}")
                for name, view in own
            ),
            *super().get_urls(),
        ]

    def ping_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Tries the connection and shows what works; what works goes on."""
        if not request.user.has_perm("connector.ping_connection"):
            raise PermissionDenied
        connection = get_object_or_404(Connection.objects.select_related("company"), pk=pk)
        found = ping.ping(connection.company, Connection.System(connection.system))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Ping {connection}",
            "connection": connection,
            "found": found,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "backoffice/ping.html", context)

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._own(request, pk)
        reason = request.POST.get("reason", "").strip() or "paused by hand"
        tokens.pause(connection, f"{request.user.get_username()}: {reason}")
        messages.warning(request, f"{connection} is paused: nothing is read or sent until it is resumed.")
        return redirect("admin:connector_connection_change", pk)

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._own(request, pk)
        tokens.resume(connection)
        wake_workers()
        messages.success(request, f"{connection} runs again.")
        return redirect("admin:connector_connection_change", pk)

    def _own(self, request: HttpRequest, pk: int) -> Connection:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(Connection.objects.select_related("company"), pk=pk)


@admin.register(Cursor)
class CursorAdmin(ReadOnly, Page):
    """How far each stream was read."""

    list_display = ["connection", "stream", "value", "last_read", "due_at", "problem"]
    list_filter = ["connection__company", "stream"]
    list_select_related = ["connection__company"]
    search_fields = ["stream", "problem"]
    fields = [
        "connection",
        "stream",
        "value",
        "succeeded_at",
        "tried_at",
        "due_at",
        "lease_owner",
        "lease_until",
        "problem",
        "problem_since",
    ]

    @admin.display(description="last read", ordering="succeeded_at")
    def last_read(self, cursor: Cursor) -> str:
        return age(cursor.succeeded_at)


@admin.register(Hook)
class HookAdmin(ReadOnly, Page):
    """Webhooks as they arrived: wake-ups, never business facts."""

    list_display = ["received_at", "connection", "event_id", "seen_at"]
    list_filter = ["connection__company"]
    list_select_related = ["connection__company"]
    search_fields = ["event_id"]
    ordering = ["-received_at"]
    fields = ["connection", "received_at", "event_id", "seen_at", "headers", "shown_body"]
    readonly_fields = ["shown_body"]

    @admin.display(description="body")
    def shown_body(self, hook: Hook) -> str:
        return bytes(hook.body)[:2000].decode("utf-8", "replace")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly, Page):
    """Workers, by their last sign of life."""

    list_display = ["worker", "last_sign"]
    fields = ["worker", "beat_at"]

    @admin.display(description="last sign of life", ordering="beat_at")
    def last_sign(self, heartbeat: Heartbeat) -> str:
        return age(heartbeat.beat_at)
