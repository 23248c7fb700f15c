"""Which lists the sandbox's Visma offers, with their filters (visma.md §9), and what an item shows when asked."""

from __future__ import annotations

from connector.sandbox.visma_lists import Listing, Params, by_field, wants, without_customs
from connector.sandbox.wire import Json

_MODIFIED = {"lastmodifieddatetime": "lastModifiedDateTime"}
_CREATED = {**_MODIFIED, "createddatetime": "createdDateTime"}
_EXPANDED_ITEM_PARTS = {
    "crossReferences": "expandCrossReference",
    "supplierDetails": "expandSupplierDetails",
    "inventoryUnits": "expandInventoryUnits",
}


def item_shape(body: Json, params: Params) -> Json:
    """Cross references, supplier details and units come only when expanded (visma.md §9.6)."""
    hidden = {part for part, switch in _EXPANDED_ITEM_PARTS.items() if not wants(params, switch)}
    return {name: value for name, value in body.items() if name not in hidden}


def invoice_shape(body: Json, params: Params) -> Json:
    """Attachments come only when expanded (visma.md §9.4)."""
    return body if wants(params, "expandAttachment") else {n: v for n, v in body.items() if n != "attachments"}


def _header_shape(body: Json, _: Params) -> Json:
    return {
        name: value for name, value in body.items() if name not in ("invoiceLines", "taxDetailLines", "attachments")
    }


def _has_order(body: Json, wanted: str) -> bool:
    return any(line.get("poOrderNbr") == wanted for line in body["lines"])


def _released(body: Json, wanted: str) -> bool:
    return (body["status"] in ("Open", "Closed")) == (wanted in ("1", "true"))


_INVOICE_FILTERS = {
    "supplier": by_field("supplier", "number"),
    "documenttype": by_field("documentType"),
    "status": by_field("status"),
    "branch": by_field("branchNumber", "number"),
    "financialperiod": by_field("financialPeriod"),
    "released": _released,
}
_INVOICE_DATES = {**_CREATED, "docdate": "date", "duedate": "dueDate"}

LISTS: dict[str, Listing] = {
    "/v1/supplier": Listing(
        lambda books: books.suppliers,
        "number",
        {
            "name": by_field("name"),
            "status": by_field("status"),
            "corporateid": by_field("corporateId"),
            "vatregistrationid": by_field("vatRegistrationId"),
        },
    ),
    "/v1/supplierlocation": Listing(
        lambda books: books.locations,
        "locationId",
        {"locationid": by_field("locationId"), "gln": by_field("gln")},
    ),
    "/v1/inventory": Listing(
        lambda books: books.items,
        "inventoryNumber",
        {
            "inventorynumber": by_field("inventoryNumber"),
            "status": by_field("status"),
            "description": by_field("description"),
            "alternateid": lambda body, wanted: any(r["alternateID"] == wanted for r in body["crossReferences"]),
        },
        _CREATED,
        max_page=5000,
        shape=item_shape,
    ),
    "/v1/purchaseorder": Listing(
        lambda books: books.orders,
        "orderNbr",
        {
            "ordertype": by_field("orderType"),
            "orderstatus": by_field("status"),
            "supplier": by_field("supplier", "number"),
            "branch": by_field("branch", "number"),
        },
        {**_MODIFIED, "orderdate": "date", "deliverydate": "promisedOn"},
        max_page=500,
        shape=without_customs,
    ),
    "/v2/purchasereceipt": Listing(
        lambda books: books.receipts,
        "receiptNbr",
        {
            "receipttype": by_field("receiptType"),
            "status": by_field("status"),
            "supplier": by_field("supplier", "number"),
            "branch": by_field("branchNumber", "number"),
            "poordernbr": _has_order,
        },
        {**_MODIFIED, "receiptdate": "date"},
        max_page=500,
        shape=without_customs,
    ),
    "/v1/supplierinvoice": Listing(
        lambda books: books.invoices, "referenceNumber", _INVOICE_FILTERS, _INVOICE_DATES, shape=invoice_shape
    ),
    "/v1/supplierdocument": Listing(
        lambda books: books.invoices, "referenceNumber", _INVOICE_FILTERS, _INVOICE_DATES, shape=_header_shape
    ),
    "/v1/branch": Listing(lambda books: books.branches, "number", paged=False),
    "/v1/account": Listing(lambda books: books.accounts, "accountCD", paged=False),
    "/v1/vatcategory": Listing(lambda books: books.vat_categories, "vatCategoryId", dates=_CREATED, paged=False),
    "/v1/creditterm": Listing(lambda books: books.credit_terms, "termsId"),
}
