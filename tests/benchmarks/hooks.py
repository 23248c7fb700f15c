"""How long a webhook is answered by the web process as `manage.py demo` runs it: the first one, and then many.

`python -m tests.benchmarks.hooks [SAMPLES] [ORDERS]`; measured by the caller, over one kept connection. With ORDERS four
workers are busy with so many of them meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import requests
from django.core.management import call_command

from audit.models import Document, Status
from connector.demo.stream import web
from connector.hooks import signature
from connector.models import Connection
from mapping.models import Company
from tests.benchmarks.ground import ROOT, Clock, connected, database, environment, manage, outside

KEY = "portal-key"
STARTING_SECONDS = 60.0


def main(samples: int, orders: int) -> None:
    if not orders:
        call_command("migrate", verbosity=0)
        ours = Company.objects.create(name="Hooked AS", orders_from="2026-01-01")
        visma = Connection.objects.create(company=ours, system="visma", url="https://x", webhook_secret=KEY)
        measure(samples, visma, "idle")
        return
    with outside() as world:
        visma = connected(world).connections.get(system="visma")
        Connection.objects.filter(pk=visma.pk).update(webhook_secret=KEY, poll_seconds=10)
        world.ask("orders", count=orders)
        with Path(os.devnull).open("wb") as nowhere:
            cluster = manage("workers", said=nowhere, WORKERS="4")
        try:
            wait_until(lambda: Document.objects.filter(status=Status.DELIVERED).exists())
            measure(samples, visma, "beside four busy workers")
        finally:
            cluster.terminate()
            cluster.wait(timeout=30)


def measure(samples: int, visma: Connection, load: str) -> None:
    port = free_port()
    service = web(port)
    process = subprocess.Popen(list(service.argv), cwd=ROOT, env=environment(**service.env))
    try:
        with requests.Session() as session:
            wait_until(lambda: answers(session, f"http://127.0.0.1:{port}/healthz"))
            address = f"http://127.0.0.1:{port}/hooks/visma/{visma.webhook_uid}/"
            first = one(session, address)
            ordered = sorted(one(session, address) for _ in range(samples))
    finally:
        process.terminate()
        process.wait(timeout=30)
    median, p99 = statistics.median(ordered), ordered[max(0, round(0.99 * samples) - 1)]
    print(
        f"{database()}, {load}: webhook answered, {samples} samples: first {first:.0f} ms, median {median:.0f} ms, "
        f"p99 {p99:.0f} ms, worst {ordered[-1]:.0f} ms"
    )


def one(session: requests.Session, address: str) -> float:
    """Milliseconds of one webhook that nobody has seen before."""
    body = uuid.uuid4().hex.encode()
    headers = {"x-vwd-signature-v1": signature(KEY, body), "x-vwd-event-id": uuid.uuid4().hex}
    clock = Clock()
    answer = session.post(address, data=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return 1000 * clock.seconds


def answers(session: requests.Session, address: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return session.get(address, timeout=5).ok
    return False


def wait_until(ready: Callable[[], bool]) -> None:
    clock = Clock()
    while not ready():
        if clock.seconds > STARTING_SECONDS:
            raise SystemExit(f"Nothing works within {STARTING_SECONDS:.0f} s.")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(*(int(each) for each in [*sys.argv[1:], *("500", "0")[len(sys.argv) - 1 :]]))
