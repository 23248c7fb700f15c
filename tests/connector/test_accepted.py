"""What a person accepts is what the hold said then; a larger difference is asked about again."""

from __future__ import annotations

from django.utils import timezone

from audit import desk
from audit.models import Document, Status
from mapping.models import Company, OrderLine
from tests.connector.rehearsing import a_partner, a_shipment, an_invoice, an_order, decided, received


def accepted(document: Document) -> None:
    holds = list(desk.alike(document.holds.filter(closed_at=None)[0]))
    assert desk.accept(holds, reason="Agreed.", actor="kari", now=timezone.now()) == 1


def test_more_shipped_meanwhile_than_was_accepted_is_asked_about_again(company: Company) -> None:
    a_partner(company)
    an_order(company)
    twelve = a_shipment(company, "S1", 12)
    assert twelve.cause == "over_shipped"
    accepted(twelve)  # twelve of ten
    Document.objects.filter(pk=twelve.pk).update(status=Status.WAITING)  # the sweep has not come to it yet
    assert a_shipment(company, "S2", 8).status == Status.MATCHED
    Document.objects.filter(pk=twelve.pk).update(status=Status.RECEIVED)
    again = decided(twelve)
    assert (again.status, again.cause) == (Status.HELD, "over_shipped")
    assert "20 STK shipped in all" in again.reason
    accepted(again)
    assert decided(twelve).status == Status.MATCHED


def test_an_accepted_price_stays_accepted_when_our_own_changes(company: Company) -> None:
    a_partner(company)
    order = an_order(company)
    received(order)
    dear = an_invoice(company, "I1", 10, 60)
    OrderLine.objects.update(unit_cost=47)
    accepted(dear)
    assert decided(dear).status == Status.MATCHED
