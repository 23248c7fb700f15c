"""Visma.net ERP, one method per endpoint that purchasing uses. Paths are spelt as in visma.md §9."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError

from connector import errors
from connector.http import Answer, ApiSession
from connector.http.paging import told
from connector.visma import stamps
from connector.visma.bodies import Body
from connector.visma.keys import new_number, path_key
from connector.visma.rows import Dto, Row
from connector.visma.schemas import (
    ActionResult,
    BranchDto,
    InventoryDto,
    PurchaseOrderDto,
    PurchaseReceiptDto,
    SupplierDto,
    SupplierInvoiceDto,
    SupplierLocationDto,
)
from connector.visma.window import Page, Window, page_of, parsed, read_window

SCOPE = "vismanet_erp_service_api:read vismanet_erp_service_api:create vismanet_erp_service_api:update"
OVERLAP = timedelta(hours=2)

_ORDER = ("orderType", "orderNbr")
_RECEIPT = ("receiptType", "receiptNbr")
_INVOICE = ("documentType", "referenceNumber")
_LOCATION = ("baccount.number", "locationId")

T = TypeVar("T", bound=Dto)
Params = dict[str, str | int]
Sendable = Body | Mapping[str, Any]
Reduced = Callable[[dict[str, Any]], dict[str, Any]]


def visma_token_form(client_id: str, client_secret: str, tenant_id: str, scope: str = SCOPE) -> dict[str, str]:
    """The token request of one company; `tenant_id` is the company's tenant, not the customer's (visma.md §2)."""
    return {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": scope,
        "tenant_id": tenant_id,
    }


class VismaClient:
    """One company's Visma.

    `since` is always a stamp as Visma sent it, or None for everything; `overlap` is subtracted here, because equal
    stamps happen and the zone of stamps is undocumented (visma.md §3). All methods raise the families of
    `connector.errors`.
    """

    def __init__(
        self,
        session: ApiSession,
        *,
        page_size: int = 500,
        company_header: str = "",
        application_header: str = "Visma.net Financials",
        overlap: timedelta = OVERLAP,
    ) -> None:
        self._session = session
        self._page_size = page_size
        self._overlap = overlap
        named = {"ipp-company-id": company_header, "ipp-application-type": application_header}
        self._headers = {name: value for name, value in named.items() if value}

    # Lists. Rows that are `reduced` are so as soon as their page was read: where little of each is wanted

    def suppliers(self, since: str | None) -> Window[SupplierDto]:
        return self._window("/v1/supplier", SupplierDto, ("number",), self._modified(since))

    def supplier_locations(self, since: str | None) -> Window[SupplierLocationDto]:
        return self._window("/v1/supplierlocation", SupplierLocationDto, _LOCATION, self._modified(since))

    def items(self, since: str | None) -> Window[InventoryDto]:
        """With cross references, suppliers' numbers and unit conversions, which come only when asked for."""
        expanded: Params = {
            "expandCrossReference": "true",
            "expandSupplierDetails": "true",
            "expandInventoryUnits": "true",
        }
        return self._window("/v1/inventory", InventoryDto, ("inventoryNumber",), expanded | self._modified(since))

    def orders(self, since: str | None, reduced: Reduced | None = None) -> Window[PurchaseOrderDto]:
        """With their lines. Cancelled orders come too, deleted ones never do."""
        params: Params = {"includeCustomFreeFields": "true"}
        return self._window("/v1/purchaseorder", PurchaseOrderDto, _ORDER, params | self._modified(since), reduced)

    def receipts(self, since: str | None, reduced: Reduced | None = None) -> Window[PurchaseReceiptDto]:
        """By v2, the only reads that are left (visma.md §9.3)."""
        params: Params = {"includeCustomFreeFields": "true"}
        return self._window(
            "/v2/PurchaseReceipt", PurchaseReceiptDto, _RECEIPT, params | self._modified(since), reduced
        )

    def invoices(self, since: str | None, reduced: Reduced | None = None) -> Window[SupplierInvoiceDto]:
        """Look at `lines_came` of each row: that lists bring the lines is documented, but nobody has seen it."""
        return self._window("/v1/supplierInvoice", SupplierInvoiceDto, _INVOICE, self._modified(since), reduced)

    # Orders

    def order(self, nbr: str) -> tuple[Row[PurchaseOrderDto], str]:
        """The order and its ETag."""
        answer = self._read(f"/v1/purchaseorder/{path_key(nbr)}", {"includeCustomFreeFields": "true"})
        row = _row(answer, PurchaseOrderDto, _ORDER)
        return row, _etag(answer) or row.dto.time_stamp

    def update_order(self, nbr: str, body: Sendable, etag: str) -> str:
        """The new ETag. Raises Stale when the order changed since `etag`."""
        return _etag(self._write("PUT", f"/v1/purchaseorder/{path_key(nbr)}", body, etag))

    # Receipts, in the sequence of visma.md §9.3

    def create_receipt(self, body: Sendable) -> str:
        """The number of the new receipt. Raises InDoubt when Visma does not tell it."""
        return new_number(self._write("POST", "/v1/PurchaseReceipt", body), "PurchaseReceipt")

    def add_order_lines(self, nbr: str, body: Sendable) -> ActionResult:
        """Whether a repeat would double lines is unknown (visma.md §10): look at the receipt before repeating."""
        return _result(self._write("POST", f"/v1/PurchaseReceipt/{path_key(nbr)}/action/addpurchaseorderlines", body))

    def receipt(self, nbr: str) -> tuple[Row[PurchaseReceiptDto], str]:
        """The receipt and its ETag."""
        answer = self._read(f"/v2/PurchaseReceipt/{path_key(nbr)}", {"includeCustomFreeFields": "true"})
        row = _row(answer, PurchaseReceiptDto, _RECEIPT)
        return row, _etag(answer) or row.dto.time_stamp

    def update_receipt(self, nbr: str, body: Sendable, etag: str = "") -> str:
        """The new ETag. Raises Stale when `etag` is given and the receipt changed since."""
        return _etag(self._write("PUT", f"/v1/PurchaseReceipt/{path_key(nbr)}", body, etag))

    def release_receipt(self, nbr: str) -> ActionResult:
        return _result(self._write("POST", f"/v1/PurchaseReceipt/{path_key(nbr)}/action/release"))

    def cancel_receipt(self, nbr: str) -> ActionResult:
        return _result(self._write("POST", f"/v1/PurchaseReceipt/{path_key(nbr)}/action/cancelReceipt"))

    def find_receipts(self, supplier: str, since: str | None) -> list[Row[PurchaseReceiptDto]]:
        """All receipts of a supplier touched since; an empty list proves that there is none (visma.md §8).

        Raises Transient when the list would not hold still, InDoubt when it holds a row that cannot be read.
        """
        params: Params = {"supplier": supplier, "includeCustomFreeFields": "true"}
        window = self._window("/v2/PurchaseReceipt", PurchaseReceiptDto, _RECEIPT, params | self._modified(since))
        rows = _proof(window, "receipts")
        return [
            row
            for row in rows
            if self._is_of(row.dto.supplier.number, supplier, row.dto.last_modified_date_time, since)
        ]

    # Invoices

    def create_invoice(self, body: Sendable) -> str:
        """The number of the new invoice. Raises InDoubt when Visma does not tell it."""
        return new_number(self._write("POST", "/v1/supplierInvoice", body), "supplierInvoice")

    def invoice(
        self, nbr: str, document_type: str = "Invoice", attachments: bool = False
    ) -> tuple[Row[SupplierInvoiceDto], str]:
        """The invoice and its ETag; by type too, because numbers may repeat across types."""
        params: Params = {"expandAttachment": "true"} if attachments else {}
        answer = self._read(f"/v1/supplierInvoice/{path_key(document_type)}/{path_key(nbr)}", params)
        row = _row(answer, SupplierInvoiceDto, _INVOICE)
        return row, _etag(answer) or row.dto.time_stamp

    def find_invoices(
        self, supplier: str, since: str | None, document_type: str = "Invoice", by: str = "createdDateTime"
    ) -> list[Row[SupplierInvoiceDto]]:
        """All of a supplier's invoices of that type created (or by="lastModifiedDateTime": touched) since.

        An empty list proves that there is none. Raises as `find_receipts` does.
        """
        params: Params = {"supplier": supplier, "documentType": document_type}
        params |= self._modified(since, by)
        window = self._window("/v1/supplierInvoice", SupplierInvoiceDto, _INVOICE, params)
        found = []
        for row in _proof(window, "supplier invoices"):
            stamp = row.dto.created_date_time if by == "createdDateTime" else row.dto.last_modified_date_time
            same_type = row.dto.document_type in ("", document_type)
            if same_type and self._is_of(row.dto.supplier.number, supplier, stamp, since):
                found.append(row)
        return found

    def attach_to_invoice(self, nbr: str, document_type: str, filename: str, content: bytes, content_type: str) -> None:
        """The same file name again makes a new revision of the same attachment, no second one."""
        path = f"/v1/supplierInvoice/documentType/{path_key(document_type)}/{path_key(nbr)}/attachment"
        files = {"file": (filename, content, content_type)}
        self._session.call("POST", path, write=True, files=files, headers=self._headers)

    # The company

    def company_check(self) -> list[BranchDto]:
        """The branches, by one cheap call. A wrong company shows as an empty list (visma.md §1)."""
        body = self._read("/v1/branch", {}).json()
        return [parsed(raw, BranchDto, ("number",)).dto for raw in page_of(body, self._page_size).rows]

    # Below: how all of them are called

    def _read(self, path: str, params: Params) -> Answer:
        return self._session.call("GET", path, write=False, params=params, headers=self._headers)

    def _write(self, method: str, path: str, body: Sendable | None = None, etag: str = "") -> Answer:
        headers = self._headers | ({"If-Match": f'"{etag}"'} if etag else {})
        json = body.wire() if isinstance(body, Body) else body
        answer = self._session.call(method, path, write=True, json=json, headers=headers)
        # Visma says 204, and the new ETag (visma.md §4); something between us may say 200
        if method == "PUT" and answer.status != 204 and not (_etag(answer) or answer.content.strip()):
            raise errors.InDoubt(
                f"{answer.what} was answered with {answer.status}, but without what Visma says of a change. It is looked up"
                " before repeating."
            )
        return answer

    def _modified(self, since: str | None, name: str = "lastModifiedDateTime") -> Params:
        if since is None:
            return {}  # both or neither: without its condition the date is ignored (visma.md §3)
        return {name: stamps.less_overlap(since, self._overlap), f"{name}Condition": ">="}

    def _window(
        self,
        path: str,
        dto: type[T],
        key_fields: tuple[str, ...],
        params: Params,
        reduced: Reduced | None = None,
    ) -> Window[T]:
        def fetch(number: int, size: int) -> Page:
            paged: Params = params | {"pageNumber": number, "pageSize": size}
            page = told(partial(self._page, path, paged, size), first=number == 1)
            if reduced is None:
                return page
            return replace(page, rows=[reduced(row) if isinstance(row, dict) else row for row in page.rows])

        return read_window(fetch, dto, key_fields, self._page_size)

    def _page(self, path: str, params: Params, size: int) -> Page:
        answer = self._read(path, params)
        return page_of(answer.json(), size, stamps.said(answer.headers.get("Date", "")))

    def _is_of(self, number: str, supplier: str, stamp: str, since: str | None) -> bool:
        # Filters that Visma does not know are ignored without a word, so every one is checked on the rows. A row that
        # says nothing stays in: one look too many costs less than a second posting.
        if number not in ("", supplier):
            return False
        bound = stamps.moment(stamps.less_overlap(since, self._overlap)) if since else None
        at = stamps.moment(stamp)
        return bound is None or at is None or at >= bound


def _row(answer: Answer, dto: type[T], key_fields: tuple[str, ...]) -> Row[T]:
    return parsed(answer.json(), dto, key_fields)


def _etag(answer: Answer) -> str:
    return answer.headers.get("ETag", "").strip().removeprefix("W/").strip('"')


def _result(answer: Answer) -> ActionResult:
    """What an action says of itself: 200 may still mean Failed (visma.md §4)."""
    if answer.broken:
        raise errors.InDoubt(f"{answer.what} was answered, but its result broke off. It is looked up before repeating.")
    if not answer.content.strip():
        return ActionResult()
    try:
        result = ActionResult.model_validate(answer.json())
    except ValidationError as cause:
        raise errors.InDoubt(f"{answer.what} was answered with an unreadable result. It is looked up.") from cause
    if result.action_result.casefold() == "failed":
        raise errors.Rejected(
            f"{answer.what} failed: {result.error_info or 'no reason was given'}", status=answer.status
        )
    return result


def _proof(window: Window[T], what: str) -> Sequence[Row[T]]:
    """Rows whose absence means something."""
    if window.settled(what).unreadable:
        raise errors.InDoubt(f"The list of {what} holds a row that cannot be read: {window.unreadable[0][1]}")
    return window.rows
