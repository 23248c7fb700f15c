"""When both sides are looked at, what is kept of it, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Document, Exchange
from connector import tasks
from connector.completeness import Account, account, stale
from connector.errors import RateLimited
from connector.models import Completeness, Connection, Cursor
from connector.sandbox.wire import Reply, Request
from connector.status import status
from mapping.models import Company
from tests.acceptance.stage import Stage
from tests.connector.completeness.sides import HOUR, SEEDED, steal
from tests.papers import ack


def test_everything_that_ended_somewhere_is_accounted_for(stage: Stage, ours: Company) -> None:
    order = stage.order()
    stage.cancel(stage.world.new_order("50000"))
    stage.sends("order_ack", ack(order, "AK"))
    stage.sends("order_ack", ack("PO999999", "AK"))
    stage.sync()
    found = account(ours)
    assert found.figures == {
        "orders": SEEDED | {"cancelled": 1, "sent": 1},
        "files": {"posted": 1, "waiting": 1},
    }
    assert (found.unexplained, found.caught, found.total) == ([], [], 7)


def test_nothing_unexplained_writes_nothing_but_the_figures(stage: Stage, ours: Company) -> None:
    stage.order()
    before = Document.objects.count()
    first, again = account(ours), account(ours)
    assert first.figures == again.figures
    assert Document.objects.count() == before
    assert str(Completeness.objects.get()) == "Demo: 0 unexplained of 4"


def test_account_without_a_history_covers_orders_and_the_mailbox_and_says_what_it_cannot_see(
    stage: Stage, ours: Company
) -> None:
    handle = stage.world.sps.handle

    def without_history(call: Request) -> Reply:
        return Reply(404) if call.path.endswith("/history") else handle(call)

    stage.world.sps.handle = without_history  # type: ignore[method-assign]  # the one seam: an account without it
    stage.order()
    found = account(ours)
    assert found.figures["orders"]["sent"] == 1
    assert "no history" in Completeness.objects.get().problem


def test_since_looks_at_what_is_dated_since(stage: Stage, ours: Company) -> None:
    stage.order()
    assert account(ours, since=ours.orders_from).figures["orders"] == {"held": 1, "not_open": 1, "sent": 1}


def test_look_at_a_part_leaves_the_figures_of_the_whole(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    account(ours)
    Completeness.objects.update(at=timezone.now() - timedelta(hours=13))
    tomorrow = timezone.now().date() + timedelta(days=1)
    stage.run("completeness", "--since", f"{tomorrow}")
    row = Completeness.objects.get()
    assert (row.unexplained, row.total, row.lease_until) == (1, 4, None)
    assert timezone.now() - row.tried_at < HOUR
    assert stale(timezone.now()) == [ours]


def test_least_right_to_the_budget_and_what_was_known_stays(stage: Stage, ours: Company) -> None:
    stage.order()
    account(ours)
    ends = timezone.now() + timedelta(hours=1)
    Connection.objects.filter(system="visma").update(budget_limit=500, budget_remaining=70, budget_resets_at=ends)
    before = Exchange.objects.count()
    with pytest.raises(RateLimited):
        account(ours)
    kept = Completeness.objects.get()
    assert (kept.total, Exchange.objects.count()) == (4, before)
    assert "kept for what is more urgent" in kept.problem


def test_night_looks_once_at_each_company(stage: Stage, ours: Company) -> None:
    stage.order()
    assert tasks.account() == 1
    assert tasks.account_for(ours.pk) == "0 unexplained of 4"
    assert stale(timezone.now()) == []
    calls = Exchange.objects.count()
    assert tasks.account() == 0
    assert tasks.account_for(ours.pk) == "done by an earlier task, or at it"
    assert Exchange.objects.count() == calls


def test_night_leaves_a_company_alone_whose_orders_are_being_read_for_the_first_time(
    stage: Stage, ours: Company
) -> None:
    Cursor.objects.filter(stream="orders").update(succeeded_at=None)
    assert (stale(timezone.now()), tasks.account()) == ([], 0)


def test_look_that_takes_long_is_not_begun_a_second_time(stage: Stage, ours: Company) -> None:
    """The queue gives a task out again when it has run for long; a person who asks is answered."""
    stage.order()
    handle, asked_meanwhile = stage.world.sps.handle, list[str]()

    def meanwhile(call: Request) -> Reply:
        if not asked_meanwhile:
            asked_meanwhile.append(tasks.account_for(ours.pk))
        return handle(call)

    stage.world.sps.handle = meanwhile  # type: ignore[method-assign]  # the one seam: while a look is under way
    assert tasks.account_for(ours.pk) == "0 unexplained of 4"
    assert asked_meanwhile == ["done by an earlier task, or at it"]
    assert Completeness.objects.get().lease_until is None


def test_look_that_broke_off_is_made_up_for_in_the_next_hour(stage: Stage, ours: Company) -> None:
    stage.order()
    Connection.objects.filter(system="visma").update(blocked_until=timezone.now() + HOUR)
    assert "wait until" in tasks.account_for(ours.pk)
    assert stale(timezone.now()) == [ours]


def test_command_and_dashboard_say_the_figures(stage: Stage, ours: Company, admin_client: Client) -> None:
    stage.order()
    said = stage.run("completeness")
    assert (said["orders"], said["total"], said["unexplained"]) == (SEEDED | {"sent": 1}, 4, [])
    page = admin_client.get("/admin/").content.decode()
    assert "Unexplained of 4 orders and files" in page
    assert admin_client.get("/admin/connector/completeness/").status_code == 200


@pytest.mark.parametrize(
    ("hours", "says", "well"),
    [
        (None, "of 0 orders and files, not all looked at yet", False),
        (1, "of 4 orders and files", True),
        (35, "of 4 orders and files", True),
        (37, "of 4 orders and files, last looked at on ", False),
    ],
)
def test_dashboard_is_not_well_with_a_look_that_is_old_or_none(
    stage: Stage, ours: Company, admin_client: Client, hours: int | None, says: str, well: bool
) -> None:
    stage.order()
    if hours is not None:
        account(ours)
        Completeness.objects.update(at=timezone.now() - hours * HOUR)
    tiles = admin_client.get("/admin/").context["tiles"]
    [tile] = [tile for tile in tiles if tile["name"].startswith("Unexplained")]
    assert says in tile["name"]
    assert (tile["figure"], tile["well"], tile["name"].endswith("files")) == (0, well, well)


def test_status_has_no_look_while_one_company_has_none(stage: Stage, ours: Company) -> None:
    account(ours)
    assert status()["completeness"]["at"]
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    Completeness.objects.create(company=other, tried_at=timezone.now(), problem="the budget was used up")
    assert status()["completeness"]["at"] is None


def test_account_adds_up() -> None:
    found = Account(None)
    found.orders.update(sent=12_000, held=18)
    found.files.update(posted=400)
    assert found.total == 12_418
