"""Lists as Visma gives them: filters, date conditions, pages with metadata on every row (visma.md §3).

Unknown parameters are ignored with 200, a date without its condition too: a client must look at the rows it gets.
"""

from __future__ import annotations

import hashlib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.sandbox.visma_books import Books, Row, Table, refuse
from connector.sandbox.visma_fields import CUSTOM_FIELDS
from connector.sandbox.wire import Json

Holds = Callable[[str, str], bool]
Bound = tuple[str, Holds, str]  # field, comparison, stamp to compare with
_CONDITIONS: dict[str, Holds] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_FILTER_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d{1,3})?)?")
Params = Mapping[str, str]
Match = Callable[[Json, str], bool]
Shape = Callable[[Json, Params], Json]


def _as_is(body: Json, _: Params) -> Json:
    return body


def wants(params: Params, name: str) -> bool:
    """Whether a switch like `expandCrossReference` is on."""
    return params.get(name.lower(), "").lower() in ("true", "1")


@dataclass(frozen=True)
class Listing:
    """One list resource: its key, its filters (lower-case names), its date parameters, its largest page."""

    table: Callable[[Books], Table]
    key: str
    filters: Mapping[str, Match] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=lambda: {"lastmodifieddatetime": "lastModifiedDateTime"})
    max_page: int = 1000
    paged: bool = True
    shape: Shape = _as_is


def by_field(*path: str) -> Match:
    """A filter that compares the text at a path of the row."""

    def match(body: Json, wanted: str) -> bool:
        value: Any = body
        for step in path:
            value = (value or {}).get(step)
        return str(value) == wanted

    return match


def without_customs(body: Json, params: Params) -> Json:
    """Custom fields come only when asked for (visma.md §9.2)."""
    if wants(params, "includeCustomFreeFields"):
        return body
    bare = {name: value for name, value in body.items() if name not in CUSTOM_FIELDS}
    lines = [{name: value for name, value in line.items() if name not in CUSTOM_FIELDS} for line in body["lines"]]
    return {**bare, "lines": lines}


def shown(books: Books, listing: Listing, query: Mapping[str, str]) -> list[Json]:
    """The rows of one list answer; raises Refusal for a malformed date, condition or page."""
    params = {name.lower(): value for name, value in query.items()}
    bounds = _bounds(listing, params)
    rows = [row for row in _in_order(books, listing) if _passes(row.body, listing, params, bounds)]
    if not listing.paged:
        return [listing.shape(row.body, params) for row in rows]
    size, start = _page(listing, params)
    metadata = {"totalCount": len(rows), "maxPageSize": listing.max_page}
    return [{**listing.shape(row.body, params), "metadata": metadata} for row in rows[start : start + size]]


def _in_order(books: Books, listing: Listing) -> list[Row]:
    """No order is promised; ascending by key was seen once."""
    table = listing.table(books)
    if not books.rules.scrambled_rows:
        return [table[key] for key in sorted(table)]
    return [table[key] for key in sorted(table, key=lambda key: hashlib.sha256(f"{books.seed}{key}".encode()).digest())]


def _passes(body: Json, listing: Listing, params: Params, bounds: list[Bound]) -> bool:
    after = params.get("greaterthanvalue", "")
    if after and str(body.get(listing.key)) <= after:
        return False
    if not all(match(body, params[name]) for name, match in listing.filters.items() if params.get(name)):
        return False
    return all(body.get(name) and holds(str(body[name]), bound) for name, holds, bound in bounds)


def _bounds(listing: Listing, params: Params) -> list[Bound]:
    """The date conditions of a call; stamps of one form compare as text."""
    found = []
    for name, field_name in listing.dates.items():
        wanted, condition = params.get(name, ""), params.get(f"{name}condition", "")
        if wanted and not _FILTER_DATE.fullmatch(wanted):
            raise refuse(f"String '{wanted}' of '{name}' was not recognized as a valid DateTime.")
        if not wanted or not condition:
            continue
        if condition not in _CONDITIONS:
            raise refuse(f"'{condition}' of '{name}Condition' is not one of >, <, >=, <=.")
        found.append((field_name, _CONDITIONS[condition], _as_stamp(wanted)))
    return found


def _as_stamp(wanted: str) -> str:
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError as wrong:
        raise refuse(f"String '{wanted}' was not recognized as a valid DateTime.") from wrong
    return moment.isoformat().rstrip("0") if moment.microsecond else moment.isoformat()


def _page(listing: Listing, params: Params) -> tuple[int, int]:
    """Page size and first row; a size over the maximum is silently cut to it."""
    try:
        size = int(params.get("pagesize") or listing.max_page)
        number = int(params.get("pagenumber") or 1)
    except ValueError as wrong:
        raise refuse("pageNumber and pageSize must be whole numbers.") from wrong
    if size < 1 or number < 1:
        raise refuse("pageNumber and pageSize must be greater than zero.")
    size = min(size, listing.max_page)
    return size, (number - 1) * size
