"""Ship notices: whatever the nesting, every piece is counted once and finds its order and its carton."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Unreadable
from connector.rsx.envelope import split
from connector.rsx.shipment import Lot, ShipLine, Shipment, read
from tests.connector.rsx.reference import sample

_SSCC = "00370355500000000012"


def _read(*, header: dict[str, Any] | None = None, **levels: Any) -> Shipment:
    shipment = {"TradingPartnerId": "P", "ShipmentIdentification": "S1"}
    return read({"Header": {"ShipmentHeader": shipment, **(header or {})}, **levels})


def _item(line: str, quantity: Any = 1, **more: Any) -> dict[str, Any]:
    named = {"LineSequenceNumber": line, "BuyerPartNumber": f"B{line}"} if line else {}
    return {"ShipmentLine": {**named, "ShipQty": quantity, "ShipQtyUOM": "EA"}, **more}


def _order(number: str, **levels: Any) -> dict[str, Any]:
    return {"OrderHeader": {"PurchaseOrderNumber": number, "Vendor": "V1"}, **levels}


def _pack(label: str = "", kind: str = "P", **levels: Any) -> dict[str, Any]:
    return {"Pack": {"PackLevelType": kind, "ShippingSerialID": label}, **levels}


def _told(line: ShipLine) -> tuple[object, ...]:
    return line.order_number, line.line_number, line.quantity, line.packages


def test_pick_and_pack_sample_ships_three_lines_in_two_cartons() -> None:
    shipment = read(split(sample("SH584615"))[0].tree)
    assert [_told(line)[:3] for line in shipment.lines] == [
        ("PO584615-1", "1", 3),
        ("PO584615-1", "2", 2),
        ("PO584615-1", "3", 3),
    ]
    assert (shipment.cartons, shipment.pallets, shipment.vendor) == (2, 0, "VEND6174")
    assert shipment.packages == ("007774760000006929", "007774760000006930")
    assert (shipment.ship_date, shipment.expected) == (dt.date(2020, 12, 15), dt.date(2020, 12, 20))
    assert (shipment.carrier, shipment.status_code) == ("RBTC", "CL")
    assert shipment.warnings == ("Header.QuantityAndWeight: 12 packages declared, 2 cartons in the paper.",)


def test_pallet_holds_cartons_and_both_are_around_the_item() -> None:
    carton = _pack(_SSCC, ItemLevel=[_item("1", 4)])
    shipment = _read(OrderLevel=[_order("A", PackLevel=[_pack("PALLET", "T", PackLevel=[carton, _pack("C2")])])])
    assert [_told(line) for line in shipment.lines] == [("A", "1", 4, ("PALLET", _SSCC[2:]))]
    assert (shipment.cartons, shipment.pallets) == (2, 1)
    assert shipment.packages == ("PALLET", _SSCC[2:], "C2")


def test_consolidated_shipment_keeps_line_numbers_apart_and_counts_a_shared_carton_once() -> None:
    levels = [_order(number, PackLevel=[_pack(_SSCC, ItemLevel=[_item("1", 2)])]) for number in ("A", "B", "A")]
    shipment = _read(OrderLevel=levels)
    assert [(line.position, line.order_number) for line in shipment.lines] == [(1, "A"), (2, "B"), (3, "A")]
    assert (shipment.cartons, shipment.order_numbers) == (1, ("A", "B"))


def test_order_level_without_a_number_belongs_to_the_order_above_it() -> None:
    inner = _order("", ItemLevel=[_item("1", 2)])
    shipment = _read(OrderLevel=[_order("A", ContainerLevel=[{"OrderLevel": [inner]}])])
    assert [_told(line) for line in shipment.lines] == [("A", "1", 2, ())]


def test_cartons_without_a_label_are_cartons_all_the_same() -> None:
    shipment = _read(OrderLevel=[_order("A", PackLevel=[_pack(ItemLevel=[_item("1")]), _pack(ItemLevel=[_item("1")])])])
    assert (shipment.cartons, shipment.packages) == (2, ())


def test_standard_cartons_below_an_item_do_not_multiply_it() -> None:
    shipment = _read(ContainerLevel=[{"ItemLevel": [_item("1", 10, PackLevel=[_pack("C1"), _pack("C2")])]}])
    assert [_told(line) for line in shipment.lines] == [("", "1", 10, ("C1", "C2"))]
    assert shipment.cartons == 2


def test_item_told_again_in_its_packs_is_counted_once() -> None:
    packs = [_pack("C1", ItemLevel=[_item("1", 6)]), _pack("C2", ItemLevel=[_item("", 4)])]
    shipment = _read(OrderLevel=[_order("A", ContainerLevel=[{"ItemLevel": [_item("1", 10, PackLevel=packs)]}])])
    assert [_told(line) for line in shipment.lines] == [("A", "1", 10, ("C1", "C2"))]
    assert not any("levels below" in warning for warning in shipment.warnings)


def test_further_item_below_an_item_is_its_own_line() -> None:
    shipment = _read(ItemLevel=[_item("1", 10, PackLevel=[_pack("C1", ItemLevel=[_item("2", 3)])])])
    assert {_told(line)[1:3] for line in shipment.lines} == {("1", 10), ("2", 3)}


def test_item_above_its_orders_takes_the_only_one_and_none_of_several() -> None:
    shipment = _read(ItemLevel=[_item("1", 5, OrderLevel=[_order("A")])])
    assert [_told(line) for line in shipment.lines] == [("A", "1", 5, ())]
    shipment = _read(ItemLevel=[_item("1", 5, OrderLevel=[_order("A"), _order("B")])])
    assert [_told(line) for line in shipment.lines] == [("", "1", 5, ())]
    assert shipment.order_numbers == ("A", "B")
    assert "one item for several orders (A, B)" in shipment.warnings[0]


def test_quantities_told_per_order_count_instead_of_the_item_above_them() -> None:
    orders = [_order("A", ItemLevel=[_item("", 2)]), _order("B", ItemLevel=[_item("", 4)])]
    shipment = _read(ItemLevel=[_item("1", 5, OrderLevel=orders)])
    assert [_told(line) for line in shipment.lines] == [("A", "1", 2, ()), ("B", "1", 4, ())]
    assert any("5 shipped, but 6 in the levels below" in warning for warning in shipment.warnings)


def test_levels_side_by_side_which_the_schema_forbids_are_all_walked() -> None:
    order = _order("A", ItemLevel=[_item("1")], PackLevel=[_pack("C1", ItemLevel=[_item("2")])])
    shipment = _read(OrderLevel=[order], ItemLevel=[_item("3")])
    assert {(line.order_number, line.line_number) for line in shipment.lines} == {("A", "1"), ("A", "2"), ("", "3")}


def test_components_of_a_kit_are_not_added() -> None:
    subline = [{"SublineItemDetail": {"QtyPer": 4, "BuyerPartNumber": "X"}}]
    assert [line.quantity for line in _read(ItemLevel=[_item("1", 2, Subline=subline)]).lines] == [2]


def test_lot_serials_and_shelf_life_are_found_where_suppliers_put_them() -> None:
    refs = [{"ReferenceQual": q, "ReferenceID": n} for q, n in (("LT", "L1"), ("SE", "S1"), ("SE", "S2"), ("MR", "x"))]
    pack = _pack(
        "C1", Dates=[{"DateTimeQualifier": "511", "Date": "2027-01-31"}], ItemLevel=[_item("1", 2, References=refs)]
    )
    [line] = _read(OrderLevel=[_order("A", PackLevel=[pack])]).lines
    assert line.lots == (Lot(number="L1", quantity=Decimal(2), expires=dt.date(2027, 1, 31)),)
    assert line.serials == ("S1", "S2")


def test_several_lots_of_one_line_leave_open_how_much_of_each() -> None:
    item = _item("1", 2, References=[{"ReferenceQual": "BT", "ReferenceID": "L1"}])
    item["ShipmentLine"]["ProductID"] = [{"PartNumberQual": "B8", "PartNumber": "L2"}]
    [line] = _read(ItemLevel=[item]).lines
    assert line.lots == (Lot(number="L1"), Lot(number="L2"))


def test_shelf_life_without_a_lot_is_a_warning() -> None:
    shipment = _read(ItemLevel=[_item("1", Dates=[{"DateTimeQualifier": "BBD", "Date": "2027-01-31"}])])
    assert shipment.warnings == ("ItemLevel[1].Dates: expires on 2027-01-31, but no lot is named.",)


@pytest.mark.parametrize(("raw", "label"), [(_SSCC, _SSCC[2:]), (_SSCC[2:], _SSCC[2:]), ("X-1", "X-1")])
def test_package_label_is_an_sscc_or_what_the_supplier_calls_it(raw: str, label: str) -> None:
    shipment = _read(PackLevel=[_pack(raw, ItemLevel=[_item("1")])])
    assert shipment.packages == (label,)
    assert bool(shipment.warnings) == (raw == "X-1")


def test_declared_totals_only_warn() -> None:
    shipment = _read(
        OrderLevel=[_order("A", ItemLevel=[_item("1")])], Summary={"TotalOrders": 3, "TotalLineItemNumber": "2"}
    )
    assert shipment.warnings == (
        "Summary.TotalOrders: 3 declared, 1 in the paper.",
        "Summary.TotalLineItemNumber: 2 declared, 1 in the paper.",
    )


def test_shipment_without_any_level_is_read() -> None:
    assert _read().lines == ()


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (
            {"ItemLevel": [{"ShipmentLine": {"ShipQty": "3 pcs"}}]},
            r"ItemLevel\[1\]\.ShipmentLine\.ShipQty: '3 pcs' is not",
        ),
        ({"OrderLevel": [5]}, r"OrderLevel\[1\]: a block of fields is expected"),
        ({"PackLevel": [{"Pack": [1, 2]}]}, r"PackLevel\[1\]\.Pack: a block of fields is expected, but it is a list"),
    ],
)
def test_what_we_need_and_cannot_read_is_named(levels: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        _read(**levels)


# --- generated trees: every item has its own number, so what went in must come out -------------------------------

_KINDS = ("ContainerLevel", "OrderLevel", "PackLevel", "ItemLevel")


@st.composite
def _trees(draw: st.DrawFn) -> tuple[dict[str, Any], Counter[tuple[str, str]]]:
    shipped: Counter[tuple[str, str]] = Counter()
    numbers = iter(range(1, 10_000))

    def level(depth: int, order: str, below_item: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in draw(st.lists(st.sampled_from(_KINDS), max_size=2, unique=True)) if depth else ["ItemLevel"]:
            count = draw(st.integers(1, 2))
            found[kind] = [one(kind, depth - 1, order, below_item) for _ in range(count)]
        return found

    def one(kind: str, depth: int, order: str, below_item: bool) -> dict[str, Any]:
        if kind == "OrderLevel":
            # below an item an order keeps its number, as there an item may take it from below
            number = order or draw(st.sampled_from("ABC"))
            return _order(number, **(level(depth, number, below_item) if depth > 0 else {}))
        if kind == "PackLevel":
            label = draw(st.sampled_from(["", _SSCC, "C1"]))
            inner = level(depth, order, below_item) if depth > 0 else {}
            return _pack(label, draw(st.sampled_from(["P", "T", ""])), **inner)
        if kind == "ContainerLevel":
            return {"Container": {}, **(level(depth, order, below_item) if depth > 0 else {})}
        line, quantity = str(next(numbers)), draw(st.integers(0, 50))
        known = order or draw(st.sampled_from("ABC"))
        inner = {"OrderLevel": [_order(known)]} if not order else {}
        deeper = level(depth, known, True) if depth > 0 else {}
        for name, children in inner.items():
            deeper[name] = [*deeper.get(name, []), *children]
        shipped[known, line] += quantity
        if not order:
            # without an order above, an order below names it: then further items go below that order too
            deeper = {"OrderLevel": [_order(known, **deeper)]}
        return _item(line, quantity, **deeper)

    return level(draw(st.integers(0, 4)), "", False), shipped


@given(_trees())
def test_whatever_the_nesting_every_piece_is_counted_once(
    case: tuple[dict[str, Any], Counter[tuple[str, str]]],
) -> None:
    tree, shipped = case
    found: Counter[tuple[str, str]] = Counter()
    lines = _read(**tree).lines
    for line in lines:
        found[line.order_number, line.line_number] += int(line.quantity or 0)
    assert found == shipped
    assert [line.position for line in lines] == list(range(1, len(lines) + 1))
