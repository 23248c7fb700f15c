"""What is played on the field: whole stories of an order, from the buyer to the last paper, and how each must end.

A story is a generator. It acts in the outside world and yields whenever the product shall work; what it yields is None,
or what a person shall accept first. After the last yield it says how everything must look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connector.sandbox import Wanted, World
from connector.sandbox.papers import read_order
from connector.sandbox.visma_orders import cancel, change
from connector.sandbox.warehouse import release
from tests.papers import (
    Tree,
    ack,
    ack_line,
    as_json,
    as_xml,
    entry,
    invoice,
    invoice_line,
    numbers,
    of_order,
    ship_item,
    shipment,
    tax,
)


@dataclass(frozen=True)
class Accept:
    """A person accepts what the documents of this number are held for."""

    number: str
    cause: str


Story = Callable[["Scene"], Iterator[Accept | None]]


@dataclass(frozen=True)
class Seller:
    """A supplier with one article: how many are ordered, at what price, and how papers name it."""

    supplier: str
    partner: str
    wanted: Wanted
    unit: str = "EA"

    @property
    def named(self) -> Tree:
        return numbers("1", buyer=self.wanted.item, vendor=self.wanted.alternate_id)


DATES = Seller("50000", "NORDICPARTS01", Wanted("1001-BLK", Decimal(10), "STK", Decimal("48.00"), "NP-77410"))
RELEASES = Seller("50001", "SVVERKTYG01", Wanted("2001-OIL", Decimal(10), "KG", Decimal("32.75"), "SV-1"), "KG")
DRAFTS = Seller("50002", "JYSKEMBALLAGE", Wanted("3002-TAP", Decimal(10), "STK", Decimal("18.25"), "JE-0008"))
PARTNERS = {RELEASES.partner: ("--release-receipts", "yes"), DRAFTS.partner: ("--ack", "receipt")}
"""Options of `manage.py partner` that the stories count on."""


class Mail:
    """What the suppliers have taken from their mailboxes, after every pass: purposes by order, one for each file."""

    def __init__(self) -> None:
        self.taken: dict[str, list[str]] = {}

    def __call__(self, world: World) -> None:
        for file in world.sps.pick_up():
            order = read_order(file.content)
            self.taken.setdefault(order.number, []).append(order.purpose)


class Scene:
    """One story's own corner of the world; `rests` names its documents that must not be delivered in the end."""

    def __init__(self, world: World, mail: Mail) -> None:
        self.world = world
        self.books = world.visma.books
        self.mail = mail
        self.orders: list[str] = []
        self.rests: list[str] = []
        self._files = 0

    def order(self, seller: Seller) -> str:
        number = self.world.new_order(seller.supplier, [seller.wanted])
        self.orders.append(number)
        return number

    def puts(self, root: str, *papers: Tree, xml: bool = False) -> None:
        """SPS lays out one file with these papers."""
        self._files += 1
        letters = {"OrderAck": "PR", "Shipment": "SH", "Invoice": "IN"}[root]
        name = f"{letters}{self.orders[0]}-{self._files}"
        content = as_xml(root, *papers) if xml else as_json(*papers)
        self.world.sps.put(f"out/{letters}/{name}.{'xml' if xml else 'json'}", content)

    def warehouse(self, reference: str) -> None:
        """People release what came with a ship notice."""
        for number, row in list(self.books.receipts.items()):
            if row.body["supplierRef"] == reference and row.body["status"] == "Hold":
                release(self.books, number)

    def day(self, days: int) -> str:
        return f"{self.books.clock() + timedelta(days=days):%Y-%m-%d}"

    def changes(self, order: str, quantity: int) -> None:
        """The buyer wants another quantity."""
        line = {"operation": "Update", "lineNumber": {"value": 1}, "orderQty": {"value": quantity}}
        change(self.books, order, {"lines": [line]}, "", "buyer")

    def cancels(self, order: str) -> None:
        cancel(self.books, order)

    # how it must look

    def sent(self, order: str, *purposes: str) -> None:
        self._must(f"files of order {order}", self.mail.taken.get(order, []), list(purposes))

    def promised(self, order: str, day: str) -> None:
        self._must(f"promised date of order {order}", self.books.orders[order].body["lines"][0]["promised"][:10], day)

    def received(self, reference: str, *receipts: tuple[str, int]) -> None:
        """Status and quantity of every receipt with this reference, cancelled ones too."""
        found = [row.body for row in self.books.receipts.values() if row.body["supplierRef"] == reference]
        shown = [(body["status"], sum(line["receiptQty"] for line in body["lines"])) for body in found]
        self._must(f"receipts of {reference}", shown, list(receipts))

    def billed(self, reference: str, *amounts: Decimal) -> None:
        """The amount of every supplier invoice with this reference."""
        bills = [row.body for row in self.books.invoices.values() if row.body["supplierReference"] == reference]
        shown = [sum(line["quantity"] * line["unitCostInCurrency"] for line in body["invoiceLines"]) for body in bills]
        self._must(f"invoices of {reference}", shown, list(amounts))
        attached = [len(body.get("attachments", ())) for body in bills]
        self._must(f"papers attached to invoices of {reference}", attached, [1] * len(bills))

    def _must(self, what: str, found: Any, wanted: Any) -> None:
        if found != wanted:
            raise AssertionError(f"{what}: {found}, not {wanted}")


def _ack(seller: Seller, order: str, day: str, **header: Any) -> Tree:
    line = ack_line(seller.named, entry("IA", 10, day, unit=seller.unit), ordered=10, unit=seller.unit)
    return ack(order, "AD", [line], partner=seller.partner, **header)


def _shipment(seller: Seller, number: str, *orders: str, quantity: int = 10, purpose: str = "00") -> Tree:
    levels = [of_order(order, items=[ship_item(seller.named, quantity, seller.unit)]) for order in orders]
    return shipment(number, *levels, purpose=purpose, partner=seller.partner)


def _invoice(seller: Seller, number: str, order: str, kind: str = "DR") -> Tree:
    net = 10 * seller.wanted.price
    vat = (net / 4).quantize(Decimal("0.01"))
    line = invoice_line(seller.named, 10, seller.wanted.price, seller.unit)
    return invoice(number, order, [line], net + vat, kind=kind, partner=seller.partner, taxes=[tax(vat)])


def ordinary(scene: Scene) -> Iterator[Accept | None]:
    """Order, acknowledgment, ship notice, goods in, invoice."""
    order = scene.order(DATES)
    yield None
    scene.puts("OrderAck", _ack(DATES, order, scene.day(9)))
    yield None
    scene.puts("Shipment", _shipment(DATES, f"SHP-{order}", order))
    yield None
    scene.warehouse(f"SHP-{order}")
    scene.puts("Invoice", _invoice(DATES, f"INV-{order}", order))
    yield None
    scene.sent(order, "00")
    scene.promised(order, scene.day(9))
    scene.received(f"SHP-{order}", ("Released", 10))
    scene.billed(f"INV-{order}", 10 * DATES.wanted.price)


def released(scene: Scene) -> Iterator[Accept | None]:
    """Receipts of this partner are released by us."""
    order = scene.order(RELEASES)
    yield None
    scene.puts("Shipment", _shipment(RELEASES, f"SHP-{order}", order))
    yield None
    scene.puts("Invoice", _invoice(RELEASES, f"INV-{order}", order))
    yield None
    scene.received(f"SHP-{order}", ("Released", 10))
    scene.billed(f"INV-{order}", 10 * RELEASES.wanted.price)


def revised(scene: Scene) -> Iterator[Accept | None]:
    """The buyer changes the order (05), then cancels it (01)."""
    order = scene.order(DATES)
    yield None
    scene.changes(order, 12)
    yield None
    scene.cancels(order)
    yield None
    scene.sent(order, "00", "05", "01")


def reshipped(scene: Scene) -> Iterator[Accept | None]:
    """A ship notice replaces another (05) and is cancelled (01), each after a person's yes."""
    order = scene.order(DATES)
    number = f"SHP-{order}"
    yield None
    scene.puts("Shipment", _shipment(DATES, number, order))
    yield None
    scene.puts("Shipment", _shipment(DATES, number, order, quantity=6, purpose="05"))
    yield None
    scene.received(number, ("Hold", 10))
    yield Accept(number, "cancelled")
    scene.received(number, ("Cancelled", 10), ("Hold", 6))
    scene.puts("Shipment", _shipment(DATES, number, purpose="01"))
    yield None
    scene.received(number, ("Cancelled", 10), ("Hold", 6))
    yield Accept(number, "cancelled")
    scene.received(number, ("Cancelled", 10), ("Cancelled", 6))


def drafted(scene: Scene) -> Iterator[Accept | None]:
    """Receipts of this partner are made from acknowledgments; its ship notices are ignored."""
    order = scene.order(DRAFTS)
    yield None
    scene.puts("OrderAck", _ack(DRAFTS, order, scene.day(9), AcknowledgementNumber=f"ACK-{order}"))
    yield None
    [reference] = {
        row.body["supplierRef"]
        for row in scene.books.receipts.values()
        if any(line["poOrderNbr"] == order for line in row.body["lines"])
    }
    scene.warehouse(reference)
    scene.puts("Invoice", _invoice(DRAFTS, f"INV-{order}", order))
    yield None
    scene.promised(order, scene.day(9))
    scene.received(reference, ("Released", 10))
    scene.billed(f"INV-{order}", 10 * DRAFTS.wanted.price)


def credited(scene: Scene) -> Iterator[Accept | None]:
    """After the invoice comes a credit note: a person books it, we post nothing."""
    order = scene.order(DATES)
    yield None
    scene.puts("Shipment", _shipment(DATES, f"SHP-{order}", order))
    yield None
    scene.warehouse(f"SHP-{order}")
    scene.puts("Invoice", _invoice(DATES, f"INV-{order}", order))
    yield None
    scene.puts("Invoice", _invoice(DATES, f"CRN-{order}", order, kind="CR"))
    yield None
    scene.rests.append(f"invoice CRN-{order} held credit_note")
    scene.received(f"SHP-{order}", ("Released", 10))
    scene.billed(f"INV-{order}", 10 * DATES.wanted.price)
    scene.billed(f"CRN-{order}")


def bundled(scene: Scene) -> Iterator[Accept | None]:
    """Several papers in one file, for two orders; one ship notice for both."""
    first, second = scene.order(DATES), scene.order(DATES)
    yield None
    scene.puts("OrderAck", _ack(DATES, first, scene.day(9)), _ack(DATES, second, scene.day(8)), xml=True)
    yield None
    scene.puts("Shipment", _shipment(DATES, f"SHP-{first}", first, second))
    yield None
    scene.warehouse(f"SHP-{first}")
    scene.puts("Invoice", _invoice(DATES, f"INV-{first}", first), _invoice(DATES, f"INV-{second}", second))
    yield None
    for order, days in ((first, 9), (second, 8)):
        scene.sent(order, "00")
        scene.promised(order, scene.day(days))
        scene.billed(f"INV-{order}", 10 * DATES.wanted.price)
    scene.received(f"SHP-{first}", ("Released", 20))


STORIES: dict[str, Story] = {
    story.__name__: story for story in (ordinary, released, revised, reshipped, drafted, credited, bundled)
}
