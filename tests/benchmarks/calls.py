"""Calls per document beside their floor: rounds of orders and answers against the sandbox, nothing fails.

`python -m tests.benchmarks.calls [ORDERS]`
"""

from __future__ import annotations

import sys

from connector.syncing import sync
from tests.benchmarks.counted import FLOORS, by_kind, shared
from tests.benchmarks.ground import connected, outside

MOST_ROUNDS = 60


def main(orders: int) -> None:
    with outside() as world:
        ours = connected(world)
        world.ask("orders", count=orders)
        for _ in range(MOST_ROUNDS):
            done = sync(ours, until_idle=True, timeout=300, say=lambda _: None)
            if done.failure:
                raise SystemExit(done.failure)
            if world.idle:
                break
        print_table()


def print_table() -> None:
    print(f"{'kind':12} {'documents':>9} {'SPS':>7} {'floor':>6} {'Visma':>7} {'floor':>6} {'most':>5}")
    for kind, counted in by_kind().items():
        floor, number = FLOORS[kind], max(counted.documents, 1)
        sps, visma = counted.sps / number, counted.visma / number
        line = f"{kind:12} {counted.documents:9} {sps:7.2f} {floor.sps:6} {visma:7.2f} {floor.visma:6} {counted.most:5}"
        print(line)
    print("shared by all of them:")
    for what, times in sorted(shared().items()):
        print(f"  {times:5} {what}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
