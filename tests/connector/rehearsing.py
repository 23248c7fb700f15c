"""A supplier with one order and papers about it, decided by the real pipeline; no connection, so nothing can be called."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from django.apps import apps
from django.db import connection
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind
from connector.pipeline.sweep import sweep
from mapping.models import (
    Booking,
    BookingLine,
    Company,
    Order,
    OrderLine,
    PartnerRoute,
    Supplier,
    TradingPartner,
    UnitMapping,
)
from tests.papers import as_json, invoice, invoice_line, numbers, of_order, ship_item, shipment

LETTERS = {Kind.ORDER_ACK: "PR", Kind.SHIPMENT: "SH", Kind.INVOICE: "IN"}
HINGE = numbers("1", buyer="1001-BLK")
_papers = count(1)


def a_partner(company: Company, name: str = "NORDICPARTS01", supplier: str = "50000") -> TradingPartner:
    """A partner with its supplier and one unit for all."""
    partner = TradingPartner.objects.create(company=company, trading_partner_id=name, expense_account="4360")
    firm = Supplier.objects.create(company=company, number=supplier, name=f"Firm {supplier}")
    PartnerRoute.objects.create(supplier=firm, partner=partner, is_default=True)
    UnitMapping.objects.get_or_create(company=company, unit="STK", defaults={"rsx_unit": "EA"})
    return partner


def an_order(company: Company, number: str = "PO1", supplier: str = "50000", quantity: int = 10) -> Order:
    """Ten hinges at 48 NOK."""
    order = Order.objects.create(
        company=company,
        number=number,
        status="Open",
        supplier=company.suppliers.get(number=supplier),
        supplier_number=supplier,
        currency="NOK",
        date=date(2026, 3, 1),
        row=json.dumps(a_row(number, supplier, quantity)).encode(),
    )
    OrderLine.objects.create(
        order=order, number=1, item="1001-BLK", unit="STK", quantity=quantity, unit_cost=48, vendor_number="NP-1"
    )
    return order


def received(order: Order, quantity: int = 10, number: str = "R1") -> None:
    """The warehouse has released a receipt that someone made by hand."""
    receipt = Booking.objects.create(
        company=order.company, kind="receipt", type="PoReceipt", number=number, status="Released"
    )
    BookingLine.objects.create(
        booking=receipt, number=1, order_number=order.number, order_line_number=1, quantity=Decimal(quantity)
    )


def arrives(company: Company, kind: str, paper: dict[str, Any]) -> Document:
    """A paper is stored and decided."""
    path = f"/out/{LETTERS[Kind(kind)]}/{next(_papers)}.json"
    document, _ = ledger.store(company, path, as_json(paper), kind=kind, now=timezone.now())
    return decided(document)


def decided(document: Document) -> Document:
    while sweep().total:
        pass
    document.refresh_from_db()
    return document


def a_shipment(company: Company, number: str, quantity: Any, unit: str = "EA", named: Any = None) -> Document:
    paper = shipment(number, of_order("PO1", items=[ship_item(named or HINGE, quantity, unit)]))
    return arrives(company, Kind.SHIPMENT, paper)


def an_invoice(company: Company, number: str, quantity: Any, price: Any = 48, order: str = "PO1") -> Document:
    paper = invoice(number, order, [invoice_line(HINGE, quantity, price)], quantity * price, currency="NOK")
    return arrives(company, Kind.INVOICE, paper)


def everything() -> dict[str, Any]:
    """Every row of every table, sequences included: what must be the same after a rehearsal."""
    with connection.cursor() as cursor:
        tables = sorted(connection.introspection.table_names(cursor))
        found = {table: _content(cursor, table) for table in tables}
        if connection.vendor == "postgresql":
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
            found["sequences"] = cursor.fetchall()
    assert {model._meta.db_table for model in apps.get_models()} <= set(tables)
    return found


def _content(cursor: Any, table: str) -> tuple[int, str]:
    cursor.execute(f'SELECT * FROM "{table}"')
    rows = sorted(repr(row) for row in cursor.fetchall())
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()


def a_row(number: str, supplier: str = "50000", quantity: int = 10) -> dict[str, Any]:
    """The order as Visma shows it."""
    line = {
        "lineNbr": 1,
        "inventory": {"number": "1001-BLK"},
        "uom": "STK",
        "orderQty": quantity,
        "unitCost": 48,
        "lineType": "GoodsForInventory",
    }
    return {
        "orderNbr": number,
        "orderType": "RegularOrder",
        "status": "Open",
        "hold": False,
        "date": "2026-03-01T00:00:00",
        "currency": "NOK",
        "orderTotal": quantity * 48,
        "supplier": {"number": supplier, "name": f"Firm {supplier}"},
        "lines": [line],
    }
