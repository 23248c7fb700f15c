"""A change is rehearsed on real decisions: what would have ended differently is told, and nothing is written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, models
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import rehearsal
from connector.pipeline.outgoing import revise
from connector.rehearsal import Change, Rehearsal, rehearse
from mapping.models import (
    Company,
    ItemReference,
    ItemTolerance,
    Order,
    PartnerRoute,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)
from tests.connector.rehearsing import (
    a_partner,
    a_shipment,
    an_invoice,
    an_order,
    decided,
    everything,
    received,
)
from tests.papers import numbers


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return a_partner(company)


@pytest.fixture
def order(company: Company, partner: TradingPartner) -> Order:
    return an_order(company)


def tried(row: models.Model, *, delete: bool = False, days: int = 30, **limits: Any) -> Rehearsal:
    return rehearse([Change(row, delete)], days=days, now=timezone.now(), **limits)


def ends(found: Rehearsal) -> list[tuple[int, str, tuple[str, ...], str]]:
    """Of each document that differs: how it stands, its causes then, and how it would end."""
    return [(row.document, row.was, row.causes, row.would_be) for row in found.different]


def test_a_number_that_is_mapped_frees_what_waits_for_it(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    held = a_shipment(company, "S1", 10, named=numbers(gtin="07038010000011"))
    assert held.cause == "item_unmapped"
    new = ItemReference(partner=partner, number_kind="gtin", their_number="7038010000011", item="1001-BLK")
    found = tried(new)
    assert ends(found) == [(held.pk, "held", (), "matched")]
    assert (found.different[0].was_causes, found.examined, found.left) == (("item_unmapped",), 1, 0)
    assert found.totals == {"NOK": Decimal("480.00")}


def test_a_number_mapped_to_the_wrong_item_shows_the_conflict(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    held = a_shipment(company, "S1", 10, named=numbers("1", vendor="X-9"))
    assert held.cause == "item_unmapped"
    wrong = ItemReference(partner=partner, number_kind="vendor", their_number="X-9", item="2002-RED")
    assert ends(tried(wrong)) == [(held.pk, "held", ("line_conflict",), "held")]


def test_what_went_out_would_have_been_held_and_is_not_touched(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    received(order)
    partner.price_percent = Decimal(5)
    partner.save()
    sent = an_invoice(company, "I1", 10, 50)
    assert sent.status == Status.MATCHED
    partner.price_percent = Decimal(0)
    found = tried(partner)
    assert ends(found) == [(sent.pk, "matched", ("price",), "held")]
    assert found.totals == {"NOK": Decimal(500)}
    assert "price 50" in found.different[0].why
    sent.refresh_from_db()
    assert sent.status == Status.MATCHED


def test_only_the_paper_that_went_too_far_is_counted(company: Company, partner: TradingPartner, order: Order) -> None:
    company.quantity_percent = Decimal(10)
    company.save()
    a_shipment(company, "S1", 5)
    second = a_shipment(company, "S2", 6)
    assert set(Document.objects.values_list("status", flat=True)) == {Status.MATCHED}
    company.quantity_percent = Decimal(0)
    found = tried(company)
    assert ends(found) == [(second.pk, "matched", ("over_shipped",), "held")]
    assert found.examined == 2


def test_a_wider_tolerance_of_an_item_lets_what_is_held_go(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    held = a_shipment(company, "S1", 11)
    assert held.cause == "over_shipped"
    wider = ItemTolerance(company=company, item="1001-BLK", quantity_absolute=Decimal(1))
    assert ends(tried(wider)) == [(held.pk, "held", (), "matched")]
    assert tried(ItemTolerance(company=company, item="OTHER", quantity_absolute=Decimal(1))).examined == 0


def test_other_figures_are_a_difference_too(company: Company, partner: TradingPartner, order: Order) -> None:
    sent = a_shipment(company, "S1", 10)
    unit = UnitMapping.objects.get()
    unit.factor = Decimal(2)
    found = tried(unit)
    assert [(row.document, row.was, row.would_be, row.other_content) for row in found.different] == [
        (sent.pk, "matched", "matched", True)
    ]


def test_a_unit_that_is_deleted_holds_what_needs_it(company: Company, partner: TradingPartner, order: Order) -> None:
    sent = a_shipment(company, "S1", 10)
    unit = UnitMapping.objects.get()
    assert ends(tried(unit, delete=True)) == [(sent.pk, "matched", ("unit_unmapped",), "held")]
    assert UnitMapping.objects.count() == 1


def test_a_partner_and_its_route_are_rehearsed_together(company: Company) -> None:
    a_partner(company, "OTHER", supplier="60000")
    supplier = company.suppliers.create(number="50000")
    an_order(company)
    held = a_shipment(company, "S1", 10)
    assert held.cause == "partner_unmapped"
    new = TradingPartner(company=company, trading_partner_id="NORDICPARTS01")
    alone = tried(new)
    assert ends(alone) == [(held.pk, "held", ("order_unknown",), "held")]
    new = TradingPartner(company=company, trading_partner_id="nordicparts01")
    route = PartnerRoute(partner=new, supplier=supplier)
    both = rehearse([Change(new), Change(route)], days=30, now=timezone.now())
    assert ends(both) == [(held.pk, "held", (), "matched")]


def test_an_order_that_nobody_was_to_get_would_go_out(company: Company) -> None:
    supplier = company.suppliers.create(number="50000")
    UnitMapping.objects.create(company=company, unit="STK", rsx_unit="EA")
    order = an_order(company)
    document = revise(order, now=timezone.now())
    assert document
    assert decided(document).cause == "partner_unmapped"
    partner = TradingPartner.objects.create(company=company, trading_partner_id="NORDICPARTS01")
    found = tried(PartnerRoute(partner=partner, supplier=supplier, is_default=True))
    assert ends(found) == [(document.pk, "held", (), "matched")]
    assert found.totals == {"NOK": Decimal(480)}


def test_papers_that_are_switched_off_would_be_ignored(company: Company, partner: TradingPartner, order: Order) -> None:
    sent = a_shipment(company, "S1", 10)
    partner.takes_shipments = False
    assert ends(tried(partner)) == [(sent.pk, "matched", (), "ignored")]


def test_what_a_person_ignored_stays_so(company: Company, partner: TradingPartner, order: Order) -> None:
    held = a_shipment(company, "S1", 11)
    ledger.ignore(held, "sent twice by mistake", now=timezone.now(), actor="kari")
    company.quantity_percent = Decimal(50)
    found = tried(company)
    assert (found.examined, found.different) == (1, ())


def test_what_a_person_accepted_stays_accepted(company: Company, partner: TradingPartner, order: Order) -> None:
    held = a_shipment(company, "S1", 11)
    subject = held.holds.get().subject
    ledger.decide(held, "over_shipped", subject, accepted="11", reason="fine", actor="kari", now=timezone.now())
    assert decided(held).status == Status.MATCHED
    company.quantity_percent = Decimal(0)
    assert tried(company).different == ()


def test_papers_of_others_and_of_longer_ago_are_left_out(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    other = a_partner(company, "OTHER", supplier="60000")
    old = a_shipment(company, "S1", 5)
    Document.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=40))
    a_shipment(company, "S2", 5)
    partner.takes_shipments = other.takes_shipments = False
    assert (tried(partner).examined, tried(partner, days=60).examined, tried(other).examined) == (1, 2, 0)
    assert tried(TaxMapping(partner=partner, tax_type="VA", percent=25, vat_category="3")).examined == 0


def test_unreadable_papers_are_passed_over(company: Company, partner: TradingPartner, order: Order) -> None:
    broken, _ = ledger.store(company, "/out/SH/broken.json", b"{", kind=Kind.SHIPMENT, now=timezone.now())
    assert decided(broken).status == Status.FAILED
    company.quantity_percent = Decimal(50)
    assert tried(company).different == ()


def test_it_says_when_there_were_too_many(company: Company, partner: TradingPartner, order: Order) -> None:
    documents = [a_shipment(company, f"S{place}", 1) for place in range(4)]
    partner.takes_shipments = False
    found = tried(partner, most=2)
    assert (found.examined, found.left) == (2, 2)
    assert [row.document for row in found.different] == [documents[3].pk, documents[2].pk]


def test_short_transactions_find_the_same(
    company: Company, partner: TradingPartner, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in range(4):
        a_shipment(company, f"S{place}", 1)
    partner.takes_shipments = False
    whole = tried(partner)
    monkeypatch.setattr(rehearsal, "LOCKED_SECONDS", 0)
    monkeypatch.setattr(rehearsal, "PAUSE_SECONDS", 0)
    with CaptureQueriesContext(connection) as asked:
        one_by_one = tried(partner)
    assert one_by_one.different == whole.different
    undone = sum(query["sql"].startswith("ROLLBACK TO") for query in asked.captured_queries)
    assert undone == 4 * 2  # of each document the change, then all of it


def test_a_change_that_cannot_be_made_says_so(company: Company, partner: TradingPartner, order: Order) -> None:
    a_shipment(company, "S1", 1)
    with pytest.raises(IntegrityError):
        tried(TradingPartner(company=company, trading_partner_id="NORDICPARTS01"))
    with pytest.raises(ProtectedError):
        tried(partner, delete=True)


def test_other_rows_decide_nothing(company: Company) -> None:
    with pytest.raises(TypeError):
        tried(company.suppliers.create(number="1"))


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_by_it() -> None:
    company = Company.objects.create(name="Nordic Tools AS", orders_from="2026-01-01")
    partner = a_partner(company)
    order = an_order(company)
    received(order)
    a_shipment(company, "S1", 5, named=numbers(gtin="07038010000011"))
    an_invoice(company, "I1", 10, 50)
    reference = ItemReference.objects.create(partner=partner, number_kind="vendor", their_number="V1", item="1")
    before = everything()
    partner.price_percent = company.price_percent = Decimal(10)
    unit = UnitMapping.objects.get()
    unit.factor = Decimal(3)
    tolerance = ItemTolerance(company=company, item="1001-BLK", price_percent=Decimal(10))
    number = ItemReference(partner=partner, number_kind="gtin", their_number="7038010000011", item="1001-BLK")
    tax = TaxMapping(partner=partner, tax_type="VA", percent=25, vat_category="3")
    route = PartnerRoute.objects.get()
    route.location = "X"
    for row in (partner, company, unit, tolerance, number, tax, route):
        tried(row)
    assert everything() == before
    for gone in (reference, UnitMapping.objects.get(), PartnerRoute.objects.get()):
        tried(gone, delete=True)
    after = everything()
    assert {**after, "sequences": None} == {**before, "sequences": None}
