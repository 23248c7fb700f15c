"""Many documents through several workers on one database: how many a second, from beginning to end, and how much memory.

`python -m tests.benchmarks.volume [ORDERS] [WORKERS]`; an order makes four documents and a little. The last line says what
went wrong, if anything did.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from django.db.models import Count
from django_q.models import OrmQ

from audit.models import Document, Status
from connector.models import Connection
from connector.wakeups import queue
from tests.benchmarks.ground import Clock, Outside, connected, database, largest_rss, manage, outside

LOOK_SECONDS = 2.0
STILL_SECONDS = 30.0
SLICES = 8
LOCKED = "database is locked"


def main(orders: int, workers: int) -> None:
    with outside() as world, TemporaryDirectory() as folder:
        connected(world)
        Connection.objects.update(poll_seconds=10)
        world.ask("orders", count=orders)
        log = Path(folder) / "log"
        with log.open("wb") as said:
            cluster = manage("workers", said=said, WORKERS=str(workers), LOG_LEVEL="WARNING")
            try:
                seen = watch(world, cluster.pid)
            finally:
                cluster.terminate()
                cluster.wait(timeout=30)
        report(seen, workers, log.read_text())


def watch(world: Outside, pid: int) -> list[tuple[float, int, int]]:
    """Seconds, documents at rest, MB of the largest worker; until all is told and done, or nothing moves any more."""
    clock, seen = Clock(), [(0.0, 0, 0)]
    while not (done_all() and (world.idle or stands_still(seen))):
        if OrmQ.objects.count() < 2:
            queue("tick")
        time.sleep(LOOK_SECONDS)
        family = [process.pid for process in psutil.Process(pid).children(recursive=True)]
        seen.append((clock.seconds, at_rest(), largest_rss(family)))
    return seen


def stands_still(seen: list[tuple[float, int, int]]) -> bool:
    """An order that is held for good ends its story early: nobody will tell the rest."""
    seconds, documents, _ = seen[-1]
    before = [number for at, number, _ in seen if at <= seconds - STILL_SECONDS]
    return bool(before) and before[-1] == documents


def at_rest() -> int:
    return Document.objects.exclude(status__in=(Status.RECEIVED, Status.MATCHED, Status.DELIVERING)).count()


def done_all() -> bool:
    count = Document.objects.count()
    return count > 0 and at_rest() == count


def report(seen: list[tuple[float, int, int]], workers: int, log: str) -> None:
    seconds, documents, _ = seen[-1]
    print(
        f"{database()}, {workers} workers: {documents} documents in {seconds:.0f} s, {documents / seconds:.1f} a second"
    )
    step = max(len(seen) // SLICES, 1)
    for (began, before, _), (ended, after, size) in zip(seen[::step], seen[step::step], strict=False):
        rate = (after - before) / max(ended - began, 0.001)
        print(f"  until {ended:5.0f} s: {after:6} documents, {rate:5.1f} a second, largest worker {size} MB")
    statuses = Document.objects.values_list("status").annotate(Count("pk")).order_by("status")
    print("  " + ", ".join(f"{number} {status}" for status, number in statuses))
    print(f"  {log.count(LOCKED)} times '{LOCKED}', {log.count('Traceback')} tracebacks")
    if "Traceback" in log:
        whole = log[log.index("Traceback") :]
        print(whole[:1000], "…", *[line for line in whole.splitlines() if line[:1].strip()][:6], sep="\n")


if __name__ == "__main__":
    main(*(int(each) for each in [*sys.argv[1:], *("250", "4")[len(sys.argv) - 1 :]]))
