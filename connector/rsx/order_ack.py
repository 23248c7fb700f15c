"""The order acknowledgment (855) that a supplier sends: per ordered line what is confirmed, changed or refused.

Read tolerantly (sps.md §6); what the statuses mean for an order stands in STATUS_CLASS and is applied by matching.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

from connector.rsx.block import Block
from connector.rsx.common import (
    ItemNumbers,
    Paper,
    PaperDate,
    Party,
    currency,
    dates,
    description,
    item_numbers,
    parties,
    trading_partner,
)

StatusClass = Literal["confirmed", "changed", "approval", "backordered", "rejected", "held", "cancelled"]

# sps.md §6: "approval" is confirmed with a new value that a person must accept. An unknown code is not in here.
STATUS_CLASS: Final[Mapping[str, StatusClass]] = MappingProxyType(
    {
        "IA": "confirmed",
        "AC": "confirmed",  # already shipped
        "AR": "confirmed",  # released for shipment
        "AA": "confirmed",  # from another location of the supplier
        "IQ": "changed",  # quantity
        "DR": "changed",  # date
        "IC": "changed",  # several things
        "IP": "approval",  # price
        "IS": "approval",  # substitute
        "UM": "approval",  # unit
        "IE": "approval",  # price pending
        "SP": "approval",  # date pending
        "IB": "backordered",
        "BP": "backordered",  # part shipped, the rest backordered
        "IR": "rejected",
        "R1": "rejected",  # not a contract item
        "R2": "rejected",  # unknown number
        "R3": "rejected",  # bad unit
        "R4": "rejected",  # contract item not available
        "R7": "rejected",  # reorder as drop ship
        "ROS": "rejected",  # out of stock
        "CC": "rejected",  # the customer cancelled
        "IH": "held",
        "IF": "held",  # description incomplete
        "IW": "held",  # waiver needed
        "ID": "cancelled",  # the deletion that we asked for is done
    }
)


class AckEntry(Paper):
    """One answer about a line: `quantity` is the quantity for this `status`; `date_kind` as in sps.md §6 (068 …).

    `date_is_unread` where a date is stated that does not parse.
    """

    status: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    date_kind: str = ""
    date: dt.date | None = None
    date_is_unread: bool = False
    price: Decimal | None = None
    price_basis: str = ""
    numbers: ItemNumbers = ItemNumbers()


class AckLine(Paper):
    """The ordered line as the supplier echoes it, possibly with changed values, and the answers; `position` from 1."""

    position: int
    line_number: str = ""
    numbers: ItemNumbers = ItemNumbers()
    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    price_basis: str = ""
    entries: tuple[AckEntry, ...] = ()
    dates: tuple[PaperDate, ...] = ()
    description: str = ""


class OrderAck(Paper):
    """One acknowledgment of one order; `type` AD, AK, AC, AE, AH, AP, RJ, RD, RF, RO or what the supplier wrote."""

    trading_partner_id: str
    vendor: str = ""
    order_number: str
    number: str = ""
    type: str = ""
    purpose: str = ""
    date: dt.date | None = None
    time: str = ""
    supplier_order_number: str = ""
    currency: str = ""
    dates: tuple[PaperDate, ...] = ()
    parties: tuple[Party, ...] = ()
    lines: tuple[AckLine, ...] = ()
    total: Decimal | None = None
    warnings: tuple[str, ...] = ()


def read(tree: dict[str, Any]) -> OrderAck:
    """Raises Unreadable with the place when something that we need is missing or of the wrong type."""
    warnings: list[str] = []
    paper = Block(tree, "", warnings)
    whole = paper.required("Header")
    header = whole.required("OrderHeader")
    found = OrderAck(
        trading_partner_id=trading_partner(header),
        vendor=header.text("Vendor"),
        order_number=header.required_text("PurchaseOrderNumber"),
        number=header.text("AcknowledgementNumber"),
        type=header.text("AcknowledgementType"),
        purpose=header.text("TsetPurposeCode"),
        date=header.date("AcknowledgementDate"),
        time=header.text("AcknowledgementTime", needed=False),
        supplier_order_number=header.text("InternalOrderNumber", needed=False),
        currency=currency(header),
        dates=dates(whole),
        parties=parties(whole),
        lines=tuple(_line(position, item) for position, item in enumerate(paper.blocks("LineItem", needed=True), 1)),
        total=paper.block("Summary").number("TotalAmount", needed=False),
    )
    return found.model_copy(update={"warnings": tuple(dict.fromkeys(warnings))})


def _line(position: int, item: Block) -> AckLine:
    line = item.block("OrderLine")
    return AckLine(
        position=position,
        line_number=line.text("LineSequenceNumber"),
        numbers=item_numbers(line),
        quantity=line.number("OrderQty"),
        unit=line.text("OrderQtyUOM"),
        price=line.number("PurchasePrice"),
        price_basis=line.text("PurchasePriceBasis"),
        entries=tuple(_entry(one) for one in item.blocks("LineItemAcknowledgement", needed=True)),
        dates=dates(item),
        description=description(item),
    )


def _entry(block: Block) -> AckEntry:
    date = block.date("ItemScheduleDate")
    return AckEntry(
        status=block.text("ItemStatusCode"),
        quantity=block.number("ItemScheduleQty"),
        unit=block.text("ItemScheduleUOM"),
        date_kind=block.text("ItemScheduleQualifier"),
        date=date,
        date_is_unread=date is None and bool(block.text("ItemScheduleDate", needed=False)),
        price=block.number("PurchasePrice"),
        price_basis=block.text("PurchasePriceBasis"),
        numbers=item_numbers(block),
    )
