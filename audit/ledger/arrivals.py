"""What arrives is stored as received, and becomes documents; what they say is told once they are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from audit.chain import sha256
from audit.ledger.links import MACHINE, append
from audit.models import Document, DocumentLine, DocumentOrder, Kind, Status, Transmission
from mapping.models import Company, Order


def store(
    company: Company, path: str, content: bytes, *, kind: str, now: datetime, number: str = "", revision: int = 0
) -> tuple[Document, bool]:
    """What arrived, as received, with the document of its first part. The same bytes again: the first one, False."""
    with transaction.atomic():
        transmission, _ = keep(company, path, content, now=now)
        known = transmission.documents.filter(part=0, revision=revision).first()
        if known:
            return known, False
        return _create(transmission, kind=kind, part=0, now=now, number=number, revision=revision), True


def keep(company: Company, path: str, content: bytes, *, now: datetime) -> tuple[Transmission, bool]:
    """The bytes alone, as received, and whether they came for the first time."""
    return Transmission.objects.get_or_create(
        company=company,
        path=path,
        sha256=sha256(content),
        defaults={"content": content, "size": len(content), "received_at": now},
    )


def add_part(document: Document, part: int, *, kind: str, now: datetime) -> Document:
    """The document of a further paper in the same file."""
    with transaction.atomic():
        Transmission.objects.select_for_update(no_key=True).get(pk=document.transmission_id)
        known = (
            Document.objects.filter(transmission=document.transmission_id, part=part).exclude(kind=Kind.ORDER).first()
        )
        return known or _create(document.transmission, kind=kind, part=part, now=now)


def removed_at_source(transmission: Transmission, *, now: datetime) -> None:
    """The file is deleted at SPS: what is stored here is now the only copy."""
    Transmission.objects.filter(pk=transmission.pk, removed_at=None).update(removed_at=now)


def describe(
    document: Document, orders: dict[str, Order | None], lines: Sequence[DocumentLine], **columns: Any
) -> None:
    """What the paper says: its columns, the orders it names, and its lines. Part of the transaction that decides it."""
    with transaction.atomic():
        Document.objects.filter(pk=document.pk).update(**columns)
        _name_orders(document, orders)
        document.lines.all().delete()
        for line in lines:
            line.document = document
        DocumentLine.objects.bulk_create(lines)
    for name, value in columns.items():
        setattr(document, name, value)


def _name_orders(document: Document, orders: dict[str, Order | None]) -> None:
    known = {row.order_number: row for row in document.orders.all()}
    document.orders.filter(order_number__in=known.keys() - orders.keys()).delete()
    for number in known.keys() & orders.keys():
        order = orders[number]
        if known[number].order_id != (order.pk if order else None):
            known[number].order = order
            known[number].save(update_fields=["order"])
    new = [number for number in orders if number not in known]
    DocumentOrder.objects.bulk_create(
        DocumentOrder(document=document, order_number=number, order=orders[number]) for number in new
    )


def _create(
    transmission: Transmission, *, kind: str, part: int, now: datetime, number: str = "", revision: int = 0
) -> Document:
    document = Document.objects.create(
        company_id=transmission.company_id,
        kind=kind,
        transmission=transmission,
        part=part,
        number=number,
        revision=revision,
        created_at=now,
        updated_at=now,
    )
    append(
        document,
        verb="received",
        now=now,
        actor=MACHINE,
        to_status=Status.RECEIVED,
        facts={"path": transmission.path, "bytes": transmission.size},
        changes={},
    )
    return document
