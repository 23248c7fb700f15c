"""`manage.py partner`: rules shown and changed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mapping.models import Company, TradingPartner
from tests.connector.commands.runs import run


@pytest.fixture
def nordic(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")


def test_without_options_the_rules_are_shown_and_nothing_changes(nordic: TradingPartner) -> None:
    facts = run("partner", "NORDIC", "--json").facts
    assert facts["documents"] == ["order", "order_ack", "shipment", "invoice"]
    assert facts["price_tolerance"] == {"percent": None, "absolute": None}
    assert (facts["ack"], facts["unmatched_invoice"], facts["release_receipts"]) == ("dates", "hold", False)
    assert facts["changed"] == []
    assert TradingPartner.history.count() == 1
    assert "name: Nordic Parts" in run("partner", "NORDIC").words


def test_every_rule_can_be_set_and_the_change_has_a_reason(nordic: TradingPartner) -> None:
    result = run(
        "partner", "NORDIC", "--json",
        "--expense-account", "4360", "--expense-subaccount", "1=00;2=10", "--ack", "receipt",
        "--unmatched-invoice", "expense", "--documents", "order,invoice", "--release-receipts", "yes",
        "--price-tolerance", "2,0.50", "--quantity-tolerance", "0,", "--date-tolerance", "7",
    )  # fmt: skip
    assert result.code == 0
    partner = TradingPartner.objects.get()
    assert (partner.price_percent, partner.price_absolute) == (Decimal(2), Decimal("0.50"))
    assert (partner.quantity_percent, partner.quantity_absolute, partner.date_days) == (Decimal(0), None, 7)
    assert [kind for kind in ("order", "order_ack", "shipment", "invoice") if partner.wants(kind)] == [
        "order",
        "invoice",
    ]
    assert (partner.acknowledgment, partner.unmatched_invoice, partner.release_receipts) == ("receipt", "expense", True)
    assert (partner.expense_account, partner.expense_subaccount) == ("4360", "1=00;2=10")
    assert partner.history.latest().history_change_reason == "manage.py partner"
    assert result.facts["price_tolerance"] == {"percent": "2", "absolute": "0.5"}


def test_the_same_options_twice_change_nothing_the_second_time(nordic: TradingPartner) -> None:
    for _ in range(2):
        assert run("partner", "NORDIC", "--price-tolerance", "2,0.50", "--release-receipts", "no").code == 0
    assert TradingPartner.history.count() == 2


def test_an_empty_part_gives_the_rule_back_to_the_company(nordic: TradingPartner) -> None:
    run("partner", "NORDIC", "--price-tolerance", "2,0.50", "--date-tolerance", "7")
    run("partner", "NORDIC", "--price-tolerance", ",", "--date-tolerance", "")
    partner = TradingPartner.objects.get()
    assert (partner.price_percent, partner.price_absolute, partner.date_days) == (None, None, None)


@pytest.mark.parametrize(
    "option",
    [
        ("--price-tolerance", "2"),
        ("--price-tolerance", "2;0.5"),
        ("--quantity-tolerance", "a,b"),
        ("--price-tolerance", "1,1.12345678"),
        ("--date-tolerance", "1.5"),
        ("--documents", "order,fax"),
        ("--documents", ""),
        ("--release-receipts", "maybe"),
        ("--ack", "all"),
        ("--expense-account", "x" * 21),
        ("--expense-subaccount", "00"),
    ],
)
def test_values_that_make_no_sense_are_wrong_usage_and_change_nothing(
    nordic: TradingPartner, option: tuple[str, str]
) -> None:
    result = run("partner", "NORDIC", *option)
    assert result.code in (1, 2)  # argparse's own complaints reach a caller in the same process as 1
    assert result.error
    assert TradingPartner.history.count() == 1


def test_no_documents_at_all_must_be_said(nordic: TradingPartner) -> None:
    assert run("partner", "NORDIC", "--documents", "none", "--json").facts["documents"] == []


def test_an_unknown_partner_ends_with_1(company: Company) -> None:
    result = run("partner", "NOBODY", "--json")
    assert result.code == 1
    assert "map suppliers" in result.facts["error"]
