"""A Visma client towards a stand-in, and the rows that it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.http import ApiSession
from connector.visma.client import VismaClient
from tests.connector.stand_in import Said, StandIn, StaticTokens, json_said

STAMP = "2026-03-20T06:35:22.153"
ABOUT = {"totalCount": 1, "maxPageSize": 500}
ORDER: dict[str, Any] = {
    "orderType": "RegularOrder",
    "orderNbr": "PO1",
    "status": "Open",
    "lastModifiedDateTime": STAMP,
    "timeStamp": "T=",
}
RECEIPT: dict[str, Any] = {
    "receiptType": "PoReceipt",
    "receiptNbr": "PR1",
    "supplier": {"number": "50000"},
    "lastModifiedDateTime": STAMP,
}
INVOICE: dict[str, Any] = {
    "documentType": "Invoice",
    "referenceNumber": "I1",
    "supplier": {"number": "50000"},
    "createdDateTime": STAMP,
    "lastModifiedDateTime": STAMP,
}
BODY: dict[str, Any] = {"hold": {"value": True}, "qty": {"value": Decimal("1.50")}}


def client(far: StandIn, **settings: Any) -> VismaClient:
    session = ApiSession(far.url, tokens=StaticTokens(), recorder=lambda call: None, timeout=5.0, system="Visma")
    return VismaClient(session, **settings)


def listed(*rows: dict[str, Any]) -> Said:
    about = {"totalCount": len(rows), "maxPageSize": 500}
    return json_said([row | {"metadata": about} for row in rows])
