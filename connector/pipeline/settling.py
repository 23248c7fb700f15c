"""A paper that a supplier was asked for has come: the held one whose place it takes is settled by it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from audit import ledger
from audit.letter import asked_words
from audit.models import Document, Kind, Status


def settle_asked(document: Document, now: datetime) -> int:
    """Held papers that this one replaces, because people asked for it, are ignored with a pointer to it. Returns how many.

    Called with the partner locked, once the lines are stored. One whose own delivery may have left, or has begun a
    booking, stays for a person.
    """
    settled = [
        old for old in _asked(document) if not (old.progress.get("open") or old.half_made) and _replaces(document, old)
    ]
    for old in settled:
        why = f"Replaced by document {document.pk}, which was {asked_words(old)}."
        ledger.ignore(old, why, now=now, facts={"replaced_by": document.pk})
    return len(settled)


def _asked(document: Document) -> QuerySet[Document]:
    return (
        Document.objects.select_for_update(no_key=True)
        .filter(company=document.company_id, kind=document.kind, partner=document.partner_id, status=Status.HELD)
        .filter(pk__lt=document.pk, output_ref="")
        .exclude(replacement_asked_at=None)
        .exclude(partner=None)
        .exclude(content_hash=document.content_hash)
    )


def _replaces(document: Document, old: Document) -> bool:
    """By the same key; an acknowledgment, which seldom has a number, by speaking about all that the old one does."""
    if document.business_key and document.business_key == old.business_key:
        return True
    if document.kind != Kind.ORDER_ACK:
        return False
    same_orders = _orders(old) <= _orders(document)
    return same_orders and bool(_orders(old)) and _said(old) <= _said(document)


def _orders(document: Document) -> set[str]:
    return set(document.orders.values_list("order_number", flat=True))


def _said(document: Document) -> set[tuple[int | None, str]]:
    """The order lines it speaks about, each with the place."""
    return set(document.lines.values_list("order_line", "location"))
