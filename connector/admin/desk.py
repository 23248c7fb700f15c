"""The desk: one row per question, however many documents wait for its answer, and the fix in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_http_methods

from audit import desk
from audit.letter import letter_about
from audit.models import Cause, Hold, Kind
from audit.reports import LineStand, order_stands
from connector.admin.fixes import ACCEPTED, FIXES, Assign, Fix, Why
from connector.admin.rehearsal import faults_of, findings
from connector.evidence import suggestions_of
from connector.rehearsal import Change
from connector.wakeups import wake_workers
from mapping.models import Company, Order

SHOWN = 100
ORDERS_BESIDE, LINES_BESIDE = 10, 20
FITS_NOTHING = (
    Cause.ORDER_UNKNOWN,
    Cause.LINE_UNKNOWN,
    Cause.LINE_CONFLICT,
    Cause.ITEM_UNMAPPED,
    Cause.OVER_INVOICED,
    Cause.QUANTITY,
)
SEEN_FIRST = ("accept", "expense", "replacement", "ignore")
SEES, SEES_DOCUMENTS, SEES_ORDERS, DECIDES, IGNORES, REPLAYS = (
    "audit.view_hold",
    "audit.view_document",
    "mapping.view_order",
    "audit.decide_document",
    "audit.ignore_document",
    "audit.replay_document",
)


def question_address(company: int, cause: str, subject: str, whose: int | None) -> str:
    """The page of one question; the subject stands in the query, whatever characters it has."""
    said = {"subject": subject, **({"partner": whose} if whose else {})}
    return f"{reverse('desk_question', args=[company, cause])}?{urlencode(said)}"


def address_of(question: desk.Question) -> str:
    """The page of a row of the desk."""
    return question_address(question.company, question.cause, question.subject, question.whose)


@require_GET
def desk_view(request: HttpRequest) -> HttpResponse:
    """All questions: most money first, then oldest."""
    _demand(request, SEES)
    names = dict(Company.objects.values_list("pk", "name"))
    mine, cause = request.GET.get("mine") == "1", request.GET.get("cause", "")
    asked = desk.questions()
    wanted = [
        question
        for question in asked
        if (not mine or question.assigned_to == request.user.get_username()) and cause in ("", question.cause)
    ]
    page = Paginator(wanted, SHOWN).get_page(request.GET.get("page"))
    rows = [
        {
            "question": question,
            "company": names[question.company],
            "cause": Cause(question.cause).label,
            "address": address_of(question),
            "fix": FIXES[question.cause].verb if question.cause in FIXES else _usual_answer(question.cause),
        }
        for question in page
    ]
    context = {
        **admin.site.each_context(request),
        "title": "Desk",
        "rows": rows,
        "page": page,
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
    subject, whose = request.GET.get("subject", ""), request.GET.get("partner", "")
    owner = int(whose) if whose.isdecimal() and len(whose) < 19 else None
    holds = desk.behind(get_object_or_404(Company, pk=company), cause, subject, owner)
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
    whose = None if hold.cause in desk.OF_THE_COMPANY else hold.document.partner_id
    return redirect(question_address(hold.document.company_id, hold.cause, hold.subject, whose))


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
        found["fix"] = fix(posted if verb in ("fix", "rehearse") else None, hold=hold)
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


def _post(request: HttpRequest, forms: dict[str, Any], holds: QuerySet[Hold]) -> HttpResponse | None:
    """Gives the answer; None when the form has to be shown again. Raises PermissionDenied for an answer not offered."""
    verb = request.POST.get("verb", "")
    if verb == "mine" and "assign" in forms:
        desk.assign(holds, request.user)  # type: ignore[arg-type]  # admin_view lets no anonymous user in
        messages.success(request, "This question is yours.")
        return redirect(request.get_full_path())
    if verb == "rehearse" and "fix" in forms:
        return _rehearse(request, forms["fix"])
    if verb not in forms:
        raise PermissionDenied
    form = forms[verb]
    if form is not None and not form.is_valid():
        return None
    if verb == "assign":
        return _assign(request, form, holds)
    if verb in SEEN_FIRST:
        holds = _seen(request, holds)
    if verb == "replacement":
        return _ask_replacement(request, form, holds)
    return _answer(request, verb, form, holds)


def _rehearse(request: HttpRequest, form: Fix) -> HttpResponse:
    """What the fix as it stands would have changed, on a page of its own; nothing is saved."""
    _demand(request, SEES_DOCUMENTS)
    rows = form.proposed() if form.is_valid() else []
    return findings(
        request, f"{form.verb.lower()}, {form.hold.subject}", [Change(row) for row in rows], faults_of(form)
    )


def _seen(request: HttpRequest, holds: QuerySet[Hold]) -> QuerySet[Hold]:
    """What the page showed. What has come since is not answered unseen: it stays on the desk, and the user is told."""
    newest = request.POST.get("seen", "")
    if not (newest.isdecimal() and len(newest) < 19):
        return holds
    if late := holds.filter(pk__gt=int(newest)).count():
        messages.warning(request, f"{late} more came while you looked. Nothing is decided about what you did not see.")
    return holds.filter(pk__lte=int(newest))


def _answer(request: HttpRequest, verb: str, form: Any, holds: QuerySet[Hold]) -> HttpResponse | None:
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


def _assign(request: HttpRequest, form: Assign, holds: QuerySet[Hold]) -> HttpResponse:
    who = form.cleaned_data["user"]
    desk.assign(holds, who, form.cleaned_data["comment"])
    messages.success(request, f"Assigned to {who.get_username()}." if who else "Assigned to nobody.")
    return redirect(request.get_full_path())


def _ask_replacement(request: HttpRequest, form: Why, holds: QuerySet[Hold]) -> HttpResponse:
    reason, actor = form.cleaned_data["reason"], request.user.get_username()
    number = desk.ask_replacement(holds, reason=reason, actor=actor, now=timezone.now())
    messages.success(request, f"Noted: a replacement of {_documents(number, verb='')} is asked for, and settles this.")
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


def _documents(number: int, verb: str = "is") -> str:
    said = f"1 document {verb}" if number == 1 else f"{number} documents {'are' if verb else ''}"
    return said.strip()


def _context(request: HttpRequest, holds: QuerySet[Hold], first: Hold, forms: dict[str, Any]) -> dict[str, Any]:
    rows = desk.with_stakes(holds).select_related("document__partner").defer("document__output")
    shown = list(rows.order_by("opened_at")[:SHOWN])
    lines = _lines_beside(shown) if request.user.has_perm(SEES_ORDERS) else []
    return {
        **admin.site.each_context(request),
        "title": str(Cause(first.cause).label).capitalize(),
        "hold": first,
        "question": desk.question_of(holds),
        "holds": shown,
        "lines": lines[:LINES_BESIDE],
        "lines_cut": len(lines) > LINES_BESIDE,
        "facts": sorted(
            (name.replace("_", " "), _fact(name, value))
            for name, value in first.facts.items()
            if value not in ("", None) and name != "partner"  # its key: the partner itself is named above
        ),
        "forms": forms,
        "suggestions": suggestions_of(first) if "fix" in forms else [],
        "fix_title": FIXES[first.cause].verb if first.cause in FIXES else "",
        "is_mine": first.assigned_to_id == request.user.pk,
        "letter": letter_about(holds) if "replacement" in forms else None,
    }


def _lines_beside(holds: Sequence[Hold]) -> list[LineStand]:
    """What the papers' orders say by now: of the lines that are asked about, where the questions name any."""
    papers = [hold.document_id for hold in holds if hold.document.kind != Kind.ORDER]
    orders = Order.objects.filter(documents__document__in=papers).distinct().order_by("-date", "-pk")[:ORDERS_BESIDE]
    lines = [stand for order in order_stands(list(orders)).values() for stand in order.lines]
    asked = {hold.facts.get("line") for hold in holds}
    return [stand for stand in lines if str(stand.line) in asked] or lines


def _fact(name: str, value: Any) -> Any:
    """As people read it: the earlier document of the same number is one click away."""
    if name == "earlier":
        return format_html('<a href="{}">document {}</a>', reverse("admin:audit_document_change", args=[value]), value)
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _demand(request: HttpRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied
