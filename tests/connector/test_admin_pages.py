"""Every page of the back office opens, for everyone who may; orders are sent by hand; the dashboard's figures are links."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import Token
from unfold.admin import ModelAdmin

from audit import ledger
from audit.models import Document, Exchange, Kind, Status
from connector.models import Completeness, Connection, Cursor, Heartbeat, Hook
from mapping.matching import Difference
from mapping.models import (
    Booking,
    Company,
    Item,
    ItemReference,
    ItemTolerance,
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
OURS = ("mapping", "audit", "connector")


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def world(company: Company) -> Company:
    """One row of everything."""
    supplier = Supplier.objects.create(company=company, number="50012", name="Nordic Parts")
    SupplierLocation.objects.create(supplier=supplier, location="MAIN", edi_code="EDI1")
    partner = TradingPartner.objects.create(company=company, trading_partner_id="NORDIC")
    PartnerRoute.objects.create(supplier=supplier, partner=partner, is_default=True)
    Item.objects.create(company=company, number="1001-BLK")
    ItemReference.objects.create(partner=partner, number_kind="gtin", their_number="703555", item="1001-BLK")
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    TaxMapping.objects.create(partner=partner, tax_type="VA", percent=Decimal(25), vat_category="IN25")
    ItemTolerance.objects.create(company=company, item="1001-BLK")
    order = Order.objects.create(company=company, number="PO000412", supplier=supplier, supplier_number="50012")
    OrderLine.objects.create(order=order, number=1, item="1001-BLK", quantity=Decimal(12))
    Booking.objects.create(company=company, kind="receipt", type="PoReceipt", number="000123", date=NOON.date())
    document, _ = ledger.store(company, "out/IN/1.json", b"{}", kind=Kind.INVOICE, now=NOON)
    ledger.describe(document, {"PO000412": order}, [], partner=partner, number="INV-1")
    ledger.hold(document, [Difference("price", "PO000412 line 1", "13.10 instead of 12.50")], now=NOON)
    ledger.decide(document, "price", "PO000412 line 1", accepted="13.10", reason="ok", actor="x", now=NOON)
    visma = Connection.objects.create(
        company=company, system="visma", url="https://v", token_url="https://t", client_id="i"
    )
    Cursor.objects.create(connection=visma, stream="orders")
    Hook.objects.create(connection=visma, received_at=NOON, body=b"\xff{}")
    Heartbeat.objects.create(worker="w", beat_at=NOON)
    Completeness.objects.create(company=company, tried_at=NOON, at=NOON, total=7)
    Exchange.objects.create(
        company=company, document=document, system="visma", method="GET", path="/x", started_at=NOON
    )
    return company


def shown_models() -> list[type[Any]]:
    return [model for model in admin.site._registry if model._meta.app_label in OURS]


def test_every_page_is_unfolds() -> None:
    assert all(isinstance(page, ModelAdmin) for page in admin.site._registry.values())


@pytest.mark.parametrize("role", ["boss", "Viewers"])
def test_every_list_page_and_search_opens(world: Company, role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue("boss") if role == "boss" else client_of(role)
    for model in shown_models():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model.objects.first()
        assert row is not None, model
        for address in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            assert client.get(address).status_code == 200, address
        assert client.get(reverse(f"{name}_changelist"), {"q": "5"}).status_code == 200


@pytest.mark.parametrize(
    "app", ["auth_user", "auth_group", "authtoken_tokenproxy", "django_q_schedule", "django_q_failure"]
)
def test_people_and_queue_have_pages(boss: Client, app: str) -> None:
    assert boss.get(reverse(f"admin:{app}_changelist")).status_code == 200


def test_every_link_of_the_dashboard_and_the_sidebar_opens(boss: Client, world: Company) -> None:
    shown = boss.get("/admin/").content.decode()
    links = {link for link in re.findall(r'href="(/admin/[^"#]*)"', shown) if "logout" not in link}
    assert len(links) > 30
    for link in links:
        assert boss.get(link.replace("&amp;", "&"), follow=True).status_code == 200, link


def test_a_stream_is_late_by_its_own_interval(boss: Client, world: Company) -> None:
    visma = world.connections.get(system="visma")
    read_at = timezone.now() - timedelta(minutes=20)
    for name in ("orders", "items"):  # every minute, and every half hour
        Cursor.objects.update_or_create(connection=visma, stream=name, defaults={"succeeded_at": read_at})
    streams = boss.get("/admin/").context["streams"]
    late = {cursor.stream: is_late for cursor, is_late in streams if cursor.connection == visma}
    assert (late["orders"], late["items"]) == (True, False)


@pytest.mark.parametrize(("minutes", "shown"), [(5, "10 of 500 until 12:05:00 UTC"), (-5, "no limit told")])
def test_calls_that_are_left_are_shown_with_their_end_and_only_until_then(
    boss: Client, world: Company, minutes: int, shown: str
) -> None:
    ends = NOON + timedelta(minutes=minutes)
    Connection.objects.update(budget_limit=500, budget_remaining=10, budget_resets_at=ends)
    visma = Connection.objects.get()
    with time_machine.travel(NOON, tick=False):
        pages = ("/admin/", reverse("admin:connector_connection_change", args=[visma.pk]))
        assert all(shown in boss.get(page).content.decode() for page in pages)


def test_the_dashboard_asks_a_fixed_number_of_queries(boss: Client, world: Company) -> None:
    with CaptureQueriesContext(connection) as few:
        boss.get("/admin/")
    for number in range(30):
        document, _ = ledger.store(world, f"out/IN/x{number}", b"{}", kind=Kind.INVOICE, now=NOON)
        ledger.hold(document, [Difference("price", str(number), "13.10 instead of 12.50")], now=NOON)
    with CaptureQueriesContext(connection) as many:
        boss.get("/admin/")
    assert len(many) == len(few) <= 16


def test_a_page_of_orders_asks_a_fixed_number_of_queries(boss: Client, world: Company) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            boss.get(reverse("admin:mapping_order_changelist"))
        return len(asked)

    few = queries()
    for number in range(30):
        OrderLine.objects.create(order=Order.objects.create(company=world, number=f"PO{number}"), number=1)
    assert queries() == few <= 12


@pytest.mark.parametrize("stands", ["unsent", "unpicked", "unanswered", "waiting"])
def test_orders_are_filtered_by_where_they_stand(boss: Client, company: Company, stands: str) -> None:
    unsent, sent, answered, waiting = (Order.objects.create(company=company, number=f"PO{n}") for n in range(4))
    for order in (sent, answered, waiting):
        document, _ = ledger.store(
            company, order.number, b"{}", kind=Kind.ORDER, now=NOON, number=order.number, revision=1
        )
        heard = None if order == sent else NOON
        Document.objects.filter(pk=document.pk).update(
            status=Status.DELIVERED, output_ref="x", picked_up_at=heard, answered_at=heard
        )
    held, _ = ledger.store(company, "out/1", b"{}", kind=Kind.INVOICE, now=NOON)
    ledger.describe(held, {waiting.number: waiting}, [])
    ledger.hold(held, [Difference("price", "x", "y")], now=NOON)
    found = boss.get(reverse("admin:mapping_order_changelist"), {"stands": stands}).context["cl"].result_list
    wanted = {"unsent": [unsent], "unpicked": [sent], "unanswered": [sent], "waiting": [waiting]}[stands]
    assert list(found) == wanted


def test_the_roll_up_is_exported_with_a_row_per_line_and_nothing_to_reckon(company: Company) -> None:
    supplier = Supplier.objects.create(company=company, number="50012", name="=HYPERLINK(1)")
    orders = [
        Order.objects.create(company=company, number=f"PO{n}", supplier=supplier, currency="NOK") for n in range(2)
    ]
    for order in orders:
        for number in (1, 2):
            OrderLine.objects.create(order=order, number=number, item="1001-BLK", unit="STK", quantity=Decimal("12.5"))
    posted = {"action": "export_selected", "_selected_action": [str(order.pk) for order in orders]}
    answer = client_of("Viewers").post(reverse("admin:mapping_order_changelist"), posted)
    content = b"".join(answer).decode("utf-8-sig")
    headings, *rows = csv.reader(content.splitlines())
    found = [dict(zip(headings, row, strict=True)) for row in rows]
    assert [(row["order"], row["line"]) for row in found] == [("PO1", "1"), ("PO1", "2"), ("PO0", "1"), ("PO0", "2")]
    assert {(row["ordered"], row["open"], row["shipped"], row["promised"]) for row in found} == {
        ("12.5", "12.5", "0", "")
    }
    assert {row["name"] for row in found} == {"'=HYPERLINK(1)"}


def test_send_now_is_for_procurement_and_says_what_came_of_it(world: Company) -> None:
    order = Order.objects.get()
    address = reverse("admin:mapping_order_send", args=[order.pk])
    assert client_of("Finance").post(address).status_code == 403
    procurement = client_of("Procurement")
    assert procurement.get(address).status_code == 405
    said = procurement.post(address, follow=True).content.decode()
    assert "there is nothing to send" in said, "the mirror has no row of it yet"


def test_an_order_dated_before_the_cut_goes_out_by_hand(world: Company) -> None:
    row: dict[str, Any] = {"orderNbr": "PO000412", "orderType": "RegularOrder", "status": "Open", "hold": False}
    row["lines"] = [{"lineNbr": 1, "lineType": "GoodsForInventory", "uom": "STK", "orderQty": 12.0}]
    Order.objects.update(row=json.dumps(row).encode(), status="Open", date=date(2020, 1, 1))
    posted = {"action": "send_selected", "_selected_action": [str(Order.objects.get().pk)]}
    said = (
        client_of("Procurement").post(reverse("admin:mapping_order_changelist"), posted, follow=True).content.decode()
    )
    assert "1 to be sent" in said
    assert Document.objects.get(kind=Kind.ORDER).events.latest("sequence").actor == "Procurement-user"


def test_a_token_is_shown_once_and_never_again(boss: Client) -> None:
    user = User.objects.get(username="boss")
    said = boss.post(reverse("admin:authtoken_tokenproxy_add"), {"user": user.pk}, follow=True).content.decode()
    key = Token.objects.get().key
    assert key in said
    assert key not in boss.get(reverse("admin:authtoken_tokenproxy_changelist")).content.decode()
    assert key not in boss.get(reverse("admin:authtoken_tokenproxy_change", args=[user.pk])).content.decode()
    boss.post(reverse("admin:authtoken_tokenproxy_delete", args=[user.pk]), {"post": "yes"})
    assert not Token.objects.exists()
    assert not any(key in str(entry.__dict__) for entry in LogEntry.objects.all())


def test_strangers_see_the_login_and_nothing_else(world: Company) -> None:
    stranger = Client()
    for address in (
        "/admin/",
        "/admin/desk/",
        "/admin/desk/1/price/",
        reverse("admin:audit_document_source", args=[1]),
    ):
        assert "/login/" in stranger.get(address)["Location"]
