"""SPS's own sample papers against a Visma that holds the orders they speak about (sps.md §11)."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest

from connector.sandbox import Wanted
from connector.sandbox.visma_orders import settle_totals
from tests.acceptance.stage import Stage, asked, delivered, received
from tests.connector.rsx.reference import sample

ITEMS = ("SPSBuyerItem1", "SPSBuyerItem2", "SPSBuyerItem3")
PRICES = (Decimal(20), Decimal(10), Decimal(50))
BULK, DROP = "PO584615-1", "PO584616-1"


@pytest.fixture
def scene(stage: Stage) -> Stage:
    """Both orders under the numbers that the samples name, with line numbers 1, 2, 3."""
    sample("IN584616")  # skips here where the samples are not beside the checkout
    books = stage.world.visma.books
    for item in ITEMS:
        body = deepcopy(books.items["1001-BLK"].body) | {"inventoryNumber": item, "crossReferences": []}
        books.add(books.items, item, body | {"supplierDetails": []}, "setup", "timestamp")
    for number, quantities in ((BULK, (5, 2, 3)), (DROP, (1,))):
        wanted = zip(ITEMS, quantities, PRICES, strict=False)
        lines = [Wanted(item, Decimal(quantity), "STK", price) for item, quantity, price in wanted]
        row = books.orders.pop(stage.world.new_order("50000", lines))
        row.body |= {"orderNbr": number, "currency": "USD"}
        for position, line in enumerate(row.body["lines"], start=1):
            line["lineNbr"] = position
        settle_totals(row.body)
        books.orders[number] = row
    stage.map(suppliers="supplier,trading_partner_id,default\n50000,SPSALLTESTID,no\n")
    stage.run("partner", "SPSALLTESTID", "--expense-account", "4360")
    stage.map(taxes="trading_partner_id,tax_type,percent,vat_category\nSPSALLTESTID,PG,2,3\n")
    stage.sync()
    return stage


def arrives(scene: Stage, kind: str, name: str) -> dict[str, object]:
    path = scene.put(kind, content=sample(name))
    scene.sync()
    return next(row for row in scene.documents() if row["source_ref"] == path)


def test_acknowledgments_set_the_promised_dates(scene: Stage) -> None:
    delivered(arrives(scene, "order_ack", "PR584615"))
    delivered(arrives(scene, "order_ack", "PR584616"))
    dates = [str(scene.line(BULK, number)["promised"])[:10] for number in (1, 2, 3)]
    assert dates == ["2020-12-15", "2018-12-26", "2020-12-15"]
    assert str(scene.line(DROP)["promised"])[:10] == "2020-12-15"


def test_drop_shipment_is_received_and_its_invoice_posted_after_release(scene: Stage) -> None:
    delivered(arrives(scene, "shipment", "SH584616"))
    assert [received(receipt) for receipt in scene.receipts()] == [{(DROP, 1): 1}]
    assert arrives(scene, "invoice", "IN584616")["status"] == "waiting"
    scene.release()
    scene.sync()
    delivered(scene.document("--kind", "invoice"))
    goods, discount = scene.invoices()[0]["invoiceLines"]
    assert (goods["quantity"], goods["unitCost"], discount["cost"]) == (1, 20, -1)


def test_bulk_shipment_is_received_and_its_invoice_held(scene: Stage) -> None:
    delivered(arrives(scene, "shipment", "SH584615"))
    assert [received(receipt) for receipt in scene.receipts()] == [{(BULK, 1): 3, (BULK, 2): 2, (BULK, 3): 3}]
    scene.release()
    scene.sync()
    asked(arrives(scene, "invoice", "IN584615"), "total", "217")
    assert not scene.invoices()


def test_both_invoices_bear_one_number_and_the_second_is_asked_about(scene: Stage) -> None:
    arrives(scene, "invoice", "IN584616")
    asked(arrives(scene, "invoice", "IN584615"), "number_reused", "123456")
