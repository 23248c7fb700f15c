"""What a rehearsal foretells is what happens: the change is saved, everything is decided again, and the two are compared."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from django.db import models, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import ledger
from audit.models import Document, Status
from connector.rehearsal import Change, rehearse
from mapping.models import Company, ItemReference, ItemTolerance, Order, TradingPartner, UnitMapping
from tests.connector.rehearsing import a_partner, a_shipment, an_invoice, an_order, decided, received
from tests.papers import numbers

OURS, THEIRS = numbers("1", buyer="1001-BLK"), numbers(gtin="07038010000011")
Stand = dict[int, tuple[str, tuple[str, ...]]]
Asked = tuple[str, frozenset[tuple[str, str]]]


def stands() -> dict[int, Asked]:
    """Each document's status, with the causes and subjects of its open holds."""
    found: dict[int, Asked] = {}
    for document in Document.objects.order_by("pk"):
        held = document.holds.filter(closed_at=None) if document.status == Status.HELD else document.holds.none()
        found[document.pk] = (document.status, frozenset(held.values_list("cause", "subject")))
    return found


def foretold(row: models.Model) -> Stand:
    """The documents that the rehearsal names, with how each would end."""
    found = rehearse([Change(copy.copy(row))], days=30, now=timezone.now())
    assert found.left == 0
    return {one.document: (one.would_be, one.causes) for one in found.different}


def come_true(row: models.Model) -> Stand:
    """The documents that stand differently once the change is saved and what is held was decided again, oldest first."""
    before = stands()
    row.save()
    for document in Document.objects.filter(status=Status.HELD).order_by("pk"):
        ledger.replay(document, now=timezone.now(), actor="kari")
        decided(document)
    after = stands()
    different = {key: after[key] for key in after if after[key] != before[key]}
    return {key: (status, tuple(sorted({cause for cause, _ in asked}))) for key, (status, asked) in different.items()}


@pytest.fixture
def partner(company: Company) -> TradingPartner:
    return a_partner(company)


@pytest.fixture
def order(company: Company, partner: TradingPartner) -> Order:
    return an_order(company)


def test_an_item_that_holds_three_is_mapped(company: Company, partner: TradingPartner, order: Order) -> None:
    """Four of ten each: two fit, the third ships too much. A fourth paper waits for something else."""
    held = [a_shipment(company, f"S{place}", 4, named=THEIRS) for place in range(3)]
    a_shipment(company, "S9", 1, named=numbers(gtin="07038010000028"))
    row = ItemReference(partner=partner, number_kind="gtin", their_number="7038010000011", item="1001-BLK")
    said = foretold(row)
    assert said == come_true(row)
    assert said == {
        held[0].pk: ("matched", ()),
        held[1].pk: ("matched", ()),
        held[2].pk: ("held", ("over_shipped",)),
    }


def test_a_wider_price_tolerance_lets_go_what_is_within_it(
    company: Company, partner: TradingPartner, order: Order
) -> None:
    received(order)
    within, beyond = an_invoice(company, "I1", 5, 50), an_invoice(company, "I2", 5, 60)
    assert {within.cause, beyond.cause} == {"price"}
    row = ItemTolerance(company=company, item="1001-BLK", price_percent=Decimal(5))
    said = foretold(row)
    assert said == come_true(row) == {within.pk: ("matched", ())}


def test_a_tighter_price_tolerance_takes_nothing_back(company: Company, partner: TradingPartner, order: Order) -> None:
    """It tells of the one that would have been held; what has passed stays, and the next one alike is held."""
    received(order)
    partner.price_percent = Decimal(5)
    partner.save()
    passed = an_invoice(company, "I1", 5, 50)
    partner.price_percent = Decimal(0)
    assert foretold(partner) == {passed.pk: ("held", ("price",))}
    assert come_true(partner) == {}
    assert an_invoice(company, "I2", 5, 50).cause == "price"


SHIPPED = st.tuples(st.integers(1, 12), st.sampled_from(["ours", "theirs"]), st.sampled_from(["EA", "CA"]))
CHANGES = st.sampled_from(["item", "unit", "wider", "own_wider", "wrong_item"])


def change(kind: str, company: Company, partner: TradingPartner) -> models.Model:
    """A mapping or tolerance that frees papers."""
    gtin = {"partner": partner, "number_kind": "gtin", "their_number": "7038010000011"}
    tried: dict[str, models.Model] = {
        "item": ItemReference(**gtin, item="1001-BLK"),
        "wrong_item": ItemReference(**gtin, item="2002-RED"),
        "unit": UnitMapping(company=company, unit="ESKE", rsx_unit="CA", factor=Decimal(1)),
        "wider": ItemTolerance(company=company, item="1001-BLK", quantity_absolute=Decimal(5)),
        "own_wider": ItemTolerance(company=company, partner=partner, item="1001-BLK", quantity_percent=Decimal(20)),
    }
    return tried[kind]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(papers=st.lists(SHIPPED, min_size=1, max_size=5), kind=CHANGES)
def test_whatever_came_and_whatever_frees_it(
    company: Company, partner: TradingPartner, order: Order, papers: list[tuple[int, str, str]], kind: str
) -> None:
    with transaction.atomic():
        for place, (quantity, named, unit) in enumerate(papers):
            a_shipment(company, f"S{place}", quantity, unit, OURS if named == "ours" else THEIRS)
        row = change(kind, company, partner)
        said = foretold(row)
        assert said == come_true(row)
        transaction.set_rollback(True)
