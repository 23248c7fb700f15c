"""RSX in JSON (sps.md §4.1): bytes to trees, with Decimal for every number and one sentence for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from connector.errors import Unreadable
from connector.rsx.codes import DEEPEST


def papers(content: bytes) -> list[tuple[str, Any]]:
    """All papers of a JSON file as (singular name of a wrapper or "", value), in order.

    Raises Unreadable with line and column, or with the offset of the first byte that is not UTF-8.
    """
    value = _json(_utf8(content))
    if not isinstance(value, dict | list):
        raise Unreadable(f"The file holds {described(value)} where an object or a list of objects is expected.")
    return list(_unwrapped("", value, 3))


def _utf8(content: bytes) -> str:
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        offset = error.start + len(content) - len(error.object)
        raise Unreadable(
            f"The JSON is not UTF-8: byte {offset} (counted from 0) is 0x{content[offset]:02X}, as in a Latin-1 or "
            "UTF-16 file. It must be sent again in UTF-8."
        ) from error


def _json(text: str) -> Any:
    try:
        return json.loads(
            text,
            strict=False,  # a raw line break inside a note harms nothing
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise Unreadable(f"The JSON breaks at line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise Unreadable(f"The JSON is nested more than {DEEPEST} levels deep.") from error


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(f"The JSON holds a number that no one can mean: {text[:40]}.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"The JSON holds {name}, which is not a number.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"The JSON names {twice!r} twice in one object: it is not clear which one counts.")
    return tree


def _unwrapped(name: str, value: Any, levels: int) -> Iterator[tuple[str, Any]]:
    """Papers below a harmless wrapper such as {"Orders": {"Order": [...]}} (sps.md §4.1), or the value itself."""
    if isinstance(value, list) and levels:
        for element in value:
            yield from _unwrapped(name, element, levels - 1) if isinstance(element, dict) else [(name, element)]
        return
    inner = [key for key in value if key[:1] not in "@?"] if isinstance(value, dict) else []
    if levels and len(inner) == 1 and inner[0] not in ("Header", "Meta") and isinstance(value[inner[0]], dict | list):
        yield from _unwrapped(inner[0].removesuffix("s"), value[inner[0]], levels - 1)
        return
    yield name, value


def described(value: object) -> str:
    """A value that is no paper, in a few words for a message."""
    if value is None:
        return "empty"
    return "a list" if isinstance(value, list) else f"the bare value {str(value)[:40]!r}"
