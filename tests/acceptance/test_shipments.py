"""Ship notices from the mailbox to purchase receipts on hold."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.sandbox import Wanted
from connector.sandbox.wire import Reply, Request
from tests.acceptance.stage import GLUE, HINGE, SCREWS, WHITE, Stage, asked, delivered, received
from tests.papers import numbers, of_order, pack, ship_item, shipment

HINGES = numbers("1", buyer="1001-BLK", vendor="NP-77410")
WHITES = numbers("3", buyer="1002-WHT", vendor="NP-77411")


def test_consolidated_shipment_with_pallets_is_one_receipt_over_two_orders(stage: Stage) -> None:
    first, second = stage.order(HINGE, WHITE), stage.order(HINGE)
    cartons = [
        pack("P", "00370355500000000017", items=[ship_item(HINGES, 6)]),
        pack("P", "00370355500000000024", items=[ship_item(HINGES, 4), ship_item(WHITES, 4)]),
    ]
    paper = shipment(
        "SHP-1",
        of_order(first, packs=[pack("T", "00370355500000000031", packs=cartons)]),
        of_order(second, packs=[pack("P", "00370355500000000024", items=[ship_item(HINGES, 10)])]),
    )
    row = stage.sends("shipment", paper)
    delivered(row)
    [receipt] = stage.receipts()
    assert received(receipt) == {(first, 1): 10, (first, 3): 4, (second, 1): 10}
    assert (receipt["status"], receipt["createBill"], receipt["supplierRef"]) == ("Hold", False, "SHP-1")
    assert "cartons 2, pallets 1" in receipt["note"]
    assert row["orders"] == [first, second]


def test_part_shipments_add_up_and_only_the_last_completes_the_line(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-A", of_order(order, items=[ship_item(HINGES, 4)]))))
    delivered(stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(HINGES, 6)]))))
    assert [(one["lines"][0]["receiptQty"], one["lines"][0]["completePoLine"]) for one in stage.receipts()] == [
        (4, False),
        (6, True),
    ]


def test_parts_that_arrive_together_complete_the_line_with_the_last(stage: Stage) -> None:
    order = stage.order(HINGE)
    for name, quantity in (("SHP-A", 4), ("SHP-B", 6)):
        stage.put("shipment", shipment(name, of_order(order, items=[ship_item(HINGES, quantity)])))
    stage.sync()
    assert [one["lines"][0]["completePoLine"] for one in stage.receipts()] == [False, True]


def test_last_part_that_is_received_first_does_not_close_the_line_before_the_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = stage.order(HINGE)
    visma = stage.world.visma
    visma.faults.fault("PUT", "*/PurchaseReceipt/*", "http500_before")
    handle, looks = visma.handle, list[str]()

    def cancelled_meanwhile(call: Request) -> Reply:
        """Somebody takes the half-made receipt away, before it is looked at for the second time."""
        if call.method == "GET" and call.segments[-1].startswith("PR"):
            looks.append(call.segments[-1])
            if len(looks) == 2:
                stage.cancel_receipt(call.segments[-1])
        return handle(call)

    monkeypatch.setattr(visma, "handle", cancelled_meanwhile)
    for name, quantity in (("SHP-A", 4), ("SHP-B", 6)):
        stage.put("shipment", shipment(name, of_order(order, items=[ship_item(HINGES, quantity)])))
    stage.sync()
    stage.release()
    first, last = stage.documents("--kind", "shipment")
    asked(first, "remote_rejected", "was cancelled in Visma")
    delivered(last)
    stage.run("replay", "--document", str(first["id"]))
    stage.sync()
    made = [(one["supplierRef"], one["status"], one["lines"][0]["completePoLine"]) for one in stage.receipts()]
    assert made == [("SHP-B", "Released", False), ("SHP-A", "Hold", True)]


def test_parts_are_received_one_after_the_other(stage: Stage) -> None:
    """Until it is told the quantities, Visma shows all that is open of a line on the first receipt."""
    order = stage.order(HINGE)
    stage.world.visma.faults.fault("PUT", "*/PurchaseReceipt/*", "http500_before")
    for name, quantity in (("SHP-A", 4), ("SHP-B", 6)):
        stage.put("shipment", shipment(name, of_order(order, items=[ship_item(HINGES, quantity)])))
    stage.sync()
    assert [row["status"] for row in stage.documents("--kind", "shipment")] == ["delivered"] * 2
    made = [(one["supplierRef"], one["lines"][0]["receiptQty"]) for one in stage.receipts()]
    assert made == [("SHP-A", 4), ("SHP-B", 6)]


def test_over_shipment_is_held_and_nothing_is_received(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-A", of_order(order, items=[ship_item(HINGES, 8)]))))
    row = stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(HINGES, 3)])))
    asked(row, "over_shipped", "11 STK shipped in all, 10 ordered")
    assert len(stage.receipts()) == 1


def test_shipment_of_an_order_that_is_cancelled_is_asked_about_and_begins_no_receipt(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.cancel(order)
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    asked(row, "over_shipped", "10 ordered and cancelled")
    assert not stage.receipts()


def test_over_shipment_within_the_tolerance_passes(stage: Stage) -> None:
    stage.partner("--quantity-tolerance", "10,0")
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-A", of_order(order, items=[ship_item(HINGES, 11)]))))
    asked(stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(HINGES, "0.5")]))), "over_shipped")


def test_what_is_cancelled_in_visma_may_be_shipped_again(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = stage.sends("shipment", shipment("SHP-A", of_order(order, items=[ship_item(HINGES, 10)])))
    stage.cancel_receipt(first["output_ref"])
    delivered(stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(HINGES, 10)]))))
    assert [receipt["supplierRef"] for receipt in stage.receipts()] == ["SHP-B"]


def test_what_the_warehouse_counted_is_what_counts(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-A", of_order(order, items=[ship_item(HINGES, 8)]))))
    stage.release(counted=lambda line: Decimal(5))
    delivered(stage.sends("shipment", shipment("SHP-B", of_order(order, items=[ship_item(HINGES, 5)]))))


def test_conflicting_line_and_item_is_held(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    wrong = numbers("1", buyer="1002-WHT")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(wrong, 2)])))
    asked(row, "line_conflict", "line number 1 is item 1001-BLK, but the paper names 1002-WHT")
    assert not stage.receipts()


def test_line_that_is_not_on_the_order_is_held(stage: Stage) -> None:
    order = stage.order(HINGE)
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(numbers("7"), 2)])))
    asked(row, "line_unknown", "line 7 is not on the order")


def test_barcode_without_its_leading_zero_is_the_same_barcode(stage: Stage) -> None:
    stage.map(items="trading_partner_id,their_number,number_kind,item\nNORDICPARTS01,043000186706,upc,1001-BLK\n")
    order = stage.order(HINGE)
    without_zero = numbers(gtin="43000186706")
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(without_zero, 10)]))))
    assert received(stage.receipts()[0]) == {(order, 1): 10}


def test_line_number_with_leading_zeros_is_the_same_line(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(numbers("001"), 10)]))))


def test_item_on_two_lines_needs_a_line_number(stage: Stage) -> None:
    order = stage.order(HINGE, HINGE)
    named = numbers(buyer="1001-BLK")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(named, 2)])))
    asked(row, "line_unknown", "stands on lines 1 and 3")


def test_unknown_barcode_is_held_until_it_is_mapped(stage: Stage) -> None:
    order = stage.order(HINGE)
    named = numbers(gtin="07038010000011")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(named, 10)])))
    asked(row, "item_unmapped", "07038010000011")
    stage.map(items="trading_partner_id,their_number,number_kind,item\nNORDICPARTS01,7038010000011,gtin,1001-BLK\n")
    stage.sync()
    delivered(stage.document("--number", "SHP-1"))


def test_cassettes_are_not_cases(stage: Stage) -> None:
    order = stage.order(SCREWS)
    named = numbers("1", buyer="1003-SCR")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(named, 5, "CS")])))
    asked(row, "unit_unmapped", "unit CS")
    assert not stage.receipts()


def test_pieces_are_counted_into_the_cartons_that_were_ordered(stage: Stage) -> None:
    order = stage.order(SCREWS)
    named = numbers("1", buyer="1003-SCR")
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(named, 60, "EA")]))))
    assert received(stage.receipts()[0]) == {(order, 1): 5}


def test_lots_travel_into_the_receipt(stage: Stage) -> None:
    order = stage.order(GLUE)
    named = numbers("1", buyer="1004-GLU")
    items = [ship_item(named, 2, lot="L-1"), ship_item(named, 4, lot="L-2")]
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=items))))
    [line] = stage.receipts()[0]["lines"]
    assert [(lot["lotSerialNumber"], lot["quantity"]) for lot in line["allocations"]] == [("L-1", 2), ("L-2", 4)]


def test_receipts_are_released_where_the_partner_is_set_so(stage: Stage) -> None:
    stage.partner("--release-receipts", "yes")
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    assert stage.receipts()[0]["status"] == "Released"


def test_shipment_number_used_again_for_something_else_is_held(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("Shp-1", of_order(order, items=[ship_item(HINGES, 4)]))))
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 6)])))
    asked(row, "number_reused", "SHP-1")
    assert len(stage.receipts()) == 1


def test_shipment_for_an_order_that_is_not_there_yet_waits_for_it(stage: Stage) -> None:
    path = stage.put("shipment", shipment("SHP-1", of_order("PO000415", items=[ship_item(HINGES, 10)])))
    stage.sync()
    assert stage.document("--number", "SHP-1")["status"] == "waiting"
    while (number := stage.world.new_order("50000", [HINGE])) != "PO000415":
        assert number < "PO000415"
    stage.sync()
    row = next(row for row in stage.documents() if row["source_ref"] == path)
    delivered(row)


def test_order_of_another_supplier_is_asked_about_at_once(stage: Stage) -> None:
    saw = Wanted("2002-SAW", Decimal(3), "STK", Decimal("199.00"), "SV-2")
    order = stage.order(saw, supplier="50001")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(numbers("1"), 3)])))
    asked(row, "order_unknown", "belongs to supplier 50001")


def test_replacement_of_a_posted_shipment_asks_and_then_takes_its_place(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 8)]), purpose="05")
    row = stage.sends("shipment", paper)
    asked(row, "cancelled", f"replaces the one behind receipt {first['output_ref']}")
    stage.accept(row)
    stage.sync()
    assert [received(receipt) for receipt in stage.receipts()] == [{(order, 1): 8}]


def test_replacement_of_a_shipment_that_never_arrived_takes_its_place_unasked(stage: Stage) -> None:
    order = stage.order(HINGE)
    asked(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 11)]))), "over_shipped")
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]), purpose="05"))
    delivered(row)
    assert stage.document("--kind", "shipment", "--status", "ignored")["reason"].startswith("Replaced by document")
    assert len(stage.receipts()) == 1


def test_cancellation_of_a_posted_shipment_asks_and_then_cancels_the_receipt(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    row = stage.sends("shipment", shipment("SHP-1", purpose="01"))
    asked(row, "cancelled", "cancels the one behind receipt")
    stage.accept(row)
    stage.sync()
    assert not stage.receipts()
    delivered(stage.sends("shipment", shipment("SHP-2", of_order(order, items=[ship_item(HINGES, 10)]))))


def test_what_follows_a_replacement_concerns_the_receipt_that_stands(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    for quantity in (8, 6):
        paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, quantity)]), purpose="05")
        stage.accept(stage.sends("shipment", paper))
        stage.sync()
        assert [received(receipt) for receipt in stage.receipts()] == [{(order, 1): quantity}]
    cancellation = stage.sends("shipment", shipment("SHP-1", purpose="01"))
    asked(cancellation, "cancelled", stage.receipts()[0]["receiptNbr"])
    stage.accept(cancellation)
    stage.sync()
    assert not stage.receipts()


def test_cancellation_of_a_held_shipment_takes_it_off_the_desk(stage: Stage) -> None:
    order = stage.order(HINGE)
    held = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 11)])))
    asked(held, "over_shipped")
    assert stage.sends("shipment", shipment("SHP-1", purpose="01"))["status"] == "ignored"
    assert {row["status"] for row in stage.documents("--kind", "shipment")} == {"ignored"}


def test_shipment_that_was_cancelled_before_it_came_is_not_received(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("shipment", shipment("SHP-1", purpose="01"))
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    assert (row["status"], stage.receipts()) == ("ignored", [])
    assert "was cancelled" in row["reason"]


def test_declared_duplicate_is_ignored(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]), purpose="07"))
    assert (row["status"], len(stage.receipts())) == ("ignored", 1)


def test_ship_notices_are_switched_off_for_a_partner(stage: Stage) -> None:
    stage.partner("--documents", "order,invoice")
    order = stage.order(HINGE)
    row = stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    assert row["status"] == "ignored"
    assert "switched off" in row["reason"]
