"""Tasks are wake-up calls: each stream once per turn, and repeating or losing one costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from multiprocessing import Value
from queue import Queue

import pytest
from django.db import connection as database
from django.test import TestCase
from django.utils import timezone
from django_q.brokers import Broker, get_broker
from django_q.signing import SignedPackage
from django_q.worker import worker
from pytest_django import Settings

from audit.models import Document, Exchange, Status
from connector import heartbeat, polling, tasks
from connector.models import Connection, Cursor, Hook
from connector.wakeups import wake_workers
from mapping.models import Company
from tests.acceptance.stage import HINGE, Stage, is_sentence

Task = tuple[object, ...]
SWEEP = ("sweep_all",)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """What goes to the queue; nobody takes it from there."""
    found: list[Task] = []
    monkeypatch.setattr(tasks, "queue", lambda *task: found.append(task))
    return found


def packages(broker: Broker) -> Iterator[str]:
    """What lies in the queue; the beat goes past it."""
    while broker.queue_size():
        for acknowledgment, package in broker.dequeue():
            if acknowledgment != heartbeat.BEAT:
                yield package


def all_due() -> None:
    Cursor.objects.update(due_at=timezone.now())


def calls() -> int:
    return Exchange.objects.count()


def polls(queued: list[Task]) -> list[str]:
    """The streams that are to be polled."""
    return [str(ids[1]) for name, *ids in queued if name == "poll"]


def works_off(queued: list[Task]) -> list[str]:
    """The tasks as a worker would do them; how each went."""
    return [str(getattr(tasks, str(name))(*ids)) for name, *ids in list(queued)]


def test_tick_asks_for_each_stream_that_is_due_once(stage: Stage, queued: list[Task]) -> None:
    tasks.tick()
    assert queued == [SWEEP]
    all_due()
    tasks.tick()
    assert sorted(polls(queued)) == sorted(stream.name for stream in polling.STREAMS)
    assert queued[-1] == SWEEP


def test_tasks_may_take_as_long_as_a_slow_system_needs(stage: Stage) -> None:
    """Of one whose time is up nothing is left: a list that takes longer than that would never be read."""
    broker = get_broker()
    broker.purge_queue()
    all_due()
    with TestCase.captureOnCommitCallbacks(execute=True):
        wake_workers("visma")
    tasks.tick()
    tasks.account()
    found = [SignedPackage.loads(package) for package in packages(broker)]
    assert {task["func"].rpartition(".")[2] for task in found} == {"wake", "poll", "sweep_all", "account_for"}
    assert {task["timeout"] for task in found} == {3600}


@pytest.mark.parametrize(("options", "seconds"), [({"timeout": 3600}, 3600), ({}, 120)])
def test_time_out_of_a_task_is_its_own(db: None, options: dict[str, int], seconds: int) -> None:
    given: Queue[object] = Queue()
    told: Queue[dict[str, object]] = Queue()
    asks_what_is_left = {"name": "x", "func": "signal.alarm", "args": (0,), "kwargs": {}, "sync": True}
    for task in ({**asks_what_is_left, **options}, "STOP"):
        given.put(task)
    worker(given, told, Value("f", -1), timeout=120)
    assert told.get_nowait()["result"] in range(seconds - 20, seconds + 1)


def test_paused_connection_is_left_alone(stage: Stage, queued: list[Task]) -> None:
    Connection.objects.filter(system="sps").update(paused_at=timezone.now(), paused_reason="asked for")
    all_due()
    tasks.tick()
    assert set(polls(queued)) & {"mailbox", "history"} == set()
    sps = Connection.objects.get(system="sps")
    assert tasks.poll(sps.pk, "mailbox") == "nothing to poll"


def test_task_that_comes_twice_makes_no_second_call(stage: Stage, queued: list[Task]) -> None:
    all_due()
    tasks.tick()
    tasks.tick()
    assert len(polls(queued)) == 2 * len(polling.STREAMS)
    first, again = queued[: len(queued) // 2], queued[len(queued) // 2 :]
    assert first == again
    assert set(works_off(first[:-1])) == {"ok"}
    before = calls()
    assert set(works_off(again[:-1])) == {"done by an earlier task"}
    assert calls() == before


def test_task_for_what_is_gone_or_of_the_other_system_does_nothing(stage: Stage) -> None:
    visma = Connection.objects.get(system="visma")
    all_due()
    before = calls()
    assert tasks.poll(visma.pk, "mailbox") == "nothing to poll"
    assert tasks.poll(visma.pk, "horoscopes") == "nothing to poll"
    assert tasks.poll(visma.pk + 1000, "orders") == "nothing to poll"
    assert calls() == before


def test_lost_tasks_are_made_up_for_by_the_next_tick(stage: Stage, queued: list[Task]) -> None:
    order = stage.world.new_order("50000", [HINGE])
    all_due()
    tasks.tick()
    lost, queued[:] = list(queued), []
    assert lost
    tasks.tick()
    works_off(queued)
    assert stage.document("--order", order)["status"] == "delivered"


def test_document_whose_task_was_lost_goes_out_with_the_next_sweep(stage: Stage) -> None:
    order = stage.world.new_order("50000", [HINGE])
    stream = next(stream for stream in polling.STREAMS if stream.name == "orders")
    assert polling.poll(Connection.objects.get(system="visma"), stream).ok
    assert Document.objects.get(number=order).status == Status.RECEIVED
    assert tasks.sweep_all() > 0
    assert Document.objects.get(number=order).status == Status.DELIVERED
    assert tasks.sweep_all() == 0


def test_wake_reads_what_is_due_of_one_system_and_sends_it_on_at_once(stage: Stage) -> None:
    order = stage.world.new_order("50000", [HINGE])
    all_due()
    path = stage.put_empty()
    tasks.wake("visma")
    assert stage.document("--order", order)["status"] == "delivered"
    assert not [row for row in stage.documents() if row["source_ref"] == path]
    due = Cursor.objects.filter(due_at__lte=timezone.now()).values_list("stream", flat=True)
    assert sorted(due) == ["history", "mailbox"]


def test_wake_without_a_system_only_sweeps(stage: Stage) -> None:
    all_due()
    before = calls()
    tasks.wake()
    assert calls() == before


def test_sweep_that_takes_too_long_goes_on_in_another_task(
    stage: Stage, queued: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.world.new_order("50000", [HINGE])
    stream = next(stream for stream in polling.STREAMS if stream.name == "orders")
    polling.poll(Connection.objects.get(system="visma"), stream)
    monkeypatch.setattr(tasks, "SWEEP_SECONDS", -1.0)
    tasks.sweep_all()
    assert queued == [SWEEP]


def test_secrets_that_no_key_reads_pause_the_connections_and_move_no_document(stage: Stage, queued: list[Task]) -> None:
    order = stage.world.new_order("50000", [HINGE])
    visma = Connection.objects.get(system="visma")
    orders = next(stream for stream in polling.STREAMS if stream.name == "orders")
    assert polling.poll(visma, orders).ok
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET client_secret = %s, token = %s", [b"of another key"] * 2)
    all_due()
    tasks.tick()
    said = works_off(queued)
    assert "FIELD_ENCRYPTION_KEYS" in said[0]
    assert is_sentence(said[0])
    tasks.sweep_all()
    document = Document.objects.get(number=order)
    assert (document.status, document.deaths) == (Status.MATCHED, 0), document.reason
    assert all(
        "FIELD_ENCRYPTION_KEYS" in connection.paused_reason
        for connection in Connection.objects.defer("client_secret", "webhook_secret", "token")
    )


def test_cleaning_up_keeps_calls_and_hooks_for_exchange_days(stage: Stage, settings: Settings) -> None:
    settings.EXCHANGE_DAYS = 90
    company, visma, now = Company.objects.get(), Connection.objects.get(system="visma"), timezone.now()
    before = calls()
    for days in (89, 91):
        then = now - timedelta(days=days)
        Exchange.objects.create(
            company=company, system="visma", method="GET", path=f"/{days}", status=200, started_at=then, seconds=0
        )
        Hook.objects.create(connection=visma, received_at=then, event_id=str(days))
    assert tasks.clean_up() == 2
    assert calls() == before + 1
    assert Exchange.objects.filter(path="/89").exists()
    assert Hook.objects.get().event_id == "89"
    assert tasks.clean_up() == 0
