"""The call budget, held against a server with fixed windows: no self-inflicted 429, and more urgent calls go first."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.budget import ANSWERS, BACKFILL, MASTER_DATA, ORDERS, ConnectionBudget, Said
from connector.errors import RateLimited
from connector.models import Connection
from mapping.models import Company

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class FixedWindows:
    """Visma's policy: `limit` calls in each window of `length` seconds; windows begin at `offset` (visma.md §6)."""

    limit: int
    length: float = 3600.0
    offset: float = 0.0
    calls: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hit(self) -> tuple[int, dict[str, str]]:
        position = (timezone.now() - START).total_seconds() - self.offset
        window, into = divmod(position, self.length)
        with self.lock:
            self.calls[int(window)] += 1
            left = self.limit - self.calls[int(window)]
        reset = str(int(self.length - into))
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Reset": reset}
        headers["X-RateLimit-Remaining"] = str(max(0, left))
        if left >= 0:
            return 200, headers
        self.refused += 1
        return 429, {**headers, "Retry-After": reset}


def _connection(system: str = "visma") -> Connection:
    company, _ = Company.objects.get_or_create(name="Budget AS", defaults={"orders_from": date(2026, 1, 1)})
    connection, _ = Connection.objects.get_or_create(company=company, system=system)
    return connection


def _row(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def _spend_all(budget: ConnectionBudget, server: FixedWindows, priority: int, most: int = 2000) -> int:
    """Calls until the budget refuses; how many went."""
    for spent in range(most):
        try:
            budget.spend(priority)
        except RateLimited:
            return spent
        budget.learn(*server.hit())
    return most


@pytest.mark.django_db
class TestVisma:
    def test_five_hundred_calls_an_hour_are_assumed_before_visma_says_otherwise(
        self, clock: time_machine.Traveller
    ) -> None:
        budget = ConnectionBudget(_connection().pk)
        for _ in range(490):
            budget.spend(ANSWERS)
        with pytest.raises(RateLimited) as refused:
            budget.spend(ANSWERS)
        assert refused.value.retry_after == 3600
        assert "10 of 500 calls are left until 2026-03-02 10:00:00 UTC" in str(refused.value)

    def test_the_first_answer_replaces_what_was_assumed(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        budget = ConnectionBudget(connection.pk)
        budget.spend(ANSWERS)
        budget.learn(200, {"x-ratelimit-limit": "15000", "X-RATELIMIT-REMAINING": "14000", "X-RateLimit-Reset": "1200"})
        row = _row(connection)
        assert (row.budget_limit, row.budget_remaining) == (15000, 14000)
        assert row.budget_resets_at == timezone.now() + timedelta(seconds=1201)

    def test_a_lower_priority_leaves_calls_to_the_higher_ones(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        server = FixedWindows(limit=100)
        spent = [
            _spend_all(ConnectionBudget(connection.pk), server, priority)
            for priority in (BACKFILL, MASTER_DATA, ORDERS, ANSWERS)
        ]
        assert spent == [85, 5, 5, 2]
        assert server.refused == 0

    def test_the_next_window_brings_all_calls_back(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        server = FixedWindows(limit=50, offset=-600)
        budget = ConnectionBudget(connection.pk)
        first = _spend_all(budget, server, ANSWERS)
        clock.shift(3002)
        assert _spend_all(budget, server, ANSWERS) == first == 47
        assert server.refused == 0

    def test_a_429_blocks_until_its_retry_after(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        budget = ConnectionBudget(connection.pk)
        budget.spend(ANSWERS)
        budget.learn(429, {"Retry-After": "90"})
        other = ConnectionBudget(connection.pk)
        with pytest.raises(RateLimited) as refused:
            other.spend(ANSWERS)
        assert refused.value.retry_after == 90
        clock.shift(91)
        other.spend(ANSWERS)

    def test_a_retry_after_as_http_date_is_obeyed(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        ConnectionBudget(connection.pk).learn(429, {"Retry-After": "Mon, 02 Mar 2026 09:05:00 GMT"})
        assert _row(connection).blocked_until == START + timedelta(minutes=5)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-RateLimit-Limit": "100"},
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "5"},
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1767225600"},
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "80000"},
            {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5"},
            {"X-RateLimit-Limit": "a lot", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "5"},
        ],
    )
    def test_headers_that_make_no_sense_teach_nothing(self, headers: dict[str, str]) -> None:
        assert Said.read(headers) is None

    def test_an_end_of_the_window_that_is_hours_away_is_not_waited_for(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        ConnectionBudget(connection.pk).learn(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "80000"})
        assert _row(connection).blocked_until == START + timedelta(seconds=60)

    @pytest.mark.parametrize("told", [{}, {"X-RateLimit-Reset": "0"}])
    def test_a_window_whose_end_is_never_told_is_still_counted(
        self, clock: time_machine.Traveller, told: dict[str, str]
    ) -> None:
        connection = _connection()
        server = FixedWindows(limit=100)
        budget = ConnectionBudget(connection.pk)
        for _ in range(600):
            with contextlib.suppress(RateLimited):
                budget.spend(ANSWERS)
                status, headers = server.hit()
                del headers["X-RateLimit-Reset"]
                budget.learn(status, headers | told)
            clock.shift(2)
        assert (server.refused, server.calls[0]) == (0, 97)

    def test_who_refuses_and_names_no_moment_but_now_is_not_asked_again_every_second(
        self, clock: time_machine.Traveller
    ) -> None:
        connection = _connection()
        ConnectionBudget(connection.pk).learn(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"})
        assert _row(connection).blocked_until == START + timedelta(seconds=60)

    def test_what_is_left_is_as_told_once_the_limit_turns_out_lower_than_what_was_spent(
        self, clock: time_machine.Traveller
    ) -> None:
        connection = _connection()
        budget = ConnectionBudget(connection.pk)
        for _ in range(300):
            budget.spend(ANSWERS)
        told = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "3000"}
        budget.learn(200, told)
        assert _row(connection).budget_remaining == 59
        budget.learn(200, told | {"X-RateLimit-Remaining": "7"})
        assert _row(connection).budget_remaining == 7

    def test_an_answer_of_the_last_window_does_not_spoil_the_new_one(self, clock: time_machine.Traveller) -> None:
        connection = _connection()
        server = FixedWindows(limit=100)
        slow, quick = ConnectionBudget(connection.pk), ConnectionBudget(connection.pk)
        _spend_all(quick, server, BACKFILL)
        clock.move_to(START + timedelta(seconds=3599))
        slow.spend(ANSWERS)
        late = server.hit()
        clock.move_to(START + timedelta(seconds=3602))
        quick.spend(ANSWERS)
        quick.learn(*server.hit())
        slow.learn(*late)
        assert _row(connection).budget_remaining == 99


@pytest.mark.django_db
class TestSps:
    def test_there_is_no_budget_before_a_429(self, clock: time_machine.Traveller) -> None:
        connection = _connection("sps")
        budget = ConnectionBudget(connection.pk)
        for _ in range(600):
            budget.spend(BACKFILL)
            budget.learn(200, {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0"})
        assert _row(connection).budget_limit == 0

    def test_a_window_that_it_tells_of_is_kept_to_until_it_ends(self, clock: time_machine.Traveller) -> None:
        connection = _connection("sps")
        server = FixedWindows(limit=20, length=600)
        assert _spend_all(ConnectionBudget(connection.pk), server, ORDERS) == 18
        with pytest.raises(RateLimited) as refused:
            ConnectionBudget(connection.pk).spend(ORDERS)
        assert refused.value.retry_after == 601
        clock.shift(602)
        budget = ConnectionBudget(connection.pk)
        for _ in range(600):  # it says no more of windows
            budget.spend(BACKFILL)
            budget.learn(200, {})
        assert server.refused == 0

    def test_refusals_without_a_word_are_waited_out_longer_each_time(self, clock: time_machine.Traveller) -> None:
        connection = _connection("sps")
        budget = ConnectionBudget(connection.pk)
        waits = []
        for _ in range(8):
            budget.spend(ANSWERS)
            budget.learn(429, {})
            with pytest.raises(RateLimited) as refused:
                budget.spend(ANSWERS)
            assert refused.value.retry_after is not None
            waits.append(refused.value.retry_after)
            clock.shift(refused.value.retry_after)
        assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
        budget.spend(ANSWERS)
        budget.learn(200, {})
        budget.learn(429, {})
        assert _row(connection).blocked_until == timezone.now() + timedelta(seconds=60)

    def test_calls_that_were_under_way_together_are_refused_as_one(self, clock: time_machine.Traveller) -> None:
        connection = _connection("sps")
        for _ in range(5):
            ConnectionBudget(connection.pk).learn(429, {})
        assert _row(connection).blocked_until == timezone.now() + timedelta(seconds=60)


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),  # which of the processes
        st.integers(0, 3),  # with which priority
        st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.5, 2.0, 40.0, 400.0]),  # what happens before it goes on
    ),
    min_size=30,
    max_size=200,
)


@pytest.mark.django_db
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_STEPS, limit=st.integers(30, 60), length=st.sampled_from([60.0, 600.0, 3600.0]), offset=st.floats(0, 3599)
)
def test_four_processes_are_never_refused_by_the_other_side(
    steps: list[tuple[int, int, float]], limit: int, length: float, offset: float
) -> None:
    """Calls overlap: each process spends, later hits the server, later learns, while others do the same."""
    connection = _connection()
    Connection.objects.filter(pk=connection.pk).update(budget_limit=0, budget_remaining=0, budget_resets_at=None)
    server = FixedWindows(limit, length, -offset)
    with time_machine.travel(START, tick=False) as traveller:
        processes = [ConnectionBudget(connection.pk) for _ in range(4)]
        spent: dict[int, datetime] = {}
        answered: dict[int, tuple[int, Mapping[str, str]]] = {}
        for process, priority, seconds in steps:
            if process in answered:
                processes[process].learn(*answered.pop(process))
                del spent[process]
            elif process in spent:
                answered[process] = server.hit()
            else:
                with contextlib.suppress(RateLimited):
                    processes[process].spend(priority)
                    spent[process] = timezone.now()
            oldest = min(spent.values(), default=timezone.now())
            if timezone.now() + timedelta(seconds=seconds) - oldest < timedelta(seconds=120):  # no call lasts longer
                traveller.shift(seconds)
    assert server.refused == 0


@pytest.mark.django_db(transaction=True)
def test_of_eight_threads_each_call_goes_to_one(company: Company) -> None:
    connection = Connection.objects.create(company=company, system="visma")
    server = FixedWindows(limit=60)
    spent: list[int] = []

    def work() -> None:
        spent.append(_spend_all(ConnectionBudget(connection.pk), server, ANSWERS))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.refused == 0
    assert sum(spent) == 57
