"""The walk over a ship notice: any nesting of containers, orders, packs and items, also what the schema forbids.

It carries what is above (order, packs, their dates) down to every item, and takes what is below an item (packs, orders)
as belonging to it. Sublines are the components of a kit and never add to what is shipped (sps.md §7.1).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from connector.rsx.block import Block
from connector.rsx.common import ItemNumbers, Paper, PaperDate, dates, description, item_numbers, references

_LEVELS = ("ContainerLevel", "OrderLevel", "PackLevel", "ItemLevel")
_LOTS = ("LT", "BT", "WLT")  # lot, batch, warehouse lot (sps.md §7.1)
_EXPIRY = ("511", "BBD")  # shelf-life end, best before


class Lot(Paper):
    """A lot or batch; `quantity` in the line's unit, None when several lots share a line and nobody says how."""

    number: str
    quantity: Decimal | None = None
    expires: dt.date | None = None


class ShipLine(Paper):
    """One item reached by the walk; `quantity` is what is shipped here (not summed), `position` counts from 1.

    `order_number` is "" when no order stands above or below. `packages` are those around it, outermost first.
    """

    position: int
    order_number: str = ""
    line_number: str = ""
    numbers: ItemNumbers = ItemNumbers()
    quantity: Decimal | None = None
    unit: str = ""
    status: str = ""
    price: Decimal | None = None
    lots: tuple[Lot, ...] = ()
    serials: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    description: str = ""


class _Above(NamedTuple):
    """What an item inherits from the levels around it."""

    order_number: str = ""
    packages: tuple[str, ...] = ()
    dates: tuple[PaperDate, ...] = ()


class Walk:
    """One pass over a paper; afterwards the fields hold what was met, in the order it was met."""

    def __init__(self, paper: Block) -> None:
        self.order_numbers: dict[str, None] = {}  # dicts as sets that keep their order
        self.packages: dict[str, None] = {}
        self.cartons: set[str] = set()
        self.pallets: set[str] = set()
        self.vendor = ""
        self.bill_of_lading = ""
        self.carrier_pro = ""
        found = self._below(paper, _Above())
        self.lines = tuple(line.model_copy(update={"position": number}) for number, line in enumerate(found, 1))

    def _below(self, level: Block, above: _Above) -> list[ShipLine]:
        """Lines of all levels below one, wherever they stand side by side."""
        steps = {
            "ContainerLevel": self._container,
            "OrderLevel": self._order,
            "PackLevel": self._pack,
            "ItemLevel": self._item,
        }
        return [
            line for name in _LEVELS for child in level.blocks(name, needed=True) for line in steps[name](child, above)
        ]

    def _container(self, level: Block, above: _Above) -> list[ShipLine]:
        container = level.block("Container")
        self.bill_of_lading = self.bill_of_lading or container.text("BillOfLadingNumber", needed=False)
        self.carrier_pro = self.carrier_pro or container.text("CarrierProNumber", needed=False)
        return self._below(level, above)

    def _order(self, level: Block, above: _Above) -> list[ShipLine]:
        header = level.block("OrderHeader")
        number = header.text("PurchaseOrderNumber")
        self.vendor = self.vendor or header.text("Vendor")
        if number:
            self.order_numbers[number] = None
        return self._below(level, above._replace(order_number=number or above.order_number))

    def _pack(self, level: Block, above: _Above) -> list[ShipLine]:
        label = _label(level.block("Pack"))
        kind = level.block("Pack").text("PackLevelType")
        # without a label every pack is one of its own; the same label under two orders is one carton
        tare = kind == "T" or (not kind and any(level.blocks("PackLevel")))
        (self.pallets if tare else self.cartons).add(label or level.where)
        if label:
            self.packages[label] = None
        packages = above.packages if not label or label in above.packages else (*above.packages, label)
        return self._below(level, above._replace(packages=packages, dates=(*dates(level), *above.dates)))

    def _item(self, level: Block, above: _Above) -> list[ShipLine]:
        own = _line(level, above)
        below = self._below(level, above)
        if below and not level.block("ShipmentLine").tree:
            return below  # a level that only holds others
        same = [line for line in below if _is_same_item(own, line)]
        others = [line for line in below if not _is_same_item(own, line)]
        return [*_counted_once(own, same, above, level), *others]


def _line(level: Block, above: _Above) -> ShipLine:
    line = level.block("ShipmentLine")
    quantity = line.number("ShipQty")
    numbers = item_numbers(line)
    return ShipLine(
        position=1,  # given at the end of the walk
        order_number=above.order_number or _order_below(level),
        line_number=line.text("LineSequenceNumber"),
        numbers=numbers,
        quantity=quantity,
        unit=line.text("ShipQtyUOM"),
        status=line.text("ItemStatusCode"),
        price=line.number("PurchasePrice"),
        lots=_lots(level, numbers, quantity, above),
        serials=_referred(level, "SE"),
        packages=_merged(above.packages, _labels_below(level)),
        description=description(level),
    )


def _lots(level: Block, numbers: ItemNumbers, quantity: Decimal | None, above: _Above) -> tuple[Lot, ...]:
    batches = tuple(number for qualifier, number in numbers.other if qualifier == "B8")
    found = _merged(_referred(level, *_LOTS), batches)
    expires = next((one.date for one in (*dates(level), *above.dates) if one.qualifier in _EXPIRY and one.date), None)
    if expires and not found:
        level.warn("Dates", f"expires on {expires}, but no lot is named")
    whole = quantity if len(found) == 1 else None
    return tuple(Lot(number=number, quantity=whole, expires=expires) for number in found)


def _referred(level: Block, *qualifiers: str) -> tuple[str, ...]:
    return _merged(*((one.number,) for one in references(level) if one.qualifier in qualifiers))


def _merged(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for group in groups for text in group if text))


def _label(pack: Block) -> str:
    """The SSCC without its application identifier (18 digits), or whatever the supplier calls the package."""
    serial = pack.text("ShippingSerialID")
    if len(serial) == 20 and serial.startswith("00") and serial.isdigit():
        return serial[2:]
    if serial and not (len(serial) == 18 and serial.isdigit()):
        pack.warn("ShippingSerialID", f"{serial[:40]!r} is no SSCC of 18 or 20 digits; it is kept as it is")
    return serial or pack.text("CarrierPackageID", needed=False)


def _labels_below(level: Block) -> tuple[str, ...]:
    """Labels of the packs that hold an item in Item → Pack trees; packs of further items are not looked into."""
    inner = [child for name in ("OrderLevel", "PackLevel") for child in level.blocks(name, needed=True)]
    return _merged(*((_label(one.block("Pack")), *_labels_below(one)) for one in inner))


def _order_below(level: Block) -> str:
    """The one order below an item (Item → Order trees), or "": a quantity cannot be split over several."""
    found = _merged(tuple(_orders(level)))
    if len(found) > 1:
        level.warn("OrderLevel", f"one item for several orders ({', '.join(found)}): its order is not known")
    return found[0] if len(found) == 1 else ""


def _orders(level: Block) -> Iterator[str]:
    for name in ("OrderLevel", "PackLevel", "ContainerLevel"):
        for child in level.blocks(name, needed=True):
            number = child.block("OrderHeader").text("PurchaseOrderNumber") if name == "OrderLevel" else ""
            yield from [number] if number else _orders(child)


def _is_same_item(own: ShipLine, other: ShipLine) -> bool:
    """Whether an item below another is the same one told again for a pack or an order, and not a further item."""
    pairs = [
        (own.line_number, other.line_number),
        (own.numbers.buyer, other.numbers.buyer),
        (own.numbers.vendor, other.numbers.vendor),
    ]
    both = [one == two for one, two in pairs if one and two]
    barcodes = set(own.numbers.barcodes14) & set(other.numbers.barcodes14)
    nameless = not any(two for _, two in pairs) and not other.numbers.barcodes14
    return all(both) and bool(both or barcodes or nameless)


def _counted_once(own: ShipLine, same: list[ShipLine], above: _Above, level: Block) -> list[ShipLine]:
    """The item's quantity is the total of what is below it (sps.md §7.1): one of the two counts, never both.

    Its own, unless only what is below has a quantity or knows the order.
    """
    told = [line.quantity for line in same if line.quantity is not None]
    if told and own.quantity is not None and sum(told) != own.quantity:
        level.warn("ShipmentLine.ShipQty", f"{own.quantity} shipped, but {sum(told)} in the levels below")
    if told and (own.quantity is None or (not above.order_number and all(line.order_number for line in same))):
        return [_named_as(own, line) for line in same]
    return [
        own.model_copy(
            update={
                "lots": tuple(dict.fromkeys((*own.lots, *(lot for line in same for lot in line.lots)))),
                "serials": _merged(own.serials, *(line.serials for line in same)),
                "packages": _merged(own.packages, *(line.packages for line in same)),
            }
        )
    ]


def _named_as(own: ShipLine, line: ShipLine) -> ShipLine:
    """The line below with what only the item above says."""
    return line.model_copy(
        update={
            "line_number": line.line_number or own.line_number,
            "numbers": own.numbers if line.numbers == ItemNumbers() else line.numbers,
            "unit": line.unit or own.unit,
            "status": line.status or own.status,
            "price": own.price if line.price is None else line.price,
            "description": line.description or own.description,
        }
    )
