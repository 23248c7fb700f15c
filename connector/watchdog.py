"""Keeps services alive: each runs under a guard of its own (connector/guard.py), is started again when it ends or falls
silent, and never outlives the watchdog. Knows nothing of what the services do.

A cluster of django-q2 can hang for ever or go on headless when the wrong one of its processes dies; only ending the whole
family and starting afresh helps.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

from connector import guard

LOOK_SECONDS = 0.25
FIRST_BEAT_SECONDS = 20.0  # for starting; a start that was not enough is given more time than the one before
STALE_SECONDS = 8.0  # a cluster beats every two; with the time to start again, work goes on within 15
STOP_SECONDS = 5.0  # for the task under way: what it does not finish another worker takes over
STEADY_SECONDS = 10.0  # a service without heartbeat that ran so long is not in a crash loop
LONGEST_PAUSE_SECONDS = 30.0

Say = Callable[[str], None]


def _no_excuse(_pids: Collection[int]) -> str:
    return ""


@dataclass(frozen=True)
class Service:
    """`heartbeat` says when it last showed life (None: not yet). `excuse`, asked with the pids of the family once it is
    silent, says in words why silence is not its fault, or ''. `folder` is where it runs, wherever we were started from."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    heartbeat: Callable[[], datetime | None] | None = None
    excuse: Callable[[Collection[int]], str] = _no_excuse
    folder: Path | None = None


class Watchdog:
    """Runs services until it is told to stop. All in the main thread: the kernel ties a guard to the thread that started it."""

    def __init__(
        self,
        services: Sequence[Service],
        say: Say,
        *,
        stale_seconds: float = STALE_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._watched = [_Watched(service, say, stale_seconds) for service in services]
        self._stop_seconds = stop_seconds
        self._stopping = (
            False  # a plain flag: an Event set by a signal while the main thread waits on it locks up for ever
        )

    def run(self) -> None:
        """Until SIGTERM, SIGINT or `stop()`; then everything has ended within `stop_seconds` and a little."""
        guard.adopt_orphans()
        before = [(number, signal.signal(number, self._told)) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            while not self._stopping:
                for watched in self._watched:
                    watched.look()
                time.sleep(LOOK_SECONDS)
        finally:
            self._end_all()
            for number, previous in before:
                signal.signal(number, previous)

    def stop(self) -> None:
        """Ask `run` to return; safe from any thread."""
        self._stopping = True

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _end_all(self) -> None:
        deadline = time.monotonic() + self._stop_seconds
        for watched in self._watched:
            watched.ask_to_end()
        for watched in self._watched:
            watched.end(deadline)


class _Watched:
    """One service: its process while it runs, else when it may start again."""

    def __init__(self, service: Service, say: Say, stale_seconds: float) -> None:
        self._service = service
        self._say = say
        self._stale_seconds = stale_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = 0.0
        self._start_at = 0.0
        self._started = 0.0
        self._beat: datetime | None = None  # compared, never subtracted: wall clocks jump
        self._has_beaten = False
        self._quiet_since = 0.0

    def look(self) -> None:
        """One glance: start what is due, end what is silent, notice what has ended."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._start()
            return
        code = self._process.poll()
        if code is not None:
            self._again(f"ended with code {code}")
        elif self._is_silent():
            self._again(f"showed no life for {time.monotonic() - self._quiet_since:.0f} s")

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait for a polite end until `deadline` (monotonic), then end whatever is left."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{self._service.name} did not stop in time and is ended.")
        self._bury(process)

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the commands are the program's own
            guard.command_line(list(self._service.argv)),
            cwd=self._service.folder,
            env={**os.environ, **self._service.env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._started = self._quiet_since = time.monotonic()
        self._has_beaten = False

    def _is_silent(self) -> bool:
        if self._service.heartbeat is None:
            return False
        now = time.monotonic()
        beat = self._service.heartbeat()
        if beat != self._beat:
            self._has_beaten, self._beat, self._quiet_since = True, beat, now
        patience = self._stale_seconds if self._has_beaten else FIRST_BEAT_SECONDS + 4 * self._pause
        # asked well before patience ends: what was excused a moment ago gets the time to show life
        if now - self._quiet_since > self._stale_seconds / 3 and self._has_excuse():
            self._quiet_since_excuse(now)
        return now - self._quiet_since > patience

    def _has_excuse(self) -> bool:
        assert self._process is not None  # noqa: S101 - looked at only while it runs
        return bool(self._service.excuse([process.pid for process in guard.family(self._process.pid)]))

    def _quiet_since_excuse(self, now: float) -> None:
        """Quiet counts from the excuse, but so that the next look asks again."""
        self._quiet_since = max(self._quiet_since, now - self._stale_seconds / 3)

    def _again(self, what: str) -> None:
        assert self._process is not None  # noqa: S101 - looked at only while it runs
        self._bury(self._process)
        steady = self._has_beaten or (
            self._service.heartbeat is None and time.monotonic() - self._started > STEADY_SECONDS
        )
        self._pause = 0.0 if steady else min(LONGEST_PAUSE_SECONDS, max(0.5, self._pause * 2))
        self._start_at = time.monotonic() + self._pause
        again = f"in {self._pause:.1f} s" if self._pause else "now"
        self._say(f"{self._service.name} {what}; all of it was ended and starts again {again}.")

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        guard.end_family(process.pid)
        process.wait()
        self._process = None
