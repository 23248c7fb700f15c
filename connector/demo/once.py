"""One full round without web: orders out, acknowledgments, ship notices and invoices back, and the table of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from audit.models import Document, Kind, Status
from connector.demo import company
from connector.sandbox import World
from connector.syncing import sync
from mapping.models import Company

ORDERS = 5
MISTAKES = ("ack_price", "ship_unknown_unit", "ship_too_much", "invoice_total", "invoice_number_reused")
MOST_ROUNDS = 15
TIMEOUT = 60.0


@dataclass(frozen=True)
class Ended:
    """Where one document ended, and where it should have."""

    kind: str
    number: str
    partner: str
    should: str
    did: str
    where: str

    @property
    def right(self) -> bool:
        """`should` names alternatives, split by a bar."""
        return self.did in self.should.split("|")


def play(say: Callable[[str], None], seed: int = 1) -> tuple[list[Ended], dict[str, object], str]:
    """Plays a round. Returns where everything ended, what both ledgers of the sandbox say, and a failure or ""."""
    with World(seed=seed, mismatch_rate=0.0) as world:
        world.seed_company(ORDERS)
        for mistake in MISTAKES:
            world.new_order(mistake=mistake)
        described = {**_addresses(world), **world.credentials.__dict__}
        company.set_up(described, world.mapping_csvs(), say=say)
        ours = Company.objects.get(name=company.NAME)
        failure = _rounds(world, ours, say)
        return _ended(world), world.balance(), failure


def _rounds(world: World, ours: Company, say: Callable[[str], None]) -> str:
    for _ in range(MOST_ROUNDS):
        synced = sync(ours, until_idle=True, timeout=TIMEOUT, say=lambda _: None)
        if synced.failure:
            return synced.failure
        told = world.tick()
        say(f"suppliers wrote {told['papers']} papers, the warehouse released {len(told['released'])} receipts")
        if told["idle"] and not told["papers"] and not told["released"]:
            return sync(ours, until_idle=True, timeout=TIMEOUT, say=lambda _: None).failure
    return "The suppliers did not come to an end."


def _addresses(world: World) -> dict[str, str]:
    names = ("visma_url", "visma_token_url", "sps_url", "sps_token_url")
    return {name: getattr(world, name) for name in names}


def _ended(world: World) -> list[Ended]:
    rows = [_order(number, end) for number, end in sorted(world.expected_orders().items())]
    for paper in world.partner.expected:
        document = Document.objects.filter(transmission__path=paper.path, part=paper.index).first()
        should = "|".join(f"held {cause}" for cause in paper.causes) if paper.outcome == "held" else paper.outcome
        rows.append(_row(document, paper.kind, paper.number, paper.partner, should))
    return rows


def _order(number: str, end: str) -> Ended:
    """Where an order should end: held means that no partner is mapped; what is on hold or old is mirrored only."""
    should = {"sent": "delivered", "held": "held partner_unmapped"}.get(end, "not sent")
    return _row(Document.objects.filter(kind=Kind.ORDER, number=number).last(), Kind.ORDER, number, "", should)


def _row(document: Document | None, kind: str, number: str, partner: str, should: str) -> Ended:
    if document is None:
        return Ended(kind, number, partner, should, "not sent" if kind == Kind.ORDER else "missing", "")
    did = f"{document.status} {document.cause}".strip()
    where = document.output_ref if document.status == Status.DELIVERED else document.reason
    return Ended(kind, number, document.trading_partner_id or partner, should, did, where)


def table(rows: list[Ended]) -> str:
    """The rows for people."""
    head = {"kind": "document", "number": "number", "partner": "partner", "did": "ended", "where": "where or why"}
    cells = [head, *({name: asdict(row)[name] for name in head} for row in rows)]
    widths = {name: min(max(len(cell[name]) for cell in cells), 72) for name in head}
    marks = ["  ", *("  " if row.right else "!!" for row in rows)]
    return "\n".join(
        f"{mark} " + "  ".join(f"{cell[name][:72]:<{widths[name]}}" for name in head).rstrip()
        for mark, cell in zip(marks, cells, strict=True)
    )
