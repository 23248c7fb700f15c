"""Existing purchase orders, sent by hand: which, how many calls they take, and how long within the call budget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.utils import timezone

from audit.models import Document
from connector import clients
from connector.models import Connection
from connector.pipeline.outgoing import revise, would_go
from mapping.models import Company, Order

SECONDS_PER_CALL = 0.5


@dataclass(frozen=True)
class Estimate:
    """What a backfill would take."""

    orders: int
    calls: int
    seconds: int


def chosen(
    company: Company, *, since: date, until: date | None, suppliers: Sequence[str], partners: Sequence[str]
) -> list[Order]:
    """The orders of the period that have not gone out as they are now, oldest first. Repeating it finds what is left."""
    dated = Q(date__gte=since) & (Q(date__lte=until) if until else Q())
    orders = company.orders.filter(dated).select_related("supplier", "company").order_by("date", "number")
    if suppliers:
        orders = orders.filter(supplier_number__in=suppliers)
    if partners:
        orders = orders.filter(supplier__partners__trading_partner_id__in=partners).distinct()
    return [order for order in orders if would_go(order)]


def estimate(company: Company, orders: Sequence[Order]) -> Estimate:
    """One call at SPS per order; the time also counts what the other side allows (sps.md §3.6: nothing is published)."""
    calls = len(orders)
    sps = clients.connections().filter(company=company, system=Connection.System.SPS).first()
    now = timezone.now()
    blocked = max((sps.blocked_until - now).total_seconds(), 0) if sps and sps.blocked_until else 0
    return Estimate(len(orders), calls, math.ceil(calls * SECONDS_PER_CALL + blocked))


def backfill(orders: Sequence[Order], *, actor: str) -> Iterator[Document | None]:
    """Each order becomes a document that the pipeline sends; safe to interrupt and to repeat."""
    for order in orders:
        yield revise(order, now=timezone.now(), by_hand=actor)
