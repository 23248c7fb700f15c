"""Generated sequences of papers and hand-made bookings about one order, decided as in life: what must hold whatever comes.

GENERATED_CASES (default 40) is the number of sequences, GENERATED_SEED draws others; `make invariants` is the long version.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from audit import ledger, reports
from audit.models import Document, Kind, Status
from connector.pipeline import wakes
from connector.pipeline.deciding import decide
from mapping.models import Company, Order, TradingPartner
from tests.acceptance.generated import ORDERED, Sent, Typed, happenings
from tests.acceptance.small_visma import BACKORDERS, CONFIRMS, NOW, REJECTS, ZERO, SmallVisma
from tests.papers import as_json
from tests.trade import Bought, a_trade, an_order

CASES = int(os.environ.get("GENERATED_CASES", "40"))
SEED = int(os.environ.get("GENERATED_SEED", "0"))
LETTERS = {"order_ack": "PR", "shipment": "SH", "invoice": "IN"}
RESTS = (Status.HELD, Status.WAITING, Status.IGNORED, Status.DELIVERED)
tolerances = st.sampled_from([(ZERO, ZERO), (Decimal(10), ZERO), (ZERO, Decimal(1))])


class Trade:
    """One order, everything that is said about it, and where it stands."""

    def __init__(self, company: Company, percent: Decimal, absolute: Decimal) -> None:
        TradingPartner.objects.filter(company=company).update(quantity_percent=percent, quantity_absolute=absolute)
        self.company = company
        self.visma = SmallVisma(company, percent, absolute)
        self.order: Order = an_order(company, [Bought("A1", ORDERED[1]), Bought("B2", ORDERED[2])])
        self.sent: dict[str, Sent] = {}
        self._typed = 0

    def happens(self, what: Sent | Typed) -> None:
        """A paper arrives or a person types a booking; whatever that sets free is decided."""
        if isinstance(what, Typed):
            self._typed += 1
            self.visma.type(what, f"BY-HAND-{self._typed}")
            wakes.orders_arrived(self.company, ["PO100"], now=NOW)
        else:
            path = f"/out/{LETTERS[what.kind]}/{len(self.sent)}.json"
            self.sent[path] = what
            ledger.store(self.company, path, as_json(what.tree), kind=what.kind, now=NOW)
        self._settle()
        self._check_rest()

    def _settle(self) -> None:
        for _ in range(20):
            owner, found = ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=datetime.now(UTC))
            for document in found:
                decide(document, owner=owner)
            matched = list(Document.objects.filter(status=Status.MATCHED)) if found else []
            for document in matched:
                self._post(document)
            if not (found or matched):
                return
        pytest.fail("documents wake one another for ever")

    def _post(self, document: Document) -> None:
        owner, [document] = ledger.claim(
            Status.MATCHED, limit=1, seconds=60, now=datetime.now(UTC), only=Q(pk=document.pk)
        )
        assert ledger.begin_delivery(document, owner=owner, seconds=60, now=NOW)
        said = self.sent[document.transmission.path]
        ref = self.visma.post(said, bytes(document.output), f"{document.kind}-{document.pk}", document.pk)
        ledger.move(document, Status.DELIVERED, now=NOW, owner=owner, output_ref=ref, delivered_at=NOW)
        wakes.orders_arrived(self.company, ["PO100"], now=NOW)

    def _check_rest(self) -> None:
        """Nothing is posted from a paper that is held, waits or was ignored; each says why."""
        for status, ref, reason in Document.objects.values_list("status", "output_ref", "reason"):
            assert status in RESTS
            assert bool(ref) == (status == Status.DELIVERED)
            assert reason or status == Status.DELIVERED

    def check_roll_up(self) -> None:
        """The order's figures are those of the papers and of the books."""
        said = self._said()
        for stand in reports.order_lines(self.order):
            number = stand.line.number
            assert stand.received == self.visma.kept(number, released=True)
            assert stand.invoiced == self.visma.invoiced(number)
            assert bool(stand.uncounted) == self.visma.is_uncountable(number)
            assert stand.confirmed + stand.backordered + stand.rejected + stand.open == stand.ordered
            if said is not None:
                answered = _answered(number, said)
                assert (stand.confirmed, stand.backordered, stand.rejected) == answered
                assert sum(answered) <= self.visma.most(stand.ordered), f"line {number}: more answered than ordered"

    def _said(self) -> list[Sent] | None:
        """The acknowledgments that count, oldest first; None where one asks for a person or answers what it does not list."""
        acks = (
            Document.objects.filter(kind=Kind.ORDER_ACK).exclude(status=Status.IGNORED).select_related("transmission")
        )
        found = [(row, self.sent[row.transmission.path]) for row in acks]
        if any(row.status != Status.DELIVERED or one.type != "AC" for row, one in found):
            return None
        return [one for row, one in sorted(found, key=lambda pair: (pair[1].day, pair[0].pk))]


def _answered(line: int, said: Sequence[Sent]) -> tuple[Decimal, Decimal, Decimal]:
    """Confirmed, backordered, rejected: of each place the latest word; one about all places ends those before it."""
    standing: dict[str, tuple[tuple[str, Decimal, int], ...]] = {}
    for one in said:
        if line in dict(one.answers):
            standing = {place: words for place, words in standing.items() if place and one.place}
            standing[one.place] = dict(one.answers)[line]
    words = [word for spoken in standing.values() for word in spoken]
    sums = [sum((q for status, q, _ in words if status in kind), ZERO) for kind in (CONFIRMS, BACKORDERS, REJECTS)]
    return sums[0], sums[1], sums[2]


@pytest.fixture
def trading(company: Company) -> Company:
    a_trade(company)
    return company


@pytest.fixture
def ran() -> Iterator[list[int]]:
    """The cases that ran; `python -m tests.acceptance` adds them up."""
    cases: list[int] = []
    yield cases
    if path := os.environ.get("GENERATED_RAN"):
        Path(path).write_text(str(len(cases)))


@seed(SEED)
@settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(happenings(), tolerances)
def test_never_more_than_the_tolerance_and_nothing_from_a_held_paper(
    trading: Company, ran: list[int], happens: list[Sent | Typed], tolerance: tuple[Decimal, Decimal]
) -> None:
    ran.append(len(happens))
    with transaction.atomic():
        trade = Trade(trading, *tolerance)
        for what in happens:
            trade.happens(what)
        trade.check_roll_up()
        transaction.set_rollback(True)
