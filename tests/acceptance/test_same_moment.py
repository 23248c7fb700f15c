"""Two processes decide at the same moment about one order: together they never pass what one alone may not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.models import Document, Status
from connector.models import Connection
from connector.pipeline.sweep import sweep
from connector.polling import STREAMS, poll
from tests.acceptance.stage import HINGE, Stage, opened
from tests.papers import invoice, invoice_line, numbers, of_order, ship_item, shipment

ROOT = Path(__file__).resolve().parents[2]
HINGES = numbers("1", buyer="1001-BLK")


@pytest.fixture
def stage(process_environment: dict[str, str], secrets: None, tmp_path: Path) -> Iterator[Stage]:
    yield from opened(tmp_path)


def stored(stage: Stage) -> None:
    """Everything in the mailbox is stored, and nothing decided."""
    connection = Connection.objects.get(system="sps")
    assert poll(connection, next(stream for stream in STREAMS if stream.name == "mailbox")).ok


def both_sync(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "sync", "--until-idle", "--timeout", "60", "--json"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()


def test_over_shipment_in_two_processes_is_received_once(stage: Stage, process_environment: dict[str, str]) -> None:
    order = stage.order(HINGE)
    for number in range(6):
        stage.put("shipment", shipment(f"SHP-{number}", of_order(order, items=[ship_item(HINGES, 10)])))
    stored(stage)
    both_sync(process_environment)
    found = sorted((row["status"], row["cause"]) for row in stage.documents("--kind", "shipment"))
    assert found == [("delivered", ""), *[("held", "over_shipped")] * 5]
    assert [one["lines"][0]["receiptQty"] for one in stage.receipts()] == [10]


def test_over_invoicing_in_two_processes_is_posted_once(stage: Stage, process_environment: dict[str, str]) -> None:
    order = stage.order(HINGE)
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    stage.release()
    stage.sync()
    for number in range(6):
        stage.put("invoice", invoice(f"INV-{number}", order, [invoice_line(HINGES, 10, 48)], 480))
    stored(stage)
    both_sync(process_environment)
    found = sorted((row["status"], row["cause"]) for row in stage.documents("--kind", "invoice"))
    assert found == [("delivered", ""), *[("held", "over_invoiced")] * 5]
    assert len(stage.invoices()) == 1
    assert not Document.objects.filter(status=Status.DELIVERING).exists()
    assert sweep().total == 0
