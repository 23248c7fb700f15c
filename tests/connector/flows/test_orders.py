"""What goes out for a purchase order of Visma, and by what a change is recognised (sps.md §5, DESIGN.md revisions)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import Rejected
from connector.flows import orders as flow
from mapping.models import Company, Item, UnitMapping
from tests.connector.flows.facts import Told, outcome, output
from tests.trade import Bought, a_trade, an_order

Row = dict[str, Any]


def a_row(**changes: Any) -> Row:
    """An order as Visma shows it."""
    line = {
        "lineNbr": 1,
        "inventory": {"number": "A1", "description": "Hinge"},
        "lineType": "GoodsForInventory",
        "uom": "STK",
        "orderQty": 10,
        "unitCost": 12.5,
        "amount": 125,
        "requested": "2026-04-01T00:00:00",
        "promised": None,
    }
    header = {"orderType": "RegularOrder", "orderNbr": "PO100", "status": "Open", "hold": False, "currency": "NOK"}
    supplier = {"supplier": {"internalId": 1, "number": "50000", "name": "Nordic Parts AS"}}
    return header | supplier | {"date": "2026-03-01T00:00:00", "orderTotal": 125, "lines": [line]} | changes


def with_line(**changes: Any) -> Row:
    row = a_row()
    row["lines"][0] |= changes
    return row


@pytest.fixture
def order(company: Company) -> Company:
    a_trade(company)
    an_order(company, [Bought("A1")])
    return company


def sent(company: Company, row: Row, **facts: Any) -> Row:
    found: Row = json.loads(output(flow.match(flow.unwrap(row), company, Told(**facts))))
    return found


@pytest.mark.parametrize(
    ("row", "goes"),
    [
        (a_row(), True),
        (a_row(orderType="DropShip"), True),
        (a_row(orderType="Blanket"), False),
        (a_row(hold=True), False),
        (a_row(status="Hold"), False),
        (a_row(status="Closed"), False),
        (a_row(status="PendingPrint"), False),
        (a_row(lines=[]), False),
        (with_line(canceled=True), False),
    ],
)
def test_only_open_orders_with_something_to_order_go_out(row: Row, goes: bool) -> None:
    assert flow.goes_out(flow.unwrap(row), []) is goes


def test_status_that_was_agreed_goes_out_too() -> None:
    assert flow.goes_out(flow.unwrap(a_row(status="PendingPrint")), ["PendingPrint"])


def test_paper_says_what_was_ordered_in_the_supplier_s_unit(order: Company) -> None:
    paper = sent(order, a_row())
    line = paper["LineItem"][0]["OrderLine"]
    assert paper["Header"]["OrderHeader"]["TradingPartnerId"] == "NORDICPARTS01"
    assert (line["LineSequenceNumber"], line["BuyerPartNumber"]) == ("1", "A1")
    assert (line["OrderQty"], line["OrderQtyUOM"], line["PurchasePrice"], line["PurchasePriceBasis"]) == (
        10,
        "EA",
        12.5,
        "PE",
    )


def test_mapping_with_a_factor_converts_quantity_and_price(order: Company) -> None:
    UnitMapping.objects.filter(unit="KRT").update(rsx_unit="EA", factor=12)
    line = sent(order, with_line(uom="KRT", unitCost=150, amount=1500))["LineItem"][0]["OrderLine"]
    assert (line["OrderQty"], line["OrderQtyUOM"], line["PurchasePrice"]) == (120, "EA", 12.5)


def test_price_of_a_carton_is_not_called_a_price_of_a_piece(order: Company) -> None:
    assert sent(order, with_line(uom="KRT"))["LineItem"][0]["OrderLine"]["PurchasePriceBasis"] == "UM"


def test_unit_that_nobody_mapped_is_asked_about(order: Company) -> None:
    assert outcome(flow.match(flow.unwrap(with_line(uom="SPANN")), order, Told())) == "unit_unmapped"


@pytest.mark.parametrize(("purpose", "ends"), [("00", "ready"), ("05", "order_changed"), ("01", "order_changed")])
def test_change_after_the_answer_is_for_a_person(order: Company, purpose: str, ends: str) -> None:
    assert outcome(flow.match(flow.unwrap(a_row()), order, Told(purpose=purpose, answered=True))) == ends


def test_orders_are_switched_off_for_a_partner(order: Company) -> None:
    order.partners.update(sends_orders=False)
    assert outcome(flow.match(flow.unwrap(a_row()), order, Told())) == "ignored"


Change = Callable[[], Row]


@pytest.mark.parametrize(
    "changed",
    [
        lambda: with_line(promised="2026-05-01T00:00:00"),
        lambda: with_line(qtyOnReceipts=4, completed=True, customStr1="855", customDec1=10),
        lambda: a_row(lastModifiedDateTime="2026-03-09T01:02:03.4", timeStamp="v9", promisedOn="2026-05-01T00:00:00"),
        lambda: a_row(description="looked at", status="Closed"),
        lambda: with_line(orderQty=10.0, unitCost="12.50"),
    ],
)
def test_what_the_supplier_does_not_see_is_no_change(changed: Change) -> None:
    assert flow.neutral_hash(flow.unwrap(changed())) == flow.neutral_hash(flow.unwrap(a_row()))


@pytest.mark.parametrize(
    "changed",
    [
        lambda: with_line(orderQty=11),
        lambda: with_line(unitCost=13, amount=130),
        lambda: with_line(amount=100),  # a discount
        lambda: with_line(uom="KRT"),
        lambda: with_line(requested="2026-04-02T00:00:00"),
        lambda: with_line(note="mind the step"),
        lambda: with_line(canceled=True),
        lambda: a_row(currency="EUR"),
        lambda: a_row(note="call before"),
    ],
)
def test_what_the_supplier_sees_is_a_change(changed: Change) -> None:
    assert flow.neutral_hash(flow.unwrap(changed())) != flow.neutral_hash(flow.unwrap(a_row()))


def test_path_is_of_safe_letters_and_different_numbers_stay_apart() -> None:
    assert flow.path_of("in/", "PO100", 2) == "/in/POPO100-2.json"
    slashed, underscored = flow.path_of("in/", "A/1", 1), flow.path_of("in/", "A_1", 1)
    assert slashed != underscored
    assert slashed.count("/") == 2


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([("VPN", "NP-1", "50000")], ("NP-1", "")),
        ([("VPN", "NP-1", "50000"), ("VPN", "NP-2", "50000")], (None, "")),
        ([("VPN", "XX-1", "60000")], (None, "")),
        ([("Barcode", "7038010000011", "")], (None, "07038010000011")),
    ],
)
def test_item_is_told_by_the_numbers_that_are_certainly_the_supplier_s(
    order: Company, numbers: list[tuple[str, str, str]], told: tuple[str | None, str]
) -> None:
    item = Item.objects.get(company=order, number="A1")
    for kind, number, supplier in numbers:
        item.numbers.create(kind=kind, number=number, compared_as=number, supplier_number=supplier)
    line = sent(order, a_row())["LineItem"][0]["OrderLine"]
    assert (line.get("VendorPartNumber"), line.get("GTIN", "")) == told
    own = sent(order, with_line(alternateID="ON-THE-ORDER"))["LineItem"][0]["OrderLine"]
    assert own["VendorPartNumber"] == "ON-THE-ORDER"


def test_price_that_visma_does_not_state_is_left_out(order: Company) -> None:
    [line] = sent(order, with_line(unitCost=None, amount=None))["LineItem"]
    assert "PurchasePrice" not in line["OrderLine"]


def test_line_without_a_number_is_not_sent(order: Company) -> None:
    with pytest.raises(Rejected, match="has no number"):
        sent(order, with_line(lineNbr=None))


def test_delivery_address_goes_out_with_all_its_lines(order: Company) -> None:
    address = {"addressLine1": "Street 1", "addressLine2": "", "addressLine3": "Gate B"}
    ship_to = sent(order, a_row(shippingAddress=address))["Header"]["Address"][0]
    assert (ship_to["Address1"], ship_to["Address2"]) == ("Street 1", "Gate B")
