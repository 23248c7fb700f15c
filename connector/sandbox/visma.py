"""Stand-in for Visma Connect and the Visma.net ERP API (visma.md): one company in memory, refusing what the real one would.

Served by `world` over a socket, or used in process through `handle`. Every answer of the API carries the rate headers.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import format_datetime
from urllib.parse import unquote

from connector.sandbox import visma_invoices, visma_orders, visma_receipts
from connector.sandbox.faults import Faults
from connector.sandbox.gate import Traffic
from connector.sandbox.visma_access import Access, Caller, Quota
from connector.sandbox.visma_books import Books, Clock, Row, refuse, refuse_at_gateway, utc_now
from connector.sandbox.visma_catalogue import LISTS, invoice_shape, item_shape
from connector.sandbox.visma_fields import body_of
from connector.sandbox.visma_lists import Params, shown, without_customs
from connector.sandbox.wire import Json, Refusal, Reply, Request, as_json

LEGACY_ROOT = "https://integration.visma.net/API/controller/api"


def _key(segment: str) -> str:
    """A key as it stands in the path, or as `b64(…)` when it has reserved characters (visma.md §1)."""
    found = re.fullmatch(r"b64\((.*)\)", segment, re.IGNORECASE)
    if not found:
        return segment
    try:
        return base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as wrong:
        raise refuse(f"'{segment}' is not a key in base64.") from wrong


@dataclass(frozen=True)
class Ask:
    """One authorised request, with the keys from its path."""

    site: SandboxVisma
    call: Request
    caller: Caller
    keys: tuple[str, ...]


Action = Callable[[Ask], Reply]


class SandboxVisma:
    """The stand-in; its state is `books`, its wire `faults`, `traffic`, `access` and `quota`."""

    def __init__(self, seed: int = 0, clock: Clock = utc_now) -> None:
        self.books = Books(seed, clock)
        self.faults = Faults(seed=seed)
        self.traffic = Traffic()
        self.access = Access(clock)
        self.quota = Quota(clock)
        self._locations = 0
        self._guard = threading.Lock()

    def handle(self, call: Request) -> Reply:
        """Answer one request below the root; refusals are answers too."""
        if call.path.lower() == "/connect/token":
            return self.access.token(call)
        rate = self.quota.spend()
        if rate.exhausted:
            return self.throttled(rate.resets_in)
        try:
            reply = self._answer(call)
        except Refusal as refusal:
            reply = refusal.reply
        return reply.plus({**rate.headers(), "Date": format_datetime(self.books.clock().astimezone(UTC), usegmt=True)})

    def _answer(self, call: Request) -> Reply:
        action, keys = _route(call)
        caller = self.access.caller(call)
        with self.books.lock:
            return action(Ask(self, call, caller, keys))

    def expire_tokens(self) -> None:
        """Every token given so far ends now."""
        self.access.expire()

    def disturb(self, call: Request) -> None:
        """A person saves the addressed order, receipt or invoice once more: its etag is another one."""
        with self.books.lock:
            for key in call.segments:
                for table in (self.books.orders, self.books.receipts):
                    if key in table:
                        self.books.note(table[key], "person", "saved again")
                if f"Invoice/{key}" in self.books.invoices:
                    self.books.note(self.books.invoices[f"Invoice/{key}"], "person", "saved again")

    def throttled(self, retry_after: int | None) -> Reply:
        """429; the body of the real one is unknown."""
        extra = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Reply(429, b"API calls quota exceeded", {**self.quota.look().headers(), **extra})

    def crashed(self) -> Reply:
        """500 of the gateway."""
        return as_json({"message": "An error has occurred."}, 500, self.quota.look().headers())

    def created(self, call: Request, path: str, row: Row) -> Reply:
        """201 with Location and ETag, body empty; every second Location names the legacy host."""
        with self._guard:
            self._locations += 1
            legacy = self.books.rules.legacy_locations and self._locations % 2 == 0
        root = LEGACY_ROOT if legacy else call.origin
        return Reply(201, b"", {"Location": f"{root}{path}", "ETag": f'"{row.etag}"'})

    def ledger(self) -> Json:
        """Who wrote which receipt, invoice and order when, as plain JSON."""
        with self.books.lock:
            return {
                "receipts": {key: _history(row, "supplierRef") for key, row in self.books.receipts.items()},
                "invoices": {key: _history(row, "supplierReference") for key, row in self.books.invoices.items()},
                "orders": {key: _history(row, "status") for key, row in self.books.orders.items()},
                "calls": dict(self.traffic.counts),
            }

    def warp(self, ahead: timedelta) -> None:
        """Let the company's clock jump (daylight saving, corrections)."""
        clock = self.books.clock
        self.books.clock = lambda: clock() + ahead


def _history(row: Row, reference: str) -> Json:
    lines = [{"when": c.when.isoformat(), "who": c.who, "action": c.action} for c in row.history]
    return {"reference": row.body[reference], "status": row.body["status"], "history": lines}


def _one(row: Row, body: Json | None = None) -> Reply:
    return as_json(body or row.body, headers={"ETag": f'"{row.etag}"'})


def _params(call: Request) -> Params:
    return {name.lower(): value for name, value in call.query.items()}


def _listed(ask: Ask) -> Reply:
    return as_json(shown(ask.site.books, LISTS[ask.call.path.lower().rstrip("/")], ask.call.query))


def _credit_terms(ask: Ask) -> Reply:
    """One of the newer resources that page with an envelope (visma.md §3)."""
    rows = shown(ask.site.books, LISTS["/v1/creditterm"], ask.call.query)
    return as_json({"pageNumber": 1, "pageSize": len(rows), "totalCount": len(rows), "records": rows})


def _supplier(ask: Ask) -> Reply:
    return _one(ask.site.books.find(ask.site.books.suppliers, ask.keys[0], "Supplier"))


def _locations(ask: Ask) -> Reply:
    rows = shown(ask.site.books, LISTS["/v1/supplierlocation"], ask.call.query)
    return as_json([row for row in rows if row["baccount"]["number"] == ask.keys[0]])


def _location(ask: Ask) -> Reply:
    return _one(ask.site.books.find(ask.site.books.locations, f"{ask.keys[0]}/{ask.keys[1]}", "Supplier location"))


def _item(ask: Ask) -> Reply:
    row = ask.site.books.find(ask.site.books.items, ask.keys[0], "Inventory item")
    return _one(row, item_shape(row.body, _params(ask.call)))


def _order(ask: Ask) -> Reply:
    row = ask.site.books.find(ask.site.books.orders, ask.keys[0], "Purchase order")
    return _one(row, without_customs(row.body, _params(ask.call)))


def _change_order(ask: Ask) -> Reply:
    row = visma_orders.change(
        ask.site.books, ask.keys[0], body_of(ask.call.body), ask.call.header("If-Match"), ask.caller.name
    )
    return Reply(204, b"", {"ETag": f'"{row.etag}"'})


def _gone(_: Ask) -> Reply:
    raise refuse("This endpoint has reached its end of life; read purchase receipts from /v2/PurchaseReceipt.", 410)


def _receipt(ask: Ask) -> Reply:
    row = ask.site.books.find(ask.site.books.receipts, ask.keys[0], "Purchase receipt")
    return _one(row, without_customs(row.body, _params(ask.call)))


def _create_receipt(ask: Ask) -> Reply:
    row = visma_receipts.create(ask.site.books, body_of(ask.call.body), ask.caller.name)
    return ask.site.created(ask.call, f"/v1/PurchaseReceipt/{row.body['receiptNbr']}", row)


def _change_receipt(ask: Ask) -> Reply:
    row = visma_receipts.change(
        ask.site.books, ask.keys[0], body_of(ask.call.body), ask.call.header("If-Match"), ask.caller.name
    )
    return Reply(204, b"", {"ETag": f'"{row.etag}"'})


def _receipt_action(ask: Ask) -> Reply:
    match ask.keys[1].lower():
        case "addpurchaseorderlines":
            return as_json(
                visma_receipts.add_lines(ask.site.books, ask.keys[0], body_of(ask.call.body), ask.caller.name)
            )
        case "addpurchaseorder":
            return as_json(
                visma_receipts.add_orders(ask.site.books, ask.keys[0], body_of(ask.call.body), ask.caller.name)
            )
        case "release":
            return as_json(visma_receipts.release(ask.site.books, ask.keys[0], ask.caller.name))
        case "cancelreceipt":
            return as_json(visma_receipts.cancel(ask.site.books, ask.keys[0], ask.caller.name))
    raise refuse(f"There is no action '{ask.keys[1]}'.", 404)


def _invoice(ask: Ask) -> Reply:
    key = "/".join(ask.keys) if len(ask.keys) == 2 else f"Invoice/{ask.keys[0]}"
    row = ask.site.books.find(ask.site.books.invoices, key, "Supplier invoice")
    return _one(row, invoice_shape(row.body, _params(ask.call)))


def _create_invoice(ask: Ask) -> Reply:
    row = visma_invoices.create(ask.site.books, body_of(ask.call.body), ask.caller.name)
    return ask.site.created(ask.call, f"/v1/supplierInvoice/{row.body['referenceNumber']}", row)


def _attach(ask: Ask) -> Reply:
    key = "/".join(ask.keys) if len(ask.keys) == 2 else f"Invoice/{ask.keys[0]}"
    form, match = ask.call.header("Content-Type"), ask.call.header("If-Match")
    row = visma_invoices.attach(ask.site.books, key, match, form, ask.call.body, ask.caller.name)
    return Reply(201, b"", {"ETag": f'"{row.etag}"'})


def _file(ask: Ask) -> Reply:
    if ask.keys[0] not in ask.site.books.files:
        raise refuse(f"Attachment '{ask.keys[0]}' cannot be found in the system.", 404)
    return Reply(200, ask.site.books.files[ask.keys[0]][1], {"Content-Type": "application/octet-stream"})


_ROUTES: tuple[tuple[str, re.Pattern[str], Action], ...] = tuple(
    (method, re.compile(pattern.replace("*", "([^/]+)") + "/?", re.IGNORECASE), action)
    for method, pattern, action in (
        ("GET", "/v1/supplier/*", _supplier),
        ("GET", "/v1/supplierlocation/*", _locations),
        ("GET", "/v1/supplierlocation/*/*", _location),
        ("GET", "/v1/inventory/*", _item),
        ("GET", "/v1/purchaseorder/*", _order),
        ("PUT", "/v1/purchaseorder/*", _change_order),
        ("GET", "/v1/purchasereceipt(?:basic)?", _gone),
        ("GET", "/v1/purchasereceipt(?:basic)?/*", _gone),
        ("GET", "/v2/purchasereceipt/*", _receipt),
        ("POST", "/v1/purchasereceipt", _create_receipt),
        ("PUT", "/v1/purchasereceipt/*", _change_receipt),
        ("POST", "/v1/purchasereceipt/*/action/*", _receipt_action),
        ("GET", "/v1/supplierinvoice/*", _invoice),
        ("GET", "/v1/supplierinvoice/*/*", _invoice),
        ("POST", "/v1/supplierinvoice", _create_invoice),
        ("POST", "/v1/supplierinvoice/*/attachment", _attach),
        ("POST", "/v1/supplierinvoice/documenttype/*/*/attachment", _attach),
        ("GET", "/v1/attachment/*", _file),
    )
)


def _route(call: Request) -> tuple[Action, tuple[str, ...]]:
    """The action of a path and its decoded keys; 404 where no such route exists, token or not (visma.md §1)."""
    path = call.path.lower().rstrip("/")
    if path in LISTS and call.method == "GET":
        return (_credit_terms if path == "/v1/creditterm" else _listed), ()
    others = path in LISTS
    for method, pattern, action in _ROUTES:
        found = pattern.fullmatch(call.path)
        if found and method == call.method:
            return action, tuple(_key(unquote(segment)) for segment in found.groups())
        others = others or found is not None
    if others:
        raise refuse_at_gateway("The requested resource does not support this method.", 405)
    raise refuse_at_gateway("Resource not found", 404)
