"""Bytes as people can read them: pretty-printed JSON or XML, text, or a hex dump; cut where they are long. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

SHOWN_BYTES = 200_000
SHOWN_CHARACTERS = 60_000
HEX_BYTES = 2_048
XML_SPLIT = re.compile(r">\s*<")


@dataclass(frozen=True)
class Shown:
    """What a page shows of some bytes; `cut` says that there is more in the download."""

    text: str
    form: str
    size: int
    cut: bool


def shown(content: bytes) -> Shown:
    """Never raises: what is neither JSON, XML nor text is shown as hex."""
    if not content:
        return Shown("", "empty", 0, False)
    text = _decoded(content)
    if text is None:
        return Shown(_hex(content[:HEX_BYTES]), "hex", len(content), len(content) > HEX_BYTES)
    pretty, form = _pretty(text) if len(content) <= SHOWN_BYTES else (text, "text")
    return Shown(pretty[:SHOWN_CHARACTERS], form, len(content), len(pretty) > SHOWN_CHARACTERS)


def _decoded(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    printable = sum(character.isprintable() or character in "\r\n\t" for character in text)
    return text if printable >= len(text) * 0.95 else None


def _pretty(text: str) -> tuple[str, str]:
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        try:
            # numbers stay as written: a price of 10.10 is not shown as 10.1
            read = json.loads(text, parse_float=_Number, parse_int=_Number)
        except (ValueError, RecursionError):
            return text, "text (not valid JSON)"
        return _plain(json.dumps(read, indent=2, ensure_ascii=False)), "JSON"
    if stripped.startswith("<"):
        return _indented(stripped), "XML"
    return text, "text"


class _Number(str):
    """A number as written; marked, so that the quotes can be taken off again."""

    def __new__(cls, written: str) -> _Number:
        return super().__new__(cls, f"\x00{written}\x00")


def _plain(text: str) -> str:
    return text.replace('"\\u0000', "").replace('\\u0000"', "")


def _indented(text: str) -> str:
    """One element per line, by counting: nothing is parsed, so that no hostile entity is expanded."""
    depth, lines = 0, []
    for tag in XML_SPLIT.sub(">\n<", text).splitlines():
        piece = tag.strip()
        depth -= piece.startswith("</")
        lines.append("  " * max(depth, 0) + piece)
        opens = piece.startswith("<") and not piece.startswith(("</", "<?", "<!"))
        depth += opens and not piece.endswith("/>") and "</" not in piece
    return "\n".join(lines)


def _hex(content: bytes) -> str:
    rows = (content[start : start + 16] for start in range(0, len(content), 16))
    return "\n".join(
        f"{place * 16:08x}  {row.hex(' '):<47}  {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)}"
        for place, row in enumerate(rows)
    )
