"""The papers of a supplier in RSX 7.7.7: an order as it is read, its answers as they are written (sps.md §4 to §8).

Builders return plain trees with Decimals; `encode` makes bytes of them in the forms that occur.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from xml.sax.saxutils import escape

from connector.sandbox.wire import Json, dump

KNOWN_UNITS = frozenset("EA CA CT BX PK PL PC PR DZ ST BG BO RL UN KG GR LT MR CM SM CR LB HR".split())  # noqa: SIM905 - a code list reads best as words
_CENT = Decimal("0.01")
_PLURAL = {"OrderAck": "OrderAcks", "Shipment": "Shipments", "Invoice": "Invoices"}
FORMS = ("json", "json", "json", "json_bom", "json_list", "xml_wrapped", "xml_bare")


class Unacceptable(Exception):
    """The order paper lacks what a supplier needs."""


@dataclass(frozen=True)
class Line:
    """One ordered line as the supplier reads it; quantity in `unit`, price per unit."""

    number: str
    buyer: str
    vendor: str
    gtin: str
    quantity: Decimal
    unit: str
    price: Decimal
    lot: str = ""
    shows_buyer: bool = True  # some suppliers leave the buyer's item number out


@dataclass(frozen=True)
class OrderSeen:
    """An order paper as the supplier reads it; `content` is what was taken, for comparing repeats."""

    partner: str
    number: str
    purpose: str
    date: str
    vendor: str
    currency: str
    lines: tuple[Line, ...]
    content: bytes = b""


def read_order(content: bytes) -> OrderSeen:
    """Read an order paper. Raises Unacceptable naming what is missing."""
    try:
        tree = json.loads(content, parse_float=Decimal, parse_int=Decimal)
        header = tree["Header"]["OrderHeader"]
        items = tree.get("LineItem", [])
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise Unacceptable(f"not an order paper: {wrong!r}") from wrong
    if content.startswith(b"\xef\xbb\xbf"):
        raise Unacceptable("the paper starts with a byte order mark")
    names = ("TradingPartnerId", "PurchaseOrderNumber", "TsetPurposeCode", "PurchaseOrderDate", "BuyersCurrency")
    missing = [name for name in names if not header.get(name)]
    if missing:
        raise Unacceptable(f"the header lacks {', '.join(missing)}")
    if header["TsetPurposeCode"] not in ("00", "05", "01"):
        raise Unacceptable(f"purpose {header['TsetPurposeCode']} is not allowed in an order")
    if not items and header["TsetPurposeCode"] != "01":
        raise Unacceptable("there is no line")
    lines = tuple(_read_line(item.get("OrderLine", {})) for item in items)
    if len({line.number for line in lines}) != len(lines):
        raise Unacceptable("a line number occurs twice")
    vendor = str(header.get("Vendor", ""))
    facts = (header["TradingPartnerId"], header["PurchaseOrderNumber"], header["TsetPurposeCode"])
    return OrderSeen(*facts, header["PurchaseOrderDate"], vendor, header["BuyersCurrency"], lines, content)


def _read_line(line: Json) -> Line:
    number = line.get("LineSequenceNumber")
    if not isinstance(number, str) or not number:
        raise Unacceptable("a line has no LineSequenceNumber as text")
    unit = str(line.get("OrderQtyUOM", ""))
    if not any(line.get(name) for name in ("BuyerPartNumber", "VendorPartNumber", "GTIN", "ConsumerPackageCode")):
        raise Unacceptable(f"line {number} names no item")
    if unit not in KNOWN_UNITS:
        raise Unacceptable(f"line {number}: unit {unit!r} is not an RSX unit")
    quantity, price = line.get("OrderQty"), line.get("PurchasePrice", Decimal(0))
    if not isinstance(quantity, Decimal) or quantity <= 0 or not isinstance(price, Decimal) or price < 0:
        raise Unacceptable(f"line {number}: quantity and price must be numbers, the quantity above zero")
    buyer, vendor, gtin = [str(line.get(name, "")) for name in ("BuyerPartNumber", "VendorPartNumber", "GTIN")]
    return Line(number, buyer, vendor, gtin, quantity, unit, price)


def _absent_if_empty(tree: Json) -> Json:
    return {name: value for name, value in tree.items() if value not in ("", None, [])}


def _identity(line: Line) -> Json:
    buyer = line.buyer if line.shows_buyer else ""
    numbers = {"BuyerPartNumber": buyer, "VendorPartNumber": line.vendor, "GTIN": line.gtin}
    return _absent_if_empty({"LineSequenceNumber": line.number, **numbers})


@dataclass(frozen=True)
class Answer:
    """What an acknowledgment says of (a part of) a line: status code, quantity, date and its kind."""

    status: str
    quantity: Decimal
    date: str
    date_kind: str = "067"


def order_ack(order: OrderSeen, kind: str, date: str, answers: Sequence[tuple[Line, Sequence[Answer]]]) -> Json:
    """An 855 of type `kind`; lines may be none (AK, RJ, AH)."""
    header = {
        "TradingPartnerId": order.partner,
        "PurchaseOrderNumber": order.number,
        "TsetPurposeCode": "00",
        "PurchaseOrderDate": order.date,
        "AcknowledgementType": kind,
        "AcknowledgementDate": date,
        "BuyersCurrency": order.currency,
        "Vendor": order.vendor,
    }
    lines = [_ack_line(line, entries) for line, entries in answers]
    tree: Json = {"Header": {"OrderHeader": _absent_if_empty(header)}}
    return tree | ({"LineItem": lines, "Summary": {"TotalLineItemNumber": len(lines)}} if lines else {})


def _ack_line(line: Line, answers: Sequence[Answer]) -> Json:
    ordered = {"OrderQty": line.quantity, "OrderQtyUOM": line.unit, "PurchasePrice": line.price}
    entries = [
        {
            "ItemStatusCode": answer.status,
            "ItemScheduleQty": answer.quantity,
            "ItemScheduleUOM": line.unit,
            "ItemScheduleQualifier": answer.date_kind,
            "ItemScheduleDate": answer.date,
        }
        for answer in answers
    ]
    return {"OrderLine": _identity(line) | ordered, "LineItemAcknowledgement": entries}


@dataclass(frozen=True)
class Packing:
    """How a shipment is packed: `items` (no cartons), `cartons` or `pallets`; `first_serial` numbers the SSCCs."""

    tree: str
    first_serial: int


def shipment(
    orders: Sequence[tuple[OrderSeen, Sequence[Line]]], number: str, date: str, packing: Packing, purpose: str = "00"
) -> Json:
    """An 856 over one or more orders; the quantity of each line is what is shipped."""
    header: Json = {
        "TradingPartnerId": orders[0][0].partner,
        "ShipmentIdentification": number,
        "ShipDate": date,
        "TsetPurposeCode": purpose,
        "ShipNoticeDate": date,
        "ShipNoticeTime": "14:22:14",
        "ASNStructureCode": "0004" if packing.tree == "items" else "0001",
        "BillOfLadingNumber": f"BOL{number}",
        "CurrentScheduledDeliveryDate": date,
    }
    serials = iter(range(packing.first_serial, packing.first_serial + 10_000))
    levels = [_order_level(order, lines, packing.tree, serials) for order, lines in orders]
    parties = [_absent_if_empty({"AddressTypeCode": "VN", "AddressName": "Supplier"})]
    count = sum(len(lines) for _, lines in orders)
    tree: Json = {"Header": {"ShipmentHeader": header, "Address": parties}, "OrderLevel": levels}
    return tree | {"Summary": {"TotalOrders": len(orders), "TotalLineItemNumber": count}}


def _order_level(order: OrderSeen, lines: Sequence[Line], tree: str, serials: Iterator[int]) -> Json:
    header = {"PurchaseOrderNumber": order.number, "PurchaseOrderDate": order.date, "Vendor": order.vendor}
    level: Json = {"OrderHeader": _absent_if_empty(header)}
    if tree == "items":
        return level | {"ItemLevel": [_ship_line(line) for line in lines]}
    cartons = [_pack("P", serials) | {"ItemLevel": [_ship_line(part)]} for line in lines for part in _in_cartons(line)]
    if tree == "pallets":
        return level | {"PackLevel": [_pack("T", serials) | {"PackLevel": cartons}]}
    return level | {"PackLevel": cartons}


def _in_cartons(line: Line) -> list[Line]:
    """A line of four or more is spread over two cartons, in whole units."""
    half = line.quantity // 2
    if line.quantity < 4:
        return [line]
    return [replace(line, quantity=half), replace(line, quantity=line.quantity - half)]


def _pack(kind: str, serials: Iterator[int]) -> Json:
    return {"Pack": {"PackLevelType": kind, "ShippingSerialID": sscc(next(serials))}}


def sscc(number: int) -> str:
    """Application identifier 00 and an 18-digit SSCC with its check digit."""
    digits = f"37035550{number:09d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return f"00{digits}{-total % 10}"


def _ship_line(line: Line) -> Json:
    shipped = {"ItemStatusCode": "IA", "ShipQty": line.quantity, "ShipQtyUOM": line.unit}
    level: Json = {"ShipmentLine": _identity(line) | shipped}
    if line.lot:
        level["Dates"] = [{"DateTimeQualifier": "511", "Date": "2029-12-31"}]
        level["References"] = [{"ReferenceQual": "LT", "ReferenceID": line.lot}]
    return level


@dataclass(frozen=True)
class Money:
    """What an invoice adds to its lines: freight, and VAT in percent on everything."""

    currency: str
    freight: Decimal = Decimal(0)
    vat_percent: Decimal = Decimal(25)
    error: Decimal = Decimal(0)  # added to the total: a total that is wrong


def invoice(order: OrderSeen, lines: Sequence[Line], number: str, date: str, money: Money, kind: str = "DR") -> Json:
    """An 810 for one order; the quantity of each line is what is invoiced."""
    goods = sum(((line.quantity * line.price).quantize(_CENT) for line in lines), Decimal(0))
    net = goods + money.freight
    vat = (net * money.vat_percent / 100).quantize(_CENT)
    header = {
        "TradingPartnerId": order.partner,
        "InvoiceNumber": number,
        "InvoiceDate": date,
        "PurchaseOrderDate": order.date,
        "PurchaseOrderNumber": order.number,
        "InvoiceTypeCode": kind,
        "TsetPurposeCode": "00",
        "BuyersCurrency": money.currency,
        "Vendor": order.vendor,
    }
    tax = {"TaxTypeCode": "VA", "TaxAmount": vat, "TaxPercent": money.vat_percent, "PercentDollarBasis": net}
    charge = {"AllowChrgIndicator": "C", "AllowChrgCode": "D240", "AllowChrgAmt": money.freight}
    charge["AllowChrgHandlingDescription"] = "Freight"
    top: Json = {"InvoiceHeader": _absent_if_empty(header), "Taxes": [tax]}
    top |= {"ChargesAllowances": [charge]} if money.freight else {}
    summary = {"TotalAmount": net + vat + money.error, "TotalSalesAmount": goods, "TotalLineItemNumber": len(lines)}
    return {"Header": top, "LineItem": [_invoice_line(line) for line in lines], "Summary": summary}


def _invoice_line(line: Line) -> Json:
    amounts = {"InvoiceQty": line.quantity, "InvoiceQtyUOM": line.unit, "PurchasePrice": line.price}
    return {"InvoiceLine": _identity(line) | amounts | {"PurchasePriceBasis": "UM"}}


def encode(papers: Sequence[Json], root: str, form: str) -> bytes:
    """Bytes of one or more papers; `root` is OrderAck, Shipment or Invoice, `form` one of FORMS."""
    if form == "xml_wrapped" or (form == "xml_bare" and len(papers) > 1):
        plural = _PLURAL[root]
        body = "".join(_element(root, paper) for paper in papers)
        return _xml(f'<{plural} xmlns="http://www.spscommerce.com/RSX">{body}</{plural}>')
    if form == "xml_bare":
        return _xml(_element(root, papers[0]))
    content = dump(list(papers) if form == "json_list" or len(papers) > 1 else papers[0])
    return b"\xef\xbb\xbf" + content if form == "json_bom" else content


def _xml(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'.encode()


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_element(name, part) for part in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key, part) for key, part in value.items())}</{name}>"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
