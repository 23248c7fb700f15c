"""The desk: open holds by cause and subject, one row per question, however many documents wait for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Max, Min, QuerySet, Sum

from audit import ledger
from audit.models import AS_EXPENSE, Hold, Kind, Status
from mapping.models import Company


@dataclass(frozen=True)
class Question:
    """One row of the desk."""

    company: int
    cause: str
    subject: str
    sentence: str
    documents: int
    amount: Decimal | None
    currency: str
    oldest: datetime
    assigned_to: str
    partner: str


def open_holds(company: Company | None = None) -> QuerySet[Hold]:
    """Holds that wait for an answer."""
    holds = Hold.objects.filter(closed_at=None, document__status=Status.HELD)
    return holds.filter(document__company=company) if company else holds


def questions(company: Company | None = None) -> list[Question]:
    """The rows of the desk, most money first, then oldest; one query."""
    rows = (
        open_holds(company)
        .values("document__company", "cause", "subject")
        .annotate(
            documents=Count("document", distinct=True),
            amount=Sum("amount"),
            oldest=Min("opened_at"),
            sentence=Max("sentence"),
            currencies=Count("currency", distinct=True),  # before `currency`, which then hides the column
            currency=Max("currency"),
            who=Max("assigned_to__username"),
            partner=Max("document__partner__trading_partner_id"),
        )
    )
    found = [
        Question(
            company=row["document__company"],
            cause=row["cause"],
            subject=row["subject"],
            sentence=row["sentence"],
            documents=row["documents"],
            amount=row["amount"] if row["currencies"] == 1 else None,  # money of two currencies is not added up
            currency=row["currency"] if row["currencies"] == 1 else "",
            oldest=row["oldest"],
            assigned_to=row["who"] or "",
            partner=row["partner"] or "",
        )
        for row in rows
    ]
    return sorted(found, key=lambda question: (-(question.amount or 0), question.oldest))


def behind(company: Company, cause: str, subject: str) -> QuerySet[Hold]:
    """The holds of one question."""
    return open_holds(company).filter(cause=cause, subject=subject).select_related("document")


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
    """The supplier is asked for another paper: noted on each document, which stays held until it is replaced or ignored."""
    documents = {held.document_id: held.document for held in holds}.values()
    for document in documents:
        ledger.note(document, "replacement asked", now=now, actor=actor, reason=reason)
    holds.update(comment=f"Replacement asked by {actor} on {now:%Y-%m-%d}: {reason}")
    return len(documents)


def reconsider(holds: Sequence[Hold], *, why: str, now: datetime) -> int:
    """What waited for a fix is looked at again. Returns how many documents."""
    return ledger.wake({held.document_id: held.document for held in holds}.values(), why, now=now)


def ignore(holds: Sequence[Hold], *, reason: str, actor: str, now: datetime) -> int:
    """None of these documents is delivered. Returns how many."""
    documents = {held.document_id: held.document for held in holds}.values()
    return sum(ledger.ignore(document, reason, now=now, actor=actor) for document in documents)
