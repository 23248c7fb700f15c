"""The long run: `python -m tests.faults --documents 10000 --kills 200 --fault-rate 0.1 --seed N [--workers 3] [--postgres]`.

Orders are placed in batches; product processes are killed at random boundaries while calls fail by chance. Ends with the
balance of both sandbox ledgers; exit 1 when something is lost, doubled, not delivered, or a chain is broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from tests import postgres
from tests.faults.field import Field

BATCH = 40
PAPERS_PER_ORDER = 5  # about: the order, its acknowledgment, one or two ship notices and invoices


def main() -> int:
    asked = _asked()
    began = time.monotonic()
    database = postgres.start() if asked.postgres else ""
    with Field(asked.seed, workers=asked.workers, database=database) as field:
        _rounds(field, asked)
        field.storm(0, 0)
        field.play()
        verdict = field.verdict()
        documents = sum(verdict["statuses"].values())
        sys.stdout.write(json.dumps(verdict, indent=1, default=str) + "\n")
        sys.stdout.write(
            f"{documents} documents, {len(field.kills)} kills, {sum(field.drawn.values())} faults, "
            f"{field.passes} passes, {time.monotonic() - began:.0f} s of this clock; seed {asked.seed}\n"
        )
    wrong = [name for name in ("uneven", "not_delivered", "broken") if verdict[name]]
    if wrong:
        sys.stdout.write(f"WRONG: {', '.join(wrong)}. Again with: python -m tests.faults {' '.join(sys.argv[1:])}\n")
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--fault-rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args()


def _rounds(field: Field, asked: argparse.Namespace) -> None:
    """Orders in batches, each brought to its end while calls fail and processes die."""
    left = max(asked.documents // PAPERS_PER_ORDER, 1)
    batches = -(-left // BATCH)
    for batch in range(batches):
        for _ in range(min(BATCH, left)):
            field.world.new_order()
        left -= BATCH
        field.storm(asked.fault_rate, asked.seed + batch)
        field.kills_wanted = asked.kills * (batch + 1) // batches
        field.play(kill_chance=0.7)
        sys.stderr.write(f"batch {batch + 1} of {batches}: {len(field.kills)} kills, {field.passes} passes\n")


if __name__ == "__main__":
    sys.exit(main())
