"""The world as another process drives it: the control page, the mapping files, and `manage.py sandbox`."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.sandbox import World
from tests.connector.sandbox.client import Client, visma_token
from tests.connector.sandbox.crude import send_order

ROOT = Path(__file__).resolve().parents[3]


def get(world: World, page: str = "") -> Any:
    answer = requests.get(f"{world.control_url}{page}", timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(world: World, page: str, body: Any = None) -> Any:
    answer = requests.post(f"{world.control_url}{page}", json=body or {}, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_another_process_places_orders_and_lets_people_act(world: World) -> None:
    made = post(world, "/orders", {"count": 2, "supplier": "50001", "mistake": "invoice_price"})["orders"]
    assert len(made) == 2
    for number in made:
        send_order(world, number)
    assert post(world, "/tick")["papers"] == 2
    assert {story["mistake"] for story in get(world)["stories"]} == {"invoice_price"}
    papers = get(world, "/expected")["papers"]
    assert [(paper["kind"], paper["outcome"]) for paper in papers] == [("order_ack", "delivered")] * 2


def test_the_ledgers_and_the_balance_are_plain_json(world: World) -> None:
    assert get(world, "/balance")["lost"] == []
    assert set(get(world, "/visma")) == {"receipts", "invoices", "orders", "calls"}
    world.sps.put("out/x.json", b"{}")
    assert list(get(world, "/sps")) == ["/out/x.json"]
    assert get(world, "/expected")["orders"]["PO000415"] == "held"


def test_files_faults_and_delays_are_set_from_outside(world: World, visma: Client) -> None:
    post(world, "/files", {"path": "out/IN/IN1.json", "content_base64": base64.b64encode(b"\xff").decode()})
    assert world.sps.shelf.files["/out/IN/IN1.json"].content == b"\xff"
    post(world, "/faults", {"system": "visma", "path": "/v1/branch", "kind": "http500_before"})
    assert [visma("GET", "/v1/branch").status_code for _ in range(2)] == [500, 200]
    post(world, "/settings", {"history_lag": 5, "pickup_delay": 2, "quota": 1, "token_seconds": 60})
    assert (world.sps.history_lag, world.sps.pickup_delay, world.visma.quota.limit) == (5, 2, 1)
    post(world, "/faults", {"rate": 1.0, "seed": 3})
    assert world.visma.faults.rate == world.sps.faults.rate == 1.0


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("/faults", {"system": "visma", "path": "/", "kind": "flood"}),
        ("/files", {"path": "x", "content_base64": "!"}),
        ("/orders", {"count": "many"}),
        ("/faults", {"system": "elsewhere", "path": "/", "kind": "slow"}),
    ],
)
def test_nonsense_is_answered_400_with_a_reason(world: World, page: str, body: Any) -> None:
    answer = requests.post(f"{world.control_url}{page}", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_pages_and_prefixes_are_404(world: World) -> None:
    assert requests.get(f"{world.control_url}/nothing", timeout=5).status_code == 404
    assert requests.get(f"{world.url}/elsewhere", timeout=5).status_code == 404


def test_the_mapping_files_fit_the_seeded_company(world: World) -> None:
    files = {kind: list(csv.DictReader(io.StringIO(text))) for kind, text in world.mapping_csvs().items()}
    assert list(files) == ["suppliers", "items", "units", "taxes"]
    suppliers = {row["supplier"] for row in files["suppliers"]}
    assert suppliers | {"50003"} == set(world.visma.books.suppliers)
    assert {row["item"] for row in files["items"]} <= set(world.visma.books.items)
    assert {row["number_kind"] for row in files["items"]} == {"vendor", "gtin"}
    assert all(len(row["their_number"]) == 14 for row in files["items"] if row["number_kind"] == "gtin")
    assert {row["vat_category"] for row in files["taxes"]} <= set(world.visma.books.vat_categories)
    used = {item.body["purchaseUnit"] for item in world.visma.books.items.values()}
    assert used <= {row["unit"] for row in files["units"]}


def test_barcodes_have_a_right_check_digit(world: World) -> None:
    for item in world.visma.books.items.values():
        code = next(x["alternateID"] for x in item.body["crossReferences"] if x["alternateType"] == "Barcode")
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code[:-1]))
        assert int(code[-1]) == -total % 10, (item.body["inventoryNumber"], code, -total % 10)


@pytest.fixture
def sandbox() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--json", "--fault-rate", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_the_command_says_where_it_is_and_ends_on_sigterm(sandbox: subprocess.Popen[str]) -> None:
    assert sandbox.stdout is not None
    facts = json.loads(sandbox.stdout.readline())
    form = {"grant_type": "client_credentials", "client_id": facts["visma_client_id"]}
    form |= {"client_secret": facts["visma_client_secret"], "tenant_id": facts["visma_tenant"]}
    form["scope"] = "vismanet_erp_service_api:read"
    token = requests.post(facts["visma_token_url"], data=form, timeout=5).json()["access_token"]
    assert len(Client(facts["visma_url"], token)("GET", "/v1/purchaseorder").json()) == 6
    sandbox.send_signal(signal.SIGTERM)
    rest, words = sandbox.communicate(timeout=10)
    assert (sandbox.returncode, rest) == (0, "")
    assert facts["sps_client_secret"] in words


def test_two_worlds_live_side_by_side(world: World) -> None:
    with World() as other:
        assert other.url != world.url
        assert visma_token(other).status_code == 200
