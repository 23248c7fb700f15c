"""A revision that was decided while the one before it was on its way goes as what it is by the time that it goes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from audit import ledger
from audit.models import Document, Kind, Status
from connector.models import Connection
from connector.pipeline import sweep
from connector.sandbox.visma_orders import cancel, change
from tests.connector.pipeline.round import Round

UPLOAD = ("POST", "/transactions/v5/data/in/*")


def quantity(round_: Round, number: str, wanted: int) -> None:
    line = {"operation": "Update", "lineNumber": {"value": 1}, "orderQty": {"value": wanted}}
    change(round_.world.visma.books, number, {"lines": [line]}, "", "buyer")


def purposes(round_: Round) -> list[str]:
    shelf = round_.world.sps.shelf
    papers = [json.loads(shelf.files[path].content) for path in sorted(shelf.files) if path.startswith("/in/")]
    return [paper["Header"]["OrderHeader"]["TsetPurposeCode"] for paper in papers]


@pytest.fixture
def first(round_: Round) -> Document:
    """An order whose first revision is being delivered by a worker of which nobody hears for a minute."""
    round_.world.sps.pickup_delay = 1e6
    number = round_.world.new_order("50000")
    round_.world.sps.faults.fault(*UPLOAD, "rate_limit")
    round_.pass_once()
    Connection.objects.update(blocked_until=None)
    assert Document.objects.get(number=number).status == Status.MATCHED
    owner, (claimed,) = ledger.claim(Status.MATCHED, limit=1, seconds=60, now=timezone.now() + timedelta(hours=2))
    assert claimed.number == number
    assert ledger.begin_delivery(claimed, owner=owner, seconds=60, now=timezone.now())
    return claimed


def second(round_: Round) -> Document:
    return Document.objects.get(kind=Kind.ORDER, revision=2)


def test_revision_after_one_that_failed_meanwhile_goes_as_an_original(round_: Round, first: Document) -> None:
    quantity(round_, first.number, 77)
    round_.pass_once()
    waiting = second(round_)
    assert (waiting.purpose, waiting.status) == ("05", Status.WAITING)
    ledger.fail(first, "SPS refuses it.", now=timezone.now(), owner=first.lease_owner)
    round_.clock.shift(60)
    round_.work()
    assert purposes(round_) == ["00"]
    sent = second(round_)
    assert (sent.purpose, sent.status) == ("00", Status.DELIVERED)
    assert sent.events.get(verb="purpose").facts == {"purpose": "00", "was": "05"}
    first.refresh_from_db()
    assert first.status == Status.IGNORED


def test_revision_after_one_that_arrived_replaces_it(round_: Round, first: Document) -> None:
    quantity(round_, first.number, 77)
    round_.pass_once()
    round_.clock.shift(121)
    round_.work()
    assert purposes(round_) == ["00", "05"]
    assert not second(round_).events.filter(verb="purpose").exists()


def test_cancellation_of_an_order_that_then_did_not_go_out_goes_nowhere(round_: Round, first: Document) -> None:
    cancel(round_.world.visma.books, first.number)
    round_.pass_once()
    assert (second(round_).purpose, second(round_).status) == ("01", Status.WAITING)
    ledger.fail(first, "SPS refuses it.", now=timezone.now(), owner=first.lease_owner)
    round_.clock.shift(60)
    round_.work()
    assert purposes(round_) == []
    assert [document.status for document in round_.documents(number=first.number)] == [Status.IGNORED] * 2


def test_cancellation_follows_one_of_which_nobody_knows_whether_it_went_out(
    round_: Round, first: Document, settings: Settings
) -> None:
    ledger.remember(first, owner=first.lease_owner, open=True)
    cancel(round_.world.visma.books, first.number)
    round_.pass_once()
    ledger.fail(first, "Nobody knows.", now=timezone.now(), owner=first.lease_owner)
    round_.clock.shift(60)
    while sweep().total:
        pass
    assert second(round_).status == Status.WAITING
    ledger.ignore(first, "The supplier was told by telephone.", now=timezone.now(), actor="kari")
    round_.clock.shift(settings.RETRY_LONGEST_SECONDS + 1)
    round_.work()
    assert purposes(round_) == ["01"]
