"""The order (850) that we send: a paper of ours becomes RSX 7.7.7 JSON that Orders.schema.json accepts (sps.md §5).

The same paper always gives the same bytes. What is empty is left out: null is invalid, "" an empty EDI element.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final, Literal, cast, get_args

from connector.errors import Rejected, Unreadable
from connector.rsx.block import Block
from connector.rsx.codes import ADDRESS_TYPES, LOCATION_QUALIFIERS, ORDER_KINDS, PRICE_BASES, UNITS
from connector.rsx.common import Paper, Party, description, parties, price_divisor, trading_partner

Purpose = Literal["00", "05", "01"]

_EXACT: Final = Context(prec=60)
_CENT: Final = Decimal("0.01")
_LONGEST_ID = 15  # schema
_LONGEST_NUMBER = 22  # X12 850 BEG03, sps.md §4.1
_MOST_DIGITS = 18


class Terms(Paper):
    """Payment terms; days from the invoice date, `discount_percent` 0 to 100."""

    net_days: int | None = None
    discount_percent: Decimal | None = None
    discount_days: int | None = None
    description: str = ""


class OrderPaperLine(Paper):
    """One line; `line_number` is the ERP's, which the supplier must echo; `price` is per `price_basis`."""

    line_number: str
    buyer_number: str = ""
    vendor_number: str = ""
    gtin: str = ""
    quantity: Decimal
    unit: str
    price: Decimal | None = None
    price_basis: str = "PE"
    requested: dt.date | None = None
    description: str = ""
    note: str = ""


class OrderPaper(Paper):
    """An order as the supplier sees it; `purpose` 00 new, 05 replaces, 01 cancels; `vendor` is our supplier number."""

    trading_partner_id: str
    number: str
    purpose: Purpose = "00"
    kind: str = "SA"
    date: dt.date | None = None
    currency: str = ""
    vendor: str = ""
    ship_complete: str = ""
    terms: Terms | None = None
    requested: dt.date | None = None
    addresses: tuple[Party, ...] = ()
    lines: tuple[OrderPaperLine, ...] = ()
    notes: tuple[str, ...] = ()


def write(paper: OrderPaper) -> bytes:
    """The paper as UTF-8 JSON without BOM, valid by Orders.schema.json.

    Raises Rejected with a sentence when the paper cannot be made valid: identifier too long, unknown code.
    """
    _check(paper)
    return _json(_tree(paper)).encode("utf-8", "replace")


def paper_hash(paper: OrderPaper) -> str:
    """SHA-256 (hex) of the paper without its purpose: two orders with one hash look the same to the supplier.

    20 and 20.00 are one quantity. Works for papers that `write` refuses, so that their changes are seen too.
    """
    tree = _tree(paper)
    del tree["Header"]["OrderHeader"]["TsetPurposeCode"]
    return hashlib.sha256(_json(tree).encode("utf-8", "replace")).hexdigest()


def read(tree: dict[str, Any]) -> OrderPaper:
    """What `write` wrote, and as much of another's order as the model holds. Raises Unreadable."""
    paper = Block(tree, "", [])
    whole = paper.required("Header")
    header = whole.required("OrderHeader")
    purpose = header.text("TsetPurposeCode") or "00"
    if purpose not in get_args(Purpose):
        raise Unreadable(f"{header.at('TsetPurposeCode')}: {purpose[:20]!r} is not a purpose of an order (00, 05, 01)")
    return OrderPaper(
        trading_partner_id=trading_partner(header),
        number=header.required_text("PurchaseOrderNumber"),
        purpose=cast(Purpose, purpose),
        kind=header.text("PrimaryPOTypeCode"),
        date=header.date("PurchaseOrderDate"),
        currency=header.text("BuyersCurrency"),
        vendor=header.text("Vendor"),
        ship_complete=header.text("ShipCompleteCode"),
        terms=next((_read_terms(one) for one in whole.blocks("PaymentTerms")), None),
        requested=_read_requested(whole),
        addresses=parties(whole),
        lines=tuple(_read_line(one) for one in paper.blocks("LineItem", needed=True)),
        notes=_read_notes(whole),
    )


def _read_terms(block: Block) -> Terms:
    return Terms(
        net_days=block.whole("TermsNetDueDays"),
        discount_percent=block.number("TermsDiscountPercentage"),
        discount_days=block.whole("TermsDiscountDueDays"),
        description=block.text("TermsDescription"),
    )


def _read_line(item: Block) -> OrderPaperLine:
    line = item.required("OrderLine")
    quantity = line.number("OrderQty")
    if quantity is None:
        raise Unreadable(f"{line.at('OrderQty')} is missing")
    return OrderPaperLine(
        line_number=line.text("LineSequenceNumber"),
        buyer_number=line.text("BuyerPartNumber"),
        vendor_number=line.text("VendorPartNumber"),
        gtin=line.text("GTIN"),
        quantity=quantity,
        unit=line.text("OrderQtyUOM"),
        price=line.number("PurchasePrice"),
        price_basis=line.text("PurchasePriceBasis"),
        requested=_read_requested(item),
        description=description(item),
        note="\n".join(_read_notes(item)),
    )


def _read_requested(block: Block) -> dt.date | None:
    dates = (one.date("Date") for one in block.blocks("Dates") if one.text("DateTimeQualifier") == "002")
    return next(dates, None)


def _read_notes(block: Block) -> tuple[str, ...]:
    return tuple(note for one in block.blocks("Notes") if (note := one.text("Note")))


# --- the tree as RSX has it ---------------------------------------------------------------------------------------


def _tree(paper: OrderPaper) -> dict[str, Any]:
    header = {
        "TradingPartnerId": paper.trading_partner_id,
        "PurchaseOrderNumber": paper.number,
        "TsetPurposeCode": paper.purpose,
        "PrimaryPOTypeCode": paper.kind,
        "PurchaseOrderDate": paper.date,
        "ShipCompleteCode": paper.ship_complete,
        "BuyersCurrency": paper.currency,
        "Vendor": paper.vendor,
    }
    whole = {
        "OrderHeader": header,
        "PaymentTerms": [_terms(paper.terms)] if paper.terms else [],
        "Dates": _requested(paper.requested),
        "Address": [_address(party) for party in paper.addresses],
        "Notes": [{"NoteCode": "GEN", "Note": note} for note in paper.notes if note],
    }
    summary = {"TotalAmount": _total(paper), "TotalLineItemNumber": len(paper.lines)}
    tree = _present({"Header": whole, "LineItem": [_line(line) for line in paper.lines], "Summary": summary})
    return cast(dict[str, Any], tree)


def _terms(terms: Terms) -> dict[str, Any]:
    stated = {
        "TermsDiscountPercentage": terms.discount_percent,
        "TermsDiscountDueDays": terms.discount_days,
        "TermsNetDueDays": terms.net_days,
        "TermsDescription": terms.description,
    }
    # 01 basic, 3 from the invoice date: what SPS's own samples carry with these figures
    return {"TermsType": "01", "TermsBasisDateCode": "3", **stated} if _present(stated) else {}


def _requested(date: dt.date | None) -> list[dict[str, Any]]:
    return [{"DateTimeQualifier": "002", "Date": date}] if date else []


def _address(party: Party) -> dict[str, Any]:
    return {
        "AddressTypeCode": party.type,
        "LocationCodeQualifier": party.qualifier,
        "AddressLocationNumber": party.location,
        "AddressName": party.name,
        **{f"Address{number}": line for number, line in enumerate(party.street[:4], 1)},
        "City": party.city,
        "PostalCode": party.postal_code,
        "Country": party.country,
    }


def _line(line: OrderPaperLine) -> dict[str, Any]:
    order_line = {
        "LineSequenceNumber": line.line_number,
        "BuyerPartNumber": line.buyer_number,
        "VendorPartNumber": line.vendor_number,
        "GTIN": line.gtin,
        "OrderQty": line.quantity,
        "OrderQtyUOM": line.unit,
        "PurchasePrice": line.price,
        "PurchasePriceBasis": line.price_basis,
    }
    text = {"ProductCharacteristicCode": "08", "ProductDescription": line.description}
    return {
        "OrderLine": order_line,
        "Dates": _requested(line.requested),
        "ProductOrItemDescription": [text] if line.description else [],
        "Notes": [{"NoteCode": "GEN", "Note": line.note}] if line.note else [],
    }


def _total(paper: OrderPaper) -> Decimal | None:
    """Sum of quantity times price in whole cents; None when a price or what it is for is not known."""
    total = Decimal(0)
    for line in paper.lines:
        divisor = price_divisor(line.price_basis)
        if line.price is None or divisor is None or _beyond_reason(line.price) or _beyond_reason(line.quantity):
            return None
        total = _EXACT.add(total, _EXACT.divide(_EXACT.multiply(line.quantity, line.price), divisor))
    return total.quantize(_CENT, rounding=ROUND_HALF_UP, context=_EXACT)


def _beyond_reason(value: Decimal) -> bool:
    return value.adjusted() > _MOST_DIGITS


def _present(value: Any) -> Any:
    """The same without what is empty."""
    if isinstance(value, dict):
        inner = {name: _present(element) for name, element in value.items()}
        return {name: element for name, element in inner.items() if element not in (None, "", {}, [])}
    if isinstance(value, list):
        return [found for element in value if (found := _present(element)) not in (None, "", {}, [])]
    return value.strip() if isinstance(value, str) else value


def _json(value: Any) -> str:
    """JSON with Decimals as plain numbers: no exponent, no digit lost, no trailing zeros."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(element)}" for name, element in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, Decimal):
        written = f"{value:f}"
        written = written.rstrip("0").rstrip(".") if "." in written else written
        return "0" if written == "-0" else written
    return json.dumps(value.isoformat() if isinstance(value, dt.date) else value, ensure_ascii=False)


# --- what cannot be sent ------------------------------------------------------------------------------------------


def _check(paper: OrderPaper) -> None:
    for fault in (*_header_faults(paper), *(fault for line in paper.lines for fault in _line_faults(line))):
        raise Rejected(f"Order {paper.number or 'without number'} cannot be sent: {fault}")


def _header_faults(paper: OrderPaper) -> Iterator[str]:
    if not 1 <= len(paper.trading_partner_id.strip()) <= _LONGEST_ID:
        yield f"the trading partner id {paper.trading_partner_id!r} must have 1 to {_LONGEST_ID} characters."
    if not 1 <= len(paper.number.strip()) <= _LONGEST_NUMBER:
        yield f"the order number must have 1 to {_LONGEST_NUMBER} characters; it has {len(paper.number.strip())}."
    yield from _unknown("order kind", paper.kind, ORDER_KINDS)
    yield from _unknown("ship-complete code", paper.ship_complete, ("Y", "N"))
    for party in paper.addresses:
        yield from _unknown("address type", party.type, ADDRESS_TYPES)
        yield from _unknown("location qualifier", party.qualifier, LOCATION_QUALIFIERS)


def _line_faults(line: OrderPaperLine) -> Iterator[str]:
    where = f"line {line.line_number}: "
    if line.unit not in UNITS:
        yield f"{where}{line.unit!r} is not a unit of RSX; map the unit first."
    for fault in _unknown("price basis", line.price_basis, PRICE_BASES):
        yield where + fault
    if line.quantity < 0:
        yield f"{where}the quantity {line.quantity} is below zero."
    if _beyond_reason(line.quantity) or (line.price is not None and _beyond_reason(line.price)):
        yield f"{where}the quantity {line.quantity} or the price {line.price} is beyond reason."


def _unknown(name: str, code: str, known: Collection[str]) -> Iterator[str]:
    if code and code not in known:
        yield f"{code!r} is not a known {name}."
