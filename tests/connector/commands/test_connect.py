"""`manage.py connect`: made once, changed by halves, secrets only from the environment, one company to a mailbox."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection as database
from django.test import override_settings
from django.utils import timezone

from connector.models import Connection
from mapping.models import Company
from tests.connector.commands.runs import Run, run

NEW = (
    "--visma-url", "https://api.finance.visma.net/", "--visma-token-url", "https://connect.visma.com/connect/token",
    "--visma-client-id", "isv_us", "--visma-tenant", "tenant-1",
    "--sps-url", "https://API.spscommerce.com", "--sps-token-url", "https://auth.spscommerce.com/oauth/token",
    "--sps-client-id", "sps-us",
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISMA_CLIENT_SECRET", "visma-hush")
    monkeypatch.setenv("SPS_CLIENT_SECRET", "sps-hush\n")


def _connect(name: str = "Nordic Tools AS", *options: str) -> Run:
    return run("connect", name, *NEW, *options, "--json")


def _both() -> tuple[Connection, Connection]:
    return Connection.objects.get(system="visma"), Connection.objects.get(system="sps")


def test_a_company_and_both_connections_are_made_with_their_defaults(clock: time_machine.Traveller) -> None:
    assert _connect().code == 0
    visma, sps = _both()
    assert (visma.url, visma.tenant, visma.token_body) == ("https://api.finance.visma.net", "tenant-1", "form")
    assert (visma.absence_lag_seconds, visma.poll_seconds) == (240, 120)
    assert visma.scope.split()[0] == "vismanet_erp_service_api:read"
    assert (sps.url, sps.token_body, sps.audience) == ("https://api.spscommerce.com", "json", "https://spscommerce.com")
    assert (sps.in_dir, sps.out_dir, sps.absence_lag_seconds, sps.poll_seconds) == ("in/", "out/", 300, 600)
    assert (visma.client_secret, sps.client_secret) == ("visma-hush", "sps-hush")
    assert Company.objects.get().orders_from == date(2026, 3, 2)


def test_today_is_the_companys_today(clock: time_machine.Traveller) -> None:
    clock.shift(timedelta(hours=14, minutes=30))
    _connect("Oslo AS")
    _connect("Reykjavik AS", "--time-zone", "Atlantic/Reykjavik", "--sps-client-id", "other")
    assert dict(Company.objects.values_list("name", "orders_from")) == {
        "Oslo AS": date(2026, 3, 3),
        "Reykjavik AS": date(2026, 3, 2),
    }


def test_the_secret_is_neither_shown_nor_stored_readably() -> None:
    result = _connect()
    assert "hush" not in result.stdout + result.words
    with database.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM connector_connection")
        assert all(b"hush" not in bytes(value) for (value,) in cursor.fetchall())
        cursor.execute("SELECT * FROM connector_historicalconnection")
        assert "hush" not in str(cursor.fetchall())


def test_the_same_command_twice_changes_nothing() -> None:
    _connect()
    before = Connection.history.count(), Company.history.count()
    result = _connect()
    assert result.facts["changed"] == {"company": [], "visma": [], "sps": []}
    assert (Connection.history.count(), Company.history.count()) == before


def test_an_update_changes_only_what_is_named(monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller) -> None:
    _connect("Nordic Tools AS", "--orders-from", "2026-02-01")
    monkeypatch.delenv("VISMA_CLIENT_SECRET")
    monkeypatch.delenv("SPS_CLIENT_SECRET")
    clock.shift(timedelta(days=3))
    result = run("connect", "Nordic Tools AS", "--sps-out", "/testout", "--visma-settle", "100", "--json")
    visma, sps = _both()
    assert result.facts["changed"] == {"company": [], "visma": ["absence_lag_seconds"], "sps": ["out_dir"]}
    assert (sps.out_dir, sps.in_dir, visma.absence_lag_seconds) == ("testout/", "in/", 100)
    assert (visma.client_secret, sps.client_secret) == ("visma-hush", "sps-hush")
    assert Company.objects.get().orders_from == date(2026, 2, 1)
    assert Connection.history.filter(system="sps").latest().history_change_reason == "manage.py connect: out_dir"


def test_new_credentials_drop_the_token_and_end_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    _connect()
    later = timezone.now() + timedelta(hours=1)
    Connection.objects.update(
        token="old", token_expires_at=later, paused_at=timezone.now(), paused_reason="refused", calls=7
    )
    monkeypatch.setenv("VISMA_CLIENT_SECRET", "visma-new")
    run("connect", "Nordic Tools AS")
    visma, sps = _both()
    assert (visma.client_secret, visma.token, visma.token_expires_at, visma.paused_at) == ("visma-new", "", None, None)
    assert visma.calls == 7
    assert (sps.token, sps.paused_reason) == ("old", "refused")


def test_a_first_time_without_what_it_needs_is_wrong_usage_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = run("connect", "Nordic Tools AS", "--visma-url", "https://api.finance.visma.net")
    assert missing.code == 2
    assert "--visma-token-url, --visma-client-id, --visma-tenant" in missing.error
    monkeypatch.delenv("SPS_CLIENT_SECRET")
    without_secret = _connect()
    assert (without_secret.code, Company.objects.count()) == (2, 0)
    assert "SPS_CLIENT_SECRET" in without_secret.error


@pytest.mark.parametrize(
    "directories",
    [
        (),
        ("--sps-in", "in2"),
        ("--sps-out", "out2"),
        ("--sps-in", "in2", "--sps-out", "out/PO"),
        ("--sps-in", "out/x", "--sps-out", "out2"),
    ],
)
def test_a_second_company_in_the_same_mailbox_is_refused(directories: tuple[str, ...]) -> None:
    _connect()
    result = _connect("Second AS", *directories)
    assert result.code == 1
    assert "Nordic Tools AS already trades through" in result.error
    assert Company.objects.count() == 1
    assert Connection.objects.count() == 2


def test_a_second_company_with_its_own_directories_or_client_is_welcome() -> None:
    assert _connect().code == 0
    assert _connect("Second AS", "--sps-in", "b/in", "--sps-out", "b/out").code == 0
    assert _connect("Third AS", "--sps-client-id", "third").code == 0


@pytest.mark.parametrize(
    "option",
    [
        ("--visma-url", "ftp://api.finance.visma.net"),
        ("--visma-url", "api.finance.visma.net"),
        ("--sps-url", "https://user:password@api.spscommerce.com"),
        ("--sps-token-url", "https://"),
        ("--sps-in", "/"),
        ("--sps-out", "../out"),
        ("--time-zone", "Oslo"),
        ("--time-zone", "../../etc/passwd"),
        ("--orders-from", "01.02.2026"),
        ("--visma-client-id", " "),
        ("--visma-settle", "-5"),
        ("--visma-tenant", "x" * 101),
    ],
)
def test_values_that_make_no_sense_are_wrong_usage_and_leave_nothing(option: tuple[str, str]) -> None:
    result = _connect("Nordic Tools AS", *option)
    assert (result.code, Company.objects.count()) == (2, 0)
    assert list(result.facts) == ["error"]


def test_our_own_orders_are_never_read_as_answers() -> None:
    result = _connect("Nordic Tools AS", "--sps-in", "edi", "--sps-out", "edi/out")
    assert (result.code, Company.objects.count()) == (1, 0)
    assert "overlap" in result.error


@pytest.mark.parametrize(
    ("url", "debug", "code"),
    [
        ("http://127.0.0.1:9100/visma", False, 0),
        ("http://localhost:9100/visma", False, 0),
        ("http://[::1]:9100/visma", False, 0),
        ("http://api.finance.visma.net", False, 2),
        ("http://sandbox:9100/visma", True, 0),
    ],
)
def test_credentials_travel_readably_only_on_this_machine(url: str, debug: bool, code: int) -> None:
    with override_settings(DEBUG=debug):
        assert _connect("Nordic Tools AS", "--visma-url", url).code == code


def test_there_is_no_option_for_a_secret() -> None:
    for option in ("--visma-client-secret", "--sps-client-secret", "--secret"):
        assert "unrecognized arguments" in _connect("Nordic Tools AS", option, "x").error
