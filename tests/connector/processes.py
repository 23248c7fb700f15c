"""Looking at real processes without guessing how long they need."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil


def until(what: Callable[[], object], seconds: float = 30.0) -> float:
    """Wait until `what()` is true; how long it took. Raises AssertionError after `seconds`."""
    begin = time.monotonic()
    while not what():
        assert time.monotonic() - begin < seconds, f"still not so after {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begin


def living(pids: Iterable[int]) -> list[int]:
    """Those that still run; a zombie has ended and merely waits to be noticed."""
    return [pid for pid in pids if _runs(pid)]


def below(pid: int) -> list[int]:
    return [process.pid for process in psutil.Process(pid).children(recursive=True)] if _runs(pid) else []


def children(pid: int) -> list[int]:
    """In the order of their birth."""
    if not _runs(pid):
        return []
    with suppress(psutil.NoSuchProcess):
        return [one.pid for one in sorted(psutil.Process(pid).children(), key=lambda one: (one.create_time(), one.pid))]
    return children(pid)


def end(pids: Iterable[int]) -> None:
    for pid in living(pids):
        with suppress(ProcessLookupError):  # whoever was ended first may have taken it along
            os.kill(pid, 9)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
