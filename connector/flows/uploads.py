"""Whether SPS ever got a file of ours: by the listing of the mailbox, and once it was picked up, by the history alone."""

from __future__ import annotations

import datetime as dt

from connector.errors import InDoubt, NotFound, RateLimited, Transient
from connector.flows.verdict import Clients, Work

FIRST_LOOK = dt.timedelta(minutes=5)
ANY_ZONE = dt.timedelta(hours=16)
"""The zone of SPS's history is not documented (sps.md §3.5): whatever it is, a look from here back sees our upload."""
LEAST = dt.timedelta(hours=1)  # a page or two of a busy company, and seventeen calls for all


def was_uploaded(path: str, work: Work, clients: Clients) -> bool:
    """Whether the file lies there, or did since the attempt began (sps.md §3.8). False proves something once settled.

    Raises InDoubt where SPS keeps no history.
    """
    directory, _, name = path.rpartition("/")
    if any(is_same(entry.path, path) for entry in clients.sps.list(f"{directory}/", prefix=name)):
        return True
    try:
        return _ever(path, work, clients) if work.settled else _lately(path, work, clients)
    except NotFound as error:
        raise InDoubt(f"{path} is not in the mailbox, and SPS shows no history that could tell: {error}") from error


def is_same(one: str, other: str) -> bool:
    """Paths are compared without their leading slash."""
    return one.lstrip("/") == other.lstrip("/")


def _lately(path: str, work: Work, clients: Clients) -> bool:
    """The short look: enough to find it where the history's times are UTC."""
    return any(is_same(entry.path, path) for entry in clients.sps.history(work.began - FIRST_LOOK, path=path))


def _ever(path: str, work: Work, clients: Clients) -> bool:
    """The long look that absence needs. A history that breaks off is read in halves, and what was read is remembered.

    Oldest first: whatever happens to a file meanwhile moves its row to a later part, which is still to be read.
    """
    known = work.progress.get("looked") or {}
    doubt = str(work.progress.get("called_at", ""))  # of another write nothing is known by what was read before it
    start, part = work.began - ANY_ZONE, work.now - work.began + ANY_ZONE
    if known.get("doubt") == doubt:
        start, part = dt.datetime.fromisoformat(known["from"]), dt.timedelta(seconds=known["seconds"])
    else:
        _remember(work, doubt, start, part)
        if _lately(path, work, clients):
            return True
    while True:
        until = start + part if start + part < work.now else None
        try:
            found = clients.sps.history(start, path=path, until=until)
        except RateLimited:
            raise
        except Transient:
            _remember(work, doubt, start, max(min(part, work.now - start) / 2, LEAST))
            raise
        if until is None or found:
            return any(is_same(entry.path, path) for entry in found)
        start = until - dt.timedelta(seconds=1)  # whether a part ends with that second or before it is not documented
        _remember(work, doubt, start, part)


def _remember(work: Work, doubt: str, start: dt.datetime, part: dt.timedelta) -> None:
    work.remember(looked={"doubt": doubt, "from": start.isoformat(), "seconds": part.total_seconds()})
