"""Reading a whole window of a list that promises no order and no snapshot: the loop of visma.md §3.

Pages overlap, so that a row which slides past a page's end is noticed. Rows are compared as they came, so that an
unreadable one does not stop the others; of a row that came twice the newest counts. An order takes some 30 kB as objects
and a tenth of it packed: so the rows are kept, and the first pull of a list of any length fits into a worker.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

from pydantic import ValidationError

from connector import errors
from connector.http import lossless
from connector.visma import stamps
from connector.visma.rows import Dto, Row, unwrapped

RUNS = 3

T = TypeVar("T", bound=Dto)
Key = tuple[str, ...]
Raw = dict[str, Any]


class Rows(Sequence[Row[T]]):
    """Rows kept packed: each is read anew whenever it is looked at, so look once."""

    def __init__(self, packed: Sequence[bytes], dto: type[T]) -> None:
        self._packed, self._dto = packed, dto

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> Row[T]: ...
    @overload
    def __getitem__(self, place: slice) -> Rows[T]: ...
    def __getitem__(self, place: int | slice) -> Row[T] | Rows[T]:
        if isinstance(place, slice):
            return Rows(self._packed[place], self._dto)
        raw = _unpacked(self._packed[place])
        return Row(self._dto.model_validate(raw), raw)


@dataclass(frozen=True)
class Window(Generic[T]):
    """One window read: `rows` by natural key, `stamps` of all that came, `watermark` the highest (None: no row).

    `complete` False: it would not hold still in three runs, so the watermark must not be moved to it. `unreadable`:
    rows that do not parse, as they came, each with the reason. `clock`: the earliest and the latest moment that the server
    named as its own while it was read, aware; None when it named none.
    """

    rows: Sequence[Row[T]]
    stamps: list[str]
    calls: int
    complete: bool
    unreadable: list[tuple[Any, str]] = field(default_factory=list)
    clock: tuple[datetime, datetime] | None = None

    @property
    def watermark(self) -> str | None:
        return stamps.highest(self.stamps)

    def settled(self, what: str) -> Window[T]:
        """This window, whole. Raises Transient when the list of `what` would not hold still."""
        if not self.complete:
            raise errors.Transient(f"The list of {what} changed while it was read, three times. It is read again.")
        return self


@dataclass(frozen=True)
class Page:
    """Some rows as they came, the total stated with them, the page size really used, the server's moment (HTTP's Date)."""

    rows: list[Any]
    totals: frozenset[int]
    size: int
    at: datetime | None = None


Fetch = Callable[[int, int], Page]
"""A page by its number, from 1, and its size."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row as it is kept. `bare` is the digest of all but the list's own figures: alike in a row that nobody touched."""

    key: Key
    stamp: str
    bare: bytes
    packed: bytes


@dataclass
class _Run:
    """One reading from the first page to the last."""

    key_fields: tuple[str, ...]
    rows: dict[Key, _Kept] = field(default_factory=dict)
    totals: set[int] = field(default_factory=set)
    pages: list[tuple[int, list[_Kept]]] = field(default_factory=list)
    """Of each page the place of its first row, and its rows."""
    joints: list[bool] = field(default_factory=list)
    """Of each page but the first, whether a row of the page before came again untouched."""
    moments: list[datetime] = field(default_factory=list)

    def take(self, start: int, page: Page) -> bool:
        """Add a page; False when it brought nothing new."""
        known = len(self.rows)
        kept = [_kept(raw, self.key_fields) for raw in page.rows]
        if self.pages:
            self.joints.append(not _untouched(self.pages[-1][1]).isdisjoint(_untouched(kept)))
        for row in kept:
            _keep_newest(self.rows, row)
        self.totals |= page.totals
        self.pages.append((start, kept))
        self.moments += [page.at] if page.at else []
        return len(self.rows) > known

    @property
    def end(self) -> int:
        """How many places of the list were read."""
        start, rows = self.pages[-1]
        return start + len(rows)

    @property
    def counted(self) -> bool:
        """Whether one total was stated and so many rows came: without it an order that changes would go unnoticed."""
        return not self.totals or (len(self.totals) == 1 and len(self.rows) >= max(self.totals))

    def is_like(self, earlier: _Run) -> bool:
        """Whether page by page the same came: what slides past a page's end leaves its place in a page before."""
        return len(self.pages) == len(earlier.pages) and all(
            at == at_then and [row.bare for row in rows] == [row.bare for row in then]
            for (at, rows), (at_then, then) in zip(self.pages, earlier.pages, strict=True)
        )


def read_window(fetch: Fetch, dto: type[T], key_fields: tuple[str, ...], page_size: int) -> Window[T]:
    """`fetch(page_number, page_size)` until the window is whole, at most three times over. Errors of `fetch` pass.

    `key_fields` are dotted names of the natural key in the raw row. A list of one page is one call; pages of 500 overlap
    by 5 rows or a few more: 26 calls instead of 24 for 12,000 rows.

    Why no row is missed: it is taken for granted, and nothing more, that two rows which nobody touches keep their order;
    which order is unknown. A row that slides from behind a page's end to before the next page's beginning has overtaken
    every row of the former page; so one of them that comes again untouched in the next page shows that no row has slid
    past. Where none does, the window is read again: overlapping as before or, where sizes seem to mean something else
    over there, from page to page until two runs are alike, for what moves a row leaves its mark on a page before it.
    A row that was touched or added meanwhile needs no proof: its stamp is later than the read began, and the next window
    holds it. Where untouched rows do change places, the count of rows is the only guard that is left.
    """
    rows: dict[Key, _Kept] = {}
    earlier: _Run | None = None
    moments: list[datetime] = []
    calls, whole = 0, False
    for _ in range(RUNS):
        run = _run(fetch, key_fields, page_size, overlapping=earlier is None or any(earlier.joints))
        calls += len(run.pages)
        moments += run.moments
        for row in run.rows.values():
            _keep_newest(rows, row)
        whole = run.counted and (all(run.joints) or (earlier is not None and run.is_like(earlier)))
        if whole:
            break
        earlier = run
    readable, unreadable = _sorted_out(rows.values(), dto, key_fields)
    clock = (min(moments), max(moments)) if moments else None
    return Window(Rows(readable, dto), [row.stamp for row in rows.values()], calls, whole, unreadable, clock)


def _run(fetch: Fetch, key_fields: tuple[str, ...], page_size: int, *, overlapping: bool) -> _Run:
    run, number, size = _Run(key_fields), 1, page_size
    largest = page_size
    is_hole = False
    while True:
        page = fetch(number, size)
        news = run.take((number - 1) * size, page)
        if page.totals and run.end >= max(page.totals):
            return run
        if not page.rows:
            if is_hole or number * size >= max(run.totals, default=0):
                return run
            is_hole = True  # rows are to come: it is not believed before the next page is empty as well
            number += 1
            continue
        is_hole = False
        if not page.totals:
            # Without a total a page that brings nothing new is the end: numbers may be ignored like other parameters.
            if not news:
                return run
            largest = min(largest, max(page.size, len(page.rows)))
        elif len(run.pages) == 1:
            largest = len(page.rows)  # sizes are silently cut over there, and there is more
        elif len(page.rows) < size:
            return run  # it has become shorter
        number, size = _following(run.end, largest) if overlapping and page.totals else (number + 1, largest)


def _following(end: int, largest: int) -> tuple[int, int]:
    """Number and size of the page that reaches farthest, beginning some rows before `end` where sizes allow it.

    Page n of size s is taken to begin after (n - 1) * s rows.
    """
    for margin in (max(1, largest // 100), 1, 0):
        reach, size = max(((end - margin) // size * size + size, size) for size in range(1, largest + 1))
        if reach > end:
            break
    return reach // size, size


def _kept(raw: Any, key_fields: tuple[str, ...]) -> _Kept:
    bare = {name: value for name, value in raw.items() if name != "metadata"} if isinstance(raw, dict) else raw
    digest = hashlib.blake2b(_sorted_json(bare).encode(), digest_size=16).digest()
    return _Kept(key_of(raw, key_fields), _at(raw, "lastModifiedDateTime"), digest, _packed(raw))


def _untouched(rows: Iterable[_Kept]) -> set[bytes]:
    return {row.bare for row in rows}


def _sorted_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _packed(raw: Any) -> bytes:
    return zlib.compress(lossless.written(raw).encode(), level=1)


def _unpacked(packed: bytes) -> Any:
    return lossless.read(zlib.decompress(packed))


def page_of(body: Any, page_size: int, at: datetime | None = None) -> Page:
    """A page out of a bare list or out of `{records, totalCount, pageNumber, pageSize}`. Transient for anything else."""
    if isinstance(body, dict) and isinstance(body.get("records") or [], list) and "totalCount" in body:
        total, size = unwrapped(body["totalCount"]), unwrapped(body.get("pageSize"))
        return Page(body.get("records") or [], frozenset(_counts([total])), min(_counts([size]) or [page_size]), at)
    if not isinstance(body, list):
        raise errors.Transient("Visma answered something that is no list of rows. It is tried again.")
    about = [raw["metadata"] for raw in body if isinstance(raw, dict) and isinstance(raw.get("metadata"), dict)]
    totals = _counts(unwrapped(each.get("totalCount")) for each in about)
    sizes = _counts(unwrapped(each.get("maxPageSize")) for each in about)
    return Page(body, frozenset(totals), min([page_size, *filter(None, sizes)]), at)


def _counts(values: Iterable[Any]) -> list[int]:
    return [int(value) for value in values if str(value).isdecimal()]


def key_of(raw: Any, key_fields: tuple[str, ...]) -> Key:
    """The natural key of a raw row; of a row without one its whole content, so that it is not lost among others."""
    key = tuple(_at(raw, name) for name in key_fields)
    named = all(part or name.endswith("Type") for name, part in zip(key_fields, key, strict=True))
    return key if named else ("?", _sorted_json(raw))


def _at(raw: Any, dotted: str) -> str:
    for name in dotted.split("."):
        raw = unwrapped(raw.get(name)) if isinstance(raw, dict) else None
    return "" if raw is None else str(raw)


def _keep_newest(rows: dict[Key, _Kept], row: _Kept) -> None:
    if row.key in rows:
        old, new = stamps.moment(rows[row.key].stamp), stamps.moment(row.stamp)
        if old is not None and new is not None and new < old:
            return
    rows[row.key] = row


def _sorted_out(
    rows: Iterable[_Kept], dto: type[T], key_fields: tuple[str, ...]
) -> tuple[list[bytes], list[tuple[Any, str]]]:
    """The readable rows, packed, and the others, each with the reason."""
    readable: list[bytes] = []
    unreadable: list[tuple[Any, str]] = []
    for row in rows:
        raw = _unpacked(row.packed)
        try:
            parsed(raw, dto, key_fields)
        except errors.Unreadable as reason:
            unreadable.append((raw, str(reason)))
        else:
            readable.append(row.packed)
    return readable, unreadable


def parsed(raw: Any, dto: type[T], key_fields: tuple[str, ...]) -> Row[T]:
    """One row. Raises Unreadable, naming the row and every field that does not fit."""
    key = key_of(raw, key_fields)
    if key[0] == "?":
        raise errors.Unreadable(f"Visma sent a row without {' and '.join(key_fields)}, which is its key.")
    try:
        return Row(dto.model_validate(raw), raw)
    except ValidationError as cause:
        where = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']} ({each['input']!r:.60})" for each in cause.errors()[:5]
        )
        raise errors.Unreadable(f"Visma's row {' '.join(key)} cannot be read: {where}") from cause
