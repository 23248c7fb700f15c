"""The ship notice (856) that a supplier sends: what is on its way, for which orders, in which cartons.

Suppliers nest containers, orders, packs and items in every order (sps.md §7.1), so one recursive walk reads them all
(`walk`); this module holds the models and what stands outside the tree.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from connector.rsx.block import Block
from connector.rsx.common import (
    Paper,
    PaperDate,
    Party,
    Reference,
    dates,
    parties,
    references,
    trading_partner,
)
from connector.rsx.walk import Lot, ShipLine, Walk

__all__ = ["Lot", "ShipLine", "Shipment", "read"]


class Shipment(Paper):
    """One ship notice; `lines` as the walk met them, not summed; `cartons` and `pallets` are counted, not declared.

    `packages` are SSCCs of 18 digits where the supplier sends such, else his own package numbers.
    """

    trading_partner_id: str
    vendor: str = ""
    number: str
    purpose: str = ""
    ship_date: dt.date | None = None
    notice_date: dt.date | None = None
    notice_time: str = ""
    structure: str = ""
    bill_of_lading: str = ""
    carrier_pro: str = ""
    carrier: str = ""
    status_code: str = ""
    expected: dt.date | None = None
    dates: tuple[PaperDate, ...] = ()
    parties: tuple[Party, ...] = ()
    references: tuple[Reference, ...] = ()
    lines: tuple[ShipLine, ...] = ()
    cartons: int = 0
    pallets: int = 0
    packages: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(tree: dict[str, Any]) -> Shipment:
    """Raises Unreadable with the place when something that we need is missing or of the wrong type."""
    warnings: list[str] = []
    paper = Block(tree, "", warnings)
    whole = paper.required("Header")
    header = whole.required("ShipmentHeader")
    walk = Walk(paper)
    carriers = list(whole.blocks("CarrierInformation"))
    found = Shipment(
        trading_partner_id=trading_partner(header),
        vendor=header.text("Vendor") or walk.vendor,
        number=header.required_text("ShipmentIdentification"),
        purpose=header.text("TsetPurposeCode"),
        ship_date=header.date("ShipDate"),
        notice_date=header.date("ShipNoticeDate"),
        notice_time=header.text("ShipNoticeTime", needed=False),
        structure=header.text("ASNStructureCode", needed=False),
        bill_of_lading=header.text("BillOfLadingNumber", needed=False) or walk.bill_of_lading,
        carrier_pro=header.text("CarrierProNumber", needed=False) or walk.carrier_pro,
        carrier=_first(carriers, "CarrierAlphaCode") or _first(carriers, "CarrierRouting"),
        status_code=_first(carriers, "StatusCode"),
        expected=header.date("CurrentScheduledDeliveryDate"),
        dates=dates(whole),
        parties=parties(whole),
        references=references(whole),
        lines=walk.lines,
        cartons=len(walk.cartons),
        pallets=len(walk.pallets),
        packages=tuple(walk.packages),
        order_numbers=tuple(walk.order_numbers),
    )
    _compare_declared(found, paper)
    return found.model_copy(update={"warnings": tuple(dict.fromkeys(warnings))})


def _first(blocks: list[Block], name: str) -> str:
    return next((text for one in blocks if (text := one.text(name, needed=False))), "")


def _compare_declared(found: Shipment, paper: Block) -> None:
    """Declared totals often disagree with the tree: a warning, and the tree is right (sps.md §7.1)."""
    summary = paper.block("Summary")
    for name, counted in (("TotalOrders", len(found.order_numbers)), ("TotalLineItemNumber", _line_count(found))):
        declared = summary.whole(name)
        if declared is not None and declared != counted:
            summary.warn(name, f"{declared} declared, {counted} in the paper")
    loads = (one.whole("LadingQuantity") for one in paper.block("Header").blocks("QuantityAndWeight"))
    lading = sum(load for load in loads if load is not None)
    if lading and lading not in (found.cartons, found.pallets):
        paper.warn("Header.QuantityAndWeight", f"{lading} packages declared, {found.cartons} cartons in the paper")


def _line_count(found: Shipment) -> int:
    # one ordered line may be in several packs: what suppliers count are ordered lines, or each mention
    return len({(line.order_number, line.line_number or str(line.position)) for line in found.lines})
