"""What the Transaction API tells: listings and the transport history, read tolerantly (sps.md §3.3, §3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, model_validator


@dataclass(frozen=True, order=True)
class Entry:
    """Something in a directory. `path` starts with /, and ends with / when it is a directory."""

    path: str
    is_directory: bool


class Listing(list[Entry]):
    """The entries of a directory; `missing`: there is no such directory now, which is no error (sps.md §3.3)."""

    def __init__(self, entries: list[Entry], *, missing: bool = False) -> None:
        super().__init__(entries)
        self.missing = missing


@dataclass(frozen=True)
class HistoryEntry:
    """What became of one path. `direction` is in or out, seen from SPS; `log` as (status, timestamp, message).

    Statuses seen: uploaded, downloaded, deleted. They are transport states, in no promised order, with stamps of an
    unknown zone as text; entries may lag five minutes.
    """

    path: str
    direction: str
    log: tuple[tuple[str, str, str], ...]


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_absent(cls, value: Any) -> Any:
        return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


class ListedEntry(_Tolerant):
    path: str = ""
    type: str = ""


class Next(_Tolerant):
    cursor: str = ""
    url: str = ""

    def query(self) -> dict[str, str]:
        """The query of `url`; its host and path are never used (sps.md §3.3)."""
        return dict(parse_qsl(self.url.partition("#")[0].partition("?")[2]))


class Paging(_Tolerant):
    next: Next | None = None


class ListingPage(_Tolerant):
    results: list[ListedEntry] = []
    paging: Paging = Paging()

    @property
    def cursor(self) -> str:
        following = self.paging.next
        return (following.cursor or following.query().get("cursor", "")) if following else ""


class LoggedStatus(_Tolerant):
    status: str = ""
    timestamp: str = ""
    message: str = ""


class ListedHistory(_Tolerant):
    path: str = ""
    direction: str = ""
    status_log: list[LoggedStatus] = []


class HistoryPage(_Tolerant):
    results: list[ListedHistory] = []
    paging: Paging = Paging()


def plain_path(path: str) -> str:
    """`path` with exactly one leading slash; nothing else about it is changed, paths are case-sensitive."""
    return "/" + path.lstrip("/")
