"""The desk: open holds by cause and subject, one row per question, however many documents wait for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Case, Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, NullIf

from audit import ledger
from audit.models import AS_EXPENSE, Cause, DocumentOrder, Hold, Kind, Status
from mapping.models import Company

OF_THE_COMPANY = (
    Cause.UNIT_UNMAPPED,
)  # one mapping answers it for all partners; any other answer is about one of them


@dataclass(frozen=True)
class Question:
    """One row of the desk. `whose` is the partner's key, `hold` the oldest hold, `newest` the latest one.

    `partner` is the partner's id, or says how many they are. `amount` is None where nobody knows it, or where it is in
    several currencies.
    """

    hold: int
    newest: int
    company: int
    whose: int | None
    cause: str
    subject: str
    sentence: str
    documents: int
    amount: Decimal | None
    currency: str
    oldest: datetime
    assigned_to: str
    partner: str
    asked_at: datetime | None


def open_holds(company: Company | None = None) -> QuerySet[Hold]:
    """Holds that wait for an answer."""
    holds = Hold.objects.filter(closed_at=None, document__status=Status.HELD)
    return holds.filter(document__company=company) if company else holds


def with_stakes(holds: QuerySet[Hold]) -> QuerySet[Hold]:
    """`stake` and `stake_currency`: what the hold itself names, else the paper's amount, else its orders' totals."""
    named = DocumentOrder.objects.filter(document=OuterRef("document")).order_by().values("document")
    total = Subquery(named.annotate(sum=Sum("order__total")).values("sum"))
    ordered_in = Subquery(named.annotate(one=Max("order__currency")).values("one"))
    stake = Coalesce("amount", "document__amount", total)
    currency = Coalesce(NullIf("currency", Value("")), NullIf("document__currency", Value("")), ordered_in, Value(""))
    return holds.annotate(stake=stake).annotate(
        stake_currency=Case(When(stake__isnull=True, then=Value(None)), default=currency)
    )


def questions(company: Company | None = None, *, asked: Q | None = None) -> list[Question]:
    """The rows of the desk, most money first, then oldest; one query. `asked` narrows the holds."""
    rows = _grouped(open_holds(company).filter(asked or Q()))
    return sorted(map(_question, rows), key=lambda question: (-(question.amount or 0), question.oldest))


def question_of(holds: QuerySet[Hold]) -> Question | None:
    """The row of these holds of one question; None when they wait no longer."""
    return next(map(_question, _grouped(holds)), None)


def _grouped(holds: QuerySet[Hold]) -> list[dict[str, Any]]:
    """The same number, or invoice number, of another partner is another question."""
    whose = Case(When(cause__in=OF_THE_COMPANY, then=Value(None)), default=F("document__partner"))
    rows = (
        with_stakes(holds)
        .annotate(whose=whose)
        .order_by()
        .values("document__company", "cause", "subject", "whose")
        .annotate(
            documents=Count("document", distinct=True),
            sum=Sum("stake"),
            first=Min("pk"),
            newest=Max("pk"),
            oldest=Min("opened_at"),
            text=Max("sentence"),
            currencies=Count("stake_currency", distinct=True),
            one_currency=Max("stake_currency"),
            who=Max("assigned_to__username"),
            partner=Max("document__partner__trading_partner_id"),
            partners=Count("document__partner", distinct=True),
            asked_at=Min("document__replacement_asked_at"),
        )
    )
    return [dict(row) for row in rows]


def _question(row: dict[str, Any]) -> Question:
    """Money of two currencies is not added up."""
    return Question(
        hold=row["first"],
        newest=row["newest"],
        company=row["document__company"],
        whose=row["whose"],
        cause=row["cause"],
        subject=row["subject"],
        sentence=row["text"],
        documents=row["documents"],
        amount=row["sum"] if row["currencies"] == 1 else None,
        currency=row["one_currency"] if row["currencies"] == 1 else "",
        oldest=row["oldest"],
        assigned_to=row["who"] or "",
        partner=f"{row['partners']} partners" if row["partners"] > 1 else row["partner"] or "",
        asked_at=row["asked_at"],
    )


def behind(company: Company, cause: str, subject: str, whose: int | None) -> QuerySet[Hold]:
    """The holds of one question."""
    holds = open_holds(company).filter(cause=cause, subject=subject).select_related("document")
    return holds if cause in OF_THE_COMPANY else holds.filter(document__partner=whose)


def alike(hold: Hold) -> QuerySet[Hold]:
    """The open holds of the same question as this one."""
    return behind(hold.document.company, hold.cause, hold.subject, hold.document.partner_id)


def assign(holds: QuerySet[Hold], user: AbstractBaseUser | None, comment: str = "") -> int:
    """Someone takes a question."""
    return holds.update(assigned_to=user, **({"comment": comment} if comment else {}))


def accept(holds: Sequence[Hold], *, reason: str, actor: str, now: datetime) -> int:
    """Accepts what the papers say, for each document; each is decided again. Returns how many.

    Raises ValueError with a sentence where the cause is none that can be accepted.
    """
    for held in holds:
        ledger.decide(
            held.document,
            held.cause,
            held.subject,
            accepted=str(held.facts.get("found", "")),
            reason=reason,
            actor=actor,
            now=now,
        )
    return len(holds)


def post_as_expense(holds: Sequence[Hold], *, reason: str, actor: str, now: datetime) -> int:
    """Invoices that fit nothing are booked on the partner's expense account. Returns how many.

    Raises ValueError with a sentence when one of the documents is no invoice.
    """
    for held in holds:
        if held.document.kind != Kind.INVOICE:
            raise ValueError(f"{held.document} is no invoice: only invoices are booked as expense.")
    for held in holds:
        ledger.decide(held.document, held.cause, held.subject, accepted=AS_EXPENSE, reason=reason, actor=actor, now=now)
    return len(holds)


def ask_replacement(holds: QuerySet[Hold], *, reason: str, actor: str, now: datetime) -> int:
    """The supplier is asked for another paper: each document stays held until that one comes or it is ignored.

    Raises ValueError with a sentence for one of our own orders: it has no supplier's paper to be replaced.
    """
    documents = {held.document_id: held.document for held in holds}.values()
    for document in documents:
        if document.kind == Kind.ORDER:
            raise ValueError(f"{document} is our own: nobody else can replace it.")
    for document in documents:
        ledger.note(
            document,
            "replacement asked",
            now=now,
            actor=actor,
            reason=reason,
            replacement_asked_at=now,
            replacement_asked_by=actor,
        )
    holds.update(comment=f"Replacement asked by {actor} on {now:%Y-%m-%d}: {reason}")
    return len(documents)


def reconsider(holds: Sequence[Hold], *, why: str, now: datetime) -> int:
    """What waited for a fix is looked at again. Returns how many documents."""
    return ledger.wake({held.document_id: held.document for held in holds}.values(), why, now=now)


def ignore(holds: Sequence[Hold], *, reason: str, actor: str, now: datetime) -> int:
    """None of these documents is delivered. Returns how many."""
    documents = {held.document_id: held.document for held in holds}.values()
    return sum(ledger.ignore(document, reason, now=now, actor=actor) for document in documents)
