"""Mappings edited by people: a reason for every change, no second meaning of a number, one's own fields only."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.forms import Form
from django.test import Client
from django.urls import reverse

from mapping.admin.references import ItemReferenceForm
from mapping.models import Company, Item, ItemReference, PartnerRoute, Supplier, TaxMapping, TradingPartner, UnitMapping


def client_of(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")


def reference(partner: TradingPartner, **changes: str) -> dict[str, Any]:
    said = {"partner": partner.pk, "number_kind": "gtin", "their_number": "7035550001234", "item": "1001-BLK"}
    return {**said, "change_reason": "", **changes}


def partner_form(client: Client, partner: TradingPartner, **changes: Any) -> dict[str, Any]:
    form: Form = client.get(reverse("admin:mapping_tradingpartner_change", args=[partner.pk])).context["adminform"].form
    posted = {name: form[name].value() for name in form.fields}
    posted = {name: value for name, value in posted.items() if value not in (None, False)}
    rows = {
        "routes-TOTAL_FORMS": "0",
        "routes-INITIAL_FORMS": "0",
        "routes-MIN_NUM_FORMS": "0",
        "routes-MAX_NUM_FORMS": "9",
    }
    return {**posted, **rows, **changes}


def test_an_item_reference_is_added_with_its_history(partner: TradingPartner) -> None:
    client_of("Procurement").post(reverse("admin:mapping_itemreference_add"), reference(partner))
    record = ItemReference.objects.get().history.get()
    assert record.history_user.username == "Procurement"


def test_a_change_needs_a_reason_which_stands_in_the_history(partner: TradingPartner) -> None:
    row = ItemReference.objects.create(
        partner=partner, number_kind="gtin", their_number="7035550001234", item="1001-BLK"
    )
    client, address = client_of("Procurement"), reverse("admin:mapping_itemreference_change", args=[row.pk])
    said = client.post(address, reference(partner, item="1002-WHT")).content.decode()
    assert "Say in a few words why" in said
    client.post(address, reference(partner, item="1002-WHT", change_reason="new catalogue"))
    row.refresh_from_db()
    assert row.item == "1002-WHT"
    assert row.history.first().history_change_reason == "new catalogue"


def test_the_same_barcode_written_otherwise_is_refused_with_a_sentence(partner: TradingPartner) -> None:
    ItemReference.objects.create(partner=partner, number_kind="gtin", their_number="07035550001234", item="other")
    said = client_of("Procurement").post(reverse("admin:mapping_itemreference_add"), reference(partner))
    assert "Already mapped" in said.content.decode()
    assert ItemReference.objects.count() == 1


def test_a_second_click_is_told_in_a_sentence(partner: TradingPartner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ItemReferenceForm, "_refuse_second", lambda *_: None)  # as it looks in that moment
    client, address = client_of("Procurement"), reverse("admin:mapping_itemreference_add")
    client.post(address, reference(partner))
    said = client.post(address, reference(partner), follow=True)
    assert "Somebody has just saved the same" in said.content.decode()
    assert ItemReference.objects.count() == 1


def test_an_item_that_visma_does_not_have_is_refused(partner: TradingPartner) -> None:
    Item.objects.create(company=partner.company, number="1002-WHT")
    said = client_of("Procurement").post(reverse("admin:mapping_itemreference_add"), reference(partner))
    assert "Visma has no item 1001-BLK" in said.content.decode()


def test_a_unit_is_mapped_once_also_for_all_partners(company: Company) -> None:
    client = client_of("Procurement")
    posted = {"company": company.pk, "partner": "", "unit": "STK", "rsx_unit": "EA", "factor": "1", "change_reason": ""}
    for _ in range(2):
        client.post(reverse("admin:mapping_unitmapping_add"), posted)
    assert UnitMapping.objects.count() == 1


def test_a_partner_of_another_company_is_refused(company: Company, partner: TradingPartner) -> None:
    other = Company.objects.create(name="Other AB", orders_from=date(2026, 1, 1))
    posted = {"company": other.pk, "partner": partner.pk, "unit": "STK", "rsx_unit": "EA", "factor": "1"}
    said = client_of("Procurement").post(reverse("admin:mapping_unitmapping_add"), posted).content.decode()
    assert "belongs to" in said
    assert not UnitMapping.objects.exists()


def test_finance_edits_accounts_and_tolerances_of_a_partner_and_nothing_else(partner: TradingPartner) -> None:
    client, address = client_of("Finance"), reverse("admin:mapping_tradingpartner_change", args=[partner.pk])
    posted = partner_form(client, partner, expense_account="4300", price_percent="2", change_reason="agreed")
    client.post(address, {**posted, "trading_partner_id": "HACKED", "release_receipts": "on"})
    partner.refresh_from_db()
    assert (partner.expense_account, partner.price_percent) == ("4300", Decimal(2))
    assert (partner.trading_partner_id, partner.release_receipts) == ("NORDIC", False)


def test_procurement_edits_rules_and_routes_and_no_accounts(company: Company, partner: TradingPartner) -> None:
    supplier = Supplier.objects.create(company=company, number="50012")
    client, address = client_of("Procurement"), reverse("admin:mapping_tradingpartner_change", args=[partner.pk])
    route = {"routes-TOTAL_FORMS": "1", "routes-0-supplier": supplier.pk, "routes-0-is_default": "on"}
    posted = partner_form(
        client, partner, name="Nordic Parts AS", change_reason="renamed", expense_account="9999", **route
    )
    client.post(address, posted)
    partner.refresh_from_db()
    assert (partner.name, partner.expense_account) == ("Nordic Parts AS", "")
    assert PartnerRoute.objects.get().history.get().history_change_reason == "renamed"


def test_a_route_to_a_supplier_of_another_company_is_refused(partner: TradingPartner) -> None:
    other = Company.objects.create(name="Other AB", orders_from=date(2026, 1, 1))
    supplier = Supplier.objects.create(company=other, number="50012")
    client, address = client_of("Procurement"), reverse("admin:mapping_tradingpartner_change", args=[partner.pk])
    route = {"routes-TOTAL_FORMS": "1", "routes-0-supplier": supplier.pk}
    said = client.post(address, partner_form(client, partner, change_reason="x", **route)).content.decode()
    assert "the partner does not" in said
    assert not PartnerRoute.objects.exists()


def test_what_visma_owns_is_not_edited(company: Company) -> None:
    supplier = Supplier.objects.create(company=company, number="50012", name="Nordic")
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    address = reverse("admin:mapping_supplier_change", args=[supplier.pk])
    assert boss.post(address, {"name": "Mine"}).status_code == 403
    assert boss.get(reverse("admin:mapping_supplier_add")).status_code == 403


def test_deleting_leaves_its_history(partner: TradingPartner) -> None:
    tax = TaxMapping.objects.create(partner=partner, tax_type="VA", percent=Decimal(25), vat_category="IN25")
    client = client_of("Finance")
    posted = {"action": "delete_selected", "_selected_action": [str(tax.pk)], "post": "yes"}
    client.post(reverse("admin:mapping_taxmapping_changelist"), posted)
    assert not TaxMapping.objects.exists()
    record = TaxMapping.history.first()
    assert (record.history_type, record.history_user.username) == ("-", "Finance")


def test_finance_edits_the_tolerances_of_a_company_and_not_its_cut(company: Company) -> None:
    address = reverse("admin:mapping_company_change", args=[company.pk])
    posted = {
        "price_percent": "1.5",
        "total_tolerance_per_line": "0.02",
        "orders_from": "2020-01-01",
        "change_reason": "y",
    }
    client_of("Finance").post(address, posted)
    company.refresh_from_db()
    assert (company.price_percent, company.orders_from) == (Decimal("1.5"), date(2026, 1, 1))
