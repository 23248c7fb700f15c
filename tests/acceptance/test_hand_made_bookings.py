"""What people book in Visma by hand counts as much as what we book: in the item's own units, and goods that went back."""

from __future__ import annotations

from decimal import Decimal

from audit.reports import LineStand, order_lines
from mapping.models import Order
from tests.acceptance.stage import HINGE, SCREWS, Stage, asked, delivered
from tests.papers import invoice, invoice_line, numbers, of_order, ship_item, shipment

HINGES = numbers("1", buyer="1001-BLK")
BOXES = numbers("1", buyer="1003-SCR")  # ordered by the carton of twelve


def ships(
    stage: Stage, number: str, order: str, quantity: object, named: dict[str, object], unit: str = "EA"
) -> dict[str, object]:
    return stage.sends("shipment", shipment(number, of_order(order, items=[ship_item(named, quantity, unit)])))


def stand(order: str) -> LineStand:
    return order_lines(Order.objects.get(number=order))[0]


def test_pieces_received_by_hand_count_as_the_cartons_that_were_ordered(stage: Stage) -> None:
    order = stage.order(SCREWS)
    stage.receive_by_hand(order, Decimal(48), "STK")
    stage.sync()
    assert stand(order).received == 4
    asked(ships(stage, "SHP-1", order, 2, BOXES, "CT"), "over_shipped", "6 KRT shipped in all, 5 ordered")
    delivered(ships(stage, "SHP-2", order, 1, BOXES, "CT"))


def test_pieces_received_by_hand_are_invoiced_as_cartons(stage: Stage) -> None:
    order = stage.order(SCREWS)
    stage.receive_by_hand(order, Decimal(48), "STK")
    stage.sync()
    paper = invoice("INV-1", order, [invoice_line(BOXES, 5, 240, "CT")], 1200)
    asked(stage.sends("invoice", paper), "over_invoiced", "4 received")
    delivered(stage.sends("invoice", invoice("INV-2", order, [invoice_line(BOXES, 4, 240, "CT")], 960)))
    assert [(line["quantity"], line["uom"]) for line in stage.invoices()[0]["invoiceLines"]] == [(4, "KRT")]


def test_unit_that_nobody_can_convert_is_asked_about_before_anything_is_booked(stage: Stage) -> None:
    order = stage.order(HINGE)
    receipt = stage.receive_by_hand(order, Decimal(1), "KRT")
    stage.sync()
    row = ships(stage, "SHP-1", order, 5, HINGES)
    asked(row, "unit_unmapped", f"purchase receipt {receipt}", "counts in KRT", "cannot be converted to STK")
    billed = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 5, 48)], 240))
    asked(billed, "unit_unmapped", "counts in KRT")
    assert (f"{stand(order).received:f}", len(stand(order).uncounted)) == ("0", 1)
    assert (len(stage.receipts()), stage.invoices()) == (1, [])


def test_conversion_stated_on_the_item_answers_the_question(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.receive_by_hand(order, Decimal(1), "KRT")
    stage.sync()
    asked(ships(stage, "SHP-1", order, 5, HINGES), "unit_unmapped")
    item = stage.books.items["1001-BLK"]
    item.body["inventoryUnits"] = [
        {"fromUnit": "KRT", "toUnit": "STK", "unitMultDiv": "Multiply", "unitRate": Decimal(5)}
    ]
    stage.books.note(item, "buyer", "unit added")
    stage.sync()
    delivered(stage.document("--number", "SHP-1"))
    assert stand(order).received == 5


def test_goods_that_went_back_may_be_shipped_again(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ships(stage, "SHP-A", order, 10, HINGES)
    stage.release()
    stage.sync()
    asked(ships(stage, "SHP-B", order, 4, HINGES), "over_shipped", "14 STK")
    stage.return_goods(str(first["output_ref"]), Decimal(4))
    stage.sync()
    delivered(stage.document("--number", "SHP-B"))
    asked(ships(stage, "SHP-C", order, 1, HINGES), "over_shipped", "11 STK")


def test_return_that_is_not_released_moves_nothing(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ships(stage, "SHP-A", order, 10, HINGES)
    stage.release()
    stage.return_goods(str(first["output_ref"]), Decimal(4), released=False)
    stage.sync()
    assert [stand(order).received, stand(order).unreleased] == [10, 0]
    asked(ships(stage, "SHP-B", order, 4, HINGES), "over_shipped", "14 STK")


def test_goods_that_went_back_are_not_paid(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ships(stage, "SHP-A", order, 10, HINGES)
    stage.release()
    stage.return_goods(str(first["output_ref"]), Decimal(3))
    stage.sync()
    assert stand(order).received == 7
    asked(
        stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 48)], 480)),
        "over_invoiced",
        "7 received",
    )
    delivered(stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 7, 48)], 336)))


def test_what_went_back_is_not_paid_because_more_is_on_its_way(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ships(stage, "SHP-A", order, 8, HINGES)
    stage.release()
    stage.return_goods(str(first["output_ref"]), Decimal(8))
    stage.sync()
    coming = shipment("SHP-B", of_order(order, items=[ship_item(HINGES, 2)]), date="2026-03-01")
    delivered(stage.sends("shipment", coming))  # dated before the first one, and not counted yet
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 2, 48)], 96))
    assert (row["status"], stage.invoices()) == ("waiting", [])


def test_what_comes_in_their_place_is_paid(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ships(stage, "SHP-A", order, 10, HINGES)
    stage.release()
    stage.return_goods(str(first["output_ref"]), Decimal(3))
    stage.sync()
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 7, 48)], 336)))
    delivered(ships(stage, "SHP-B", order, 3, HINGES))
    stage.release()
    stage.sync()
    delivered(stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 3, 48)], 144)))
    assert [stand(order).received, stand(order).invoiced] == [10, 10]


def test_line_that_the_warehouse_took_off_a_released_receipt_may_be_shipped_again(stage: Stage) -> None:
    order = stage.order(HINGE, HINGE)
    both = [ship_item(numbers("1"), 10), ship_item(numbers("3"), 10)]
    first = stage.sends("shipment", shipment("SHP-A", of_order(order, items=both)))
    delivered(first)
    stage.take_off(str(first["output_ref"]), 2)
    stage.release()
    stage.sync()
    delivered(stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(numbers("3"), 10)]))))
