"""Writers of SQLite take turns: whoever waits is next, and nobody who died keeps the others waiting."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from config.sqlite3.base import DatabaseWrapper
from mapping.models import Company
from tests.connector.processes import until

pytestmark = [
    pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite"),
    pytest.mark.django_db(transaction=True),
]
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = """
import os, django
django.setup()
from django.db import connection, transaction
from config.sqlite3.base import go_first
from mapping.models import Company
connection.settings_dict["NAME"] = os.environ["DATABASE"]
"""
IN_A_TRANSACTION = """
with transaction.atomic():
    print("begun", flush=True)
    input()
"""


WRITES_A_NAME = """
print("writes", flush=True)
Company.objects.create(name={name!r}, orders_from="2026-01-01")
"""


def is_free(lock: str = "turn") -> bool:
    """Whether another process could begin to write at once; with "first", whether nobody is passing the others."""
    with Path(f"{settings.DATABASES['default']['NAME']}-{lock}").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def elsewhere(code: str) -> subprocess.Popen[bytes]:
    """Another process on the same database."""
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "DATABASE": name, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-c", ELSEWHERE + code]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def company(name: str = "Turns AS") -> Company:
    return Company.objects.create(name=name, orders_from="2026-01-01")


def test_a_transaction_has_the_turn_until_its_end() -> None:
    with transaction.atomic():
        assert not is_free()
        company()
        assert not is_free()
    assert is_free()


def test_a_transaction_that_fails_gives_it_back() -> None:
    @transaction.atomic
    def fails() -> None:
        company()
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert is_free()
    assert not Company.objects.exists()


def test_a_connection_that_is_closed_in_a_transaction_gives_it_back() -> None:
    with transaction.atomic():
        company()
        connection.close()
        assert is_free()
    assert not Company.objects.exists()


@pytest.mark.parametrize(
    ("statement", "waits"),
    [
        (lambda: Company.objects.update(name="x"), True),
        (lambda: Company.objects.filter(name="x").delete(), True),
        (lambda: list(Company.objects.all()), False),
    ],
)
def test_a_single_statement_takes_it_only_to_write(
    statement: Callable[[], object], waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    company()
    taken, take = list[DatabaseWrapper](), DatabaseWrapper._take_turn

    def noted(connected: DatabaseWrapper) -> None:
        taken.append(connected)
        take(connected)

    monkeypatch.setattr(DatabaseWrapper, "_take_turn", noted)
    statement()
    assert bool(taken) == waits
    assert is_free()


def test_who_is_killed_in_a_transaction_keeps_nobody_waiting() -> None:
    with elsewhere(IN_A_TRANSACTION) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        assert not is_free()
        process.send_signal(signal.SIGKILL)
    company()
    assert is_free()


def test_who_goes_first_passes_those_who_wait() -> None:
    with transaction.atomic():
        worker = elsewhere(WRITES_A_NAME.format(name="worker"))
        assert worker.stdout
        assert worker.stdout.readline() == b"writes\n"
        web = elsewhere("go_first()" + WRITES_A_NAME.format(name="web"))
        until(lambda: not is_free("first"))
    for process in (web, worker):
        with process:
            assert process.wait(timeout=30) == 0
    assert list(Company.objects.order_by("pk").values_list("name", flat=True)) == ["web", "worker"]
    assert is_free("first")
