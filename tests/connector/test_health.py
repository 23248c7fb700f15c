"""Signs of life, and the figures for Prometheus with who may read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.authtoken.models import Token

from connector.models import Connection, Cursor, Heartbeat
from mapping.models import Company
from tests.connector.papers import a_held_invoice, an_invoice

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def test_alive_without_a_database(client: Client) -> None:
    """pytest-django refuses every query of a test that did not ask for the database."""
    assert client.get("/healthz").json() == {"alive": True}


@pytest.mark.django_db
def test_ready_with_a_worker_that_beats(client: Client, clock: time_machine.Traveller) -> None:
    Heartbeat.objects.create(worker="w", beat_at=timezone.now() - timedelta(seconds=29))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["workers"]) == (200, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(("ago", "status"), [(29, 200), (31, 503)])
def test_ready_while_every_worker_is_in_a_long_task(
    client: Client, company: Company, settings: Settings, clock: time_machine.Traveller, ago: int, status: int
) -> None:
    """The beat waits behind it; the lease is renewed before each call."""
    Heartbeat.objects.create(worker="w", beat_at=timezone.now() - timedelta(seconds=300))
    visma = Connection.objects.create(company=company, system="visma", url="https://x")
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS - ago)
    Cursor.objects.create(connection=visma, stream="orders", lease_owner="w", lease_until=until)
    assert client.get("/readyz").status_code == status


@pytest.mark.django_db
def test_not_ready_when_no_worker_beats(client: Client) -> None:
    Heartbeat.objects.create(worker="w", beat_at=timezone.now() - timedelta(seconds=31))
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert "no worker has shown itself for 30 seconds" in answer.json()["detail"]


def figures(client: Client, **meta: str) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics", **meta).content.decode()  # type: ignore[arg-type]  # extras of the environment are text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_are_what_the_database_says(client: Client, company: Company) -> None:
    now = timezone.now()
    a_held_invoice(company)
    waiting = an_invoice(company)
    type(waiting).objects.filter(pk=waiting.pk).update(due_at=now - timedelta(seconds=60))
    visma = Connection.objects.create(
        company=company,
        system="visma",
        url="https://x",
        token_url="https://x",
        client_id="c",
        calls=7,
        budget_limit=500,
        budget_remaining=400,
        budget_resets_at=now + timedelta(minutes=1),
    )
    Cursor.objects.create(connection=visma, stream="orders", succeeded_at=now - timedelta(seconds=30))
    Cursor.objects.create(connection=visma, stream="items")
    Heartbeat.objects.create(worker="w", beat_at=now - timedelta(seconds=5))
    read = figures(client)
    assert read["mlc_documents", "invoice", "held"] == 1
    assert read["mlc_holds", "price"] == 1
    assert read["mlc_calls_total", company.name, "visma"] == 7
    assert read["mlc_budget_remaining", company.name, "visma"] == 400
    assert read["mlc_workers",] == 1
    assert read["mlc_lag_seconds", company.name, "orders", "visma"] == pytest.approx(30, abs=2)
    assert read["mlc_heartbeat_age_seconds",] == pytest.approx(5, abs=2)
    assert read["mlc_oldest_due_seconds",] == pytest.approx(60, abs=2)
    assert ("mlc_lag_seconds", company.name, "items", "visma") not in read


def test_an_empty_system_has_figures_too(client: Client, db: None) -> None:
    read = figures(client)
    assert (read["mlc_workers",], read["mlc_oldest_due_seconds",]) == (0, 0)


def test_a_scrape_asks_a_handful_of_queries(
    client: Client, company: Company, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for subject in range(5):
        a_held_invoice(company, subject=str(subject))
    Heartbeat.objects.create(worker="w", beat_at=timezone.now())
    with django_assert_max_num_queries(7):
        client.get("/metrics")


def test_strangers_and_proxied_strangers_read_no_figures(client: Client, db: None) -> None:
    assert client.get("/metrics", **ELSEWHERE).status_code == 401  # type: ignore[arg-type]  # extras of the environment are text
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401
    assert client.get("/metrics").status_code == 200


def test_a_token_of_a_viewer_reads_figures(client: Client, db: None, settings: Settings) -> None:
    user = User.objects.create_user("prometheus")
    given = {"HTTP_AUTHORIZATION": f"Token {Token.objects.create(user=user).key}", **ELSEWHERE}
    assert client.get("/metrics", **given).status_code == 401  # type: ignore[arg-type]  # extras of the environment are text
    user.groups.add(Group.objects.get(name="Viewers"))
    assert client.get("/metrics", **given).status_code == 200  # type: ignore[arg-type]  # extras of the environment are text
    settings.METRICS_OPEN = True
    assert client.get("/metrics", **ELSEWHERE).status_code == 200  # type: ignore[arg-type]  # extras of the environment are text
