"""A change is asked about before it is made: through the API, with the right to make it."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from audit.models import Document, Status
from mapping.models import Company, ItemReference, TradingPartner, UnitMapping
from tests.connector.api.conftest import Caller
from tests.connector.rehearsing import a_partner, a_shipment, an_order
from tests.papers import numbers

URL = "/api/v1/rehearsal/"


@pytest.fixture
def nordic(company: Company) -> TradingPartner:
    partner = a_partner(company)
    an_order(company)
    return partner


def asked(api: APIClient, model: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
    return api.post(URL, {"model": model, "values": values or {}, **more}, format="json")


def test_a_new_mapping_says_what_it_would_free(api: APIClient, company: Company, nordic: TradingPartner) -> None:
    held = a_shipment(company, "S1", 10, named=numbers(vendor="X-9"))
    values = {"partner": nordic.pk, "number_kind": "vendor", "their_number": "X-9", "item": "1001-BLK"}
    found = asked(api, "item-references", values, days=7).json()
    assert found == {
        "days": 7,
        "examined": 1,
        "left": 0,
        "totals": {"NOK": "480.000000"},
        "without_amount": 0,
        "different": [
            {
                "document": held.pk,
                "kind": "shipment",
                "number": "S1",
                "partner": "NORDICPARTS01",
                "was": "held",
                "was_causes": ["item_unmapped"],
                "would_be": "matched",
                "causes": [],
                "why": "",
                "other_content": False,
                "amount": "480.000000",
                "currency": "NOK",
            }
        ],
    }
    assert (ItemReference.objects.count(), Document.objects.get().status) == (0, Status.HELD)


def test_values_that_change_and_rows_that_go(api: APIClient, company: Company, nordic: TradingPartner) -> None:
    a_shipment(company, "S1", 11)
    wider = asked(api, "companies", {"quantity_percent": "10"}, id=company.pk).json()
    assert [(row["was_causes"], row["would_be"]) for row in wider["different"]] == [(["over_shipped"], "matched")]
    gone = asked(api, "units", id=UnitMapping.objects.get().pk, delete=True).json()
    assert [(row["would_be"], row["causes"]) for row in gone["different"]] == [("held", ["unit_unmapped"])]
    off = asked(api, "partners", {"takes_shipments": False}, id=nordic.pk).json()
    assert {row["would_be"] for row in off["different"]} == {"ignored"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "suppliers", "values": {}}, 400),
        ({"model": "units", "values": {"unit": "STK"}}, 400),
        ({"model": "units", "values": {}, "delete": True}, 400),
        ({"model": "companies", "values": {"price_percent": 1}}, 400),
        ({"model": "units", "id": 999999, "values": {"factor": 2}}, 404),
        ({"model": "units", "days": 0, "values": {}}, 400),
        ({"model": "units", "values": "many"}, 400),
    ],
)
def test_what_makes_no_sense_is_a_problem(api: APIClient, body: dict[str, Any], code: int) -> None:
    answer = api.post(URL, body, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (code, "application/problem+json")


def test_of_a_company_only_tolerances_are_rehearsed(api: APIClient, company: Company) -> None:
    answer = asked(api, "companies", {"name": "Other"}, id=company.pk)
    assert (answer.status_code, "tolerances" in str(answer.json())) == (400, True)


def test_a_mapping_that_is_there_already_cannot_be_rehearsed(
    api: APIClient, company: Company, nordic: TradingPartner
) -> None:
    answer = asked(api, "units", {"company": company.name, "unit": "STK", "rsx_unit": "BX"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")


def test_who_may_not_change_it_may_not_rehearse_it(caller: Caller, company: Company, nordic: TradingPartner) -> None:
    unit = {"company": company.name, "unit": "KRT", "rsx_unit": "CT"}
    tolerance = {"company": company.name, "item": "1001-BLK", "price_percent": "5"}
    answers = {
        role: (
            asked(client := caller(role), "units", unit).status_code,
            asked(client, "tolerances", tolerance).status_code,
            asked(client, "partners", {"price_percent": "5"}, id=nordic.pk).status_code,
            asked(client, "companies", {"price_percent": "5"}, id=company.pk).status_code,
        )
        for role in ("Procurement", "Finance", "Viewers")
    }
    assert answers == {
        "Procurement": (200, 403, 200, 403),
        "Finance": (403, 200, 200, 200),
        "Viewers": (403, 403, 403, 403),
    }
