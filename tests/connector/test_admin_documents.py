"""The list and the page of documents, by clicking: replay, ignore, download, and papers that attack the page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import chain, ledger
from audit.models import Document, Kind, Status
from mapping.matching import Difference
from mapping.models import Company, Order
from tests.connector.papers import a_delivered_invoice

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIST = "/admin/audit/document/"
EVIL = "<script>alert('paper')</script>"


def user_of(role: str) -> User:
    user = User.objects.create_user(f"{role}-user", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(user_of(role))
    return client


@pytest.fixture
def finance(db: None) -> Client:
    return client_of("Finance")


def received(company: Company, content: bytes = b'{"price": 10.10}', path: str = "out/IN/1.json") -> Document:
    return ledger.store(company, path, content, kind=Kind.INVOICE, now=NOON)[0]


def held(company: Company, subject: str = "7035550001234", **kwargs: str) -> Document:
    document = received(company, path=f"out/IN/{subject}.json")
    ledger.describe(document, {}, [], number=kwargs.get("number", "INV-1"), trading_partner_id="NORDIC")
    reason = Difference(
        "item_unmapped", subject, f"Item {subject} is not mapped.", {"number": subject}, Decimal(5), "NOK"
    )
    ledger.hold(document, [reason], now=NOON)
    return document


def page(document: Document) -> str:
    return reverse("admin:audit_document_change", args=[document.pk])


def act(client: Client, action: str, documents: list[Document], **more: str) -> str:
    posted = {"action": action, "_selected_action": [str(one.pk) for one in documents], **more}
    return client.post(LIST, posted, follow=True).content.decode()


def test_replay_from_the_list_moves_what_is_at_rest_and_says_why_the_rest_is_not(
    finance: Client, company: Company
) -> None:
    waiting, fresh = held(company), received(company, path="out/IN/2.json")
    said = act(finance, "replay_selected", [waiting, fresh])
    waiting.refresh_from_db()
    assert waiting.status == Status.RECEIVED
    assert "1 replayed" in said
    assert "on its way already" in said


def test_a_replay_names_who_did_it_in_an_unbroken_chain(finance: Client, company: Company) -> None:
    document = held(company)
    act(finance, "replay_selected", [document])
    document.refresh_from_db()
    assert document.events.latest("sequence").actor == "Finance-user"
    assert chain.verify(document) is None


def test_ignoring_asks_for_a_reason_first_and_changes_nothing_before_it(finance: Client, company: Company) -> None:
    document = held(company)
    asked = act(finance, "ignore_selected", [document])
    document.refresh_from_db()
    assert document.status == Status.HELD
    assert 'name="reason"' in asked
    assert "A reason is needed" in act(finance, "ignore_selected", [document], reason="  ")
    act(finance, "ignore_selected", [document], reason="sent twice by phone")
    document.refresh_from_db()
    assert (document.status, document.reason) == (Status.IGNORED, "sent twice by phone")


def test_what_is_delivered_is_refused_before_a_reason_is_asked_for(finance: Client, company: Company) -> None:
    document, gone = held(company), a_delivered_invoice(company, "900007")
    asked = act(finance, "ignore_selected", [document, gone])
    assert f"{gone} is delivered as 900007 already" in asked
    assert (f"<li>{document} " in asked, f"<li>{gone} " in asked) == (True, False)
    alone = act(finance, "ignore_selected", [gone], reason="sent twice")
    assert "cannot be ignored any more" in alone
    gone.refresh_from_db()
    assert gone.status == Status.DELIVERED


def test_viewers_are_offered_no_verb_and_refused_each(company: Company) -> None:
    viewer, document = client_of("Viewers"), held(company)
    assert "replay_selected" not in viewer.get(LIST).content.decode()
    assert "Replay" not in viewer.get(page(document)).content.decode()
    for verb in ("replay", "ignore"):
        assert viewer.post(reverse(f"admin:audit_document_{verb}", args=[document.pk])).status_code == 403
    document.refresh_from_db()
    assert document.status == Status.HELD


@pytest.mark.parametrize("verb", ["replay", "ignore"])
def test_a_verb_is_never_a_get(finance: Client, company: Company, verb: str) -> None:
    assert finance.get(reverse(f"admin:audit_document_{verb}", args=[held(company).pk])).status_code == 405


def test_a_post_without_a_token_is_refused(company: Company) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_of("Finance"))
    document = held(company)
    assert strict.post(reverse("admin:audit_document_replay", args=[document.pk])).status_code == 403


def test_replay_and_ignore_from_the_page(finance: Client, company: Company) -> None:
    document = held(company)
    finance.post(reverse("admin:audit_document_ignore", args=[document.pk]), {"reason": ""})
    document.refresh_from_db()
    assert document.status == Status.HELD, "no reason, no ignoring"
    finance.post(reverse("admin:audit_document_ignore", args=[document.pk]), {"reason": "a test paper"})
    finance.post(reverse("admin:audit_document_replay", args=[document.pk]))
    document.refresh_from_db()
    assert document.status == Status.RECEIVED


def test_nothing_can_be_posted_to_the_page_itself_and_nothing_deleted(company: Company) -> None:
    User.objects.create_superuser("boss")
    boss = Client()
    boss.force_login(User.objects.get(username="boss"))
    document = held(company)
    before = Document.objects.filter(pk=document.pk).values().get()
    boss.post(page(document), {"status": "delivered", "reason": "hacked"})
    assert boss.post(f"{LIST}{document.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.get(f"{LIST}add/").status_code == 404
    assert Document.objects.filter(pk=document.pk).values().get() == before


def test_the_page_shows_life_reason_and_the_fix(finance: Client, company: Company) -> None:
    document = held(company)
    shown = finance.get(page(document)).content.decode()
    assert "Item 7035550001234 is not mapped." in shown
    assert reverse("desk_hold", args=[document.holds.get().pk]) in shown
    assert "mlc-stopped" in shown
    assert "10.10" in shown, "figures stay as written"


def test_the_page_says_the_same_money_at_stake_as_the_desk(finance: Client, company: Company) -> None:
    document = held(company)
    document.holds.update(amount=None, currency="")
    ledger.describe(document, {}, [], amount=Decimal(3209), currency="DKK")
    question = reverse("desk_hold", args=[document.holds.get().pk])
    assert "DKK 3,209.00 at stake" in finance.get(question, follow=True).content.decode()
    assert '<td class="mlc-n">DKK 3,209.00</td>' in finance.get(page(document)).content.decode()


@pytest.mark.parametrize("address", [LIST, "page", "/admin/desk/", "/admin/", "question"])
def test_a_hostile_paper_is_text_on_every_page(finance: Client, company: Company, address: str) -> None:
    document = held(company, subject=EVIL, number=EVIL)
    hold = document.holds.get()
    places = {"page": page(document), "question": reverse("desk_hold", args=[hold.pk])}
    shown = finance.get(places.get(address, address), follow=True).content.decode()
    assert "alert(" in shown
    assert "<script>alert" not in shown


def test_a_download_is_the_exact_bytes_and_no_browser_runs_them(finance: Client, company: Company) -> None:
    content = b"\xef\xbb\xbf<script>alert(1)</script>\x00\xff"
    document = received(company, content, path='out/IN/"evil\r\nname".html')
    answer = finance.get(reverse("admin:audit_document_source", args=[document.pk]))
    assert answer.content == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")
    assert finance.get(reverse("admin:audit_document_output", args=[document.pk])).status_code == 404


@pytest.mark.parametrize("content", [b"", bytes(range(256)), b'{"half":', b"<a>" * 5000, "Ærlig".encode("latin-1")])
def test_any_paper_has_a_page(finance: Client, company: Company, content: bytes) -> None:
    document = received(company, content)
    ledger.fail(document, "The file cannot be read.", now=NOON)
    assert finance.get(page(document)).status_code == 200


def test_an_address_of_nothing_is_not_found(finance: Client) -> None:
    assert finance.get(f"{LIST}4711/change/").status_code == 404
    assert finance.get(f"{LIST}abc/change/").status_code == 404
    assert finance.get(f"{LIST}²/change/").status_code == 404
    assert finance.get("/admin/mapping/order/²/change/").status_code == 404


@pytest.mark.parametrize("term", ["INV-77", "in/PO/PO9", "PO000412", "NORDIC", "out/IN/search"])
def test_search_finds_by_every_reference(finance: Client, company: Company, term: str) -> None:
    document = received(company, path="out/IN/search.json")
    order = Order.objects.create(company=company, number="PO000412")
    ledger.describe(document, {"PO000412": order}, [], number="INV-77", trading_partner_id="NORDIC")
    Document.objects.filter(pk=document.pk).update(output_ref="in/PO/PO9.json")
    received(company, path="out/IN/other.json")
    found = finance.get(LIST, {"q": term}).context["cl"].result_list
    assert [one.pk for one in found] == [document.pk]


def test_filters_narrow_the_list(finance: Client, company: Company) -> None:
    document = held(company)
    received(company, path="out/IN/other.json")
    for name, value in [("status__exact", "held"), ("cause", "item_unmapped"), ("status__exact", "held")]:
        found = finance.get(LIST, {name: value}).context["cl"].result_list
        assert [one.pk for one in found] == [document.pk]
    for day, number in [("2026-03-02", 2), ("2026-03-01", 0)]:
        assert finance.get(LIST, {"created_at_to": day}).context["cl"].result_list.count() == number, (
            "the day itself too"
        )
    assert finance.get(LIST, {"created_at_from": "nonsense"}).status_code == 200
    assert finance.get(LIST, {"created_at_to": "9999-12-31"}).context["cl"].result_list.count() == 2
    assert finance.get(LIST, {"silence": "unpicked"}).context["cl"].result_list.count() == 0
    assert finance.get(LIST, {"direction": "outbound"}).context["cl"].result_list.count() == 0


def test_forty_documents_ask_no_more_of_the_database_than_two(finance: Client, company: Company) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            finance.get(LIST)
        assert not any('."content"' in query["sql"].split("FROM")[0] for query in asked), "payload stays out of lists"
        return len(asked)

    held(company, "a")
    held(company, "b")
    few = queries()
    for number in range(38):
        held(company, str(number))
    assert queries() == few <= 9


def test_the_page_asks_a_fixed_number_of_queries(finance: Client, company: Company) -> None:
    document = held(company)
    with CaptureQueriesContext(connection) as asked:
        finance.get(page(document))
    assert len(asked) <= 15
