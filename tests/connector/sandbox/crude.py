"""A crude connector, in process and without faults: enough to let the sandbox's whole round happen in tests."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from connector.sandbox import World
from connector.sandbox.company import EXPENSE_ACCOUNT, FIRMS, UNITS
from connector.sandbox.wire import dump, request

PARTNERS = {firm.number: firm.partner for firm in FIRMS}
SUPPLIERS = {firm.partner: firm.number for firm in FIRMS}
RSX_UNITS = dict(UNITS)
VISMA_UNITS = {rsx: unit for unit, rsx in UNITS}


def order_paper(world: World, number: str, purpose: str = "00") -> dict[str, Any]:
    """The order as a connector would write it."""
    order = world.visma.books.orders[number].body
    header = {
        "TradingPartnerId": PARTNERS[order["supplier"]["number"]],
        "PurchaseOrderNumber": number,
        "TsetPurposeCode": purpose,
        "PrimaryPOTypeCode": "SA",
        "PurchaseOrderDate": order["date"][:10],
        "BuyersCurrency": order["currency"],
        "Vendor": order["supplier"]["number"],
    }
    lines = [
        {
            "OrderLine": {
                "LineSequenceNumber": str(line["lineNbr"]),
                "BuyerPartNumber": line["inventory"]["number"],
                "OrderQty": line["orderQty"],
                "OrderQtyUOM": RSX_UNITS[line["uom"]],
                "PurchasePrice": line["unitCost"],
            }
        }
        for line in order["lines"]
    ]
    return {"Header": {"OrderHeader": header}, "LineItem": lines}


def send_order(world: World, number: str, purpose: str = "00", revision: int = 1) -> None:
    content = dump(order_paper(world, number, purpose))
    world.sps.shelf.put(f"/in/PO{number}-{revision}.json", content, "api")


def read(content: bytes) -> list[dict[str, Any]]:
    """All papers of a file, in the JSON shape."""
    if content.lstrip().startswith(b"<"):
        root = ElementTree.fromstring(content)
        if not root.tag.startswith("{"):
            return [_tree(root)]
        return [_tree(child) for child in root]
    tree = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    return tree if isinstance(tree, list) else [tree]


LISTS = {
    *("Address", "Dates", "References", "LineItem", "LineItemAcknowledgement", "OrderLevel", "PackLevel", "ItemLevel"),
    *("Taxes", "ChargesAllowances"),
}
WHOLE = {"TotalLineItemNumber", "TotalOrders"}
NUMBERS = {
    *("OrderQty", "ShipQty", "InvoiceQty", "PurchasePrice", "ItemScheduleQty", "TaxAmount", "TaxPercent"),
    *("PercentDollarBasis", "AllowChrgAmt", "TotalAmount", "TotalSalesAmount"),
}


def _tree(element: ElementTree.Element) -> Any:
    children: dict[str, list[Any]] = defaultdict(list)
    for child in element:
        children[child.tag.split("}")[-1]].append(_tree(child))
    if not children:
        name, text = element.tag.split("}")[-1], element.text or ""
        return Decimal(text) if name in NUMBERS else int(text) if name in WHOLE else text
    return {name: found if name in LISTS else found[0] for name, found in children.items()}


def items(level: dict[str, Any]) -> list[dict[str, Any]]:
    found = list(level.get("ItemLevel", []))
    return found + [item for pack in level.get("PackLevel", []) for item in items(pack)]


class CrudeConnector:
    """Takes the papers that are expected to be delivered and does in Visma what they say, through the API."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done: set[tuple[str, int]] = set()
        fields = {
            "grant_type": "client_credentials",
            "client_id": world.credentials.visma_client_id,
            "client_secret": world.credentials.visma_client_secret,
            "tenant_id": world.credentials.visma_tenant,
            "scope": "vismanet_erp_service_api:read vismanet_erp_service_api:create vismanet_erp_service_api:update",
        }
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = world.visma.handle(request("POST", "/connect/token", headers=form, body=body))
        self.token = json.loads(answer.body)["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        reply = self.world.visma.handle(request(method, path, headers=headers, body=dump(body) if body else b""))
        content = json.loads(reply.body, parse_float=Decimal) if reply.body else None
        assert reply.status < 400, (method, path, content)
        return reply.status, dict(reply.headers), content

    def work(self) -> None:
        for expected in self.world.partner.expected:
            key = (expected.path, expected.index)
            if key in self.done or expected.outcome != "delivered":
                continue
            content = self.world.sps.shelf.files[expected.path].content
            paper = read(content)[expected.index]
            if getattr(self, expected.kind)(paper):
                self.done.add(key)

    def order_ack(self, paper: dict[str, Any]) -> bool:
        number = paper["Header"]["OrderHeader"]["PurchaseOrderNumber"]
        lines = [
            {
                "operation": "Update",
                "lineNumber": {"value": int(item["OrderLine"]["LineSequenceNumber"])},
                "promised": {"value": max(x["ItemScheduleDate"] for x in item["LineItemAcknowledgement"])},
            }
            for item in paper.get("LineItem", [])
        ]
        if self.world.visma.books.orders[number].body["status"] == "Open":
            self.call("PUT", f"/v1/purchaseorder/{number}", {"lines": lines})
        return True

    def shipment(self, paper: dict[str, Any]) -> bool:
        header = paper["Header"]["ShipmentHeader"]
        supplier = SUPPLIERS[header["TradingPartnerId"]]
        body = {"supplierId": {"value": supplier}, "supplierRef": {"value": header["ShipmentIdentification"]}}
        _, headers, _ = self.call("POST", "/v1/PurchaseReceipt", body | {"createBill": {"value": False}})
        number = headers["Location"].rsplit("/", 1)[1]
        shipped: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for level in paper["OrderLevel"]:
            for item in items(level):
                line = item["ShipmentLine"]
                key = (level["OrderHeader"]["PurchaseOrderNumber"], int(line["LineSequenceNumber"]))
                shipped[key] += self._in_order_unit(key, Decimal(line["ShipQty"]), line["ShipQtyUOM"])
        groups = [{"orderNbr": o, "lines": [{"lineNbr": str(n)}]} for o, n in shipped]
        self.call("POST", f"/v1/PurchaseReceipt/{number}/action/addpurchaseorderlines", {"purchaseOrderLines": groups})
        _, _, receipt = self.call("GET", f"/v2/PurchaseReceipt/{number}")
        lines = [
            {
                "operation": "Update",
                "lineNbr": {"value": line["lineNbr"]},
                "receiptQty": {"value": shipped[line["poOrderNbr"], line["poOrderLineNbr"]]},
            }
            for line in receipt["lines"]
        ]
        self.call("PUT", f"/v1/PurchaseReceipt/{number}", {"lines": lines})
        return True

    def _in_order_unit(self, key: tuple[str, int], quantity: Decimal, unit: str) -> Decimal:
        order = self.world.visma.books.orders[key[0]].body
        line = next(line for line in order["lines"] if line["lineNbr"] == key[1])
        if VISMA_UNITS[unit] == line["uom"]:
            return quantity
        factor = self.world.visma.books.factor(line["inventory"]["number"], line["uom"])
        assert factor is not None
        return quantity / factor

    def invoice(self, paper: dict[str, Any]) -> bool:
        header = paper["Header"]["InvoiceHeader"]
        order = header["PurchaseOrderNumber"]
        lines = []
        for item in paper["LineItem"]:
            target = self._received(order, int(item["InvoiceLine"]["LineSequenceNumber"]), item["InvoiceLine"])
            if target is None:
                return False
            lines.append(target)
        for charge in paper["Header"].get("ChargesAllowances", []):
            free = {"transactionDescription": {"value": "Freight"}, "accountNumber": {"value": EXPENSE_ACCOUNT}}
            price = {"unitCostInCurrency": {"value": charge["AllowChrgAmt"]}, "vatCodeId": {"value": "1"}}
            lines.append({"operation": "Insert"} | free | price)
        body = {
            "supplierNumber": {"value": SUPPLIERS[header["TradingPartnerId"]]},
            "supplierReference": {"value": header["InvoiceNumber"]},
            "validateLineDetails": {"value": True},
            "invoiceLines": lines,
        }
        _, headers, _ = self.call("POST", "/v1/supplierInvoice", body)
        _, _, booked = self.call("GET", f"/v1/supplierInvoice/Invoice/{headers['Location'].rsplit('/', 1)[1]}")
        assert booked["amount"] == paper["Summary"]["TotalAmount"]
        return True

    def _received(self, order: str, number: int, said: dict[str, Any]) -> dict[str, Any] | None:
        for receipt in self.world.visma.books.receipts.values():
            for line in receipt.body["lines"]:
                mine = (line["poOrderNbr"], line["poOrderLineNbr"]) == (order, number)
                quantity = self._in_order_unit((order, number), Decimal(said["InvoiceQty"]), said["InvoiceQtyUOM"])
                taken = (receipt.body["receiptNbr"], line["lineNbr"])
                if mine and receipt.body["status"] == "Released" and quantity == line["receiptQty"]:
                    if self._is_invoiced(taken):
                        continue
                    link = {"purchaseNumber": {"value": taken[0]}, "purchaseLineNbr": {"value": taken[1]}}
                    return {
                        "operation": "Insert",
                        "quantity": {"value": said["InvoiceQty"]},
                        "uom": {"value": VISMA_UNITS[said["InvoiceQtyUOM"]]},
                        "unitCostInCurrency": {"value": said["PurchasePrice"]},
                        "linkLine": {"purchaseType": "PurchaseReceipt"} | link,
                    }
        return None

    def _is_invoiced(self, taken: tuple[str, int]) -> bool:
        rows = self.world.visma.books.invoices.values()
        lines = [line for row in rows for line in row.body["invoiceLines"]]
        return any((line["poReceiptNbr"], line["poReceiptLineNbr"]) == taken for line in lines)
