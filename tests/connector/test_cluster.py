"""The queue's workers under the watchdog: whoever is killed, work goes on, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Schedule
from django_q.scheduler import scheduler
from django_q.tasks import async_task
from django_q.timeout import TimeoutHandler

from connector.cluster import Excuses, is_at_work
from connector.models import Heartbeat
from tests.connector.processes import below, children, end, living, until
from tests.queued import queued

ROOT = Path(__file__).resolve().parents[2]
# About 10 on a quiet machine: eight of silence, two to start. The tests allow for one on which everything else runs as well.
LONGEST_SECONDS = 60.0
RESUME_SECONDS = 15.0  # what is promised
START_SECONDS = 3.0  # of them for the start of a cluster on a machine that has nothing else to do
STOP_SECONDS = 10.0  # what is promised

Start = Callable[[], int]


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """What all watchdogs of a test have said."""
    return tmp_path / "said"


@pytest.fixture
def workers(process_environment: dict[str, str], said: Path) -> Iterator[Start]:
    """Starts `manage.py workers` and gives its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        with said.open("ab") as words:
            command = [sys.executable, "manage.py", "workers"]
            process = subprocess.Popen(command, cwd=ROOT, env=process_environment, stderr=words)
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


def restarts(said: Path) -> int:
    return said.read_text().count("starts again")


def work_is_done(folder: Path) -> None:
    """New tasks are put into the queue until one is done: what a dying cluster had taken is brought back by the sweep."""
    folder.mkdir()
    count = 0

    def done() -> bool:
        nonlocal count
        count += 1
        if count % 10 == 1:
            async_task("os.mkdir", str(folder / str(count)))
        return any(folder.iterdir())

    until(done, LONGEST_SECONDS)


def put_to_work(line: Line) -> None:
    """Every worker is in the middle of a task that does not end."""
    for _ in line.workers:
        async_task("time.sleep", 90)
    until(lambda: all(map(is_at_work, line.workers)), LONGEST_SECONDS)


def workers_died_idle(supervisor: int, said: Path) -> float:
    """Idle workers are killed until one dies with the lock, which hangs the cluster: between two tasks nobody holds it.
    Seconds until the watchdog began anew."""
    for _ in range(5):
        end(Line(supervisor).workers)
        with suppress(AssertionError):
            return until(partial(restarts, said), LONGEST_SECONDS / 3)
    raise AssertionError("no worker died with the lock")


def test_work_resumes_after_a_worker_died_with_the_lock_of_the_queue(
    workers: Start, tmp_path: Path, said: Path
) -> None:
    supervisor = workers()
    until(Heartbeat.objects.exists, LONGEST_SECONDS)
    line = Line(supervisor)

    seconds = workers_died_idle(supervisor, said)

    assert seconds + START_SECONDS <= RESUME_SECONDS
    work_is_done(tmp_path / "after")
    assert living(line.all) == []


def test_work_resumes_after_the_monitor_died(workers: Start, tmp_path: Path, said: Path) -> None:
    supervisor = workers()
    until(Heartbeat.objects.exists, LONGEST_SECONDS)
    line = Line(supervisor)

    end([line.monitor])
    anew = Heartbeat.objects.filter(beat_at__gt=timezone.now())  # django-q2 replaces one that died without a lock

    assert until(lambda: restarts(said) or anew.exists(), LONGEST_SECONDS) + START_SECONDS <= RESUME_SECONDS
    work_is_done(tmp_path / "after")
    assert line.monitor not in living(line.all)


def test_schedules_run_on_after_the_sentinel_stood_still(workers: Start, tmp_path: Path, said: Path) -> None:
    """So it does once a worker has died with the lock of its own timer; the beat goes on without it."""
    supervisor = workers()
    until(Heartbeat.objects.exists, LONGEST_SECONDS)
    line = Line(supervisor)

    os.kill(line.sentinel, signal.SIGSTOP)

    assert until(lambda: restarts(said), LONGEST_SECONDS) + START_SECONDS <= RESUME_SECONDS
    work_is_done(tmp_path / "after")
    assert living(line.all) == []


def test_work_goes_on_after_a_worker_in_a_task_or_the_pusher_died(workers: Start, tmp_path: Path) -> None:
    """django-q2 replaces both; where the queue is broken by it, the watchdog begins anew. The dead stay dead."""
    supervisor = workers()
    until(Heartbeat.objects.exists, LONGEST_SECONDS)
    at_work = Line(supervisor)
    put_to_work(at_work)
    end(at_work.workers)
    work_is_done(tmp_path / "after the workers")
    pusher = Line(supervisor).pusher

    end([pusher])

    work_is_done(tmp_path / "after the pusher")
    assert living([*at_work.workers, pusher]) == []


def test_work_resumes_at_once_after_sentinel_parent_guard_and_watchdog_died(
    workers: Start, tmp_path: Path, said: Path
) -> None:
    supervisor = workers()
    for count, victim in enumerate(("sentinel", "parent", "guard"), 1):
        work_is_done(tmp_path / f"before the {victim}")
        line = Line(supervisor)
        end([getattr(line, victim)])
        assert until(lambda count=count: restarts(said) == count) + START_SECONDS <= RESUME_SECONDS  # type: ignore[misc]  # a default to bind
        until(partial(nobody_lives, line.all))
    work_is_done(tmp_path / "before the watchdog")
    line = Line(supervisor)

    end([supervisor])

    until(lambda: not living(line.all))
    workers()
    work_is_done(tmp_path / "after")


def test_a_stop_leaves_nobody_and_the_cluster_was_counted(workers: Start, tmp_path: Path) -> None:
    supervisor = workers()
    work_is_done(tmp_path / "before")
    until(Heartbeat.objects.exists)
    family = below(supervisor)

    os.kill(supervisor, signal.SIGTERM)

    until(lambda: not living([supervisor, *family]), STOP_SECONDS)


def test_a_stop_does_not_wait_for_tasks_that_take_long(workers: Start) -> None:
    supervisor = workers()
    until(Heartbeat.objects.exists, LONGEST_SECONDS)
    put_to_work(Line(supervisor))
    family = below(supervisor)

    os.kill(supervisor, signal.SIGTERM)

    until(lambda: not living([supervisor, *family]), STOP_SECONDS)


@pytest.mark.django_db(transaction=True)
def test_clusters_that_look_at_the_same_moment_run_a_schedule_once() -> None:
    """Each cluster's sentinel calls django-q2's scheduler twice a minute; here four of them at once, again and again."""
    clusters, names = 4, [f"schedule {number}" for number in range(5)]
    Schedule.objects.all().delete()
    for name in names:
        Schedule.objects.create(name=name, func="connector.heartbeat.beat", schedule_type="I", minutes=1)
    together = Barrier(clusters)

    def look(_: int) -> None:
        together.wait()
        try:
            scheduler(get_broker())
        finally:
            connection.close()

    for _ in range(5):
        Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=1))
        before = queued()
        with ThreadPoolExecutor(clusters) as pool:
            list(pool.map(look, range(clusters)))
        assert queued() == before + len(names)
        assert not Schedule.objects.filter(next_run__lte=timezone.now()).exists()


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
