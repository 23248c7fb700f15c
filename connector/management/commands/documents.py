"""`manage.py documents`: what came, what went, and where it stands."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from audit.models import Cause, Kind, Status
from audit.selection import Selection
from connector.api.serializers import DocumentSerializer
from connector.management.command import OperatorCommand, Report, company_named


class Command(OperatorCommand):
    help = "Lists documents, oldest first; of all companies unless one is named."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", choices=Kind.values, default="")
        parser.add_argument("--status", choices=Status.values)
        parser.add_argument("--cause", choices=Cause.values, default="", help="held for this, be it among others")
        parser.add_argument("--order", metavar="NR", default="", help="the order itself and what is about it")
        parser.add_argument(
            "--number", metavar="NR", default="", help="of the paper: order, shipment or invoice number"
        )

    def report(self, options: dict[str, Any]) -> Report:
        name = options["company"]
        selection = Selection(
            company=company_named(name) if name else None,
            statuses=[options["status"]] if options["status"] else [],
            kind=options["kind"],
            cause=options["cause"],
            order=options["order"],
            number=options["number"],
        )
        listed = DocumentSerializer(selection.find(), many=True).data
        for row in listed:
            self.say(line(row))
        self.say(f"{len(listed)} documents")
        return Report({"documents": listed})


def line(row: dict[str, Any]) -> str:
    """A document for people."""
    orders = ",".join(row["orders"])
    return (
        f"{row['id']:>7}  {row['kind']:<11}  {row['status']:<10}  {row['partner'] or '-':<15}  {row['number'] or '-':<16}"
        f"  {orders or '-':<16}  {row['cause'] or row['output_ref']}  {row['reason']}"
    ).rstrip()
