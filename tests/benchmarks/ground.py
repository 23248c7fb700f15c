"""What every benchmark stands on: the outside world in a process of its own, and a company that is connected to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import requests
from django.conf import settings

from connector.demo import company
from mapping.models import Company

ROOT = Path(__file__).resolve().parents[2]


class Outside:
    """The sandbox in a process of its own, steered through its control page."""

    def __init__(self, process: subprocess.Popen[bytes], described: dict[str, Any]) -> None:
        self.process = process
        self.described = described
        self._control = described["visma_url"].removesuffix("/visma") + "/control"
        self._http = requests.Session()

    def ask(self, page: str, **sent: Any) -> Any:
        """A page of the control; POST when something is sent."""
        url = f"{self._control}/{page}".rstrip("/")
        answer = self._http.post(url, json=sent, timeout=300) if sent else self._http.get(url, timeout=300)
        answer.raise_for_status()
        return answer.json()

    @property
    def idle(self) -> bool:
        """Whether the suppliers have nothing more to tell, and SPS nothing more to give."""
        told = self.ask("")
        return bool(told["idle"] and not told["waiting_in"] and not told["waiting_out"])


def environment(**more: str) -> dict[str, str]:
    """For processes that shall work on the same database."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **more}


def manage(*argv: str, said: IO[bytes] | None = None, **more: str) -> subprocess.Popen[bytes]:
    """A command in a process of its own; its words for people go to `said`, settings come as keywords."""
    command = [sys.executable, "manage.py", *argv]
    return subprocess.Popen(command, cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, stderr=said)


@contextlib.contextmanager
def outside(*, quota: int = 10_000_000) -> Iterator[Outside]:
    """Both remote systems with a company, without faults and mismatches; `quota` calls an hour at Visma."""
    argv = ("sandbox", "--port", "0", "--seed", "1", "--fault-rate", "0", "--mismatch-rate", "0", "--json")
    with Path(os.devnull).open("wb") as nowhere:
        process = manage(*argv, said=nowhere)
    try:
        assert process.stdout is not None
        found = Outside(process, json.loads(process.stdout.readline()))
        found.ask("settings", quota=quota, history_lag=0, pickup_delay=0)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=20)


def connected(world: Outside) -> Company:
    """The demo company, connected and mapped on an empty database."""
    company.set_up(world.described, world.ask("mappings"), say=lambda _: None)
    return Company.objects.get(name=company.NAME)


def largest_rss(pids: list[int]) -> int:
    """MB of the largest of these processes."""
    sizes = [0]
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            sizes.append(psutil.Process(pid).memory_info().rss)
    return max(sizes) // 1_000_000


def database() -> str:
    """Which one is measured."""
    return str(settings.DATABASES["default"]["ENGINE"]).rpartition(".")[2]


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
