"""The control page of the outside world: another process reads ledgers, lets people act, places orders, sets faults."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Protocol

from connector.sandbox.faults import Faults
from connector.sandbox.gate import Delivery
from connector.sandbox.partner import Partner
from connector.sandbox.sps import SandboxSps
from connector.sandbox.visma import SandboxVisma
from connector.sandbox.wire import Json, Reply, Request, as_json, load


class Controlled(Protocol):
    """What the control page needs of a world."""

    visma: SandboxVisma
    sps: SandboxSps
    partner: Partner

    def tick(self) -> Json:
        """Suppliers and the warehouse act once."""

    def new_order(self, supplier: str = "", *, mistake: str = "") -> str:
        """Place an order."""

    def storm(self, rate: float, seed: int = 0) -> None:
        """Faults by chance."""

    def balance(self) -> Json:
        """Counts over both ledgers."""

    def expected_orders(self) -> dict[str, str]:
        """Where each order should end."""

    def mapping_csvs(self) -> dict[str, str]:
        """Mapping files."""


class Control:
    """GET `/control[/visma|/sps|/balance|/expected|/mappings]`, POST `/control/tick|orders|faults|files|settings`."""

    def __init__(self, world: Controlled) -> None:
        self.world = world
        self._pages: dict[tuple[str, str], Callable[[Json], object]] = {
            ("GET", ""): self._overview,
            ("GET", "visma"): lambda _: world.visma.ledger(),
            ("GET", "sps"): lambda _: world.sps.ledger(),
            ("GET", "balance"): lambda _: world.balance(),
            ("GET", "expected"): self._expected,
            ("GET", "mappings"): lambda _: world.mapping_csvs(),
            ("POST", "tick"): lambda _: world.tick(),
            ("POST", "orders"): self._orders,
            ("POST", "faults"): self._faults,
            ("POST", "files"): self._files,
            ("POST", "settings"): self._settings,
        }

    def door(self, call: Request) -> Delivery:
        """Answer one request; this page has no faults."""
        page = self._pages.get((call.method, call.path.strip("/")))
        if page is None:
            return Delivery(as_json({"error": f"no page {call.method} {call.path}"}, 404))
        return Delivery(self._answer(page, call))

    def _answer(self, page: Callable[[Json], object], call: Request) -> Reply:
        try:
            asked = load(call.body) if call.body else {}
            return as_json(page(asked))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as wrong:
            return as_json({"error": f"{type(wrong).__name__}: {wrong}"}, 400)

    def _overview(self, _: Json) -> Json:
        world = self.world
        return {
            "stories": world.partner.state(),
            "idle": world.partner.idle(),
            "calls": {"visma": dict(world.visma.traffic.counts), "sps": dict(world.sps.traffic.counts)},
            "faults": {"visma": dict(world.visma.faults.drawn), "sps": dict(world.sps.faults.drawn)},
            "waiting_in": world.sps.paths("in/"),
            "waiting_out": world.sps.paths("out/"),
        }

    def _expected(self, _: Json) -> Json:
        papers = [dict(expected.__dict__) for expected in self.world.partner.expected]
        return {"papers": papers, "orders": self.world.expected_orders()}

    def _orders(self, asked: Json) -> Json:
        """`{"count": n, "supplier": "", "mistake": ""}`"""
        supplier, mistake = str(asked.get("supplier", "")), str(asked.get("mistake", ""))
        return {"orders": [self.world.new_order(supplier, mistake=mistake) for _ in range(int(asked.get("count", 1)))]}

    def _faults(self, asked: Json) -> Json:
        """`{"rate": 0.05, "seed": 1}` for both, or one on order: `{"system", "method", "path", "kind", "times"}`"""
        if "rate" in asked:
            self.world.storm(float(asked["rate"]), int(asked.get("seed", 0)))
            return {"rate": float(asked["rate"])}
        sites: dict[str, Faults] = {"visma": self.world.visma.faults, "sps": self.world.sps.faults}
        seconds, times = float(asked.get("seconds", 0.05)), int(asked.get("times", 1))
        sites[asked["system"]].fault(asked.get("method", "*"), asked["path"], asked["kind"], times, seconds)
        return {"planned": asked["kind"]}

    def _files(self, asked: Json) -> Json:
        """`{"path": "out/IN/x.json", "content_base64": "…"}`: SPS lays a file out."""
        self.world.sps.put(asked["path"], base64.b64decode(asked["content_base64"], validate=True))
        return {"path": asked["path"]}

    def _settings(self, asked: Json) -> Json:
        """Delays in seconds and the call quota: `history_lag`, `pickup_delay`, `quota`, `token_seconds`."""
        sps, visma = self.world.sps, self.world.visma
        sps.history_lag = float(asked.get("history_lag", sps.history_lag))
        sps.pickup_delay = float(asked.get("pickup_delay", sps.pickup_delay))
        if "quota" in asked:
            visma.quota.set(int(asked["quota"]), float(asked.get("quota_seconds", 3600)))
        if "token_seconds" in asked:
            sps.expires_in = visma.access.expires_in = int(asked["token_seconds"])
        return {"history_lag": sps.history_lag, "pickup_delay": sps.pickup_delay, "quota": visma.quota.limit}
