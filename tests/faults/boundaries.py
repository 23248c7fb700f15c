"""Where a process can be killed: before and after each step of the ledger, each mirror write and each HTTP call.

Installed in the child alone; the product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from functools import wraps
from types import ModuleType
from typing import Any

from audit import ledger
from audit.models import Document
from connector import mirror
from connector.http import wire
from connector.pipeline import outgoing, wakes
from connector.polling import reading
from tests.faults.paths import pattern

STEPS: dict[ModuleType, tuple[str, ...]] = {
    ledger: (
        "store",
        "add_part",
        "removed_at_source",
        "move",
        "note",
        "hold",
        "describe",
        "claim",
        "begin",
        "rest",
        "remember",
        "release",
    ),
    mirror: ("suppliers", "items", "orders", "receipts", "invoices"),
    wakes: ("orders_arrived",),
    outgoing: ("revise",),
    reading: ("_succeeded",),
    wire: ("dispatch",),
}
"""`dispatch` is one HTTP call: dead after it means that the other side has done it, and nobody here has heard so."""


class Executioner:
    """Kills this very process at the first boundary that is not among `spared`, or at the one numbered `at`."""

    def __init__(self, told: Callable[[str], None], *, spared: Collection[str] | None, at: int | None) -> None:
        self._told = told
        self._spared = spared
        self._at = at
        self._passed = 0

    def install(self) -> None:
        for module, names in STEPS.items():
            for name in names:
                step = getattr(module, name)
                watched = self._watched(name, step)
                for place in _rooms_of(module):
                    if getattr(place, name, None) is step:
                        setattr(place, name, watched)

    def _watched(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(step)
        def watched(*args: Any, **kwargs: Any) -> Any:
            where = f"{name} {_of(args)}".strip()
            self._reached(f"before {where}")
            result = step(*args, **kwargs)
            self._reached(f"after {where}")
            return result

        return watched

    def _reached(self, boundary: str) -> None:
        self._passed += 1
        unseen = self._spared is not None and boundary not in self._spared
        if unseen or self._passed == self._at:
            self._told(boundary)
            os.kill(os.getpid(), signal.SIGKILL)


def _rooms_of(module: ModuleType) -> list[ModuleType]:
    """The module and, of a package, those inside: what one took from another is watched there too."""
    inside = f"{module.__name__}."
    return [module, *(found for name, found in sys.modules.items() if name.startswith(inside))]


def _of(args: tuple[Any, ...]) -> str:
    """What a step is about: kind and status of its document, method and path of its call."""
    said = []
    for arg in args:
        if isinstance(arg, Document):
            said.append(f"{arg.kind} {arg.status}")
        elif isinstance(arg, str) and arg.islower():
            said.append(arg)
        elif method := getattr(arg, "method", None):
            said.append(f"{method} {pattern(str(getattr(arg, 'url', '')))}")
    return " ".join(said)
