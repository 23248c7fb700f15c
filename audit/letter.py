"""The letter that asks a supplier for another paper: what is wrong with the ones that are held, to copy or to mail.

SPS carries no such request, so people send it themselves; the sentences are those of the holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.db.models import Prefetch, QuerySet

from audit.models import Cause, Document, DocumentOrder, Hold, Kind

MOST_PAPERS = 20  # a longer list is no letter any more
MOST_IN_A_LINK = 1_800  # characters of an address that every mail program takes
NOT_THEIRS = (
    Cause.PARTNER_UNMAPPED,
    Cause.TAX_UNMAPPED,
    Cause.ACCOUNT_MISSING,
    Cause.ORDER_CHANGED,
    Cause.CANCELLED,
    Cause.CREDIT_NOTE,
    Cause.NOT_POSTABLE,
    Cause.UNSUPPORTED,
    Cause.REMOTE_REJECTED,
    Cause.IN_DOUBT,
)
"""What no other paper would put right: our own mappings and books, and papers that are what they are."""
TO_OURSELVES = " If that is accepted,"  # the end of a sentence that tells our own people what an answer does


@dataclass(frozen=True)
class Letter:
    """What to tell the supplier, as plain text."""

    subject: str
    body: str

    @property
    def link(self) -> str:
        """Opens the mail program; the address is left to the sender, a text too long for a link is cut and says so."""
        body = self.body
        if len(quote(body)) > MOST_IN_A_LINK:
            body = _within(body, MOST_IN_A_LINK) + "\n[paste the rest of the text here]"
        return f"mailto:?subject={quote(self.subject)}&body={quote(body)}"


def letter_about(holds: QuerySet[Hold]) -> Letter | None:
    """The letter about the papers behind a question; None where the supplier has nothing to put right. Three queries."""
    theirs = Hold.objects.filter(closed_at=None).exclude(cause__in=NOT_THEIRS).order_by("pk")
    open_ones = Prefetch("holds", theirs, to_attr="reasons")
    numbers = Prefetch("orders", DocumentOrder.objects.order_by("order_number"))
    papers = (
        Document.objects.filter(pk__in=holds.exclude(cause__in=NOT_THEIRS).values("document"))
        .exclude(kind=Kind.ORDER)
        .select_related("company", "partner")
        .defer("output", "progress")
        .prefetch_related(open_ones, numbers)
        .order_by("created_at", "pk")
    )
    found = list(papers[: MOST_PAPERS + 1])
    return _letter(found) if found else None


def _letter(papers: Sequence[Document]) -> Letter:
    first, several = papers[0], len(papers) > 1
    whom = (first.partner.name if first.partner else "") or first.trading_partner_id or "supplier"
    shown = [_paragraph(paper) for paper in papers[:MOST_PAPERS]]
    if len(papers) > MOST_PAPERS:
        shown.append("There are more of the same kind.")
    asked = "these papers" if several else _named(first)
    body = [
        f"To {whom},",
        f"We cannot book {asked}, because what you sent and our order do not agree:",
        *shown,
        _request(papers),
        f"Kind regards,\n{first.company.name}",
    ]
    subject = (
        f"{len(papers)} papers that we cannot book" if several else f"{_capital(_named(first))}: please correct it"
    )
    return Letter(subject, "\n\n".join(body))


def _paragraph(paper: Document) -> str:
    """Which paper it is, and each thing that differs."""
    orders = ", ".join(order.order_number for order in paper.orders.all())
    worth = f"{paper.currency} {paper.amount:,.2f}".strip() if paper.amount is not None else ""
    dated = f"of {paper.date}" if paper.date else ""
    about = [f"{_capital(_named(paper))} {dated}".strip(), f"order {orders}" if orders else "", worth]
    reasons: Sequence[Hold] = getattr(paper, "reasons", ())
    differs = [f"- {hold.sentence.partition(TO_OURSELVES)[0]}" for hold in reasons]
    return "\n".join([", ".join(part for part in about if part), *differs])


def _request(papers: Sequence[Document]) -> str:
    numbered = all(paper.kind in (Kind.SHIPMENT, Kind.INVOICE) for paper in papers)
    same = " under the same number" if numbered else ""
    each = "each of them" if len(papers) > 1 else "it"
    return f"Please correct {each} and send {each} again through SPS Commerce{same}, or tell us why it is right."


def _named(paper: Document) -> str:
    return f"{paper.get_kind_display()} {paper.number}".strip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _within(text: str, most: int) -> str:
    """As many whole lines as fit."""
    lines, used = [], 0
    for line in text.splitlines():
        used += len(quote(line + "\n"))
        if used > most:
            break
        lines.append(line)
    return "\n".join(lines)


def asked_words(document: Document) -> str:
    """When its replacement was asked for, and by whom; empty when it was not."""
    at = document.replacement_asked_at
    return f"asked for on {at:%Y-%m-%d} by {document.replacement_asked_by}" if at else ""
