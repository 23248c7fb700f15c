"""A product process as the field sees it: ordered to do one thing, and what it said before it ended or was killed."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 900.0
"""Seconds of the real clock that one order to it may take; then it fails with the stack of where it stands."""
GRACE = 30.0
"""Seconds after that in which the zygote itself must have answered."""


@dataclass
class Told:
    """What a process said before it ended; `killed` names the boundary at which it died."""

    killed: str = ""
    alive: bool = True
    failure: str = ""
    busy: int = 0
    rest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, said: dict[str, Any]) -> Told:
        """Raises AssertionError with the product's stack when it broke down or took too long."""
        if "defect" in said:
            raise AssertionError(f"The product broke down:\n{said['defect']}")
        named = {name: said.pop(name) for name in ("killed", "alive", "failure", "busy") if name in said}
        return cls(**named, rest=said)

    @property
    def stuck(self) -> bool:
        """Whether something is left to do that could not be done now."""
        return bool(self.failure or self.busy)


class Zygote:
    """One process that forks a product process per order (`tests.faults.zygote`)."""

    def __init__(self, environment: dict[str, str], *, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, verb: str, **more: Any) -> Told:
        """Raises AssertionError when the product breaks down, or is not done within the deadline."""
        assert self._process.stdin is not None
        order = {"verb": verb, "at": datetime.now(UTC).timestamp(), "deadline": self._deadline, **more}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Told.of(json.loads(self._answer(verb)))

    def _answer(self, verb: str) -> str:
        assert self._process.stdout is not None
        waited = self._deadline + GRACE
        if not select.select([self._process.stdout], [], [], waited)[0]:
            self._process.kill()
            raise AssertionError(f"The zygote gave no answer to '{verb}' within {waited:.0f} s.")
        answer: str = self._process.stdout.readline()
        if not answer:
            raise AssertionError("The zygote is gone: see stderr.")
        return answer

    def end(self) -> None:
        """The zygote ends by itself when nobody speaks to it any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
