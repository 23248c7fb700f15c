"""`manage.py ping` against the stand-ins of both systems: what works, what does not, and never a stack trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from connector.clients import pause
from connector.models import Connection
from connector.sandbox.world import World
from mapping.models import Company
from tests.connector.commands.runs import Run, run
from tests.connector.stand_in import Asked, Said, StandIn, json_said


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=1) as world:
        world.seed_company()
        yield world


@pytest.fixture
def connected(company: Company, world: World, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setenv("VISMA_CLIENT_SECRET", world.credentials.visma_client_secret)
    monkeypatch.setenv("SPS_CLIENT_SECRET", world.credentials.sps_client_secret)
    made = run(
        "connect", company.name,
        "--visma-url", world.visma_url, "--visma-token-url", world.visma_token_url,
        "--visma-client-id", world.credentials.visma_client_id, "--visma-tenant", world.credentials.visma_tenant,
        "--sps-url", world.sps_url, "--sps-token-url", world.sps_token_url,
        "--sps-client-id", world.credentials.sps_client_id,
    )  # fmt: skip
    assert made.code == 0, made.error
    return company


def _failing(result: Run) -> dict[str, list[str]]:
    return {
        system: [check["name"] for check in found["checks"] if not check["ok"]]
        for system, found in result.facts.items()
    }


def _detail(result: Run, system: str, name: str) -> str:
    checks: list[dict[str, Any]] = result.facts[system]["checks"]
    return next(str(check["detail"]) for check in checks if check["name"] == name)


def test_everything_works(connected: Company) -> None:
    result = run("ping", "--json")
    assert result.code == 0, result.words
    assert [check["name"] for check in result.facts["visma"]["checks"]] == [
        "token", "company", "purchase orders", "purchase receipts", "supplier invoices", "call budget",
    ]  # fmt: skip
    assert [check["name"] for check in result.facts["sps"]["checks"]] == [
        "token", "auth-check", "in/", "out/", "call budget",
    ]  # fmt: skip
    assert result.facts["visma"]["ok"] is True
    assert "calls left until" in _detail(result, "visma", "call budget")
    assert "Visma.net · token: ok, issued" in result.words


def test_a_window_that_is_over_says_nothing_of_the_calls_that_are_left(connected: Company) -> None:
    over = timezone.now() - timedelta(seconds=1)
    Connection.objects.filter(system="sps").update(budget_limit=20, budget_remaining=0, budget_resets_at=over)
    assert _detail(run("ping", "--json"), "sps", "call budget") == "nothing was said about a limit"


def test_it_costs_five_calls_to_visma_and_four_to_sps(connected: Company) -> None:
    run("ping")
    assert dict(Connection.objects.values_list("system", "calls")) == {"visma": 5, "sps": 4}


def test_a_wrong_secret_is_told_in_the_other_sides_words_and_pauses_nothing(connected: Company) -> None:
    Connection.objects.filter(system="visma").update(client_secret="wrong")
    result = run("ping", "--json")
    assert result.code == 1
    assert _failing(result) == {"visma": ["token"], "sps": []}
    assert "invalid_client" in _detail(result, "visma", "token")
    assert Connection.objects.get(system="visma").paused_at is None


def test_a_wrong_tenant_gets_a_token_and_is_explained(connected: Company) -> None:
    Connection.objects.filter(system="visma").update(tenant="00000000-0000-0000-0000-000000000000")
    result = run("ping", "--json")
    assert result.code == 1
    assert "company" in _failing(result)["visma"]
    assert "must be the company's own id, not the customer's" in _detail(result, "visma", "company")


def test_a_missing_directory_is_explained_with_those_that_exist(connected: Company) -> None:
    Connection.objects.filter(system="sps").update(out_dir="testout/")
    result = run("ping", "--json")
    assert _failing(result) == {"visma": [], "sps": ["testout/"]}
    detail = _detail(result, "sps", "testout/")
    assert "A new account has no directories" in detail
    assert "its root shows in/" in detail


def test_when_everything_works_a_paused_connection_goes_on(connected: Company) -> None:
    visma = Connection.objects.get(system="visma")
    pause(visma, "invalid_client")
    result = run("ping", "--json")
    assert result.code == 0
    assert "invalid_client. It goes on now." in _detail(result, "visma", "pause")
    assert Connection.objects.get(system="visma").paused_at is None


def test_a_paused_connection_stays_paused_while_something_fails(connected: Company) -> None:
    Connection.objects.filter(system="visma").update(client_secret="wrong")
    pause(Connection.objects.get(system="visma"), "invalid_client")
    assert _failing(run("ping", "--json"))["visma"] == ["token", "pause"]
    assert Connection.objects.get(system="visma").paused_at is not None


def test_a_system_that_is_not_there_is_a_sentence(connected: Company) -> None:
    Connection.objects.update(url="http://127.0.0.1:9", token_url="http://127.0.0.1:9/token")
    result = run("ping", "--json")
    assert result.code == 1
    assert _failing(result) == {"visma": ["token"], "sps": ["token"]}


def test_a_server_that_talks_nonsense_is_a_sentence_too(connected: Company) -> None:
    def nonsense(asked: Asked) -> Said:
        if asked.method == "POST":
            return json_said({"access_token": "x", "expires_in": 60})
        return Said(200, b"<html>maintenance")

    with StandIn(nonsense) as server:
        Connection.objects.update(url=server.url, token_url=f"{server.url}/token")
        result = run("ping", "--json")
    assert result.code == 1
    assert _failing(result)["visma"] == ["company", "purchase orders", "purchase receipts", "supplier invoices"]


def test_without_connections_or_with_lost_keys_it_still_answers_in_its_form(company: Company, world: World) -> None:
    Connection.objects.create(company=company, system="visma", client_secret="x")
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET client_secret = %s", [b"of another key"])
    result = run("ping", "--json")
    assert result.code == 1
    assert _failing(result) == {"visma": ["connection"], "sps": ["connection"]}
    assert "FIELD_ENCRYPTION_KEYS" in _detail(result, "visma", "connection")
