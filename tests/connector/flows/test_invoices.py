"""What an invoice becomes, row by row of sps.md §8 and §4.3."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.flows import invoices as flow
from connector.flows.invoice_plan import InvoicePlan, body
from connector.flows.verdict import ReceiptLine, Verdict
from mapping.models import Company, TradingPartner
from tests.connector.flows.facts import Told, an_earlier, outcome, output, released
from tests.papers import Tree, charge, invoice, invoice_line, numbers, tax
from tests.trade import Bought, a_trade, an_order

A1 = numbers("1", buyer="A1")
TEN = [invoice_line(A1, 10, "12.50")]
GOODS: dict[str, Any] = {"receipts": [released(10)], "was_shipped": Decimal(10)}


@pytest.fixture
def order(company: Company) -> Company:
    a_trade(company)
    an_order(company, [Bought("A1"), Bought("B2", Decimal(4), line_type="Service")])
    return company


def said(company: Company, tree: Tree, **facts: Any) -> Verdict:
    return flow.match(flow.unwrap(tree), company, Told(**(GOODS | facts)))


def plan(verdict: Verdict) -> InvoicePlan:
    return InvoicePlan.model_validate_json(output(verdict))


def of_ten(total: Any = 125, **more: Any) -> Tree:
    return invoice("I1", "PO100", TEN, total, **more)


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        ("DR", "ready"),
        ("", "ready"),
        ("U5", "ready"),
        ("CR", "credit_note"),
        ("PRO", "not_postable"),
        ("SELF", "not_postable"),
        ("XX", "not_postable"),
    ],
)
def test_type_of_invoice(order: Company, kind: str, ends: str) -> None:
    assert outcome(said(order, of_ten(kind=kind))) == ends


@pytest.mark.parametrize(
    ("header", "earlier", "ends"),
    [
        ({}, an_earlier(same=True), "ignored"),
        ({}, an_earlier(), "number_reused"),
        ({"kind": "U5"}, an_earlier(status="held", ref=""), "ready"),
        ({"kind": "U5"}, an_earlier(), "not_postable"),
        ({"TsetPurposeCode": "01"}, an_earlier(), "cancelled"),
        ({"TsetPurposeCode": "01"}, an_earlier(status="held", ref=""), "ignored"),
        ({"TsetPurposeCode": "07"}, an_earlier(), "ignored"),
    ],
)
def test_paper_of_a_number_that_came_before(order: Company, header: Any, earlier: Any, ends: str) -> None:
    assert outcome(said(order, of_ten(**header), rivals=[earlier])) == ends


def test_pro_forma_and_credit_note_do_not_use_up_the_number(order: Company) -> None:
    keys = {kind: flow.describe(flow.unwrap(of_ten(kind=kind))).business_key for kind in ("DR", "", "U5", "CR", "PRO")}
    assert keys["DR"] == keys[""] == keys["U5"]
    assert len(set(keys.values())) == 3


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"total": 125}, "ready"),
        ({"total": "125.02"}, "ready"),
        ({"total": "125.03"}, "total"),
        ({"total": None}, "ready"),
        ({"total": 125, "taxes": [tax(25, RelationshipCode="I")]}, "ready"),
        ({"total": 125, "taxes": [tax(25, RelationshipCode="O")]}, "ready"),
        ({"total": "156.25", "taxes": [tax("31.25")]}, "ready"),
        ({"total": 115, "charges": [charge("A", 10)]}, "ready"),
        ({"total": 135, "charges": [charge("C", 10)]}, "ready"),
        ({"total": 125, "charges": [charge("N", 10)]}, "ready"),
        ({"total": 125, "charges": [charge("C", 10, AllowChrgHandlingCode="15")]}, "ready"),
        ({"total": 125, "charges": [charge("C", 10, AllowChrgHandlingCode="01")]}, "ready"),
        ({"total": 145, "charges": [charge("C", 10)]}, "total"),
    ],
)
def test_figures_add_up_or_are_asked_about(order: Company, changes: Any, ends: str) -> None:
    assert outcome(said(order, of_ten(**changes))) == ends


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        (invoice_line(A1, 5, 25, basis=""), "price"),
        (invoice_line(A1, 10, 150, basis="PD"), "ready"),
        (invoice_line(A1, 10, "125", basis="PN"), "ready"),
        (invoice_line(A1, 10, 1250, basis="HP"), "ready"),
        (invoice_line(A1, 10, "12.50", basis="PK"), "unit_unmapped"),
        (invoice_line(A1, 10, "12.50", basis="ZZ"), "unit_unmapped"),
        (invoice_line(A1, 10, "12.50", "CS"), "unit_unmapped"),
        (invoice_line(A1, None, "12.50"), "quantity"),
        (invoice_line(A1, 10, None), "price"),
        (invoice_line(A1, 11, "12.50"), "over_invoiced"),
        (invoice_line(numbers("9"), 10, "12.50"), "line_unknown"),
        (invoice_line(numbers("1", buyer="B2"), 10, "12.50"), "line_conflict"),
    ],
)
def test_line_that_fits_or_needs_a_person(order: Company, line: Tree, ends: str) -> None:
    found = outcome(said(order, invoice("I1", "PO100", [line])))
    assert ends in found.split()


def test_goods_that_are_not_released_are_waited_for(order: Company) -> None:
    on_hold = ReceiptLine("PR1", 1, released=False, open=Decimal(10))
    assert outcome(said(order, of_ten(), receipts=[on_hold])) == "waiting"
    assert outcome(said(order, of_ten(), receipts=[], was_shipped=Decimal(0))) == "waiting"


def test_date_whose_year_lacks_its_century_is_posted_as_it_stands(order: Company) -> None:
    assert body(plan(said(order, of_ten(date="0026-03-03")))).post_period == "030026"


def test_line_of_zero_pieces_is_not_booked_and_asks_nobody(order: Company) -> None:
    lines = [*TEN, invoice_line(A1, 0, "12.50")]
    [goods] = plan(said(order, invoice("I1", "PO100", lines, 125))).lines
    assert (goods.receipt, goods.quantity) == ("PR1", Decimal(10))
    TradingPartner.objects.update(unmatched_invoice="expense")
    assert len(plan(said(order, invoice("I1", "", lines, 125))).lines) == 1


@pytest.mark.parametrize(
    ("lines", "ends"),
    [([], "total"), ([invoice_line(A1, 0, "12.50")], "total"), ([invoice_line(A1, "0.0000001", 1)], "quantity")],
)
def test_invoice_that_leaves_nothing_to_book_is_asked_about(order: Company, lines: list[Tree], ends: str) -> None:
    assert outcome(said(order, invoice("I1", "PO100", lines, 0))) == ends


def test_less_received_than_invoiced_is_asked_about(order: Company) -> None:
    assert outcome(said(order, of_ten(), receipts=[released(8)], was_shipped=Decimal(8))) == "over_invoiced"


def test_two_lines_of_one_order_line_are_judged_together(order: Company) -> None:
    halves = [invoice_line(A1, 5, "12.50"), invoice_line(A1, 5, "12.50")]
    facts = {"receipts": [released(8)], "was_shipped": Decimal(8)}
    assert outcome(said(order, invoice("I1", "PO100", halves, 125), **facts)) == "over_invoiced"


def test_service_without_a_receipt_is_linked_to_the_order(order: Company) -> None:
    paper = invoice("I1", "PO100", [invoice_line(numbers("2", buyer="B2"), 4, "12.50")], 50)
    [line] = plan(said(order, paper, receipts=[], was_shipped=Decimal(0))).lines
    assert (line.order, line.order_line, line.receipt) == ("PO100", 2, "")


def test_charges_go_to_the_partner_s_account(order: Company) -> None:
    goods, freight = plan(said(order, of_ten("168.75", charges=[charge("C", 10)], taxes=[tax("33.75")]))).lines
    assert (goods.receipt, goods.quantity, goods.vat_category) == ("PR1", Decimal(10), "")
    assert (freight.account, freight.price, freight.vat_category) == ("4360", Decimal(10), "1")


def test_charge_without_an_account_is_asked_about(order: Company) -> None:
    TradingPartner.objects.update(expense_account="")
    assert outcome(said(order, of_ten(135, charges=[charge("C", 10)]))) == "account_missing"


@pytest.mark.parametrize(("amount", "ends"), [("125", "ignored"), ("99", "number_reused"), (None, "number_reused")])
def test_invoice_that_was_typed_by_hand(order: Company, amount: str | None, ends: str) -> None:
    typed = ("200100", Decimal(amount) if amount else None)
    assert outcome(said(order, of_ten(), typed=typed)) == ends


def test_invoice_that_fits_no_order_is_asked_about_or_an_expense(order: Company) -> None:
    nameless, unknown = invoice("I1", "", TEN, 125), invoice("I1", "PO999", TEN, 125)
    assert outcome(said(order, nameless)) == "order_unknown"
    assert outcome(said(order, unknown)) == "waiting"
    TradingPartner.objects.update(unmatched_invoice="expense")
    assert plan(said(order, nameless)).lines[0].account == "4360"
    assert plan(said(order, unknown, patience_over=True)).supplier == "50000"


@pytest.mark.parametrize(
    ("price", "unit", "basis", "total", "ends"),
    [
        (1250, "EA", "HP", None, "ready"),
        (1250, "", "HP", 125, "ready"),
        ("12.50", "KG", "PK", 125, "ready"),
        (1250, "EA", "HP", 12500, "total"),
        ("12.50", "EA", "PK", 125, "total"),
    ],
)
def test_price_of_an_expense_is_for_what_its_basis_says(
    order: Company, price: object, unit: str, basis: str, total: int | None, ends: str
) -> None:
    TradingPartner.objects.update(unmatched_invoice="expense")
    verdict = said(order, invoice("I1", "", [invoice_line(A1, 10, price, unit, basis=basis)], total))
    assert outcome(verdict) == ends
    if ends == "ready":
        assert [(line.quantity, line.price) for line in plan(verdict).lines] == [(Decimal(10), Decimal("12.5"))]


@pytest.mark.parametrize("purpose", ["04", "ZZ"])
def test_purpose_that_nobody_knows_is_asked_about(order: Company, purpose: str) -> None:
    assert outcome(said(order, of_ten(TsetPurposeCode=purpose))) == "unsupported"


def test_currency_may_stand_as_the_seller_s_or_in_small_letters(order: Company) -> None:
    assert outcome(said(order, of_ten(SellersCurrency="EUR"))) == "currency"
    assert outcome(said(order, of_ten(currency="NOK", SellersCurrency="EUR"))) == "ready"
    assert plan(said(order, of_ten(currency="nok"))).currency == "NOK"


def test_other_currency_is_asked_about(order: Company) -> None:
    assert outcome(said(order, of_ten(currency="EUR"))) == "currency"
    assert plan(said(order, of_ten())).currency == "NOK"


@pytest.mark.parametrize(
    ("price", "total", "ends"), [(50, 1200, "ready"), (600, 1200, "ready"), (50, 100, "total"), (55, 1320, "price")]
)
def test_price_of_each_piece_is_told_from_that_of_the_carton_by_what_was_ordered(
    company: Company, price: int, total: int, ends: str
) -> None:
    a_trade(company)
    an_order(company, [Bought("A1", price=Decimal(600), unit="KRT")])
    cartons = invoice("I1", "PO100", [invoice_line(A1, 2, price, unit="CT", basis="PE")], total)
    verdict = said(company, cartons)
    assert outcome(verdict) == ends
    if ends == "ready":
        assert (plan(verdict).lines[0].quantity, plan(verdict).lines[0].price) == (Decimal(2), Decimal(600))
