"""Stand-in for the SPS Transaction API v5 (sps.md §2, §3): a file mailbox with tokens, listings and a transport log.

`put` and `pick_up` are SPS's own hands: they lay files out and take them in without passing the gate.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from connector.sandbox.faults import Faults
from connector.sandbox.gate import Traffic
from connector.sandbox.sps_shelf import Clock, Shelf, whole
from connector.sandbox.visma_books import utc_now
from connector.sandbox.wire import Json, Refusal, Reply, Request, as_json, credentials

CLIENT_ID = "sps-sandbox-m2m"
WEB_CLIENT_ID = "sps-sandbox-web"  # of the wrong application type
CLIENT_SECRET = "sandbox-sps-secret"  # noqa: S105 - a public value of the stand-in, it opens nothing
AUDIENCES = ("https://spscommerce.com", "api://api.spscommerce.com/")
DATA, HISTORY = "/transactions/v5/data", "/transactions/v5/history"
_TOKEN_PATHS = ("/oauth/token", "/authorization/v1/token")
SHAPES = ("transaction", "problem", "plain")


@dataclass(frozen=True)
class Taken:
    """A file that SPS took from `in/`: bytes as posted, when it was posted."""

    path: str
    content: bytes
    since: datetime


class SandboxSps:
    """The stand-in. `error_shape` is one of SHAPES or `mixed`; the delays are in seconds."""

    def __init__(self, seed: int = 0, clock: Clock = utc_now) -> None:
        self.faults = Faults(seed=seed)
        self.traffic = Traffic()
        self.shelf = Shelf(clock, seed)
        self.expires_in = 3600
        self.issued = 0
        self.history_lag = 0.0
        self.pickup_delay = 0.0
        self.error_shape = "mixed"
        self.null_next = False  # last pages say "next": null instead of leaving the key out
        self._shapes = itertools.cycle(SHAPES)
        self._tokens: dict[str, datetime] = {}
        self._lock = threading.RLock()

    def handle(self, call: Request) -> Reply:
        """Answer one request below the root."""
        with self._lock:
            try:
                return self._answer(call)
            except Refusal as refusal:
                return refusal.reply

    def _answer(self, call: Request) -> Reply:
        if call.path in _TOKEN_PATHS:
            return self._token(call)
        if not call.header("User-Agent"):
            raise self._no(call, 403, "A User-Agent header is required.")
        self._check_token(call)
        if call.path == "/auth-check":
            return Reply(204)
        if call.path == HISTORY and call.method == "GET":
            return self._history(call)
        if call.path.startswith(DATA + "/"):
            return self._data(call, unquote(call.path.removeprefix(DATA)))
        raise self._no(call, 404, "Not found.")

    def _token(self, call: Request) -> Reply:
        fields = credentials(call) or {}
        client, audience = fields.get("client_id"), fields.get("audience", AUDIENCES[0])
        if fields.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}, 400)
        if client == WEB_CLIENT_ID:
            text = "Grant type 'client_credentials' not allowed for the client"
            return as_json({"error": "unauthorized_client", "error_description": text}, 403)
        if (client, fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return as_json({"error": "access_denied", "error_description": "Unauthorized"}, 401)
        if audience not in AUDIENCES:
            return as_json({"error": "access_denied", "error_description": f"Service not found: {audience}"}, 403)
        token = f"sps-{uuid.uuid4().hex}"
        self.issued += 1
        self._tokens[token] = self.shelf.clock() + timedelta(seconds=self.expires_in)
        return as_json({"access_token": token, "expires_in": self.expires_in, "token_type": "Bearer"})

    def _check_token(self, call: Request) -> None:
        scheme, _, token = call.header("Authorization").partition(" ")
        until = self._tokens.get(token)
        if scheme != "Bearer" or until is None or until <= self.shelf.clock():
            raise self._no(call, 401, "Unauthorized")

    def _no(self, call: Request, status: int, text: str) -> Refusal:
        """A refusal in one of the shapes of sps.md §3.6."""
        shape = next(self._shapes) if self.error_shape == "mixed" else self.error_shape
        if shape == "transaction":
            return Refusal(
                as_json({"error": {"errorDescription": text, "error": str(status)}, "status": "error"}, status)
            )
        if shape == "plain":
            return Refusal(Reply(status, text.encode(), {"Content-Type": "text/plain"}))
        body = {"title": text, "status": status, "detail": text, "instance": call.path, "context": []}
        body["requestId"] = call.header("X-Request-ID") or str(uuid.uuid4())
        return Refusal(as_json(body, status, {"Content-Type": "application/problem+json"}))

    def _data(self, call: Request, path: str) -> Reply:
        if path.endswith("/"):
            if call.method != "GET":
                raise self._no(call, 400, f"'{path}' is a directory; a file path must not end in '/'.")
            return self._list(call, path)
        match call.method:
            case "GET":
                return self._read(call, path)
            case "POST":
                return self._store(call, path)
            case "DELETE":
                return self._delete(call, path)
        raise self._no(call, 405, "Method not allowed.")

    def _read(self, call: Request, path: str) -> Reply:
        content = self.shelf.get(path, "api")
        if content is None:
            raise self._no(call, 404, f"File '{path}' not found.")
        return Reply(200, content, {"Content-Type": "application/octet-stream"})

    def _store(self, call: Request, path: str) -> Reply:
        if call.header("Content-Type").split(";")[0].strip() != "application/octet-stream":
            raise self._no(call, 415, "Content-Type must be application/octet-stream.")
        root = "/" + path.split("/")[1] + "/"
        if root not in self.shelf.roots or path.count("/") < 2:
            raise self._no(call, 404, f"Directory '{root}' not found.")
        meta = {name.lower(): value for name, value in call.headers.items() if name.lower().startswith("sps-meta-")}
        new = self.shelf.put(path, call.body, "api", meta)
        return as_json({"path": path, "url": f"{call.origin}{DATA}{quote(path)}"}, 201 if new else 200)

    def _delete(self, call: Request, path: str) -> Reply:
        if not self.shelf.remove(path, "api"):
            raise self._no(call, 404, f"File '{path}' not found.")
        return Reply(204)

    def _list(self, call: Request, directory: str) -> Reply:
        if not self.shelf.exists(directory):
            raise self._no(call, 404, f"Directory '{directory}' not found.")
        prefix = call.query.get("entryNamePrefix", "")
        try:
            limit = whole(call.query.get("limit", "1000"), 1, 1000)
            rows, cursor = self.shelf.page(directory, prefix, limit, call.query.get("cursor", ""))
        except ValueError as broken:
            raise self._no(call, 400, f"Invalid limit or cursor: {broken}") from broken
        root = f"{call.origin}{DATA}"
        results = [{"path": path, "type": kind, "url": f"{root}{quote(path)}"} for path, kind in rows]
        paging: Json = {"limit": limit} | ({"next": None} if self.null_next else {})
        if cursor:
            url = f"{root}{quote(directory)}?limit={limit}&cursor={quote(cursor, safe='')}"
            paging["next"] = {"cursor": cursor, "url": url}
        return as_json({"results": results, "paging": paging})

    def _history(self, call: Request) -> Reply:
        after, until = call.query.get("after", ""), call.query.get("until", "")
        try:
            limit = whole(call.query.get("limit", "100"), 1, 1000)
            offset = whole(call.query.get("offset", "0"), 0, 10**9)
            rows = self.shelf.history(timedelta(seconds=self.history_lag), after, until)
        except ValueError as broken:
            raise self._no(call, 400, f"Invalid time or page: {broken}") from broken
        paging: Json = {"offset": offset, "limit": limit, "total_count": len(rows)}
        for name, start in (("next", offset + limit), ("previous", offset - limit)):
            if 0 <= start < len(rows):
                window = f"&after={quote(after)}" * bool(after) + f"&until={quote(until)}" * bool(until)
                paging[name] = {"url": f"{call.origin}{HISTORY}?limit={limit}&offset={start}{window}"}
        return as_json({"results": rows[offset : offset + limit], "paging": paging})

    def expire_tokens(self) -> None:
        """Every token given so far ends now."""
        with self._lock:
            self._tokens.clear()

    def disturb(self, call: Request) -> None:
        """There are no etags here: nothing to disturb."""

    def throttled(self, retry_after: int | None) -> Reply:
        """429; no Retry-After is documented, so both happen."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return as_json(
            {"error": {"errorDescription": "Too many requests", "error": "429"}, "status": "error"}, 429, headers
        )

    def crashed(self) -> Reply:
        """500 with a body that is not JSON."""
        return Reply(500, b"<html><body>Internal Server Error</body></html>", {"Content-Type": "text/html"})

    def put(self, path: str, content: bytes) -> None:
        """SPS lays a file out, e.g. `out/IN/IN1.json`."""
        with self._lock:
            self.shelf.put("/" + path.lstrip("/"), content, "sps")

    def pick_up(self) -> list[Taken]:
        """SPS takes what has been in `in/` for `pickup_delay` seconds, oldest first."""
        with self._lock:
            ripe = self.shelf.clock() - timedelta(seconds=self.pickup_delay)
            files = [f for path, f in self.shelf.files.items() if path.startswith("/in/") and f.since <= ripe]
            for file in files:
                self.shelf.remove(file.path, "sps")
            return [
                Taken(file.path, file.content, file.since) for file in sorted(files, key=lambda f: (f.since, f.path))
            ]

    def paths(self, directory: str) -> list[str]:
        """All files below a directory (`out/`), sorted."""
        with self._lock:
            return sorted(path for path in self.shelf.files if path.startswith("/" + directory.lstrip("/")))

    def ledger(self) -> Json:
        """Everything that ever happened to every file, as plain JSON."""
        with self._lock:
            return {
                path: [
                    {"when": e.when.isoformat(), "status": e.status, "who": e.who, "size": e.size, "sha256": e.sha256}
                    for e in entries
                ]
                for path, entries in self.shelf.log.items()
            }
