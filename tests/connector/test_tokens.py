"""Tokens shared by all processes: fetched once, renewed once, never past their time, and a refusal pauses the connection."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection as database
from django.db import connections
from django.utils import timezone

from connector.budget import ConnectionBudget
from connector.errors import Misconfigured, RateLimited, Transient
from connector.http import Token
from connector.models import Connection
from connector.tokens import StoredTokens, pause, resume
from mapping.models import Company


class TokenServer:
    """Issues token-1, token-2, … each with `life` seconds; `error` is raised instead when set; `slow` holds every answer back."""

    def __init__(self, life: int = 3600, slow: float = 0.0) -> None:
        self.life = life
        self.slow = slow
        self.issued = 0
        self.error: Exception | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Token:
        time.sleep(self.slow)
        with self._lock:
            self.issued += 1
        if self.error:
            raise self.error
        return Token(f"token-{self.issued}", self.life)


@pytest.fixture
def row(company: Company) -> Connection:
    return Connection.objects.create(company=company, system="sps")


def _tokens(row: Connection, server: TokenServer, *, trial: bool = False) -> StoredTokens:
    return StoredTokens(row, server, ConnectionBudget(row.pk), lease_seconds=30, trial=trial)


def test_one_token_serves_every_process_until_nine_tenths_of_its_life(
    row: Connection, clock: time_machine.Traveller
) -> None:
    server = TokenServer()
    assert [_tokens(row, server).get() for _ in range(3)] == ["token-1"] * 3
    clock.shift(0.9 * 3600 - 1)
    assert _tokens(row, server).get() == "token-1"
    clock.shift(1)
    assert _tokens(row, server).get() == "token-2"


@pytest.mark.parametrize(("life", "used"), [(3600, 3240), (300, 240), (60, 30), (10, 5)])
def test_a_shorter_life_is_obeyed(row: Connection, clock: time_machine.Traveller, life: int, used: int) -> None:
    _tokens(row, TokenServer(life)).get()
    assert Connection.objects.get().token_expires_at == timezone.now() + timedelta(seconds=used)


def test_the_token_lies_encrypted_in_the_database(row: Connection) -> None:
    _tokens(row, TokenServer()).get()
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM connector_connection")
        assert b"token-1" not in bytes(cursor.fetchone()[0])


def test_a_refused_token_is_renewed_only_when_nobody_has_done_so_already(row: Connection) -> None:
    server = TokenServer()
    first, second = _tokens(row, server), _tokens(row, server)
    assert first.get() == second.get() == "token-1"
    assert first.renew("token-1") == "token-2"
    assert second.renew("token-1") == "token-2"
    assert server.issued == 2


def test_refused_credentials_pause_the_connection_and_nobody_asks_again(row: Connection) -> None:
    server = TokenServer()
    server.error = Misconfigured("invalid_client")
    with pytest.raises(Misconfigured, match="invalid_client"):
        _tokens(row, server).get()
    with pytest.raises(Misconfigured, match="is paused: invalid_client"):
        _tokens(row, server).get()
    assert server.issued == 1
    assert Connection.objects.get().paused_reason == "invalid_client"


def test_a_trial_may_ask_while_the_connection_is_paused(row: Connection) -> None:
    pause(row, "wrong secret")
    assert _tokens(row, TokenServer(), trial=True).anew() == "token-1"


def test_pausing_keeps_the_first_reason_and_resuming_ends_it(row: Connection) -> None:
    assert pause(row, "first")
    assert not pause(row, "second")
    assert Connection.objects.get().paused_reason == "first"
    assert resume(row)
    assert not resume(row)
    assert Connection.objects.get().paused_at is None


def test_a_429_of_the_token_address_holds_everybody_back(row: Connection, clock: time_machine.Traveller) -> None:
    server = TokenServer()
    server.error = RateLimited("slow down", retry_after=120)
    with pytest.raises(RateLimited):
        _tokens(row, server).get()
    with pytest.raises(RateLimited) as refused:
        _tokens(row, server).get()
    assert server.issued == 1
    assert refused.value.retry_after == 120


def test_after_a_passing_failure_the_next_one_may_ask(row: Connection) -> None:
    server = TokenServer()
    server.error = Transient("broken off")
    with pytest.raises(Transient):
        _tokens(row, server).get()
    server.error = None
    assert _tokens(row, server).get() == "token-2"


def test_the_lease_of_a_process_that_died_is_taken_over(row: Connection, clock: time_machine.Traveller) -> None:
    Connection.objects.update(token_renew_until=timezone.now() + timedelta(seconds=30))
    clock.shift(31)
    assert _tokens(row, TokenServer()).get() == "token-1"


def test_a_token_of_replaced_credentials_is_not_stored(row: Connection) -> None:
    server = TokenServer()

    def replaced_meanwhile() -> Token:
        Connection.objects.update(token="", token_expires_at=None, token_renew_until=None)
        return server()

    StoredTokens(row, replaced_meanwhile, ConnectionBudget(row.pk), lease_seconds=30).get()
    assert Connection.objects.get().token == ""


@pytest.mark.django_db(transaction=True)
def test_of_many_that_need_a_token_at_once_one_fetches_it(company: Company) -> None:
    row = Connection.objects.create(company=company, system="visma")
    server = TokenServer(slow=0.05)
    found: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        tokens = _tokens(row, server)
        start.wait()
        token = tokens.get()
        found.append(tokens.renew(token) if token == "token-1" else token)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token-2"] * 8
    assert server.issued == 2
