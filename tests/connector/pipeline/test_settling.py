"""A replacement that people asked for takes the held paper's place; without being asked for it is a reused number."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from audit import desk, ledger
from audit.models import Document, Kind, Status
from mapping.models import Company, Order, TradingPartner
from tests.connector.rehearsing import HINGE, a_partner, a_shipment, an_invoice, an_order, arrives, decided, received
from tests.papers import ack, ack_line, entry


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return a_partner(company)


@pytest.fixture
def order(company: Company, partner: TradingPartner) -> Order:
    placed = an_order(company)
    received(placed)
    return placed


def asked_for(document: Document) -> None:
    hold = document.holds.filter(closed_at=None)[0]
    assert desk.ask_replacement(desk.alike(hold), reason="Wrong.", actor="kari", now=timezone.now()) == 1


def stand(document: Document) -> tuple[str, str]:
    document.refresh_from_db()
    return document.status, document.reason


def an_ack(company: Company, quantity: Any, number: str, *, date: str = "2026-03-02", place: str = "") -> Document:
    lines = [ack_line(HINGE, entry("IA", quantity), ordered=10)]
    return arrives(
        company, Kind.ORDER_ACK, ack("PO1", lines=lines, date=date, place=place, AcknowledgementNumber=number)
    )


def test_the_corrected_invoice_settles_the_wrong_one(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 10, 60)
    assert wrong.cause == "price"
    asked_for(wrong)
    right = an_invoice(company, "I1", 10, 48)
    assert right.status == Status.MATCHED
    today = f"{timezone.now():%Y-%m-%d}"
    said = f"Replaced by document {right.pk}, which was asked for on {today} by kari."
    assert stand(wrong) == ("ignored", said)
    assert not desk.open_holds(company).exists()


def test_without_being_asked_for_the_number_is_reused(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 10, 60)
    assert an_invoice(company, "I1", 10, 48).cause == "number_reused"
    assert stand(wrong)[0] == "held"


def test_the_same_paper_again_is_no_replacement(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 10, 60)
    asked_for(wrong)
    assert an_invoice(company, "I1", 10, 60).status == Status.IGNORED
    assert stand(wrong)[0] == "held"


def test_a_replacement_that_is_wrong_too_is_what_is_asked_about_from_then_on(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 10, 60)
    asked_for(wrong)
    worse = an_invoice(company, "I1", 10, 70)
    assert worse.cause == "price"
    assert stand(wrong)[0] == "ignored"
    assert [row.documents for row in desk.questions(company)] == [1]


def test_an_invoice_of_another_number_settles_nothing(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 5, 60)
    asked_for(wrong)
    assert an_invoice(company, "I2", 5, 48).status == Status.MATCHED
    assert stand(wrong)[0] == "held"


def test_the_corrected_ship_notice_settles_the_wrong_one(company: Company, partner: TradingPartner) -> None:
    an_order(company)
    wrong = a_shipment(company, "S1", 12)
    assert wrong.cause == "over_shipped"
    asked_for(wrong)
    assert a_shipment(company, "S1", 10).status == Status.MATCHED
    assert stand(wrong)[0] == "ignored"


def test_a_new_acknowledgment_of_the_same_lines_settles_the_wrong_one(
    company: Company, partner: TradingPartner
) -> None:
    an_order(company)
    wrong = an_ack(company, 12, "A1")
    assert wrong.cause == "quantity"
    asked_for(wrong)
    assert an_ack(company, 10, "A2", date="2026-03-03").status == Status.MATCHED
    assert stand(wrong)[0] == "ignored"


def test_an_acknowledgment_of_another_place_settles_nothing(company: Company, partner: TradingPartner) -> None:
    an_order(company)
    wrong = an_ack(company, 12, "A1", place="OSLO")
    asked_for(wrong)
    an_ack(company, 1, "A2", date="2026-03-03", place="BERGEN")
    assert stand(wrong)[0] == "held"


def test_the_old_paper_replayed_finds_the_new_one_in_its_place(company: Company, order: Order) -> None:
    wrong = an_invoice(company, "I1", 10, 60)
    asked_for(wrong)
    an_invoice(company, "I1", 10, 48)
    wrong.refresh_from_db()
    ledger.replay(wrong, now=timezone.now(), actor="kari")
    assert decided(wrong).cause == "number_reused"
