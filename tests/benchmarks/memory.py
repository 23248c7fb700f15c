"""What one worker process keeps: its memory after every thousand documents, and how much a document leaves behind.

`python -m tests.benchmarks.memory [DOCUMENTS]`; the mix of all four kinds, worked off as fast as possible by the tasks of a
worker in this very process, which is never recycled. The outside world and the database are made afresh every thousand
documents, so that a hundred thousand fit; whatever the process kept of the earlier ones still counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import psutil
from django.conf import settings
from django.db import connections
from django.utils import timezone

from audit.models import Document, Status
from connector import polling, tasks
from connector.demo import company
from connector.models import Connection, Cursor
from tests.benchmarks.ground import ROOT, Clock, Outside, outside

ORDERS = 240  # an order makes four documents and a little
ROUNDS = 60
LIMIT_MB = 200


def main(documents: int) -> None:
    settings.DEBUG = False  # as in production: with it Django notes every query
    seen, done, clock = [(0, rss())], 0, Clock()
    print(f"      0 documents, {rss():6.1f} MB", flush=True)
    while done < documents:
        with outside() as world:
            begin_anew(world)
            world.ask("orders", count=ORDERS)
            done += worked_off(world)
        seen.append((done, rss()))
        print(f"{done:7} documents, {rss():6.1f} MB, {done / clock.seconds:5.1f} a second", flush=True)
    report(seen)


def begin_anew(world: Outside) -> None:
    """An empty database with the company of this world, made by another process: the worker's own memory stays its own."""
    connections.close_all()
    for left in settings.VAR.glob("ml-connector.sqlite3*"):
        left.unlink()
    described = json.dumps({"described": world.described, "mappings": world.ask("mappings")})
    subprocess.run([sys.executable, "-m", __spec__.name, "--set-up"], cwd=ROOT, input=described, text=True, check=True)
    Connection.objects.update(poll_seconds=3600)


def set_up(told: dict[str, Any]) -> None:
    company.set_up(told["described"], told["mappings"], say=lambda _: None)


def worked_off(world: Outside) -> int:
    """Polls and sweeps until the world has told all; how many documents are at rest then."""
    for _ in range(ROUNDS):
        world.ask("tick", once=True)
        Cursor.objects.filter(stream__in=("orders", "receipts", "invoices", "mailbox")).update(due_at=timezone.now())
        for connection, stream in polling.due(timezone.now()):
            tasks.poll(connection.pk, stream.name)
        tasks.sweep_all()
        if world.idle:
            break
    return Document.objects.exclude(status__in=(Status.RECEIVED, Status.MATCHED, Status.DELIVERING)).count()


def rss() -> float:
    """MB of this process."""
    return float(psutil.Process(os.getpid()).memory_info().rss) / 1_000_000


def report(seen: list[tuple[int, float]]) -> None:
    """The first thousand fill caches; the slope is taken from there."""
    (first, began), (last, ended) = seen[1], seen[-1]
    slope = 1000 * (ended - began) / (last - first) if last > first else 0.0
    most = max(size for _, size in seen)
    print(f"largest {most:.0f} MB (limit {LIMIT_MB}), {slope:+.2f} MB per 1,000 documents after the first {first}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--set-up"]:
        set_up(json.load(sys.stdin))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
