"""The queue's workers as a service for the watchdog: how to start them, their sign of life, and when silence is no fault."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction

from connector import heartbeat
from connector.watchdog import Service

ANSWER_SECONDS = 2.0


def service() -> Service:
    """A cluster of django-q2 with a heartbeat of its own; see `heartbeat.last` for the sign and `Excuses` for its reasons."""
    mark = _fresh_mark(settings.VAR)
    return Service(
        name="workers",
        argv=[sys.executable, str(settings.ROOT / "manage.py"), "qcluster", "--skip-checks"],
        env={"HEARTBEAT_FILE": str(mark)},
        folder=settings.ROOT,
        heartbeat=partial(heartbeat.last, mark),
        excuse=Excuses(settings.Q_CLUSTER["workers"]),
    )


class Excuses:
    """Why a silent cluster is not hanging: every worker is in the middle of a task, or the database keeps all waiting."""

    def __init__(self, workers: int, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._workers = workers
        self._answer_seconds = answer_seconds
        self._question: threading.Thread | None = None

    def __call__(self, pids: Collection[int]) -> str:
        if sum(map(is_at_work, pids)) >= self._workers:
            return "every worker is in the middle of a task"
        return "" if self._database_answers() else "the database does not answer"

    def _database_answers(self) -> bool:
        """Whether a write could begin in time; one question at a time, for it may hang for long."""
        if self._question and self._question.is_alive():
            return False
        answers: list[bool] = []
        self._question = threading.Thread(target=_try_to_write, args=(answers,), daemon=True)
        self._question.start()
        self._question.join(self._answer_seconds)
        return bool(answers)


def is_at_work(pid: int) -> bool:
    """Whether a worker of django-q2 is in a task: then, and only then, it has a handler for SIGALRM (django_q/timeout.py),
    and the kernel shows it. False where there is no /proc."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGALRM - 1) & 1)
    return False


def _fresh_mark(folder: Path) -> Path:
    """A file that nobody has touched yet; what watchdogs that were killed left behind a day ago is removed."""
    mark = folder / f"heartbeat-{os.getpid()}"
    for old in folder.glob("heartbeat-*"):
        with suppress(FileNotFoundError):
            if old in (mark, heartbeat.sentinels_mark(mark)) or time.time() - old.stat().st_mtime > 86400:
                old.unlink()
    return mark


def _try_to_write(answers: list[bool]) -> None:
    try:
        with transaction.atomic():  # on SQLite this takes the write lock
            connection.ensure_connection()
        answers.append(True)
    except DatabaseError:
        pass
    finally:
        connection.close()
