"""Connections: a secret goes in and never comes out; workers' writes survive an edit; ping, pause, resume."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.forms import Form
from django.test import Client
from django.urls import reverse

from connector.models import Connection, Cursor
from mapping.models import Company
from tests.connector.test_admin_documents import client_of

SECRET, TOKEN = "s3cret-of-the-client", "t0ken-of-the-hour"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def visma(company: Company) -> Connection:
    return Connection.objects.create(
        company=company,
        system="visma",
        url="http://127.0.0.1:9/api",
        token_url="http://127.0.0.1:9/token",
        client_id="isv",
        client_secret=SECRET,
        webhook_secret="hook-secret",
        token=TOKEN,
        token_expires_at=NOON,
    )


def page(connection: Connection) -> str:
    return reverse("admin:connector_connection_change", args=[connection.pk])


def filled(client: Client, connection: Connection, **changes: str) -> dict[str, Any]:
    """What a browser would post: the form as shown, with changes."""
    form: Form = client.get(page(connection)).context["adminform"].form
    posted = {name: form[name].value() for name in form.fields}
    posted = {name: "" if value is None else value for name, value in posted.items()}
    rows = {"cursors-TOTAL_FORMS": "0", "cursors-INITIAL_FORMS": "0"}
    return {**posted, **rows, "change_reason": "as agreed", **changes}


def test_no_page_shows_a_secret(boss: Client, visma: Connection) -> None:
    Cursor.objects.create(connection=visma, stream="orders")
    addresses = [
        page(visma),
        f"{page(visma)[:-7]}history/",
        reverse("admin:connector_connection_changelist"),
        "/admin/",
    ]
    record = visma.history.first()
    addresses.append(reverse("admin:connector_connection_simple_history", args=[visma.pk, record.pk]))
    for address in addresses:
        shown = boss.get(address, follow=True)
        assert shown.status_code == 200
        for secret in (SECRET, TOKEN, "hook-secret"):
            assert secret not in shown.content.decode(), address


def test_an_empty_secret_keeps_what_is_stored(boss: Client, visma: Connection) -> None:
    boss.post(page(visma), filled(boss, visma, client_id="isv-2"))
    visma.refresh_from_db()
    assert (visma.client_id, visma.client_secret, visma.webhook_secret) == ("isv-2", SECRET, "hook-secret")


def test_a_secret_is_replaced_and_stands_nowhere_else(
    boss: Client, visma: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = boss.post(page(visma), filled(boss, visma, new_client_secret="brand-new"), follow=True).content.decode()
    visma.refresh_from_db()
    assert visma.client_secret == "brand-new"
    assert visma.token == "", "the next call asks with the new secret"
    kept = [said, caplog.text, *(entry.change_message for entry in LogEntry.objects.all())]
    kept += [str(record.__dict__) for record in visma.history.all()]
    assert not any("brand-new" in text for text in kept)


def test_a_form_with_an_error_does_not_give_the_secret_back(boss: Client, visma: Connection) -> None:
    said = boss.post(page(visma), filled(boss, visma, url="nonsense", new_client_secret="brand-new"))
    assert "brand-new" not in said.content.decode()
    visma.refresh_from_db()
    assert visma.client_secret == SECRET


def test_what_workers_write_meanwhile_survives_an_edit(boss: Client, visma: Connection) -> None:
    posted = filled(boss, visma, poll_seconds="300")
    Connection.objects.filter(pk=visma.pk).update(calls=77, budget_remaining=3)
    visma.token = "renewed"
    visma.save(update_fields=["token"])
    boss.post(page(visma), posted)
    visma.refresh_from_db()
    assert (visma.poll_seconds, visma.calls, visma.budget_remaining, visma.token) == (300, 77, 3, "renewed")


def test_a_change_needs_its_reason_and_keeps_it(boss: Client, visma: Connection) -> None:
    said = boss.post(page(visma), filled(boss, visma, client_id="x", change_reason="")).content.decode()
    assert "why you change this" in said
    boss.post(page(visma), filled(boss, visma, client_id="x", change_reason="new contract"))
    assert visma.history.first().history_change_reason == "new contract"


def test_ping_shows_what_does_not_work_without_a_stack_trace(boss: Client, visma: Connection) -> None:
    address = reverse("admin:connector_connection_ping", args=[visma.pk])
    assert boss.get(address).status_code == 405
    shown = boss.post(address).content.decode()
    assert "does not work" in shown
    assert "Traceback" not in shown
    assert SECRET not in shown


def test_pause_and_resume(boss: Client, visma: Connection) -> None:
    boss.post(reverse("admin:connector_connection_pause", args=[visma.pk]), {"reason": "audit"})
    visma.refresh_from_db()
    assert visma.paused_at
    assert visma.paused_reason == "boss: audit"
    boss.post(reverse("admin:connector_connection_resume", args=[visma.pk]))
    visma.refresh_from_db()
    assert visma.paused_at is None


@pytest.mark.parametrize("role", ["Finance", "Procurement", "Viewers"])
def test_a_role_sees_a_connection_and_changes_nothing(visma: Connection, role: str) -> None:
    client = client_of(role)
    shown = client.get(page(visma)).content.decode()
    assert "new_client_secret" not in shown
    assert SECRET not in shown
    assert client.post(page(visma), {"client_id": "mine"}).status_code == 403
    for verb in ("ping", "pause", "resume"):
        assert client.post(reverse(f"admin:connector_connection_{verb}", args=[visma.pk])).status_code == 403
