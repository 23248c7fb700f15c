"""What is looked at again because something it depends on has arrived: an order, a booking, a mapping, the hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from audit import ledger
from audit.models import Cause, Document, Hold, Status
from mapping.lookup import mappings_changed_at
from mapping.models import Company

# a buyer may settle these by changing the order or a booking in Visma
DEPEND_ON_VISMA = (
    Cause.PARTNER_UNMAPPED,
    Cause.ORDER_UNKNOWN,
    Cause.LINE_UNKNOWN,
    Cause.LINE_CONFLICT,
    Cause.PRICE,
    Cause.QUANTITY,
    Cause.CURRENCY,
    Cause.OVER_SHIPPED,
    Cause.OVER_INVOICED,
    Cause.UNIT_UNMAPPED,
)
BATCH = 500


def orders_arrived(company: Company, numbers: Iterable[str], *, now: datetime) -> int:
    """Documents that wait for these orders or their bookings. Returns how many are looked at again."""
    wanted = sorted(set(numbers))
    woken = 0
    for start in range(0, len(wanted), BATCH):
        named = Document.objects.filter(company=company, orders__order_number__in=wanted[start : start + BATCH])
        waiting = named.filter(status=Status.WAITING)
        held = named.filter(status=Status.HELD, holds__cause__in=DEPEND_ON_VISMA, holds__closed_at=None, output_ref="")
        found = {document.pk: document for document in [*waiting, *held]}
        in_order = [found[key] for key in sorted(found)]  # as everybody locks them
        woken += ledger.wake(in_order, "What it depends on has changed in Visma.", now=now)
    return woken


def followers(document: Document, *, now: datetime) -> int:
    """What waited for this very document: the next revision of an order, or the paper that replaces this one."""
    waiting = Document.objects.filter(
        company=document.company_id, kind=document.kind, number=document.number, status=Status.WAITING
    )
    return ledger.wake(waiting, f"Document {document.pk} has arrived.", now=now)


def mappings_arrived(company: Company, *, now: datetime) -> int:
    """Held documents whose missing mapping is newer than the last look."""
    woken = 0
    for cause, changed_at in mappings_changed_at(company).items():
        if changed_at is None:
            continue
        holds = Hold.objects.filter(
            cause=cause,
            closed_at=None,
            document__company=company,
            document__status=Status.HELD,
            document__looked_at__lt=changed_at,
        ).select_related("document")
        documents = {hold.document_id: hold.document for hold in holds}
        woken += ledger.wake(documents.values(), "A mapping has changed since the last look.", now=now)
    return woken


def patience_ended(*, now: datetime, company: Company | None = None) -> int:
    """Waiting documents whose hour has come are looked at once more, and then held."""
    due = Document.objects.filter(status=Status.WAITING, due_at__lte=now)
    due = due.filter(company=company) if company else due
    return ledger.wake(due[:BATCH], "It has waited long enough.", now=now)
