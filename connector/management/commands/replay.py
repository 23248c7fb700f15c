"""`manage.py replay`: documents back to `received`, where each is decided again as if new."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser
from django.utils import timezone

from audit.models import Cause, Kind, Status
from audit.selection import Selection
from connector.api.serializers import DocumentSerializer
from connector.management.command import OperatorCommand, Report, company_named
from connector.management.commands.documents import line
from connector.replays import Outcome, replay_all
from connector.wakeups import wake_workers
from mapping.models import Company

ACTOR = "command line"


class Command(OperatorCommand):
    help = "Moves documents back to received. Without --status and --document: what is held or failed."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--document", metavar="ID", type=int, nargs="+", action="extend", default=[])
        parser.add_argument(
            "--status",
            choices=[Status.HELD.value, Status.FAILED.value, Status.IGNORED.value],
            action="append",
            default=[],
        )
        parser.add_argument("--kind", choices=Kind.values, default="")
        parser.add_argument("--cause", choices=Cause.values, default="", help="held for this, be it among others")
        parser.add_argument(
            "--since",
            metavar="DATE",
            type=date.fromisoformat,
            help="stored on this day of the company's time zone or later",
        )
        parser.add_argument("--reason", default="", help="kept with each document's history")
        parser.add_argument("--dry-run", action="store_true", help="lists what would happen")

    def report(self, options: dict[str, Any]) -> Report:
        selection = _selection(options)
        dry_run = options["dry_run"]
        outcomes = []
        for outcome in replay_all(
            selection, actor=ACTOR, reason=options["reason"], now=timezone.now(), dry_run=dry_run
        ):
            outcomes.append(outcome)
            self.say(_said(outcome, dry_run=dry_run))
        replayed = sum(outcome.replayed for outcome in outcomes)
        if replayed and not dry_run:
            wake_workers()
        missing = sorted({*options["document"]} - {outcome.document.pk for outcome in outcomes})
        self.say(f"{replayed} {'would be replayed' if dry_run else 'replayed'}, {len(outcomes) - replayed} refused")
        return Report(_facts(outcomes, dry_run=dry_run), _failure(outcomes, missing))


def _selection(options: dict[str, Any]) -> Selection:
    """A company has to be named where there are several, unless documents are named by their ids."""
    name = options["company"]
    company = None if options["document"] and not name else company_named(name)
    return Selection(
        company=company,
        documents=options["document"],
        statuses=options["status"],
        kind=options["kind"],
        cause=options["cause"],
        since=_midnight(options["since"], company),
    )


def _midnight(day: date | None, company: Company | None) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(company.time_zone if company else "UTC")) if day else None


def _said(outcome: Outcome, *, dry_run: bool) -> str:
    verb = ("would be replayed" if dry_run else "replayed") if outcome.replayed else "refused"
    return f"{verb}: {line(DocumentSerializer(outcome.document).data)} {outcome.why}".rstrip()


def _facts(outcomes: list[Outcome], *, dry_run: bool) -> dict[str, Any]:
    replayed = sum(outcome.replayed for outcome in outcomes)
    rows = [
        {**DocumentSerializer(outcome.document).data, "replayed": outcome.replayed, "why": outcome.why}
        for outcome in outcomes
    ]
    return {"dry_run": dry_run, "replayed": replayed, "refused": len(outcomes) - replayed, "documents": rows}


def _failure(outcomes: list[Outcome], missing: list[int]) -> str:
    sentences = [outcome.why for outcome in outcomes if not outcome.replayed]
    if missing:
        sentences.append(f"No such document: {', '.join(map(str, missing))}.")
    return " ".join(sentences)
