"""`manage.py rotate_keys`: afterwards the first key alone reads everything; what no key reads is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.db import connection as database
from django.test import override_settings

from connector.fields import SecretTextField
from connector.models import Connection
from mapping.models import Company
from tests.connector.commands.runs import run

UseKeys = Callable[..., None]


def _forget_keys() -> None:
    """Fields keep the keys that they have seen; a new process would not."""
    for field in Connection._meta.concrete_fields:
        if isinstance(field, SecretTextField):
            for kept in ("fernet", "fernet_keys"):
                field.__dict__.pop(kept, None)


@pytest.fixture
def use_keys() -> Iterator[UseKeys]:
    with ExitStack() as stack:

        def use(*keys: str) -> None:
            stack.enter_context(override_settings(FERNET_KEYS=list(keys)))
            _forget_keys()

        yield use
    _forget_keys()


@pytest.fixture
def with_old_key(company: Company, use_keys: UseKeys) -> None:
    use_keys("old")
    Connection.objects.create(company=company, system="visma", client_secret="visma-hush", token="T1")
    Connection.objects.create(company=company, system="sps", client_secret="sps-hush", webhook_secret="hook")


def _secrets() -> set[str]:
    return {
        secret
        for row in Connection.objects.values_list("client_secret", "webhook_secret", "token")
        for secret in row
        if secret
    }


def test_every_secret_is_readable_with_the_first_key_alone(with_old_key: None, use_keys: UseKeys) -> None:
    use_keys("new", "old")
    result = run("rotate_keys", "--json")
    assert (result.code, result.facts) == (0, {"rotated": 4, "unreadable": []})
    use_keys("new")
    assert _secrets() == {"visma-hush", "T1", "sps-hush", "hook"}
    assert run("rotate_keys", "--json").facts["rotated"] == 4


def test_a_value_that_no_key_reads_is_named_and_the_others_are_rotated(with_old_key: None, use_keys: UseKeys) -> None:
    sps = Connection.objects.get(system="sps").pk
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET client_secret = %s WHERE id = %s", [b"of a lost key", sps])
    use_keys("new", "old")
    result = run("rotate_keys", "--json")
    assert result.code == 1
    assert result.facts == {
        "rotated": 3,
        "unreadable": [{"model": "connector.Connection", "pk": str(sps), "field": "client_secret"}],
    }
    assert f"connector.Connection {sps}: no key reads client_secret" in result.words
    use_keys("new")
    assert Connection.objects.get(system="visma").client_secret == "visma-hush"


def test_no_secret_is_printed(with_old_key: None, use_keys: UseKeys) -> None:
    result = run("rotate_keys", "--json")
    assert "hush" not in result.stdout + result.words
