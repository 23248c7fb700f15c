"""What can go wrong on the wire, by chance (seeded) or on order (one-shot switches)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

KINDS = (
    "refuse",  # the connection is reset before anything is done
    "break_before",  # closed without an answer, nothing done
    "break_after",  # done, then closed without an answer
    "http500_before",  # 500, nothing done
    "http500_after",  # done, then 500
    "slow",  # done, and the answer comes `seconds` later
    "truncate",  # done, and half of the answer comes
    "rate_limit",  # 429 with Retry-After, nothing done
    "rate_limit_silent",  # 429 without Retry-After, nothing done
    "expire_token",  # every token given so far ends; this call is answered 401
    "etag_conflict",  # someone else has just written the addressed record
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; `seconds` matters for `slow` alone."""

    kind: str
    seconds: float = 0.05


When = Callable[[str, bytes], bool]
"""Which of the calls that fit a fault is for: decided by path and body."""


def _any(_path: str, _body: bytes) -> bool:
    return True


@dataclass
class _Planned:
    method: str
    pattern: str
    fault: Fault
    times: int
    when: When

    def fits(self, method: str, path: str, body: bytes) -> bool:
        named = self.method in ("*", method) and fnmatchcase(path.lower(), self.pattern.lower())
        return named and self.when(path, body)


class Faults:
    """Faults by chance: `rate` of all calls (0 to 1), the same ones for the same seed and sequence of calls."""

    def __init__(self, rate: float = 0.0, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> None:
        self.rate = rate
        self.kinds = kinds
        self.drawn: Counter[str] = Counter()
        self._random = random.Random(f"faults:{seed}")  # noqa: S311 - a simulation, nothing secret
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()

    def fault(
        self, method: str, path: str, kind: str, times: int = 1, seconds: float = 0.05, when: When = _any
    ) -> None:
        """Plan `kind` for the next `times` calls of method (or `*`) and path (`*` and `?` are wildcards).

        `when` picks among them by path and body. Raises ValueError for an unknown kind.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known are {', '.join(KINDS)}")
        with self._lock:
            self._planned.append(_Planned(method.upper(), path, Fault(kind, seconds), times, when))

    def clear(self) -> None:
        """Forget what was planned and stop chance."""
        with self._lock:
            self._planned.clear()
            self.rate = 0.0

    def draw(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """The fault of this call, a planned one first."""
        with self._lock:
            fault = self._take_planned(method, path, body) or self._by_chance()
            if fault:
                self.drawn[fault.kind] += 1
            return fault

    def _take_planned(self, method: str, path: str, body: bytes) -> Fault | None:
        for planned in self._planned:
            if planned.fits(method, path, body):
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                return planned.fault
        return None

    def _by_chance(self) -> Fault | None:
        if self.rate <= 0 or self._random.random() >= self.rate:
            return None
        return Fault(self._random.choice(self.kinds))
