"""Invoices: what they state, and whether it adds up; what does not is never accepted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Unreadable
from connector.rsx.common import Charge, Tax
from connector.rsx.envelope import split
from connector.rsx.invoice import Invoice, InvoiceLine, Reconciliation, read, reconcile
from tests.connector.rsx.reference import sample

_CENT = Decimal("0.01")


def _net(line: InvoiceLine) -> Decimal | None:
    return None if line.quantity is None or line.price is None else line.quantity * line.price


def _line(net: str, charges: tuple[Charge, ...] = (), taxes: tuple[Tax, ...] = ()) -> InvoiceLine:
    return InvoiceLine(position=1, quantity=Decimal(1), price=Decimal(net), charges=charges, taxes=taxes)


def _allowance(amount: str | None = None, **more: Any) -> Charge:
    return Charge(indicator="A", amount=None if amount is None else Decimal(amount), **more)


def _freight(amount: str, **more: Any) -> Charge:
    return Charge(indicator="C", code="D240", amount=Decimal(amount), **more)


def _tax(amount: str | None = None, **more: Any) -> Tax:
    return Tax(type="VA", amount=None if amount is None else Decimal(amount), **more)


def _amounts(stated: tuple[Charge | Tax, ...]) -> list[object]:
    return [one.amount for one in stated]


def _reconciled(*lines: InvoiceLine, total: str | None, tolerance: str = "0.02", **more: Any) -> Reconciliation | None:
    invoice = Invoice(
        trading_partner_id="P", number="1", lines=lines, total=None if total is None else Decimal(total), **more
    )
    return reconcile(invoice, _net, Decimal(tolerance))


def _tree(*lines: Any, header: dict[str, Any] | None = None, **block: Any) -> dict[str, Any]:
    stated = {"TradingPartnerId": "P", "InvoiceNumber": "I1", **block}
    return {"Header": {"InvoiceHeader": stated, **(header or {})}, "LineItem": list(lines)}


def test_drop_ship_sample_reconciles_to_its_total() -> None:
    invoice = read(split(sample("IN584616"))[0].tree)
    found = reconcile(invoice, _net, _CENT)
    assert found is not None
    assert (found.net, found.total, found.line_charges) == (Decimal(20), Decimal("19.38"), False)
    assert [charge.amount for charge in found.charges] == [-1]
    assert [tax.amount for tax in found.taxes] == [Decimal("0.38")]


def test_bulk_import_sample_does_not_add_up() -> None:
    invoice = read(split(sample("IN584615"))[0].tree)
    assert reconcile(invoice, _net, Decimal("0.06")) is None


def test_sample_is_read_with_its_terms_and_references() -> None:
    invoice = read(split(sample("IN584615"))[0].tree)
    assert (invoice.number, invoice.date, invoice.type, invoice.currency) == (
        "123456",
        dt.date(2020, 12, 15),
        "DR",
        "USD",
    )
    assert invoice.order_numbers == ("PO584615-1",)  # not its AN reference, which is a contract number
    assert invoice.shipment_references == ("123546879",)
    assert invoice.due_date == dt.date(2021, 1, 19)
    assert invoice.terms is not None
    assert (invoice.terms.net_days, invoice.terms.discount_percent) == (31, Decimal(2))
    assert (invoice.total, invoice.sales_total) == (Decimal(217), Decimal(270))


def test_orders_come_from_references_only_without_one_in_the_header() -> None:
    refs = {"References": [{"ReferenceQual": "AN", "ReferenceID": number} for number in ("A", "B", "A")]}
    assert read(_tree(header=refs)).order_numbers == ("A", "B")
    line = {"InvoiceLine": {"PurchaseOrderNumber": "C"}}
    assert read(_tree(line, header=refs, PurchaseOrderNumber="H")).order_numbers == ("H", "C")


def test_credit_names_the_invoice_it_credits_and_flags_mixed_signs() -> None:
    refs = [{"ReferenceQual": "CRM", "ReferenceID": "C1"}, {"ReferenceQual": "INV", "ReferenceID": "I0"}]
    lines = [{"InvoiceLine": {"InvoiceQty": quantity}} for quantity in (1, -1)]
    invoice = read(_tree(*lines, header={"References": refs}, InvoiceTypeCode="CR"))
    assert invoice.original_invoice == "I0"
    assert invoice.warnings == ("LineItem: a credit that mixes positive and negative quantities.",)


def test_money_that_cannot_be_read_is_named() -> None:
    charge = {"AllowChrgIndicator": "A", "AllowChrgAmt": "1,50"}
    with pytest.raises(
        Unreadable, match=r"LineItem\[1\]\.ChargesAllowances\[1\]\.AllowChrgAmt: '1,50' is not a number"
    ):
        read(_tree({"ChargesAllowances": [charge]}))
    with pytest.raises(Unreadable, match=r"InvoiceHeader\.InvoiceNumber is missing"):
        read(_tree(InvoiceNumber=" "))


def test_line_charges_count_when_the_total_has_them() -> None:
    found = _reconciled(_line("100", (_freight("10"),), (_tax("27.50"),)), total="137.50")
    assert found is not None
    assert (_amounts(found.charges), found.line_charges) == ([10], True)


def test_line_charges_are_left_out_when_the_price_has_them_already() -> None:
    found = _reconciled(_line("100", (_allowance("10"),)), total="100")
    assert found is not None
    assert (found.charges, found.line_charges) == ((), False)


def test_header_that_rolls_up_the_lines_is_not_added_to_them() -> None:
    lines = [_line("100", (_freight("5"),), (_tax("25"),)), _line("100", (_freight("5"),), (_tax("25"),))]
    found = _reconciled(*lines, total="260", charges=(_freight("10"),), taxes=(_tax("50"),))
    assert found is not None
    assert (_amounts(found.charges), _amounts(found.taxes)) == ([10], [50])
    assert not found.line_charges


def test_header_and_line_charges_add_up_when_the_total_says_so() -> None:
    found = _reconciled(_line("100", (_freight("5"),)), total="112", charges=(_freight("7"),))
    assert found is not None
    assert (sorted(one.amount or 0 for one in found.charges), found.line_charges) == ([5, 7], True)


def test_included_and_informational_figures_are_left_out() -> None:
    found = _reconciled(
        _line("100"),
        total="100",
        taxes=(_tax("20", relationship="I"), _tax("3", relationship="O"), _tax("4", handling="15")),
        charges=(
            _allowance("9", handling="15"),
            _freight("8", handling="01"),
            Charge(indicator="N", amount=Decimal(7)),
        ),
    )
    assert found is not None
    assert (found.charges, found.taxes) == ((), ())


def test_percent_and_rate_become_amounts_in_the_order_of_calculation() -> None:
    found = _reconciled(
        _line("200"),
        total="186.20",
        charges=(
            _allowance(percent=Decimal(10), percent_basis="7", sequence=2),
            _allowance(percent=Decimal(5), percent_basis="6", sequence=1),
            Charge(indicator="C", rate=Decimal("1.52"), quantity=Decimal(10)),
        ),
    )
    assert found is not None
    assert [one.amount for one in found.charges] == [Decimal("-10.00"), Decimal("-19.00"), Decimal("15.20")]


def test_tax_percent_is_taken_of_its_base_or_of_what_is_due() -> None:
    found = _reconciled(
        _line("100"), total="135", charges=(_freight("10"),), taxes=(_tax(percent=Decimal(25), base=Decimal(100)),)
    )
    assert found is not None
    found = _reconciled(_line("100"), total="137.50", charges=(_freight("10"),), taxes=(_tax(percent=Decimal(25)),))
    assert found is not None
    assert [one.amount for one in found.taxes] == [Decimal("27.50")]


def test_tax_of_a_charge_follows_it() -> None:
    freight = _freight("10", taxes=(_tax("2.50"),))
    found = _reconciled(_line("100"), total="112.50", charges=(freight,))
    assert found is not None
    assert [one.amount for one in found.taxes] == [Decimal("2.50")]
    rolled_up = _reconciled(_line("100"), total="137.50", charges=(freight,), taxes=(_tax("27.50"),))
    assert rolled_up is not None
    assert [one.amount for one in rolled_up.taxes] == [Decimal("27.50")]


def test_credit_with_negative_figures_comes_out_positive() -> None:
    found = _reconciled(_line("-100"), total="-119", type="CR", charges=(_allowance("-6"),), taxes=(_tax("-25"),))
    assert found is not None
    assert (found.net, found.total) == (Decimal(100), Decimal(119))
    assert (_amounts(found.charges), _amounts(found.taxes)) == ([-6], [25])
    assert _reconciled(_line("-100"), _line("50"), total="-50", type="CR") is None


@pytest.mark.parametrize(
    "more",
    [
        {"charges": (Charge(amount=Decimal(5)),)},  # charge or allowance? nobody says
        {"charges": (_allowance(percent=Decimal(5), percent_basis="1"),)},  # of a list cost that we do not know
        {"charges": (Charge(indicator="C", rate=Decimal(5)),)},  # times what?
        {"taxes": (_tax("5", relationship="S"),)},  # substituted: for what?
    ],
)
def test_money_whose_meaning_is_open_is_never_accepted(more: dict[str, Any]) -> None:
    assert _reconciled(_line("100"), total="100", **more) is None
    assert _reconciled(_line("100"), total="105", **more) is None


def test_two_readings_that_fit_equally_well_are_left_to_a_person() -> None:
    assert _reconciled(_line("100", (_freight("5"),), (_tax("5"),)), total="105") is None


def test_line_without_a_known_net_is_left_to_a_person() -> None:
    assert _reconciled(InvoiceLine(position=1), total="0") is None


def test_missing_total_accepts_the_plain_sum_unless_two_levels_state_the_same() -> None:
    found = _reconciled(_line("100"), total=None, charges=(_freight("10"),), taxes=(_tax("27.50"),))
    assert found is not None
    assert found.total == Decimal("137.50")
    assert _reconciled(_line("100", (_freight("10"),)), total=None, charges=(_freight("10"),)) is None
    assert _reconciled(_line("100", (), (_tax("25"),)), total=None, taxes=(_tax("25"),)) is None


_MONEY = st.decimals(0, 10_000, places=2)
_CHARGES = st.lists(st.builds(Charge, indicator=st.sampled_from("AC"), amount=_MONEY), max_size=2).map(tuple)
_TAXES = st.lists(st.builds(Tax, amount=_MONEY), max_size=2).map(tuple)
_LINES = st.builds(
    InvoiceLine, position=st.just(1), quantity=st.just(Decimal(1)), price=_MONEY, charges=_CHARGES, taxes=_TAXES
)


def _signed(charges: tuple[Charge, ...]) -> Decimal:
    amounts = [(one.indicator, one.amount or Decimal(0)) for one in charges]
    return sum((-amount if indicator == "A" else amount for indicator, amount in amounts), Decimal(0))


def _taxed(taxes: tuple[Tax, ...]) -> Decimal:
    return sum((one.amount or Decimal(0) for one in taxes), Decimal(0))


_INVOICES = st.builds(
    Invoice,
    trading_partner_id=st.just("P"),
    number=st.just("1"),
    lines=st.lists(_LINES, min_size=1, max_size=3).map(tuple),
    charges=_CHARGES,
    taxes=_TAXES,
)


@given(_INVOICES, st.booleans(), st.booleans(), st.decimals(-1, 1, places=2))
def test_what_is_accepted_always_adds_up_to_the_stated_total(
    invoice: Invoice, with_line_charges: bool, with_line_taxes: bool, off: Decimal
) -> None:
    due = sum((line.price or Decimal(0) for line in invoice.lines), _signed(invoice.charges) + _taxed(invoice.taxes))
    for line in invoice.lines:
        due += _signed(line.charges) if with_line_charges else 0
        due += _taxed(line.taxes) if with_line_taxes else 0
    found = reconcile(invoice.model_copy(update={"total": due + off}), _net, Decimal("0.05"))
    if found is not None:
        assert abs(found.net + _sum(found) - found.total) <= Decimal("0.05")
        assert found.total == due + off
    exact = reconcile(invoice.model_copy(update={"total": due}), _net, Decimal(0))
    assert exact is None or exact.net + _sum(exact) == due


def _sum(found: Reconciliation) -> Decimal:
    return _taxed(found.taxes) + sum((one.amount or Decimal(0) for one in found.charges), Decimal(0))


@given(_INVOICES)
def test_plain_invoice_is_always_accepted_at_its_exact_total(invoice: Invoice) -> None:
    lines = tuple(line.model_copy(update={"charges": (), "taxes": ()}) for line in invoice.lines)
    due = sum((line.price or Decimal(0) for line in lines), _signed(invoice.charges) + _taxed(invoice.taxes))
    plain = invoice.model_copy(update={"lines": lines, "total": due})
    found = reconcile(plain, _net, Decimal(0))
    assert found is not None
    assert _sum(found) == _signed(invoice.charges) + _taxed(invoice.taxes)
    assert reconcile(plain.model_copy(update={"total": due + 1}), _net, Decimal("0.99")) is None
