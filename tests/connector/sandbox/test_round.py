"""Suppliers, warehouse and both ledgers together: a round that a crude connector plays through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft7Validator

from connector.sandbox import MISTAKES, Wanted, World
from connector.sandbox.papers import FORMS, Unacceptable, encode, read_order
from connector.sandbox.wire import dump
from tests.connector.sandbox.client import reference
from tests.connector.sandbox.crude import CrudeConnector, order_paper, read, send_order

EMPTY_WHEN_WELL = (
    "duplicate_orders",
    "missing_orders",
    "refused_orders",
    "duplicate_receipts",
    "unreleased_receipts",
    "duplicate_invoices",
    "lost",
    "unexpected",
    "unread_deleted",
)


def played(seed: int, orders: int = 12, mistakes: tuple[str, ...] = (), rounds: int = 12) -> World:
    world = World(seed, mismatch_rate=0.0)
    numbers = world.seed_company(orders)
    numbers += [world.new_order(mistake=mistake) for mistake in mistakes]
    connector = CrudeConnector(world)
    for number in numbers:
        send_order(world, number)
    for _ in range(rounds):
        world.tick()
        connector.work()
    return world


@pytest.mark.parametrize("seed", range(6))
def test_a_round_without_mistakes_ends_with_an_even_balance(seed: int) -> None:
    world = played(seed)
    balance = world.balance()
    assert world.partner.idle()
    assert {name: balance[name] for name in EMPTY_WHEN_WELL} == {name: [] for name in EMPTY_WHEN_WELL}
    assert len(balance["receipts"]) >= 6
    assert len(balance["invoices"]) >= 12


@pytest.mark.parametrize("seed", range(3))
def test_every_mistake_is_made_once_and_never_reaches_the_books(seed: int) -> None:
    world = played(seed, orders=2, mistakes=tuple(MISTAKES))
    assert sorted(e.mistake for e in world.partner.expected if e.mistake) == sorted(MISTAKES)
    balance = world.balance()
    assert balance["lost"] == []
    assert balance["unexpected"] == []


def test_the_same_seed_tells_the_same_stories() -> None:
    assert played(7).partner.expected == played(7).partner.expected


def test_suppliers_differ_in_every_way_that_a_connector_must_know() -> None:
    files: list[bytes] = []
    for seed in range(6):
        world = played(seed)
        files += [world.sps.shelf.files[path].content for path in world.sps.paths("out/")]
    text = b"".join(files)
    assert any(content.startswith(b"\xef\xbb\xbf") for content in files)
    assert any(content.startswith(b"[") for content in files)
    assert any(content.startswith(b"<?xml") and b"spscommerce.com/RSX" in content for content in files)
    assert any(content.startswith(b"<?xml") and b"spscommerce.com/RSX" not in content for content in files)
    assert any(content.count(b'"PurchaseOrderNumber"') > 1 and b"OrderLevel" in content for content in files)
    assert any(b'"InvoiceLine"' in content and b'"BuyerPartNumber"' not in content for content in files)
    for said in (b'"PackLevelType": "T"', b'"ReferenceQual": "LT"', b'"ItemStatusCode": "IB"', b'"D240"'):
        assert said in text
    assert b'"ShipQtyUOM": "CT"' in text


def test_cartons_may_be_shipped_and_invoiced_as_pieces() -> None:
    world = World(0, mismatch_rate=0)
    world.seed_company(0)
    connector = CrudeConnector(world)
    numbers = [world.new_order("50002", [Wanted("3001-BOX", Decimal(4), "KRT", Decimal(60))]) for _ in range(20)]
    for number in numbers:
        send_order(world, number)
    for _ in range(8):
        world.tick()
        connector.work()
    files = [world.sps.shelf.files[path].content for path in world.sps.paths("out/")]
    assert any(b'"InvoiceQty": 48.0, "InvoiceQtyUOM": "EA", "PurchasePrice": 5.0' in content for content in files)
    assert world.balance()["lost"] == []


def test_orders_close_when_all_is_received_and_released() -> None:
    world = played(2)
    assert {world.visma.books.orders[number].body["status"] for number in world.partner.received} == {"Closed"}


def test_the_order_that_comes_twice_is_noticed_and_answered_once() -> None:
    world = World(3)
    (number,) = world.seed_company(1)
    send_order(world, number)
    world.tick()
    send_order(world, number)
    world.tick()
    assert world.balance()["duplicate_orders"] == [number]
    assert [e.kind for e in world.partner.expected].count("order_ack") == 1


def test_a_replaced_order_is_answered_again_and_a_cancelled_one_is_not_shipped() -> None:
    world = World(3, mismatch_rate=0)
    replaced, cancelled = world.seed_company(2)
    for number in (replaced, cancelled):
        send_order(world, number)
    world.tick()
    send_order(world, replaced, "05", 2)
    send_order(world, cancelled, "01", 2)
    world.partner._take_orders()
    for _ in range(3):
        world.tick()
    kinds = [(e.kind, e.orders[0]) for e in world.partner.expected]
    assert kinds.count(("order_ack", replaced)) == 2
    assert ("shipment", cancelled) not in kinds
    assert world.partner.received[cancelled] == {"00": 1, "01": 1}


def test_a_lost_paper_and_a_double_booking_show_in_the_balance() -> None:
    world = World(1, mismatch_rate=0)
    (number,) = world.seed_company(1)
    send_order(world, number)
    connector = CrudeConnector(world)
    for _ in range(3):
        world.tick()
    shipments = [e for e in world.partner.expected if e.kind == "shipment"]
    assert f"shipment {shipments[0].number}" in world.balance()["lost"]
    body = {"supplierId": {"value": "50000"}, "supplierRef": {"value": shipments[0].number}}
    for _ in range(2):
        connector.call("POST", "/v1/PurchaseReceipt", body)
    assert world.balance()["duplicate_receipts"] == [shipments[0].number]


def test_a_file_deleted_before_anyone_read_it_is_named() -> None:
    world = World(1)
    world.sps.put("out/IN/IN1.json", b"{}")
    world.sps.put("out/IN/IN2.json", b"{}")
    world.sps.shelf.get("/out/IN/IN2.json", "api")
    for name in ("IN1", "IN2"):
        world.sps.shelf.remove(f"/out/IN/{name}.json", "api")
    assert world.balance()["unread_deleted"] == ["/out/IN/IN1.json"]


def test_the_warehouse_leaves_alone_what_says_something_else_than_what_came() -> None:
    world = World(2, mismatch_rate=0)
    (number,) = world.seed_company(1)
    send_order(world, number)
    for _ in range(2):
        world.tick()
    shipment = next(e for e in world.partner.expected if e.kind == "shipment")
    connector = CrudeConnector(world)
    supplier = world.visma.books.orders[number].body["supplier"]["number"]
    body = {"supplierId": {"value": supplier}, "supplierRef": {"value": shipment.number}}
    _, headers, _ = connector.call("POST", "/v1/PurchaseReceipt", body)
    receipt = headers["Location"].rsplit("/", 1)[1]
    assert world.partner.warehouse() == []
    assert world.visma.books.receipts[receipt].body["status"] == "Hold"


def _without(tree: dict[str, Any], *path: str) -> dict[str, Any]:
    parent: Any = tree
    for step in path[:-1]:
        parent = parent[0] if step == "0" else parent[step]
    del parent[path[-1]]
    return tree


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (("Header", "OrderHeader", "TradingPartnerId"), "TradingPartnerId"),
        (("Header", "OrderHeader", "BuyersCurrency"), "BuyersCurrency"),
        (("LineItem",), "no line"),
        (("LineItem", "0", "OrderLine", "LineSequenceNumber"), "LineSequenceNumber"),
        (("LineItem", "0", "OrderLine", "BuyerPartNumber"), "names no item"),
        (("LineItem", "0", "OrderLine", "OrderQty"), "quantity"),
        (("LineItem", "0", "OrderLine", "OrderQtyUOM"), "unit"),
    ],
)
def test_an_order_that_lacks_what_a_supplier_needs_is_refused_by_name(path: tuple[str, ...], says: str) -> None:
    world = World(1)
    (number,) = world.seed_company(1)
    with pytest.raises(Unacceptable, match=says):
        read_order(dump(_without(order_paper(world, number), *path)))


def test_a_byte_order_mark_in_an_order_is_refused() -> None:
    world = World(1)
    (number,) = world.seed_company(1)
    with pytest.raises(Unacceptable, match="byte order mark"):
        read_order(b"\xef\xbb\xbf" + dump(order_paper(world, number)))


@pytest.mark.parametrize("seed", range(4))
def test_papers_of_all_kinds_and_mistakes_validate_against_the_official_schemas(seed: int) -> None:
    names = {"order_ack": "OrderAcks", "shipment": "Shipments", "invoice": "Invoices"}
    validators = {
        kind: Draft7Validator(reference(f"rsx-7.7.7/{name}.schema.json"), format_checker=None)
        for kind, name in names.items()
    }
    world = played(seed, mistakes=tuple(MISTAKES))
    for expected in world.partner.expected:
        paper = read(world.sps.shelf.files[expected.path].content)[expected.index]
        plain = _plain(paper)
        errors = [e.message[:200] for e in validators[expected.kind].iter_errors(plain)]
        assert not errors, (expected, errors)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value


@pytest.mark.parametrize("form", sorted(set(FORMS)))
def test_every_form_of_a_file_holds_the_same_papers(form: str) -> None:
    papers = [{"Header": {"InvoiceHeader": {"InvoiceNumber": f"A&<{n}>"}}} for n in range(2)]
    assert read(encode(papers[:1], "Invoice", form)) == papers[:1]
    assert read(encode(papers, "Invoice", form)) == papers
