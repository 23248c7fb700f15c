"""What a ship notice becomes, row by row of sps.md §7 and §4.3."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.flows import shipments as flow
from connector.flows.receipts import ReceiptPlan
from connector.flows.verdict import Verdict
from mapping.models import Company
from tests.connector.flows.facts import Told, an_earlier, outcome, output
from tests.papers import Tree, numbers, of_order, pack, ship_item, shipment
from tests.trade import Bought, a_trade, an_order

A1, B2 = numbers("1", buyer="A1"), numbers("2", buyer="B2")


@pytest.fixture
def order(company: Company) -> Company:
    a_trade(company)
    an_order(company, [Bought("A1"), Bought("B2", Decimal(4))])
    return company


def said(company: Company, tree: Tree, **facts: Any) -> Verdict:
    return flow.match(flow.unwrap(tree), company, Told(**facts))


def plan(verdict: Verdict) -> ReceiptPlan:
    return ReceiptPlan.model_validate_json(output(verdict))


def of_ten(purpose: str = "00", quantity: object = 10) -> Tree:
    return shipment("S1", of_order("PO100", items=[ship_item(A1, quantity)]), purpose=purpose)


def test_item_in_several_packs_is_summed(order: Company) -> None:
    cartons = [pack("P", f"C{number}", items=[ship_item(A1, 2), ship_item(B2, 1)]) for number in range(3)]
    found = plan(said(order, shipment("S1", of_order("PO100", packs=[pack("T", "T1", packs=cartons)]))))
    shown: list[tuple[object, ...]] = [(line.line_number, line.quantity, line.completes) for line in found.lines]
    assert shown == [(1, 6, False), (2, 3, False)]
    assert "cartons 3, pallets 1" in found.note


def test_last_part_completes_the_line(order: Company) -> None:
    assert plan(said(order, of_ten(quantity=4), was_shipped=Decimal(6))).lines[0].completes


@pytest.mark.parametrize(
    ("item", "ends"),
    [
        (ship_item(A1, 11), "over_shipped"),
        (ship_item(A1, -1), "quantity"),
        (ship_item(A1, None), "quantity"),
        (ship_item(A1, 0), "quantity"),
        *((ship_item(A1, 3, ItemStatusCode=status), "quantity") for status in ("IR", "ROS", "CC", "ID")),
        (ship_item(A1, 1, "CS"), "unit_unmapped"),
        (ship_item(A1, 1, "CT"), "over_shipped"),
        (ship_item(A1, 1, ItemStatusCode="IS"), "substitution"),
        (ship_item(numbers("1", buyer="B2"), 1), "line_conflict"),
        (ship_item(numbers("9"), 1), "line_unknown"),
        (ship_item(numbers(vendor="V-9"), 1), "item_unmapped"),
        (ship_item(numbers(), 1), "line_unknown"),
    ],
)
def test_item_that_needs_a_person(order: Company, item: Tree, ends: str) -> None:
    assert outcome(said(order, shipment("S1", of_order("PO100", items=[item])))) == ends


def test_items_without_an_order_are_asked_about(order: Company) -> None:
    tree = shipment("S1") | {"ItemLevel": [ship_item(A1, 1)]}
    assert outcome(said(order, tree)) == "order_unknown"


def test_paper_that_ships_nothing_is_asked_about(order: Company) -> None:
    assert outcome(said(order, shipment("S1", of_order("PO100")))) == "quantity"


def test_order_that_is_not_there_yet_is_waited_for(order: Company) -> None:
    assert outcome(said(order, shipment("S1", of_order("PO101", items=[ship_item(A1, 1)])))) == "waiting"


@pytest.mark.parametrize("purpose", ["04", "ZZ"])
def test_purpose_that_nobody_knows_is_asked_about(order: Company, purpose: str) -> None:
    assert outcome(said(order, of_ten(purpose))) == "unsupported"


@pytest.mark.parametrize(
    ("purpose", "earlier", "ends"),
    [
        ("00", an_earlier(same=True), "ignored"),
        ("00", an_earlier(), "number_reused"),
        ("00", an_earlier(status="ignored", ref=""), "ready"),
        ("00", an_earlier(status="ignored", ref="", purpose="01"), "ignored"),
        ("07", an_earlier(), "ignored"),
        ("05", an_earlier(status="held", ref=""), "ready"),
        ("05", an_earlier(), "cancelled"),
        ("01", an_earlier(status="held", ref=""), "ignored"),
        ("01", an_earlier(), "cancelled"),
    ],
)
def test_paper_of_a_number_that_came_before(order: Company, purpose: str, earlier: Any, ends: str) -> None:
    assert outcome(said(order, of_ten(purpose), rivals=[earlier])) == ends


def test_accepted_replacement_cancels_the_receipt_first(order: Company) -> None:
    facts = {"rivals": [an_earlier()], "accepted": {("cancelled", "receipt PR1")}}
    assert plan(said(order, of_ten("05", 8), **facts)).cancels == "PR1"
    assert plan(said(order, of_ten("01"), **facts)).lines == ()


def test_cancelled_line_takes_nothing_more(order: Company) -> None:
    order.orders.get().lines.update(cancelled=True)
    assert outcome(said(order, of_ten())) == "over_shipped"
