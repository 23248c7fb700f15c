"""The page behind the Rehearse button: what the form as it stands would have changed. Nothing of it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models
from django.db.models import ProtectedError
from django.forms import BaseForm, BaseInlineFormSet, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit.models import Cause, Kind, Status
from connector.concern import REHEARSED
from connector.rehearsal import Change, Different, rehearse
from mapping.admin.common import Reasoned

DAYS = 30
Rows: TypeAlias = "BaseInlineFormSet[Any, Any, Any]"
MOST_DAYS = 366
ENDS = {
    Status.MATCHED: "would go out",
    Status.WAITING: "would wait",
    Status.HELD: "would be held",
    Status.IGNORED: "would be ignored",
}


@require_POST
def rehearsal_view(request: HttpRequest, name: str, pk: int | None = None) -> HttpResponse:
    """The posted change form of a mapping, rehearsed over the last `rehearsed_days` days."""
    page = _page(name)
    row = page.get_object(request, str(pk)) if pk else None
    if pk and row is None:
        raise Http404
    allowed = page.has_change_permission(request, row) if row else page.has_add_permission(request)
    if not (allowed and request.user.has_perm("audit.view_document")):
        raise PermissionDenied
    changes, faults = _posted(request, page, row)
    return findings(request, str(row or f"new {page.opts.verbose_name}"), changes, faults)


def findings(request: HttpRequest, what: str, changes: Sequence[Change], faults: Sequence[str]) -> HttpResponse:
    """The page that tells what `changes` would have meant over the `rehearsed_days` posted, or what is wrong with them."""
    days = _days(request.POST)
    context = {**admin.site.each_context(request), "title": f"Rehearsal: {what}", "days": days}
    said = {"faults": faults} if faults else _rehearsed(changes, days)
    return TemplateResponse(request, "backoffice/rehearsal.html", context | said)


urlpatterns: list[URLPattern] = [
    path("<slug:name>/", admin.site.admin_view(rehearsal_view), name="rehearse_new"),
    path("<slug:name>/<int:pk>/", admin.site.admin_view(rehearsal_view), name="rehearse"),
]


def _page(name: str) -> Reasoned:
    """The admin page of a model that can be rehearsed. Raises Http404."""
    model = next((model for model in REHEARSED if model._meta.model_name == name), None)
    page = admin.site._registry.get(model) if model else None
    if not isinstance(page, Reasoned):
        raise Http404
    return page


def _days(posted: QueryDict) -> int:
    asked = posted.get("rehearsed_days", "")
    return min(max(int(asked), 1), MOST_DAYS) if asked.isdecimal() and len(asked) < 5 else DAYS


def _posted(request: HttpRequest, page: Reasoned, row: models.Model | None) -> tuple[list[Change], list[str]]:
    """The changes that the form makes, or what is wrong with it."""
    form, rows = _forms(request, page, row)
    if not (form.is_valid() and all(formset.is_valid() for formset in rows)):
        faults = faults_of(form, *(one for formset in rows for one in formset.forms))
        faults += [str(text) for formset in rows for text in formset.non_form_errors()]
        return [], faults or ["The form is not complete: load it again."]
    return _changes(form, rows), []


def _rehearsed(changes: Sequence[Change], days: int) -> dict[str, Any]:
    if not changes:
        return {"faults": ["Nothing in the form differs from what is saved."]}
    try:
        found = rehearse(changes, days=days, now=timezone.now())
    except (IntegrityError, ProtectedError):
        return {"faults": ["It contradicts what is already saved: the same is mapped by another row."]}
    return {
        "found": found,
        "totals": sorted(found.totals.items()),
        "rows": [(one, str(Kind(one.kind).label), _before(one), _after(one)) for one in found.different],
    }


def _forms(request: HttpRequest, page: Reasoned, row: models.Model | None) -> tuple[ModelForm[Any], list[Rows]]:
    """The form and its inline rows as posted; no reason is asked for, since nothing is saved."""
    form: ModelForm[Any] = page.get_form(request, row, change=row is not None)(request.POST, instance=row)
    form.fields.pop("change_reason", None)
    form.is_valid()  # writes what was posted into the row, which the inline rows refer to
    rows = [
        formset(**page.get_formset_kwargs(request, form.instance, inline, formset.get_default_prefix()))
        for formset, inline in page.get_formsets_with_inlines(request, row)
        if f"{formset.get_default_prefix()}-TOTAL_FORMS" in request.POST
    ]
    return form, rows


def _changes(form: ModelForm[Any], rows: list[Rows]) -> list[Change]:
    changes = [Change(form.instance)] if form.has_changed() else []
    for formset in rows:
        gone = list(formset.deleted_forms)
        changed = [one.instance for one in formset.forms if one.has_changed() and one not in gone]
        for inline in changed:
            setattr(inline, formset.fk.name, formset.instance)  # it may be as new as its rows
        changes += [Change(one.instance, delete=True) for one in gone if one.instance.pk]
        changes += [Change(inline) for inline in changed]
    return changes


def faults_of(*forms: BaseForm) -> list[str]:
    """What is wrong with the forms, a sentence each."""
    said = [(name, str(text)) for form in forms for name, texts in form.errors.items() for text in texts]
    return [text if name == "__all__" else f"{name.replace('_', ' ')}: {text}" for name, text in said]


def _before(one: Different) -> str:
    return _with(str(Status(one.was).label), one.was_causes)


def _after(one: Different) -> str:
    return "would go out with other content" if one.other_content else _with(ENDS[Status(one.would_be)], one.causes)


def _with(words: str, causes: tuple[str, ...]) -> str:
    return f"{words}: {', '.join(str(Cause(cause).label) for cause in causes)}" if causes else words
