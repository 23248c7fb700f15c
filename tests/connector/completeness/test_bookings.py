"""Receipts and invoices that someone has deleted, ours and those of others."""

from __future__ import annotations

import pytest

from connector.completeness import account
from connector.errors import Transient
from mapping.models import Company
from tests.acceptance.stage import Stage
from tests.papers import invoice, invoice_line, numbers, of_order, ship_item, shipment


def shipped(stage: Stage, order: str = "") -> str:
    """An order of ten whose goods are on a receipt, still on hold: the receipt's number."""
    order = order or stage.order()
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(numbers("1"), 10)])))
    [receipt] = stage.receipts()
    return str(receipt["receiptNbr"])


def delete(stage: Stage, receipt: str) -> None:
    """The buyer deletes it; what the order shows as received goes back."""
    stage.cancel_receipt(receipt)
    del stage.books.receipts[receipt]


def test_receipt_of_ours_that_is_deleted_in_visma_is_asked_about_and_counts_no_more(
    stage: Stage, ours: Company
) -> None:
    receipt = shipped(stage)
    del stage.books.receipts[receipt]
    found = account(ours)
    assert found.unexplained == [
        f"Deleted purchase receipt {receipt} was made from ship notice SHP-1 and is not in Visma any more: open ship"
        " notice SHP-1 and replay it, to make another one."
    ]
    assert account(ours).unexplained == found.unexplained


def test_replay_of_a_paper_whose_receipt_was_deleted_makes_another_and_answers(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    delete(stage, receipt)
    account(ours)
    row = stage.document("--kind", "shipment")
    stage.run("replay", "--document", str(row["id"]))
    stage.sync()
    [made] = stage.receipts()
    assert made["receiptNbr"] != receipt
    assert [line["receiptQty"] for line in made["lines"]] == [10]
    assert account(ours).unexplained == []


def test_invoice_of_ours_that_is_deleted_in_visma_is_asked_about(stage: Stage, ours: Company) -> None:
    order = stage.order()
    shipped(stage, order)
    stage.release()
    stage.sync()
    stage.sends("invoice", invoice("INV-1", order, [invoice_line(numbers("1"), 10, 48)], 480))
    [posted] = stage.invoices()
    stage.books.invoices.clear()
    [sentence] = account(ours).unexplained
    assert sentence.startswith(f"Deleted supplier invoice {posted['referenceNumber']} was made from invoice INV-1")


def test_booking_that_shows_again_counts_again(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    away = stage.books.receipts.pop(receipt)
    account(ours)
    stage.books.receipts[receipt] = away
    assert account(ours).unexplained == []
    assert ours.bookings.get(number=receipt).status == "Hold"


def test_receipt_that_someone_else_made_and_deleted_is_nobody_s_question(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    ours.documents.filter(kind="shipment").update(output_ref="000999")
    del stage.books.receipts[receipt]
    assert account(ours).unexplained == []
    assert ours.bookings.get(number=receipt).status == "Deleted"


def test_lists_that_are_empty_of_a_sudden_mark_nothing_as_deleted(stage: Stage, ours: Company) -> None:
    shipped(stage)
    order = stage.order()
    stage.sends("shipment", shipment("SHP-2", of_order(order, items=[ship_item(numbers("1"), 10)])))
    stage.books.receipts.clear()
    with pytest.raises(Transient, match="lists no purchase receipt at all, and 2 are known here"):
        account(ours)
    assert not ours.bookings.filter(status="Deleted")
