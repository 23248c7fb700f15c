"""One HTTP call from beginning to end: sent once, read in bounded time and size, translated, told to the recorder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from connector import errors
from connector.http import lossless, translation, wire, words
from connector.http.lines import Line

log = logging.getLogger(__name__)

Learn = Callable[[int, Mapping[str, str]], None]

_PIECE = 65_536


@dataclass(frozen=True)
class Call:
    """One HTTP call as the exchange log keeps it.

    `status` 0 is no answer; `error` is the family and its sentence, "" when all is well. The heads are the first 2 kB
    of both bodies. No secret is in any of it.
    """

    method: str
    url_path: str
    status: int
    started: datetime
    seconds: float
    request_id: str
    request_head: bytes
    response_head: bytes
    error: str


Recorder = Callable[[Call], None]


@dataclass(frozen=True)
class Answer:
    """A 2xx answer. `broken`: it happened, but what was said about it broke off on the way (only after a write)."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    what: str = ""
    write: bool = False
    broken: bool = False

    def json(self) -> Any:
        """The body, numbers as int and Decimal. Raises Transient for a read and InDoubt for a write that is no JSON."""
        try:
            return lossless.read(self.content)
        except ValueError as cause:
            if self.write:
                raise errors.InDoubt(
                    f"{self.what} was answered with {self.status}, but unreadably ({cause}). What became of it is"
                    " looked up before anything is sent."
                ) from cause
            raise errors.Transient(f"{self.what} was answered unreadably ({cause}). It is tried again.") from cause


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes
    broken: str = ""
    oversize: bool = False


class AsWritten(AuthBase):
    """Leaves the headers alone; with none at all, requests would put a password from ~/.netrc over our token."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Exchange:
    """Carries calls to one system over kept-alive connections. `timeout` in seconds: to connect, and for the rest."""

    def __init__(
        self, system: str, *, timeout: float, recorder: Recorder, user_agent: str, line: Line | None = None
    ) -> None:
        self._system = system
        self._timeout = timeout
        self._recorder = recorder
        self._user_agent = user_agent
        self._line = line or Line()

    def run(
        self,
        request: requests.Request,
        *,
        write: bool,
        max_bytes: int,
        secrets: tuple[str, ...] = (),
        learn: Learn | None = None,
    ) -> Answer:
        """Send once. Raises the error family that the outcome stands for; `secrets` never reach log or message."""
        http = self._line.session()
        what = f"{self._system}: {request.method} {request.url}"
        started, clock = datetime.now(UTC), time.monotonic()
        reply, prepared = _Reply(0, {}, b""), requests.PreparedRequest()
        with wire.Passage(self._timeout) as passage:
            try:
                prepared = http.prepare_request(request)
                prepared.headers["User-Agent"] = self._user_agent
                what = f"{self._system}: {prepared.method} {prepared.path_url}"
                reply = self._send(http, prepared, passage, max_bytes)
                error = _judged(what, reply, secrets, write=write)
            except (requests.RequestException, HTTPError) as cause:
                error = translation.breakage(what, cause, departed=passage.departed, cut=passage.cut, write=write)
                error.__cause__ = cause
        call = _call(prepared, reply, started, self._line.used() - clock, error, secrets)
        self._tell(call, reply, learn)
        if error is not None:
            raise error
        return Answer(
            reply.status, reply.headers, b"" if reply.broken else reply.content, what, write, bool(reply.broken)
        )

    def _send(
        self, http: requests.Session, prepared: requests.PreparedRequest, passage: wire.Passage, max_bytes: int
    ) -> _Reply:
        response = wire.dispatch(http, prepared, self._timeout)
        limit = max_bytes if response.ok else max(max_bytes, _PIECE)  # what is refused may be explained at length
        content, broken, oversize = _body(response, limit)
        if passage.cut:  # without Content-Length the end of the stream looks like the end of the body
            broken = "it took too long"
        return _Reply(response.status_code, response.headers, content, broken, oversize)

    def _tell(self, call: Call, reply: _Reply, learn: Learn | None) -> None:
        try:
            self._recorder(call)
            if learn is not None and reply.status:
                learn(reply.status, reply.headers)
        except Exception:  # what happened over there counts more than our log of it: it must reach the caller
            log.exception("%s %s could not be noted", call.method, call.url_path)


def _body(response: requests.Response, max_bytes: int) -> tuple[bytes, str, bool]:
    """The body as far as it came, why it broke off ("" when whole), whether it is larger than `max_bytes`."""
    pieces: list[bytes] = []
    size = 0
    declared = response.headers.get("Content-Length", "")
    oversize = declared.isdigit() and int(declared[:18]) > max_bytes
    broken = ""
    try:
        if not oversize:
            for piece in response.iter_content(_PIECE):
                pieces.append(piece)
                size += len(piece)
                oversize = size > max_bytes
                if oversize:
                    break
    except (requests.RequestException, HTTPError) as cause:
        broken = str(cause) or type(cause).__name__
    finally:
        response.close()
    if oversize:
        broken = f"it is larger than {max_bytes} bytes"
    return b"".join(pieces), broken, oversize


def _judged(what: str, reply: _Reply, secrets: tuple[str, ...], *, write: bool) -> errors.ConnectorError | None:
    success = 200 <= reply.status < 300
    said = "" if success else words.remote_text(reply.content, secrets)
    error = translation.refusal(what, reply.status, reply.headers, said, write=write)
    if success and write and words.is_web_page(reply.content):
        return errors.InDoubt(
            f"{what} was answered with {reply.status} and a web page, which is not theirs. Whether it happened is"
            " unknown; it is looked up before anything is sent."
        )
    if error is not None or not reply.broken or write:
        return error  # the status of a write decides: it happened, even when the words about it broke off
    if reply.oversize:
        return errors.TooLarge(f"{what}: the answer was not read, {reply.broken}.", status=reply.status)
    return errors.Transient(f"{what} brought no whole answer ({reply.broken}). It is tried again.")


def _call(
    prepared: requests.PreparedRequest,
    reply: _Reply,
    started: datetime,
    seconds: float,
    error: errors.ConnectorError | None,
    secrets: tuple[str, ...],
) -> Call:
    body = prepared.body or b""
    asked = prepared.headers.get("X-Request-ID", "") if prepared.headers else ""
    return Call(
        method=prepared.method or "",
        url_path=words.redacted(prepared.path_url, secrets) if prepared.url else "",
        status=reply.status,
        started=started,
        seconds=seconds,
        request_id=reply.headers.get("Ipp-Request-Id") or reply.headers.get("X-Request-ID") or asked,
        request_head=words.head(body if isinstance(body, bytes) else str(body).encode(), secrets),
        response_head=words.head(reply.content, secrets),
        error=words.redacted(f"{type(error).__name__}: {error}", secrets) if error is not None else "",
    )
