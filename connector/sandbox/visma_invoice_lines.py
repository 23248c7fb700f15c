"""Lines of a supplier invoice: linked to a released receipt or an order, or free on an account (visma.md §9.4).

Without `validateLineDetails` a line that is refused is dropped in silence, as the specification says of the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connector.sandbox.visma_books import ZERO, Books, refuse
from connector.sandbox.visma_fields import Fields
from connector.sandbox.visma_orders import line_of
from connector.sandbox.wire import Json, Refusal

_LONGEST_DESCRIPTION = 30


@dataclass(frozen=True)
class Purchase:
    """The receipt line (or order line) that an invoice line is for."""

    line: Json
    receipt: str = ""
    receipt_line: int | None = None
    order: str = ""
    order_line: int | None = None

    def linked(self, quantity: Decimal, unit: str, price: Decimal) -> Json:
        """The invoice line as it is read back."""
        item = self.line["inventory"]
        body = _line(item["number"], item["description"], quantity, unit, price)
        body["stockItem"] = self.line["lineType"] == "GoodsForInventory"
        body["vatCode"] = {"id": self.line["taxCategory"]["number"], "description": "From the purchase"}
        body["account"] = {"type": "Liability", "number": "2960", "description": "Goods received, not invoiced"}
        body |= {"poReceiptNbr": self.receipt or None, "poReceiptLineNbr": self.receipt_line}
        return body | {"poNumber": self.order, "poLineNr": self.order_line}


def _line(item: str, text: str, quantity: Decimal, unit: str, price: Decimal) -> Json:
    cost = (quantity * price).quantize(Decimal("0.01"))
    return {
        "inventoryNumber": item or None,
        "stockItem": False,
        "transactionDescription": text,
        "quantity": quantity,
        "uom": unit or None,
        "unitCost": price,
        "unitCostInCurrency": price,
        "cost": cost,
        "costInCurrency": cost,
        "branchNumber": {"number": "1", "name": "Example Company AS"},
        "vatCode": None,
        "poNumber": None,
        "poLineNr": None,
        "poReceiptNbr": None,
        "poReceiptLineNbr": None,
    }


def receipt_line_purchase(receipt: Json, line: Json) -> Purchase:
    """The purchase behind a receipt's line."""
    return Purchase(line, receipt["receiptNbr"], line["lineNbr"], line["poOrderNbr"], line["poOrderLineNbr"])


def lines_of(books: Books, supplier: str, kind: str, fields: Fields) -> list[Json]:
    """All lines that a POST asks for, as they will be read back."""
    strict = fields.flag("validateLineDetails", default=False)
    lines: list[Json] = []
    for written in fields.objects("invoiceLines") + fields.objects("addPOReceiptLines"):
        try:
            lines.append(_one(books, supplier, kind, written, lines))
        except Refusal:
            if strict:
                raise
    return lines


def _one(books: Books, supplier: str, kind: str, written: Fields, before: list[Json]) -> Json:
    if written.operation() != "Insert":
        raise refuse(f"Error: {written.where}: a new document has no line to change.")
    text = written.text("transactionDescription")
    if len(text) > _LONGEST_DESCRIPTION:
        raise refuse(f"Error: {written.where}: 'Transaction descr.' is longer than {_LONGEST_DESCRIPTION} characters.")
    purchase = _purchase(books, supplier, written)
    if purchase is None:
        return _free(books, written, text)
    return _linked(books, kind, written, purchase, before)


def _purchase(books: Books, supplier: str, written: Fields) -> Purchase | None:
    if "poReceiptNumber" in written:
        number, line = written.text("poReceiptNumber"), written.integer("poReceiptLineNumber")
        return _from_receipt(books, supplier, number, line, written.where)
    link = written.body.get("linkLine")
    if not link:
        return None
    target = Fields(link, f"{written.where}.linkLine")
    number, line = target.text("purchaseNumber"), target.integer("purchaseLineNbr")
    match link.get("purchaseType"):
        case "PurchaseReceipt":
            return _from_receipt(books, supplier, number, line, target.where)
        case "PurchaseOrder":
            return _from_order(books, supplier, number, line, target.where)
    raise refuse(f"Error converting value {link.get('purchaseType')!r} of 'purchaseType'.")


def _from_receipt(books: Books, supplier: str, number: str, line_number: int | None, where: str) -> Purchase:
    receipt = books.receipts.get(number)
    if receipt is None or receipt.body["supplier"]["number"] != supplier:
        raise refuse(f"Error: {where}: purchase receipt '{number}' of this supplier cannot be found in the system.")
    if receipt.body["status"] != "Released":
        raise refuse(f"Error: {where}: purchase receipt {number} is {receipt.body['status']}, not Released.")
    line = next((known for known in receipt.body["lines"] if known["lineNbr"] == line_number), None)
    if line is None:
        raise refuse(f"Error: {where}: purchase receipt {number} has no line {line_number}.")
    return receipt_line_purchase(receipt.body, line)


def _from_order(books: Books, supplier: str, number: str, line_number: int | None, where: str) -> Purchase:
    order = books.orders.get(number)
    line = line_of(order.body, line_number) if order and order.body["supplier"]["number"] == supplier else None
    if line is None:
        raise refuse(f"Error: {where}: line {line_number} of purchase order '{number}' cannot be found in the system.")
    if line["lineType"] == "GoodsForInventory":
        raise refuse(f"Error: {where}: a stock item is linked to its purchase receipt, not to the order.")
    return Purchase(line, order=number, order_line=line_number)


def _linked(books: Books, kind: str, written: Fields, purchase: Purchase, before: list[Json]) -> Json:
    item = purchase.line["inventory"]["number"]
    if written.text("inventoryNumber", item) != item:
        raise refuse(f"Error: {written.where}: the linked line is for item {item}.")
    unit = written.text("uom", purchase.line["uom"])
    quantity = written.number("quantity") or ZERO
    cost = written.number("costInCurrency")
    price = written.number("unitCostInCurrency", cost / quantity if cost and quantity else purchase.line["unitCost"])
    line = purchase.linked(quantity, unit, price or ZERO)
    vat = written.text("vatCodeId", line["vatCode"]["id"])
    _check_vat(books, vat, written.where)
    line["vatCode"] = line["vatCode"] | {"id": vat}
    if kind == "Invoice":
        _check_open(books, purchase, line, before, written.where)
    return line


def _check_open(books: Books, purchase: Purchase, line: Json, before: list[Json], where: str) -> None:
    """No more than what was received and not invoiced yet, in the item's base unit."""
    item = line["inventoryNumber"]
    factor = books.factor(item, line["uom"])
    if factor is None:
        raise refuse(f"Error: {where}: unit '{line['uom']}' is not defined for item '{item}'.")
    if line["quantity"] <= 0:
        raise refuse(f"Error: {where}: the quantity must be greater than zero.")
    if not purchase.receipt:
        return
    received = purchase.line["receiptQty"] * (books.factor(item, purchase.line["uom"]) or 1)
    open_quantity = received - invoiced(books, purchase.receipt, purchase.receipt_line, before)
    if line["quantity"] * factor > open_quantity:
        raise refuse(
            f"Error: {where}: {line['quantity']} {line['uom']} is more than what is received and not invoiced."
        )


def invoiced(books: Books, receipt: str, line_number: int | None, also: list[Json] | None = None) -> Decimal:
    """What invoices so far took of a receipt line, in the item's base unit."""
    documents = [books.invoices[key].body for key in books.invoices_of.get(receipt, ())]
    counted = [b for b in documents if b["documentType"] == "Invoice" and b["status"] != "Voided"]
    lines = [line for body in counted for line in body["invoiceLines"]] + (also or [])
    own = [x for x in lines if (x["poReceiptNbr"], x["poReceiptLineNbr"]) == (receipt, line_number)]
    return sum((x["quantity"] * (books.factor(x["inventoryNumber"], x["uom"]) or 1) for x in own), ZERO)


def _free(books: Books, written: Fields, text: str) -> Json:
    item = written.text("inventoryNumber")
    account = written.text("accountNumber")
    if item and item not in books.items:
        raise refuse(f"Error: {written.where}: 'Inventory ID' '{item}' cannot be found in the system.")
    if not item and not account:
        raise refuse(f"Error: {written.where}: 'Account' cannot be empty.")
    if account and not (account in books.accounts and books.accounts[account].body["active"]):
        raise refuse(f"Error: {written.where}: 'Account' '{account}' cannot be found in the system.")
    unit = written.text("uom")
    if item and unit and books.factor(item, unit) is None:
        raise refuse(f"Error: {written.where}: unit '{unit}' is not defined for item '{item}'.")
    quantity = written.number("quantity", Decimal(1)) or ZERO
    price = written.number("unitCostInCurrency") or written.number("costInCurrency") or ZERO
    line = _line(item, text, quantity, unit, price)
    vat = written.text("vatCodeId", books.items[item].body["vatCode"]["id"] if item else "")
    _check_vat(books, vat, written.where)
    known = books.accounts.get(account)
    line["account"] = {"number": account, "type": known.body["type"], "active": True} if known else None
    return line | {"vatCode": {"id": vat, "description": f"Category {vat}"} if vat else None}


def _check_vat(books: Books, category: str, where: str) -> None:
    if category and category not in books.vat_categories:
        raise refuse(f"Error: {where}: 'VAT category' '{category}' cannot be found in the system.")
