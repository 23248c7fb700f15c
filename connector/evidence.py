"""What a hold and the paper behind it tell about a missing mapping, handed to `mapping.candidates`."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from audit.models import Cause, Document, Hold, Kind
from connector.errors import TypeConflict, Unreadable
from connector.pipeline.reading import FLOWS, read
from connector.rsx.common import ItemNumbers
from mapping.candidates import Missing, suggestions_for
from mapping.suggestions import Suggestion

SUGGESTED = (Cause.ITEM_UNMAPPED, Cause.UNIT_UNMAPPED, Cause.PARTNER_UNMAPPED)
FROM_THE_SUPPLIER = ("VN", "SF", "RI", "SO")  # parties that are, or belong to, whoever wrote the paper
ASKED = ("number", "number_kind", "rsx_unit", "unit", "item", "trading_partner_id", "supplier")


def suggestions_of(hold: Hold) -> list[Suggestion]:
    """What the missing mapping of a hold could be, best first; empty for causes that no mapping answers."""
    if hold.cause not in SUGGESTED:
        return []
    document = hold.document
    facts: dict[str, Any] = {name: str(hold.facts[name]) for name in ASKED if hold.facts.get(name)}
    orders = tuple(document.orders.values_list("order_number", flat=True))
    matched = frozenset(document.lines.exclude(order_line=None).values_list("item", flat=True))
    missing = Missing(hold.cause, **facts, orders=orders, matched=matched, **_told(document, facts))
    return suggestions_for(document.company, document.partner, missing)


def _told(document: Document, facts: dict[str, Any]) -> dict[str, Any]:
    """What only the paper says: descriptions and quantities of the lines concerned, names of the supplier."""
    paper = _paper(document)
    if paper is None:
        return {}
    lines = [line for line in paper.lines if _concerned(line, facts)]
    return {
        "vendor": paper.vendor,
        "names": _each(party.name for party in getattr(paper, "parties", ()) if party.type in FROM_THE_SUPPLIER),
        "descriptions": _each(line.description for line in lines),
        "quantities": tuple(quantity for line in lines if (quantity := _quantity(line)) is not None),
    }


def _paper(document: Document) -> Any:
    """The paper of an inbound document; None where it cannot be read or is none."""
    try:
        found = read(document)
        if found.kind in (Kind.ORDER, Kind.UNSUPPORTED):
            return None
        return FLOWS[found.kind].unwrap(found.tree)
    except (Unreadable, TypeConflict):
        return None


def _concerned(line: Any, facts: dict[str, Any]) -> bool:
    """Whether a line names the missing number, or counts in the missing unit."""
    numbers: ItemNumbers = line.numbers
    if "number" in facts:
        return facts["number"] in (*numbers.barcodes14, numbers.vendor.strip(), numbers.buyer.strip(), numbers.vendor)
    return "rsx_unit" in facts and facts["rsx_unit"] in (line.unit, *(one.unit for one in getattr(line, "entries", ())))


def _quantity(line: Any) -> Decimal | None:
    quantity: Decimal | None = line.quantity
    return quantity


def _each(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
