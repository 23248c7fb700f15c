"""Answers from the desk that send a paper on another way: booked as expense, or replaced by another paper."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit import desk
from audit.models import Document, Hold
from tests.acceptance.stage import HINGE, Stage, asked, delivered
from tests.papers import invoice, invoice_line, numbers

UNKNOWN = numbers("9", buyer="1001-BLK", vendor="NP-77410")


def held_for(stage: Stage, number: str) -> list[Hold]:
    """The open holds of a document."""
    return list(Hold.objects.filter(document__number=number, closed_at=None).select_related("document"))


def test_invoice_that_fits_no_line_is_booked_as_expense_when_a_person_says_so(stage: Stage) -> None:
    order = stage.order(HINGE)
    held = stage.sends("invoice", invoice("INV-1", order, [invoice_line(UNKNOWN, 10, 48)], 480))
    asked(held, "line_unknown")
    assert stage.invoices() == []
    desk.post_as_expense(held_for(stage, "INV-1"), reason="Agreed by phone.", actor="finance", now=timezone.now())
    stage.sync()
    delivered(stage.document("--number", "INV-1"))
    [line] = stage.invoices()[0]["invoiceLines"]
    assert (line["account"]["number"], line["quantity"], line["poReceiptNbr"] or "") == ("4360", 10, "")


def test_only_invoices_are_booked_as_expense(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.sends("invoice", invoice("INV-1", order, [invoice_line(UNKNOWN, 10, 48)], 480))
    [hold] = held_for(stage, "INV-1")
    hold.document.kind = "shipment"
    with pytest.raises(ValueError, match="only invoices are booked as expense"):
        desk.post_as_expense([hold], reason="Why not.", actor="finance", now=timezone.now())
    assert Document.objects.get(number="INV-1").decisions.count() == 0


def test_replacement_that_was_asked_for_is_noted_and_the_document_stays_held(stage: Stage) -> None:
    order = stage.order(HINGE)
    asked(stage.sends("invoice", invoice("INV-1", order, [invoice_line(UNKNOWN, 10, 48)], 480)), "line_unknown")
    [hold] = held_for(stage, "INV-1")
    holds = desk.alike(hold)
    assert desk.ask_replacement(holds, reason="Line 9 is not ours.", actor="finance", now=timezone.now()) == 1
    event = hold.document.events.get(verb="replacement asked")
    assert (event.actor, event.reason, event.to_status) == ("finance", "Line 9 is not ours.", "")
    assert "Replacement asked by finance" in Hold.objects.get(pk=hold.pk).comment
    assert Document.objects.get(number="INV-1").status == "held"
