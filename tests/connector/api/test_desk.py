"""The desk through the API: one question, one answer, all documents behind it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from audit.models import Decision, Document, Hold, Status
from mapping.models import Company
from tests.connector.api.conftest import Caller
from tests.connector.papers import a_held_invoice

URL = "/api/v1/holds/"


def the_question(api: APIClient) -> str:
    return f"{URL}{api.get(URL).json()['results'][0]['hold']}/"


def test_same_cause_and_subject_are_one_row_with_the_money_at_stake(api: APIClient, company: Company) -> None:
    first = a_held_invoice(company)
    a_held_invoice(company)
    a_held_invoice(company, subject="B2")
    rows = api.get(URL).json()["results"]
    assert [(row["subject"], row["documents"], row["amount"], row["currency"]) for row in rows] == [
        ("A1", 2, "200.000000", "NOK"),
        ("B2", 1, "100.000000", "NOK"),
    ]
    assert (rows[0]["company"], rows[0]["hold"]) == (company.name, Hold.objects.get(document=first).pk)


def test_the_desk_is_narrowed_by_company_and_cause(api: APIClient, company: Company) -> None:
    a_held_invoice(company)
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    a_held_invoice(other, cause="quantity")
    assert api.get(URL, {"company": "Other AS"}).json()["count"] == 1
    assert api.get(URL, {"cause": "price"}).json()["count"] == 1
    assert api.get(URL, {"cause": "price", "company": "Other AS"}).json()["count"] == 0
    assert api.get(URL, {"company": "Typo"}).status_code == 400


def test_the_desk_asks_the_same_number_of_queries_however_long(api: APIClient, company: Company) -> None:
    for subject in range(8):
        a_held_invoice(company, subject=f"A{subject}")
    with CaptureQueriesContext(connection) as asked:
        assert api.get(URL).json()["count"] == 8
    assert len(asked) <= 3  # the questions, their ids, the companies' names


def test_a_question_shows_who_waits_with_it(api: APIClient, company: Company) -> None:
    documents = [a_held_invoice(company), a_held_invoice(company)]
    shown = api.get(the_question(api)).json()
    assert shown["facts"] == {"found": "12.50"}
    assert [row["id"] for row in shown["documents"]] == [document.pk for document in documents]


def test_it_is_taken_given_and_commented(api: APIClient, company: Company) -> None:
    a_held_invoice(company)
    a_held_invoice(company)
    User.objects.create_user("bob")
    url = the_question(api)
    assert api.post(f"{url}assign/", {}, format="json").json() == {"count": 2}
    assert api.get(url).json()["assigned_to"] == "ada"
    api.post(f"{url}assign/", {"user": "bob", "comment": "yours"}, format="json")
    api.post(f"{url}comment/", {"comment": "they call back"}, format="json")
    assert set(Hold.objects.values_list("assigned_to__username", "comment")) == {("bob", "they call back")}
    api.post(f"{url}assign/", {"user": ""}, format="json")
    assert api.get(url).json()["assigned_to"] == ""
    assert api.post(f"{url}assign/", {"user": "nobody"}, format="json").status_code == 400


def test_accepting_decides_for_all_and_closes_the_question(api: APIClient, company: Company) -> None:
    a_held_invoice(company)
    a_held_invoice(company)
    url = the_question(api)
    assert api.post(f"{url}accept/", {"reason": "new price list"}, format="json").json() == {"count": 2}
    assert set(Decision.objects.values_list("actor", "accepted", "reason")) == {("ada", "12.50", "new price list")}
    assert set(Document.objects.values_list("status", flat=True)) == {Status.RECEIVED}
    again = api.post(f"{url}accept/", {"reason": "again"}, format="json")
    assert (again.status_code, Decision.objects.count()) == (409, 2)


def test_an_answer_reaches_what_the_caller_has_seen(api: APIClient, company: Company) -> None:
    a_held_invoice(company)
    [row] = api.get(URL).json()["results"]
    a_held_invoice(company)
    said = {"reason": "new price list", "up_to": row["newest"]}
    assert api.post(f"{URL}{row['hold']}/accept/", said, format="json").json() == {"count": 1}
    assert Document.objects.filter(status=Status.HELD).count() == 1


def test_a_replacement_is_asked_for_with_a_letter(api: APIClient, company: Company) -> None:
    document = a_held_invoice(company)
    url = the_question(api)
    letter = api.get(f"{url}letter/").json()
    assert "A1: price differs." in letter["body"]
    assert letter["link"].startswith("mailto:")
    assert api.post(f"{url}replacement/", {"reason": "wrong price"}, format="json").json() == {"count": 1}
    assert api.get(URL).json()["results"][0]["asked_at"]
    shown = api.get(f"/api/v1/documents/{document.pk}/").json()
    assert (shown["status"], shown["replacement_asked_by"]) == ("held", "ada")


def test_only_invoices_are_booked_as_expense(api: APIClient, company: Company) -> None:
    a_held_invoice(company, cause="order_unknown", kind="shipment")
    refused = api.post(f"{the_question(api)}expense/", {"reason": "x"}, format="json")
    assert (refused.status_code, "no invoice" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("verb", ["accept", "expense", "replacement", "ignore"])
def test_an_answer_wants_a_reason(api: APIClient, company: Company, verb: str) -> None:
    a_held_invoice(company)
    assert api.post(f"{the_question(api)}{verb}/", {}, format="json").status_code == 400


def test_ignoring_and_looking_again_reach_all_documents(api: APIClient, company: Company) -> None:
    a_held_invoice(company)
    a_held_invoice(company)
    assert api.post(f"{the_question(api)}reconsider/", {}, format="json").json() == {"count": 2}
    assert set(Document.objects.values_list("status", flat=True)) == {Status.RECEIVED}
    a_held_invoice(company, subject="B2")
    assert api.post(f"{the_question(api)}ignore/", {"reason": "test data"}, format="json").json() == {"count": 1}
    assert Document.objects.filter(status=Status.IGNORED, reason="test data").count() == 1


def test_viewers_see_the_desk_and_answer_nothing(caller: Caller, company: Company) -> None:
    a_held_invoice(company)
    viewer = caller("Viewers")
    url = the_question(viewer)
    for verb in ("assign", "comment", "accept", "expense", "replacement", "reconsider", "ignore"):
        assert viewer.post(f"{url}{verb}/", {"reason": "x", "comment": "x"}, format="json").status_code == 403
