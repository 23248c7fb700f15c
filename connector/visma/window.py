"""Reading a whole window of a list that promises no order and no snapshot: the loop of visma.md §3.

Pages are read until the total is seen; rows that came twice count once, the newest; when the total changed or rows are
missing the window is read again. Rows are compared as they came, so that an unreadable one does not stop the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from connector import errors
from connector.visma import stamps
from connector.visma.rows import Dto, Row, unwrapped

RUNS = 3

T = TypeVar("T", bound=Dto)
Key = tuple[str, ...]
Raw = dict[str, Any]


@dataclass(frozen=True)
class Window(Generic[T]):
    """One window read: `rows` by natural key, `watermark` the highest stamp in the server's own text (None: no row).

    `complete` False: it would not hold still in three runs, so the watermark must not be moved to it. `unreadable`:
    rows that do not parse, as they came, each with the reason.
    """

    rows: list[Row[T]]
    watermark: str | None
    calls: int
    complete: bool
    unreadable: list[tuple[Any, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """Some rows as they came, the total that was stated with them, the page size that the server really used."""

    rows: list[Any]
    totals: frozenset[int]
    size: int


@dataclass
class _Run:
    rows: dict[Key, Any] = field(default_factory=dict)
    totals: set[int] = field(default_factory=set)
    seen: int = 0
    calls: int = 0

    def take(self, page: Page, key_fields: tuple[str, ...]) -> bool:
        """Add a page; False when it brought nothing new."""
        known = len(self.rows)
        for raw in page.rows:
            _keep_newest(self.rows, key_of(raw, key_fields), raw)
        self.totals |= page.totals
        self.seen += len(page.rows)
        self.calls += 1
        return len(self.rows) > known

    @property
    def ended(self) -> bool:
        return bool(self.totals) and self.seen >= max(self.totals)

    @property
    def whole(self) -> bool:
        return not self.totals or (len(self.totals) == 1 and len(self.rows) >= max(self.totals))


def read_window(
    fetch: Callable[[int, int], Page], dto: type[T], key_fields: tuple[str, ...], page_size: int
) -> Window[T]:
    """`fetch(page_number, page_size)` until the window is whole, at most three times over.

    `key_fields` are dotted names of the natural key in the raw row. Errors of `fetch` pass.
    """
    rows: dict[Key, Any] = {}
    calls, whole = 0, False
    for _ in range(RUNS):
        run = _run(fetch, key_fields, page_size)
        calls += run.calls
        for key, raw in run.rows.items():
            _keep_newest(rows, key, raw)
        whole = run.whole
        if whole:
            break
    watermark = stamps.highest([_stamp(raw) for raw in rows.values()])
    readable, unreadable = _parsed(rows.values(), dto, key_fields)
    return Window(readable, watermark, calls, whole, unreadable)


def _run(fetch: Callable[[int, int], Page], key_fields: tuple[str, ...], page_size: int) -> _Run:
    run, number = _Run(), 1
    while True:
        page = fetch(number, page_size)
        # Sizes are silently cut over there, and page 2 begins where their page 1 ended.
        page_size = min(page_size, max(page.size, len(page.rows)))
        news = run.take(page, key_fields)
        # Without a total a page that brings nothing new is the end: page numbers may be ignored like other parameters.
        if not page.rows or run.ended or not (news or run.totals):
            return run
        number += 1


def page_of(body: Any, page_size: int) -> Page:
    """A page out of a bare list or out of `{records, totalCount, pageNumber, pageSize}`. Transient for anything else."""
    if isinstance(body, dict) and isinstance(body.get("records") or [], list) and "totalCount" in body:
        total, size = unwrapped(body["totalCount"]), unwrapped(body.get("pageSize"))
        return Page(body.get("records") or [], frozenset(_counts([total])), min(_counts([size]) or [page_size]))
    if not isinstance(body, list):
        raise errors.Transient("Visma answered something that is no list of rows. It is tried again.")
    about = [raw["metadata"] for raw in body if isinstance(raw, dict) and isinstance(raw.get("metadata"), dict)]
    totals = _counts(unwrapped(each.get("totalCount")) for each in about)
    sizes = _counts(unwrapped(each.get("maxPageSize")) for each in about)
    return Page(body, frozenset(totals), min([page_size, *filter(None, sizes)]))


def _counts(values: Iterable[Any]) -> list[int]:
    return [int(value) for value in values if str(value).isdecimal()]


def key_of(raw: Any, key_fields: tuple[str, ...]) -> Key:
    """The natural key of a raw row; of a row without one its whole content, so that it is not lost among others."""
    key = tuple(_at(raw, name) for name in key_fields)
    named = all(part or name.endswith("Type") for name, part in zip(key_fields, key, strict=True))
    return key if named else ("?", json.dumps(raw, sort_keys=True, default=str))


def _at(raw: Any, dotted: str) -> str:
    for name in dotted.split("."):
        raw = unwrapped(raw.get(name)) if isinstance(raw, dict) else None
    return "" if raw is None else str(raw)


def _stamp(raw: Any) -> str:
    return _at(raw, "lastModifiedDateTime")


def _keep_newest(rows: dict[Key, Any], key: Key, raw: Any) -> None:
    if key in rows:
        old, new = stamps.moment(_stamp(rows[key])), stamps.moment(_stamp(raw))
        if old is not None and new is not None and new < old:
            return
    rows[key] = raw


def _parsed(
    raws: Iterable[Any], dto: type[T], key_fields: tuple[str, ...]
) -> tuple[list[Row[T]], list[tuple[Any, str]]]:
    rows: list[Row[T]] = []
    unreadable: list[tuple[Any, str]] = []
    for raw in raws:
        try:
            rows.append(parsed(raw, dto, key_fields))
        except errors.Unreadable as reason:
            unreadable.append((raw, str(reason)))
    return rows, unreadable


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
