"""How long a webhook is answered by the web process as `manage.py demo` runs it: the first one, and then many.

`python -m tests.benchmarks.hooks [SAMPLES]`; measured by the caller, over one kept connection.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
import uuid

import requests
from django.core.management import call_command

from connector.demo.stream import web
from connector.hooks import signature
from connector.models import Connection
from mapping.models import Company
from tests.benchmarks.ground import ROOT, Clock, database, environment

KEY = "portal-key"
STARTING_SECONDS = 60.0


def main(samples: int) -> None:
    call_command("migrate", verbosity=0)
    ours = Company.objects.create(name="Hooked AS", orders_from="2026-01-01")
    visma = Connection.objects.create(company=ours, system="visma", url="https://x", webhook_secret=KEY)
    port = free_port()
    service = web(port)
    process = subprocess.Popen(list(service.argv), cwd=ROOT, env=environment(**service.env))
    try:
        with requests.Session() as session:
            wait_for(f"http://127.0.0.1:{port}/healthz")
            address = f"http://127.0.0.1:{port}/hooks/visma/{visma.webhook_uid}/"
            first = one(session, address)
            ordered = sorted(one(session, address) for _ in range(samples))
    finally:
        process.terminate()
        process.wait(timeout=30)
    median, p99 = statistics.median(ordered), ordered[max(0, round(0.99 * samples) - 1)]
    print(
        f"{database()}: webhook answered, {samples} samples: first {first:.0f} ms, median {median:.0f} ms, p99 {p99:.0f} ms, "
        f"worst {ordered[-1]:.0f} ms"
    )


def one(session: requests.Session, address: str) -> float:
    """Milliseconds of one webhook that nobody has seen before."""
    body = uuid.uuid4().hex.encode()
    headers = {"x-vwd-signature-v1": signature(KEY, body), "x-vwd-event-id": uuid.uuid4().hex}
    clock = Clock()
    answer = session.post(address, data=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return 1000 * clock.seconds


def wait_for(address: str) -> None:
    clock = Clock()
    while clock.seconds < STARTING_SECONDS:
        try:
            requests.get(address, timeout=5)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"The web process did not start within {STARTING_SECONDS:.0f} s.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
