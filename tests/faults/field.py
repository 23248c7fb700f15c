"""The field of trial: a sandbox, a database, and product processes that are killed at chosen or random boundaries."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import time_machine

from connector.sandbox import World
from tests.faults.process import Told, Zygote
from tests.uneven import UNEVEN

TIMING = {"LEASE_SECONDS": "10", "RETRY_FIRST_SECONDS": "0.2", "LOG_LEVEL": "CRITICAL"}
TIMEOUT = 2.0
LAG = 2
AFTER_A_DEATH = 20
"""Seconds to jump so that the dead one's leases are over and what it left in doubt is settled."""
WHEN_STUCK = 65
"""Seconds to jump past a silent 429, which closes a connection for a minute."""
MOST_TICKS = 60


class Field:
    """One trial. `workers` product processes at once; `database` as in DATABASE_URL, "" is SQLite in a folder of its own.

    `partners` are options of `manage.py partner` by trading partner; `between` is done after every pass.
    """

    def __init__(
        self,
        seed: int,
        *,
        workers: int = 1,
        database: str = "",
        timeout: float = TIMEOUT,
        partners: Mapping[str, Sequence[str]] | None = None,
        between: Callable[[World], None] = lambda _: None,
    ) -> None:
        self.random = random.Random(f"kills:{seed}")
        self.world = World(seed=seed, mismatch_rate=0.0)
        self.kills: list[str] = []
        self.kills_wanted = 1_000_000
        self.drawn: Counter[str] = Counter()
        self.passes = 0
        self._partners = dict(partners or {})
        self._between = between
        self._folder = tempfile.TemporaryDirectory(prefix="faults-")
        environment = {
            **os.environ,
            **TIMING,
            "REQUEST_TIMEOUT_SECONDS": str(timeout),
            "VAR_DIR": self._folder.name,
            "DATABASE_URL": database,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        self.zygotes = [Zygote(environment) for _ in range(workers)]
        self._clock = time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC), tick=True)  # no midnight comes between

    def __enter__(self) -> Self:
        self._traveller = self._clock.start()
        self.world.start()
        self.world.seed_company(0)
        self._set_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for zygote in self.zygotes:
            zygote.end()
        self.world.stop()
        self._clock.stop()
        self._folder.cleanup()

    def _set_up(self) -> None:
        world, keys = self.world, self.world.credentials
        connect = ["Demo", "--sps-history-lag", str(LAG), "--visma-settle", str(LAG)]
        connect += ["--visma-url", world.visma_url, "--visma-token-url", world.visma_token_url]
        connect += ["--visma-client-id", keys.visma_client_id, "--visma-tenant", keys.visma_tenant]
        connect += ["--sps-url", world.sps_url, "--sps-token-url", world.sps_token_url]
        connect += ["--sps-client-id", keys.sps_client_id, "--sps-audience", keys.sps_audience]
        secrets = {"VISMA_CLIENT_SECRET": keys.visma_client_secret, "SPS_CLIENT_SECRET": keys.sps_client_secret}
        maps = {}
        for name, text in world.mapping_csvs().items():
            file = Path(self._folder.name) / f"{name}.csv"
            file.write_text(text)
            maps[name] = str(file)
        self.zygotes[0].order("set up", connect=connect, secrets=secrets, maps=maps, partners=self._partners)

    def storm(self, rate: float, seed: int) -> None:
        """Faults by chance from now on; those so far are counted in `drawn`."""
        self.drawn += self.world.visma.faults.drawn + self.world.sps.faults.drawn
        self.world.storm(rate, seed)

    def pass_once(self, *, spared: Collection[str] | None = None, kill_chance: float = 0.0) -> list[Told]:
        """One pass of every worker at once, each perhaps killed; then the clock jumps."""
        self.passes += 1
        orders = [{"spared": sorted(spared)} if spared is not None else self._chance(kill_chance) for _ in self.zygotes]
        with ThreadPoolExecutor(len(self.zygotes)) as pool:
            told = list(pool.map(lambda pair: pair[0].order("pass", **pair[1]), zip(self.zygotes, orders, strict=True)))
        killed = [one.killed for one in told if one.killed]
        self.kills += killed
        self._between(self.world)
        self._traveller.shift(AFTER_A_DEATH if killed else WHEN_STUCK if any(one.stuck for one in told) else 0.001)
        return told

    def _chance(self, kill_chance: float) -> dict[str, Any]:
        if self.random.random() >= kill_chance or len(self.kills) >= self.kills_wanted:
            return {}
        return {"kill_at": int(self.random.paretovariate(0.35)) % 4000 + 1}  # early and late boundaries alike

    def until_idle(self, *, spared: set[str] | None = None, kill_chance: float = 0.0, passes: int = 2000) -> None:
        """Until a pass of every worker ends with nothing under way. Boundaries that killed are spared from then on."""
        for _ in range(passes):
            told = self.pass_once(spared=spared, kill_chance=kill_chance)
            if spared is not None:
                spared.update(one.killed for one in told if one.killed)
            if not any(one.killed or one.stuck for one in told):
                return
        raise AssertionError(f"not idle after {passes} passes: {told}")

    def play(self, *, spared: set[str] | None = None, kill_chance: float = 0.0) -> None:
        """Suppliers and the warehouse act, the product works, until every story is told."""
        self.until_idle(spared=spared, kill_chance=kill_chance)
        for _ in range(MOST_TICKS):
            told = self.world.tick()
            self.until_idle(spared=spared, kill_chance=kill_chance)
            if told["idle"] and not told["papers"] and not told["released"]:
                return

    def accept(self, number: str, cause: str) -> None:
        """A person accepts what the documents of this number are held for. Raises AssertionError when none is."""
        if not self.zygotes[0].order("accept", number=number, cause=cause).rest["accepted"]:
            raise AssertionError(f"{number} is not held with cause {cause}: {self.verdict()['not_delivered']}")

    def verdict(self) -> dict[str, Any]:
        """What both ledgers and our own say: everything but `statuses` is empty when nothing is lost or doubled."""
        balance = self.world.balance()
        ours = self.zygotes[0].order("verdict").rest
        uneven = {name: balance[name] for name in UNEVEN if balance[name]}
        return {"uneven": uneven, **ours}
