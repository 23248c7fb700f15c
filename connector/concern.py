"""Which documents a change of a mapping or tolerance can concern: the narrower, the sooner a rehearsal is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q, QuerySet

from audit.models import Document, DocumentOrder, Kind, Status
from mapping.models import (
    Company,
    ItemReference,
    ItemTolerance,
    Order,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)

INBOUND = Q(kind__in=(Kind.ORDER_ACK, Kind.SHIPMENT, Kind.INVOICE))
REHEARSED = (Company, TradingPartner, PartnerRoute, ItemReference, UnitMapping, TaxMapping, ItemTolerance)
DECIDED = (Status.WAITING, Status.HELD, Status.MATCHED, Status.DELIVERING, Status.DELIVERED, Status.IGNORED)
NOT_SENT = (Status.WAITING, Status.HELD, Status.MATCHED)


def concerned(changes: Sequence[tuple[models.Model, bool]], since: datetime) -> list[int]:
    """Keys of the documents since then, newest first, that rows as they are or would be speak about.

    Answers of suppliers that were decided, and orders that have not gone out: an order that has is not sent again
    because a mapping changes (DESIGN.md, revisions). `changes` are rows with whether they would be deleted.
    """
    rows = [form for row, _ in changes for form in _forms(row)]
    if not rows:
        return []
    about = reduce(or_, (_about(row) for row in rows))
    open_ones = (INBOUND & Q(status__in=DECIDED)) | Q(kind=Kind.ORDER, revision__gt=0, status__in=NOT_SENT)
    found = Document.objects.filter(about, open_ones, created_at__gte=since)
    return list(found.order_by("-pk").values_list("pk", flat=True))


def _forms(row: models.Model) -> list[models.Model]:
    """The row as it would be, and as it is."""
    stored = type(row)._default_manager.filter(pk=row.pk).first() if not row._state.adding else None
    return [row, stored] if stored else [row]


def _about(row: models.Model) -> Q:
    match row:
        case Company():
            return Q(company=row.pk) & INBOUND
        case TradingPartner():
            return _of(row) | _orders_of(Supplier.objects.filter(routes__partner=row.pk))
        case PartnerRoute():
            return _of(row.partner) | _orders_of(Supplier.objects.filter(pk=row.supplier_id))
        case ItemReference():
            return _of(row.partner) & INBOUND
        case TaxMapping():
            return _of(row.partner) & Q(kind=Kind.INVOICE)
        case UnitMapping():
            return _of(row.partner) if row.partner else Q(company=row.company_id)
        case ItemTolerance():
            whose = _of(row.partner) if row.partner else Q(company=row.company_id)
            with_item = DocumentOrder.objects.filter(order__lines__item=row.item).values("document")
            return whose & INBOUND & Q(pk__in=with_item)
    raise TypeError(f"{type(row).__name__} decides nothing about documents.")


def _of(partner: TradingPartner) -> Q:
    """Papers of a partner, also those that came before anybody had mapped it."""
    return Q(partner=partner.pk) | Q(
        company=partner.company_id, trading_partner_id__iexact=partner.trading_partner_id.strip()
    )


def _orders_of(suppliers: QuerySet[Supplier]) -> Q:
    numbers = Order.objects.filter(supplier__in=suppliers).values("number")
    return Q(kind=Kind.ORDER, company__in=suppliers.values("company"), number__in=numbers)
