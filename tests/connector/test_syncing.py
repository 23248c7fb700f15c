"""`sync`: when it ends, what it says, what it waits for, and that several at once do everything once."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection as database
from django.utils import timezone

from audit.models import Document, Exchange, Kind, Status
from connector.models import Connection, Cursor
from connector.syncing import read, sync
from mapping.models import Company
from tests.acceptance.stage import HINGE, Stage, is_sentence, opened
from tests.papers import ack, dated, invoice, invoice_line, numbers

ROOT = Path(__file__).resolve().parents[2]
HINGES = numbers("1", buyer="1001-BLK")


@pytest.fixture
def shared_stage(process_environment: dict[str, str], credentials: None, tmp_path: Path) -> Iterator[Stage]:
    """For processes of their own."""
    yield from opened(tmp_path)


def failing(*options: str) -> str:
    """What `sync` says when it exits with 1."""
    with pytest.raises(CommandError) as raised:
        call_command("sync", *options, stdout=io.StringIO(), stderr=io.StringIO())
    assert raised.value.returncode == 1
    return str(raised.value)


def wrong_keys() -> None:
    """As if FIELD_ENCRYPTION_KEYS were others than those that have written the secrets."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE connector_connection SET client_secret = %s, token = %s, webhook_secret = %s",
            [b"of another key"] * 3,
        )


def test_until_idle_ends_after_at_most_three_passes_and_what_rests_does_not_fail_it(stage: Stage) -> None:
    first, second = stage.world.new_order("50000", [HINGE]), stage.world.new_order("50000", [HINGE])
    stage.put("order_ack", ack(first, "AD"))
    stage.put("invoice", invoice("INV-1", second, [invoice_line(HINGES, 10, 48)], 480))
    stage.put("order_ack", content=b'{"Header": {')
    stage.world.new_order("50003")
    done = stage.sync()
    assert done["passes"] <= 3
    assert {"delivered", "held", "waiting", "failed"} <= {row["status"] for row in stage.documents()}
    assert done["documents"]["order"]["delivered"] == 2


def test_second_sync_takes_one_pass_and_no_write(stage: Stage) -> None:
    stage.order(HINGE)
    before = stage.writes()
    assert stage.sync()["passes"] == 1
    assert stage.writes() == before


def test_stream_that_another_run_reads_is_waited_for(stage: Stage) -> None:
    until = timezone.now() + timedelta(seconds=0.4)
    Cursor.objects.filter(stream="orders").update(lease_owner="another", lease_until=until)
    stage.sync()
    read_at = Cursor.objects.get(stream="orders").succeeded_at
    assert read_at
    assert read_at >= until


def test_stream_that_another_run_keeps_until_the_time_is_up_is_named(stage: Stage) -> None:
    until = timezone.now() + timedelta(hours=1)
    Cursor.objects.filter(stream="orders").update(lease_owner="another", lease_until=until)
    said = failing("--until-idle", "--timeout", "0.2")
    assert "Time is up" in said
    assert "visma orders" in said


def test_system_that_cannot_be_reached_fails_it_after_the_time(stage: Stage) -> None:
    Connection.objects.filter(system="visma").update(url="http://127.0.0.1:9")
    said = failing("--until-idle", "--timeout", "0.2")
    assert "not read: visma suppliers" in said
    assert "could not be reached" in said
    assert not said.endswith("..")
    assert "could not be reached" in failing()


def test_refused_credentials_fail_it_and_new_ones_go_on_where_it_stopped(stage: Stage) -> None:
    order = stage.world.new_order("50000", [HINGE])
    sps = Connection.objects.get(system="sps")
    right, sps.client_secret, sps.token = sps.client_secret, "wrong", ""
    sps.save()
    assert "SPS" in failing("--until-idle", "--timeout", "5")
    assert stage.document("--order", order)["status"] in ("received", "matched")
    assert Connection.objects.get(system="sps").paused_at
    sps.refresh_from_db()
    sps.client_secret = right
    sps.save()
    stage.sync()
    assert stage.document("--order", order)["status"] == "delivered"


def test_secrets_that_no_key_reads_are_one_sentence_and_documents_stay(stage: Stage) -> None:
    order = stage.world.new_order("50000", [HINGE])
    Connection.objects.filter(system="sps").update(url="http://127.0.0.1:9")
    failing()
    before = [(row["id"], row["status"]) for row in stage.documents()]
    wrong_keys()
    said = failing("--until-idle", "--timeout", "5")
    assert "FIELD_ENCRYPTION_KEYS" in said
    assert is_sentence(said)
    assert [(row["id"], row["status"]) for row in stage.documents()] == before
    assert (order, "matched") in {(row["number"], row["status"]) for row in stage.documents()}


def test_company_without_connections_is_told_to_connect(company: Company) -> None:
    done = sync(company, until_idle=True, timeout=1, say=lambda _: None)
    assert "manage.py connect" in done.failure


def test_reading_one_system_sends_nothing_and_says_what_failed(stage: Stage) -> None:
    company = Company.objects.get()
    order = stage.world.new_order("50000", [HINGE])
    assert read(company, "visma", timeout=5, say=print) == ""
    assert Document.objects.get(number=order).status == Status.RECEIVED
    Connection.objects.filter(system="visma").update(url="http://127.0.0.1:9")
    said: list[str] = []
    assert "could not be reached" in read(company, "visma", timeout=0.1, say=said.append)
    assert sum("visma orders: " in sentence for sentence in said) == 1


def test_order_that_sps_has_taken_is_no_longer_waited_for(stage: Stage) -> None:
    order = stage.order(HINGE)
    document = Document.objects.filter(kind=Kind.ORDER, number=order)
    stage.sync()
    assert document.get().picked_up_at is None
    assert stage.run("status")["unpicked"] == 0
    document.update(delivered_at=timezone.now() - timedelta(days=3))
    Cursor.objects.filter(stream="history").update(value="")  # the hourly look at old ones is due
    assert stage.run("status")["unpicked"] == 1
    stage.world.tick()
    stage.sync()
    assert document.get().picked_up_at
    assert document.get().events.filter(verb="picked up").count() == 1
    assert stage.run("status")["unpicked"] == 0
    stage.sync()
    assert document.get().events.filter(verb="picked up").count() == 1


def test_three_processes_at_once_deliver_every_document_once(
    shared_stage: Stage, process_environment: dict[str, str]
) -> None:
    stage = shared_stage
    orders = [stage.world.new_order("50000", [HINGE]) for _ in range(5)]
    for order in orders:
        stage.put("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")]))
    command = [sys.executable, "manage.py", "sync", "--until-idle", "--timeout", "60"]
    processes = [subprocess.Popen(command, cwd=ROOT, env=process_environment, stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    sent = [row["status"] for row in stage.documents("--kind", "order") if row["number"] in orders]
    answers = [row["status"] for row in stage.documents("--kind", "order_ack")]
    assert (sent, answers) == (["delivered"] * 5, ["delivered"] * 5)
    written = Exchange.objects.filter(path__contains="/data/in/", method="POST")
    assert (written.count(), len(stage.mailbox())) == (5, 5)
    assert Exchange.objects.filter(method="PUT").count() == 5
