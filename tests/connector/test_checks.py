"""Settings that do not fit together are named at the start."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection as database
from pytest_django.fixtures import Settings

from connector.checks import lease_outlasts_a_call, secrets_can_be_read
from connector.models import Connection
from mapping.models import Company


@pytest.mark.parametrize(
    ("timeout", "lease", "fits"), [(60, 120, True), (120, 120, False), (130, 120, False), (0, 9, False)]
)
def test_a_call_must_end_before_its_lease(settings: Settings, timeout: float, lease: float, fits: bool) -> None:
    settings.REQUEST_TIMEOUT_SECONDS, settings.LEASE_SECONDS = timeout, lease
    assert [fault.msg for fault in lease_outlasts_a_call()] == (
        []
        if fits
        else [
            f"REQUEST_TIMEOUT_SECONDS is {timeout:g} and must be above 0 and below LEASE_SECONDS, which is {lease:g}."
        ]
    )


def test_secrets_that_no_key_reads_are_named(company: Company) -> None:
    row = Connection.objects.create(company=company, system="visma", url="https://x", token_url="https://x/t")
    assert secrets_can_be_read(databases=["default"]) == []
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET webhook_secret = %s", [b"of another key"])
    assert [fault.msg for fault in secrets_can_be_read(databases=["default"])] == [
        f"connector.Connection {row.pk}: no key of FIELD_ENCRYPTION_KEYS reads webhook_secret."
    ]
    with pytest.raises(SystemCheckError, match="webhook_secret"):
        call_command("check", databases=["default"], fail_level="WARNING")


def test_without_a_database_to_ask_secrets_are_left_alone() -> None:
    """pytest-django refuses every query of a test that did not ask for the database."""
    assert secrets_can_be_read() == []
