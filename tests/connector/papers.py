"""Documents for tests, made by the ledger as in life."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.db.models import Q

from audit import ledger
from audit.models import Cause, Document, DocumentLine, Kind, Status
from mapping.matching import Difference
from mapping.models import Company, Order

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_numbers = count(1)


def an_invoice(company: Company, *, order: Order | None = None, **columns: Any) -> Document:
    """An invoice as received, with one line."""
    number = f"INV{next(_numbers)}"
    document, _ = ledger.store(
        company, f"out/IN/{number}.json", f'{{"{number}": 1}}'.encode(), kind=Kind.INVOICE, now=NOW
    )
    line = DocumentLine(position=1, item="A1", invoiced=Decimal(5), price=Decimal("12.50"))
    names: dict[str, Order | None] = {order.number: order} if order else {"PO900": None}
    columns = {"number": number, "content_hash": "c" * 64, "trading_partner_id": "NORDIC", **columns}
    ledger.describe(document, names, [line], **columns)
    return document


def a_held_invoice(
    company: Company, cause: str = Cause.PRICE, subject: str = "A1", *, found: str = "12.50", **columns: Any
) -> Document:
    """An invoice that waits for a person."""
    document = an_invoice(company, **columns)
    reason = Difference(cause, subject, f"{subject}: {cause} differs.", {"found": found}, Decimal(100), "NOK")
    assert ledger.hold(document, [reason], now=NOW)
    return document


def a_failed_invoice(company: Company) -> Document:
    document = an_invoice(company)
    assert ledger.fail(document, "It cannot be read.", now=NOW)
    return document


def a_delivered_invoice(company: Company, output_ref: str = "900001") -> Document:
    """An invoice that is booked in Visma."""
    document = an_invoice(company)
    _deliver(document, output_ref=output_ref, delivered_at=NOW, output=b'{"invoice": 1}')
    return document


def a_delivered_order(company: Company, number: str = "PO100", *, delivered_at: datetime = NOW) -> Document:
    """An order at SPS that nobody has picked up or answered."""
    content = f'{{"orderNbr": "{number}"}}'.encode()
    path = f"visma:purchaseorder/{number}"
    document, _ = ledger.store(company, path, content, kind=Kind.ORDER, now=NOW, number=number, revision=1)
    _deliver(document, output_ref=f"in/{number}.json", delivered_at=delivered_at, output=b'{"order": 1}')
    return document


def _deliver(document: Document, **columns: Any) -> None:
    ledger.move(document, Status.MATCHED, now=NOW)
    owner, _ = ledger.claim(Status.MATCHED, limit=1, seconds=60, now=NOW, only=Q(pk=document.pk))
    assert ledger.begin_delivery(document, owner=owner, seconds=60, now=NOW)
    assert ledger.move(document, Status.DELIVERED, now=NOW, **columns)
