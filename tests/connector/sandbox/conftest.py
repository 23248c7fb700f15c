"""Both stand-ins over real sockets, with a client that signed in; an order and its receipt, on hold and released."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from connector.sandbox import Wanted, World
from connector.sandbox.warehouse import release
from tests.connector.sandbox.client import Client, sps_token, visma_token
from tests.connector.sandbox.writing import add, number_of, receipt_header


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=1, mismatch_rate=0.0) as world:
        world.seed_company()
        yield world


@pytest.fixture
def visma(world: World) -> Client:
    return Client(world.visma_url, visma_token(world).json()["access_token"])


@pytest.fixture
def sps(world: World) -> Client:
    client = Client(world.sps_url, sps_token(world).json()["access_token"])
    client.session.headers["Content-Type"] = "application/octet-stream"
    return client


@pytest.fixture
def order(world: World) -> str:
    lines = [
        Wanted("1001-BLK", Decimal(40), "STK", Decimal("48"), "NP-77410"),
        Wanted("1003-SCR", Decimal(5), "KRT", Decimal("240"), "NP-80010", "Reject"),
    ]
    return world.new_order("50000", lines)


@pytest.fixture
def receipt(visma: Client, order: str) -> str:
    number = number_of(visma("POST", "/v1/PurchaseReceipt", json=receipt_header()))
    assert add(visma, number, order, "1", "3").json()["actionResult"] == "Done"
    return number


@pytest.fixture
def released(world: World, receipt: str) -> str:
    release(world.visma.books, receipt)
    return receipt
