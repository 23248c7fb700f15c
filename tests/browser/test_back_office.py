"""The back office in a real browser: people click, and hostile papers do not run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from pytest_django.live_server_helper import LiveServer

from audit import ledger
from audit.models import Document, Kind, Status
from mapping.matching import Difference
from mapping.models import Company, Item, ItemReference, TradingPartner
from tests.browser.chromium import PROGRAM, Chromium

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium on this machine")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"


@pytest.fixture
def roles(transactional_db: None) -> None:
    """A flushed database has lost what migrations wrote."""
    group, _ = Group.objects.get_or_create(name="Finance")
    assert group


@pytest.fixture
def browser(live_server: LiveServer, roles: None, tmp_path: Path) -> Iterator[Chromium]:
    """Logged in through the form."""
    User.objects.create_superuser("boss", password="correct horse battery")
    chromium = Chromium(tmp_path)
    try:
        chromium.open(f"{live_server.url}/admin/")
        chromium.fill("#id_username", "boss")
        chromium.fill("#id_password", "correct horse battery")
        chromium.click("button[type=submit]")
        yield chromium
    finally:
        chromium.close()


def held(company: Company, subject: str, number: str, content: bytes = b"{}") -> Document:
    partner, _ = TradingPartner.objects.get_or_create(company=company, trading_partner_id="NORDIC", name="Nordic Parts")
    document, _ = ledger.store(company, f"out/IN/{number}.json", content, kind=Kind.INVOICE, now=NOON)
    ledger.describe(document, {}, [], number=number, partner=partner, trading_partner_id="NORDIC")
    facts = {"number": subject, "number_kind": "gtin"}
    why = Difference("item_unmapped", subject, f"Item {subject} is not mapped.", facts, Decimal(5), "NOK")
    ledger.hold(document, [why], now=NOON)
    return document


@pytest.fixture
def shop(transactional_db: None) -> Company:
    return Company.objects.create(name="Nordic Tools AS", orders_from=NOON.date())


def test_from_the_dashboard_to_a_mapped_item(browser: Chromium, live_server: LiveServer, shop: Company) -> None:
    Item.objects.create(company=shop, number="1001-BLK")
    for number in ("INV-1", "INV-2"):
        held(shop, "7035550001234", number)
    browser.open(f"{live_server.url}/admin/")
    assert "2 documents" in browser.text()
    browser.click('a[href*="item_unmapped"]')
    browser.fill("[name=item]", "1001-BLK")
    browser.click('form:has([value="fix"]) button')
    assert "2 documents are looked at again" in browser.text()
    assert ItemReference.objects.get().item == "1001-BLK"
    assert set(Document.objects.values_list("status", flat=True)) == {Status.RECEIVED}
    assert not browser.problems


def test_ignoring_from_the_list_with_its_reason(browser: Chromium, live_server: LiveServer, shop: Company) -> None:
    document = held(shop, "x", "INV-1")
    browser.open(f"{live_server.url}/admin/audit/document/")
    browser.run("document.querySelector('tbody input[name=_selected_action]').click()")
    browser.fill("select[name=action]", "ignore_selected")
    browser.click("#changelist-form button[name=index]")
    browser.fill("[name=reason]", "sent twice")
    browser.click("form:has([name=reason]) button")
    document.refresh_from_db()
    assert (document.status, document.reason) == (Status.IGNORED, "sent twice")
    assert not browser.problems


def test_hostile_papers_do_not_run(browser: Chromium, live_server: LiveServer, shop: Company) -> None:
    document = held(shop, EVIL, EVIL[:120], EVIL.encode())
    hold = document.holds.get()
    places = ["", "desk/", f"desk/hold/{hold.pk}/", "audit/document/", f"audit/document/{document.pk}/change/"]
    for place in [*places, "audit/hold/", f"audit/hold/{hold.pk}/change/", "audit/event/", "audit/transmission/"]:
        browser.open(f"{live_server.url}/admin/{place}")
        assert "hacked" not in str(browser.run("document.title")).replace(EVIL[:120], ""), place
        assert browser.run("document.querySelectorAll('img[src=x]').length") == 0, place
    assert not browser.problems
