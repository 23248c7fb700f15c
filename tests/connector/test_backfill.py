"""Existing orders sent by hand: found on a fresh installation, counted before, sent once however often it is broken off."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import Document, Exchange, Kind
from connector.backfill import backfill, chosen
from connector.models import Connection
from connector.sandbox import World
from mapping.models import Company
from tests.acceptance.stage import HINGE, Row, Stage

SINCE = (date.today() - timedelta(days=60)).isoformat()  # noqa: DTZ011 - days_ago counts from today as well


@pytest.fixture
def fresh(db: None, credentials: None, tmp_path: Path) -> Iterator[Stage]:
    """Connected and mapped, and nothing was read yet."""
    with World(seed=7, mismatch_rate=0) as world:
        world.seed_company(0)
        stage = Stage(world, tmp_path)
        stage.connect()
        yield stage


def old_orders(stage: Stage) -> list[str]:
    return [stage.world.new_order("50000", [HINGE], days_ago=days) for days in (40, 30)]


def run(stage: Stage, *options: str) -> Row:
    return stage.run("backfill", "orders", "--since", SINCE, "--timeout", "30", *options)


def uploads() -> int:
    return Exchange.objects.filter(method="POST", path__contains="/data/in/").count()


def test_dry_run_on_a_fresh_installation_names_what_would_go_and_sends_nothing(fresh: Stage) -> None:
    old = old_orders(fresh)
    fresh.world.new_order("50000", [HINGE])
    fresh.world.new_order("50000", [HINGE], days_ago=40, status="Hold")
    found = run(fresh, "--dry-run", "--supplier", "50000")
    assert found["orders"] == old
    assert (found["calls"], found["queued"], found["dry_run"]) == (2, 0, True)
    assert fresh.mailbox() == []


def test_first_run_of_a_fresh_installation_sends_them_and_the_second_nothing(fresh: Stage) -> None:
    old = old_orders(fresh)
    assert run(fresh, "--supplier", "50000")["queued"] == 2
    assert [fresh.document("--order", order)["status"] for order in old] == ["delivered"] * 2
    before = uploads()
    again = run(fresh, "--supplier", "50000")
    assert (again["orders"], again["queued"], uploads()) == ([], 0, before)


def test_run_that_was_broken_off_is_finished_by_the_next_one(stage: Stage) -> None:
    old = old_orders(stage)
    stage.sync()
    company = Company.objects.get()
    orders = chosen(company, since=date.fromisoformat(SINCE), until=None, suppliers=["50000"], partners=[])
    assert [order.number for order in orders][:2] == old
    next(backfill(orders, actor="kari"))  # and then somebody pressed Ctrl-C
    before = uploads()
    found = run(stage, "--supplier", "50000")
    assert old[0] not in found["orders"]
    assert [stage.document("--order", order)["status"] for order in old] == ["delivered"] * 2
    assert uploads() - before == found["queued"] + 1
    assert Document.objects.filter(kind=Kind.ORDER, number__in=old).count() == 2


def test_last_order_of_a_run_that_was_broken_off_goes_though_nothing_is_left_to_queue(stage: Stage) -> None:
    old = old_orders(stage)
    stage.sync()
    company = Company.objects.get()
    orders = chosen(company, since=date.fromisoformat(SINCE), until=None, suppliers=["50000"], partners=[])
    assert len(list(backfill(orders, actor="kari"))) >= 2
    assert run(stage, "--supplier", "50000")["queued"] == 0
    assert [stage.document("--order", order)["status"] for order in old] == ["delivered"] * 2


def test_period_supplier_and_partner_narrow_it(fresh: Stage) -> None:
    first, second = old_orders(fresh)
    elsewhere = fresh.world.new_order("50001", days_ago=35)
    until = (date.today() - timedelta(days=35)).isoformat()  # noqa: DTZ011 - as above
    assert first in run(fresh, "--dry-run", "--until", until)["orders"]
    assert second not in run(fresh, "--dry-run", "--until", until)["orders"]
    assert elsewhere in run(fresh, "--dry-run", "--supplier", "50001")["orders"]
    of_partner = run(fresh, "--dry-run", "--partner", "NORDICPARTS01")["orders"]
    assert {first, second} <= set(of_partner)
    assert elsewhere not in of_partner
    assert fresh.mailbox() == []


def test_visma_that_does_not_answer_is_said_and_nothing_is_queued(fresh: Stage) -> None:
    old_orders(fresh)
    Connection.objects.filter(system="visma").update(url="http://127.0.0.1:9")
    with pytest.raises(CommandError, match="could not be reached") as raised:
        call_command(
            "backfill", "orders", "--since", SINCE, "--timeout", "0.1", stdout=io.StringIO(), stderr=io.StringIO()
        )
    assert raised.value.returncode == 1
    assert not Document.objects.exists()


def test_period_that_ends_before_it_begins_is_wrong_usage(fresh: Stage) -> None:
    with pytest.raises(CommandError) as raised:
        run(fresh, "--until", "2020-01-01")
    assert raised.value.returncode == 2
