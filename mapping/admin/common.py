"""What all pages of the back office share: read-only pages, changes with a reason, and lists that never count a whole table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError, connections
from django.db.models import DateTimeField, Model, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

COUNTED_UP_TO = 10_000
REHEARSE = "backoffice/rehearse_button.html"
Column = TypeVar("Column", bound=Callable[..., Any])


def coloured(colours: dict[str, str], *, description: str, ordering: str) -> Callable[[Column], Column]:
    """A list column shown as a label; `colours` by its text: success, info, warning, danger."""
    decorate: Callable[[Column], Column] = display(description=description, ordering=ordering, label=colours)
    return decorate


class Bounded(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts at most COUNTED_UP_TO rows; an unfiltered list on PostgreSQL shows the planner's estimate (STACK.md)."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # the admin paginates querysets only
        database = connections[rows.db]
        if database.vendor == "postgresql" and not rows.query.where and (estimate := _estimate(rows)) > COUNTED_UP_TO:
            return estimate
        return rows.order_by()[:COUNTED_UP_TO].count()


class Days(RangeDateFilter):  # type: ignore[misc]  # unfold publishes no types
    """From a day to a day, both included; unfold's own leaves the last day out and compares without a zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's own signature
        first, last = (self._day(end) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": self._stored(first)})
        if last and last < date.max:  # no day comes after that one
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": self._stored(last + timedelta(days=1))})
        return queryset

    def _day(self, end: str) -> date | None:
        """What was asked for; nothing where it is no date."""
        try:
            return date.fromisoformat(self.used_parameters.get(f"{self.parameter_name}_{end}") or "")
        except ValueError:
            return None

    def _stored(self, day: date) -> date:
        if not isinstance(self.field, DateTimeField):
            return day
        return timezone.make_aware(datetime.combine(day, time.min))


class Page(ModelAdmin):  # type: ignore[misc]  # unfold publishes no types
    """Ground of every page."""

    show_full_result_count = False
    paginator = Bounded
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True


class ReadOnly:
    """Shown, never edited: the row belongs to the machine or to the other system."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's own signature
        return False


class Inline(TabularInline):  # type: ignore[misc]  # unfold publishes no types
    """Rows of something larger, on its page."""

    extra = 0
    tab = True
    show_change_link = False


class ReadOnlyInline(ReadOnly, Inline):
    """Rows that belong to the machine or to the other system."""


class ReasonedForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A form that asks why; the answer stands in the history (house rule 10)."""

    change_reason = forms.CharField(
        label="Reason",
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Why this changes; kept in the history. Required when something that exists is changed.",
    )

    def clean_change_reason(self) -> str:
        reason = str(self.cleaned_data["change_reason"]).strip()
        if not reason and self.instance.pk and self.changed_data:
            raise forms.ValidationError("Say in a few words why you change this.")
        return reason


class Reasoned(SimpleHistoryAdmin, Page):  # type: ignore[misc]  # simple_history publishes no types
    """Edited by people: history with a reason for every row, its inline rows included."""

    form = ReasonedForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """A second click saves the same once more: the form found nothing wrong, the row was not there yet."""
        try:
            answer: HttpResponseBase = super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            messages.error(request, "Somebody has just saved the same: see what is there now.")
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        obj._change_reason = form.cleaned_data.get("change_reason") or ("" if change else "added in the back office")
        super().save_model(request, obj, form, change)

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: BaseModelFormSet[Any, Any], change: bool
    ) -> None:
        for row in formset.forms:
            row.instance._change_reason = form.cleaned_data.get("change_reason") or "changed with its page"
        super().save_formset(request, form, formset, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        obj._change_reason = "deleted in the back office"
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one: a deletion in bulk would leave no history."""
        for obj in queryset:
            self.delete_model(request, obj)


def _estimate(rows: QuerySet[Any]) -> int:
    """PostgreSQL's own estimate of a table's rows; -1 when it was never analysed."""
    with connections[rows.db].cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table])
        row = cursor.fetchone()
    return int(row[0]) if row else -1
