"""Every fault does on the wire what its name says, and what was done or not done stands in the books."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connector.sandbox import KINDS, Faults, World
from tests.connector.processes import until
from tests.connector.sandbox.client import Client, visma_token

PATH = "/v1/PurchaseReceipt"
BODY: dict[str, Any] = {"supplierId": {"value": "50000"}, "supplierRef": {"value": "SHP-1"}}
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize(("kind", "done"), [("refuse", False), ("break_before", False), ("break_after", True)])
def test_a_broken_call_is_done_or_not_as_its_name_says(world: World, visma: Client, kind: str, done: bool) -> None:
    world.visma.faults.fault("POST", PATH, kind)
    with pytest.raises(BROKEN):
        visma("POST", PATH, json=BODY)
    assert len(world.visma.books.receipts) == done
    assert visma("POST", PATH, json=BODY).status_code == 201


def test_a_refused_call_is_reset_and_a_broken_one_closed(world: World, visma: Client) -> None:
    visma("GET", "/v1/branch")
    world.visma.faults.fault("GET", "/v1/branch", "refuse")
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        visma("GET", "/v1/branch")


@pytest.mark.parametrize(("kind", "done"), [("http500_before", False), ("http500_after", True)])
def test_a_500_comes_before_or_after_the_write(world: World, visma: Client, kind: str, done: bool) -> None:
    world.visma.faults.fault("POST", PATH, kind)
    assert visma("POST", PATH, json=BODY).status_code == 500
    assert len(world.visma.books.receipts) == done


def test_half_of_a_list_arrives_and_the_length_tells(world: World, visma: Client) -> None:
    world.visma.faults.fault("GET", "/v1/purchaseorder", "truncate")
    with pytest.raises(BROKEN):
        visma("GET", "/v1/purchaseorder").json()


def test_a_201_that_is_cut_off_has_lost_its_location(world: World, visma: Client) -> None:
    world.visma.faults.fault("POST", PATH, "truncate")
    answer = visma("POST", PATH, json=BODY)
    assert (answer.status_code, "Location" in answer.headers) == (201, False)
    assert len(world.visma.books.receipts) == 1


@pytest.mark.parametrize(("kind", "seconds"), [("rate_limit", "1"), ("rate_limit_silent", None)])
def test_429_comes_with_and_without_retry_after(world: World, visma: Client, kind: str, seconds: str | None) -> None:
    world.visma.faults.fault("POST", PATH, kind)
    answer = visma("POST", PATH, json=BODY)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, seconds)
    assert "X-RateLimit-Remaining" in answer.headers
    assert not world.visma.books.receipts


def test_an_expired_token_is_answered_401_until_a_new_one_is_fetched(world: World, visma: Client) -> None:
    world.visma.faults.fault("GET", "/v1/branch", "expire_token")
    assert [visma("GET", "/v1/branch").status_code for _ in range(2)] == [401, 401]
    fresh = Client(world.visma_url, visma_token(world).json()["access_token"])
    assert fresh("GET", "/v1/branch").status_code == 200


def test_an_etag_conflict_is_someone_elses_write(world: World, visma: Client) -> None:
    path = "/v1/purchaseorder/PO000412"
    etag = visma("GET", path).headers["ETag"]
    world.visma.faults.fault("PUT", path, "etag_conflict")
    body = {"promisedOn": {"value": "2026-04-10T00:00:00"}}
    assert visma("PUT", path, json=body, headers={"If-Match": etag}).status_code == 412
    fresh = visma("GET", path).headers["ETag"]
    assert fresh != etag
    assert visma("PUT", path, json=body, headers={"If-Match": fresh}).status_code == 204


def test_a_slow_answer_is_done_at_once_and_does_not_hold_up_others(world: World, visma: Client) -> None:
    world.visma.faults.fault("POST", PATH, "slow", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        visma.session.post(f"{visma.base}{PATH}", json=BODY, timeout=0.5)
    until(lambda: len(world.visma.books.receipts) == 1)
    assert visma("GET", "/v1/branch").status_code == 200


def test_a_world_that_stops_waits_for_no_slow_answer_and_hangs_up() -> None:
    world = World().start()
    session = requests.Session()
    assert session.get(f"{world.visma_url}/v1/branch", timeout=5).status_code == 401
    world.visma.faults.fault("GET", "/v1/branch", "slow", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{world.visma_url}/v1/branch", timeout=0.5)
    began = time.monotonic()
    world.stop()
    assert time.monotonic() - began < 10
    with pytest.raises(requests.ConnectionError):
        session.get(f"{world.visma_url}/v1/branch", timeout=5)


def test_planned_faults_come_as_often_as_planned_and_only_where() -> None:
    faults = Faults()
    faults.fault("PUT", "/v1/PurchaseReceipt/*", "break_after", times=2)
    assert faults.draw("POST", "/v1/PurchaseReceipt/PR1") is None
    assert faults.draw("PUT", "/v1/purchasereceipt/pr1") is not None
    assert faults.draw("PUT", "/v1/PurchaseReceipt/PR2") is not None
    assert faults.draw("PUT", "/v1/PurchaseReceipt/PR2") is None
    with pytest.raises(ValueError, match="unknown fault"):
        faults.fault("GET", "*", "earthquake")


def test_the_same_seed_draws_the_same_faults_at_about_the_rate() -> None:
    drawn = [[Faults(0.2, seed).draw("GET", "/") for _ in range(1)] for seed in (1, 1)]
    assert drawn[0] == drawn[1]
    first, second = Faults(0.2, 5), Faults(0.2, 5)
    sequence = [first.draw("GET", "/") for _ in range(2000)]
    assert sequence == [second.draw("GET", "/") for _ in range(2000)]
    assert 300 < sum(first.drawn.values()) < 500
    assert set(first.drawn) == set(KINDS)


def test_the_gate_counts_calls_and_what_befell_them(world: World, visma: Client) -> None:
    before = world.visma.traffic.total()
    world.visma.faults.fault("GET", "/v1/branch", "http500_before")
    visma("GET", "/v1/branch")
    assert world.visma.traffic.total() == before + 1
    last = world.visma.traffic.recent[-1]
    assert (last.method, last.path, last.status, last.fault) == ("GET", "/v1/branch", 500, "http500_before")


def test_a_storm_from_many_threads_breaks_calls_but_never_the_books(world: World, visma: Client) -> None:
    world.storm(0.3, seed=4)
    world.visma.faults.kinds = tuple(kind for kind in KINDS if kind not in ("slow", "expire_token"))
    token = str(visma.session.headers["Authorization"]).removeprefix("Bearer ")

    def post(number: int) -> int:
        client = Client(world.visma_url, token)
        try:
            return client("POST", PATH, json=BODY | {"supplierRef": {"value": f"SHP-{number}"}}).status_code
        except BROKEN:
            return 0

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(post, range(120)))
    made = [row.body["receiptNbr"] for row in world.visma.books.receipts.values()]
    assert len(set(made)) == len(made)
    assert answers.count(201) <= len(made) <= answers.count(201) + answers.count(0) + answers.count(500)
    assert {201, 0, 500, 429} >= set(answers)
