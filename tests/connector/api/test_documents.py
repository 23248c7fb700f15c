"""Documents through the API: found, read to the last byte, and moved by people who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from audit import ledger
from audit.models import Cause, Decision, Kind, Status
from connector.api import documents
from mapping.matching import Difference
from mapping.models import Company, TradingPartner
from tests.connector.api.conftest import Caller
from tests.connector.papers import NOW, a_delivered_order, a_failed_invoice, a_held_invoice, an_invoice
from tests.queued import queued

URL = "/api/v1/documents/"


def test_a_row_has_the_keys_that_scripts_rely_on(api: APIClient, company: Company, partner: TradingPartner) -> None:
    document = a_held_invoice(company, partner=partner)
    row = api.get(URL).json()["results"][0]
    wanted = {
        "id": document.pk,
        "kind": "invoice",
        "status": "held",
        "direction": "inbound",
        "partner": "NORDIC",
        "number": document.number,
        "orders": ["PO900"],
        "source_ref": f"out/IN/{document.number}.json",
        "output_ref": "",
        "attempts": 0,
        "cause": "price",
        "reason": "A1: price differs.",
    }
    assert wanted.items() <= row.items()


def test_filters_narrow_and_combine(api: APIClient, company: Company) -> None:
    held, failed, order = a_held_invoice(company), a_failed_invoice(company), a_delivered_order(company)
    other = an_invoice(Company.objects.create(name="Other AS", orders_from="2026-01-01"), trading_partner_id="ELSE")

    def found(**asked: str | list[str]) -> set[int]:
        return {row["id"] for row in api.get(URL, asked).json()["results"]}

    assert found(kind="order") == {order.pk}
    assert found(status=["held", "failed"]) == {held.pk, failed.pk}
    assert found(cause="price") == {held.pk}
    assert found(company="Other AS") == {other.pk}
    assert found(partner="ELSE") == {other.pk}
    assert found(order="PO100") == {order.pk}
    assert found(order="PO900", status="failed") == {failed.pk}
    assert found(number=held.number) == {held.pk}
    assert found(since="2026-03-02T09:00:01Z") == set()
    assert found(until="2026-03-02T09:00:01Z") == {held.pk, failed.pk, order.pk, other.pk}


def test_a_second_cause_is_found_as_well(api: APIClient, company: Company) -> None:
    document = an_invoice(company)
    reasons = [Difference(cause, "A1", "It differs.") for cause in (Cause.PRICE, Cause.QUANTITY)]
    ledger.hold(document, reasons, now=NOW)
    assert api.get(URL, {"cause": "quantity"}).json()["count"] == 1


def test_an_unknown_value_of_a_filter_is_a_problem_not_an_empty_list(api: APIClient) -> None:
    answer = api.get(URL, {"status": "hold"})
    assert answer.status_code == 400
    assert "status" in answer.json()["errors"]


def test_order_and_size_of_pages(api: APIClient, company: Company) -> None:
    ids = [an_invoice(company).pk for _ in range(3)]
    page = api.get(URL, {"ordering": "id", "page_size": "2"}).json()
    assert [row["id"] for row in page["results"]] == ids[:2]
    assert page["count"] == 3
    assert len(api.get(URL, {"page_size": 100000}).json()["results"]) == 3


def test_a_list_asks_the_same_number_of_queries_however_long(api: APIClient, company: Company) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            api.get(URL)
        return len(asked)

    a_held_invoice(company)
    few = queries()
    for _ in range(10):
        a_held_invoice(company)
    assert queries() == few <= 3  # the count, the rows, their order numbers


def test_lists_do_not_load_the_bytes(api: APIClient, company: Company) -> None:
    an_invoice(company)
    with CaptureQueriesContext(connection) as asked:
        api.get(URL)
    assert not any('"content"' in query["sql"] or '"output"' in query["sql"] for query in asked)


def test_the_detail_shows_lines_orders_holds_and_decisions(api: APIClient, company: Company) -> None:
    document = a_held_invoice(company)
    shown = api.get(f"{URL}{document.pk}/").json()
    assert shown["lines"][0]["invoiced"] == "5.000000"
    assert shown["named_orders"] == [{"order_number": "PO900", "order": None}]
    assert shown["holds"][0]["sentence"] == "A1: price differs."
    assert shown["decisions"] == []


def test_source_and_output_are_the_exact_bytes_and_never_shown_by_a_browser(api: APIClient, company: Company) -> None:
    content = b"\xef\xbb\xbf<script>\x00\xff"
    document, _ = ledger.store(company, 'out/IN/a"b\n.json', content, kind=Kind.INVOICE, now=NOW)
    answer = api.get(f"{URL}{document.pk}/source/", headers={"Accept": "application/octet-stream"})
    assert answer.content == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="a_b_.json"'
    assert api.get(f"{URL}{a_delivered_order(company).pk}/output/").content == b'{"order": 1}'


def test_what_was_not_delivered_has_no_output(api: APIClient, company: Company) -> None:
    answer = api.get(f"{URL}{an_invoice(company).pk}/output/", headers={"Accept": "application/octet-stream"})
    assert answer.status_code == 404
    assert "has no output: it is received" in answer.json()["detail"]


def test_events_tell_the_story_in_sequence(api: APIClient, company: Company) -> None:
    events = api.get(f"{URL}{a_held_invoice(company).pk}/events/").json()["results"]
    assert [(event["sequence"], event["verb"]) for event in events] == [(1, "received"), (2, "held")]
    assert events[1]["previous"] == events[0]["mac"]


@pytest.mark.django_db(transaction=True)
def test_replay_moves_it_back_names_who_and_wakes_the_workers(api: APIClient, company: Company) -> None:
    before = queued()
    document = a_failed_invoice(company)
    answer = api.post(f"{URL}{document.pk}/replay/", {"reason": "fixed in 1.2"}, format="json")
    assert answer.status_code == 200
    assert answer.json()["status"] == "received"
    event = document.events.get(verb="replayed")
    assert (event.actor, event.reason) == ("ada", "fixed in 1.2")
    assert queued() == before + 1


def test_what_is_delivered_or_on_its_way_is_not_replayed(api: APIClient, company: Company) -> None:
    order = api.post(f"{URL}{a_delivered_order(company).pk}/replay/")
    assert order.status_code == 409
    assert "is delivered as in/PO100.json and is not delivered again" in order.json()["detail"]
    fresh = api.post(f"{URL}{an_invoice(company).pk}/replay/")
    assert fresh.status_code == 409
    assert "on its way already" in fresh.json()["detail"]


def test_ignoring_wants_a_reason(api: APIClient, company: Company) -> None:
    document = a_held_invoice(company)
    assert api.post(f"{URL}{document.pk}/ignore/", {"reason": " "}, format="json").status_code == 400
    answer = api.post(f"{URL}{document.pk}/ignore/", {"reason": "paid by card"}, format="json")
    assert (answer.json()["status"], answer.json()["reason"]) == ("ignored", "paid by card")


def test_what_is_delivered_cannot_be_ignored(api: APIClient, company: Company) -> None:
    answer = api.post(f"{URL}{a_delivered_order(company).pk}/ignore/", {"reason": "no"}, format="json")
    assert answer.status_code == 409


def test_a_decision_answers_an_open_hold(api: APIClient, company: Company) -> None:
    document = a_held_invoice(company)
    said = {"cause": "price", "subject": "A1", "accepted": "12.50", "reason": "agreed by phone"}
    answer = api.post(f"{URL}{document.pk}/decide/", said, format="json")
    assert answer.json()["status"] == "received"
    decision = Decision.objects.get()
    assert (decision.actor, decision.accepted, decision.content_hash) == ("ada", "12.50", "c" * 64)
    again = api.post(f"{URL}{document.pk}/decide/", said, format="json")
    assert again.status_code == 409


def test_many_are_replayed_by_the_commands_selectors(api: APIClient, company: Company) -> None:
    held, failed = a_held_invoice(company), a_failed_invoice(company)
    rehearsed = api.post(f"{URL}replay/", {"cause": "price", "dry_run": True}, format="json").json()
    assert (rehearsed["replayed"], rehearsed["outcomes"][0]["document"]["id"]) == (1, held.pk)
    held.refresh_from_db()
    assert held.status == Status.HELD
    done = api.post(f"{URL}replay/", {"cause": "price"}, format="json").json()
    assert (done["replayed"], done["refused"]) == (1, 0)
    failed.refresh_from_db()
    assert failed.status == Status.FAILED


def test_ids_that_do_not_exist_are_named_and_what_is_not_at_rest_is_not_selected(
    api: APIClient, company: Company
) -> None:
    held, huge = a_held_invoice(company), 10**30
    done = api.post(f"{URL}replay/", {"documents": [held.pk, huge]}, format="json").json()
    assert (done["replayed"], done["missing"], done["left"]) == (1, [huge], 0)
    assert api.post(f"{URL}replay/", {"status": ["delivered"]}, format="json").status_code == 400


def test_one_call_replays_no_more_than_a_connection_lives_for(
    api: APIClient, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "REPLAYED_AT_ONCE", 2)
    ids = [a_failed_invoice(company).pk for _ in range(3)]
    first = api.post(f"{URL}replay/", {}, format="json").json()
    assert ([outcome["document"]["id"] for outcome in first["outcomes"]], first["left"]) == (ids[:2], 1)
    assert api.post(f"{URL}replay/", {}, format="json").json()["left"] == 0


def test_a_company_nobody_knows_replays_nothing(api: APIClient, company: Company) -> None:
    a_failed_invoice(company)
    answer = api.post(f"{URL}replay/", {"company": "Typo AS"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"]["company"] == ["There is no company Typo AS."]


def test_viewers_look_and_touch_nothing(caller: Caller, company: Company) -> None:
    document, viewer = a_held_invoice(company), caller("Viewers")
    assert viewer.get(f"{URL}{document.pk}/source/").status_code == 200
    for verb in ("replay", "ignore", "decide"):
        assert viewer.post(f"{URL}{document.pk}/{verb}/", {"reason": "x"}, format="json").status_code == 403
    assert viewer.post(f"{URL}replay/", {}, format="json").status_code == 403


def test_who_has_no_right_sees_nothing(caller: Caller, company: Company) -> None:
    assert caller("").get(f"{URL}{an_invoice(company).pk}/source/").status_code == 403


def test_a_token_opens_and_a_wrong_one_does_not(company: Company) -> None:
    key = Token.objects.create(user=User.objects.create_superuser("script")).key
    client = APIClient()
    assert client.get(URL, headers={"Authorization": f"Token {key}"}).status_code == 200
    refused = client.get(URL, headers={"Authorization": "Token wrong"})
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"


def test_a_session_opens_and_writes_only_with_its_csrf_token(company: Company) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("eve"))
    assert client.get(URL).status_code == 200
    refused = client.post(f"{URL}{a_failed_invoice(company).pk}/replay/")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
