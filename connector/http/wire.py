"""Below requests: connections that know whether a request may have left, refuse a broken-off head, and end in time.

http.client takes the end of the stream inside the headers for their end, so that a cut `Location` would become a
wrong number; and its time-outs count from byte to byte, so that a dripping server could hold a worker for ever.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Passage:
    """The way of one call: `departed` once its first byte may have left, `cut` once its time (seconds) was up.

    The time counts from the departure to the last byte of the answer; connecting has its own time-out before it.
    """

    def __init__(self, seconds: float) -> None:
        self.departed = False
        self.cut = False
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._outer = _passage.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _passage.reset(self._outer)
        with self._lock:  # a timer that fires in this moment must not cut the next call on the same connection
            self._over = True
        self._timer.cancel()

    def leaves_by(self, sock: socket.socket) -> None:
        self._socket = sock
        if not self.departed:
            self.departed = True
            self._timer.start()

    def _cut(self) -> None:
        with self._lock:
            if self._over or self._socket is None:
                return
            self.cut = True
            with contextlib.suppress(OSError):  # the other side was quicker
                self._socket.shutdown(socket.SHUT_RDWR)


_passage: ContextVar[Passage] = ContextVar("passage")


class _HeadReader(io.BufferedReader):
    """Raises when the stream ends before the empty line that ends the headers."""

    _in_head = True

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if self._in_head:
            self._in_head = line not in (b"\r\n", b"\n")
            if not line.endswith(b"\n") and (size is None or size < 0 or len(line) < size):
                raise ConnectionResetError("the answer broke off before the end of its headers")
        return line


class _WholeHead(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = _HeadReader(self.fp.detach())


class _Watched(http.client.HTTPConnection):
    response_class = _WholeHead

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _passage.get().leaves_by(self.sock)
        super().send(data)


class _Plain(_Watched, HTTPConnection):
    pass


class _Secure(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def open_session() -> requests.Session:
    """A session whose calls must run inside a `Passage`. The environment's proxy and CA bundle count; cookies do not."""
    session = requests.Session()
    jar = RequestsCookieJar()
    jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.cookies = jar
    for scheme in ("http://", "https://"):
        session.mount(scheme, _WatchedAdapter())
    return session


def dispatch(session: requests.Session, prepared: requests.PreparedRequest, timeout: float) -> requests.Response:
    """Send once, inside a `Passage`, and return with the head read, the body still to come. Redirects are answers too.

    `timeout` in seconds, for connecting and between bytes. Raises what requests and urllib3 raise.
    """
    url = prepared.url or ""
    settings = session.merge_environment_settings(url, {}, True, None, None)
    return session.get_adapter(url).send(
        prepared,
        stream=True,
        timeout=(timeout, timeout),
        verify=settings["verify"] or True,
        cert=settings["cert"],
        proxies=settings["proxies"],
    )
