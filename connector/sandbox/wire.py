"""HTTP as the stand-ins see it: a request comes in, a reply goes out, a refusal is an exception that carries one.

Nothing here knows sockets; `server` does. Decimals leave as JSON floats, as both real systems send them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` is still percent-encoded and starts below the system's own root."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes = b""
    origin: str = "http://127.0.0.1"

    def header(self, name: str) -> str:
        """The header's text, or an empty one; names are case-insensitive."""
        return str(self.headers.get(name, "")).strip()

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded parts of the path, without empty ones."""
        return tuple(unquote(part) for part in self.path.split("/") if part)


def request(
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | Message | None = None,
    body: bytes = b"",
    origin: str = "http://127.0.0.1",
) -> Request:
    """A request from its target (`/v1/branch?x=1`), for servers and for calls within the process."""
    message = headers if isinstance(headers, Message) else Message()
    if headers is not message:
        for name, value in (headers or {}).items():
            message[name] = value
    path, _, query = target.partition("?")
    return Request(method.upper(), path, dict(parse_qsl(query, keep_blank_values=True)), message, body, origin)


@dataclass(frozen=True)
class Reply:
    """Status, headers and exact bytes of an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def plus(self, extra: Mapping[str, str]) -> Reply:
        """The same answer with more headers."""
        return Reply(self.status, self.body, {**extra, **self.headers})


class Refusal(Exception):
    """The stand-in says no; the reply says how."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode(errors="replace"))
        self.reply = reply


def _plain(value: object) -> object:
    """Decimals have fewer than 16 digits here, so the shortest float text is the same number (48 becomes 48.0)."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dump(value: object) -> bytes:
    """JSON bytes in UTF-8, Decimals as numbers."""
    return json.dumps(value, default=_plain, ensure_ascii=False).encode()


def load(content: bytes) -> Any:
    """JSON with fractions as Decimal; raises ValueError when it is not JSON."""
    return json.loads(content.decode("utf-8-sig"), parse_float=Decimal)


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer."""
    return Reply(status, dump(value), {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def credentials(call: Request) -> Json | None:
    """The fields of a token request, form or JSON; None when the body is neither."""
    if call.header("Content-Type").startswith("application/json"):
        try:
            fields = load(call.body)
        except ValueError:
            return None
        return fields if isinstance(fields, dict) else None
    return dict(parse_qsl(call.body.decode(errors="replace")))
