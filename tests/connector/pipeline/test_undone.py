"""What our own database or a defect of ours has undone: it stops no other paper, and is done once more where that is right."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from audit import ledger
from audit.ledger import moves
from audit.models import Kind, Status
from connector import mirror
from connector.pipeline import sweep
from mapping.models import Company
from tests.connector.pipeline.round import Round
from tests.connector.pipeline.story import ordered, ships, standing
from tests.connector.rehearsing import HINGE, a_partner, an_order
from tests.papers import as_json, of_order, ship_item, shipment


class Deadlocked(Exception):
    """As the driver says it."""

    sqlstate = "40P01"


def raises_once(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, error: Exception) -> None:
    does = getattr(where, name)

    def broken(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(where, name, does)
        raise error

    monkeypatch.setattr(where, name, broken)


def deadlock() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = Deadlocked()
    return error


def test_defect_after_a_move_parks_its_paper_and_stops_no_other(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_partner(company)
    an_order(company)
    raises_once(monkeypatch, moves, "_open_holds", RuntimeError("a defect"))
    too_much, fine = (
        ledger.store(
            company,
            f"/out/SH/{quantity}.json",
            as_json(shipment(f"S{quantity}", of_order("PO1", items=[ship_item(HINGE, quantity)]))),
            kind=Kind.SHIPMENT,
            now=timezone.now(),
        )[0]
        for quantity in (99, 1)
    )
    while sweep().total:
        pass
    for document in (too_much, fine):
        document.refresh_from_db()
    assert (too_much.status, too_much.reason) == (Status.FAILED, "A defect in the connector: see the log.")
    assert (fine.status, fine.lease_owner) == (Status.MATCHED, "")


def test_defect_after_the_arrival_parks_its_paper_and_a_replay_finds_what_is_there(
    round_: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(round_)
    ships(round_, "S1", order, 4)
    raises_once(monkeypatch, mirror, "receipts", RuntimeError("a defect"))
    round_.pass_once()
    notice = round_.document(Kind.SHIPMENT)
    assert notice.status == Status.FAILED
    ledger.replay(notice, now=timezone.now(), actor="kari")
    round_.work()
    assert round_.document(Kind.SHIPMENT).status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_deadlock_after_the_arrival_is_no_failure(round_: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    order = ordered(round_)
    ships(round_, "S1", order, 4)
    raises_once(monkeypatch, mirror, "receipts", deadlock())
    round_.work()
    assert round_.document(Kind.SHIPMENT).status == Status.DELIVERED
    assert len(standing(round_)) == 1


def test_deadlock_in_a_poll_is_said_and_the_next_one_reads_it(round_: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    number = round_.world.new_order("50000")
    raises_once(monkeypatch, mirror, "orders", deadlock())
    round_.pass_once()
    assert not [one for one in round_.documents() if one.number == number]
    round_.work()
    assert [one.status for one in round_.documents() if one.number == number] == [Status.DELIVERED]
