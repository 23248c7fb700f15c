"""Secrets: what is stored is unreadable without a key, survives every way of saving, and never leaves by an export."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection as database
from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Concat, Upper
from hypothesis import HealthCheck, given
from hypothesis import settings as at_most
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from connector.fields import SecretTextField
from connector.models import Connection
from mapping.models import Company

SOUNDS_SECRET = re.compile(r"secret|password|^token$")
SECRET_COLUMNS = ("client_secret", "webhook_secret", "token")


@pytest.fixture
def visma(company: Company) -> Connection:
    return Connection.objects.create(company=company, system="visma", client_id="us", client_secret="hush", token="t1")


@pytest.fixture
def fresh_keys(settings: Settings) -> Any:
    """Sets FERNET_KEYS as a new process would see them: the field remembers its keys for the life of a process."""

    def use(*keys: str) -> None:
        settings.FERNET_KEYS = list(keys)
        forget_keys()

    yield use
    forget_keys()


def forget_keys() -> None:
    for column in SECRET_COLUMNS:
        for name in ("keys", "fernet_keys", "fernet"):
            Connection._meta.get_field(column).__dict__.pop(name, None)


def stored(column: str = "client_secret") -> bytes:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM connector_connection")
        return bytes(cursor.fetchone()[0])


def secret(row: Connection) -> str:
    return Connection.objects.get(pk=row.pk).client_secret


def test_what_is_stored_does_not_show_the_secret(visma: Connection) -> None:
    assert b"hush" not in stored()
    assert secret(visma) == "hush"


class AnyText(TestCase):
    @at_most(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_any_text_comes_back_as_it_was(self, text: str) -> None:
        company, _ = Company.objects.get_or_create(name="A", defaults={"orders_from": "2026-01-01"})
        row = Connection.objects.create(company=company, system="visma", client_secret=text)

        assert secret(row) == text


def test_bulk_update_keeps_values(visma: Connection) -> None:
    visma.client_secret, visma.token = "quite another", ""

    Connection.objects.bulk_update([visma], ["client_secret", "token"])

    assert secret(visma) == "quite another"
    assert Connection.objects.get().token == ""
    assert b"quite another" not in stored()


def test_update_with_a_value_encrypts_it(visma: Connection) -> None:
    Connection.objects.update(client_secret="newer")

    assert secret(visma) == "newer"


@pytest.mark.parametrize(
    "expression",
    [
        Upper("client_id"),
        Concat("client_id", Value("x")),
        Case(When(client_id="us", then=F("client_id")), default=Value("plain")),
        Case(When(client_id="us", then=Value("plain")), default=Value("plain")),
        Case(When(client_id="us", then=Value("plain", output_field=models.TextField()))),
        Value("plain"),
        F("token"),
    ],
    ids=["function", "concatenation", "case over a column", "case by hand", "case of text", "wrapped value", "column"],
)
def test_expressions_are_refused_and_nothing_is_destroyed(visma: Connection, expression: Any) -> None:
    with pytest.raises(FieldError, match=r"client_secret is encrypted"), transaction.atomic():
        Connection.objects.update(client_secret=expression)

    assert secret(visma) == "hush"


def test_saving_with_an_expression_is_refused(visma: Connection) -> None:
    visma.client_secret = Upper("client_id")  # type: ignore[assignment]  # the very mistake

    with pytest.raises(FieldError):
        visma.save()


def test_look_ups_on_a_secret_are_refused(visma: Connection) -> None:
    with pytest.raises(FieldError):
        Connection.objects.filter(client_secret="hush").exists()


def test_dumpdata_is_refused(visma: Connection) -> None:
    with pytest.raises(FieldError, match="is encrypted and is not exported"):
        serializers.serialize("json", [visma])


def test_without_keys_nothing_is_stored_or_read_not_even_with_the_secret_key(
    visma: Connection, settings: Settings, fresh_keys: Any
) -> None:
    fresh_keys()
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS is empty"):
        secret(visma)

    del settings.FERNET_KEYS
    forget_keys()
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS is empty"):
        visma.save()


def test_a_new_first_key_encrypts_and_the_old_one_still_reads(visma: Connection, fresh_keys: Any) -> None:
    fresh_keys("old")
    visma.save()
    fresh_keys("new", "old")
    assert secret(visma) == "hush"

    Connection.objects.get().save()

    fresh_keys("new")
    assert secret(visma) == "hush"


def test_a_wrong_key_is_an_error_and_not_an_empty_or_garbled_value(visma: Connection, fresh_keys: Any) -> None:
    fresh_keys("other")

    with pytest.raises(InvalidToken):
        secret(visma)


def test_no_history_table_has_an_encrypted_column() -> None:
    tables: list[type[models.Model]] = [
        model for model in apps.get_models() if hasattr(model, "history_id") or "Historical" in model.__name__
    ]

    assert tables
    for table in tables:
        assert not [field.name for field in table._meta.get_fields() if isinstance(field, SecretTextField)], table


def test_every_column_that_sounds_secret_is_encrypted() -> None:
    ours = [model for app in ("mapping", "audit", "connector") for model in apps.get_app_config(app).get_models()]
    sounding = [field for model in ours for field in model._meta.concrete_fields if SOUNDS_SECRET.search(field.name)]

    assert {field.name for field in sounding} >= set(SECRET_COLUMNS)
    assert [field for field in sounding if not isinstance(field, SecretTextField)] == []
