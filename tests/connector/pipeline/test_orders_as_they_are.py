"""An order goes out as it stands by then, to the partner of its supplier, whichever of them was known first."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from audit.models import Document, Status
from connector import mirror
from connector.flows import orders as flow
from connector.http import lossless
from connector.pipeline import order_shown, revise
from connector.visma.schemas import PurchaseOrderDto, Row, SupplierDto
from mapping.files import load
from mapping.models import Company
from tests.connector.rehearsing import a_partner, a_row, decided

MAPPED = b"supplier,trading_partner_id,default\n60000,NORDICPARTS01,yes\n"


@pytest.fixture(autouse=True)
def known(company: Company) -> None:
    a_partner(company)


def shown(company: Company, number: str, **changes: Any) -> None:
    raw = {**a_row(number), **changes}
    order_shown(company, Row(PurchaseOrderDto.model_validate(raw), raw), now=timezone.now())


def a_supplier(number: str) -> Row[SupplierDto]:
    raw = {"number": number, "name": f"Firm {number}", "lastModifiedDateTime": "2026-03-01T00:00:00"}
    return Row(SupplierDto.model_validate(raw), raw)


def test_order_that_was_read_long_ago_goes_out_as_it_is_now(company: Company) -> None:
    shown(company, "PO9", date="2020-03-01T00:00:00")
    read_long_ago = company.orders.get(number="PO9")
    shown(company, "PO9", date="2020-03-01T00:00:00", orderTotal=9999)
    made = revise(read_long_ago, now=timezone.now(), by_hand="kari")
    assert made is not None
    row = bytes(company.orders.get(number="PO9").row)
    assert made.content_hash == flow.neutral_hash(flow.unwrap(lossless.read(row)))
    assert made.source == row


def test_supplier_that_is_mapped_before_it_is_read_gets_its_order(company: Company) -> None:
    shown(company, "PO9", supplier={"number": "60000"})
    goes = decided(Document.objects.get(number="PO9"))
    assert (goes.status, goes.cause) == (Status.HELD, "partner_unmapped")
    load("suppliers", company, MAPPED, reason="test")
    assert decided(goes).status == Status.MATCHED


def test_order_that_came_in_the_moment_of_its_supplier_is_its(company: Company) -> None:
    mirror.suppliers(company, [a_supplier("60000")])
    shown(company, "PO9", supplier={"number": "60000"})
    company.orders.filter(number="PO9").update(supplier=None)  # neither saw the other
    mirror.suppliers(company, [a_supplier("60000")])
    owner = company.orders.get(number="PO9").supplier
    assert owner is not None
    assert owner.number == "60000"


def test_order_of_a_supplier_that_nobody_knows_stays_without(company: Company) -> None:
    shown(company, "PO9", supplier={"number": "70000"})
    mirror.suppliers(company, [a_supplier("60000")])
    assert company.orders.get(number="PO9").supplier is None
