"""A test for every known trap of the stack: each guards a setting that looks like a matter of taste."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.tasks import async_task
from pytest_django import Settings

from config.keys import key_or_generated
from connector import heartbeat
from connector.models import Connection, Heartbeat
from connector.status import workers
from mapping.models import Company

ROOT = Path(__file__).resolve().parents[1]
QUEUE: dict[str, Any] = settings.Q_CLUSTER
DATABASE: dict[str, Any] = settings.DATABASES["default"]


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a process says that starts with this environment."""
    return subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


sqlite = pytest.mark.skipif(not DATABASE["ENGINE"].endswith("sqlite3"), reason="about SQLite")

WRITER = """
import sys, django
django.setup()
from django.db import transaction
from mapping.models import Company
for number in range(25):
    with transaction.atomic():
        seen = Company.objects.count()  # a read first: without IMMEDIATE the write after it fails when another wrote between
        Company.objects.create(name=f"{sys.argv[1]} {number} after {seen}", orders_from="2026-01-01")
"""


def test_a_queue_limit_below_the_workers_would_make_a_stop_hang() -> None:
    assert QUEUE["queue_limit"] == QUEUE["workers"]


def test_a_task_is_not_fetched_again_while_it_may_still_run() -> None:
    fetched_ahead = math.ceil((QUEUE["workers"] + QUEUE["queue_limit"] + QUEUE["bulk"]) / QUEUE["workers"])

    assert QUEUE["retry"] > QUEUE["timeout"] * fetched_ahead


def test_the_queue_never_repeats_a_task_by_itself() -> None:
    assert (QUEUE["max_attempts"], QUEUE["ack_failures"], QUEUE["catch_up"]) == (1, True, False)


def test_successes_are_not_kept_which_would_be_seven_times_slower() -> None:
    assert QUEUE["save_limit"] == -1


def test_what_the_settings_say_is_what_the_queue_uses() -> None:
    for name in ("queue_limit", "retry", "timeout", "bulk", "save_limit", "max_attempts", "ack_failures", "catch_up"):
        assert getattr(Conf, name.upper()) == QUEUE[name]


def test_the_time_out_of_a_call_ends_before_lease_and_task_do() -> None:
    assert settings.REQUEST_TIMEOUT_SECONDS < settings.LEASE_SECONDS
    assert QUEUE["timeout"] > settings.REQUEST_TIMEOUT_SECONDS


def test_a_lease_shorter_than_a_call_stops_the_start(tmp_path: Path) -> None:
    done = start({"VAR_DIR": str(tmp_path), "REQUEST_TIMEOUT_SECONDS": "60", "LEASE_SECONDS": "60"})

    assert done.returncode == 1
    assert "LEASE_SECONDS (60) must be longer than REQUEST_TIMEOUT_SECONDS (60)" in done.stderr.splitlines()[-1]


def test_connections_stay_open_and_are_checked() -> None:
    assert DATABASE["CONN_MAX_AGE"] is None
    assert DATABASE["CONN_HEALTH_CHECKS"] is True


def test_no_request_is_a_transaction() -> None:
    """On SQLite every page would wait for the write lock, and a page that calls a remote system would hold it meanwhile."""
    assert not DATABASE.get("ATOMIC_REQUESTS")


def test_no_pool_that_breaks_over_a_fork() -> None:
    assert "pool" not in DATABASE.get("OPTIONS", {})


def test_a_click_cannot_revert_history_past_the_rules() -> None:
    assert settings.SIMPLE_HISTORY_REVERT_DISABLED is True


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_live_sqlite_connection_writes_ahead_and_waits() -> None:
    with connection.cursor() as cursor:
        values = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "busy_timeout")
        ]

    assert values == ["wal", 1, 30000]


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_transaction_takes_the_write_lock_at_its_start() -> None:
    tried: list[bool] = []

    def rival() -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                cursor.execute("BEGIN IMMEDIATE")
                tried.append(True)
                cursor.execute("ROLLBACK")
            except OperationalError:
                tried.append(False)
        connection.close()

    with transaction.atomic():
        thread = threading.Thread(target=rival)
        thread.start()
        thread.join()

    assert tried == [False]


def test_writers_in_processes_and_threads_do_not_collide(process_environment: dict[str, str]) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name], cwd=ROOT, env=process_environment, stderr=subprocess.PIPE
        )
        for name in ("first", "second")
    ]
    threads = [threading.Thread(target=_write, args=(name,)) for name in ("third", "fourth")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [process.communicate()[1].decode() for process in processes]

    assert errors == ["", ""]
    assert Company.objects.count() == 100


def _write(name: str) -> None:
    for number in range(25):
        with transaction.atomic():
            seen = Company.objects.count()
            Company.objects.create(name=f"{name} {number} after {seen}", orders_from=date(2026, 1, 1))
    connection.close()


@pytest.mark.skipif(bool(settings.REDIS_URL), reason="Redis knows nothing of the database's transactions")
def test_a_task_that_was_queued_in_a_transaction_that_failed_is_not_there(transactional_db: None) -> None:
    broker = get_broker()

    with transaction.atomic():
        async_task("connector.heartbeat.beat")
        transaction.set_rollback(True)

    assert broker.queue_size() == 0


def test_the_beat_goes_past_a_backlog_and_is_not_in_the_shared_queue(transactional_db: None) -> None:
    broker = get_broker()
    broker.purge_queue()
    async_task("connector.heartbeat.beat")

    ((acknowledgment, _),) = broker.dequeue()

    assert acknowledgment == heartbeat.BEAT
    assert broker.queue_size() == 1
    broker.purge_queue()


def test_an_acknowledged_beat_is_seen_in_the_database_and_in_the_file(
    db: None, settings: Settings, tmp_path: Path
) -> None:
    settings.HEARTBEAT_FILE = str(tmp_path / "mark")
    assert heartbeat.last(tmp_path / "mark") is None

    get_broker().acknowledge(heartbeat.BEAT)

    assert heartbeat.last(tmp_path / "mark") is None  # the sentinel was not seen yet
    get_broker().set_stat("cluster", "figures", 3)
    assert heartbeat.last(tmp_path / "mark") is not None
    assert workers(timezone.now()) == 1


def test_a_beat_without_a_living_sentinel_is_no_life(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.HEARTBEAT_FILE = str(tmp_path / "mark")
    (tmp_path / "mark").touch()
    get_broker().set_stat("cluster", "figures", 3)
    os.utime(heartbeat.sentinels_mark(tmp_path / "mark"), (1000, 1000))

    seen = heartbeat.last(tmp_path / "mark")

    assert seen is not None
    assert seen.timestamp() == 1000


def test_a_cluster_that_was_started_again_is_counted_once_and_old_ones_are_swept(
    db: None, clock: time_machine.Traveller, settings: Settings, tmp_path: Path
) -> None:
    Heartbeat.objects.create(worker="long gone", beat_at=timezone.now())
    clock.shift(3601)
    settings.HEARTBEAT_FILE = str(tmp_path / "heartbeat-7")
    for _ in range(2):
        get_broker().acknowledge(heartbeat.BEAT)

    assert [row.worker.rpartition(":")[2] for row in Heartbeat.objects.all()] == ["heartbeat-7"]


def test_generated_keys_are_kept_and_for_the_owner_only(tmp_path: Path) -> None:
    first = key_or_generated("SECRET_KEY", "", tmp_path, debug=True)

    assert first == key_or_generated("SECRET_KEY", "", tmp_path, debug=True)
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_a_crash_left_empty_is_filled(tmp_path: Path) -> None:
    (tmp_path / "audit_key").touch()

    assert key_or_generated("AUDIT_KEY", "", tmp_path, debug=True)


def test_processes_that_start_at_the_same_moment_have_the_same_key(tmp_path: Path) -> None:
    """With two, what one has sealed or encrypted is broken for the other."""
    together = threading.Barrier(8)

    def start_up(folder: Path) -> str:
        together.wait()
        return key_or_generated("AUDIT_KEY", "", folder, debug=True)

    with ThreadPoolExecutor(8) as processes:
        for number in range(50):
            folder = tmp_path / str(number)
            folder.mkdir()
            keys = set(processes.map(start_up, [folder] * 8))
            assert keys == {(folder / "audit_key").read_text()}


@pytest.mark.parametrize("missing", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEY"])
def test_in_production_a_missing_key_stops_the_start_with_one_sentence(missing: str, tmp_path: Path) -> None:
    keys = {"SECRET_KEY": "a", "FIELD_ENCRYPTION_KEYS": "b", "AUDIT_KEY": "c"}
    done = start({"DEBUG": "0", "VAR_DIR": str(tmp_path), **keys, missing: ""})

    assert done.returncode == 1
    assert f"{missing} is not set: put it into the environment or .env" in done.stderr.splitlines()[-1]


def test_the_encrypted_columns_do_not_use_the_secret_key() -> None:
    assert settings.SECRET_KEY not in settings.FERNET_KEYS
    assert Connection._meta.get_field("client_secret").__module__ == "connector.fields"
