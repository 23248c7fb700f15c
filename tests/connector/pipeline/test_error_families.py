"""Every error family on every call of every flow: each paper arrives once, whatever happens to the calls."""

from __future__ import annotations

import pytest

from connector.sandbox import KINDS
from tests.connector.pipeline.round import Round

CALLS = {
    "visma token": ("visma", "POST", "/connect/token"),
    "visma orders": ("visma", "GET", "/v1/purchaseorder"),
    "visma invoices": ("visma", "GET", "/v1/supplierInvoice"),
    "visma receipts": ("visma", "GET", "/v2/PurchaseReceipt"),
    "promise dates": ("visma", "PUT", "/v1/purchaseorder/*"),
    "receipt header": ("visma", "POST", "/v1/PurchaseReceipt"),
    "receipt lines": ("visma", "POST", "/v1/PurchaseReceipt/*/action/addpurchaseorderlines"),
    "receipt quantities": ("visma", "PUT", "/v1/PurchaseReceipt/*"),
    "receipt read": ("visma", "GET", "/v2/PurchaseReceipt/*"),
    "invoice": ("visma", "POST", "/v1/supplierInvoice"),
    "invoice paper": ("visma", "POST", "/v1/supplierInvoice/*/attachment"),
    "invoice read": ("visma", "GET", "/v1/supplierInvoice/*"),
    "sps token": ("sps", "POST", "/oauth/token"),
    "order file": ("sps", "POST", "/transactions/v5/data/in/*"),
    "mailbox": ("sps", "GET", "/transactions/v5/data/out/"),
    "paper read": ("sps", "GET", "/transactions/v5/data/out/*.*"),
    "paper deleted": ("sps", "DELETE", "/transactions/v5/data/out/*"),
    "history": ("sps", "GET", "/transactions/v5/history"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_paper_arrives_once_when_every_call_goes_wrong_once(round_: Round, kind: str) -> None:
    for system, method, path in CALLS.values():
        getattr(round_.world, system).faults.fault(method, path, kind, seconds=0.01)
    round_.world.new_order("50000")
    round_.play()
    assert round_.missed_faults(CALLS.values(), kind) == []
    assert round_.uneven() == {}
    assert round_.not_delivered() == []
    assert round_.broken_chains() == []
