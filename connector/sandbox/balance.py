"""What both ledgers say when they are laid side by side: once, twice, lost, or where it should not be."""

from __future__ import annotations

from collections import Counter

from connector.sandbox.mistakes import Expected
from connector.sandbox.partner import Partner
from connector.sandbox.sps import SandboxSps
from connector.sandbox.visma import SandboxVisma
from connector.sandbox.wire import Json


class Balance:
    """Counts over both ledgers at one moment."""

    def __init__(self, visma: SandboxVisma, sps: SandboxSps, partner: Partner, ends: dict[str, str]) -> None:
        self.sps, self.partner, self.ends = sps, partner, ends
        books = visma.books
        with books.lock:
            receipts = [row.body for row in books.receipts.values() if row.body["status"] != "Cancelled"]
            invoices = [row.body for row in books.invoices.values() if row.body["status"] != "Voided"]
            self.receipts = Counter(body["supplierRef"] for body in receipts)
            self.invoices = Counter(f"{b['supplier']['number']}/{b['supplierReference']}" for b in invoices)
            self.references = Counter(body["supplierReference"] for body in invoices)
            self.unreleased = [body["receiptNbr"] for body in receipts if body["status"] != "Released"]
            self.promises = {
                (number, line["lineNbr"]): str(line["promised"])[:10]
                for number, row in books.orders.items()
                for line in row.body["lines"]
            }

    def as_json(self) -> Json:
        """The whole balance; every list is empty when all is well and everything is done."""
        partner = self.partner
        orders = {number: dict(purposes) for number, purposes in dict(partner.received).items()}
        wanted = [number for number, end in self.ends.items() if end == "sent"]
        return {
            "orders": orders,
            "duplicate_orders": sorted(number for number, purposes in orders.items() if purposes.get("00", 0) > 1),
            "missing_orders": sorted(number for number in wanted if number not in orders),
            "refused_orders": [list(refused) for refused in list(partner.refused)],
            "receipts": dict(self.receipts),
            "duplicate_receipts": sorted(key for key, count in self.receipts.items() if count > 1),
            "unreleased_receipts": sorted(self.unreleased),
            "invoices": dict(self.invoices),
            "duplicate_invoices": sorted(key for key, count in self.invoices.items() if count > 1),
            "lost": self._lost(),
            "unexpected": self._unexpected(),
            "unread_deleted": self._unread_deleted(),
            "files_waiting": self.sps.paths("out/"),
        }

    def _lost(self) -> list[str]:
        """Papers that should have arrived in Visma and are not there (yet)."""
        lost = [f"{e.kind} {e.number}" for e in self._ended("delivered") if e.kind == "shipment"]
        lost = [text for text in lost if text.split()[1] not in self.receipts]
        lost += [
            f"invoice {e.number}"
            for e in self._ended("delivered")
            if e.kind == "invoice" and e.number not in self.references
        ]
        broken = [key for key, day in dict(self.partner.promised).items() if self.promises.get(key) != day]
        return lost + [f"order_ack {order} line {line}" for order, line in sorted(broken)]

    def _ended(self, outcome: str) -> list[Expected]:
        return [expected for expected in self.partner.expected if expected.outcome == outcome]

    def _unexpected(self) -> list[str]:
        """Papers that should have been held or waited, yet stand in Visma."""
        right = {(e.kind, e.number) for e in self._ended("delivered")}
        wrong = [e for e in self.partner.expected if (e.kind, e.number) not in right]
        there = {"shipment": self.receipts, "invoice": self.references, "order_ack": Counter[str]()}
        return [f"{e.kind} {e.number}: {e.mistake}" for e in wrong if e.number in there[e.kind]]

    def _unread_deleted(self) -> list[str]:
        """Files in `out/` that were deleted through the API although nobody had read them."""
        found = []
        for path, entries in self.sps.ledger().items():
            read = False
            for entry in entries:
                if entry["status"] == "deleted" and entry["who"] == "api" and path.startswith("/out/") and not read:
                    found.append(path)
                read = entry["status"] == "downloaded" or (read and entry["status"] != "uploaded")
        return found
