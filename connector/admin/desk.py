"""The desk: one row per question, however many documents wait for its answer, and the fix in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Count, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit import desk
from audit.models import Cause, Hold, Kind
from connector.admin.fixes import ACCEPTED, FIXES, Assign, Fix, Why
from connector.evidence import suggestions_of
from connector.wakeups import wake_workers
from mapping.models import Company

SHOWN = 100
FITS_NOTHING = (
    Cause.ORDER_UNKNOWN,
    Cause.LINE_UNKNOWN,
    Cause.LINE_CONFLICT,
    Cause.ITEM_UNMAPPED,
    Cause.OVER_INVOICED,
    Cause.QUANTITY,
)
SEES, DECIDES, IGNORES, REPLAYS = (
    "audit.view_hold",
    "audit.decide_document",
    "audit.ignore_document",
    "audit.replay_document",
)


def question_address(company: int, cause: str, subject: str) -> str:
    """The page of one question; the subject stands in the query, whatever characters it has."""
    return f"{reverse('desk_question', args=[company, cause])}?{urlencode({'subject': subject})}"


@require_GET
def desk_view(request: HttpRequest) -> HttpResponse:
    """All questions: most money first, then oldest."""
    _demand(request, SEES)
    names = dict(Company.objects.values_list("pk", "name"))
    mine, cause = request.GET.get("mine") == "1", request.GET.get("cause", "")
    asked = desk.questions()
    rows = [
        {
            "question": question,
            "company": names[question.company],
            "cause": Cause(question.cause).label,
            "address": question_address(question.company, question.cause, question.subject),
            "fix": FIXES[question.cause].verb if question.cause in FIXES else _usual_answer(question.cause),
        }
        for question in asked
        if (not mine or question.assigned_to == request.user.get_username()) and cause in ("", question.cause)
    ]
    context = {
        **admin.site.each_context(request),
        "title": "Desk",
        "rows": rows,
        "documents": sum(question.documents for question in asked),
        "many_companies": len(names) > 1,
        "causes": [(value, Cause(value).label) for value in sorted({question.cause for question in asked})],
        "cause": cause,
        "mine": mine,
    }
    return TemplateResponse(request, "backoffice/desk.html", context)


@require_http_methods(["GET", "POST"])
def question_view(request: HttpRequest, company: int, cause: str) -> HttpResponse:
    """One question: what waits for it, and every answer that the user may give."""
    _demand(request, SEES)
    subject = request.GET.get("subject", "")
    holds = desk.behind(get_object_or_404(Company, pk=company), cause, subject)
    first = holds.select_related("document__partner", "document__company", "assigned_to").order_by("opened_at").first()
    if first is None:
        return _answered(request, cause, subject)
    forms = _forms(request, first)
    if request.method == "POST":
        answer = _post(request, forms, holds)
        if answer is not None:
            return answer
    return TemplateResponse(request, "backoffice/question.html", _context(request, holds, first, forms))


@require_GET
def hold_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The question that a hold belongs to."""
    _demand(request, SEES)
    hold = get_object_or_404(Hold.objects.select_related("document"), pk=pk)
    return redirect(question_address(hold.document.company_id, hold.cause, hold.subject))


urlpatterns: list[URLPattern] = [
    path("", admin.site.admin_view(desk_view), name="desk"),
    path("hold/<int:pk>/", admin.site.admin_view(hold_view), name="desk_hold"),
    path("<int:company>/<slug:cause>/", admin.site.admin_view(question_view), name="desk_question"),
]


def _usual_answer(cause: str) -> str:
    return "Accept or ignore" if cause in ACCEPTED else "Look at it"


def _answered(request: HttpRequest, cause: str, subject: str) -> HttpResponse:
    if cause not in Cause.values:
        raise Http404
    messages.info(request, f"Nothing waits any more for: {Cause(cause).label}, {subject}.")
    return redirect("desk")


def _forms(request: HttpRequest, hold: Hold) -> dict[str, Any]:
    """The answers that this user may give to this question, bound when posted."""
    posted = request.POST if request.method == "POST" else None
    verb = request.POST.get("verb", "")
    found: dict[str, Any] = {}
    fix = FIXES.get(hold.cause)
    if fix and request.user.has_perm(fix.right):
        found["fix"] = fix(posted if verb == "fix" else None, hold=hold)
    if hold.cause in ACCEPTED and request.user.has_perm(DECIDES):
        found["accept"] = Why(posted if verb == "accept" else None)
    if request.user.has_perm(DECIDES):
        if hold.document.kind == Kind.INVOICE and hold.cause in FITS_NOTHING:
            found["expense"] = Why(posted if verb == "expense" else None)
        if hold.document.kind != Kind.ORDER:  # our own orders have no supplier's paper to be replaced
            found["replacement"] = Why(posted if verb == "replacement" else None)
    if request.user.has_perm(REPLAYS):
        found["again"] = None
    if request.user.has_perm(IGNORES):
        found["ignore"] = Why(posted if verb == "ignore" else None)
    if request.user.has_perm(DECIDES):
        found["assign"] = Assign(posted if verb == "assign" else None, initial=_assigned(hold))
    return found


def _assigned(hold: Hold) -> dict[str, Any]:
    return {"user": hold.assigned_to_id, "comment": hold.comment}


def _post(request: HttpRequest, forms: dict[str, Any], holds: Any) -> HttpResponse | None:
    """Gives the answer; None when the form has to be shown again. Raises PermissionDenied for an answer not offered."""
    verb = request.POST.get("verb", "")
    if verb == "mine" and "assign" in forms:
        desk.assign(holds, request.user)  # type: ignore[arg-type]  # admin_view lets no anonymous user in
        messages.success(request, "This question is yours.")
        return redirect(request.get_full_path())
    if verb not in forms:
        raise PermissionDenied
    form = forms[verb]
    if form is not None and not form.is_valid():
        return None
    if verb == "assign":
        return _assign(request, form, holds)
    if verb == "replacement":
        return _ask_replacement(request, form, holds)
    try:
        sentence = _give(verb, form, list(holds), request.user.get_username())
    except (ValueError, ObjectDoesNotExist) as error:
        messages.error(request, f"{error} Nothing else was changed; look at the question again.")
        return redirect(request.get_full_path())
    if not sentence:
        return None
    messages.success(request, sentence)
    wake_workers()
    return redirect("desk")


def _assign(request: HttpRequest, form: Assign, holds: Any) -> HttpResponse:
    who = form.cleaned_data["user"]
    desk.assign(holds, who, form.cleaned_data["comment"])
    messages.success(request, f"Assigned to {who.get_username()}." if who else "Assigned to nobody.")
    return redirect(request.get_full_path())


def _ask_replacement(request: HttpRequest, form: Why, holds: Any) -> HttpResponse:
    reason, actor = form.cleaned_data["reason"], request.user.get_username()
    number = desk.ask_replacement(holds, reason=reason, actor=actor, now=timezone.now())
    messages.success(
        request, f"Noted on {number} documents. They stay here until another paper comes or they are ignored."
    )
    return redirect(request.get_full_path())


def _give(verb: str, form: Any, holds: Sequence[Hold], actor: str) -> str:
    """Calls the one verb and says what it did; empty when a fix could not be saved (its form says why)."""
    now = timezone.now()
    if verb == "fix":
        return _fix(form, holds)
    if verb == "accept":
        number = desk.accept(holds, reason=form.cleaned_data["reason"], actor=actor, now=now)
        return f"Accepted. {_documents(number)} decided again."
    if verb == "expense":
        number = desk.post_as_expense(holds, reason=form.cleaned_data["reason"], actor=actor, now=now)
        return f"To be booked as expense. {_documents(number)} decided again."
    if verb == "ignore":
        number = desk.ignore(holds, reason=form.cleaned_data["reason"], actor=actor, now=now)
        return f"{_documents(number)} ignored."
    number = desk.reconsider(holds, why=f"looked at again for {actor}", now=now)
    return f"{_documents(number)} looked at again."


def _fix(form: Fix, holds: Sequence[Hold]) -> str:
    done = form.save()
    if not done:
        return ""
    number = desk.reconsider(holds, why=done, now=timezone.now())
    return f"{done} {_documents(number)} looked at again."


def _documents(number: int) -> str:
    return "1 document is" if number == 1 else f"{number} documents are"


def _context(request: HttpRequest, holds: Any, first: Hold, forms: dict[str, Any]) -> dict[str, Any]:
    figures = holds.aggregate(
        documents=Count("document", distinct=True),
        amount=Sum("amount"),
        oldest=Min("opened_at"),
        currencies=Count("currency", distinct=True),
    )
    return {
        **admin.site.each_context(request),
        "title": str(Cause(first.cause).label).capitalize(),
        "hold": first,
        "figures": figures,
        "currency": first.currency if figures["currencies"] == 1 else "",
        "holds": list(
            holds.select_related("document__partner").defer("document__output").order_by("opened_at")[:SHOWN]
        ),
        "facts": sorted(
            (name.replace("_", " "), value) for name, value in first.facts.items() if value not in ("", None)
        ),
        "forms": forms,
        "suggestions": suggestions_of(first) if "fix" in forms else [],
        "fix_title": FIXES[first.cause].verb if first.cause in FIXES else "",
        "is_mine": first.assigned_to_id == request.user.pk,
    }


def _demand(request: HttpRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied
