"""`manage.py documents`, `status`, `replay` and `audit_verify` as an operator types them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import execute_from_command_line
from django.utils import timezone

from audit.models import Document, Event, Status
from connector.models import Connection
from mapping.models import Company
from tests.connector.commands.runs import run
from tests.connector.papers import (
    NOW,
    a_delivered_invoice,
    a_delivered_order,
    a_failed_invoice,
    a_held_invoice,
    an_invoice,
)
from tests.connector.stand_in import Asked, Said, StandIn, json_said

Answers = Callable[[Asked], Said]


def connected(company: Company, url: str) -> None:
    """Both connections of the company, at a stand-in."""
    for system in Connection.System:
        Connection.objects.create(
            company=company, system=system, url=url, token_url=f"{url}/token", client_id="c", client_secret="s",
            in_dir="in/", out_dir="out/",
        )  # fmt: skip


def showing(status: str) -> Answers:
    """A Visma whose only invoice is in this status, or that has none for an empty one."""

    def answer(asked: Asked) -> Said:
        if asked.path == "/token":
            return json_said({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
        return (
            json_said({"referenceNumber": "900001", "status": status}) if status else json_said({"message": "No"}, 404)
        )

    return answer


def test_documents_are_listed_with_the_keys_that_scripts_rely_on(company: Company) -> None:
    held, order = a_held_invoice(company), a_delivered_order(company)
    result = run("documents", "--json")
    assert result.code == 0
    listed = result.facts["documents"]
    assert [row["id"] for row in listed] == [held.pk, order.pk]
    assert {
        "kind": "order",
        "status": "delivered",
        "direction": "outbound",
        "partner": "",
        "number": "PO100",
        "orders": ["PO100"],
        "source_ref": "PO100",
        "output_ref": "in/PO100.json",
        "attempts": 1,
        "cause": "",
        "reason": "",
    }.items() <= listed[1].items()


def test_documents_are_narrowed_and_shown_to_people_on_stderr(company: Company) -> None:
    held = a_held_invoice(company)
    a_failed_invoice(company)
    a_delivered_order(company)

    def found(*options: str) -> list[int]:
        return [row["id"] for row in run("documents", "--json", *options).facts["documents"]]

    assert found("--kind", "invoice", "--status", "held") == [held.pk]
    assert found("--number", held.number) == [held.pk]
    assert len(found("--order", "PO900")) == 2
    assert found("--order", "PO100", "--kind", "invoice") == []
    told = run("documents", "--status", "held")
    assert told.stdout == ""
    assert "A1: price differs." in told.words


@pytest.mark.django_db
def test_a_fresh_installation_lists_nothing_and_stands_still() -> None:
    assert run("documents", "--json").facts == {"documents": []}
    assert run("status", "--json").facts["workers"] == 0
    assert run("audit_verify", "--json").facts["ok"] is True


def test_status_has_the_keys_that_scripts_rely_on(company: Company) -> None:
    a_held_invoice(company)
    a_delivered_order(company, delivered_at=timezone.now() - timedelta(days=4))
    facts = run("status", "--json").facts
    assert {"documents", "holds", "unpicked", "unanswered", "lag_seconds", "budget", "workers"} <= set(facts)
    assert (facts["holds"], facts["unpicked"], facts["unanswered"]) == (1, 1, 1)
    assert "orders not picked up: 1, not answered: 1" in run("status").words


def test_an_unknown_company_or_status_is_wrong_usage(company: Company) -> None:
    assert run("status", "--company", "Typo AS").code == 2
    assert run("documents", "--company", "Typo AS").code == 2


def test_replay_without_selectors_moves_what_is_held_or_failed(company: Company) -> None:
    held, failed = a_held_invoice(company), a_failed_invoice(company)
    ignored = a_held_invoice(company)
    run("replay", "--document", str(ignored.pk))
    result = run("replay", "--json")
    assert (result.code, result.facts["replayed"]) == (0, 2)
    assert {row["id"] for row in result.facts["documents"]} == {held.pk, failed.pk}
    assert set(Document.objects.values_list("status", flat=True)) == {Status.RECEIVED}
    assert Event.objects.filter(verb="replayed", actor="command line").count() == 3


def test_a_rehearsed_replay_moves_nothing(company: Company) -> None:
    held = a_held_invoice(company)
    result = run("replay", "--dry-run", "--json")
    assert (result.facts["dry_run"], [row["id"] for row in result.facts["documents"]]) == (True, [held.pk])
    assert "1 would be replayed, 0 refused" in result.words
    held.refresh_from_db()
    assert held.status == Status.HELD


def test_replay_is_narrowed_by_cause_kind_and_day(company: Company) -> None:
    a_held_invoice(company)
    assert run("replay", "--cause", "quantity", "--json").facts["replayed"] == 0
    assert run("replay", "--kind", "shipment", "--json").facts["replayed"] == 0
    tomorrow = (NOW + timedelta(days=1)).date().isoformat()
    assert run("replay", "--since", tomorrow, "--json").facts["replayed"] == 0
    assert run("replay", "--since", NOW.date().isoformat(), "--cause", "price", "--json").facts["replayed"] == 1


def test_a_document_that_is_on_its_way_or_does_not_exist_is_refused(company: Company) -> None:
    fresh = an_invoice(company)
    result = run("replay", "--document", str(fresh.pk), "999999", str(10**30), "--json")
    assert (result.code, result.facts["refused"]) == (1, 1)
    assert "on its way already" in result.error
    assert f"No such document: 999999, {10**30}." in result.error


def test_where_there_are_several_companies_one_is_named(company: Company) -> None:
    held = a_held_invoice(company)
    Company.objects.create(name="Other AS", orders_from="2026-01-01")
    assert run("replay", "--dry-run").code == 2
    assert run("replay", "--company", "Other AS", "--json").facts["replayed"] == 0
    assert run("replay", "--document", str(held.pk), "--json").facts["replayed"] == 1


def test_a_delivered_order_is_never_delivered_again(company: Company) -> None:
    order = a_delivered_order(company)
    result = run("replay", "--document", str(order.pk))
    assert result.code == 1
    assert "is delivered as in/PO100.json and is not delivered again" in result.error


def test_a_booking_that_stands_in_visma_is_not_booked_again(company: Company) -> None:
    document = a_delivered_invoice(company)
    with StandIn(showing("Hold")) as visma:
        connected(company, visma.url)
        for dry_run in ((), ("--dry-run",)):
            result = run("replay", "--document", str(document.pk), *dry_run)
            assert result.code == 1
            assert "stands in Visma as 900001" in result.error
    document.refresh_from_db()
    assert document.status == Status.DELIVERED


@pytest.mark.parametrize("shown", ["Voided", ""])
def test_a_booking_that_is_cancelled_or_gone_may_be_made_again(company: Company, shown: str) -> None:
    document = a_delivered_invoice(company)
    with StandIn(showing(shown)) as visma:
        connected(company, visma.url)
        assert run("replay", "--document", str(document.pk), "--dry-run", "--json").facts["replayed"] == 1
        assert run("replay", "--document", str(document.pk), "--json").facts["replayed"] == 1
    document.refresh_from_db()
    assert (document.status, document.output_ref) == (Status.RECEIVED, "")


def test_a_visma_that_does_not_answer_replays_nothing(company: Company) -> None:
    document = a_delivered_invoice(company)
    connected(company, "http://127.0.0.1:9")
    result = run("replay", "--document", str(document.pk), "--json")
    assert (result.code, result.facts["refused"]) == (1, 1)
    document.refresh_from_db()
    assert document.status == Status.DELIVERED


def test_what_the_parser_refuses_is_an_object_too_when_one_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "replay", "--status", "delivered", "--json"])
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(sys.argv)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "--status: invalid choice: 'delivered'" in json.loads(said.out)["error"]
    assert said.err.startswith("usage: manage.py replay")


def test_untouched_history_verifies(company: Company) -> None:
    a_held_invoice(company)
    a_delivered_order(company)
    result = run("audit_verify", "--json")
    assert (result.code, result.facts["checked"], result.facts["first"]) == (0, 2, None)


def test_altered_history_is_named_with_its_first_broken_link(company: Company) -> None:
    a_failed_invoice(company)
    held = a_held_invoice(company)
    Event.objects.filter(document=held, sequence=2).update(reason="Nothing to see here.")
    result = run("audit_verify", "--json")
    assert result.code == 1
    assert result.facts["first"]["document"] == held.pk
    assert (result.facts["first"]["event"], result.facts["first"]["why"]) == (2, "what it says was changed")
    assert f"document {held.pk}" in result.error


def test_a_cut_tail_is_seen_and_another_companys_is_not_asked_for(company: Company) -> None:
    held = a_held_invoice(company)
    Event.objects.filter(document=held, sequence=2).delete()
    assert "1 events are missing at the end" in run("audit_verify").error
    Company.objects.create(name="Other AS", orders_from="2026-01-01")
    assert run("audit_verify", "--company", "Other AS").code == 0
