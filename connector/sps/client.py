"""SPS Commerce's Transaction API v5, one method per operation (sps.md §3.1)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from connector import errors
from connector.http import ApiSession
from connector.http.paging import told
from connector.sps.schemas import Entry, HistoryEntry, HistoryPage, Listing, ListingPage, plain_path

log = logging.getLogger(__name__)

AUDIENCE = "https://spscommerce.com"

_DATA = "/transactions/v5/data"
_HISTORY = "/transactions/v5/history"
_RESTARTS = 3
_PAGES = 1000
_DEPTH = 10

P = TypeVar("P", bound=BaseModel)


class _CursorLost(Exception):
    """The listing has to start again."""


def sps_token_form(client_id: str, client_secret: str, audience: str = AUDIENCE) -> dict[str, str]:
    """The token request; sent as JSON or form, as the connection is set (sps.md §2). An empty audience is left out."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return form | ({"audience": audience} if audience else {})


class SpsClient:
    """One mailbox. Paths start with /, directories end with /; all methods raise the families of `connector.errors`."""

    def __init__(self, session: ApiSession, *, in_dir: str = "in/", out_dir: str = "out/") -> None:
        self._session = session
        self.in_dir = _directory(in_dir)
        self.out_dir = _directory(out_dir)

    def list(self, directory: str, prefix: str = "") -> Listing:
        """Everything directly in `directory` ("" is the root), sorted by path, over all pages.

        `prefix` narrows by the beginning of the entry's name, case-sensitively. Raises Transient when the listing
        cannot be read to its end.
        """
        top = _directory(directory)
        for _ in range(_RESTARTS):
            try:
                entries = self._pages(top, prefix)
            except _CursorLost:
                continue
            except errors.NotFound:
                return Listing([], missing=True)
            return Listing(sorted(entry for entry in entries if _belongs(entry, top, prefix)))
        raise errors.Transient(f"SPS: the listing of {top} could not be read to its end. It is tried again.")

    def walk(self, directory: str) -> Listing:
        """All files in `directory` and below, sorted by path. `missing` speaks of the directory itself."""
        listing = self.list(directory)
        files: set[Entry] = set()
        pending = [(entry, 1) for entry in listing]
        while pending:
            entry, depth = pending.pop()
            if not entry.is_directory:
                files.add(entry)
            elif depth < _DEPTH:
                pending += [(below, depth + 1) for below in self.list(entry.path)]
            else:
                log.warning("SPS: %s lies too deep and is not read", entry.path)
        return Listing(sorted(files), missing=listing.missing)

    def read(self, path: str, max_bytes: int) -> bytes:
        """The bytes exactly as stored; it changes nothing over there. Raises NotFound, and TooLarge over `max_bytes`."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        answer = self._session.call("GET", _DATA + _file(path), write=False, headers=headers, max_bytes=max_bytes)
        return answer.content

    def post(self, path: str, content: bytes, meta: Mapping[str, str]) -> int:
        """Create the file, or replace it: the status, where 200 may mean replaced (sps.md §3.8)."""
        headers = {"Content-Type": "application/octet-stream"} | _meta_headers(meta)
        return self._session.call("POST", _DATA + _file(path), write=True, content=content, headers=headers).status

    def delete(self, path: str) -> None:
        """Gone afterwards; a file that was gone already is fine. May be repeated, so nothing is ever in doubt."""
        try:
            self._session.call("DELETE", _DATA + _file(path), write=False)
        except errors.NotFound:
            return

    def history(
        self, since: datetime, path: str | None = None, *, until: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """What happened to files since then (of one `path`, when given), in no order, up to five minutes late.

        Raises Transient when it says that there is more and shows nothing of it: what is missing there proves something.
        What it counts is believed no further; `next.url` alone says where it ends (sps.md §3.5).
        NotFound where there is no history for us.
        """
        after = _naive(since)
        params = {"limit": "100", "offset": "0", "after": after} | ({"until": _naive(until)} if until else {})
        found: tuple[HistoryEntry, ...] = ()
        rows = 0
        asked: set[tuple[tuple[str, str], ...]] = set()
        while len(asked) < _PAGES:
            asked.add(tuple(sorted(params.items())))
            page = told(partial(self._history_page, params), first=len(asked) == 1)
            found += _entries(page, path)
            rows += len(page.results)
            params = params | page.paging.next.query()
            if page.paging.next and tuple(sorted(params.items())) not in asked:
                continue
            if (page.paging.total_count and not rows) or (page.results and page.paging.next):
                break
            return found
        raise errors.Transient(f"SPS: the history since {after} could not be read to its end. It is tried again.")

    def auth_check(self) -> bool:
        """True when our token is good. A refused one raises Misconfigured, in the other side's words."""
        return self._session.call("GET", "/auth-check", write=False).status < 300

    def _pages(self, top: str, prefix: str) -> set[Entry]:
        params = {"limit": "1000"} | ({"entryNamePrefix": prefix} if prefix else {})
        entries: set[Entry] = set()
        cursors: set[str] = set()
        while True:
            page = told(partial(self._listing_page, top, params), first=not cursors)
            entries |= {_entry(row.path, row.type) for row in page.results}
            if not page.paging.next:
                return entries
            if page.cursor in ("", *cursors) or len(cursors) == _PAGES:
                raise _CursorLost
            cursors.add(page.cursor)
            params = params | {"cursor": page.cursor}

    def _listing_page(self, top: str, params: dict[str, str]) -> ListingPage:
        try:
            return self._page(_DATA + top, params, ListingPage)
        except errors.NotFound:
            raise
        except errors.Rejected as cause:
            if "cursor" in params and cause.status == 400:
                raise _CursorLost from cause
            raise

    def _history_page(self, params: dict[str, str]) -> HistoryPage:
        """All else works without a history (sps.md §3.5): where it is forbidden to us there is none."""
        try:
            return self._page(_HISTORY, params, HistoryPage)
        except errors.Misconfigured as cause:
            if cause.status != 403:
                raise
            raise errors.NotFound(str(cause), status=cause.status) from cause

    def _page(self, path: str, params: Mapping[str, str], kind: type[P]) -> P:
        answer = self._session.call("GET", path, write=False, params=params)
        value: Any = answer.json()
        try:
            return kind.model_validate(value)
        except ValidationError as cause:
            where = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in cause.errors()[:3])
            raise errors.Transient(
                f"{answer.what} was answered with something else ({where}). It is tried again."
            ) from cause


def _naive(moment: datetime) -> str:
    """As the history wants it; its zone is not documented, and is taken as UTC (sps.md §3.5)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _entries(page: HistoryPage, path: str | None) -> tuple[HistoryEntry, ...]:
    wanted = None if path is None else plain_path(path)
    return tuple(
        HistoryEntry(
            plain_path(row.path),
            row.direction,
            tuple((each.status, each.timestamp, each.message) for each in row.status_log),
        )
        for row in page.results
        if wanted in (None, plain_path(row.path))
    )


def _entry(path: str, kind: str) -> Entry:
    if kind.casefold() == "directory" or path.endswith("/"):
        return Entry(_directory(path), is_directory=True)
    return Entry(plain_path(path), is_directory=False)


def _belongs(entry: Entry, top: str, prefix: str) -> bool:
    """Whether an entry lies below the listed directory; what does not is never read, and above all never deleted."""
    name = entry.path.removeprefix(top)
    if not entry.path.startswith(top) or not name:
        if entry.path != top:
            log.warning("SPS: the listing of %s names %s, which lies elsewhere; it is left alone", top, entry.path)
        return False
    return name.startswith(prefix)


def _directory(path: str) -> str:
    return plain_path(path).rstrip("/") + "/"


def _file(path: str) -> str:
    if path.endswith("/"):
        raise errors.Rejected(f"SPS: {path} is a directory, no file.")
    return plain_path(path)


def _meta_headers(meta: Mapping[str, str]) -> dict[str, str]:
    """`sps-meta-*`: keys of letters, digits, - and _, values of one line (sps.md §3.1)."""
    headers = {}
    for key, value in meta.items():
        name = re.sub(r"[^A-Za-z0-9_-]", "_", key)
        line = " ".join(re.sub(r"[^\x20-\x7e]", lambda odd: " " if odd[0].isspace() else "?", value).split())
        if name and line:
            headers[f"sps-meta-{name}"] = line[:200]
    return headers
