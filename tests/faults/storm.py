"""Many orders in batches while calls fail by chance and processes die; then both sandbox ledgers are laid side by side."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time

from tests import postgres
from tests.faults.field import Field

BATCH = 40
PAPERS_PER_ORDER = 4.5  # at least: the order, its acknowledgment, one or two ship notices and invoices
EMPTY_IN_THE_END = ("uneven", "not_delivered", "broken")


def run(asked: argparse.Namespace) -> list[str]:
    """The names of what is not empty and should be; progress goes to stderr, the balance to stdout."""
    began = time.perf_counter()
    database = postgres.start() if asked.postgres else ""
    with Field(asked.seed, workers=asked.workers, database=database) as field:
        _rounds(field, asked, began)
        field.storm(0, 0)
        field.play()
        verdict = field.verdict()
        documents = sum(verdict["statuses"].values())
        sys.stdout.write(json.dumps({**verdict, "ledgers": _ledgers(field)}, indent=1, default=str) + "\n")
        sys.stdout.write(
            f"{documents} documents, {len(field.kills)} kills, {sum(field.drawn.values())} faults, "
            f"{field.passes} passes, {documents / (time.perf_counter() - began):.1f} documents a second\n"
        )
    return [f"{name}: {verdict[name]}" for name in EMPTY_IN_THE_END if verdict[name]]


def _rounds(field: Field, asked: argparse.Namespace, began: float) -> None:
    """Orders in batches, each brought to its end while calls fail and processes die."""
    left = max(math.ceil(asked.documents / PAPERS_PER_ORDER), 1)
    batches = -(-left // BATCH)
    for batch in range(batches):
        for _ in range(min(BATCH, left)):
            field.world.new_order()
        left -= BATCH
        field.storm(asked.fault_rate, asked.seed + batch)
        field.kills_wanted = asked.kills * (batch + 1) // batches
        field.play(kill_chance=0.7)
        sys.stderr.write(
            f"batch {batch + 1} of {batches}: {len(field.kills)} kills, {field.passes} passes, "
            f"{time.perf_counter() - began:.0f} s, {_ledgers(field)}\n"
        )


def _ledgers(field: Field) -> dict[str, int]:
    """How much stands in both sandbox ledgers, and how much of it is wrong."""
    balance = field.world.balance()
    wrong = ("duplicate_orders", "duplicate_receipts", "duplicate_invoices", "missing_orders", "lost", "unexpected")
    counts = {name: len(balance[name]) for name in ("orders", "receipts", "invoices")}
    return counts | {name: len(balance[name]) for name in wrong}
