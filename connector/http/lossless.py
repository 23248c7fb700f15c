"""JSON without floats: numbers are read as int or Decimal and written digit for digit as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def read(content: bytes) -> Any:
    """The value in UTF-8 JSON, with or without BOM. Raises ValueError with a sentence for everything unreadable."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refused)
    except RecursionError as cause:
        raise ValueError("it is nested too deeply") from cause
    except ArithmeticError as cause:
        raise ValueError("it holds a number beyond all bounds") from cause


def written(value: Any) -> str:
    """Compact ASCII JSON of dicts, lists, texts, ints, Decimals, booleans and None.

    Raises TypeError for a float (its digits are not those that were meant) and ValueError for a Decimal that is no
    finite number.
    """
    if value is None or isinstance(value, bool | str):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no place in JSON that carries money: {value!r}")


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no number that JSON can carry")
    return format(value, "f")


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")
