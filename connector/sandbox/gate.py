"""The one gate that every call to a stand-in passes: it counts the call and lets the fault of the moment happen."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from connector.sandbox.faults import Fault, Faults
from connector.sandbox.wire import Reply, Request

Ending = Literal["whole", "half", "closed", "reset"]
_ENDINGS: dict[str, Ending] = {"break_after": "closed", "truncate": "half"}


class Site(Protocol):
    """What a stand-in offers to the gate."""

    faults: Faults
    traffic: Traffic

    def handle(self, call: Request) -> Reply:
        """Do what is asked and answer; refusals are answers too."""

    def expire_tokens(self) -> None:
        """Every token given so far ends now."""

    def disturb(self, call: Request) -> None:
        """Write the addressed record as someone else would."""

    def throttled(self, retry_after: int | None) -> Reply:
        """A 429 in this system's form."""

    def crashed(self) -> Reply:
        """A 500 in this system's form."""


@dataclass(frozen=True)
class Delivery:
    """How an answer leaves: wait `seconds`, then send all of it, half of it, or nothing."""

    reply: Reply
    ending: Ending = "whole"
    seconds: float = 0.0


@dataclass(frozen=True)
class Passed:
    """One call as the gate saw it."""

    when: datetime
    method: str
    path: str
    status: int
    fault: str


class Traffic:
    """Counts of all calls by method and path, and the last 20,000 of them one by one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.recent: deque[Passed] = deque(maxlen=20_000)
        self._lock = threading.Lock()

    def note(self, call: Request, status: int, fault: str) -> None:
        """Remember one call; status 0 = nothing was done and nothing answered."""
        with self._lock:
            self.counts[call.method] += 1
            self.recent.append(Passed(datetime.now(UTC), call.method, call.path, status, fault))

    def total(self) -> int:
        """All calls so far."""
        with self._lock:
            return sum(self.counts.values())


def through(site: Site, call: Request) -> Delivery:
    """Let a call through the gate: the answer, with the fault that befell it."""
    fault = site.faults.draw(call.method, call.path, call.body)
    delivery = _befall(site, call, fault) if fault else Delivery(site.handle(call))
    silent = delivery.ending in ("closed", "reset")
    site.traffic.note(call, 0 if silent else delivery.reply.status, fault.kind if fault else "")
    return delivery


def _befall(site: Site, call: Request, fault: Fault) -> Delivery:
    before = _instead(site, fault)
    if before:
        return before
    if fault.kind == "expire_token":
        site.expire_tokens()
    if fault.kind == "etag_conflict":
        site.disturb(call)
    reply = site.handle(call)
    if fault.kind == "http500_after":
        return Delivery(site.crashed())
    return Delivery(reply, _ENDINGS.get(fault.kind, "whole"), fault.seconds if fault.kind == "slow" else 0.0)


def _instead(site: Site, fault: Fault) -> Delivery | None:
    """The answers that come instead of doing anything."""
    match fault.kind:
        case "refuse":
            return Delivery(Reply(0), "reset")
        case "break_before":
            return Delivery(Reply(0), "closed")
        case "http500_before":
            return Delivery(site.crashed())
        case "rate_limit":
            return Delivery(site.throttled(1))
        case "rate_limit_silent":
            return Delivery(site.throttled(None))
    return None
