"""The desk, by clicking: one answer frees every document behind it, within the rights of who gives it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit import ledger
from audit.models import Decision, Document, Hold, Kind, Status
from mapping.matching import Difference
from mapping.models import (
    Company,
    Item,
    ItemReference,
    Order,
    OrderLine,
    PartnerRoute,
    Supplier,
    SupplierLocation,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)
from tests.connector.test_admin_documents import client_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")


@pytest.fixture
def procurement(db: None) -> Client:
    return client_of("Procurement")


@pytest.fixture
def finance(db: None) -> Client:
    return client_of("Finance")


def ask(
    company: Company,
    cause: str,
    subject: str,
    partner: TradingPartner | None = None,
    count: int = 1,
    about: TradingPartner | None = None,
    **facts: Any,
) -> str:
    """`count` documents held for one question; its address."""
    if about:
        facts["partner"] = about.pk
    for _ in range(count):
        place = Document.objects.count()
        document, _ = ledger.store(company, f"out/IN/{place}.json", b"{}", kind=Kind.INVOICE, now=NOON)
        ledger.describe(document, {}, [], number=f"INV-{place}", partner=partner, content_hash=str(place))
        why = Difference(cause, subject, f"{cause} of {subject}", facts, Decimal(100), "NOK")
        ledger.hold(document, [why], now=NOON)
    return reverse("desk_hold", args=[Hold.objects.filter(cause=cause, subject=subject).first().pk])  # type: ignore[union-attr]  # just made


def answer(client: Client, address: str, verb: str, **fields: str) -> str:
    """The question's page is opened by its hold and answered there; what the user then reads."""
    question = client.get(address)["Location"]
    return client.post(question, {"verb": verb, **fields}, follow=True).content.decode()


def statuses() -> set[str]:
    return set(Document.objects.values_list("status", flat=True))


def test_one_row_per_question_however_many_documents(
    procurement: Client, company: Company, partner: TradingPartner
) -> None:
    ask(company, "item_unmapped", "7035550001234", partner, count=43)
    shown = procurement.get("/admin/desk/").content.decode()
    assert shown.count("7035550001234</b>") == 1
    assert "43" in shown
    assert "NOK 4,300.00" in shown


def test_mapping_an_item_frees_every_document_behind_it(
    procurement: Client, company: Company, partner: TradingPartner
) -> None:
    address = ask(company, "item_unmapped", "7035550001234", partner, 43, number="7035550001234", number_kind="gtin")
    said = answer(procurement, address, "fix", number_kind="gtin", number="7035550001234", item="1001-BLK")
    assert "43 documents are looked at again" in said
    assert statuses() == {Status.RECEIVED}
    reference = ItemReference.objects.get()
    assert (reference.item, reference.partner, reference.compared_as) == ("1001-BLK", partner, "07035550001234")
    record = reference.history.get()
    assert (record.history_user.username, record.history_change_reason[:5]) == ("Procurement-user", "desk:")


def test_an_item_that_visma_does_not_have_is_refused_on_the_page(
    procurement: Client, company: Company, partner: TradingPartner
) -> None:
    Item.objects.create(company=company, number="1001-BLK")
    address = ask(company, "item_unmapped", "x", partner, number="x", number_kind="vendor")
    said = answer(procurement, address, "fix", number_kind="vendor", number="x", item="nonsense")
    assert "Visma has no item nonsense" in said
    assert statuses() == {Status.HELD}
    assert not ItemReference.objects.exists()


def test_a_number_that_is_another_item_already_is_a_sentence(
    procurement: Client, company: Company, partner: TradingPartner
) -> None:
    ItemReference.objects.create(partner=partner, number_kind="gtin", their_number="07035550001234", item="other")
    address = ask(company, "item_unmapped", "7035550001234", partner)
    said = answer(procurement, address, "fix", number_kind="gtin", number="7035550001234", item="1001-BLK")
    assert "7035550001234 is item other already" in said
    assert ItemReference.objects.get().item == "other"


def test_mapping_a_unit(procurement: Client, company: Company, partner: TradingPartner) -> None:
    address = ask(company, "unit_unmapped", "CA", partner, rsx_unit="CA")
    assert "is not a unit of RSX" in answer(procurement, address, "fix", unit="KRT", rsx_unit="??", factor="1")
    answer(procurement, address, "fix", unit="KRT", rsx_unit="CA", factor="1", everyone="on")
    mapping = UnitMapping.objects.get()
    assert (mapping.unit, mapping.rsx_unit, mapping.partner) == ("KRT", "CA", None)
    assert statuses() == {Status.RECEIVED}


def test_an_unknown_partner_becomes_one_with_its_route(procurement: Client, company: Company) -> None:
    supplier = Supplier.objects.create(company=company, number="50012", name="Lampehuset")
    address = ask(company, "partner_unmapped", "LAMP01", trading_partner_id="LAMP01")
    answer(procurement, address, "fix", trading_partner_id="LAMP01", supplier="50012", default="on")
    route = PartnerRoute.objects.get()
    assert (route.supplier, route.partner.trading_partner_id, route.is_default) == (supplier, "LAMP01", True)
    assert route.partner.name == "Lampehuset"


def test_an_order_without_partner_is_offered_the_ids_that_visma_knows(procurement: Client, company: Company) -> None:
    supplier = Supplier.objects.create(company=company, number="50012", name="Lampehuset")
    SupplierLocation.objects.create(supplier=supplier, location="MAIN", edi_code="LAMPEDI", gln="7080000000018")
    address = ask(company, "partner_unmapped", "50012", supplier="50012")
    shown = procurement.get(address, follow=True).content.decode()
    assert "LAMPEDI" in shown
    assert "7080000000018" in shown


def test_a_second_default_partner_is_refused_with_its_name(
    procurement: Client, company: Company, partner: TradingPartner
) -> None:
    supplier = Supplier.objects.create(company=company, number="50012")
    PartnerRoute.objects.create(supplier=supplier, partner=partner, is_default=True)
    address = ask(company, "partner_unmapped", "LAMP01", trading_partner_id="LAMP01")
    said = answer(procurement, address, "fix", trading_partner_id="LAMP01", supplier="50012", default="on")
    assert "NORDIC Nordic Parts is the default partner" in said
    assert TradingPartner.objects.count() == 1, "nothing half done"


def test_finance_maps_a_tax_and_sets_an_account(finance: Client, company: Company, partner: TradingPartner) -> None:
    tax = ask(company, "tax_unmapped", "VA 15 %", about=partner, tax_type="VA", percent="15")
    answer(finance, tax, "fix", tax_type="VA", percent="15", vat_category="IN15")
    assert TaxMapping.objects.get().vat_category == "IN15"
    account = ask(company, "account_missing", "NORDIC", about=partner)
    answer(finance, account, "fix", expense_account="4300")
    partner.refresh_from_db()
    assert partner.expense_account == "4300"


def test_a_tax_that_is_mapped_already_is_a_sentence(finance: Client, company: Company, partner: TradingPartner) -> None:
    TaxMapping.objects.create(partner=partner, tax_type="VA", percent=15, vat_category="other")
    tax = ask(company, "tax_unmapped", "VA 15 %", about=partner, tax_type="VA", percent="15")
    said = answer(finance, tax, "fix", tax_type="VA", percent="15", vat_category="IN15")
    assert "is mapped already" in said
    assert TaxMapping.objects.get().vat_category == "other"


@pytest.mark.parametrize(
    ("role", "cause"), [("Procurement", "tax_unmapped"), ("Finance", "item_unmapped"), ("Viewers", "price")]
)
def test_an_answer_that_is_not_ones_own_is_neither_offered_nor_taken(company: Company, role: str, cause: str) -> None:
    client, address = client_of(role), ask(company, cause, "x")
    verb = "accept" if cause == "price" else "fix"
    question = client.get(address)["Location"]
    assert f'value="{verb}"' not in client.get(question).content.decode()
    assert client.post(question, {"verb": verb, "reason": "because"}).status_code == 403
    assert statuses() == {Status.HELD}


def test_accepting_a_price_is_a_decision_with_a_reason_for_this_content(finance: Client, company: Company) -> None:
    address = ask(company, "price", "PO000412 line 1", count=2, expected="12.50", found="13.10")
    assert "This field is required" in answer(finance, address, "accept", reason="")
    assert statuses() == {Status.HELD}
    answer(finance, address, "accept", reason="agreed by phone")
    assert statuses() == {Status.RECEIVED}
    found = Decision.objects.values_list("accepted", "reason", "actor", "content_hash")
    assert sorted(found) == [("13.10", "agreed by phone", "Finance-user", place) for place in ("0", "1")]


def test_a_number_used_before_leads_to_the_paper_that_had_it(finance: Client, company: Company) -> None:
    address = ask(company, "number_reused", "invoice INV-0", earlier=7, orders=["PO1", "PO2"])
    shown = finance.get(address, follow=True).content.decode()
    assert '<a href="/admin/audit/document/7/change/">document 7</a>' in shown
    assert "<dd>PO1, PO2</dd>" in shown


def test_the_order_s_own_figures_stand_beside_the_question(finance: Client, company: Company) -> None:
    order = Order.objects.create(company=company, number="PO1", date=NOON.date())
    for number, item in ((1, "1001-BLK"), (2, "1002-WHT")):
        OrderLine.objects.create(order=order, number=number, item=item, unit="STK", quantity=40, unit_cost=48)
    address = ask(company, "price", "PO1 line 2", line="PO1 line 2")
    [document] = Document.objects.all()
    ledger.describe(document, {"PO1": order}, [])
    shown = finance.get(address, follow=True)
    assert [stand.line.item for stand in shown.context["lines"]] == ["1002-WHT"]
    assert f'<a href="/admin/mapping/order/{order.pk}/change/">PO1 / 2</a>' in shown.content.decode()
    Hold.objects.update(facts={})
    assert [stand.line.number for stand in finance.get(address, follow=True).context["lines"]] == [1, 2]


def test_nobody_s_factor_is_guessed(procurement: Client, company: Company, partner: TradingPartner) -> None:
    address = ask(company, "unit_unmapped", "CS", partner, unit="STK", rsx_unit="CS")
    answer(procurement, address, "fix", unit="STK", rsx_unit="CS", everyone="on")
    assert not UnitMapping.objects.exists()
    assert "value" not in procurement.get(address, follow=True).context["forms"]["fix"]["factor"].as_widget()


@pytest.mark.parametrize("cause", ["remote_rejected", "total", "currency", "item_unmapped"])
def test_what_cannot_be_accepted_is_not_offered(finance: Client, company: Company, cause: str) -> None:
    assert 'value="accept"' not in finance.get(ask(company, cause, "x"), follow=True).content.decode()


def test_ignoring_needs_a_reason(finance: Client, company: Company) -> None:
    address = ask(company, "remote_rejected", "x", count=2)
    answer(finance, address, "ignore", reason="")
    assert statuses() == {Status.HELD}
    assert "2 documents are ignored" in answer(finance, address, "ignore", reason="booked by hand")
    assert statuses() == {Status.IGNORED}


def test_looking_again_after_something_was_put_right_elsewhere(finance: Client, company: Company) -> None:
    assert "1 document is looked at again" in answer(finance, ask(company, "remote_rejected", "x"), "again")


def test_a_question_is_taken_given_and_commented(finance: Client, company: Company) -> None:
    address = ask(company, "price", "x", count=2)
    answer(finance, address, "mine")
    assert set(Hold.objects.values_list("assigned_to__username", flat=True)) == {"Finance-user"}
    other = User.objects.create_user("pia", is_staff=True)
    answer(finance, address, "assign", user=str(other.pk), comment="asked the supplier")
    assert set(Hold.objects.values_list("assigned_to__username", "comment")) == {("pia", "asked the supplier")}
    assert "x</b>" not in finance.get("/admin/desk/?mine=1").content.decode()


def test_a_question_answered_meanwhile_leads_back_to_the_desk(finance: Client, company: Company) -> None:
    address = ask(company, "price", "x")
    question = finance.get(address)["Location"]
    answer(finance, address, "accept", reason="fine")
    assert "Nothing waits any more" in finance.get(question, follow=True).content.decode()


def test_subjects_of_any_characters_have_an_address(finance: Client, company: Company) -> None:
    for subject in ("../../etc", "a/b?c=d&e#f", "æøå 100 %", "//", '"><script>alert(1)</script>'):
        shown = finance.get(ask(company, "price", subject), follow=True)
        assert shown.status_code == 200
        assert "<script>alert(1)" not in shown.content.decode()


def test_another_companys_question_of_the_same_name_stays(finance: Client, company: Company) -> None:
    other = Company.objects.create(name="Other", orders_from=NOON.date())
    ask(other, "price", "x")
    address = reverse("desk_hold", args=[Hold.objects.get().pk])
    ask(company, "price", "x")
    answer(finance, address, "ignore", reason="not ours")
    assert Document.objects.get(company=company).status == Status.HELD


def test_who_has_no_role_sees_no_desk(company: Company) -> None:
    User.objects.create_user("nobody", is_staff=True)
    client = Client()
    client.force_login(User.objects.get(username="nobody"))
    assert client.get("/admin/desk/").status_code == 403
    assert "You have no role yet" in client.get("/admin/").content.decode()


def test_what_came_while_the_page_was_open_is_not_answered_unseen(finance: Client, company: Company) -> None:
    address = ask(company, "price", "x")
    seen = str(Hold.objects.get().pk)
    ask(company, "price", "x")
    said = answer(finance, address, "accept", reason="fine", seen=seen)
    assert "1 more came while you looked" in said
    assert sorted(Document.objects.values_list("status", flat=True)) == [Status.HELD, Status.RECEIVED]


def test_the_page_knows_what_it_showed(finance: Client, company: Company) -> None:
    page = finance.get(ask(company, "price", "x"), follow=True).content.decode()
    assert page.count(f'name="seen" value="{Hold.objects.get().pk}"') == 3  # accept, ignore, replacement


def test_a_replacement_is_asked_for_with_a_text_to_send(
    finance: Client, company: Company, partner: TradingPartner
) -> None:
    address = ask(company, "price", "x", partner)
    page = finance.get(address, follow=True).content.decode()
    assert "To Nordic Parts," in page
    assert 'href="mailto:?subject=Invoice%20INV-0' in page
    said = answer(finance, address, "replacement", reason="wrong price")
    assert "a replacement of 1 document is asked for" in said
    assert "A replacement was asked for on" in said
    assert "by Finance-user" in said
    assert "replacement asked" in finance.get("/admin/desk/").content.decode()
    listed = finance.get("/admin/audit/document/?replacement=asked").content.decode()
    assert "by Finance-user" in listed
    assert "INV-0" not in finance.get("/admin/audit/document/?replacement=settled").content.decode()


def test_an_order_of_our_own_is_not_to_be_replaced_by_anyone(procurement: Client, company: Company) -> None:
    address = ask(company, "partner_unmapped", "50000")
    Document.objects.update(kind=Kind.ORDER)
    assert 'value="replacement"' not in procurement.get(address, follow=True).content.decode()


def test_a_long_desk_is_shown_in_pages(finance: Client, company: Company) -> None:
    for place in range(101):
        ask(company, "price", f"PO{place}")
    first = finance.get("/admin/desk/?cause=price").content.decode()
    assert "101 questions" in first
    assert "Questions 1 to 100" in first
    assert "?page=2&amp;cause=price" in first
    assert "Questions 101 to 101" in finance.get("/admin/desk/?page=2").content.decode()
