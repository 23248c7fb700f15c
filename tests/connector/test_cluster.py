"""The queue's workers under the watchdog: whoever is killed, work goes on, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction
from django_q.tasks import async_task
from django_q.timeout import TimeoutHandler

from connector.cluster import Excuses, is_at_work
from connector.models import Heartbeat
from tests.connector.processes import below, children, end, living, until

ROOT = Path(__file__).resolve().parents[2]
# About 12 on a quiet machine: ten of silence, two to start. The tests allow for one on which everything else runs as well.
RESUME_SECONDS = 60.0

Start = Callable[[], int]


@pytest.fixture
def workers(process_environment: dict[str, str]) -> Iterator[Start]:
    """Starts `manage.py workers` and gives its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        process = subprocess.Popen([sys.executable, "manage.py", "workers"], cwd=ROOT, env=process_environment)
        started.append(process)
        return process.pid

    yield start
    for process in started:
        end([*below(process.pid), process.pid])
        process.wait()


class Line:
    """Who is who below `manage.py workers`: guard, qcluster's parent, sentinel, and the four that the sentinel made."""

    def __init__(self, supervisor: int) -> None:
        (self.guard,) = children(supervisor)
        (self.parent,) = children(self.guard)
        (self.sentinel,) = children(self.parent)
        *self.workers, self.monitor, self.pusher = children(self.sentinel)
        self.all = below(supervisor)


def nobody_lives(pids: list[int]) -> bool:
    return not living(pids)


def seconds_until_work_is_done(folder: Path) -> float:
    """New tasks are put into the queue until one is done: what a dying cluster had taken is brought back by the sweep."""
    folder.mkdir()
    count = 0

    def done() -> bool:
        nonlocal count
        count += 1
        if count % 10 == 1:
            async_task("os.mkdir", str(folder / str(count)))
        return any(folder.iterdir())

    return until(done, RESUME_SECONDS)


def workers_died_idle(supervisor: int) -> Line:
    """Idle workers are killed until one dies with the lock, which hangs the cluster: between two tasks nobody holds it."""
    for _ in range(5):
        line = Line(supervisor)
        end(line.workers)
        with suppress(AssertionError):
            until(partial(nobody_lives, [line.parent]), RESUME_SECONDS / 2)
            return line
    raise AssertionError("no worker died with the lock")


def test_work_resumes_after_a_worker_died_with_the_lock_of_the_queue(workers: Start, tmp_path: Path) -> None:
    supervisor = workers()
    until(Heartbeat.objects.exists)

    line = workers_died_idle(supervisor)

    seconds_until_work_is_done(tmp_path / "after")
    assert living(line.all) == []


def test_work_resumes_after_the_monitor_died(workers: Start, tmp_path: Path) -> None:
    supervisor = workers()
    until(Heartbeat.objects.exists)
    line = Line(supervisor)

    end([line.monitor])

    until(lambda: line.parent not in living([line.parent]), RESUME_SECONDS)
    seconds_until_work_is_done(tmp_path / "after")
    assert living(line.all) == []


def test_work_resumes_after_sentinel_parent_guard_and_watchdog_died(workers: Start, tmp_path: Path) -> None:
    supervisor = workers()
    for victim in ("sentinel", "parent", "guard"):
        seconds_until_work_is_done(tmp_path / f"before the {victim}")
        line = Line(supervisor)
        end([getattr(line, victim)])
        until(partial(nobody_lives, line.all))
    seconds_until_work_is_done(tmp_path / "before the watchdog")
    line = Line(supervisor)

    end([supervisor])

    until(lambda: not living(line.all))
    workers()
    seconds_until_work_is_done(tmp_path / "after")


def test_a_stop_leaves_nobody_and_the_cluster_was_counted(workers: Start, tmp_path: Path) -> None:
    supervisor = workers()
    seconds_until_work_is_done(tmp_path / "before")
    until(Heartbeat.objects.exists)
    family = below(supervisor)

    os.kill(supervisor, signal.SIGTERM)

    until(lambda: not living([supervisor, *family]), 15)


def test_a_worker_in_a_task_is_seen_at_work() -> None:
    """What django_q/timeout.py does around each task is what the watchdog looks for."""
    assert not is_at_work(os.getpid())

    with TimeoutHandler(30):
        assert is_at_work(os.getpid())

    assert not is_at_work(os.getpid())


def test_workers_that_are_all_at_work_are_an_excuse(transactional_db: None) -> None:
    excuses = Excuses(workers=1)

    with TimeoutHandler(30):
        assert excuses([os.getpid()]) == "every worker is in the middle of a task"

    assert excuses([os.getpid()]) == ""


def test_a_locked_database_is_an_excuse(transactional_db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite lets one writer keep all others waiting")
    excuses = Excuses(workers=1, answer_seconds=0.05)

    with transaction.atomic():
        assert excuses([]) == "the database does not answer"
        assert excuses([]) == "the database does not answer"

    until(lambda: not [thread for thread in threading.enumerate() if thread.name.endswith("(_try_to_write)")])
    assert Excuses(workers=1)([]) == ""
