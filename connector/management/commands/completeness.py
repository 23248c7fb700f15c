"""`manage.py completeness`: whether every purchase order and every file is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from connector.completeness import account
from connector.management.command import OperatorCommand, Report, company_named


class Command(OperatorCommand):
    help = "Lists both systems anew and says what became of each order and file; what nobody can explain is held."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, metavar="DATE", help="orders and files since then only")

    def report(self, options: dict[str, Any]) -> Report:
        found = account(company_named(options["company"]), since=options["since"])
        for what, figures in found.figures.items():
            self.say(f"{what}: {_said(figures)}")
        for sentence in (*found.caught, *found.unexplained, *([found.problem] if found.problem else [])):
            self.say(sentence)
        summary = f"{len(found.unexplained):,} unexplained of {found.total:,}"
        self.say(summary)
        facts = {
            **found.figures,
            "total": found.total,
            "unexplained": found.unexplained,
            "caught": found.caught,
        }
        return Report(facts, f"{summary}: see the desk, cause in_doubt." if found.unexplained else "")


def _said(figures: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {end.replace('_', ' ')}" for end, number in figures.items()) or "none"
