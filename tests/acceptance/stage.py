"""The stage of the acceptance scenarios: real commands, real sockets, and the sandbox's books to look into afterwards."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from audit.ledger import decide
from audit.models import Document
from connector.sandbox import Wanted, World
from connector.sandbox.visma_invoices import create as type_invoice
from connector.sandbox.visma_orders import cancel as cancel_order
from connector.sandbox.visma_orders import change as change_order
from connector.sandbox.visma_receipts import add_lines as add_receipt_lines
from connector.sandbox.visma_receipts import cancel as cancel_receipt
from connector.sandbox.visma_receipts import change as change_receipt
from connector.sandbox.visma_receipts import create as create_receipt
from connector.sandbox.visma_receipts import release as release_receipt
from tests.papers import as_json

Row = dict[str, Any]
HINGE = Wanted("1001-BLK", Decimal(10), "STK", Decimal("48.00"), "NP-77410")
WHITE = Wanted("1002-WHT", Decimal(4), "STK", Decimal("75.00"), "NP-77411")
SCREWS = Wanted("1003-SCR", Decimal(5), "KRT", Decimal("240.00"), "NP-80010")
GLUE = Wanted("1004-GLU", Decimal(6), "STK", Decimal("89.50"), "NP-90001")


class Stage:
    """A connected company of its own, and everyone around it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.books = world.visma.books
        self._papers = 0

    # our side

    def run(self, *argv: str, fails: bool = False) -> Row:
        """A command with --json: its answer. `fails` says that exit code 1 is expected."""
        out = io.StringIO()
        try:
            call_command(*argv, "--json", stdout=out, stderr=io.StringIO())
        except CommandError:
            if not fails:
                raise
        found: Row = json.loads(out.getvalue())
        return found

    def connect(self, **options: str) -> None:
        """`connect` and the mapping files that fit the sandbox."""
        world, keys = self.world, self.world.credentials
        wanted = {
            "--visma-url": world.visma_url,
            "--visma-token-url": world.visma_token_url,
            "--visma-client-id": keys.visma_client_id,
            "--visma-tenant": keys.visma_tenant,
            "--sps-url": world.sps_url,
            "--sps-token-url": world.sps_token_url,
            "--sps-client-id": keys.sps_client_id,
            "--sps-history-lag": "1",
            "--visma-settle": "1",
            "--time-zone": "Etc/GMT-1",  # the sandbox's, summer and winter: an order of today is dated today
        }
        self.run("connect", "Demo", *(part for pair in (wanted | options).items() for part in pair))
        self.map(**world.mapping_csvs())

    def map(self, **files: str) -> None:
        """Mapping files by kind."""
        for kind, content in files.items():
            path = self.folder / f"{kind}.csv"
            path.write_text(content)
            self.run("map", kind, str(path))

    def partner(self, *options: str, name: str = "NORDICPARTS01") -> None:
        self.run("partner", name, *options)

    def sync(self, *, fails: bool = False) -> Row:
        return self.run("sync", "--until-idle", "--timeout", "30", fails=fails)

    def documents(self, *filters: str) -> list[Row]:
        found: list[Row] = self.run("documents", *filters)["documents"]
        return found

    def document(self, *filters: str) -> Row:
        """The only document that fits."""
        [found] = self.documents(*filters)
        return found

    def accept(self, row: Row) -> None:
        """Someone accepts everything that a document is held for."""
        document = Document.objects.get(pk=row["id"])
        for hold in document.holds.filter(closed_at=None):
            decide(document, hold.cause, hold.subject, accepted="", reason="fine", actor="kari", now=timezone.now())

    # SPS

    def put(self, kind: str, *papers: Row, content: bytes = b"", name: str = "") -> str:
        """Lays a file into `out/`; returns its path."""
        self._papers += 1
        letters = {"order_ack": "PR", "shipment": "SH", "invoice": "IN"}[kind]
        path = name or f"/out/{letters}/{letters}{self._papers:04d}.json"
        self.world.sps.put(path, content or as_json(*papers))
        return path

    def put_empty(self) -> str:
        self.world.sps.put("/out/IN/IN-empty.json", b"")
        return "/out/IN/IN-empty.json"

    def sends(self, kind: str, *papers: Row) -> Row:
        """A paper arrives and is worked on: its document."""
        path = self.put(kind, *papers)
        self.sync()
        return next(row for row in self.documents() if row["source_ref"] == path)

    def mailbox(self) -> list[Row]:
        """The orders that lie in `in/`, oldest revision first."""
        shelf = self.world.sps.shelf
        paths = sorted(path for path in shelf.files if path.startswith("/in/"))
        return [json.loads(shelf.files[path].content) for path in paths]

    # Visma

    def order(self, *lines: Wanted, supplier: str = "50000", **more: Any) -> str:
        """A buyer places an order, and it goes out."""
        number = self.world.new_order(supplier, lines or (HINGE,), **more)
        self.sync()
        return number

    def line(self, order: str, number: int = 1) -> Row:
        """An order line as Visma shows it."""
        found: Row = next(line for line in self.books.orders[order].body["lines"] if line["lineNbr"] == number)
        return found

    def change(self, order: str, *lines: Row, **header: Any) -> None:
        """The buyer changes an order: lines as `{"lineNumber": 1, "orderQty": 3}`."""
        edits = [{"operation": "Update"} | {name: {"value": value} for name, value in line.items()} for line in lines]
        body: Row = {name: {"value": value} for name, value in header.items()}
        change_order(self.books, order, body | ({"lines": edits} if edits else {}), "", "buyer")

    def cancel(self, order: str) -> None:
        cancel_order(self.books, order)

    def receipts(self) -> list[Row]:
        """All receipts that are not cancelled."""
        return [row.body for row in self.books.receipts.values() if row.body["status"] != "Cancelled"]

    def invoices(self) -> list[Row]:
        return [row.body for row in self.books.invoices.values() if row.body["status"] != "Voided"]

    def release(self, counted: Callable[[Row], Decimal] | None = None) -> None:
        """The warehouse counts and releases every receipt; `counted` says what it found of a line."""
        for receipt in self.receipts():
            if receipt["status"] == "Released":
                continue
            number, lines = receipt["receiptNbr"], []
            for line in receipt["lines"] if counted else ():
                found = counted(line) if counted else line["receiptQty"]
                edit = {"lineNbr": {"value": line["lineNbr"]}, "receiptQty": {"value": found}}
                lines.append({"operation": "Update"} | edit)
            change_receipt(self.books, number, {"hold": {"value": False}, "lines": lines}, "", "warehouse")
            assert release_receipt(self.books, number, "warehouse")["actionResult"] == "Done"

    def cancel_receipt(self, number: str) -> None:
        assert cancel_receipt(self.books, number, "buyer")["actionResult"] == "Done"

    def type_by_hand(self, reference: str, amount: str, *, supplier: str = "50000") -> str:
        """Someone in finance types a supplier invoice: its number."""
        line = {"accountNumber": "4300", "quantity": Decimal(1), "unitCostInCurrency": Decimal(amount)}
        body: Row = {"supplierNumber": {"value": supplier}, "supplierReference": {"value": reference}}
        free = {"operation": "Insert"} | {name: {"value": value} for name, value in line.items()}
        number: str = type_invoice(self.books, body | {"invoiceLines": [free]}, "finance").body["referenceNumber"]
        return number

    def receive_by_hand(self, order: str, quantity: Decimal, unit: str, *, line: int = 1) -> str:
        """The warehouse types a receipt of an order line, in whatever unit, and releases it: its number."""
        number = self._receipt_header(order, "PoReceipt")
        chosen = {"purchaseOrderLines": [{"orderNbr": order, "lines": [{"lineNbr": str(line)}]}]}
        add_receipt_lines(self.books, number, chosen, "warehouse")
        [typed] = self.books.receipts[number].body["lines"]
        typed |= {"receiptQty": quantity, "uom": unit}
        change_receipt(self.books, number, {"hold": {"value": False}}, "", "warehouse")
        assert release_receipt(self.books, number, "warehouse")["actionResult"] == "Done"
        return number

    def return_goods(self, receipt: str, quantity: Decimal, *, released: bool = True) -> str:
        """The warehouse sends goods of a receipt back, and the buyer opens the order line for others: number of the return."""
        [gone] = self.books.receipts[receipt].body["lines"]
        number = self._receipt_header(gone["poOrderNbr"], "PoReturn")
        row = self.books.receipts[number]
        row.body["lines"].append(gone | {"lineNbr": 1, "receiptQty": quantity})
        row.body |= {"hold": False, "status": "Released" if released else "Balanced"}
        self.books.note(row, "warehouse", "returned")
        if released:
            self.line(gone["poOrderNbr"], gone["poOrderLineNbr"]).update(completed=False, qtyOnReceipts=Decimal(0))
            self.books.orders[gone["poOrderNbr"]].body["status"] = "Open"
            self.books.note(self.books.orders[gone["poOrderNbr"]], "buyer", "opened again")
        return number

    def take_off(self, receipt: str, line: int) -> None:
        """The warehouse takes a line off a receipt that is still on hold."""
        edit = {"operation": "Delete", "lineNbr": {"value": line}}
        change_receipt(self.books, receipt, {"lines": [edit]}, "", "warehouse")

    def _receipt_header(self, order: str, kind: str) -> str:
        supplier = self.books.orders[order].body["supplier"]["number"]
        body = {"receiptType": {"value": kind}, "supplierId": {"value": supplier}, "createBill": {"value": False}}
        number: str = create_receipt(self.books, body, "warehouse").body["receiptNbr"]
        return number

    def writes(self) -> int:
        """How often anything was written in Visma."""
        tables = (self.books.orders, self.books.receipts, self.books.invoices)
        return sum(len(row.history) for table in tables for row in table.values())


def opened(folder: Path) -> Iterator[Stage]:
    """A stage with the seeded company, connected and synced once."""
    with World(seed=7, mismatch_rate=0) as world:
        world.seed_company(0)
        stage = Stage(world, folder)
        stage.connect()
        stage.partner("--expense-account", "4360")
        stage.sync()
        yield stage


def received(receipt: Row) -> dict[tuple[str, int], Decimal]:
    """What a receipt says, by order and order line."""
    return {(line["poOrderNbr"], line["poOrderLineNbr"]): line["receiptQty"] for line in receipt["lines"]}


def is_sentence(text: str) -> bool:
    """Whether a person is told something: words, an end, and nothing out of a stack trace."""
    return (
        " " in text and text.rstrip().endswith(".") and not any(sign in text for sign in ("Traceback", "Error(", "{"))
    )


def asked(row: Row, cause: str, *words: str) -> None:
    """A document is held for this cause, with a sentence that says these words."""
    assert (row["status"], row["cause"]) == ("held", cause), row
    assert is_sentence(row["reason"]), row["reason"]
    assert all(word in row["reason"] for word in words), row["reason"]


def delivered(row: Row) -> None:
    assert row["status"] == "delivered", row
    assert row["output_ref"]
