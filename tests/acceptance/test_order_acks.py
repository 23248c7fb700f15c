"""Acknowledgments from the mailbox to promised dates in Visma."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.reports import order_lines
from connector.models import Connection
from mapping.models import ItemTolerance, Order, TradingPartner
from tests.acceptance.stage import HINGE, WHITE, Stage, asked, delivered
from tests.papers import ack, ack_line, dated, entry, numbers

HINGES = numbers("1", buyer="1001-BLK", vendor="NP-77410")
WHITES = numbers("3", buyer="1002-WHT", vendor="NP-77411")
CLASSES = ("IA", "IQ", "DR", "IB", "BP", "IH", "IR", "IS", "IP", "ID")  # of one line, each class of sps.md §6


def promised(stage: Stage, order: str, number: int = 1) -> str:
    return str(stage.line(order, number)["promised"])[:10]


def test_accepted_with_changes_sets_the_latest_date_of_each_line(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    lines = [
        ack_line(HINGES, entry("IQ", 6, "2026-12-10"), entry("IB", 4, "2026-12-24"), ordered=10),
        ack_line(WHITES, entry("DR", 4, "2026-12-12", kind="017"), ordered=4),
    ]
    delivered(stage.sends("order_ack", ack(order, "AC", lines)))
    assert (promised(stage, order), promised(stage, order, 3)) == ("2026-12-24", "2026-12-12")


@pytest.mark.parametrize("kind", ["AD", "AK"])
def test_accepted_as_ordered_confirms_every_line_with_the_header_s_date(stage: Stage, kind: str) -> None:
    order = stage.order(HINGE, WHITE)
    paper = ack(order, kind, dates=[dated("067", "2026-12-20")], AcknowledgementNumber="A-1")
    delivered(stage.sends("order_ack", paper))
    assert (promised(stage, order), promised(stage, order, 3)) == ("2026-12-20", "2026-12-20")


def test_only_exceptions_are_listed_and_the_rest_is_accepted(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    lines = [ack_line(WHITES, entry("IB", 4, "2026-12-31"), ordered=4)]
    delivered(stage.sends("order_ack", ack(order, "AE", lines, dates=[dated("067", "2026-12-20")])))
    assert (promised(stage, order), promised(stage, order, 3)) == ("2026-12-20", "2026-12-31")


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        ("AH", "order_on_hold", "on hold"),
        ("RJ", "order_rejected", "rejects order"),
        ("RD", "order_rejected", "rejects, with details"),
        ("RF", "order_rejected", "rejects, with exceptions"),
        ("RO", "order_rejected", "counter-offer"),
        ("ZZ", "quantity", "type ZZ, which is not known"),
    ],
)
def test_type_that_needs_a_person_changes_nothing(stage: Stage, kind: str, cause: str, words: str) -> None:
    order = stage.order(HINGE)
    before = stage.writes()
    asked(stage.sends("order_ack", ack(order, kind, dates=[dated("067", "2026-12-20")])), cause, words)
    assert stage.writes() == before


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("IR", "order_rejected"),
        ("R2", "order_rejected"),
        ("ROS", "order_rejected"),
        ("IS", "substitution"),
        ("IP", "price"),
        ("IE", "price"),
        ("UM", "quantity"),
        ("SP", "date"),
        ("XX", "quantity"),
    ],
)
def test_line_status_that_needs_a_person_changes_nothing(stage: Stage, status: str, cause: str) -> None:
    order = stage.order(HINGE)
    before = stage.writes()
    lines = [ack_line(HINGES, entry(status, 10, "2026-12-20"), ordered=10)]
    asked(stage.sends("order_ack", ack(order, "AC", lines)), cause, "line 1")
    assert stage.writes() == before


@pytest.mark.parametrize("status", ["IA", "AC", "AR", "AA", "IQ", "DR", "IC", "IB", "BP"])
def test_line_status_that_promises_sets_the_date(stage: Stage, status: str) -> None:
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry(status, 10, "2026-12-20"), ordered=10)]
    delivered(stage.sends("order_ack", ack(order, "AC", lines)))
    assert promised(stage, order) == "2026-12-20"


@pytest.mark.parametrize("status", ["IH", "IF", "IW"])
def test_line_on_hold_stays_open_and_gets_no_date(stage: Stage, status: str) -> None:
    order = stage.order(HINGE)
    before = promised(stage, order)
    lines = [ack_line(HINGES, entry(status, 10, "2026-12-20"), ordered=10)]
    delivered(stage.sends("order_ack", ack(order, "AC", lines)))
    assert promised(stage, order) == before


def test_more_than_was_ordered_is_asked_about(stage: Stage) -> None:
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry("IA", 8, "2026-12-20"), entry("IB", 3, "2026-12-24"))]
    asked(stage.sends("order_ack", ack(order, "AC", lines)), "quantity", "11 STK acknowledged, 10 ordered")
    [stand] = order_lines(Order.objects.get(number=order))
    assert [stand.confirmed, stand.backordered, stand.open] == [0, 0, 10]  # until someone accepts it


def test_changed_price_is_asked_about_though_the_status_says_accepted(stage: Stage) -> None:
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry("IA", 10, "2026-12-20"), ordered=10, PurchasePrice=50)]
    row = stage.sends("order_ack", ack(order, "AC", lines))
    asked(row, "price", "price 50 NOK per STK, ordered at 48")
    stage.accept(row)
    stage.sync()
    delivered(stage.document("--kind", "order_ack"))
    assert promised(stage, order) == "2026-12-20"


def test_price_that_the_buyer_corrects_in_visma_needs_nobody_any_more(stage: Stage) -> None:
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry("IA", 10, "2026-12-20"), ordered=10, PurchasePrice=50)]
    asked(stage.sends("order_ack", ack(order, "AC", lines)), "price")
    stage.change(order, {"lineNumber": 1, "unitCost": 50})
    stage.sync()
    delivered(stage.document("--kind", "order_ack"))


def test_other_currency_is_asked_about(stage: Stage) -> None:
    order = stage.order(HINGE)
    row = stage.sends("order_ack", ack(order, "AD", BuyersCurrency="EUR"))
    asked(row, "currency", "in NOK, the acknowledgment in EUR")


def test_date_beyond_the_tolerance_is_asked_about(stage: Stage) -> None:
    stage.partner("--date-tolerance", "3")
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry("IA", 10, "2099-06-01"), ordered=10)]
    asked(stage.sends("order_ack", ack(order, "AC", lines)), "date", "promised for 2099-06-01")


def test_newer_acknowledgment_wins_in_whatever_order_they_come(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    newer = ack(order, "AC", [ack_line(HINGES, entry("IA", 10, "2026-12-24"), ordered=10)], date="2026-03-05")
    older = ack(order, "AD", dates=[dated("067", "2026-12-01")], date="2026-03-02")
    delivered(stage.sends("order_ack", newer))
    delivered(stage.sends("order_ack", older))
    assert (promised(stage, order), promised(stage, order, 3)) == ("2026-12-24", "2026-12-01")


def test_old_rejection_that_comes_late_asks_nobody(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("order_ack", ack(order, "AD", date="2026-03-05")))
    row = stage.sends("order_ack", ack(order, "RJ", date="2026-03-02", AcknowledgementNumber="A-0"))
    assert row["status"] == "ignored"
    assert "Newer acknowledgments" in row["reason"]


def test_order_on_hold_leaves_the_desk_when_the_next_acknowledgment_comes(stage: Stage) -> None:
    order = stage.order(HINGE)
    asked(stage.sends("order_ack", ack(order, "AH", date="2026-03-02")), "order_on_hold")
    delivered(stage.sends("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")], date="2026-03-04")))
    assert stage.document("--kind", "order_ack", "--status", "ignored")["reason"].startswith("Newer acknowledgments")
    assert promised(stage, order) == "2026-12-20"


def test_acknowledgments_per_location_are_added_up(stage: Stage) -> None:
    order = stage.order(HINGE)
    oslo = ack(order, "AC", [ack_line(HINGES, entry("IA", 6, "2026-12-20"))], place="OSLO")
    bergen = ack(order, "AC", [ack_line(HINGES, entry("IA", 4, "2026-12-10"))], place="BERGEN")
    tromso = ack(order, "AC", [ack_line(HINGES, entry("IA", 1, "2026-12-10"))], place="TROMSO")
    delivered(stage.sends("order_ack", oslo))
    delivered(stage.sends("order_ack", bergen))
    assert promised(stage, order) == "2026-12-20"
    asked(stage.sends("order_ack", tromso), "quantity", "11 STK acknowledged")


def test_draft_receipt_is_made_where_the_partner_is_set_so_and_only_once(stage: Stage) -> None:
    stage.partner("--ack", "receipt")
    order = stage.order(HINGE)
    lines = [ack_line(HINGES, entry("IA", 6, "2026-12-20"), entry("IB", 4, "2026-12-24"))]
    delivered(stage.sends("order_ack", ack(order, "AC", lines)))
    stage.put("order_ack", ack(order, "AD", date="2026-03-03"))
    stage.put("order_ack", ack(order, "AD", date="2026-03-04"))
    stage.sync()
    assert [one["lines"][0]["receiptQty"] for one in stage.receipts()] == [6, 4]
    assert {one["status"] for one in stage.receipts()} == {"Hold"}


def test_acknowledgment_of_a_cancelled_order_is_asked_about(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.cancel(order)
    stage.sync()
    lines = [ack_line(HINGES, entry("IA", 10, "2026-12-20"), ordered=10)]
    asked(stage.sends("order_ack", ack(order, "AC", lines)), "quantity", "ordered and cancelled since")


def test_order_that_changes_while_it_is_matched_is_matched_again(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.put("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")]))
    stage.sync()
    stage.change(order, note="seen")
    stage.put("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-22")], date="2026-03-03"))
    stage.sync()
    assert promised(stage, order) == "2026-12-22"


def test_older_acknowledgment_of_any_class_never_wins_over_a_newer_one(stage: Stage) -> None:
    order = stage.order(HINGE)
    newest = ack(
        order, "AC", [ack_line(HINGES, entry("IA", 6, "2026-12-24"), entry("IB", 4, "2026-12-30"))], date="2026-03-09"
    )
    delivered(stage.sends("order_ack", newest))
    before = stage.writes()
    whole = ("AD", "AK", "AE", "AH", "RJ", "RO")
    older = [ack(order, kind, date="2026-03-02", AcknowledgementNumber=kind) for kind in whole]
    older += [
        ack(order, kind, [ack_line(HINGES, entry(status, 10, "2026-12-01"))], date="2026-03-03")
        for kind, status in [("AD", "IA"), ("RD", "IR"), ("RF", "IR"), *(("AC", status) for status in CLASSES)]
    ]
    for paper in older:
        stage.put("order_ack", paper)
    stage.sync()
    late = [row for row in stage.documents("--kind", "order_ack") if row["date"] != "2026-03-09"]
    assert len(late) == len(older)
    assert {(row["status"], row["reason"].split(" of ")[0]) for row in late} == {("ignored", "Newer acknowledgments")}
    assert (stage.writes(), promised(stage, order)) == (before, "2026-12-30")
    [stand] = order_lines(Order.objects.get(number=order))
    assert [stand.confirmed, stand.backordered, stand.rejected, stand.open] == [6, 4, 0, 0]


def test_each_location_s_latest_word_adds_up_and_the_rest_stays_open(stage: Stage) -> None:
    order = stage.order(HINGE)
    words = [
        ("OSLO", entry("IA", 6, "2026-12-20"), "2026-03-02"),
        ("BERGEN", entry("IB", 3, "2026-12-28"), "2026-03-03"),
        ("OSLO", entry("IA", 5, "2026-12-22"), "2026-03-05"),
        ("BERGEN", entry("IA", 4, "2026-12-01"), "2026-03-02"),
    ]
    for place, said, day in words:
        stage.sends("order_ack", ack(order, "AC", [ack_line(HINGES, said)], place=place, date=day))
    [stand] = order_lines(Order.objects.get(number=order))
    assert [stand.confirmed, stand.backordered, stand.open] == [5, 3, 2]
    assert promised(stage, order) == "2026-12-28"


def test_tolerance_of_the_company_counts_where_its_partner_has_none(stage: Stage) -> None:
    company = TradingPartner.objects.get(trading_partner_id="NORDICPARTS01").company
    company.price_percent, company.quantity_absolute, company.date_days = Decimal(3), Decimal(1), 300
    company.save()
    order = stage.order(HINGE)
    near = ack_line(HINGES, entry("IA", 11, "2026-12-20"), ordered=11, PurchasePrice=49)
    delivered(stage.sends("order_ack", ack(order, "AC", [near])))
    stage.partner("--price-tolerance", "1,0")
    row = stage.sends("order_ack", ack(order, "AC", [near], date="2026-03-03"))
    asked(row, "price", "price 49 NOK per STK, ordered at 48")


def test_deletion_that_was_asked_for_asks_nobody(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    stage.change(order, {"lineNumber": 1, "orderQty": 6})
    stage.sync()
    lines = [
        ack_line(HINGES, entry("IA", 6, "2026-12-20"), entry("ID", 4), ordered=6),
        ack_line(WHITES, entry("IA", 4, "2026-12-20"), ordered=4),
    ]
    delivered(stage.sends("order_ack", ack(order, "AC", lines)))
    stands = order_lines(Order.objects.get(number=order))
    assert [[stand.confirmed, stand.rejected, stand.open] for stand in stands] == [[6, 0, 0], [4, 0, 0]]


def test_deletion_that_nobody_asked_for_is_asked_about(stage: Stage) -> None:
    order = stage.order(HINGE)
    row = stage.sends("order_ack", ack(order, "AC", [ack_line(HINGES, entry("ID", 10), ordered=10)]))
    asked(row, "order_rejected", "deleted 10 STK, which nobody asked for")


def test_replacement_of_an_acknowledgment_takes_its_place(stage: Stage) -> None:
    order = stage.order(HINGE)
    paper = ack_line(HINGES, entry("IR", 10), ordered=10)
    asked(stage.sends("order_ack", ack(order, "AC", [paper], AcknowledgementNumber="A-1")), "order_rejected")
    better = ack_line(HINGES, entry("IA", 10, "2026-12-20"), ordered=10)
    instead = ack(order, "AC", [better], TsetPurposeCode="05", AcknowledgementNumber="A-1")
    delivered(stage.sends("order_ack", instead))
    assert not [row for row in stage.documents("--kind", "order_ack") if row["status"] == "held"]
    [stand] = order_lines(Order.objects.get(number=order))
    assert [stand.confirmed, stand.rejected, str(stand.promised)] == [10, 0, "2026-12-20"]


def test_replay_of_an_older_acknowledgment_leaves_the_roll_up_as_it_is(stage: Stage) -> None:
    order = stage.order(HINGE)
    words = [(entry("IR", 10), "2026-03-02"), (entry("IA", 10, "2026-12-20"), "2026-03-03")]
    for said, day in words:
        stage.sends("order_ack", ack(order, "AC", [ack_line(HINGES, said, ordered=10)], date=day))
    older, newer = sorted(stage.documents("--kind", "order_ack"), key=lambda row: row["id"])
    before, writes = order_lines(Order.objects.get(number=order)), stage.writes()
    assert [[stand.confirmed, stand.rejected] for stand in before] == [[10, 0]]
    for row in (older, newer):
        stage.run("replay", "--document", str(row["id"]), fails=row["status"] == "delivered")
        stage.sync()
        assert order_lines(Order.objects.get(number=order)) == before
    assert stage.writes() == writes


def test_tolerance_of_an_item_counts_before_that_of_its_partner(stage: Stage) -> None:
    stage.partner("--price-tolerance", "10,0")
    partner = TradingPartner.objects.get(trading_partner_id="NORDICPARTS01")
    ItemTolerance.objects.create(company=partner.company, partner=partner, item="1001-BLK", price_percent=0)
    order = stage.order(HINGE, WHITE)
    lines = [
        ack_line(HINGES, entry("IA", 10, "2026-12-20"), ordered=10, PurchasePrice=49),
        ack_line(WHITES, entry("IA", 4, "2026-12-20"), ordered=4, PurchasePrice=76),
    ]
    row = stage.sends("order_ack", ack(order, "AC", lines))
    asked(row, "price", "price 49 NOK per STK, ordered at 48")
    assert "price 76" not in row["reason"]


def test_the_last_calls_of_a_window_at_sps_are_for_answers(stage: Stage) -> None:
    order = stage.order(HINGE)
    ends = timezone.now() + timedelta(minutes=10)
    Connection.objects.filter(system="sps").update(budget_limit=100, budget_remaining=9, budget_resets_at=ends)
    for _ in range(3):
        stage.world.new_order("50000", [HINGE])
    stage.put("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-20")]))
    stage.run("sync")
    assert promised(stage, order) == "2026-12-20"
    waiting = stage.documents("--kind", "order", "--status", "matched")
    assert len(waiting) == 3
    assert all(f"until {ends:%Y-%m-%d %H:%M:%S} UTC" in row["reason"] for row in waiting)
