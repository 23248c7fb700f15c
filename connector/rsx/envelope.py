"""A file from the mailbox becomes papers: encoding, JSON or XML, one or several, and what kind each of them is.

Both forms end in one shape, a tree of dicts and lists as in RSX JSON (sps.md §4); whatever we do not know is kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from connector.errors import TypeConflict, Unreadable
from connector.rsx import json_form, xml_form
from connector.rsx.codes import DEEPEST, LIST_NAMES, NUMBER_NAMES

Kind = Literal["order", "order_ack", "shipment", "invoice", "unsupported"]
Form = Literal["json", "xml"]

# sps.md §3.2: one table for directories and for the two letters that file names start with
_KIND_OF_LETTERS: Final[dict[str, Kind]] = {
    "PO": "order",
    "PR": "order_ack",
    "SH": "shipment",
    "IN": "invoice",
    "PC": "unsupported",
    "CA": "unsupported",
    "IB": "unsupported",
    "IA": "unsupported",
}
# The letters count when the number follows, also one that starts with letters of the kind itself (PRPO584616-1):
# in POACK-7 or INVENTORY they are the start of a word and mean nothing.
_LETTERS = re.compile(r"(PO|PR|SH|IN|PC|CA|IB|IA)(?=(?i:PO|PR|SH|IN|PC|CA|IB|IA)?(?:[^A-Za-z]|$))")

_KIND_OF_NAME: Final[dict[str, Kind]] = {
    "Order": "order",
    "OrderAck": "order_ack",
    "OrderChange": "unsupported",
    "OrderChangeAck": "unsupported",
    "Shipment": "shipment",
    "Invoice": "invoice",
}

# Older 7.x papers say the same with other names (sps.md §4.1a)
_TODAYS_NAME: Final[dict[str, str]] = {
    "PurchaseOrderTypeCode": "PrimaryPOTypeCode",
    "DateTimeQualifier1": "DateTimeQualifier",
    "Date1": "Date",
}

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?\Z")


class Part(BaseModel):
    """One paper of a file: `index` from 0, its tree in the shape of RSX JSON, and what was odd about it."""

    model_config = ConfigDict(frozen=True)

    index: int
    kind: Kind
    tree: dict[str, Any]
    form: Form
    warnings: tuple[str, ...] = ()


def split(content: bytes) -> list[Part]:
    """All papers of a file, in order; at least one.

    Raises Unreadable when the file as a whole cannot be read: empty, truncated, not UTF-8 (JSON), a DTD (XML), nested
    without end. A single paper that is none becomes a Part of kind "unsupported" and does not stop its siblings.
    """
    if not content.strip(b"\xef\xbb\xbf \t\r\n\x00"):
        raise Unreadable("The file is empty.")
    form: Form = "xml" if _is_xml(content) else "json"
    found, warnings = xml_form.papers(content.lstrip()) if form == "xml" else (json_form.papers(content), [])
    parts = [_part(index, form, name, value, warnings) for index, (name, value) in enumerate(found)]
    if not parts:
        raise Unreadable("The file holds no paper: its list is empty.")
    return parts


def _is_xml(content: bytes) -> bool:
    head = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return head == b"<" or content[:4] in (b"\xff\xfe<\x00", b"\xfe\xff\x00<")


def _part(index: int, form: Form, name: str, value: Any, found: list[str]) -> Part:
    warnings = list(found)
    if not isinstance(value, dict):
        warnings.append(f"Element {index + 1} is not a paper but {json_form.described(value)}.")
        return Part(index=index, kind="unsupported", tree={}, form=form, warnings=tuple(warnings))
    tree = _tidy(value, 1)
    kind = _named_kind(name, _content_kind(tree), warnings)
    return Part(index=index, kind=kind, tree=tree, form=form, warnings=tuple(warnings))


# --- one shape for both forms -------------------------------------------------------------------------------------


def _tidy(value: Any, depth: int) -> Any:
    """The same value with lists where the schema has lists, today's names, and text that a database can store."""
    if depth > DEEPEST:
        raise Unreadable(f"The paper is nested more than {DEEPEST} levels deep.")
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_tidy(element, depth + 1) for element in value]
    if not isinstance(value, dict):
        return value
    tree: dict[str, Any] = {}
    for name, inner in value.items():
        _put(tree, _todays_name(name, inner, value), _tidy(inner, depth + 1))
    return tree


def _todays_name(name: str, value: Any, siblings: dict[str, Any]) -> str:
    """The 7.7.7 name of an older one, unless both stand there: then the older one stays what it is, unread."""
    if name == "Date" and isinstance(value, dict | list):
        return "Dates"
    today = _TODAYS_NAME.get(name, name)
    return name if today in siblings else today


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    if name in LIST_NAMES and value is not None:
        tree[name] = [*(tree.get(name) or []), *(value if isinstance(value, list) else [value])]
    else:
        tree[name] = value


# --- which kind ---------------------------------------------------------------------------------------------------


def _content_kind(tree: dict[str, Any]) -> Kind:
    """What the content alone says (sps.md §4.2)."""
    header = tree.get("Header")
    if not isinstance(header, dict):
        return "unsupported"
    if "InvoiceHeader" in header:
        return "invoice"
    if "ShipmentHeader" in header:
        return "shipment"
    if "OrderHeader" not in header:
        return "unsupported"
    return _order_family(header["OrderHeader"], _objects(tree.get("LineItem")))


def _order_family(header: Any, lines: list[dict[str, Any]]) -> Kind:
    # neither the Orders nor the OrderAcks schema knows these two, so they decide first
    orders = [*_objects([line.get("OrderLine") for line in lines])]
    if _has(header, "POChangeDate") or any("LineChangeCode" in order for order in orders):
        return "unsupported"
    if _has(header, "AcknowledgementDate") or _has(header, "AcknowledgementNumber"):
        return "order_ack"
    return "order_ack" if any(line.get("LineItemAcknowledgement") for line in lines) else "order"


def _has(block: Any, name: str) -> bool:
    return isinstance(block, dict) and block.get(name) not in (None, "")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _named_kind(name: str, content: Kind, warnings: list[str]) -> Kind:
    """The kind after the element's or wrapper's own name is heard: it settles what the content leaves open."""
    named = _KIND_OF_NAME.get(name)
    if named is None or named == content:
        return content
    if content in ("order", "order_ack") and named in ("order_ack", "unsupported"):
        return named
    warnings.append(f"The paper is called {name}, but its content is of kind {content}.")
    return content


def expected_kind(path: str) -> Kind | None:
    """What the directory (PO, PR, SH, IN, PC, CA, IB, IA) or the letters of the file name promise (sps.md §3.2).

    None when neither says anything. Raises TypeConflict when the two say different things.
    """
    *directories, name = path.split("/")
    by_directory = next((_KIND_OF_LETTERS[one] for one in reversed(directories) if one in _KIND_OF_LETTERS), None)
    letters = _LETTERS.match(name)
    by_name = _KIND_OF_LETTERS[letters[1]] if letters else None
    if by_directory and by_name and by_directory != by_name:
        raise TypeConflict(
            f"The directory of {path} is for kind {by_directory}, but its name is that of kind {by_name}. "
            "A person must say which one is right."
        )
    return by_directory or by_name


def resolve_kind(path: str, part: Part) -> Kind:
    """The kind on which path and content agree; a path without a meaning leaves it to the content.

    Raises TypeConflict with a sentence when they disagree (sps.md §3.2): then nothing may be processed.
    """
    expected = expected_kind(path)
    if expected is None or expected == part.kind or not part.tree:
        return part.kind
    if expected == "order_ack" and part.kind == "order" and _may_be_ack(part.tree):
        return "order_ack"
    if expected == "unsupported" and part.kind in ("order", "order_ack"):
        return "unsupported"  # order changes and their answers share the header of orders
    raise TypeConflict(
        f"By its path {path} is of kind {expected}, but paper {part.index + 1} in it is of kind {part.kind}. "
        "A person must say which one is right."
    )


def _may_be_ack(tree: dict[str, Any]) -> bool:
    # AcknowledgementType stands in Orders too and decides nothing alone (sps.md §4.2); here the path has spoken
    return _has(tree["Header"]["OrderHeader"], "AcknowledgementType")


# --- equal content ------------------------------------------------------------------------------------------------


def content_hash(tree: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical paper: equal for the same paper in JSON and XML and however it is laid out.

    Names are sorted, lists keep their order, what is empty is left out, text is stripped. Where the schema has a
    number, 20, 20.0 and "20.00" are one value; elsewhere a number equals the text it is written as. `Meta` is left
    out: it holds interchange and batch numbers, which differ when the same paper is sent again.
    """
    canonical = _canonical("", {name: value for name, value in tree.items() if name != "Meta"})
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


def _canonical(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: _canonical(key, element) for key, element in value.items()}
        return {key: element for key, element in inner.items() if element not in (None, "", {}, [])}
    if isinstance(value, list):
        return [found for element in value if (found := _canonical(name, element)) not in (None, "", {}, [])]
    if value is None or isinstance(value, bool):
        return value if value is None else str(value).lower()
    text = str(value).strip()
    if name in NUMBER_NAMES and (isinstance(value, Decimal) or _NUMBER.match(text)):
        return _canonical_number(Decimal(text))
    return text


def _canonical_number(value: Decimal) -> str:
    """Digits without trailing zeros and a power of ten; never written out, as the power may be huge."""
    sign, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    short = written.rstrip("0")
    if not short:
        return "0"
    return f"{'-' if sign else ''}{short}E{int(exponent) + len(written) - len(short)}"
