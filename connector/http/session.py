"""Calls to one remote system with its token and its call budget: what both clients stand on."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import requests

from connector import errors
from connector.http import lossless
from connector.http.exchange import Answer, AsWritten, Exchange, Recorder
from connector.http.lines import line_to
from connector.http.translation import TokenRefused

MAX_BYTES = 50_000_000


class Tokens(Protocol):
    """Where access tokens come from; shared by all processes, so that one renewal serves everyone."""

    def get(self) -> str: ...

    def renew(self, refused: str) -> str:
        """A token other than `refused`; called once after a 401."""


class CallBudget(Protocol):
    """How many calls the other side still allows us (visma.md §6)."""

    def spend(self, priority: int) -> None:
        """Take one call, or raise RateLimited without having called."""

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """See what the other side says about it."""


class ApiSession:
    """Calls below `base_url`, and nowhere else: the token never goes to another host, redirects are not followed.

    `timeout` in seconds; a call ends within about twice that, whatever the other side does. Repeats nothing but one
    401. `priority` is what the budget is asked with. Not for use by several threads at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tokens: Tokens,
        recorder: Recorder,
        timeout: float,
        budget: CallBudget | None = None,
        user_agent: str = "ml-connector/0",
        max_bytes: int = MAX_BYTES,
        system: str = "",
        priority: int = 0,
    ) -> None:
        self.base_url = checked_address(base_url)
        self.priority = priority
        self._tokens = tokens
        self._budget = budget
        self._max_bytes = max_bytes
        name = system or urlsplit(self.base_url).netloc
        line = line_to(f"{name} {self.base_url}")
        self._exchange = Exchange(name, timeout=timeout, recorder=recorder, user_agent=user_agent, line=line)

    def call(
        self,
        method: str,
        path: str,
        *,
        write: bool,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        content: bytes | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """One call; `path` unquoted, below the base address; `files` as {part: (filename, bytes, content type)}.

        `write` says what an unknown outcome means: InDoubt for a write, Transient for a read or for what may simply be
        repeated. Raises the families of `connector.errors`; only 2xx comes back as an Answer.
        """
        url = self.base_url + _quoted(path) + (f"?{urlencode(params, quote_via=quote)}" if params else "")
        all_headers = {"Accept": "application/json", "X-Request-ID": str(uuid.uuid4())}
        body = content
        if json is not None:
            body = lossless.written(json).encode()
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        request = requests.Request(method, url, headers=all_headers, data=body, files=files, auth=AsWritten())
        limit = self._max_bytes if max_bytes is None else max_bytes
        token = self._tokens.get()
        try:
            return self._once(request, token, write=write, limit=limit)
        except TokenRefused:
            token = self._tokens.renew(token)
        return self._once(request, token, write=write, limit=limit)

    def _once(self, request: requests.Request, token: str, *, write: bool, limit: int) -> Answer:
        request.headers["Authorization"] = f"Bearer {token}"
        learn = None
        if self._budget is not None:
            self._budget.spend(self.priority)
            learn = self._budget.learn
        return self._exchange.run(request, write=write, max_bytes=limit, secrets=(token,), learn=learn)


def checked_address(url: str) -> str:
    """`url` without a trailing slash. Raises Misconfigured when it is no plain http(s) address."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        plain = False
    if not plain or parts.username or parts.query or parts.fragment:
        raise errors.Misconfigured(f"{url!r} is no address that can be called. It must read like https://host/path.")
    return url.rstrip("/")


def _quoted(path: str) -> str:
    if not path.startswith("/") or any(segment in (".", "..") for segment in path.split("/")):
        raise errors.Rejected(f"The path {path!r} is not called: it must start with / and stay below the address.")
    try:
        return quote(path, safe="/()=~")
    except UnicodeEncodeError as cause:
        raise errors.Rejected(f"The path {path!r} is not called: it is no proper text.") from cause
