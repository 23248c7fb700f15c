"""Purchase orders in the books: placing, changing, and what follows from their receipts (visma.md §9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal

from connector.sandbox.visma_books import ZERO, Books, Row, check_match, refuse
from connector.sandbox.visma_fields import CUSTOM_FIELDS, Fields
from connector.sandbox.wire import Json

CLOSED = ("Closed", "Cancelled", "Voided")


@dataclass(frozen=True)
class Wanted:
    """One line to order: quantity in `unit`, price per unit in the order's currency."""

    item: str
    quantity: Decimal
    unit: str
    price: Decimal
    alternate_id: str = ""
    receipt_action: str = "AcceptButWarn"


def place(
    books: Books,
    supplier: str,
    lines: Sequence[Wanted],
    *,
    wanted_on: str,
    date: str = "",
    status: str = "Open",
    who: str = "buyer",
) -> str:
    """A person places an order; line numbers have gaps (1, 3, 5 …). Returns the order number."""
    firm = books.find(books.suppliers, supplier, "Supplier").body
    number = books.next_number("PO")
    body: Json = {
        "orderType": "RegularOrder",
        "orderNbr": number,
        "hold": status == "Hold",
        "status": status,
        "date": date or books.today(),
        "promisedOn": wanted_on,
        "description": "Replenishment",
        "supplier": {"internalId": firm["internalId"], "number": supplier, "name": firm["name"]},
        "location": {"id": firm["internalId"] - 171, "name": "Primary location"},
        "currency": firm["currencyId"],
        "supplierRef": "",
        "exchangeRate": Decimal(1),
        "shippingDestinationType": "CompanyLocation",
        "shipTo": {"internalId": 1, "number": "1", "name": "Example Company AS"},
        "shippingContact": {"name": "Main warehouse", "attention": "Goods in", "phone1": "+47 22 00 00 01"},
        "shippingAddress": {
            "addressId": 77,
            "addressLine1": "Lagerveien 1",
            "postalCode": "0150",
            "city": "Oslo",
            "country": {"id": "NO", "name": "Norway"},
        },
        "warehouse": {"id": "1", "description": "Main"},
        "terms": dict(firm["creditTerms"]),
        "branch": {"number": "1", "name": "Example Company AS"},
        "lines": [_line(books, 2 * index + 1, wanted, wanted_on) for index, wanted in enumerate(lines)],
        "purchaseReceipts": [],
        "note": "",
        **dict.fromkeys(CUSTOM_FIELDS),
    }
    settle_totals(body)
    books.add(books.orders, number, body, who)
    return number


def _line(books: Books, number: int, wanted: Wanted, wanted_on: str) -> Json:
    item = books.find(books.items, wanted.item, "Inventory item").body
    factor = books.factor(wanted.item, wanted.unit)
    if factor is None:
        raise refuse(f"Unit '{wanted.unit}' is not defined for item '{wanted.item}'.")
    return {
        "lineNbr": number,
        "inventory": {"number": wanted.item, "description": item["description"]},
        "lineType": "GoodsForInventory" if item["stockItem"] else "NonStock",
        "warehouse": {"id": "1", "description": "Main"},
        "lineDescription": item["description"],
        "uom": wanted.unit,
        "orderQty": wanted.quantity,
        "baseOrderQty": wanted.quantity * factor,
        "qtyOnReceipts": ZERO,
        "unitCost": wanted.price,
        "extCost": wanted.quantity * wanted.price,
        "discountPercent": ZERO,
        "amount": wanted.quantity * wanted.price,
        "receivedAmt": ZERO,
        "alternateId": wanted.alternate_id,
        "minReceipt": ZERO,
        "maxReceipt": Decimal(100),
        "completeOn": Decimal(100),
        "receiptAction": wanted.receipt_action,
        "taxCategory": {"number": item["vatCode"]["id"], "description": item["vatCode"]["description"]},
        "requested": wanted_on,
        "promised": wanted_on,
        "completed": False,
        "canceled": False,
        "orderType": "RegularOrder",
        "note": "",
        **dict.fromkeys(CUSTOM_FIELDS),
    }


def line_of(body: Json, number: int | None) -> Json | None:
    """The order line with that number."""
    return next((line for line in body["lines"] if line["lineNbr"] == number), None)


def settle_totals(body: Json) -> None:
    """Totals of the header from the lines; VAT at 25 %."""
    for line in body["lines"]:
        line["extCost"] = line["amount"] = line["orderQty"] * line["unitCost"]
    counted = [line for line in body["lines"] if not line["canceled"]]
    body["lineTotal"] = sum((line["amount"] for line in counted), ZERO)
    body["taxTotal"] = (body["lineTotal"] / 4).quantize(Decimal("0.01"))
    body["orderTotal"] = body["lineTotal"] + body["taxTotal"]
    waiting = [line for line in counted if not line["completed"]]
    body["openQuantity"] = sum((max(ZERO, line["orderQty"] - line["qtyOnReceipts"]) for line in waiting), ZERO)
    body["openBalance"] = sum(
        (max(ZERO, line["orderQty"] - line["qtyOnReceipts"]) * line["unitCost"] for line in waiting), ZERO
    )


def change(books: Books, number: str, content: Json, if_match: str, who: str) -> Row:
    """PUT of an order; the row afterwards. 412 on another version, 400 on a closed order or an unknown line."""
    row = books.find(books.orders, number, "Purchase order")
    check_match(row, if_match)
    if row.body["status"] in CLOSED:
        raise refuse(f"Error: Purchase order {number} is {row.body['status']} and cannot be changed.")
    if books.rules.refuse_open_order_changes and row.body["status"] == "Open":
        raise refuse(f"Error: Purchase order {number} is Open; put it on hold before it is changed.")
    fields = Fields(content, "the purchase order")
    edits = fields.objects("lines")
    for edit in edits:
        _check_line_edit(row.body, edit)
    draft = deepcopy(row.body)  # refused half-way, nothing is written
    _write_header(draft, fields)
    for edit in edits:
        _write_line(draft, edit)
    settle_totals(draft)
    row.body = draft
    books.note(row, who, "changed")
    return row


def _line_meant(body: Json, edit: Fields) -> Json:
    line = line_of(body, edit.integer("lineNumber"))
    if line is None:
        raise refuse(f"Error: Purchase order {body['orderNbr']} has no line {edit.integer('lineNumber')}.")
    return line


def _check_line_edit(body: Json, edit: Fields) -> None:
    if edit.operation() == "Insert":
        raise refuse(f"Error: {edit.where}: new lines are entered by the buyer.")
    _line_meant(body, edit)
    if (edit.number("orderQty") or ZERO) < 0 or (edit.number("unitCost") or ZERO) < 0:
        raise refuse(f"Error: {edit.where}: the value must be positive.")


def _write_header(body: Json, fields: Fields) -> None:
    body["promisedOn"] = fields.date("promisedOn", body["promisedOn"])
    for name in ("supplierRef", "note", "description"):
        body[name] = fields.text(name, body[name])
    if "hold" in fields:
        body["hold"] = fields.flag("hold", default=False)
        body["status"] = "Hold" if body["hold"] else "Open"
    body.update(fields.customs())
    if fields.body.get("changeDatesOnLines"):
        for line in body["lines"]:
            line["promised"] = body["promisedOn"]


def _write_line(body: Json, edit: Fields) -> None:
    line = _line_meant(body, edit)
    if edit.operation() == "Delete":
        body["lines"].remove(line)
        return
    for name in ("promised", "requested"):
        line[name] = edit.date(name, line[name])
    for name in ("orderQty", "unitCost"):
        line[name] = edit.number(name, line[name])
    for name in ("alternateId", "note"):
        line[name] = edit.text(name, line[name])
    line["completed"] = edit.flag("completed", default=line["completed"])
    line.update(edit.customs())


def receipt_lines(books: Books, order: str) -> Iterator[tuple[Json, Json]]:
    """Each (receipt, line) that belongs to an order, cancelled receipts left out."""
    for number in sorted(books.receipts_of.get(order, ())):
        receipt = books.receipts[number].body
        if receipt["status"] != "Cancelled":
            yield from ((receipt, line) for line in receipt["lines"] if line["poOrderNbr"] == order)


def follow_receipts(books: Books, number: str, who: str) -> None:
    """Quantities on receipts, completed lines, the list of receipts and the status Closed follow from the receipts."""
    row = books.orders[number]
    pairs = list(receipt_lines(books, number))
    for line in row.body["lines"]:
        _follow_line(books, line, pairs)
    receipts = {receipt["receiptNbr"]: receipt for receipt, _ in pairs}
    row.body["purchaseReceipts"] = [
        {"type": r["receiptType"], "receiptNumber": nbr, "status": r["status"], "totalQty": r["totalQty"]}
        for nbr, r in sorted(receipts.items())
    ]
    if row.body["status"] == "Open" and all(line["completed"] or line["canceled"] for line in row.body["lines"]):
        row.body["status"] = "Closed"
    settle_totals(row.body)
    books.note(row, who, "receipts changed")


def _follow_line(books: Books, line: Json, pairs: list[tuple[Json, Json]]) -> None:
    own = [(receipt, part) for receipt, part in pairs if part["poOrderLineNbr"] == line["lineNbr"]]
    line["qtyOnReceipts"] = sum((_as_ordered(books, line, part) for _, part in own), ZERO)
    released = [part for receipt, part in own if receipt["status"] == "Released"]
    received = sum((_as_ordered(books, line, part) for part in released), ZERO)
    line["receivedAmt"] = received * line["unitCost"]
    enough = received > 0 and received >= line["orderQty"] * line["completeOn"] / 100
    if enough or any(part["completePoLine"] for part in released):
        line["completed"] = True


def _as_ordered(books: Books, line: Json, part: Json) -> Decimal:
    """A receipt line's quantity in the ordered unit: who types one may choose another of the item's."""
    item, quantity = line["inventory"]["number"], Decimal(part["receiptQty"])
    own, ordered = books.factor(item, part["uom"]), books.factor(item, line["uom"])
    return quantity * own / ordered if own and ordered else quantity


def cancel(books: Books, number: str, who: str = "buyer") -> None:
    """A person cancels an order."""
    row = books.find(books.orders, number, "Purchase order")
    for line in row.body["lines"]:
        line["completed"] = line["canceled"] = True
    row.body["status"] = "Cancelled"
    settle_totals(row.body)
    books.note(row, who, "cancelled")
