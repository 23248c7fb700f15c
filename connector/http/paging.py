"""Reading what comes in pages from a system where calls break off now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from connector import errors

TRIES = 3

T = TypeVar("T")


def told(read: Callable[[], T], *, first: bool) -> T:
    """One page of several. In the midst of a read a page that breaks off is asked for again: where one call in ten fails,
    fifty pages in a row would otherwise hardly ever come. Of the `first` nothing is lost yet, and it is left to the poll.

    Raises what `read` raises; not against the other side's word, when it has asked to be left alone for a while.
    """
    for _ in range(0 if first else TRIES - 1):
        try:
            return read()
        except errors.Transient as broken:
            if isinstance(broken, errors.RateLimited) or broken.retry_after is not None:
                raise
    return read()
