"""Reading what a client writes to Visma: scalars come wrapped, lists and instructions come bare (visma.md §9)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.sandbox.visma_books import refuse
from connector.sandbox.wire import Json, load

_BARE = frozenset(
    ("operation", "linkLine", "purchaseType", "changeDatesOnLines", "timeStamp", "segmentId", "segmentValue")
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?(Z|[+-]\d{2}:\d{2})?)?")
_ABSENT = object()
CUSTOM_FIELDS = (
    *(f"customStr{number}" for number in range(1, 6)),
    "customDec1",
    "customDec2",
    "customInt1",
    "customInt2",
    "customDateTimeUTC1",
)


def body_of(content: bytes) -> Json:
    """The JSON object of a request body, or a 400."""
    try:
        body = load(content)
    except ValueError as broken:
        raise refuse(f"The request body is not valid JSON: {broken}") from broken
    if not isinstance(body, dict):
        raise refuse("The request body must be a JSON object.")
    return body


class Fields:
    """The wrapped fields of one written object; every getter refuses with 400 what has the wrong form."""

    def __init__(self, body: Json, where: str) -> None:
        self.body = body
        self.where = where
        for name, value in body.items():
            self._check_form(name, value)

    def _check_form(self, name: str, value: Any) -> None:
        if name in _BARE:
            if isinstance(value, dict) and "value" in value:
                raise refuse(f"Error converting value of '{name}' in {self.where}: it takes the bare value.")
        elif value is not None and not isinstance(value, dict | list):
            raise refuse(f"Error converting value {value!r} of '{name}' in {self.where}: scalars are {{'value': …}}.")

    def __contains__(self, name: str) -> bool:
        return self._scalar(name) is not _ABSENT

    def _scalar(self, name: str) -> Any:
        wrapper = self.body.get(name)
        if not isinstance(wrapper, dict) or wrapper.get("value") is None:
            return _ABSENT
        return wrapper["value"]

    def _wrong(self, name: str, value: object, wanted: str) -> Exception:
        return refuse(f"Error converting value {value!r} of '{name}' in {self.where} to {wanted}.")

    def text(self, name: str, default: str = "") -> str:
        """A text field."""
        value = self._scalar(name)
        if value is _ABSENT:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, value, "text")
        return value

    def number(self, name: str, default: Decimal | None = None) -> Decimal | None:
        """A number; official samples also send numbers as text, so both are taken."""
        value = self._scalar(name)
        if value is _ABSENT:
            return default
        if isinstance(value, bool):
            raise self._wrong(name, value, "a number")
        try:
            return Decimal(value)
        except (InvalidOperation, TypeError, ValueError) as wrong:
            raise self._wrong(name, value, "a number") from wrong

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.number(name)
        if value is not None and value != int(value):
            raise self._wrong(name, value, "a whole number")
        return None if value is None else int(value)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean."""
        value = self._scalar(name)
        if value is _ABSENT:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, value, "a boolean")
        return value

    def date(self, name: str, default: str | None = None) -> str | None:
        """A date as the server will show it: `2026-03-17T00:00:00`."""
        value = self._scalar(name)
        if value is _ABSENT:
            return default
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise self._wrong(name, value, "a date")
        return f"{value[:10]}T00:00:00"

    def objects(self, name: str) -> list[Fields]:
        """A bare list of objects, each with wrapped fields of its own."""
        rows = self.body.get(name) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise refuse(f"'{name}' in {self.where} must be a list of objects.")
        return [Fields(row, f"{name}[{index}]") for index, row in enumerate(rows)]

    def operation(self) -> str:
        """Insert, Update or Delete; absent means Insert."""
        verb = self.body.get("operation") or "Insert"
        if verb not in ("Insert", "Update", "Delete"):
            raise refuse(f"Error converting value {verb!r} of 'operation' in {self.where}.")
        return str(verb)

    def customs(self) -> Json:
        """The custom fields that are written; a text has at most 100 characters."""
        found = {name: self._scalar(name) for name in CUSTOM_FIELDS if name in self}
        for name, value in found.items():
            if isinstance(value, str) and len(value) > 100:
                raise refuse(f"'{name}' in {self.where} is longer than 100 characters.")
        return found
