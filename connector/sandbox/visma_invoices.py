"""Supplier invoices in the books: linked and free lines, attachments, and what is refused (visma.md §9.4)."""

from __future__ import annotations

import uuid
from decimal import Decimal
from email import message_from_bytes
from email.policy import HTTP

from connector.sandbox.visma_books import ZERO, Books, Row, check_match, post_period, refuse
from connector.sandbox.visma_fields import Fields
from connector.sandbox.visma_invoice_lines import Purchase, lines_of, receipt_line_purchase
from connector.sandbox.wire import Json

_TYPES = ("Invoice", "CreditAdj", "DebitAdj", "Prepayment", "Refund", "Payment")
_CENT = Decimal("0.01")


def create(books: Books, content: Json, who: str) -> Row:
    """POST of a document. 400 for unknown supplier, account, VAT category, unit, a bad period or a bad link."""
    fields = Fields(content, "the supplier invoice")
    kind = fields.text("documentType", "Invoice")
    if kind not in _TYPES:
        raise refuse(f"Error converting value '{kind}' of 'documentType'.")
    supplier = books.suppliers.get(fields.text("supplierNumber"))
    if supplier is None:
        raise refuse(f"Error: 'Supplier' '{fields.text('supplierNumber')}' cannot be found in the system.")
    _check_reference(books, supplier.body["number"], kind, fields.text("supplierReference"))
    lines = lines_of(books, supplier.body["number"], kind, fields)
    number = books.next_number("")
    body = _header(books, kind, number, supplier.body, fields)
    _total(books, body, lines)
    return _enter(books, f"{kind}/{number}", body, who)


def _check_reference(books: Books, supplier: str, kind: str, reference: str) -> None:
    if books.rules.require_supplier_reference and not reference:
        raise refuse("Error: 'Supplier ref.' cannot be empty.")
    if not books.rules.refuse_repeated_reference:
        return
    for row in books.invoices.values():
        same = (row.body["supplier"]["number"], row.body["documentType"], row.body["supplierReference"])
        if same == (supplier, kind, reference) and row.body["status"] != "Voided":
            raise refuse(f"Error: supplier reference '{reference}' is already used by {row.body['referenceNumber']}.")


def _header(books: Books, kind: str, number: str, supplier: Json, fields: Fields) -> Json:
    date = fields.date("date", books.today()) or books.today()
    hold = fields.flag("hold", default=True)
    branch = fields.text("branchNumber", "1")
    terms = fields.text("creditTermsId", supplier["creditTerms"]["id"])
    currency = fields.text("currencyId", supplier["currencyId"])
    if branch not in books.branches:
        raise refuse(f"Error: 'Branch' '{branch}' cannot be found in the system.")
    if terms not in books.credit_terms:
        raise refuse(f"Error: 'Terms' '{terms}' cannot be found in the system.")
    if len(currency) != 3 or not currency.isupper():
        raise refuse(f"Error: 'Currency' '{currency}' cannot be found in the system.")
    return {
        "documentType": kind,
        "referenceNumber": number,
        "hold": hold,
        "status": "Hold" if hold else "Balanced",
        "approvalStatus": "New",
        "supplier": {key: supplier[key] for key in ("internalId", "number", "name")},
        "location": {"countryId": "NO", "id": "MAIN", "name": "Primary location"},
        "date": date,
        "dueDate": fields.date("dueDate", date),
        "postPeriod": post_period(fields.text("postPeriod", f"{date[5:7]}{date[:4]}")),
        "financialPeriod": f"{date[:4]}{date[5:7]}",
        "currencyId": currency,
        "exchangeRate": Decimal(1),
        "creditTerms": {"id": terms, "description": f"{terms} days"},
        "paymentRefNo": fields.text("paymentRefNo"),
        "supplierReference": fields.text("supplierReference"),
        "description": fields.text("description"),
        "note": fields.text("note"),
        "branchNumber": {"number": branch, "name": "Example Company AS"},
        "createdDateTime": books.stamp(),
        "attachments": [],
    }


def _total(books: Books, body: Json, lines: list[Json]) -> None:
    """Net, VAT by category and the amount to pay."""
    for position, line in enumerate(lines, start=1):
        line["lineNumber"] = position
    net = sum((line["costInCurrency"] for line in lines), ZERO)
    vat = ZERO
    details = []
    for category in sorted({(line.get("vatCode") or {}).get("id", "") for line in lines} - {""}):
        base = sum((x["costInCurrency"] for x in lines if (x.get("vatCode") or {}).get("id") == category), ZERO)
        rate = Decimal(books.vat_categories[category].body["vatCategoryLines"][0]["vatRates"][0]["vatRate"])
        tax = (base * rate / 100).quantize(_CENT)
        vat += tax
        details.append({"taxId": f"I{rate:.0f}", "vatRate": rate, "taxableAmount": base, "vatAmount": tax})
    body |= {"invoiceLines": lines, "taxDetailLines": details}
    body |= {"detailTotal": net, "detailTotalInCurrency": net, "vatTotal": vat, "vatTotalInCurrency": vat}
    body |= {"amount": net + vat, "vatAmount": vat, "balance": net + vat, "balanceInCurrency": net + vat}


def bill(books: Books, receipt: Json, who: str) -> Row:
    """What `createBill` does on release: an invoice for everything on the receipt, of which nobody else knows."""
    purchases = [receipt_line_purchase(receipt, line) for line in receipt["lines"] if line["receiptQty"] > 0]
    fields = Fields(
        {
            "supplierReference": {"value": receipt["supplierRef"]},
            "description": {"value": f"Created by {receipt['receiptNbr']}"},
        },
        "the bill",
    )
    supplier = books.suppliers[receipt["supplier"]["number"]].body
    number = books.next_number("")
    body = _header(books, "Invoice", number, supplier, fields)
    _total(books, body, [_billed(purchase) for purchase in purchases])
    return _enter(books, f"Invoice/{number}", body, f"{who} (createBill)")


def _enter(books: Books, key: str, body: Json, who: str) -> Row:
    for receipt in {line["poReceiptNbr"] for line in body["invoiceLines"] if line["poReceiptNbr"]}:
        books.invoices_of.setdefault(receipt, set()).add(key)
    return books.add(books.invoices, key, body, who)


def _billed(purchase: Purchase) -> Json:
    line = purchase.line
    return purchase.linked(line["receiptQty"], line["uom"], line["unitCost"])


def attach(books: Books, key: str, if_match: str, content_type: str, content: bytes, who: str) -> Row:
    """Store a file with an invoice; the same name again is a new revision. 400 when it is not a multipart file."""
    row = books.find(books.invoices, key, "Supplier invoice")
    check_match(row, if_match)
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + content, policy=HTTP)
    part = next((p for p in message.walk() if p.get_filename()), None)
    if part is None:
        raise refuse("Error: the request must be multipart/form-data with one file.")
    name = str(part.get_filename())
    payload = part.get_payload(decode=True)
    known = next((file for file in row.body["attachments"] if file["name"] == name), None)
    if known is None:
        known = {"name": name, "id": str(uuid.uuid4()), "revision": 0}
        row.body["attachments"].append(known)
    known["revision"] += 1
    books.files[known["id"]] = (name, payload if isinstance(payload, bytes) else b"")
    books.note(row, who, f"attached {name}")
    return row
