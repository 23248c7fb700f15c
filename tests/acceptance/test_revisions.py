"""Orders that change in Visma: what goes out again, what does not, and what a person decides."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from connector.sandbox import Wanted
from connector.sandbox.wire import Reply, Request
from mapping.models import Company
from tests.acceptance.stage import HINGE, WHITE, Row, Stage, asked, delivered
from tests.papers import ack, dated, numbers, of_order, ship_item, shipment

HINGES = numbers("1", buyer="1001-BLK")


def sent(stage: Stage) -> list[tuple[str, list[float]]]:
    """Purpose and quantities of what lies in the mailbox, in sequence."""
    return [
        (
            paper["Header"]["OrderHeader"]["TsetPurposeCode"],
            [line["OrderLine"]["OrderQty"] for line in paper.get("LineItem", [])],
        )
        for paper in stage.mailbox()
    ]


def revisions(stage: Stage, order: str) -> list[Row]:
    return stage.documents("--kind", "order", "--order", order)


def test_touched_order_is_not_sent_again(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.change(order, {"lineNumber": 1, "promised": "2026-12-01T00:00:00"}, description="looked at")
    stage.sync()
    assert sent(stage) == [("00", [10])]


def test_changed_order_goes_out_once_as_a_replacement_under_a_new_path(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.change(order, {"lineNumber": 1, "orderQty": 12})
    stage.sync()
    stage.sync()
    assert sent(stage) == [("00", [10]), ("05", [12])]
    assert [row["output_ref"] for row in revisions(stage, order)] == [f"/in/PO{order}-1.json", f"/in/PO{order}-2.json"]


def test_change_that_an_answer_runs_into_is_a_revision_like_any_other(stage: Stage) -> None:
    order = stage.order(HINGE)
    handle = stage.world.visma.handle
    changes = iter([12])

    def between(call: Request) -> Reply:
        if call.method == "PUT" and (quantity := next(changes, 0)):
            stage.change(order, {"lineNumber": 1, "orderQty": quantity})  # the buyer is faster: 412
        return handle(call)

    stage.world.visma.handle = between  # type: ignore[method-assign]  # the one seam: what the other side answers
    delivered(stage.sends("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")])))
    stage.sync()
    asked(revisions(stage, order)[-1], "order_changed", order)


def test_our_own_dates_and_receipts_send_nothing(stage: Stage) -> None:
    Company.objects.update(confirmed_quantity_fields=True)
    order = stage.order(HINGE)
    delivered(stage.sends("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")])))
    stage.sync()
    assert (stage.line(order)["promised"][:10], stage.line(order)["customDec1"]) == ("2026-12-20", 10)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    stage.release()
    stage.sync()
    assert stage.books.orders[order].body["status"] == "Closed"
    assert sent(stage) == [("00", [10])]


def test_changes_and_the_cancellation_go_out_in_sequence_each_under_its_path(stage: Stage) -> None:
    order = stage.order(HINGE)
    for quantity in (12, 8):
        stage.change(order, {"lineNumber": 1, "orderQty": quantity})
        stage.sync()
    stage.cancel(order)
    stage.sync()
    stage.sync()
    assert sent(stage) == [("00", [10]), ("05", [12]), ("05", [8]), ("01", [])]
    paths = [row["output_ref"] for row in revisions(stage, order)]
    assert paths == [f"/in/PO{order}-{revision}.json" for revision in (1, 2, 3, 4)]


def test_cancelled_order_goes_out_as_a_cancellation(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.cancel(order)
    stage.sync()
    assert [purpose for purpose, _ in sent(stage)] == ["00", "01"]


def test_order_that_never_went_out_is_not_cancelled_at_the_supplier(stage: Stage) -> None:
    stage.partner("--documents", "order_ack,shipment,invoice")
    order = stage.order(HINGE)
    assert stage.document("--order", order)["status"] == "ignored"
    stage.cancel(order)
    stage.sync()
    assert sent(stage) == []


def test_order_on_hold_is_not_sent_until_it_is_open(stage: Stage) -> None:
    order = stage.order(HINGE, status="Hold")
    assert sent(stage) == []
    stage.change(order, hold=False)
    stage.sync()
    assert sent(stage) == [("00", [10])]


def test_change_before_it_went_out_goes_as_an_original(stage: Stage) -> None:
    order = stage.world.new_order("50000", [HINGE])
    stage.world.visma.books.orders[order].body["lines"][0]["uom"] = "ESK"
    stage.sync()
    asked(stage.document("--order", order), "unit_unmapped", "our unit ESK")
    stage.world.visma.books.orders[order].body["lines"][0]["uom"] = "STK"
    stage.change(order, {"lineNumber": 1, "orderQty": 7})
    stage.sync()
    assert sent(stage) == [("00", [7])]
    assert [row["status"] for row in revisions(stage, order)] == ["ignored", "delivered"]


def test_change_after_the_answer_is_for_a_person_to_decide(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("order_ack", ack(order, "AD")))
    stage.change(order, {"lineNumber": 1, "orderQty": 12})
    stage.sync()
    row = revisions(stage, order)[-1]
    asked(row, "order_changed", "changed in Visma after the supplier had answered")
    assert sent(stage) == [("00", [10])]
    stage.accept(row)
    stage.sync()
    assert sent(stage) == [("00", [10]), ("05", [12])]


def test_cancellation_after_the_answer_is_for_a_person_to_decide(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("order_ack", ack(order, "AD")))
    stage.cancel(order)
    stage.sync()
    row = revisions(stage, order)[-1]
    asked(row, "order_changed", "cancelled in Visma")
    stage.accept(row)
    stage.sync()
    assert [purpose for purpose, _ in sent(stage)] == ["00", "01"]


def test_change_that_is_taken_back_before_it_went_out_is_never_sent(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("order_ack", ack(order, "AD")))
    stage.change(order, {"lineNumber": 1, "orderQty": 12})
    stage.sync()
    stage.change(order, {"lineNumber": 1, "orderQty": 10})
    stage.sync()
    assert sent(stage) == [("00", [10])]
    assert [(row["status"], row["reason"]) for row in revisions(stage, order)][-1] == (
        "ignored",
        "The order is again as it was sent.",
    )


def test_order_that_lost_all_its_lines_is_cancelled_at_the_supplier(stage: Stage) -> None:
    order = stage.order(HINGE)
    books = stage.world.visma.books
    books.orders[order].body["lines"][0]["canceled"] = True
    stage.change(order, note="nothing left")
    stage.sync()
    assert [purpose for purpose, _ in sent(stage)] == ["00", "01"]


def test_older_orders_are_sent_by_backfill_alone_and_only_once(stage: Stage) -> None:
    old = stage.order(HINGE, WHITE, days_ago=40)
    assert sent(stage) == []
    since = (date.today() - timedelta(days=60)).isoformat()  # noqa: DTZ011 - days_ago counts from today as well
    assert stage.run("backfill", "orders", "--since", since, "--dry-run")["orders"] == [old, "PO000414"]
    assert stage.run("backfill", "orders", "--since", since, "--supplier", "50000")["queued"] >= 1
    again = stage.run("backfill", "orders", "--since", since, "--supplier", "50000")
    assert again["orders"] == []
    assert ("00", [10, 4]) in sent(stage)


def test_supplier_without_a_partner_is_asked_about_until_it_has_one(stage: Stage) -> None:
    order = stage.order(Wanted("9001-OAK", Decimal(2), "STK", Decimal(410), "LS-1"), supplier="50003")
    asked(stage.document("--order", order), "partner_unmapped", "no trading partner is mapped")
    stage.map(suppliers="supplier,trading_partner_id,default\n50003,LOKALSNEKKER,yes\n")
    stage.sync()
    delivered(stage.document("--order", order))


def test_second_sync_changes_nothing(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")]))
    before = (stage.writes(), stage.documents(), stage.mailbox())
    stage.sync()
    assert (stage.writes(), stage.documents(), stage.mailbox()) == before
