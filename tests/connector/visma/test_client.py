"""Every read as visma.md §9 spells it, on a real socket; the writes are in test_writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector import errors
from connector.visma.client import VismaClient, visma_token_form
from tests.connector.stand_in import Asked, Said, StandIn, json_said
from tests.connector.visma.near import INVOICE, ORDER, RECEIPT, STAMP, client

LISTS: list[tuple[Callable[[VismaClient, str | None], Any], str, dict[str, str]]] = [
    (VismaClient.suppliers, "/v1/supplier", {}),
    (VismaClient.supplier_locations, "/v1/supplierlocation", {}),
    (
        VismaClient.items,
        "/v1/inventory",
        {"expandCrossReference": "true", "expandSupplierDetails": "true", "expandInventoryUnits": "true"},
    ),
    (VismaClient.orders, "/v1/purchaseorder", {"includeCustomFreeFields": "true"}),
    (VismaClient.receipts, "/v2/PurchaseReceipt", {"includeCustomFreeFields": "true"}),
    (VismaClient.invoices, "/v1/supplierInvoice", {}),
]


@pytest.mark.parametrize(("method", "path", "more"), LISTS)
def test_lists_ask_with_both_paging_parameters_and_both_date_parameters(
    method: Callable[[VismaClient, str | None], Any], path: str, more: dict[str, str]
) -> None:
    paging = {"pageNumber": "1", "pageSize": "500"}
    modified = {"lastModifiedDateTime": "2026-03-20T04:35:22.153", "lastModifiedDateTimeCondition": ">="}
    with StandIn(json_said([])) as far:
        assert not method(client(far), None).rows
        assert method(client(far), STAMP).complete
    assert [asked.path for asked in far.asked] == [path, path]
    assert far.asked[0].query == more | paging
    assert far.asked[1].query == more | paging | modified
    assert "lastModifiedDateTimeCondition=%3E%3D" in far.asked[1].target


def test_the_overlap_is_a_setting() -> None:
    with StandIn(json_said([])) as far:
        client(far, overlap=timedelta(hours=26)).suppliers(STAMP)
    assert far.asked[0].query["lastModifiedDateTime"] == "2026-03-19T04:35:22.153"


def test_all_rows_of_several_pages_arrive_with_their_raw_form() -> None:
    rows = [ORDER | {"orderNbr": f"PO{n}", "lines": [{"lineNbr": 1, "unitCost": Decimal("4.80")}]} for n in range(11)]

    def page(asked: Asked) -> Said:
        size, number = int(asked.query["pageSize"]), int(asked.query["pageNumber"])
        about = {"metadata": {"totalCount": 11, "maxPageSize": 8}}
        return json_said([row | about for row in rows[(number - 1) * min(size, 8) : number * min(size, 8)]])

    with StandIn(page) as far:
        window = client(far).orders(None)
    assert [row.dto.order_nbr for row in window.rows] == [f"PO{n}" for n in range(11)]
    assert window.rows[0].dto.lines[0].unit_cost == Decimal("4.80")
    assert window.rows[0].raw["lines"] == [{"lineNbr": 1, "unitCost": Decimal("4.80")}]
    assert (window.calls, window.complete, window.watermark) == (2, True, STAMP)


def test_a_page_that_breaks_off_in_the_midst_of_a_list_is_asked_for_again() -> None:
    about = {"metadata": {"totalCount": 2, "maxPageSize": 1}}
    one, other = json_said([ORDER | about]), json_said([ORDER | {"orderNbr": "PO2"} | about])
    with StandIn(one, Said(500), other) as far:
        window = client(far).orders(None)
    assert len(window.rows) == 2
    assert [asked.query["pageNumber"] for asked in far.asked[:3]] == ["1", "2", "2"]


def test_a_poll_that_breaks_off_is_no_window_at_all() -> None:
    about = {"metadata": {"totalCount": 2, "maxPageSize": 1}}
    with StandIn(json_said([ORDER | about]), Said(500)) as far, pytest.raises(errors.Transient):
        client(far).orders(None)


def test_headers_choose_company_and_application_when_set() -> None:
    with StandIn(json_said([])) as far:
        client(far, company_header="123").suppliers(None)
        client(far, application_header="").suppliers(None)
    assert far.asked[0].headers["ipp-company-id"] == "123"
    assert far.asked[0].headers["ipp-application-type"] == "Visma.net Financials"
    assert not {"ipp-company-id", "ipp-application-type"} & set(far.asked[1].headers)


# Single records


@pytest.mark.parametrize(("header", "etag"), [('"abc="', "abc="), ('W/"abc="', "abc="), ("abc=", "abc="), ("", "T=")])
def test_an_order_comes_with_its_etag(header: str, etag: str) -> None:
    with StandIn(json_said(ORDER, ETag=header)) as far:
        row, read = client(far).order("PO1")
    assert (row.dto.order_nbr, read) == ("PO1", etag)
    assert far.asked[0].target == "/v1/purchaseorder/PO1?includeCustomFreeFields=true"


def test_receipts_are_read_by_v2_only() -> None:
    with StandIn(json_said(RECEIPT, ETag='"e"')) as far:
        row, etag = client(far).receipt("PR1")
    assert (row.dto.receipt_nbr, etag, far.asked[0].path) == ("PR1", "e", "/v2/PurchaseReceipt/PR1")


def test_invoices_are_read_by_type_and_number() -> None:
    with StandIn(json_said(INVOICE)) as far:
        client(far).invoice("I1")
        client(far).invoice("I1", "DebitAdj", attachments=True)
    assert [asked.target for asked in far.asked] == [
        "/v1/supplierInvoice/Invoice/I1",
        "/v1/supplierInvoice/DebitAdj/I1?expandAttachment=true",
    ]


@pytest.mark.parametrize(
    ("key", "segment"),
    [("A/1", "b64(QS8x)"), ("A?1", "b64(QT8x)"), ("A 1", "A%201"), ("Å-1.x_~", "%C3%85-1.x_~"), ("..", "b64(Li4=)")],
)
def test_keys_with_reserved_characters_go_as_base64(key: str, segment: str) -> None:
    with StandIn(json_said(ORDER)) as far:
        client(far).order(key)
    assert far.asked[0].path == f"/v1/purchaseorder/{segment}"


@pytest.mark.parametrize("body", ["[]", "null", '{"note": "x"}', '{"orderNbr": "PO1", "lines": 7}'])
def test_a_record_that_cannot_be_read_says_why(body: str) -> None:
    with StandIn(Said(200, body.encode())) as far, pytest.raises(errors.Unreadable):
        client(far).order("PO1")


def test_an_order_that_is_not_there_is_not_found() -> None:
    with StandIn(json_said({"message": "no PO9"}, 404)) as far, pytest.raises(errors.NotFound, match="no PO9"):
        client(far).order("PO9")


# The company


def test_the_company_is_checked_by_its_branches() -> None:
    with StandIn(json_said([{"number": "1", "name": "Example Company AS", "isActive": True}])) as far:
        (branch,) = client(far).company_check()
    assert (branch.name, far.asked[0].target) == ("Example Company AS", "/v1/branch")


def test_the_token_form_names_the_company_tenant() -> None:
    form = visma_token_form("isv_x", "secret", "guid")
    assert form["tenant_id"] == "guid"
    assert form["grant_type"] == "client_credentials"
    assert form["scope"].split() == [f"vismanet_erp_service_api:{verb}" for verb in ("read", "create", "update")]
