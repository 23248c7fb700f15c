"""Papers of a supplier as test cases need them: plain trees in the shape of RSX JSON, and bytes of them in JSON and XML.

All numbers are our own. What is not given is left out, as suppliers do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

Tree = dict[str, Any]
PARTNER = "NORDICPARTS01"
PLURAL = {"OrderAck": "OrderAcks", "Shipment": "Shipments", "Invoice": "Invoices"}


def numbers(line: str = "", *, buyer: str = "", vendor: str = "", gtin: str = "", upc: str = "") -> Tree:
    """How a paper names a line and its item."""
    return _given(
        LineSequenceNumber=line, BuyerPartNumber=buyer, VendorPartNumber=vendor, GTIN=gtin, ConsumerPackageCode=upc
    )


# Acknowledgments ------------------------------------------------------------------------------------------------------


def ack(
    order: str,
    kind: str = "AC",
    lines: Sequence[Tree] = (),
    *,
    date: str = "2026-03-02",
    partner: str = PARTNER,
    dates: Sequence[Tree] = (),
    place: str = "",
    **header: Any,
) -> Tree:
    """An 855; `place` is the ship-to that an acknowledgment per location is about."""
    top = _given(
        TradingPartnerId=partner,
        PurchaseOrderNumber=order,
        TsetPurposeCode="00",
        AcknowledgementType=kind,
        AcknowledgementDate=date,
    )
    address = (
        [{"AddressTypeCode": "ST", "LocationCodeQualifier": "92", "AddressLocationNumber": place}] if place else []
    )
    whole = _given(OrderHeader=top | header, Dates=list(dates), Address=address)
    return _given(Header=whole, LineItem=list(lines))


def ack_line(named: Tree, *entries: Tree, ordered: Any = None, unit: str = "EA", **line: Any) -> Tree:
    """A line of an 855 with its answers; `line` are further fields of OrderLine."""
    echo = _given(OrderQty=ordered, OrderQtyUOM=unit)
    return _given(OrderLine=named | echo | line, LineItemAcknowledgement=list(entries))


def entry(status: str, quantity: Any = None, date: str = "", *, kind: str = "067", unit: str = "", **more: Any) -> Tree:
    """One answer about a line: status, quantity for that status, date with its kind."""
    return _given(
        ItemStatusCode=status,
        ItemScheduleQty=quantity,
        ItemScheduleUOM=unit,
        ItemScheduleQualifier=kind if date else "",
        ItemScheduleDate=date,
        **more,
    )


def dated(kind: str, date: str) -> Tree:
    return {"DateTimeQualifier": kind, "Date": date}


# Ship notices ---------------------------------------------------------------------------------------------------------


def ship_item(named: Tree, quantity: Any, unit: str = "EA", *, lot: str = "", **line: Any) -> Tree:
    """One item with what is shipped of it."""
    level = {"ShipmentLine": named | _given(ShipQty=quantity, ShipQtyUOM=unit) | line}
    return level | ({"References": [{"ReferenceQual": "LT", "ReferenceID": lot}]} if lot else {})


def pack(kind: str, label: str, *, items: Sequence[Tree] = (), packs: Sequence[Tree] = ()) -> Tree:
    """A pallet (T) or carton (P) with what is in it."""
    return _given(Pack={"PackLevelType": kind, "ShippingSerialID": label}, ItemLevel=list(items), PackLevel=list(packs))


def of_order(number: str, *, items: Sequence[Tree] = (), packs: Sequence[Tree] = ()) -> Tree:
    """What a ship notice holds for one order."""
    return _given(OrderHeader={"PurchaseOrderNumber": number}, ItemLevel=list(items), PackLevel=list(packs))


def shipment(
    number: str, *orders: Tree, purpose: str = "00", date: str = "2026-03-02", partner: str = PARTNER, **header: Any
) -> Tree:
    """An 856."""
    top = _given(TradingPartnerId=partner, ShipmentIdentification=number, ShipDate=date, TsetPurposeCode=purpose)
    return _given(Header={"ShipmentHeader": top | header}, OrderLevel=list(orders))


# Invoices -------------------------------------------------------------------------------------------------------------


def invoice_line(named: Tree, quantity: Any, price: Any, unit: str = "EA", *, basis: str = "", **item: Any) -> Tree:
    """One invoiced line; `item` are neighbours of InvoiceLine, such as Taxes and ChargesAllowances."""
    line = named | _given(InvoiceQty=quantity, InvoiceQtyUOM=unit, PurchasePrice=price, PurchasePriceBasis=basis)
    return {"InvoiceLine": line} | item


def charge(indicator: str, amount: Any, text: str = "Freight", **more: Any) -> Tree:
    return _given(
        AllowChrgIndicator=indicator,
        AllowChrgCode="D240",
        AllowChrgAmt=amount,
        AllowChrgHandlingDescription=text,
        **more,
    )


def tax(amount: Any, percent: Any = 25, kind: str = "VA", **more: Any) -> Tree:
    return _given(TaxTypeCode=kind, TaxAmount=amount, TaxPercent=percent, **more)


def invoice(
    number: str,
    order: str,
    lines: Sequence[Tree],
    total: Any = None,
    *,
    kind: str = "DR",
    date: str = "2026-03-03",
    currency: str = "",
    partner: str = PARTNER,
    charges: Sequence[Tree] = (),
    taxes: Sequence[Tree] = (),
    references: Sequence[Tree] = (),
    **header: Any,
) -> Tree:
    """An 810."""
    top = _given(
        TradingPartnerId=partner,
        InvoiceNumber=number,
        InvoiceDate=date,
        PurchaseOrderNumber=order,
        InvoiceTypeCode=kind,
        TsetPurposeCode="00",
        BuyersCurrency=currency,
    )
    whole = _given(
        InvoiceHeader=top | header, ChargesAllowances=list(charges), Taxes=list(taxes), References=list(references)
    )
    return _given(Header=whole, LineItem=list(lines), Summary=_given(TotalAmount=total))


# Bytes ----------------------------------------------------------------------------------------------------------------


def as_json(*papers: Tree, bom: bool = False) -> bytes:
    """One paper as an object, several as a list."""
    content = json.dumps(papers[0] if len(papers) == 1 else list(papers), default=float).encode()
    return (b"\xef\xbb\xbf" if bom else b"") + content


def as_xml(root: str, *papers: Tree) -> bytes:
    """The papers wrapped in the plural root with SPS's namespace; `root` is OrderAck, Shipment or Invoice."""
    body = "".join(_element(root, paper) for paper in papers)
    plural = PLURAL[root]
    return f'<?xml version="1.0"?><{plural} xmlns="http://www.spscommerce.com/RSX">{body}</{plural}>'.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key, one) for key, one in value.items())}</{name}>"
    return f"<{name}>{escape(f'{value:f}' if isinstance(value, Decimal) else str(value))}</{name}>"


def _given(**fields: Any) -> Tree:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
