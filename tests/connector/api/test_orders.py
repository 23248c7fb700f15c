"""Purchase orders through the API: a list without the mirrored rows, a page with the roll-up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from audit.models import Document
from mapping.models import Company, Order, OrderLine, Supplier
from tests.connector.api.conftest import Caller
from tests.connector.papers import an_invoice

URL = "/api/v1/orders/"


@pytest.fixture
def order(company: Company) -> Order:
    supplier = Supplier.objects.create(company=company, number="V1", name="Nordic Parts")
    order = Order.objects.create(
        company=company, number="PO100", supplier=supplier, supplier_number="V1", date="2026-03-01", total=Decimal(100)
    )
    OrderLine.objects.create(order=order, number=1, item="A1", quantity=Decimal(10), unit_cost=Decimal(10), unit="STK")
    return order


def test_orders_are_found_by_number_supplier_and_date(api: APIClient, order: Order) -> None:
    row = api.get(URL, {"number": "PO100"}).json()["results"][0]
    assert (row["supplier_name"], row["total"]) == ("Nordic Parts", "100.000000")
    assert api.get(URL, {"supplier_number": "V2"}).json()["count"] == 0
    assert api.get(URL, {"since": "2026-03-01", "until": "2026-03-02"}).json()["count"] == 1
    assert api.get(URL, {"until": "2026-03-01"}).json()["count"] == 0


def test_an_order_shows_where_each_line_stands_and_what_is_about_it(api: APIClient, order: Order) -> None:
    document = an_invoice(order.company, order=order)
    shown = api.get(f"{URL}{order.pk}/").json()
    line = shown["lines"][0]
    assert (line["number"], line["ordered"], line["open"], line["invoiced"]) == (
        1,
        "10.000000",
        "10.000000",
        "0.000000",
    )
    assert [row["id"] for row in shown["documents"]] == [document.pk]


def test_the_list_of_orders_asks_two_queries(api: APIClient, order: Order) -> None:
    for number in range(5):
        Order.objects.create(company=order.company, number=f"X{number}")
    with CaptureQueriesContext(connection) as asked:
        assert api.get(URL).json()["count"] == 6
    assert len(asked) == 2


def test_mirrors_are_read_only(api: APIClient, order: Order) -> None:
    assert api.patch(f"{URL}{order.pk}/", {"status": "Closed"}, format="json").status_code == 405


def test_sending_what_cannot_be_sent_says_why(api: APIClient, order: Order) -> None:
    answer = api.post(f"{URL}{order.pk}/send/")
    assert answer.status_code == 409
    assert "there is nothing to send" in answer.json()["detail"]


def test_an_order_is_sent_by_hand_once_and_by_name(api: APIClient, order: Order) -> None:
    row = b'{"orderNbr":"PO100","orderType":"RegularOrder","status":"Open","hold":false,"date":"2025-03-01T00:00:00",'
    order.row = row + b'"supplier":{"number":"V1"},"currency":"NOK","lines":[{"lineNbr":1,"inventory":{"number":"A1"},'
    order.row += b'"orderQty":10,"unitCost":10,"uom":"STK"}]}'
    order.status, order.date = "Open", order.company.orders_from - timedelta(days=1)
    order.save()
    answer = api.post(f"{URL}{order.pk}/send/")
    assert (answer.status_code, answer.json()["number"], answer.json()["direction"]) == (201, "PO100", "outbound")
    document = Document.objects.get()
    assert document.events.get(verb="revised").actor == "ada"
    assert api.post(f"{URL}{order.pk}/send/").status_code == 409
    assert Document.objects.count() == 1


def test_sending_is_procurements(caller: Caller, order: Order) -> None:
    assert caller("Finance").post(f"{URL}{order.pk}/send/").status_code == 403
    assert caller("Procurement").post(f"{URL}{order.pk}/send/").status_code == 409
