"""CSV files as people make them (Excel included), read into rows with line numbers. Knows no model and writes nothing.

What cannot be read at all is a BadFile; what is wrong in one row is a BadRow, so that one run names every mistake.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError


class BadFile(ValueError):
    """The file as a whole cannot be read; `line` is where, counted from 1."""

    def __init__(self, sentence: str, line: int = 1) -> None:
        super().__init__(sentence)
        self.line = line


class BadRow(ValueError):
    """One row says something wrong; `str()` is the sentence for the person who wrote it."""


@dataclass(frozen=True)
class Columns:
    """The columns that a kind of file must have, and those that it may have."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row: the line it starts in (the header is line 1) and its cells without outer blanks."""

    line: int
    cells: dict[str, str]
    surplus: tuple[str, ...] = ()

    def complete(self) -> Row:
        """The row itself; raises BadRow when it has more cells than the header, because then some stand in the wrong place."""
        if self.surplus:
            raise BadRow(f"more cells than columns: {', '.join(self.surplus)}")
        return self

    def text(self, column: str) -> str:
        """The cell, or "" when the column is left out or blank. Raises BadRow for a control character."""
        cell = self.cells.get(column, "")
        if any(unicodedata.category(character) == "Cc" for character in cell):
            raise BadRow(f"{column} holds a control character (a line break or tab, for example): remove it")
        return cell

    def required(self, column: str) -> str:
        """The cell; raises BadRow when it is blank."""
        cell = self.text(column)
        if not cell:
            raise BadRow(f"{column} is empty")
        return cell


def read_table(content: bytes, columns: Columns) -> list[Row]:
    """The rows of a CSV file in UTF-8 (with or without BOM), separated by `;` or `,`. Raises BadFile."""
    text = _decoded(content)
    first_line = next(iter(text.lstrip().splitlines()), "")
    lines = _lines(text, ";" if ";" in first_line else ",")
    line, header = next(lines, (1, []))
    names = _names(header)
    _check_header(names, columns, line)
    return [_row(line, names, cells) for line, cells in lines]


def sentence_of(error: ValidationError) -> str:
    """Django's findings about a model's fields as one sentence that names the columns."""
    return "; ".join(
        f"{field}: {' '.join(messages)}" if field != "__all__" else " ".join(messages)
        for field, messages in error.message_dict.items()
    )


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile("the file is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile(
            f"the file is not UTF-8 (byte 0x{content[error.start]:02x}), probably Latin-1 or Windows-1252: "
            "save it as UTF-8 (in Excel: CSV UTF-8)",
            line,
        ) from error


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line it starts in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise BadFile(
            f"the file cannot be read as CSV from here on ({error}): check the quotation marks", start
        ) from error


def _names(header: list[str]) -> list[str]:
    """Column names; spreadsheets append nameless columns, which count only when a row has something in them."""
    names = [cell.strip().lower() for cell in header]
    while names and not names[-1]:
        names.pop()
    return names


def _check_header(names: list[str], columns: Columns, line: int) -> None:
    known = columns.required + columns.optional
    expected = f"expected are {', '.join(columns.required)}" + (
        f" and, if wanted, {', '.join(columns.optional)}" if columns.optional else ""
    )
    if not any(name in known for name in names):
        raise BadFile(f"the first line is not a header: {expected}", line)
    if unknown := [name or "(no name)" for name in names if name not in known]:
        raise BadFile(f"unknown columns: {', '.join(unknown)}; {expected}", line)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadFile(f"columns that occur twice: {', '.join(repeated)}", line)
    if missing := [name for name in columns.required if name not in names]:
        raise BadFile(f"missing columns: {', '.join(missing)}; {expected}", line)


def _row(line: int, names: list[str], cells: list[str]) -> Row:
    stripped = [cell.strip() for cell in cells]
    return Row(line, dict(zip(names, stripped, strict=False)), tuple(cell for cell in stripped[len(names) :] if cell))
