"""Papers with texts and figures that no column holds are decided like any other, on every database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from audit.fitting import fitting
from audit.models import DocumentLine, Kind, Status
from mapping.models import Company
from tests.connector.rehearsing import HINGE, a_partner, a_shipment, an_order, arrives
from tests.papers import Tree, ack, invoice, invoice_line


@pytest.fixture(autouse=True)
def known(company: Company) -> None:
    a_partner(company)
    an_order(company)


@pytest.mark.parametrize("quantity", [7035550001234, 70355500012345678])
def test_barcode_in_the_place_of_the_quantity_is_asked_about(company: Company, quantity: int) -> None:
    paper = a_shipment(company, "S1", quantity)
    assert (paper.status, paper.cause) == (Status.HELD, "over_shipped")
    assert str(quantity) in paper.reason.replace(" ", "")
    assert paper.holds.get().amount is None


def test_currency_in_words_is_asked_about(company: Company) -> None:
    bill = invoice("I1", "PO1", [invoice_line(HINGE, 10, 48)], 480, currency="NORWEGIAN KRONE")
    paper = arrives(company, Kind.INVOICE, bill)
    assert (paper.status, paper.holds.get(cause="currency").currency) == (Status.HELD, "NORWE")


def test_place_of_any_length_is_cut(company: Company) -> None:
    answer: Tree = ack("PO1", "AD")
    place = {"AddressTypeCode": "ST", "LocationCodeQualifier": "92", "AddressLocationNumber": "L" * 61}
    answer["Header"].setdefault("Address", []).append(place)
    assert arrives(company, Kind.ORDER_ACK, answer).status == Status.MATCHED


def test_what_fits_stays_as_it_is() -> None:
    columns = {"item": "1001-BLK", "shipped": Decimal("-9999999999999.999999"), "price": None, "position": 1}
    assert fitting(DocumentLine, columns) == columns
    assert fitting(DocumentLine, {"shipped": Decimal("-1E13"), "price": Decimal("1E13")}) == {
        "shipped": Decimal("-9999999999999.999999"),
        "price": None,
    }
