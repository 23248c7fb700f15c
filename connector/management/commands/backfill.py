"""`manage.py backfill orders`: sends existing purchase orders."""

from __future__ import annotations

import getpass
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connector.backfill import backfill, chosen, estimate
from connector.management.command import OperatorCommand, Report, Usage, company_named
from connector.models import Connection
from connector.syncing import read, sync

BAR = 40


class Command(OperatorCommand):
    help = "Sends purchase orders that were made before the go-live cut, or were never sent. Repeating it sends nothing twice."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["orders"])
        parser.add_argument("--since", required=True, type=date.fromisoformat, metavar="DATE")
        parser.add_argument("--until", type=date.fromisoformat, metavar="DATE")
        parser.add_argument("--supplier", action="extend", nargs="+", default=[], metavar="NR")
        parser.add_argument("--partner", action="extend", nargs="+", default=[], metavar="ID")
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent")
        parser.add_argument(
            "--timeout", type=float, default=3600, metavar="SECONDS", help="for the reading, and again for the sending"
        )

    def report(self, options: dict[str, Any]) -> Report:
        if options["until"] and options["until"] < options["since"]:
            raise Usage("--until is before --since.")
        company = company_named(options["company"])
        failure = read(company, Connection.System.VISMA, timeout=options["timeout"], say=self.say)
        if failure:
            raise CommandError(failure)
        orders = chosen(
            company,
            since=options["since"],
            until=options["until"],
            suppliers=options["supplier"],
            partners=options["partner"],
        )
        expected = estimate(company, orders)
        self.say(f"{expected.orders} orders, {expected.calls} calls to SPS, about {expected.seconds} seconds.")
        facts: dict[str, Any] = {
            "orders": [order.number for order in orders],
            "calls": expected.calls,
            "seconds": expected.seconds,
            "dry_run": options["dry_run"],
        }
        if options["dry_run"]:
            return Report({**facts, "queued": 0})
        queued = self._queue(orders)  # none, but an earlier run may have been broken off: what it queued goes now
        done = sync(company, until_idle=True, timeout=options["timeout"], say=self.say)
        return Report({**facts, "queued": queued, "calls_made": done.calls}, done.failure)

    def _queue(self, orders: list[Any]) -> int:
        queued = 0
        for place, document in enumerate(backfill(orders, actor=f"backfill by {getpass.getuser()}"), start=1):
            queued += document is not None
            filled = "#" * (BAR * place // len(orders))
            self.stderr.write(f"\r[{filled:<{BAR}}] {place}/{len(orders)}", ending="", style_func=str)
        self.say("")
        return queued
