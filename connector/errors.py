"""The error families: each answers one question, did it happen? (DESIGN: one road, both directions.)

A client translates whatever went wrong into one of these; the pipeline's one `except` ladder decides what follows.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Ground of all families; `str()` is a sentence for people."""


class Transient(ConnectorError):
    """It did not happen; later it may. `retry_after` in seconds when the other side said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Transient):
    """It was not even tried, or refused with 429: the call budget is used up. Does not count as an attempt."""


class Busy(Transient):
    """It was not even tried: another document of ours is at the same thing. Does not count as an attempt."""


class InDoubt(ConnectorError):
    """Nobody knows whether it happened: a write timed out, broke off or was answered 5xx. Only `find` decides."""


class Unsettled(InDoubt):
    """Looked for and not seen, but too early to prove absence: nothing was sent this time (house rule 3)."""


class LeaseLost(ConnectorError):
    """Another worker has taken the document over: let go, it decides now."""


class Rejected(ConnectorError):
    """It did not happen and never will as it is: the other system's own words are in the message."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Rejected):
    """404: the addressed thing is not there."""


class Stale(ConnectorError):
    """412: what we decided on has changed since; read again and match again (visma.md §5)."""


class Misconfigured(ConnectorError):
    """Credentials, rights or addresses are wrong: the connection pauses and an operator is told."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unreadable(ConnectorError):
    """The paper cannot be read; the message says where and why."""


class TypeConflict(ConnectorError):
    """Directory, name and content say different kinds (sps.md §3.2): stored for a person, not processed."""


class TooLarge(Rejected):
    """An answer larger than we are willing to read: nothing of it was kept, and it is as large the next time."""
