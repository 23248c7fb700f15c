"""What could be meant is read off the paper and shown with its evidence: on the desk's page and through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit import ledger
from audit.models import Document, Hold, Kind, Status
from connector.evidence import suggestions_of
from mapping.models import Company, Item, ItemReference, OrderLine, SupplierLocation
from tests.connector.rehearsing import a_partner, a_shipment, an_order, arrives, decided
from tests.papers import ack, ack_line, entry, invoice, invoice_line, numbers, of_order, ship_item, shipment


@pytest.fixture
def ada(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def order(company: Company) -> Any:
    a_partner(company)
    order = an_order(company)
    OrderLine.objects.create(order=order, number=2, item="1002-WHT", unit="STK", quantity=4, unit_cost=75)
    OrderLine.objects.update(description="Hinge 35mm, black")
    OrderLine.objects.filter(number=2).update(description="Glue, 310 ml")
    Item.objects.create(company=company, number="1002-WHT", description="Glue, 310 ml")
    Item.objects.create(company=company, number="1001-BLK", description="Hinge 35mm, black")
    return order


def the_hold(document: Document) -> Hold:
    document.refresh_from_db()
    return document.holds.get(closed_at=None)


def words(hold: Hold) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.value, one.why) for one in suggestions_of(hold)]


def test_the_line_that_the_paper_does_not_name_otherwise(company: Company, order: Any) -> None:
    named = [ship_item(numbers("1", buyer="1001-BLK"), 1), ship_item(numbers("2", vendor="X-9"), 1)]
    held = arrives(company, Kind.SHIPMENT, shipment("S1", of_order("PO1", items=named)))
    assert words(the_hold(held)) == [
        ("1002-WHT", ("is the only item of the order that the paper does not name otherwise",))
    ]


def test_the_description_on_the_paper_counts(company: Company, order: Any) -> None:
    described = [{"ProductDescription": "HINGE BLACK 35MM", "ProductCharacteristicCode": "08"}]
    line = invoice_line(numbers("1", vendor="X-9"), 1, 48, ProductOrItemDescription=described)
    held = arrives(company, Kind.INVOICE, invoice("I1", "PO1", [line], 48, currency="NOK"))
    first, second = words(the_hold(held))
    assert (first[0], second[0]) == ("1001-BLK", "1002-WHT")
    assert first[1][0].startswith("Hinge 35mm, black resembles HINGE BLACK 35MM")


def test_a_unit_by_the_conversions_of_the_item(company: Company, order: Any) -> None:
    Item.objects.get(number="1001-BLK").units.create(from_unit="KRT", to_unit="STK", factor=5)
    first = words(the_hold(a_shipment(company, "S1", 2, "CT")))[0]
    assert first == (
        "KRT",
        ("2 of it is exactly the 10 STK that were ordered", "1 KRT = 5 STK by the item's conversions"),
    )


def test_an_acknowledgment_in_an_unmapped_unit(company: Company, order: Any) -> None:
    line = ack_line(numbers("1", buyer="1001-BLK"), entry("IA", 2, unit="CT"), unit="CT", ordered=2)
    held = arrives(company, Kind.ORDER_ACK, ack("PO1", "AC", [line]))
    assert words(the_hold(held))[0][0] == "STK"


def test_a_supplier_for_a_partner_that_nobody_knows(company: Company, order: Any) -> None:
    supplier = company.suppliers.get()
    SupplierLocation.objects.create(supplier=supplier, location="MAIN", edi_code="SOMEBODYELSE")
    paper = shipment("S1", of_order("PO1", items=[ship_item(numbers("1"), 1)]), partner="SOMEBODYELSE")
    assert words(the_hold(arrives(company, Kind.SHIPMENT, paper))) == [
        ("50000", ("has this id as EDI code of location MAIN", "has order PO1, which the paper names"))
    ]


def test_the_desk_and_the_api_show_them_and_apply_nothing(ada: Client, company: Company, order: Any) -> None:
    hold = the_hold(a_shipment(company, "S1", 1, named=numbers("1", vendor="X-9")))
    page = ada.get(reverse("desk_hold", args=[hold.pk]), follow=True).content.decode()
    assert "What it could be, and what speaks for it" in page
    assert "stands on the order, and no other line of the paper means it" in page
    shown = ada.get(f"/api/v1/holds/{hold.pk}/").json()["suggestions"]
    assert [(one["value"], one["description"]) for one in shown] == [
        ("1001-BLK", "Hinge 35mm, black"),
        ("1002-WHT", "Glue, 310 ml"),
    ]
    assert (ItemReference.objects.count(), Document.objects.get().status) == (0, Status.HELD)


def test_what_cannot_be_read_has_no_words_and_no_trace(company: Company, order: Any) -> None:
    held = a_shipment(company, "S1", 1, named=numbers("1", vendor="X-9"))
    hold = the_hold(held)
    held.transmission.content = b"{"
    held.transmission.save()
    assert words(Hold.objects.get(pk=hold.pk))[0][0] == "1001-BLK"


def test_other_questions_have_none(company: Company, order: Any) -> None:
    assert words(the_hold(a_shipment(company, "S1", 11))) == []
    broken, _ = ledger.store(company, "/out/SH/x.json", b"[]", kind=Kind.SHIPMENT, now=order.seen_at)
    assert decided(broken).status in (Status.FAILED, Status.HELD)
