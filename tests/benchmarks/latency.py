"""From a signed webhook to the order's file in the mailbox of SPS, with idle workers under the watchdog.

`python -m tests.benchmarks.latency [SAMPLES]`
"""

from __future__ import annotations

import statistics
import sys
import time
import uuid
from collections.abc import Callable

from django.test import Client
from django_q.models import OrmQ

from audit.models import Document, Status
from connector.hooks import signature
from connector.models import Connection, Cursor, Heartbeat
from connector.syncing import sync
from tests.benchmarks.ground import Clock, Outside, connected, database, manage, outside

KEY = "portal-key"
LONGEST = 30.0


def main(samples: int) -> None:
    with outside() as world:
        ours = connected(world)
        sync(ours, until_idle=True, timeout=60, say=lambda _: None)
        Connection.objects.filter(system="visma").update(webhook_secret=KEY)
        Connection.objects.update(poll_seconds=3600)
        world.ask("settings", pickup_delay=3600)
        workers = manage("workers")
        try:
            until(lambda: Heartbeat.objects.exists())
            until(lambda: not OrmQ.objects.exists())
            seconds = [one(world) for _ in range(samples)]
        finally:
            workers.terminate()
            workers.wait(timeout=30)
    ordered = sorted(seconds)
    median, p95 = statistics.median(ordered), ordered[max(0, round(0.95 * samples) - 1)]
    print(
        f"{database()}: hook to file, {samples} samples: median {median:.2f} s, p95 {p95:.2f} s, worst {ordered[-1]:.2f} s"
    )


def one(world: Outside) -> float:
    """An order is placed, the hook arrives, the file is there; then all is quiet again."""
    visma = Connection.objects.get(system="visma")
    [number] = world.ask("orders", count=1)["orders"]
    body = b'{"resourceUri": "%s"}' % number.encode()
    headers = {"x-vwd-signature-v1": signature(KEY, body), "x-vwd-event-id": uuid.uuid4().hex}
    clock = Clock()
    answer = Client(SERVER_NAME="localhost").post(
        f"/hooks/visma/{visma.webhook_uid}/", body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 204
    until(lambda: any(number in path for path in world.ask("")["waiting_in"]))
    seconds = clock.seconds
    until(quiet)
    return seconds


def quiet() -> bool:
    moving = (Status.RECEIVED, Status.MATCHED, Status.DELIVERING)
    reading = Cursor.objects.exclude(lease_until=None)
    return not (OrmQ.objects.exists() or reading.exists() or Document.objects.filter(status__in=moving).exists())


def until(what: Callable[[], bool]) -> None:

    clock = Clock()
    while not what():
        if clock.seconds > LONGEST:
            raise SystemExit(f"Still not so after {LONGEST:.0f} s.")
        time.sleep(0.01)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
