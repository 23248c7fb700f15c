"""Every receipt and supplier invoice that was seen in Visma: lists and deltas never show a deleted one (visma.md §3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.models import Kind, Status
from connector import mirror
from connector.completeness.figures import Account, ask, no_longer
from connector.errors import NotFound, Transient, Unreadable
from connector.flows.verdict import Clients
from connector.pipeline import orders_arrived
from connector.visma.client import VismaClient
from mapping.models import CANCELLED, Booking, Company

MADE_FROM = {Booking.Kind.RECEIPT: Kind.SHIPMENT, Booking.Kind.INVOICE: Kind.INVOICE}
SUBJECTS = tuple(f"deleted {kind.label} " for kind in Booking.Kind)
Name = tuple[str, str]
"""Type and number."""


def account_bookings(company: Company, both: Clients, found: Account, since: date) -> None:
    """Those touched `since` are looked for in the lists, and what is missing there at its own address, by a call for each.

    What is gone counts no more; where a paper of ours had made it, a person is asked. Raises Transient when a list does
    not hold still, or shows nothing at all.
    """
    for kind in Booking.Kind:
        bookings = company.bookings.filter(kind=kind)
        mirrored = bookings.filter(modified__gte=f"{since:%Y-%m-%d}").exclude(status__in=CANCELLED)
        if not mirrored.exists():
            continue
        listed = _listed(both.visma, kind, since)
        names = mirrored.values_list("pk", "type", "number", "status").iterator()
        doubtful = [key for key, *name, status in names if (tuple(name) in listed) == (status == Booking.DELETED)]
        if not listed and len(doubtful) > 1:  # a wrong company shows empty lists and no error (visma.md §1)
            raise Transient(
                f"Visma lists no {kind.label} at all, and {len(doubtful)} are known here: see whether the connection is still"
                " to the right company. They were not accounted for."
            )
        for key in doubtful:
            _look_up(company, both.visma, bookings.get(pk=key))
    _ask_for_lost(company, found)


def _listed(visma: VismaClient, kind: str, since: date) -> set[Name]:
    """All that were touched since; a day more, because the zone of stamps is unknown (visma.md §3)."""
    stamp = f"{since - timedelta(days=1):%Y-%m-%dT00:00:00}"
    if kind == Booking.Kind.RECEIPT:
        receipts = visma.receipts(stamp, _head_of("receiptType", "receiptNbr")).settled("purchase receipts")
        return {(row.dto.receipt_type or "PoReceipt", row.dto.receipt_nbr) for row in receipts.rows}
    invoices = visma.invoices(stamp, _head_of("documentType", "referenceNumber")).settled("supplier invoices")
    return {(row.dto.document_type or "Invoice", row.dto.reference_number) for row in invoices.rows}


def _head_of(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What identifies a row, and its stamp: a list of any length fits into memory."""
    return lambda raw: {name: raw[name] for name in (*names, "lastModifiedDateTime") if name in raw}


def _look_up(company: Company, visma: VismaClient, booking: Booking) -> None:
    mirrored: Callable[[], set[str]]
    try:
        if booking.kind == Booking.Kind.RECEIPT:
            mirrored = partial(mirror.receipts, company, [visma.receipt(booking.number)[0]])
        else:
            mirrored = partial(mirror.invoices, company, [visma.invoice(booking.number, booking.type)[0]])
    except NotFound:
        mirrored = partial(mirror.deleted, booking)
    except Unreadable:
        return  # it is there, and the stream says what is wrong with it
    with transaction.atomic():
        orders_arrived(company, mirrored(), now=timezone.now())


def _ask_for_lost(company: Company, found: Account) -> None:
    """A paper whose booking is gone is posted no more; its replay makes another one."""
    lost = set()
    for booking in company.bookings.filter(status=Booking.DELETED).order_by("pk"):
        kind = MADE_FROM[Booking.Kind(booking.kind)]
        made = company.documents.filter(kind=kind, status=Status.DELIVERED, output_ref=booking.number).first()
        if made:
            lost.add(subject := f"deleted {booking}")
            what = f"was made from {made} and is not in Visma any more: open {made} and replay it, to make another one"
            ask(company, subject, what, found.files, found)
    for subject in found.asked:
        if subject.startswith(SUBJECTS) and subject not in lost:
            no_longer(company, subject, found)
