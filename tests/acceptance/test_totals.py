"""Totals in every sensible reading: charges and taxes of lines may count, repeat those of the header, or be mere words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.acceptance.stage import HINGE, Row, Stage, asked, delivered
from tests.papers import charge, invoice, invoice_line, numbers, of_order, ship_item, shipment, tax

HINGES = numbers("1", buyer="1001-BLK")
ONE = Decimal(48)


def one_hinge(order: str, number: str, total: Any, *, on_line: Row | None = None, **header: Any) -> Row:
    """An invoice of a single hinge; `on_line` are charges and taxes of its line."""
    return invoice(number, order, [invoice_line(HINGES, 1, ONE, **(on_line or {}))], total, **header)


def free_lines(stage: Stage, number: str) -> list[Decimal]:
    """The amounts that were booked beside the goods."""
    [posted] = [one for one in stage.invoices() if one["supplierReference"] == number]
    goods = [line for line in posted["invoiceLines"] if line["poReceiptNbr"]]
    assert [(line["quantity"], line["unitCost"]) for line in goods] == [(1, 48)]
    return [line["cost"] for line in posted["invoiceLines"] if not line["poReceiptNbr"]]


def test_totals_are_met_with_and_without_what_stands_on_the_lines(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    stage.release()
    freight, vat = {"ChargesAllowances": [charge("C", 20)]}, {"Taxes": [tax(12)]}
    papers = {
        "COUNTS": one_hinge(order, "COUNTS", 68, on_line=freight),
        "WORDS": one_hinge(order, "WORDS", 48, on_line=freight),
        "REPEATED": one_hinge(order, "REPEATED", 68, on_line=freight, charges=[charge("C", 20)]),
        "BOTH": one_hinge(order, "BOTH", 98, on_line=freight, charges=[charge("C", 30)]),
        "INCLUDED": one_hinge(order, "INCLUDED", 48, taxes=[tax("9.6", RelationshipCode="I")]),
        "TAX-TWICE": one_hinge(order, "TAX-TWICE", 60, on_line=vat, taxes=[tax(12)]),
        "ALLOWANCE": one_hinge(order, "ALLOWANCE", 43, charges=[charge("A", 5)]),
    }
    for paper in papers.values():
        stage.put("invoice", paper)
    stage.sync()
    assert {row["number"]: row["status"] for row in stage.documents("--kind", "invoice")} == dict.fromkeys(
        papers, "delivered"
    )
    assert {number: free_lines(stage, number) for number in papers} == {
        "COUNTS": [20],
        "WORDS": [],
        "REPEATED": [20],
        "BOTH": [30, 20],
        "INCLUDED": [],
        "TAX-TWICE": [],
        "ALLOWANCE": [-5],
    }


def test_totals_that_no_reading_meets_are_held_and_nothing_is_posted(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    stage.release()
    freight = {"ChargesAllowances": [charge("C", 20)]}
    wrong = [
        one_hinge(order, "BETWEEN", 58, on_line=freight),
        one_hinge(order, "INCLUDED-ADDED", "57.6", taxes=[tax("9.6", RelationshipCode="I")]),
        one_hinge(order, "ALLOWANCE-ADDED", 53, charges=[charge("A", 5)]),
        one_hinge(order, "CENTS", "48.03"),
        one_hinge(order, "UNKNOWN-SIGN", 58, charges=[charge("X", 10)]),
    ]
    for paper in wrong:
        stage.put("invoice", paper)
    stage.sync()
    for row in stage.documents("--kind", "invoice"):
        asked(row, "total", "do not add up")
    assert (len(stage.documents("--kind", "invoice")), stage.invoices()) == (5, [])


def test_without_a_total_figures_that_may_repeat_one_another_are_held(stage: Stage) -> None:
    order = stage.order(HINGE)
    delivered(stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))))
    stage.release()
    freight = {"ChargesAllowances": [charge("C", 20)]}
    stage.put("invoice", one_hinge(order, "PLAIN", None, charges=[charge("C", 20)]))
    stage.put("invoice", one_hinge(order, "DOUBTFUL", None, on_line=freight, charges=[charge("C", 20)]))
    stage.sync()
    delivered(stage.document("--number", "PLAIN"))
    asked(stage.document("--number", "DOUBTFUL"), "total")
