"""Mappings through the API: what is written keeps its reason, and what contradicts is refused with a sentence."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from mapping.models import Company, ItemReference, PartnerRoute, Supplier, SupplierLocation, TradingPartner, UnitMapping
from tests.connector.api.conftest import Caller
from tests.connector.papers import an_invoice

REFERENCES = "/api/v1/item-references/"
PARTNERS = "/api/v1/partners/"


def a_reference(api: APIClient, partner: TradingPartner, number: str = "7035550001234", **more: str) -> dict[str, str]:
    said = {"partner": partner.pk, "number_kind": "gtin", "their_number": number, "item": "A1", **more}
    answer = api.post(REFERENCES, said, format="json")
    assert answer.status_code == 201, answer.json()
    created: dict[str, str] = answer.json()
    return created


def test_a_mapping_is_made_changed_and_deleted_and_its_history_says_why(partner: TradingPartner) -> None:
    key = Token.objects.create(user=User.objects.create_superuser("ada")).key
    api = APIClient(headers={"Authorization": f"Token {key}"})
    row = a_reference(api, partner, change_reason="new supplier")
    url = f"{REFERENCES}{row['id']}/"
    assert api.patch(url, {"item": "A2"}, format="json", headers={"X-Change-Reason": "typo"}).status_code == 200
    assert api.delete(url, headers={"X-Change-Reason": "not sold any more"}).status_code == 204
    changes = api.get(f"{url}history/").json()["results"]
    assert [(change["change"], change["reason"], change["actor"]) for change in changes] == [
        ("deleted", "not sold any more", "ada"),
        ("changed", "typo", "ada"),
        ("created", "new supplier", "ada"),
    ]
    assert [change["values"]["item"] for change in changes] == ["A2", "A2", "A1"]


def test_a_number_that_is_mapped_already_is_a_conflict_in_a_sentence(api: APIClient, partner: TradingPartner) -> None:
    a_reference(api, partner)
    said = {"partner": partner.pk, "number_kind": "gtin", "their_number": "07035550001234", "item": "B1"}
    answer = api.post(REFERENCES, said, format="json")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "A number of a partner means one item."
    assert ItemReference.history.count() == 1


def test_an_unknown_unit_of_rsx_is_refused(api: APIClient, company: Company) -> None:
    said = {"company": company.name, "unit": "STK", "rsx_unit": "XXX"}
    answer = api.post("/api/v1/units/", said, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"]["rsx_unit"] == ["XXX is none of the RSX units."]
    made = api.post("/api/v1/units/", {**said, "rsx_unit": "EA"}, format="json")
    assert (made.status_code, made.json()["factor"]) == (201, "1.000000")


def test_a_unit_is_mapped_once_also_without_a_partner(api: APIClient, company: Company) -> None:
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    said = {"company": company.name, "partner": None, "unit": "STK", "rsx_unit": "EA"}
    answer = api.post("/api/v1/units/", said, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (409, "A unit is mapped once for all partners.")


@pytest.mark.parametrize("factor", ["0", "-1", "much"])
def test_a_factor_is_a_positive_number(api: APIClient, company: Company, factor: str) -> None:
    said = {"company": company.name, "unit": "STK", "rsx_unit": "EA", "factor": factor}
    answer = api.post("/api/v1/units/", said, format="json")
    assert answer.status_code == 400
    assert "factor" in answer.json()["errors"]


def test_a_tolerance_for_all_partners_and_one_for_one(
    api: APIClient, company: Company, partner: TradingPartner
) -> None:
    said = {"company": company.name, "item": "A1", "price_percent": "2.5"}
    assert api.post("/api/v1/tolerances/", said, format="json").status_code == 201
    assert api.post("/api/v1/tolerances/", {**said, "partner": partner.pk}, format="json").status_code == 201
    assert api.post("/api/v1/tolerances/", said, format="json").status_code == 409


def test_what_belongs_to_two_companies_does_not_belong_together(api: APIClient, partner: TradingPartner) -> None:
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    supplier = Supplier.objects.create(company=other, number="V1")
    answer = api.post("/api/v1/routes/", {"supplier": supplier.pk, "partner": partner.pk}, format="json")
    assert answer.status_code == 400
    tolerance = {"company": other.name, "partner": partner.pk, "item": "A1"}
    assert api.post("/api/v1/tolerances/", tolerance, format="json").status_code == 400
    moved = api.patch(f"{PARTNERS}{partner.pk}/", {"company": other.name}, format="json")
    assert moved.status_code == 400


def test_a_second_default_partner_is_a_conflict(api: APIClient, company: Company, partner: TradingPartner) -> None:
    supplier = Supplier.objects.create(company=company, number="V1")
    second = TradingPartner.objects.create(company=company, trading_partner_id="SECOND")
    PartnerRoute.objects.create(supplier=supplier, partner=partner, is_default=True)
    said = {"supplier": supplier.pk, "partner": second.pk, "is_default": True}
    answer = api.post("/api/v1/routes/", said, format="json")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "A supplier has at most one default partner."


def test_a_partner_with_documents_is_not_deleted(api: APIClient, company: Company, partner: TradingPartner) -> None:
    an_invoice(company, partner=partner)
    answer = api.delete(f"{PARTNERS}{partner.pk}/")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "It is still used by 1 document and cannot be deleted."


def test_accounts_are_finances_and_routing_is_procurements(caller: Caller, partner: TradingPartner) -> None:
    finance, procurement, url = caller("Finance"), caller("Procurement"), f"{PARTNERS}{partner.pk}/"
    assert finance.patch(url, {"expense_account": "4300"}, format="json").status_code == 200
    assert finance.patch(url, {"name": "Mine"}, format="json").status_code == 403
    assert procurement.patch(url, {"name": "Nordic"}, format="json").status_code == 200
    refused = procurement.patch(url, {"expense_account": "1920", "name": "x"}, format="json")
    assert refused.status_code == 403
    assert "expense_account" in refused.json()["detail"]
    partner.refresh_from_db()
    assert (partner.name, partner.expense_account) == ("Nordic", "4300")


def test_procurement_cannot_make_a_partner_with_an_account(caller: Caller, company: Company) -> None:
    procurement = caller("Procurement")
    said = {"company": company.name, "trading_partner_id": "NEW"}
    assert procurement.post(PARTNERS, {**said, "expense_account": "1920"}, format="json").status_code == 403
    assert procurement.post(PARTNERS, said, format="json").status_code == 201


def test_viewers_read_mappings_and_write_none(caller: Caller, partner: TradingPartner) -> None:
    viewer = caller("Viewers")
    assert viewer.get(f"{PARTNERS}{partner.pk}/").status_code == 200
    assert viewer.patch(f"{PARTNERS}{partner.pk}/", {"name": "x"}, format="json").status_code == 403
    assert viewer.delete(f"{PARTNERS}{partner.pk}/").status_code == 403


def test_suppliers_come_with_their_locations_in_a_fixed_number_of_queries(api: APIClient, company: Company) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            api.get("/api/v1/suppliers/")
        return len(asked)

    for number in ("V1", "V2"):
        supplier = Supplier.objects.create(company=company, number=number)
        SupplierLocation.objects.create(supplier=supplier, location="MAIN", edi_code=f"EDI{number}")
    few = queries()
    for number in ("V3", "V4", "V5"):
        Supplier.objects.create(company=company, number=number)
    assert queries() == few
    found = api.get("/api/v1/suppliers/", {"edi_code": "EDIV2"}).json()["results"]
    assert [(row["number"], row["locations"][0]["location"]) for row in found] == [("V2", "MAIN")]


@pytest.mark.parametrize("path", ["routes", "item-references", "units", "taxes", "tolerances", "partners"])
def test_mapping_lists_do_not_ask_once_per_row(api: APIClient, partner: TradingPartner, path: str) -> None:
    company = partner.company
    for number in range(3):
        supplier = Supplier.objects.create(company=company, number=f"V{number}")
        PartnerRoute.objects.create(supplier=supplier, partner=partner)
        UnitMapping.objects.create(company=company, partner=partner, unit=f"U{number}", rsx_unit="EA")
        a_reference(api, partner, f"{number}", number_kind="vendor")
        tax = {"partner": partner.pk, "tax_type": "VA", "percent": str(number), "vat_category": "3"}
        assert api.post("/api/v1/taxes/", tax, format="json").status_code == 201
        tolerance = {"company": company.name, "partner": partner.pk, "item": f"A{number}"}
        assert api.post("/api/v1/tolerances/", tolerance, format="json").status_code == 201
    with CaptureQueriesContext(connection) as asked:
        assert api.get(f"/api/v1/{path}/").status_code == 200
    assert len(asked) <= 2  # the count and the rows
