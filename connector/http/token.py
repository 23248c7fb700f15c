"""Fetching an access token with client credentials (visma.md §2, sps.md §2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import requests

from connector import errors
from connector.http import lossless
from connector.http.exchange import AsWritten, Exchange, Recorder
from connector.http.session import checked_address

_UNSTATED_LIFE = 300
_MAX_BYTES = 100_000


@dataclass(frozen=True)
class Token:
    """An access token and its life in seconds from now."""

    value: str = field(repr=False)
    expires_in: int


def fetch_token(
    url: str,
    *,
    form: Mapping[str, str],
    encoding: Literal["form", "json"],
    timeout: float,
    recorder: Recorder,
    user_agent: str = "ml-connector/0",
    system: str = "",
) -> Token:
    """Ask once. `form` holds the OAuth fields, sent as form or as JSON.

    Raises Misconfigured when our credentials are refused (in the OAuth words of the answer), RateLimited, and
    Transient when the other side cannot answer now. The secret is in no message and no log.
    """
    body = urlencode(form) if encoding == "form" else lossless.written(form)
    kind = "application/x-www-form-urlencoded" if encoding == "form" else "application/json"
    headers = {"Content-Type": kind, "Accept": "application/json"}
    request = requests.Request("POST", checked_address(url), headers=headers, data=body.encode(), auth=AsWritten())
    name = f"{system or urlsplit(url).netloc} token"
    exchange = Exchange(name, timeout=timeout, recorder=recorder, user_agent=user_agent)
    secret = form.get("client_secret", "")
    secrets = tuple({secret, urlencode({"": secret})[1:], lossless.written(secret)[1:-1]})
    try:
        answer = exchange.run(request, write=False, max_bytes=_MAX_BYTES, secrets=secrets)
    except errors.Rejected as cause:
        raise errors.Misconfigured(
            f"{str(cause).rstrip('.')}. No token was issued."
            " Check address, client id, secret, scope or audience, and the kind of application."
        ) from cause
    return _token(name, answer.json())


def _token(name: str, value: Any) -> Token:
    fields = value if isinstance(value, dict) else {}
    text = fields.get("access_token")
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise errors.Transient(f"{name}: the answer holds no access token. It is tried again.")
    life = str(fields.get("expires_in", ""))
    return Token(text, int(life.split(".")[0]) if re.fullmatch(r"\d{1,9}(\.\d+)?", life) else _UNSTATED_LIFE)
