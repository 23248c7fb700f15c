"""Purchase receipts in the books: the sequence of visma.md §9.3, with what it refuses."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from copy import deepcopy
from decimal import Decimal

from connector.sandbox import visma_invoices
from connector.sandbox.visma_books import ZERO, Books, Row, check_match, post_period, refuse
from connector.sandbox.visma_fields import CUSTOM_FIELDS, Fields
from connector.sandbox.visma_orders import follow_receipts, line_of
from connector.sandbox.wire import Json


def create(books: Books, content: Json, who: str) -> Row:
    """POST of a header. 400 for an unknown supplier, a bare scalar or a bad period."""
    fields = Fields(content, "the purchase receipt")
    supplier = books.suppliers.get(fields.text("supplierId"))
    if supplier is None:
        raise refuse(f"Error: 'Supplier' '{fields.text('supplierId')}' cannot be found in the system.")
    kind = fields.text("receiptType", "PoReceipt")
    if kind not in ("PoReceipt", "PoReturn", "TransferReceipt"):
        raise refuse(f"Error converting value '{kind}' of 'receiptType'.")
    if fields.objects("lines"):
        raise refuse("Error: lines of an order are added by the action addpurchaseorderlines.")
    date = fields.date("date", books.today()) or books.today()
    number = books.next_number("PR")
    hold = fields.flag("hold", default=True)
    body: Json = {
        "receiptType": kind,
        "receiptNbr": number,
        "hold": hold,
        "status": "Hold" if hold else "Balanced",
        "date": date,
        "postPeriod": post_period(fields.text("postPeriod", f"{date[5:7]}{date[:4]}")),
        "supplier": {key: supplier.body[key] for key in ("internalId", "number", "name")},
        "location": {"countryId": "NO", "id": "MAIN", "name": "Primary location"},
        "currency": fields.text("currency", supplier.body["currencyId"]),
        "exchangeRate": Decimal(1),
        "createBill": fields.flag("createBill", default=books.rules.bill_on_release),
        "supplierRef": fields.text("supplierRef"),
        "totalQty": ZERO,
        "totalAmt": ZERO,
        "branchNumber": {"number": fields.text("branchNumber", "1"), "name": "Example Company AS"},
        "lines": [],
        "note": fields.text("note"),
        **dict.fromkeys(CUSTOM_FIELDS),
        **fields.customs(),
    }
    if body["branchNumber"]["number"] not in books.branches:
        raise refuse(f"Error: 'Branch' '{body['branchNumber']['number']}' cannot be found in the system.")
    return books.add(books.receipts, number, body, who)


def _unreleased(books: Books, number: str, on_hold: bool = False) -> Row:
    row = books.find(books.receipts, number, "Purchase receipt")
    if row.body["status"] not in (("Hold",) if on_hold else ("Hold", "Balanced")):
        raise refuse(f"Error: Purchase receipt {number} is {row.body['status']} and cannot be changed.")
    return row


def _done(queued: bool = False) -> Json:
    return {"actionId": str(uuid.uuid4()), "actionResult": "Queued" if queued else "Done", "errorInfo": ""}


def _failed(why: str) -> Json:
    return {"actionId": str(uuid.uuid4()), "actionResult": "Failed", "errorInfo": why}


def add_lines(books: Books, number: str, content: Json, who: str) -> Json:
    """The action addpurchaseorderlines: all of the named lines or none, each with its open quantity."""
    row = _unreleased(books, number, on_hold=True)
    groups = content.get("purchaseOrderLines")
    if not isinstance(groups, list) or not groups:
        raise refuse("Error: purchaseOrderLines must name at least one order.")
    chosen = [(order, line) for group in groups for order, line in _chosen(books, row, group)]
    return _append(books, row, chosen, who)


def add_orders(books: Books, number: str, content: Json, who: str) -> Json:
    """The action addpurchaseorder: every open line of the named orders."""
    row = _unreleased(books, number, on_hold=True)
    chosen = []
    for group in content.get("purchaseOrders") or []:
        order = _open_order(books, row, group.get("orderNbr"))
        chosen += [(order, line) for line in order["lines"] if _open_quantity(line) > 0]
    if not chosen:
        raise refuse("Error: nothing is open on the named purchase orders.")
    return _append(books, row, chosen, who)


def _append(books: Books, row: Row, chosen: list[tuple[Json, Json]], who: str) -> Json:
    keys = [(order["orderNbr"], line["lineNbr"]) for order, line in chosen]
    present = {(line["poOrderNbr"], line["poOrderLineNbr"]) for line in row.body["lines"]}
    repeated = [key for key in keys if key in present or keys.count(key) > 1]
    if repeated:
        raise refuse(f"Error: line {repeated[0][1]} of purchase order {repeated[0][0]} is already on this receipt.")
    for order, line in chosen:
        row.body["lines"].append(_receipt_line(row.body, order, line))
        books.receipts_of.setdefault(order["orderNbr"], set()).add(row.body["receiptNbr"])
    _settle(books, row, who, "order lines added")
    return _done()


def _open_order(books: Books, row: Row, number: object) -> Json:
    order = books.orders.get(str(number))
    if order is None:
        raise refuse(f"Error: 'Purchase order' '{number}' cannot be found in the system.")
    if order.body["status"] != "Open":
        raise refuse(f"Error: Purchase order {number} is {order.body['status']}; only open orders can be received.")
    if order.body["supplier"]["number"] != row.body["supplier"]["number"]:
        raise refuse(f"Error: Purchase order {number} belongs to another supplier than the receipt.")
    return order.body


def _chosen(books: Books, row: Row, group: Json) -> list[tuple[Json, Json]]:
    order = _open_order(books, row, group.get("orderNbr"))
    return [(order, _open_line(order, part.get("lineNbr"))) for part in group.get("lines") or []]


def _open_line(order: Json, number: object) -> Json:
    if not isinstance(number, str) or not number.isdecimal():
        raise refuse(f"Error converting value {number!r} of 'lineNbr' to text with a line number.")
    line = line_of(order, int(number))
    if line is None:
        raise refuse(f"Error: Purchase order {order['orderNbr']} has no line {number}.")
    if _open_quantity(line) <= 0:
        raise refuse(f"Error: line {number} of purchase order {order['orderNbr']} has no open quantity.")
    return line


def _open_quantity(line: Json) -> Decimal:
    done = line["completed"] or line["canceled"]
    return ZERO if done else Decimal(line["orderQty"] - line["qtyOnReceipts"])


def _receipt_line(receipt: Json, order: Json, line: Json) -> Json:
    quantity = _open_quantity(line)
    return {
        "lineNbr": max((known["lineNbr"] for known in receipt["lines"]), default=0) + 1,
        "inventory": dict(line["inventory"]),
        "lineType": line["lineType"],
        "warehouse": dict(line["warehouse"]),
        "transactionDescription": line["lineDescription"],
        "uom": line["uom"],
        "orderQty": line["orderQty"],
        "openQty": quantity,
        "receiptQty": quantity,
        "unitCost": line["unitCost"],
        "extCost": quantity * line["unitCost"],
        "amount": quantity * line["unitCost"],
        "taxCategory": dict(line["taxCategory"]),
        "poOrderType": "RegularOrder",
        "poOrderNbr": order["orderNbr"],
        "poOrderLineNbr": line["lineNbr"],
        "completePoLine": False,
        "allocations": [],
        "note": "",
        **dict.fromkeys(CUSTOM_FIELDS),
    }


def change(books: Books, number: str, content: Json, if_match: str, who: str) -> Row:
    """PUT of a receipt; the row afterwards. Nothing is written when one line is refused."""
    row = _unreleased(books, number)
    check_match(row, if_match)
    fields = Fields(content, "the purchase receipt")
    edits = fields.objects("lines")
    draft = deepcopy(row.body)
    for edit in edits:
        line, after = _edited(books, draft, edit)
        line.update(after)
    deleted = [edit.integer("lineNbr") for edit in edits if edit.operation() == "Delete"]
    draft["lines"] = [line for line in draft["lines"] if line["lineNbr"] not in deleted]
    _write_header(draft, fields)
    touched = {line["poOrderNbr"] for line in row.body["lines"]}
    row.body = draft
    _settle(books, row, who, "changed", touched)
    return row


def _write_header(body: Json, fields: Fields) -> None:
    body["date"] = fields.date("date", body["date"])
    for name in ("supplierRef", "note"):
        body[name] = fields.text(name, body[name])
    body["createBill"] = fields.flag("createBill", default=body["createBill"])
    body["hold"] = fields.flag("hold", default=body["hold"])
    body["status"] = "Hold" if body["hold"] else "Balanced"
    body.update(fields.customs())


def _edited(books: Books, receipt: Json, edit: Fields) -> tuple[Json, Json]:
    """The line that an instruction means, and its new values, checked."""
    number = edit.integer("lineNbr")
    line = next((known for known in receipt["lines"] if known["lineNbr"] == number), None)
    if edit.operation() == "Insert" or line is None:
        raise refuse(f"Error: {edit.where}: purchase receipt {receipt['receiptNbr']} has no line {number}.")
    quantity = edit.number("receiptQty", line["receiptQty"]) or ZERO
    if edit.text("uom", line["uom"]) != line["uom"]:
        raise refuse(f"Error: {edit.where}: the unit of a linked line is the order's unit {line['uom']}.")
    _check_quantity(books, line, quantity)
    after: Json = {
        "receiptQty": quantity,
        "unitCost": edit.number("unitCost", line["unitCost"]),
        "completePoLine": edit.flag("completePoLine", default=line["completePoLine"]),
        "note": edit.text("note", line["note"]),
        "allocations": _allocations(line, edit, quantity),
        **edit.customs(),
    }
    return line, after


def _check_quantity(books: Books, line: Json, quantity: Decimal) -> None:
    """minReceipt, maxReceipt and receiptAction of the order line decide (visma.md §9.2)."""
    if quantity < 0:
        raise refuse(f"Error: line {line['lineNbr']}: the quantity must not be negative.")
    order_line = line_of(books.orders[line["poOrderNbr"]].body, line["poOrderLineNbr"])
    if order_line is None or order_line["receiptAction"] != "Reject":
        return
    others = order_line["qtyOnReceipts"] - line["receiptQty"]
    if others + quantity > order_line["orderQty"] * order_line["maxReceipt"] / 100:
        raise refuse(
            f"Error: line {line['lineNbr']}: the quantity {quantity} exceeds the maximum that may be received."
        )


def _allocations(line: Json, edit: Fields, quantity: Decimal) -> list[Json]:
    known: dict[int, Json] = {part["lineNbr"]: part for part in line["allocations"]}
    for part in edit.objects("allocations"):
        number = part.integer("lineNbr") or 0
        if part.operation() == "Insert":
            number = max(known, default=0) + 1
        elif number not in known:
            raise refuse(f"Error: {edit.where}: there is no allocation {number}.")
        known[number] = _allocation(number, known.get(number, {}), part, line["uom"])
        if part.operation() == "Delete":
            del known[number]
    if sum((part["quantity"] for part in known.values()), ZERO) > quantity:
        raise refuse(f"Error: {edit.where}: the allocations exceed the quantity {quantity} of the line.")
    return list(known.values())


def _allocation(number: int, before: Json, part: Fields, unit: str) -> Json:
    location = part.text("location", (before.get("location") or {}).get("id", "R1"))
    return {
        "lineNbr": number,
        "location": {"id": location, "name": location},
        "lotSerialNumber": part.text("lotSerialNumber", before.get("lotSerialNumber", "")),
        "quantity": part.number("quantity", before.get("quantity", ZERO)),
        "uom": part.text("uom", before.get("uom", unit)),
        "expirationDate": part.date("expirationDate", before.get("expirationDate")),
    }


def _settle(books: Books, row: Row, who: str, action: str, also: Iterable[str] = ()) -> None:
    """Totals of the receipt, and what its orders (`also` those of deleted lines) now say."""
    for line in row.body["lines"]:
        line["extCost"] = line["amount"] = line["receiptQty"] * line["unitCost"]
    row.body["totalQty"] = sum((line["receiptQty"] for line in row.body["lines"]), ZERO)
    row.body["totalAmt"] = sum((line["amount"] for line in row.body["lines"]), ZERO)
    books.note(row, who, action)
    for order in sorted({line["poOrderNbr"] for line in row.body["lines"]} | set(also)):
        follow_receipts(books, order, who)


def release(books: Books, number: str, who: str) -> Json:
    """The action release: Done, or Failed with the reason in errorInfo (visma.md §4)."""
    row = books.find(books.receipts, number, "Purchase receipt")
    if row.body["status"] != "Balanced":
        return _failed(f"Purchase receipt {number} is {row.body['status']}; only balanced receipts can be released.")
    if not any(line["receiptQty"] > 0 for line in row.body["lines"]):
        return _failed(f"Purchase receipt {number} has no quantity to release.")
    row.body["status"] = "Released"
    _settle(books, row, who, "released")
    if row.body["createBill"]:
        visma_invoices.bill(books, row.body, who)
    return _done(queued=books.rules.queued_releases)


def cancel(books: Books, number: str, who: str) -> Json:
    """The action cancelReceipt: only what is not released."""
    row = books.find(books.receipts, number, "Purchase receipt")
    if row.body["status"] not in ("Hold", "Balanced"):
        return _failed(f"Purchase receipt {number} is {row.body['status']} and cannot be cancelled.")
    row.body["status"] = "Cancelled"
    _settle(books, row, who, "cancelled")
    return _done()
