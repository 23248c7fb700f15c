"""What the other side said, for people, and without secrets.

Bodies of errors come in many shapes, or in none (visma.md §4, sps.md §3.6): what is no known shape is shown as text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from connector.http import lossless

HEAD = 2048
_SPOKEN = 1000
_LOOKED_AT = 16_384
_HIDDEN_FIELDS = "access_token|refresh_token|id_token|client_secret|client_assertion|assertion|password|authorization"
_HIDDEN = (
    re.compile(rf'("(?:{_HIDDEN_FIELDS})"\s*:\s*")(?:[^"\\]|\\.)*', re.IGNORECASE),
    re.compile(rf"((?:^|[?&\s])(?:{_HIDDEN_FIELDS})=)[^&\s]*", re.IGNORECASE),
    re.compile(r"(\bBearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
)
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<(?:\?|!--)[^>]*>\s*)*<(?:!doctype\s+)?html\b", re.IGNORECASE)
_SHAPES = (
    ("ExceptionMessage", "ExceptionDetails", "ExceptionFaultCode"),
    ("errorDescription", "error_description"),
    ("title", "detail"),
    ("message",),
    ("errorInfo",),
)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with `***` for the given secrets and for everything that is named or carried like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    for pattern in _HIDDEN:
        text = pattern.sub(r"\1***", text)
    return text


def head(body: bytes, secrets: Iterable[str] = ()) -> bytes:
    """The first 2 kB of a body for the exchange log, redacted before it is cut."""
    text = body[:_LOOKED_AT].decode("utf-8", "surrogateescape")
    return redacted(text, secrets).encode("utf-8", "surrogateescape")[:HEAD]


def remote_text(content: bytes, secrets: Iterable[str] = ()) -> str:
    """What an error body says, in one line of at most 1000 characters; empty when it says nothing."""
    try:
        said = _from_json(lossless.read(content[:_LOOKED_AT]))
    except ValueError:
        said = _from_text(content[:_LOOKED_AT].decode("utf-8-sig", "replace"))
    line = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    return redacted(line, secrets)[:_SPOKEN]


def is_web_page(content: bytes) -> bool:
    """Whether bytes are HTML, which neither system speaks: a page of whatever stands between."""
    return _PAGE.match(content[:_LOOKED_AT]) is not None


def _from_json(value: Any) -> str:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, list):
        return "; ".join(filter(None, map(_from_json, value)))
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return _from_object(value)


def _from_object(value: dict[str, Any]) -> str:
    by_name = {name.casefold(): item for name, item in value.items()}
    inner = by_name.get("error")
    if isinstance(inner, dict):  # the Transaction API wraps its error once more (sps.md §3.6)
        return _from_object(inner)
    said = []
    for shape in _SHAPES:
        parts = [_from_json(by_name[name.casefold()]) for name in shape if by_name.get(name.casefold())]
        if parts:
            said = list(dict.fromkeys(filter(None, parts)))  # title and detail are often the same sentence
            break
    if isinstance(inner, str) and inner not in said:
        said.append(f"({inner})" if said else inner)
    for name in ("context", "errors", "modelState"):
        more = by_name.get(name.casefold())
        if more and isinstance(more, list | dict):
            said.append(lossless.written(more))
    return " ".join(said) or (lossless.written(value) if value else "")


def _from_text(text: str) -> str:
    if re.search(r"<\s*(?:!doctype|html|body|head|div|p|h\d|title)\b", text, re.IGNORECASE):
        text = re.sub(r"(?is)<(script|style)\b.*?(?:</\1\s*>|$)", " ", text)
        text = re.sub(r"(?s)<!--.*?(?:-->|$)", " ", text)
        text = html.unescape(re.sub(r"<[^>]*>?", " ", text))
    return text
