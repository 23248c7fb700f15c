"""The Rehearse button, by clicking: the form as it stands is shown in its consequences, and nothing is saved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit.models import Document, Status
from mapping.models import Company, ItemReference, PartnerRoute, TradingPartner, UnitMapping
from tests.connector.rehearsing import a_partner, a_shipment, an_order, everything
from tests.connector.test_admin_documents import client_of
from tests.papers import numbers

ROUTES = {"routes-TOTAL_FORMS": "0", "routes-INITIAL_FORMS": "0"}


@pytest.fixture
def ada(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def nordic(company: Company) -> TradingPartner:
    partner = a_partner(company)
    an_order(company)
    return partner


def rehearsed(client: Client, name: str, form: dict[str, Any], pk: int | None = None) -> str:
    """The page that the button opens."""
    address = reverse("rehearse", args=[name, pk]) if pk else reverse("rehearse_new", args=[name])
    page = client.post(address, form).content.decode()
    return page[page.index('<div class="mlc">') :]


def a_reference(partner: TradingPartner, **more: Any) -> dict[str, Any]:
    return {"partner": partner.pk, "number_kind": "vendor", "their_number": "X-9", "item": "1001-BLK"} | more


def test_every_form_that_decides_has_the_button(ada: Client, nordic: TradingPartner, company: Company) -> None:
    unit = UnitMapping.objects.get()
    for name, pk in (("tradingpartner", nordic.pk), ("company", company.pk), ("unitmapping", unit.pk)):
        page = ada.get(reverse(f"admin:mapping_{name}_change", args=[pk])).content.decode()
        assert f'form="{name}_form"' in page
        assert reverse("rehearse", args=[name, pk]) in page
    for name in ("itemreference", "taxmapping", "itemtolerance"):
        assert reverse("rehearse_new", args=[name]) in ada.get(reverse(f"admin:mapping_{name}_add")).content.decode()


def test_a_new_mapping_shows_what_it_frees_and_is_not_saved(
    ada: Client, company: Company, nordic: TradingPartner
) -> None:
    a_shipment(company, "S1", 10, named=numbers(vendor="X-9"))
    page = rehearsed(ada, "itemreference", a_reference(nordic))
    assert "1 of 1 document would have ended differently" in page
    assert "NOK 480.00" in page
    assert "waiting for a person: item is not mapped" in page
    assert "would go out" in page
    assert (ItemReference.objects.count(), Document.objects.get().status) == (0, Status.HELD)


def test_a_changed_unit_shows_other_content(ada: Client, company: Company, nordic: TradingPartner) -> None:
    a_shipment(company, "S1", 10)
    unit = UnitMapping.objects.get()
    form = {"company": company.pk, "unit": "STK", "rsx_unit": "EA", "factor": "2", "rehearsed_days": "7"}
    page = rehearsed(ada, "unitmapping", form, unit.pk)
    assert "would go out with other content" in page
    assert "The last 7 days" in page
    unit.refresh_from_db()
    assert (unit.factor, unit.history.count()) == (Decimal(1), 1)


def test_a_partner_is_rehearsed_with_the_routes_on_its_page(ada: Client, company: Company) -> None:
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    supplier = company.suppliers.create(number="50000")
    an_order(company)
    a_shipment(company, "S1", 10)
    form = {
        "company": company.pk,
        "trading_partner_id": "NORDICPARTS01",
        "takes_shipments": "on",
        "acknowledgment": "dates",
        "unmatched_invoice": "hold",
    }
    route = {"routes-0-supplier": supplier.pk, "routes-0-is_default": "on", "routes-TOTAL_FORMS": "1"}
    assert "would go out" in rehearsed(ada, "tradingpartner", form | ROUTES | route)
    assert "would be held: order is not known" in rehearsed(ada, "tradingpartner", form | ROUTES)
    assert (TradingPartner.objects.count(), PartnerRoute.objects.count()) == (0, 0)


def test_a_route_that_is_taken_away_holds_what_came_by_it(
    ada: Client, company: Company, nordic: TradingPartner
) -> None:
    a_shipment(company, "S1", 10)
    route = nordic.routes.get()
    form = {
        "company": company.pk,
        "trading_partner_id": "NORDICPARTS01",
        "expense_account": "4360",
        "sends_orders": "on",
        "takes_order_acks": "on",
        "takes_shipments": "on",
        "takes_invoices": "on",
        "acknowledgment": "dates",
        "unmatched_invoice": "hold",
        "routes-TOTAL_FORMS": "1",
        "routes-INITIAL_FORMS": "1",
        "routes-0-id": route.pk,
        "routes-0-partner": nordic.pk,
        "routes-0-supplier": route.supplier_id,
        "routes-0-is_default": "on",
    }
    assert "Nothing in the form differs" in rehearsed(ada, "tradingpartner", form, nordic.pk)
    page = rehearsed(ada, "tradingpartner", form | {"routes-0-DELETE": "on"}, nordic.pk)
    assert "would be held: order is not known" in page
    assert nordic.routes.count() == 1


def test_a_form_with_faults_says_them(ada: Client, company: Company, nordic: TradingPartner) -> None:
    page = rehearsed(ada, "itemreference", a_reference(nordic, number_kind="nonsense", item=""))
    assert "It cannot be rehearsed as it stands" in page
    assert "number kind: Select a valid choice" in page
    assert "item: This field is required" in page


def test_what_comes_from_a_paper_is_shown_as_text(ada: Client, company: Company, nordic: TradingPartner) -> None:
    a_shipment(company, "<script>alert(1)</script>", 10, named=numbers(vendor="X-9"))
    page = rehearsed(ada, "itemreference", a_reference(nordic))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def on_the_desk(client: Client, document: Document, **form: str) -> str:
    """The page that the button beside a fix of the desk opens."""
    hold = document.holds.get(closed_at=None)
    question = client.get(reverse("desk_hold", args=[hold.pk]))["Location"]
    assert 'value="rehearse"' in client.get(question).content.decode()
    page = client.post(question, {"verb": "rehearse", **form}).content.decode()
    return page[page.index('<div class="mlc">') :]


def test_fix_of_the_desk_shows_what_it_frees_and_is_not_saved(
    ada: Client, company: Company, nordic: TradingPartner
) -> None:
    held = a_shipment(company, "S1", 10, named=numbers(vendor="X-9"))
    before = everything()
    page = on_the_desk(ada, held, number_kind="vendor", number="X-9", item="1001-BLK")
    assert "1 of 1 document would have ended differently" in page
    assert "would go out" in page
    assert "item: This field is required" in on_the_desk(ada, held, number_kind="vendor", number="X-9")
    assert everything() == before


def test_new_partner_is_rehearsed_on_the_desk_together_with_its_route(ada: Client, company: Company) -> None:
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    company.suppliers.create(number="50000", name="Nordic Parts")
    an_order(company)
    held = a_shipment(company, "S1", 10)
    page = on_the_desk(ada, held, trading_partner_id="NORDICPARTS01", supplier="50000", default="on")
    assert "would go out" in page
    assert (TradingPartner.objects.count(), PartnerRoute.objects.count()) == (0, 0)


def test_fix_of_the_desk_that_contradicts_what_is_mapped_says_so(
    ada: Client, company: Company, nordic: TradingPartner
) -> None:
    held = a_shipment(company, "S1", 10, unit="CA")
    page = on_the_desk(ada, held, unit="STK", rsx_unit="CA", factor="1", everyone="on")
    assert "STK is mapped already" in page


def test_only_who_may_change_it_rehearses_it(company: Company, nordic: TradingPartner) -> None:
    new = reverse("rehearse_new", args=["itemreference"])
    form = a_reference(nordic)
    assert {role: client_of(role).post(new, form).status_code for role in ("Viewers", "Finance", "Procurement")} == {
        "Viewers": 403,
        "Finance": 403,
        "Procurement": 200,
    }
    assert Client().post(new, form).status_code == 302


def test_other_pages_have_no_rehearsal(ada: Client, company: Company, nordic: TradingPartner) -> None:
    supplier = company.suppliers.get()
    assert ada.post(reverse("rehearse", args=["supplier", supplier.pk])).status_code == 404
    assert ada.post(reverse("rehearse", args=["unitmapping", 999999])).status_code == 404
    assert ada.get(reverse("rehearse_new", args=["unitmapping"])).status_code == 405
