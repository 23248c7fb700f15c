"""Status and connections through the API: figures as the command says them, and not a trace of a secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from connector.models import Connection, Cursor, Heartbeat
from mapping.models import Company
from tests.connector.api.conftest import Caller
from tests.connector.papers import a_delivered_order, a_held_invoice

SECRET = "s3cr3t-of-the-connection"


@pytest.fixture
def connection(company: Company) -> Connection:
    return Connection.objects.create(
        company=company,
        system="visma",
        url="http://127.0.0.1:9/",
        token_url="http://127.0.0.1:9/token",
        client_id="id",
        client_secret=SECRET,
        webhook_secret=SECRET,
        token=SECRET,
        budget_limit=500,
        budget_remaining=123,
        budget_resets_at=timezone.now() + timedelta(minutes=10),
    )


def test_status_counts_what_there_is(api: APIClient, company: Company, connection: Connection) -> None:
    now = timezone.now()
    a_held_invoice(company)
    a_delivered_order(company, delivered_at=now - timedelta(days=4))
    a_delivered_order(company, "PO101", delivered_at=now - timedelta(minutes=31))
    a_delivered_order(company, "PO102", delivered_at=now - timedelta(minutes=29))
    Cursor.objects.create(connection=connection, stream="orders", succeeded_at=now - timedelta(seconds=90))
    Cursor.objects.create(connection=connection, stream="items")
    Heartbeat.objects.create(worker="alive", beat_at=now)
    Heartbeat.objects.create(worker="dead", beat_at=now - timedelta(minutes=1))
    said = api.get("/api/v1/status/").json()
    assert said["documents"]["order"] == {"delivered": 3}
    assert said["documents"]["invoice"] == {"held": 1}
    assert said["documents"]["shipment"] == {}
    assert (said["holds"], said["unpicked"], said["unanswered"], said["workers"]) == (1, 2, 1, 1)
    assert 90 <= said["lag_seconds"]["orders"] < 95
    assert said["lag_seconds"]["items"] is None
    budget = said["budget"]["visma"]
    assert (budget["limit"], budget["remaining"]) == (500, 123)
    assert 590 <= budget["resets_in"] <= 600


def test_status_of_one_company_leaves_the_others_out(api: APIClient, company: Company, connection: Connection) -> None:
    a_held_invoice(company)
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    said = api.get("/api/v1/status/", {"company": other.name}).json()
    assert (said["holds"], said["documents"]["invoice"], said["budget"]) == (0, {}, {})
    assert api.get("/api/v1/status/", {"company": "Typo"}).status_code == 400


def test_a_window_that_has_ended_is_full_again(api: APIClient, connection: Connection) -> None:
    Connection.objects.update(budget_remaining=0, budget_resets_at=timezone.now() - timedelta(seconds=1))
    assert api.get("/api/v1/status/").json()["budget"]["visma"] == {"limit": 500, "remaining": 500, "resets_in": 0}


def test_what_no_system_has_told_yet_is_assumed_or_unknown(api: APIClient, connection: Connection) -> None:
    Connection.objects.update(budget_limit=0, budget_remaining=0, budget_resets_at=None)
    Connection.objects.create(company=connection.company, system="sps", budget_remaining=-2)
    budget = api.get("/api/v1/status/").json()["budget"]
    assert budget["visma"] == {"limit": 500, "remaining": 500, "resets_in": 0}
    assert budget["sps"] == {"limit": None, "remaining": None, "resets_in": 0}


def test_nothing_is_left_while_the_other_side_refuses(api: APIClient, connection: Connection) -> None:
    Connection.objects.update(blocked_until=timezone.now() + timedelta(seconds=100))
    budget = api.get("/api/v1/status/").json()["budget"]["visma"]
    assert (budget["limit"], budget["remaining"]) == (500, 0)
    assert 95 <= budget["resets_in"] <= 100


def test_of_several_companies_the_tightest_counts(api: APIClient, connection: Connection) -> None:
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    ends = timezone.now() + timedelta(minutes=1)
    Connection.objects.create(
        company=other, system="visma", budget_limit=500, budget_remaining=7, budget_resets_at=ends
    )
    assert api.get("/api/v1/status/").json()["budget"]["visma"]["remaining"] == 7


def test_a_connection_never_shows_its_secrets(api: APIClient, connection: Connection) -> None:
    answer = api.get(f"/api/v1/connections/{connection.pk}/")
    assert answer.json()["has_client_secret"] is True
    assert SECRET.encode() not in answer.content
    assert SECRET.encode() not in api.get("/api/v1/connections/").content


def test_a_ping_of_what_does_not_answer_says_so(api: APIClient, connection: Connection) -> None:
    said = api.post(f"/api/v1/connections/{connection.pk}/ping/").json()
    assert said["ok"] is False
    assert said["checks"][0]["name"] == "token"
    assert SECRET not in str(said)


def test_only_who_may_pings(caller: Caller, connection: Connection) -> None:
    finance = caller("Finance")
    assert finance.post(f"/api/v1/connections/{connection.pk}/ping/").status_code == 403
