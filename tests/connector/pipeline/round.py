"""A whole round over real sockets: the sandbox's two systems, a company connected to them, and a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import time_machine
from django.utils import timezone

from audit.chain import verify_all
from audit.models import Document, Kind, Status
from connector.models import Connection
from connector.rsx.codes import UNITS
from connector.sandbox import World
from connector.syncing import Synced, sync
from mapping.files import load
from mapping.models import Company
from tests.uneven import UNEVEN

LAG = 60
"""Seconds for which 'not found' proves nothing."""
STEP = timedelta(seconds=LAG + 31)
"""How far the clock is moved when nothing can go on: past every lag, lease and back-off of these tests."""


class Round:
    """`work` lets the product run until nothing moves; `play` also lets suppliers and the warehouse act."""

    def __init__(self, world: World, company: Company, clock: time_machine.Traveller) -> None:
        self.world = world
        self.company = company
        self.clock = clock

    def pass_once(self) -> Synced:
        """One pass of everything."""
        return sync(self.company, until_idle=False, timeout=60, say=lambda _: None)

    def work(self, passes: int = 25) -> Synced:
        """Passes until all streams were read and nothing is under way; the clock jumps between them."""
        for _ in range(passes):
            synced = self.pass_once()
            if not synced.failure and not self.under_way():
                return synced
            self.clock.shift(STEP)
        raise AssertionError(
            f"still moving: {synced.failure} {[(str(d), d.status, d.reason) for d in self.under_way()]}"
        )

    def play(self, ticks: int = 12) -> None:
        """Until every story is told and every paper has arrived."""
        self.work()
        for _ in range(ticks):
            told = self.world.tick()
            self.work()
            if told["idle"] and not told["papers"] and not told["released"]:
                return

    def now(self) -> datetime:
        """As the product sees it."""
        return timezone.now()

    def under_way(self) -> list[Document]:
        return list(self.documents(status__in=(Status.RECEIVED, Status.MATCHED, Status.DELIVERING)))

    def documents(self, **where: object) -> list[Document]:
        return list(Document.objects.filter(company=self.company, **where).order_by("pk"))

    def document(self, kind: Kind) -> Document:
        """The only one of its kind."""
        (found,) = self.documents(kind=kind)
        return found

    def not_delivered(self) -> list[tuple[str, str, str]]:
        """Documents that did not arrive, but for the order of the supplier that nobody has mapped."""
        others = Document.objects.exclude(status=Status.DELIVERED).exclude(cause="partner_unmapped")
        return [(str(document), document.status, document.reason) for document in others.order_by("pk")]

    def missed_faults(self, calls: Iterable[tuple[str, str, str]], kind: str) -> list[tuple[str, str, str]]:
        """Calls on which the fault has not happened."""
        happened = [
            (system, passed.method, passed.path)
            for system in ("visma", "sps")
            for passed in getattr(self.world, system).traffic.recent
            if passed.fault == kind
        ]
        return [
            (system, method, path)
            for system, method, path in calls
            if not any(
                (system, method) == (where, how) and fnmatchcase(on.lower(), path.lower())
                for where, how, on in happened
            )
        ]

    def uneven(self) -> dict[str, list[object]]:
        """What is wrong with both ledgers laid side by side; nothing, when all is well."""
        balance = self.world.balance()
        return {name: balance[name] for name in UNEVEN if balance[name]}

    def broken_chains(self) -> list[str]:
        return [f"{document}: {found.why}" for document, found in verify_all() if found]


def connected(company: Company, world: World) -> None:
    """Both connections and all mappings, as `connect` and `map` make them."""
    keys = world.credentials
    Connection.objects.create(
        company=company,
        system=Connection.System.VISMA,
        url=world.visma_url,
        token_url=world.visma_token_url,
        client_id=keys.visma_client_id,
        client_secret=keys.visma_client_secret,
        tenant=keys.visma_tenant,
        scope="vismanet_erp_service_api:read vismanet_erp_service_api:create vismanet_erp_service_api:update",
        absence_lag_seconds=LAG,
    )
    Connection.objects.create(
        company=company,
        system=Connection.System.SPS,
        url=world.sps_url,
        token_url=world.sps_token_url,
        token_body=Connection.TokenBody.JSON,
        client_id=keys.sps_client_id,
        client_secret=keys.sps_client_secret,
        audience=keys.sps_audience,
        in_dir="in/",
        out_dir="out/",
        absence_lag_seconds=LAG,
    )
    texts = world.mapping_csvs()
    for kind in ("suppliers", "items", "units", "taxes"):
        outcome = load(kind, company, texts[kind].encode(), reason="test", rsx_units=UNITS)
        assert not outcome.errors, outcome.errors
