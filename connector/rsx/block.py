"""One place in a paper and how to read from it: tolerant where we can be, Unreadable with the place where we cannot.

`where` reads as a person would point at it, lines counted from 1: LineItem[2].InvoiceLine.InvoiceQty.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from connector.errors import Unreadable

# the exponent is for suppliers who write floats; the bounds below keep it harmless
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
# a zone or a time after the date is cut off: dates have no zone and are never shifted (sps.md §10)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2}|[T ].*)?\Z", re.DOTALL)
_MOST_DIGITS: Final = 18  # before the point; and as many places after it: beyond lies no amount and no quantity


class Block:
    """A block (JSON object) of a paper; missing blocks read as empty ones. Warnings go to one list per paper."""

    def __init__(self, tree: dict[str, Any], where: str, warnings: list[str]) -> None:
        self.tree = tree
        self.where = where
        self.warnings = warnings

    def at(self, name: str) -> str:
        """The place of a field of this block, for messages."""
        return f"{self.where}.{name}" if self.where else name

    def warn(self, name: str, sentence: str) -> None:
        self.warnings.append(f"{self.at(name)}: {sentence}.")

    def block(self, name: str) -> Block:
        """The block of that name, or an empty one. Raises Unreadable when something else stands there."""
        value = self.tree.get(name)
        if value in (None, "", []):
            return Block({}, self.at(name), self.warnings)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            raise Unreadable(f"{self.at(name)}: a block of fields is expected, but it is {_shown(value)}")
        return Block(value, self.at(name), self.warnings)

    def required(self, name: str) -> Block:
        """As `block`, but Unreadable when it is missing."""
        found = self.block(name)
        if not found.tree:
            raise Unreadable(f"{self.at(name)} is missing")
        return found

    def blocks(self, name: str, *, needed: bool = False) -> Iterator[Block]:
        """The blocks of a list, numbered from 1. What is no block is a warning, or Unreadable where `needed`."""
        value = self.tree.get(name)
        for number, element in enumerate(value if isinstance(value, list) else [value], 1):
            place = f"{name}[{number}]"
            if isinstance(element, dict):
                yield Block(element, self.at(place), self.warnings)
            elif element in (None, "", []):
                continue
            elif needed:
                raise Unreadable(f"{self.at(place)}: a block of fields is expected, but it is {_shown(element)}")
            else:
                self.warn(place, f"a block of fields is expected, but it is {_shown(element)}; it is not read")

    def text(self, name: str, *, needed: bool = True) -> str:
        """Stripped text, "" when missing; a number becomes text with a warning (leading zeros may have been lost).

        Raises Unreadable when a list or an object stands there, unless not `needed`.
        """
        value = self.tree.get(name)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        if isinstance(value, bool | int | float | Decimal):
            self.warn(name, f"text is expected, but it is the bare {_shown(value)}; leading zeros may be lost")
            return _as_identifier(value)
        if value in ([], {}):
            return ""
        if needed:
            raise Unreadable(f"{self.at(name)}: text is expected, but it is {_shown(value)}")
        self.warn(name, f"text is expected, but it is {_shown(value)}; it is not read")
        return ""

    def required_text(self, name: str) -> str:
        """As `text`, but Unreadable when it is missing."""
        found = self.text(name)
        if not found:
            raise Unreadable(f"{self.at(name)} is missing")
        return found

    def number(self, name: str, *, needed: bool = True) -> Decimal | None:
        """A number, also when written as text ("12.50"); None when missing.

        Raises Unreadable for anything else ("12,5": nobody knows what it means), unless not `needed`: then None.
        """
        value = self.tree.get(name)
        if value is None or value in ("", [], {}):
            return None
        found = _as_number(value)
        if found is None and needed:
            raise Unreadable(f"{self.at(name)}: {_shown(value)} is not a number")
        if found is None:
            self.warn(name, f"{_shown(value)} is not a number; it is not read")
        return found

    def whole(self, name: str) -> int | None:
        """A whole number that decides nothing; anything else is a warning and None."""
        found = self.number(name, needed=False)
        if found is not None and found != found.to_integral_value():
            self.warn(name, f"{found} is not a whole number; it is not read")
            return None
        return None if found is None else int(found)

    def date(self, name: str) -> dt.date | None:
        """A date as written, never shifted; one that does not parse is a warning and None (sps.md §10)."""
        raw = self.text(name, needed=False)
        found = _as_date(raw)
        if raw and found is None:
            self.warn(name, f"{raw[:40]!r} is not a date")
        return found


def _as_date(raw: str) -> dt.date | None:
    """The calendar date at the start of an ISO date or time stamp, or None."""
    match = _DATE.match(raw)
    try:
        return dt.date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    text = str(value).strip()
    if not _NUMBER.match(text):
        return None
    found = Decimal(text)
    exponent = found.as_tuple().exponent
    if found.adjusted() > _MOST_DIGITS or not isinstance(exponent, int) or exponent < -_MOST_DIGITS:
        return None
    return found if exponent <= 0 else found.quantize(Decimal(1))


def _as_identifier(value: bool | int | float | Decimal) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    number = _as_number(value)
    whole = number is not None and number == number.to_integral_value()
    return f"{number:.0f}" if whole else str(value)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return repr(value[:40]) if isinstance(value, str) else str(value)[:40]
