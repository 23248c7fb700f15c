"""A long list is worked on in portions; the warehouse may be quicker than we are."""

from __future__ import annotations

import pytest
from django.db.models import Model

from connector import polling, tasks
from connector.models import Connection, Cursor
from connector.polling import from_sps, from_visma
from connector.sandbox.wire import Request
from mapping.models import Item, Supplier, SupplierLocation
from tests.acceptance.stage import HINGE, Stage, delivered
from tests.papers import ack, numbers, of_order, ship_item, shipment


@pytest.mark.parametrize("name", ["orders", "mailbox"])
def test_long_list_goes_on_where_it_stopped(stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for _ in range(3):
        stage.world.new_order()
        stage.put("order_ack", ack("PO1", "AK", date=f"2026-03-0{_ + 1}"))
    for reader in (from_visma, from_sps):
        monkeypatch.setattr(reader, "READ_SECONDS", -1.0)  # one row, and the time is up
    stream = next(stream for stream in polling.STREAMS if stream.name == name)
    connection = Connection.objects.get(system=stream.system)
    polled = [polling.poll(connection, stream) for _ in range(4)]
    assert [each.more for each in polled] == [True, True, True, False]
    assert polled[-1].ok
    assert Cursor.objects.get(stream=name).problem == ""


def test_worker_takes_the_next_portion_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[tuple[object, ...]] = []
    monkeypatch.setattr(tasks, "queue", lambda *task: queued.append(task))
    monkeypatch.setattr(from_visma, "READ_SECONDS", -1.0)
    stage.world.new_order()
    visma = Connection.objects.get(system="visma")
    Cursor.objects.filter(stream="orders").update(due_at=None)
    tasks.poll(visma.pk, "orders")
    assert queued == [("poll", visma.pk, "orders")]


@pytest.mark.parametrize("ours", ["no", "yes"])
def test_receipt_that_the_warehouse_releases_in_that_moment_is_delivered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ours: str
) -> None:
    """`ours`: whether we were about to release it ourselves."""
    stage.partner("--release-receipts", ours)

    def release(call: Request) -> None:
        stage.release()

    def is_last(_path: str, body: bytes) -> bool:
        return ours == "no" or b'"hold"' in body

    monkeypatch.setattr(stage.world.visma, "disturb", release)
    stage.world.visma.faults.fault("PUT", "*PurchaseReceipt*", "etag_conflict", when=is_last)
    order = stage.order(HINGE)
    paper = shipment("SHP-1", of_order(order, items=[ship_item(numbers("1", buyer="1001-BLK"), 10)]))
    delivered(stage.sends("shipment", paper))
    assert [receipt["status"] for receipt in stage.receipts()] == ["Released"]


@pytest.mark.parametrize(("name", "model"), [("suppliers", Supplier), ("locations", SupplierLocation), ("items", Item)])
def test_lease_is_renewed_while_a_first_pull_is_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str, model: type[Model]
) -> None:
    renewed: list[Cursor] = []
    monkeypatch.setattr(from_visma, "renew", renewed.append)
    Cursor.objects.filter(stream=name).update(value="", succeeded_at=None)
    stream = next(stream for stream in polling.STREAMS if stream.name == name)
    assert polling.poll(Connection.objects.get(system="visma"), stream).ok
    assert len(renewed) > model._base_manager.count() > 1
