"""What all commands of operators share: `--company`, `--json`, where words go, and the exit codes of INTERFACE.md."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from connector.errors import ConnectorError
from mapping.locks import is_deadlock
from mapping.models import Company


class Usage(CommandError):
    """What was typed makes no sense: exit 2, as for an unknown option."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)


@dataclass(frozen=True)
class Report:
    """What a command found or did. `facts` is the object of `--json`; `failure` says in a sentence what did not succeed."""

    facts: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


class OperatorCommand(BaseCommand):
    """Parse, call one verb, print. A command defines `add_options` and `report`.

    Words for people go to stderr through `say`. With `--json` stdout gets one JSON object and nothing else; after a
    CommandError that is `{"error": "…"}`. Exit 0: done; 1: it did not succeed; 2: wrong usage.
    """

    of_a_company = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's own, whose refusals are an object on stdout too when one was asked for."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        refuse = parser.error

        def error(message: str) -> Any:
            if parser.called_from_command_line:
                self._print({"json": "--json" in sys.argv}, {"error": message})
            return refuse(message)

        parser.error = error  # type: ignore[method-assign]  # Django takes no parser of ours
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout, and nothing else there")
        if self.of_a_company:
            parser.add_argument("--company", metavar="NAME", help="needed where more than one company exists")
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    def report(self, options: dict[str, Any]) -> Report:
        """Do what the command is for. Raises Usage, CommandError, or an error family of the connector."""
        raise NotImplementedError

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            report = self._sentences(options)
        except CommandError as error:
            self._print(options, {"error": str(error)})
            raise
        self._print(options, report.facts)
        if report.failure:
            raise CommandError(report.failure)

    def say(self, text: str) -> None:
        """A line for people."""
        self.stderr.write(text, style_func=str)

    def _print(self, options: dict[str, Any], facts: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False, default=str))

    def _sentences(self, options: dict[str, Any]) -> Report:
        try:
            return self.report(options)
        except ConnectorError as error:
            raise CommandError(str(error)) from error
        except InvalidToken as error:
            raise CommandError(
                "A stored secret cannot be read with the present FIELD_ENCRYPTION_KEYS: put the key that wrote it back "
                "behind the first one (rotate_keys names the rows)."
            ) from error
        except (OperationalError, ProgrammingError) as error:
            if is_deadlock(error):
                raise CommandError(
                    "The database undid it, because two at once waited for each other: run it again."
                ) from error
            raise CommandError(
                f"The database does not answer as it should ({str(error).strip()}): check DATABASE_URL and run "
                "`manage.py migrate`."
            ) from error


def company_named(name: str | None) -> Company:
    """The company of `--company`, or the only one there is. Raises Usage when that is not one company."""
    companies = Company.objects.order_by("name")
    names = ", ".join(companies.values_list("name", flat=True))
    if not names:
        raise Usage("There is no company yet: make one with `manage.py connect NAME …`.")
    if name is None and companies.count() > 1:
        raise Usage(f"There are several companies: say --company NAME, one of {names}.")
    found = companies.filter(name=name).first() if name is not None else companies.first()
    if found is None:
        raise Usage(f"There is no company {name}: say one of {names}.")
    return found
