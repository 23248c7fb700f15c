"""`manage.py sync`: one pass of everything in this process, no workers needed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from connector.management.command import OperatorCommand, Report, company_named
from connector.status import counts
from connector.syncing import sync


class Command(OperatorCommand):
    help = "Polls both systems, matches, delivers and reconciles in this process. Several may run at once."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="repeat until only people can move anything")
        parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")

    def report(self, options: dict[str, Any]) -> Report:
        company = company_named(options["company"])
        done = sync(company, until_idle=options["until_idle"], timeout=options["timeout"], say=self.say)
        facts: dict[str, Any] = {
            "documents": counts(company),
            "calls": done.calls,
            "passes": done.passes,
            "problems": list(done.problems.values()),
        }
        for kind, statuses in facts["documents"].items():
            self.say(f"{kind}: " + (", ".join(f"{count} {status}" for status, count in statuses.items()) or "none"))
        return Report(facts, done.failure)
