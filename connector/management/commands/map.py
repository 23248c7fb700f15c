"""`manage.py map`: suppliers, items, units and taxes from CSV files. All rows or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError

from connector.management.command import OperatorCommand, Report, Usage, company_named
from connector.rsx.common import UNITS
from mapping.files import KINDS, Outcome, load


class Command(OperatorCommand):
    help = "Reads mappings from a CSV file; a bad row is named with its line number and nothing at all is written."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS)
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")

    def report(self, options: dict[str, Any]) -> Report:
        file: Path = options["file"]
        company = company_named(options["company"])
        try:
            content = file.read_bytes()
        except OSError as error:
            raise Usage(f"{file} cannot be read: {error.strerror}.") from error
        try:
            outcome = load(
                options["kind"],
                company,
                content,
                reason=f"map {file.name}"[:100],
                rsx_units=UNITS,
                dry_run=options["dry_run"],
            )
        except IntegrityError as error:
            raise CommandError(
                "Someone else changed the mappings at the same moment, and nothing was written: run it again."
            ) from error
        self._tell(options["kind"], file, outcome)
        return Report(_facts(outcome), _failure(file, outcome))

    def _tell(self, kind: str, file: Path, outcome: Outcome) -> None:
        for mistake in outcome.errors:
            self.say(f"{file} line {mistake.line}: {mistake.error}")
        if not outcome.errors:
            counts = f"{outcome.created} created, {outcome.updated} updated, {outcome.unchanged} unchanged"
            self.say(f"{kind} of {file}: {counts}" + (" (dry run: nothing was written)" if outcome.dry_run else ""))


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "errors": [{"line": mistake.line, "error": mistake.error} for mistake in outcome.errors],
        "dry_run": outcome.dry_run,
    }


def _failure(file: Path, outcome: Outcome) -> str:
    if not outcome.errors:
        return ""
    count = len(outcome.errors)
    return f"{count} {'mistake' if count == 1 else 'mistakes'} in {file}: nothing was written."
