"""How papers leave the simulated suppliers: encoded, named and laid out at SPS, each with where it must end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from connector.sandbox.mistakes import MISTAKES, Expected, Outcome, Stage
from connector.sandbox.papers import OrderSeen, encode
from connector.sandbox.sps import SandboxSps
from connector.sandbox.wire import Json

_ROOTS: dict[Stage, tuple[str, str]] = {
    "order_ack": ("OrderAck", "PR"),
    "shipment": ("Shipment", "SH"),
    "invoice": ("Invoice", "IN"),
}


def fact(kind: Stage, number: str, orders: Sequence[OrderSeen], mistake: str = "") -> Expected:
    """Where a paper must end; which file it comes in is added when it is sent."""
    outcome: Outcome = MISTAKES[mistake].outcome if mistake else "delivered"
    causes = MISTAKES[mistake].causes if mistake else ()
    numbers = tuple(order.number for order in orders)
    return Expected("", 0, kind, number, numbers, orders[0].partner, outcome, causes, mistake)


class Outbox:
    """Files go to `out/` or a directory per kind, as the trading partner happens to be set up."""

    def __init__(self, sps: SandboxSps, seed: int) -> None:
        self.sps = sps
        self.seed = seed
        self.expected: list[Expected] = []
        self._files = 0

    def next_number(self) -> int:
        """A number that no other file or package has."""
        self._files += 1
        return self._files

    def send(self, kind: Stage, papers: Sequence[Json], facts: Sequence[Expected], form: str = "json") -> str:
        """Lay papers out as one file and remember what is expected of each. Returns the path."""
        root, prefix = _ROOTS[kind]
        extension = "xml" if form.startswith("xml") else "json"
        flat = random.Random(f"{self.seed}{facts[0].partner}").random() < 0.5  # noqa: S311 - a simulation
        directory = "/out/" if flat else f"/out/{prefix}/"
        path = f"{directory}{prefix}{facts[0].orders[0]}-{self.next_number()}-v7.7.{extension}"
        self.expected += [replace(one, path=path, index=index) for index, one in enumerate(facts)]
        self.sps.put(path, encode(papers, root, form))
        return path
