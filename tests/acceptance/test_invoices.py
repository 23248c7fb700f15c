"""Invoices from the mailbox to supplier invoices on hold in Visma, linked to released receipts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django import Settings

from audit.reports import order_lines
from connector.sandbox import Wanted
from mapping.models import Order
from tests.acceptance.stage import HINGE, SCREWS, WHITE, Stage, asked, delivered
from tests.papers import Tree, ack, charge, invoice, invoice_line, numbers, of_order, ship_item, shipment, tax

HINGES = numbers("1", buyer="1001-BLK", vendor="NP-77410")
TEN = [invoice_line(HINGES, 10, 48)]


def goods_in(stage: Stage, quantity: int = 10, *, release: bool = True) -> str:
    """An order of ten hinges, shipped, and counted by the warehouse."""
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment(f"SHP-{order}", of_order(order, items=[ship_item(HINGES, quantity)]))))
    if release:
        stage.release()
        stage.sync()
    return order


def test_invoice_waits_for_the_goods_and_is_then_posted_on_hold_with_its_paper(stage: Stage) -> None:
    order = goods_in(stage, release=False)
    paper = invoice("INV-1", order, TEN, 600, taxes=[tax(120)])
    waiting = stage.sends("invoice", paper)
    assert (waiting["status"], stage.invoices()) == ("waiting", [])
    assert "not received and released" in waiting["reason"]
    stage.release()
    stage.sync()
    delivered(stage.document("--number", "INV-1"))
    [posted] = stage.invoices()
    [line] = posted["invoiceLines"]
    assert (posted["status"], posted["supplierReference"], posted["amount"]) == ("Hold", "INV-1", 600)
    assert (line["quantity"], line["poReceiptNbr"], line["poReceiptLineNbr"]) == (10, "PR000233", 1)
    assert len(posted["attachments"]) == 1


def test_freight_is_a_free_line_on_the_partner_s_account_with_the_mapped_category(stage: Stage) -> None:
    order = goods_in(stage)
    paper = invoice("INV-1", order, TEN, "662.5", charges=[charge("C", 50)], taxes=[tax("132.5")])
    delivered(stage.sends("invoice", paper))
    goods, freight = stage.invoices()[0]["invoiceLines"]
    assert (freight["account"]["number"], freight["unitCost"], freight["vatCode"]["id"]) == ("4360", 50, "1")
    assert freight["transactionDescription"] == "Freight"
    assert not freight["poReceiptNbr"]
    assert goods["poReceiptNbr"]


def test_free_line_without_a_stated_tax_needs_no_tax_mapping(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 530, charges=[charge("C", 50)])))
    assert stage.invoices()[0]["invoiceLines"][1]["vatCode"] is None


def test_tax_of_a_free_line_that_nobody_mapped_is_asked_about_until_it_is(stage: Stage) -> None:
    order = goods_in(stage)
    paper = invoice("INV-1", order, TEN, "662.5", charges=[charge("C", 50)], taxes=[tax("132.5", kind="S")])
    asked(stage.sends("invoice", paper), "tax_unmapped", "Tax S of 25 %")
    stage.map(taxes="trading_partner_id,tax_type,percent,vat_category\nNORDICPARTS01,S,25,1\n")
    stage.sync()
    delivered(stage.document("--number", "INV-1"))


def test_tax_of_goods_needs_no_mapping(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 600, taxes=[tax(120, kind="S")])))


@pytest.mark.parametrize(("total", "taxes"), [(552, [tax(72, 15)]), (480, [tax(96, RelationshipCode="I")]), (480, [])])
def test_vat_that_visma_reckons_otherwise_than_the_paper_is_told_to_whoever_releases_the_invoice(
    stage: Stage, total: int, taxes: list[Tree]
) -> None:
    order = goods_in(stage)
    stage.map(taxes="trading_partner_id,tax_type,percent,vat_category\nNORDICPARTS01,VA,15,1\n")
    row = stage.sends("invoice", invoice("INV-1", order, TEN, total, taxes=taxes))
    delivered(row)
    assert f"amounts to 600.00 NOK, 120.00 of it VAT; the paper to {total}.00" in row["reason"]
    assert stage.invoices()[0]["status"] == "Hold"


def test_total_that_fits_is_worth_no_word(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 600, taxes=[tax(120)]))
    assert "amounts to" not in row["reason"]


def test_goods_that_an_ordinary_invoice_takes_back_are_asked_about(stage: Stage) -> None:
    order = goods_in(stage)
    back = [*TEN, invoice_line(HINGES, -3, 48)]
    asked(stage.sends("invoice", invoice("INV-1", order, back, 336)), "credit_note", "takes back goods")
    assert not stage.invoices()


def test_replacement_of_a_posted_invoice_is_not_posted_beside_it(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 6, 48)], 288)))
    instead = invoice("INV-1", order, [invoice_line(HINGES, 4, 48)], 192, TsetPurposeCode="05")
    asked(stage.sends("invoice", instead), "not_postable", "which is in Visma")
    assert len(stage.invoices()) == 1


def test_cancellation_of_a_posted_invoice_is_asked_about(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480)))
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480, TsetPurposeCode="01"))
    asked(row, "cancelled", "cancels an invoice of the same number")
    assert len(stage.invoices()) == 1


def test_cancellation_of_a_held_invoice_takes_it_off_the_desk(stage: Stage) -> None:
    order = goods_in(stage)
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 490)), "total")
    stage.sends("invoice", invoice("INV-1", order, TEN, 490, TsetPurposeCode="01"))
    assert {row["status"] for row in stage.documents("--kind", "invoice")} == {"ignored"}
    assert not stage.invoices()


def test_invoice_that_was_cancelled_before_it_came_is_not_posted(stage: Stage) -> None:
    order = goods_in(stage)
    stage.sends("invoice", invoice("INV-1", order, TEN, 480, TsetPurposeCode="01"))
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480))
    assert (row["status"], stage.invoices()) == ("ignored", [])


def test_freight_without_an_account_is_held_until_there_is_one(stage: Stage) -> None:
    stage.partner("--expense-account", "")
    order = goods_in(stage)
    paper = invoice("INV-1", order, TEN, 530, charges=[charge("C", 50)])
    asked(stage.sends("invoice", paper), "account_missing", "no expense account")
    stage.partner("--expense-account", "4360")
    stage.sync()
    delivered(stage.document("--number", "INV-1"))


def test_total_that_does_not_add_up_is_held(stage: Stage) -> None:
    order = goods_in(stage)
    asked(
        stage.sends("invoice", invoice("INV-1", order, TEN, 481)),
        "total",
        "do not add up to its total of 481",
        "come to 480.00",
    )
    assert not stage.invoices()


def test_two_cents_on_a_line_are_no_difference(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, "480.02")))


@pytest.mark.parametrize("price", [49, "48.01", 47])
def test_price_that_differs_is_held(stage: Stage, price: object) -> None:
    order = goods_in(stage)
    total = Decimal(str(price)) * 10
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, price)], total))
    asked(row, "price", "ordered at 48")
    assert not stage.invoices()


def test_price_rounded_to_whole_money_is_still_another_price(stage: Stage) -> None:
    order = stage.order(Wanted("1001-BLK", Decimal(10), "STK", Decimal("48.40"), "NP-77410"))
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 48)], 480))
    asked(row, "price", "price 48 NOK per STK, ordered at 48.4")


def test_accepted_price_is_posted(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 49)], 490))
    stage.accept(row)
    stage.sync()
    delivered(stage.document("--number", "INV-1"))
    assert stage.invoices()[0]["invoiceLines"][0]["unitCost"] == 49


def test_price_within_the_tolerance_is_posted(stage: Stage) -> None:
    stage.partner("--price-tolerance", "3,0")
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 49)], 490)))


def test_pieces_are_invoiced_against_cartons(stage: Stage) -> None:
    order = stage.order(SCREWS)
    named = numbers("1", buyer="1003-SCR")
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(named, 5, "CT")]))))
    stage.release()
    stage.sync()
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(named, 60, 20)], 1200)))
    [line] = stage.invoices()[0]["invoiceLines"]
    assert (line["quantity"], line["uom"], line["unitCost"]) == (5, "KRT", 240)


def test_price_per_dozen_is_divided(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 576, basis="PD")], 480)))


def test_price_per_something_that_cannot_be_converted_is_held(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 48, basis="PK")], 480))
    asked(row, "unit_unmapped", "price is per PK")


def test_other_currency_is_held(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480, currency="EUR"))
    asked(row, "currency", "in NOK", "in EUR")


def test_more_than_was_received_is_held(stage: Stage) -> None:
    order = goods_in(stage, 8)
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 480)), "over_invoiced", "8 received")
    assert not stage.invoices()


def test_more_than_was_ordered_is_held_over_several_invoices(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 6, 48)], 288)))
    row = stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 5, 48)], 240))
    asked(row, "over_invoiced", "11 STK invoiced in all")
    delivered(stage.sends("invoice", invoice("INV-3", order, [invoice_line(HINGES, 4, 48)], 192)))
    assert len(stage.invoices()) == 2


def test_answers_are_read_in_their_turn_whatever_their_names(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.put("invoice", invoice("INV-1", order, TEN, 480))
    stage.put("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])), name="/out/SH/SH-2.json")
    stage.put("order_ack", ack(order, "AD"), name="/out/PR/PR-3.json")
    stage.sync()
    rows = sorted(stage.documents(), key=lambda row: int(row["id"]))
    assert [row["kind"] for row in rows if row["direction"] == "inbound"] == ["order_ack", "shipment", "invoice"]


def test_invoice_of_a_part_delivery_that_is_not_announced_yet_waits_for_it(stage: Stage) -> None:
    order = goods_in(stage, 6)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 6, 48)], 288)))
    early = stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 4, 48)], 192))
    assert (early["status"], len(stage.invoices())) == ("waiting", 1)
    stage.sends("shipment", shipment("SHP-2", of_order(order, items=[ship_item(HINGES, 4)])))
    stage.release()
    stage.sync()
    delivered(stage.document("--number", "INV-2"))
    assert [row["invoiceLines"][0]["poReceiptNbr"] for row in stage.invoices()] == ["PR000233", "PR000234"]


def test_no_part_delivery_is_waited_for_once_the_buyer_has_closed_the_line(stage: Stage) -> None:
    order = goods_in(stage, 6)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 6, 48)], 288)))
    stage.change(order, {"lineNumber": 1, "completed": True})
    row = stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 4, 48)], 192))
    asked(row, "over_invoiced", "0 received and not yet invoiced")


def test_one_invoice_over_two_deliveries_is_linked_to_both(stage: Stage) -> None:
    order = stage.order(HINGE)
    for number, quantity in (("SHP-A", 4), ("SHP-B", 6)):
        stage.sends("shipment", shipment(number, of_order(order, items=[ship_item(HINGES, quantity)])))
    stage.release()
    stage.sync()
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480)))
    lines = stage.invoices()[0]["invoiceLines"]
    assert [(line["poReceiptNbr"], line["quantity"]) for line in lines] == [("PR000233", 4), ("PR000234", 6)]


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        ("CR", "credit_note", "credit note"),
        ("PRO", "not_postable", "pro forma"),
        ("SELF", "not_postable", "self-billed"),
    ],
)
def test_what_is_no_ordinary_invoice_is_never_posted(stage: Stage, kind: str, cause: str, words: str) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480, kind=kind))
    asked(row, cause, words)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480)))
    assert len(stage.invoices()) == 1


def test_corrected_version_takes_the_place_of_one_that_is_not_posted(stage: Stage) -> None:
    order = goods_in(stage)
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 490)), "total")
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480, kind="U5")))
    assert stage.document("--kind", "invoice", "--status", "ignored")["reason"].startswith("Replaced by document")
    assert len(stage.invoices()) == 1


def test_corrected_version_of_a_posted_invoice_is_held(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480)))
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 470, kind="U5")), "not_postable", "corrects invoice")


def test_number_used_again_for_something_else_is_held(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 4, 48)], 192)))
    row = stage.sends("invoice", invoice("inv-1", order, [invoice_line(HINGES, 6, 48)], 288))
    asked(row, "number_reused", "used before with other content")
    assert len(stage.invoices()) == 1


def test_invoice_that_was_typed_by_hand_is_not_posted_again(stage: Stage) -> None:
    order = goods_in(stage)
    number = stage.type_by_hand("INV-1", "480")
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480))
    assert row["status"] == "ignored"
    assert f"in Visma already, as {number}" in row["reason"]
    assert len(stage.invoices()) == 1


def test_invoice_that_was_typed_with_another_amount_is_asked_about(stage: Stage) -> None:
    order = goods_in(stage)
    stage.type_by_hand("INV-1", "380")
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 480)), "number_reused", "entered by hand with 380")


def test_order_that_nobody_knows_is_held_when_patience_ends(stage: Stage, settings: Settings) -> None:
    settings.WAITING_PATIENCE_HOURS = 0
    row = stage.sends("invoice", invoice("INV-1", "PO999999", TEN, 480))
    asked(row, "order_unknown", "Order PO999999 is not in Visma")


def test_invoice_without_an_order_is_held(stage: Stage) -> None:
    asked(stage.sends("invoice", invoice("INV-1", "", TEN, 480)), "order_unknown", "names no order")


def test_invoice_without_an_order_is_an_expense_where_the_partner_is_set_so(stage: Stage) -> None:
    stage.partner("--unmatched-invoice", "expense")
    paper = invoice("INV-1", "", [invoice_line(numbers(vendor="SERVICE"), 2, 100)], 250, taxes=[tax(50)])
    delivered(stage.sends("invoice", paper))
    [posted] = stage.invoices()
    [line] = posted["invoiceLines"]
    assert (line["account"]["number"], line["cost"], line["vatCode"]["id"]) == ("4360", 200, "1")
    assert (posted["status"], posted["amount"], posted["supplier"]["number"]) == ("Hold", 250, "50000")


def test_invoice_of_an_unknown_order_is_an_expense_once_patience_ends(stage: Stage, settings: Settings) -> None:
    stage.partner("--unmatched-invoice", "expense")
    assert stage.sends("invoice", invoice("INV-1", "PO999999", TEN, 480))["status"] == "waiting"
    settings.WAITING_PATIENCE_HOURS = 0
    delivered(stage.sends("invoice", invoice("INV-2", "PO999999", TEN, 480)))
    assert stage.invoices()[0]["invoiceLines"][0]["account"]["number"] == "4360"


def test_invoice_of_another_supplier_s_order_is_never_an_expense(stage: Stage, settings: Settings) -> None:
    settings.WAITING_PATIENCE_HOURS = 0
    stage.partner("--unmatched-invoice", "expense")
    order = stage.order(Wanted("2002-SAW", Decimal(3), "STK", Decimal(199), "SV-2"), supplier="50001")
    asked(stage.sends("invoice", invoice("INV-1", order, TEN, 480)), "order_unknown", "belongs to supplier 50001")
    assert not stage.invoices()


def test_person_may_let_an_unknown_order_be_booked_as_expense(stage: Stage, settings: Settings) -> None:
    settings.WAITING_PATIENCE_HOURS = 0
    row = stage.sends("invoice", invoice("INV-1", "PO999999", TEN, 480))
    stage.accept(row)
    stage.sync()
    delivered(stage.document("--number", "INV-1"))


def test_held_invoice_is_decided_again_by_replay(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 10, 49)], 490))
    stage.partner("--price-tolerance", "5,0")
    plan = stage.run("replay", "--cause", "price", "--dry-run")
    assert [one["id"] for one in plan["documents"]] == [row["id"]]
    assert stage.run("replay", "--cause", "price")["replayed"] == 1
    stage.sync()
    delivered(stage.document("--number", "INV-1"))


def test_delivered_invoice_is_not_replayed_while_it_stands(stage: Stage) -> None:
    order = goods_in(stage)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480))
    stage.run("replay", "--document", str(row["id"]), fails=True)
    stage.sync()
    assert len(stage.invoices()) == 1


def test_white_hinges_on_the_line_of_black_ones_are_not_paid(stage: Stage) -> None:
    order = stage.order(HINGE, WHITE)
    wrong = numbers("1", buyer="1002-WHT")
    asked(stage.sends("invoice", invoice("INV-1", order, [invoice_line(wrong, 4, 75)], 300)), "line_conflict")


def test_accepted_surplus_is_an_expense_beside_the_goods_that_were_received(stage: Stage) -> None:
    order = goods_in(stage, 8)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 600, taxes=[tax(120)]))
    asked(row, "over_invoiced", "8 received", "If that is accepted, what no receipt covers is booked as expense.")
    stage.accept(row)
    stage.sync()
    delivered(stage.document("--number", "INV-1"))
    goods, surplus = stage.invoices()[0]["invoiceLines"]
    assert (goods["quantity"], goods["poReceiptNbr"]) == (8, "PR000233")
    assert (surplus["quantity"], surplus["unitCost"], surplus["poReceiptNbr"]) == (2, 48, None)
    assert (surplus["account"]["number"], surplus["vatCode"]["id"]) == ("4360", "1")
    assert stage.invoices()[0]["amount"] == 600


def test_accepted_surplus_waits_for_an_account_where_the_partner_has_none(stage: Stage) -> None:
    stage.partner("--expense-account", "")
    order = goods_in(stage, 8)
    row = stage.sends("invoice", invoice("INV-1", order, TEN, 480))
    stage.accept(row)
    stage.sync()
    asked(stage.document("--number", "INV-1"), "account_missing", "no expense account")
    assert not stage.invoices()
    stage.partner("--expense-account", "4360")
    stage.sync()
    delivered(stage.document("--number", "INV-1"))


def test_surplus_within_the_tolerance_is_posted_and_remembered(stage: Stage) -> None:
    stage.partner("--quantity-tolerance", "20,0")
    order = goods_in(stage, 8)
    delivered(stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 9, 48)], 432)))
    assert [line["quantity"] for line in stage.invoices()[0]["invoiceLines"]] == [8, 1]
    assert order_lines(Order.objects.get(number=order))[0].invoiced == 9


def test_accepting_an_invoice_whose_goods_never_came_books_the_whole_as_expense(
    stage: Stage, settings: Settings
) -> None:
    order = stage.order(HINGE)
    assert stage.sends("invoice", invoice("INV-1", order, TEN, 480))["status"] == "waiting"
    settings.WAITING_PATIENCE_HOURS = 0
    row = stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 4, 48)], 192))
    asked(row, "over_invoiced", "not received and released", "the whole invoice is booked as expense")
    stage.accept(row)
    stage.sync()
    [line] = stage.invoices()[0]["invoiceLines"]
    assert (line["account"]["number"], line["poReceiptNbr"], line["cost"]) == ("4360", None, 192)


def test_who_accepts_more_than_was_ordered_still_waits_for_the_goods(stage: Stage) -> None:
    order = stage.order(HINGE)
    row = stage.sends("invoice", invoice("INV-1", order, [invoice_line(HINGES, 12, 48)], 576))
    asked(row, "over_invoiced", "12 STK invoiced in all, 10 ordered")
    stage.accept(row)
    stage.sync()
    assert (stage.document("--number", "INV-1")["status"], stage.invoices()) == ("waiting", [])
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    stage.release()
    stage.sync()
    delivered(stage.document("--number", "INV-1"))
    assert [line["quantity"] for line in stage.invoices()[0]["invoiceLines"]] == [10, 2]


def test_accepted_invoice_of_goods_that_were_all_paid_already_is_an_expense(stage: Stage) -> None:
    order = goods_in(stage)
    delivered(stage.sends("invoice", invoice("INV-1", order, TEN, 480)))
    row = stage.sends("invoice", invoice("INV-2", order, [invoice_line(HINGES, 3, 48)], 144))
    asked(row, "over_invoiced", "13 STK invoiced in all, 10 ordered")
    stage.accept(row)
    stage.sync()
    delivered(stage.document("--number", "INV-2"))
    [line] = stage.invoices()[1]["invoiceLines"]
    assert (line["account"]["number"], line["quantity"], line["poReceiptNbr"]) == ("4360", 3, None)
