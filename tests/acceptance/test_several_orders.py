"""One invoice over several orders: named on its lines, or as references beside the header's order."""

from __future__ import annotations

import pytest

from connector.sandbox import Wanted
from tests.acceptance.stage import GLUE, HINGE, Row, Stage, asked, delivered
from tests.papers import Tree, invoice, invoice_line, numbers, of_order, ship_item, shipment

HINGES, GLUES = numbers("1", buyer="1001-BLK"), numbers("1", buyer="1004-GLU")
BOTH = [invoice_line(HINGES, 10, 48), invoice_line(GLUES, 6, "89.5")]


def both_in(stage: Stage, first: Wanted = HINGE, second: Wanted = GLUE) -> tuple[str, str]:
    """Two orders, each shipped whole and released."""
    orders = stage.order(first), stage.order(second)
    for order, wanted in zip(orders, (first, second), strict=True):
        item = ship_item(numbers("1", buyer=wanted.item), wanted.quantity)
        stage.put("shipment", shipment(f"SHP-{order}", of_order(order, items=[item])))
    stage.sync()
    stage.release()
    stage.sync()
    return orders


def refers(*orders: str) -> list[Tree]:
    return [{"ReferenceQual": "AN", "ReferenceID": order} for order in orders]


def billed(row: Row) -> list[list[object]]:
    return [[line["poNumber"], line["quantity"]] for line in row["invoiceLines"]]


@pytest.mark.parametrize("header", ["the first", "none"])
def test_orders_that_are_referred_to_are_billed_each_with_its_lines(stage: Stage, header: str) -> None:
    first, second = both_in(stage)
    in_header = first if header == "the first" else ""
    row = stage.sends("invoice", invoice("INV-1", in_header, BOTH, 1017, references=refers(first, second)))
    delivered(row)
    assert row["orders"] == [first, second]
    [posted] = stage.invoices()
    assert billed(posted) == [[first, 10], [second, 6]]


def test_reference_that_is_no_order_is_a_contract_and_hinders_nothing(stage: Stage) -> None:
    first, _ = both_in(stage)
    row = stage.sends("invoice", invoice("INV-1", first, BOTH[:1], 480, references=refers("CONTRACT-7")))
    delivered(row)
    assert row["orders"] == [first]


def test_order_named_on_a_line_counts_before_the_header_s(stage: Stage) -> None:
    first, second = both_in(stage, second=HINGE)
    lines = [invoice_line(HINGES | {"PurchaseOrderNumber": order}, 10, 48) for order in (second, first)]
    delivered(stage.sends("invoice", invoice("INV-1", first, lines, 960)))
    [posted] = stage.invoices()
    assert billed(posted) == [[second, 10], [first, 10]]


def test_line_that_fits_several_orders_is_asked_about(stage: Stage) -> None:
    first, second = both_in(stage, second=HINGE)
    row = stage.sends("invoice", invoice("INV-1", "", BOTH[:1], 480, references=refers(first, second)))
    asked(row, "line_unknown", f"its item stands on {first} and {second}")
    assert not stage.invoices()


def test_line_that_fits_the_header_s_order_is_billed_to_it(stage: Stage) -> None:
    first, second = both_in(stage, second=HINGE)
    delivered(stage.sends("invoice", invoice("INV-1", first, BOTH[:1], 480, references=refers(second))))
    [posted] = stage.invoices()
    assert billed(posted) == [[first, 10]]


def test_order_that_comes_after_the_invoice_that_refers_to_it_answers_the_question(stage: Stage) -> None:
    first = stage.order()
    second = f"PO{int(first.removeprefix('PO')) + 1:06d}"
    row = stage.sends("invoice", invoice("INV-1", first, BOTH[1:], 537, references=refers(second)))
    asked(row, "line_conflict")
    assert stage.order(GLUE) == second
    [woken] = [each for each in stage.documents() if each["number"] == "INV-1"]
    assert (woken["status"], woken["orders"]) == ("waiting", [first, second])  # for its goods
    stage.sends("shipment", shipment("SHP-2", of_order(second, items=[ship_item(GLUES, 6)])))
    stage.release()
    stage.sync()
    [posted] = stage.invoices()
    assert billed(posted) == [[second, 6]]
