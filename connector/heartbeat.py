"""Proof that the queue works from end to end: each cluster's pusher puts a beat into the cluster's own queue, a worker runs
it, and the monitor's acknowledgment of it leaves the mark that the watchdog and /readyz look at.

The beat never goes through the shared queue: a backlog does not delay it, and another machine's cluster cannot answer for
this one. It lives in the broker because the broker is what pusher, monitor and sentinel call.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.signing import SignedPackage
from redis.exceptions import RedisError

from connector.models import Heartbeat

BEAT_SECONDS = 2.0
BEAT = "beat"  # in place of the row number that acknowledges a task
PAUSE_SECONDS = 1.0  # after the queue's store did not answer

logger = logging.getLogger(__name__)


class _Beating:
    """Mixed into a broker: adds beats to what the pusher takes, and survives a store that is away for a while.

    django-q2's own pusher and monitor die of a lost connection and are born again; between the two, tasks are lost.
    """

    _next_beat = 0.0

    def dequeue(self) -> list[tuple[Any, Any]] | None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            return [(BEAT, _beat_package())]
        tasks: list[tuple[Any, Any]] | None = self._outlive(super().dequeue)  # type: ignore[misc]  # of the broker
        return tasks

    def acknowledge(self, task_id: Any) -> None:
        if task_id == BEAT:
            _touch(settings.HEARTBEAT_FILE)
            self._outlive(_record)
        else:
            self._outlive(lambda: super(_Beating, self).acknowledge(task_id))  # type: ignore[misc]  # of the broker

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """The sentinel's figures of itself, twice a second; nobody else brings any. The beat passes the sentinel by.

        A worker that dies with the lock of its own timer keeps it waiting for ever: then no schedule runs and nobody is
        replaced, while whoever is left goes on beating.
        """
        if settings.HEARTBEAT_FILE:
            sentinels_mark(Path(settings.HEARTBEAT_FILE)).touch()
        super().set_stat(key, value, timeout)  # type: ignore[misc]  # of the broker

    @staticmethod
    def _outlive(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (DatabaseError, RedisError) as problem:
            logger.warning("The queue's store does not answer, trying on: %s", problem)
            time.sleep(PAUSE_SECONDS)
            return None


class DatabaseBroker(_Beating, ORM):  # type: ignore[misc]  # django-q2 publishes no types
    """The queue in the database."""


class RedisBroker(_Beating, Redis):  # type: ignore[misc]  # django-q2 publishes no types
    """The queue in Redis."""


def beat() -> None:
    """The task itself: that it ran is all it has to say."""


def last(path: Path) -> datetime | None:
    """When the cluster that was started with HEARTBEAT_FILE=`path` last beat, and its sentinel was there as well; None before
    its first time."""
    try:
        seen = min(mark.stat().st_mtime for mark in (path, sentinels_mark(path)))
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(seen, UTC)


def sentinels_mark(path: Path) -> Path:
    """Beside the mark of the beat."""
    return path.with_name(f"{path.name}-sentinel")


def _beat_package() -> str:
    task = {
        "id": uuid4().hex,
        "name": BEAT,
        "func": "connector.heartbeat.beat",
        "args": (),
        "kwargs": {},
        "started": timezone.now(),
        "ack_failure": True,
    }
    return str(SignedPackage.dumps(task))


def _touch(path: str) -> None:
    if path:
        Path(path).touch()


def _record() -> None:
    """One row per cluster, named by machine and watchdog (without one by the sentinel, the monitor's parent), so that a
    cluster that was started again is not counted twice. Rows of clusters long gone are swept."""
    now = timezone.now()
    name = Path(settings.HEARTBEAT_FILE).name or f"sentinel-{os.getppid()}"
    worker = f"{socket.gethostname()[:60]}:{name}"
    _, new = Heartbeat.objects.update_or_create(worker=worker, defaults={"beat_at": now})
    if new:
        Heartbeat.objects.filter(beat_at__lt=now - timedelta(hours=1)).delete()
