"""The desk's arithmetic: whose question it is, what is at stake, and the letter that asks for another paper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit import desk, ledger
from audit.letter import letter_about
from audit.models import Document, Hold, Kind
from mapping.matching import Difference
from mapping.models import Company, Order, TradingPartner

LETTERS = {Kind.INVOICE: "IN", Kind.SHIPMENT: "SH", Kind.ORDER: "PO"}


@pytest.fixture
def nordic(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")


@pytest.fixture
def svea(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="SVEA", name="Svea Verktyg")


def held(
    partner: TradingPartner,
    number: str,
    cause: str = "item_unmapped",
    subject: str = "7035550001234",
    *,
    kind: Kind = Kind.INVOICE,
    stake: tuple[Decimal | None, str] = (None, ""),
    order: Order | None = None,
    **columns: Any,
) -> Document:
    """A paper of the partner's that waits for one question."""
    now, path = timezone.now(), f"out/{LETTERS[kind]}/{partner.pk}-{number}.json"
    document, _ = ledger.store(partner.company, path, number.encode(), kind=kind, now=now, number=number)
    named: dict[str, Order | None] = {order.number: order} if order else {}
    ledger.describe(document, named, [], number=number, partner=partner, content_hash=number, **columns)
    why = Difference(cause, subject, f"{number}: {cause} of {subject}.", {"found": "1"}, *stake)
    assert ledger.hold(document, [why], now=now)
    return document


def rows(company: Company) -> list[tuple[str, str, int, Decimal | None, str]]:
    found = desk.questions(company)
    return [(row.subject, row.partner, row.documents, row.amount, row.currency) for row in found]


def test_the_same_number_of_another_partner_is_another_question(
    company: Company, nordic: TradingPartner, svea: TradingPartner
) -> None:
    held(nordic, "1")
    held(nordic, "2")
    held(svea, "1")
    assert sorted(row[:3] for row in rows(company)) == [("7035550001234", "NORDIC", 2), ("7035550001234", "SVEA", 1)]


def test_an_invoice_number_that_two_partners_use_is_answered_for_one_of_them(
    company: Company, nordic: TradingPartner, svea: TradingPartner
) -> None:
    for partner in (nordic, svea):
        held(partner, "1001", "number_reused", "invoice 1001")
    asked = Hold.objects.get(document__partner=nordic)
    assert desk.accept(list(desk.alike(asked)), reason="Checked.", actor="kari", now=timezone.now()) == 1
    assert [row[:3] for row in rows(company)] == [("invoice 1001", "SVEA", 1)]


def test_a_unit_is_mapped_for_all_partners_and_so_asked_once(
    company: Company, nordic: TradingPartner, svea: TradingPartner
) -> None:
    for partner in (nordic, svea):
        held(partner, "1", "unit_unmapped", "CS")
    assert [row[:3] for row in rows(company)] == [("CS", "2 partners", 2)]
    assert desk.alike(Hold.objects.all()[0]).count() == 2


def test_money_stands_beside_a_question_that_names_none(company: Company, nordic: TradingPartner) -> None:
    order = Order.objects.create(company=company, number="PO1", currency="SEK", total=Decimal(900))
    held(nordic, "named", "price", "a", stake=(Decimal(7), "DKK"), amount=Decimal(500), currency="NOK")
    held(nordic, "paper", "price", "b", amount=Decimal(500), currency="NOK", order=order)
    held(nordic, "order", "price", "c", order=order)
    held(nordic, "nothing", "price", "d")
    assert [(row[0], row[3], row[4]) for row in rows(company)] == [
        ("c", Decimal(900), "SEK"),
        ("b", Decimal(500), "NOK"),
        ("a", Decimal(7), "DKK"),
        ("d", None, ""),
    ]


def test_money_of_two_currencies_is_not_added_up(company: Company, nordic: TradingPartner) -> None:
    held(nordic, "1", amount=Decimal(1), currency="NOK")
    held(nordic, "2", amount=Decimal(2), currency="SEK")
    assert [row[2:] for row in rows(company)] == [(2, None, "")]


def test_the_desk_is_one_query(
    company: Company, nordic: TradingPartner, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(5):
        held(nordic, str(place), subject=str(place))
    with django_assert_num_queries(1):
        assert len(desk.questions(company)) == 5


def test_the_letter_says_which_paper_what_differs_and_what_to_do(company: Company, nordic: TradingPartner) -> None:
    order = Order.objects.create(company=company, number="PO1")
    paper = held(
        nordic, "INV-1", "price", "PO1 line 1", amount=Decimal(530), currency="NOK", order=order, date=date(2026, 3, 2)
    )
    letter = letter_about(desk.alike(paper.holds.get()))
    assert letter
    assert letter.subject == "Invoice INV-1: please correct it"
    assert letter.body.splitlines()[4:6] == [
        "Invoice INV-1 of 2026-03-02, order PO1, NOK 530.00",
        "- INV-1: price of PO1 line 1.",
    ]
    assert letter.body.startswith("To Nordic Parts,")
    assert "again through SPS Commerce under the same number" in letter.body
    assert letter.body.endswith(company.name)
    assert letter.link.startswith("mailto:?subject=Invoice%20INV-1%3A%20please")


def test_a_letter_about_many_papers_stays_a_letter(
    company: Company, nordic: TradingPartner, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(25):
        held(nordic, f"INV-{place}")
    question = desk.alike(Hold.objects.all()[0])
    with django_assert_num_queries(3):
        letter = letter_about(question)
    assert letter
    assert letter.body.count("- INV-") == 20
    assert "There are more of the same kind." in letter.body
    assert len(letter.link) < 2_100
    assert "paste%20the%20rest" in letter.link


def test_a_letter_says_nothing_of_what_only_our_own_people_decide(company: Company, nordic: TradingPartner) -> None:
    paper = held(nordic, "INV-1", "over_invoiced", "PO1 line 1")
    paper.holds.update(sentence="PO1 line 1: 11 invoiced, 4 ordered. If that is accepted, the rest is an expense.")
    letter = letter_about(desk.alike(paper.holds.get()))
    assert letter
    assert "- PO1 line 1: 11 invoiced, 4 ordered.\n" in letter.body
    assert "accepted" not in letter.body


@pytest.mark.parametrize("cause", ["account_missing", "tax_unmapped", "remote_rejected", "credit_note", "not_postable"])
def test_a_supplier_is_written_nothing_about_what_another_paper_would_not_put_right(
    company: Company, nordic: TradingPartner, cause: str
) -> None:
    paper = held(nordic, "INV-1", cause, "NORDIC")
    assert letter_about(desk.alike(paper.holds.get())) is None
    also = Difference("price", "PO1 line 1", "13.10 instead of 12.50.")
    ledger.wake([paper], "Looked at again.", now=timezone.now())
    ledger.hold(paper, [Difference(cause, "NORDIC", "Ours."), also], now=timezone.now())
    letter = letter_about(desk.alike(paper.holds.get(cause="price", closed_at=None)))
    assert letter
    assert "- 13.10 instead of 12.50.\n\n" in letter.body
    assert "Ours." not in letter.body


def test_nobody_is_asked_to_replace_our_own_order(company: Company, nordic: TradingPartner) -> None:
    ours = held(nordic, "PO1", "partner_unmapped", "50000", kind=Kind.ORDER)
    question = desk.alike(ours.holds.get())
    assert letter_about(question) is None
    with pytest.raises(ValueError, match="is our own"):
        desk.ask_replacement(question, reason="Wrong.", actor="kari", now=timezone.now())


def test_who_asked_for_a_replacement_and_when_stands_on_the_document(company: Company, nordic: TradingPartner) -> None:
    paper, now = held(nordic, "INV-1"), timezone.now()
    assert desk.ask_replacement(desk.alike(paper.holds.get()), reason="Wrong price.", actor="kari", now=now) == 1
    paper.refresh_from_db()
    assert (paper.replacement_asked_at, paper.replacement_asked_by, paper.status) == (now, "kari", "held")
    assert desk.questions(company)[0].asked_at == now
    assert paper.events.get(verb="replacement asked").reason == "Wrong price."
