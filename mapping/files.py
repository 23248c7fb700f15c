"""Mappings from CSV files: every row is checked, every mistake is named with its line, and then all is written or nothing.

Columns are those of the `map` command: suppliers, items, units, taxes. A file that is read twice changes nothing the second time.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.db import transaction

from mapping.locks import change_mappings
from mapping.models import Company, ItemReference, NumberKind, TaxMapping, TradingPartner, UnitMapping
from mapping.models.references import comparable
from mapping.plan import Plan, Verdict
from mapping.supplier_file import SupplierFile
from mapping.tables import BadFile, BadRow, Columns, Row, read_table

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Mistake:
    """What is wrong in which line; the header is line 1."""

    line: int
    error: str


@dataclass(frozen=True)
class Outcome:
    """Rows of the file by what they came to. With mistakes all counts are 0, because nothing was written."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: tuple[Mistake, ...] = ()
    dry_run: bool = False


class MappingFile(Protocol):
    """One kind of file."""

    def take(self, row: Row) -> Verdict:
        """Note what the row wants. Raises BadRow."""

    def write(self, reason: str) -> None:
        """Write what all rows want."""


def load(
    kind: str, company: Company, content: bytes, *, reason: str, rsx_units: Collection[str] = (), dry_run: bool = False
) -> Outcome:
    """Read a file of one of KINDS into the company's mappings, in one transaction.

    `reason` goes into the history of every row that changes; `rsx_units` are the unit codes that RSX knows (units only).
    A dry run does everything except writing.
    """
    with transaction.atomic():
        # Two files of one company at the same moment would both find a row missing: the second waits here.
        change_mappings(company)
        try:
            rows = read_table(content, _COLUMNS[kind])
        except BadFile as error:
            return Outcome(errors=(Mistake(error.line, str(error)),), dry_run=dry_run)
        file = _file(kind, company, rows, rsx_units)
        verdicts, mistakes = _take_all(file, rows)
        if mistakes:
            return Outcome(errors=tuple(mistakes), dry_run=dry_run)
        if not dry_run:
            file.write(reason)
    created, updated, unchanged = (verdicts.count(verdict) for verdict in Verdict)
    return Outcome(created, updated, unchanged, dry_run=dry_run)


def _file(kind: str, company: Company, rows: list[Row], rsx_units: Collection[str]) -> MappingFile:
    if kind == "suppliers":
        return SupplierFile(company, rows)
    if kind == "units":
        return UnitFile(company, rsx_units)
    return ItemFile(company) if kind == "items" else TaxFile(company)


def _take_all(file: MappingFile, rows: list[Row]) -> tuple[list[Verdict], list[Mistake]]:
    verdicts: list[Verdict] = []
    mistakes: list[Mistake] = []
    for row in rows:
        try:
            verdicts.append(file.take(row.complete()))
        except BadRow as error:
            mistakes.append(Mistake(row.line, str(error)))
    return verdicts, mistakes


class ItemFile:
    """`trading_partner_id,their_number,number_kind,item`: the number is kept as written."""

    columns = Columns(("trading_partner_id", "their_number", "number_kind", "item"))

    def __init__(self, company: Company) -> None:
        self._partners = _partners(company)
        self._plan = Plan(
            ItemReference,
            key=lambda one: (one.partner_id, one.number_kind, one.compared_as),
            fields=("their_number", "item"),
            meaning=("item",),
            existing=ItemReference.objects.filter(partner__company=company),
        )

    def take(self, row: Row) -> Verdict:
        kind = row.required("number_kind").lower()
        if kind not in NumberKind.values:
            raise BadRow(f"number_kind is {kind}, but must be one of {', '.join(NumberKind.values)}")
        number = _number(kind, row.required("their_number"))
        wanted = ItemReference(
            partner=_partner(self._partners, row),
            number_kind=kind,
            their_number=number,
            compared_as=comparable(kind, number),
            item=row.required("item"),
        )
        return self._plan.ask(row.line, wanted, unchecked=("partner",))

    def write(self, reason: str) -> None:
        self._plan.write(reason)


class UnitFile:
    """`unit,rsx_unit[,factor]`: one `unit` is `factor` `rsx_unit`s. A factor that is not stated is 1, also for a unit
    that had another one before: a new RSX unit with the old factor would be a wrong quantity."""

    columns = Columns(("unit", "rsx_unit"), ("factor",))

    def __init__(self, company: Company, rsx_units: Collection[str]) -> None:
        self._company = company
        self._rsx_units = rsx_units
        self._plan = Plan(
            UnitMapping,
            key=lambda one: one.unit,
            fields=("rsx_unit", "factor"),
            meaning=("rsx_unit", "factor"),
            existing=UnitMapping.objects.filter(company=company, partner=None),
        )

    def take(self, row: Row) -> Verdict:
        unit, rsx_unit = row.required("unit"), row.required("rsx_unit")
        if rsx_unit not in self._rsx_units:
            hint = f" (written {rsx_unit.upper()}?)" if rsx_unit.upper() in self._rsx_units else ""
            raise BadRow(f"rsx_unit {rsx_unit} is not one of the {len(self._rsx_units)} RSX units{hint}")
        factor = _decimal("factor", row.text("factor") or "1")
        if not factor:
            raise BadRow("factor is 0, but must be more")
        wanted = UnitMapping(company=self._company, unit=unit, rsx_unit=rsx_unit, factor=factor)
        return self._plan.ask(row.line, wanted, unchecked=("company",))

    def write(self, reason: str) -> None:
        self._plan.write(reason)


class TaxFile:
    """`trading_partner_id,tax_type,percent,vat_category`: percent from 0 to 100 (25 means 25 %)."""

    columns = Columns(("trading_partner_id", "tax_type", "percent", "vat_category"))

    def __init__(self, company: Company) -> None:
        self._partners = _partners(company)
        self._plan = Plan(
            TaxMapping,
            key=lambda one: (one.partner_id, one.tax_type, one.percent),
            fields=("vat_category",),
            meaning=("vat_category",),
            existing=TaxMapping.objects.filter(partner__company=company),
        )

    def take(self, row: Row) -> Verdict:
        percent = _decimal("percent", row.required("percent"))
        if percent > 100:
            raise BadRow(f"percent is {percent}, but must be from 0 to 100")
        wanted = TaxMapping(
            partner=_partner(self._partners, row),
            tax_type=row.required("tax_type"),
            percent=percent,
            vat_category=row.required("vat_category"),
        )
        return self._plan.ask(row.line, wanted, unchecked=("partner",))

    def write(self, reason: str) -> None:
        self._plan.write(reason)


def _partners(company: Company) -> dict[str, TradingPartner]:
    return {partner.trading_partner_id: partner for partner in company.partners.all()}


def _partner(partners: dict[str, TradingPartner], row: Row) -> TradingPartner:
    wanted = row.required("trading_partner_id")
    if wanted not in partners:
        raise BadRow(f"trading_partner_id {wanted} is unknown: map its suppliers first")
    return partners[wanted]


def _number(kind: str, number: str) -> str:
    """The number as written. A barcode that is not one is refused: spreadsheets make 7.03555E+12 of long numbers."""
    if kind in (NumberKind.GTIN, NumberKind.UPC) and not re.fullmatch(r"[0-9]{1,14}", number):
        raise BadRow(
            f"their_number {number} is not a barcode of up to 14 digits: in a spreadsheet, format the column as text first"
        )
    return number


def _decimal(column: str, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise BadRow(f"{column} {text} is not a number: write it like 12 or 2.5, with a point and no unit")
    return Decimal(text)


_COLUMNS = {
    "suppliers": SupplierFile.columns,
    "items": ItemFile.columns,
    "units": UnitFile.columns,
    "taxes": TaxFile.columns,
}
KINDS = tuple(_COLUMNS)
