"""The outside world on one loopback port: both remote systems, the suppliers, the warehouse, and a control page."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import TracebackType

from connector.sandbox import sps as sps_module
from connector.sandbox import visma_access, visma_orders
from connector.sandbox.balance import Balance
from connector.sandbox.company import FIRMS, Article, articles_of, mapping_csvs, seed_company
from connector.sandbox.control import Control
from connector.sandbox.faults import Faults
from connector.sandbox.gate import Delivery, through
from connector.sandbox.partner import Partner
from connector.sandbox.server import LoopbackServer
from connector.sandbox.sps import SandboxSps
from connector.sandbox.visma import SandboxVisma
from connector.sandbox.visma_orders import Wanted
from connector.sandbox.wire import Json, Request


@dataclass(frozen=True)
class Credentials:
    """What opens the stand-ins; public values."""

    visma_client_id: str = visma_access.CLIENT_ID
    visma_client_secret: str = visma_access.CLIENT_SECRET
    visma_tenant: str = visma_access.COMPANY_TENANT
    sps_client_id: str = sps_module.CLIENT_ID
    sps_client_secret: str = sps_module.CLIENT_SECRET
    sps_audience: str = field(default=sps_module.AUDIENCES[0])


class World:
    """Both systems and everyone around them. Port 0 takes any free one; `with World() as world:` serves."""

    def __init__(self, seed: int = 0, port: int = 0, mismatch_rate: float = 0.1) -> None:
        self.seed = seed
        self.visma = SandboxVisma(seed)
        self.sps = SandboxSps(seed)
        self.partner = Partner(self.sps, self.visma, seed, mismatch_rate)
        self.credentials = Credentials()
        self._chance = random.Random(f"world:{seed}")  # noqa: S311 - a simulation, nothing secret
        self._control = Control(self)
        doors = {"/visma": self._visma_door, "/sps": self._sps_door, "/control": self._control.door}
        self._server = LoopbackServer(doors, port)

    def _visma_door(self, call: Request) -> Delivery:
        return through(self.visma, call)

    def _sps_door(self, call: Request) -> Delivery:
        return through(self.sps, call)

    @property
    def url(self) -> str:
        """The root of the server."""
        return self._server.url

    @property
    def visma_url(self) -> str:
        """Base address of the API: resources such as `/v1/branch` lie below it."""
        return f"{self.url}/visma"

    @property
    def visma_token_url(self) -> str:
        """Visma Connect's token endpoint."""
        return f"{self.visma_url}/connect/token"

    @property
    def sps_url(self) -> str:
        """Base address of the Transaction API: `/transactions/v5/data/` lies below it."""
        return f"{self.url}/sps"

    @property
    def sps_token_url(self) -> str:
        """The token endpoint; `/authorization/v1/token` works too."""
        return f"{self.sps_url}/oauth/token"

    @property
    def control_url(self) -> str:
        """The control page, JSON."""
        return f"{self.url}/control"

    def start(self) -> World:
        """Serve."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and hang up on everyone."""
        self._server.stop()

    def __enter__(self) -> World:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def storm(self, rate: float, seed: int = 0) -> None:
        """Faults by chance on both systems, `rate` of all calls; 0 calms it."""
        self.visma.faults = Faults(rate, seed)
        self.sps.faults = Faults(rate, seed + 1)

    def seed_company(self, orders: int = 3) -> list[str]:
        """The company with some open orders, one on hold, one for the supplier without SPS and one of last month.

        Returns the numbers of the open orders of today that suppliers behind SPS should get.
        """
        seed_company(self.visma.books)
        numbers = [self.new_order() for _ in range(orders)]
        self.new_order("50003")
        self.new_order(status="Hold")
        self.new_order(days_ago=30)
        return numbers

    def new_order(
        self,
        supplier: str = "",
        lines: Sequence[Wanted] = (),
        status: str = "Open",
        days_ago: int = 0,
        mistake: str = "",
    ) -> str:
        """A buyer places an order; supplier and lines by chance when not given. Returns its number.

        `mistake` is one of `mistakes.MISTAKES`, or empty for chance.
        """
        books = self.visma.books
        with books.lock:
            supplier = supplier or self._chance.choice([firm.number for firm in FIRMS if firm.partner])
            today = books.clock().astimezone(books.zone)
            number = visma_orders.place(
                books,
                supplier,
                lines or self._some_lines(supplier),
                wanted_on=f"{today + timedelta(days=14):%Y-%m-%dT00:00:00}",
                date=f"{today - timedelta(days=days_ago):%Y-%m-%dT00:00:00}",
                status=status,
            )
            if mistake:
                self.partner.planned[number] = mistake
            return number

    def _some_lines(self, supplier: str) -> list[Wanted]:
        sold = articles_of(supplier)
        chosen = self._chance.sample(sold, self._chance.randint(1, len(sold)))
        return [self._some_line(article) for article in sorted(chosen, key=lambda article: article.number)]

    def _some_line(self, article: Article) -> Wanted:
        quantity = Decimal(self._chance.randint(2, 40))
        return Wanted(
            article.number, quantity, article.unit, article.price, article.vendor_number, article.receipt_action
        )

    def tick(self) -> Json:
        """Suppliers and the warehouse act once: papers written, receipts released, whether all is told."""
        papers = self.partner.tick()
        released = self.partner.warehouse()
        return {"papers": papers, "released": released, "idle": self.partner.idle()}

    def mapping_csvs(self) -> dict[str, str]:
        """Contents of the mapping files that fit the seeded company, by kind."""
        return mapping_csvs()

    def expected_orders(self) -> dict[str, str]:
        """Where each order in Visma should end: `sent`, or why not: `held`, `on_hold`, `old`, `cancelled`."""
        with self.visma.books.lock:
            return {number: self._order_end(row.body) for number, row in self.visma.books.orders.items()}

    def _order_end(self, order: Json) -> str:
        if order["status"] in ("Hold", "Cancelled"):
            return {"Hold": "on_hold", "Cancelled": "cancelled"}[order["status"]]
        if order["date"] < self.visma.books.today():
            return "old"
        reached = {firm.number for firm in FIRMS if firm.partner}
        return "sent" if order["supplier"]["number"] in reached else "held"

    def balance(self) -> Json:
        """What both ledgers say: what arrived how often, what came twice, what is lost, what should not have arrived."""
        return Balance(self.visma, self.sps, self.partner, self.expected_orders()).as_json()
