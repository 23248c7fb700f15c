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

    def __bool__(self) -> bool:
        return bool(self.cursor or self.url)

    def query(self) -> dict[str, str]:
        """The query of `url`; its host and path are never used (sps.md §3.3)."""
        return dict(parse_qsl(self.url.partition("#")[0].partition("?")[2]))


class Paging(_Tolerant):
    next: Next = Next()
    """Nothing in it: this is the last page (absent, null and empty occur)."""
    total_count: int = 0
    """History only; 0 when it is not told."""


class _Page(_Tolerant):
    paging: Paging = Paging()

    @model_validator(mode="before")
    @classmethod
    def _results_may_be_null_and_not_absent(cls, value: Any) -> Any:
        """The body of an error, answered with 200, is no empty page: nobody may conclude from it that a file is not there."""
        is_empty = isinstance(value, dict) and value.get("results", ...) is None
        return value | {"results": []} if is_empty else value


class ListingPage(_Page):
    results: list[ListedEntry]

    @property
    def cursor(self) -> str:
        return self.paging.next.cursor or self.paging.next.query().get("cursor", "")


class LoggedStatus(_Tolerant):
    status: str = ""
    timestamp: str = ""
    message: str = ""


class ListedHistory(_Tolerant):
    path: str = ""
    direction: str = ""
    status_log: list[LoggedStatus] = []


class HistoryPage(_Page):
    results: list[ListedHistory]


def plain_path(path: str) -> str:
    """`path` with exactly one leading slash; nothing else about it is changed, paths are case-sensitive."""
    return "/" + path.lstrip("/")
