"""Bodies and steps of writers, shared by the tests of orders, receipts and invoices."""

from __future__ import annotations

from typing import Any

import requests

from tests.connector.sandbox.client import Client

Json = dict[str, Any]


def w(value: object) -> Json:
    return {"value": value}


def receipt_header(**more: object) -> Json:
    return {"supplierId": w("50000"), "supplierRef": w("SHP-1"), "createBill": w(False)} | more


def number_of(answer: requests.Response) -> str:
    assert answer.status_code == 201, answer.text
    assert answer.content == b""
    assert answer.headers["ETag"].startswith('"')
    return answer.headers["Location"].rsplit("/", 1)[1]


def add(visma: Client, receipt: str, order: str, *lines: object) -> requests.Response:
    body = {"purchaseOrderLines": [{"orderNbr": order, "lines": [{"lineNbr": line} for line in lines]}]}
    return visma("POST", f"/v1/PurchaseReceipt/{receipt}/action/addpurchaseorderlines", json=body)


def change(visma: Client, receipt: str, line: int, quantity: object, **more: object) -> requests.Response:
    edit = {"operation": "Update", "lineNbr": w(line), "receiptQty": w(quantity)} | more
    return visma("PUT", f"/v1/PurchaseReceipt/{receipt}", json={"lines": [edit]})
