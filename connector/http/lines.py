"""Kept-alive connections: opened once, used by one call after another, closed when nobody needs them any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import requests

from connector.http import wire

IDLE_SECONDS = 15.0


class Line:
    """A session with one system, and when it was last used. Carries no token, no cookie and no name of a document."""

    def __init__(self) -> None:
        self._session = wire.open_session()
        self._last = time.monotonic()

    def session(self) -> requests.Session:
        """For a call that leaves now."""
        # The other side may close an idle connection in the moment that we send: a write would be in doubt for nothing.
        if time.monotonic() - self._last > IDLE_SECONDS:
            self._session.close()
        return self._session

    def used(self) -> float:
        """A call has ended: when, by the monotonic clock."""
        self._last = time.monotonic()
        return self._last

    def close(self) -> None:
        self._session.close()


_kept: ContextVar[dict[str, Line] | None] = ContextVar("kept_lines", default=None)


@contextmanager
def kept_lines() -> Iterator[None]:
    """Whatever is called in here shares one line per system; nested, those of the outermost. For one thread."""
    if _kept.get() is not None:
        yield
        return
    lines: dict[str, Line] = {}
    outer = _kept.set(lines)
    try:
        yield
    finally:
        _kept.reset(outer)
        for line in lines.values():
            line.close()


def line_to(system: str) -> Line:
    """The line to a system, by its address and name: the kept one, or a new one where none are kept."""
    lines = _kept.get()
    if lines is None:
        return Line()
    if system not in lines:
        lines[system] = Line()
    return lines[system]
