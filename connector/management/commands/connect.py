"""`manage.py connect`: a company and its two connections, made or changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils import timezone

from connector.addresses import BadAddress, address, directory, mailbox_conflict
from connector.management.command import OperatorCommand, Report, Usage
from connector.models import Connection
from connector.sps.client import AUDIENCE
from connector.visma.client import SCOPE
from mapping.models import Company

# What an access token depends on; when one of these changes, the stored token, budget and pause mean nothing any more.
_CREDENTIALS = {"url", "token_url", "token_body", "client_id", "client_secret", "tenant", "scope", "audience"}
_FRESH = {
    "token": "",
    "token_expires_at": None,
    "token_renew_until": None,
    "budget_limit": 0,
    "budget_remaining": 0,
    "budget_resets_at": None,
    "blocked_until": None,
    "paused_at": None,
    "paused_reason": "",
}
_SECRET_COLUMNS = ("client_secret", "webhook_secret", "token")


@dataclass(frozen=True)
class Side:
    """One of the two systems: which option (of which environment variable) sets which field, and what a new one starts with."""

    system: Connection.System
    options: Mapping[str, str]
    required: tuple[str, ...]
    secret: str
    defaults: Mapping[str, Any]


_VISMA = Side(
    Connection.System.VISMA,
    {
        "visma_url": "url",
        "visma_token_url": "token_url",
        "visma_client_id": "client_id",
        "visma_tenant": "tenant",
        "visma_scope": "scope",
        "visma_company_header": "company_header",
        "visma_settle": "absence_lag_seconds",
    },
    ("visma_url", "visma_token_url", "visma_client_id", "visma_tenant"),
    "VISMA_CLIENT_SECRET",
    {"token_body": Connection.TokenBody.FORM, "scope": SCOPE, "absence_lag_seconds": 240, "poll_seconds": 120},
)
_SPS = Side(
    Connection.System.SPS,
    {
        "sps_url": "url",
        "sps_token_url": "token_url",
        "sps_token_body": "token_body",
        "sps_client_id": "client_id",
        "sps_audience": "audience",
        "sps_in": "in_dir",
        "sps_out": "out_dir",
        "sps_history_lag": "absence_lag_seconds",
    },
    ("sps_url", "sps_token_url", "sps_client_id"),
    "SPS_CLIENT_SECRET",
    {
        "token_body": Connection.TokenBody.JSON,
        "audience": AUDIENCE,
        "in_dir": "in/",
        "out_dir": "out/",
        "absence_lag_seconds": 300,
        "poll_seconds": 600,
    },
)


class Command(OperatorCommand):
    help = (
        "Creates or updates a company and its connections to Visma.net and SPS Commerce. The secrets come from "
        "VISMA_CLIENT_SECRET and SPS_CLIENT_SECRET in the environment. An option that is left out stays as it is."
    )
    of_a_company = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the company")
        parser.add_argument("--time-zone", help="the company's, such as Europe/Oslo (which is also the default)")
        parser.add_argument(
            "--orders-from", metavar="DATE", help="orders dated earlier are mirrored only; default today"
        )
        parser.add_argument("--visma-url", help="https://api.finance.visma.net")
        parser.add_argument("--visma-token-url", help="https://connect.visma.com/connect/token")
        parser.add_argument("--visma-client-id")
        parser.add_argument("--visma-tenant", help="the company's tenant id, not the customer's")
        parser.add_argument("--visma-scope", help=f"default {SCOPE}")
        parser.add_argument("--visma-company-header", help="ipp-company-id, where an installation asks for it")
        parser.add_argument("--visma-settle", type=int, metavar="SECONDS", help="default 240")
        parser.add_argument("--sps-url", help="https://api.spscommerce.com")
        parser.add_argument("--sps-token-url", help="https://auth.spscommerce.com/oauth/token")
        parser.add_argument("--sps-token-body", choices=Connection.TokenBody.values, help="default json")
        parser.add_argument("--sps-client-id")
        parser.add_argument("--sps-audience", help=f"default {AUDIENCE}")
        parser.add_argument("--sps-in", metavar="DIR", help="directory into SPS, default in/")
        parser.add_argument("--sps-out", metavar="DIR", help="directory out of SPS, default out/")
        parser.add_argument("--sps-history-lag", type=int, metavar="SECONDS", help="default 300")

    def report(self, options: dict[str, Any]) -> Report:
        try:
            with transaction.atomic():
                company, changed = _company(options)
                visma, changed_visma = _connection(company, _VISMA, options)
                sps, changed_sps = _connection(company, _SPS, options)
        except IntegrityError as error:
            raise CommandError(
                "Someone else set up the same company or mailbox at the same moment, and nothing was saved: run it again."
            ) from error
        facts = {
            "company": company.name,
            "time_zone": company.time_zone,
            "orders_from": company.orders_from.isoformat(),
            "visma": _shown(_VISMA, visma) | {"webhook": f"/hooks/visma/{visma.webhook_uid}/"},
            "sps": _shown(_SPS, sps),
            "changed": {"company": changed, "visma": changed_visma, "sps": changed_sps},
        }
        self._tell(facts)
        return Report(facts)

    def _tell(self, facts: dict[str, Any]) -> None:
        self.say(f"{facts['company']}: orders from {facts['orders_from']} on ({facts['time_zone']}) are sent.")
        for part, fields in facts["changed"].items():
            self.say(f"{part}: {'set ' + ', '.join(fields) if fields else 'nothing changed'}")
        self.say("Try it with `manage.py ping`.")


def _company(options: dict[str, Any]) -> tuple[Company, list[str]]:
    name = options["name"].strip()
    company = Company.objects.filter(name=name).first() or Company(name=name)
    wanted: dict[str, Any] = {}
    if options["time_zone"] is not None:
        wanted["time_zone"] = _time_zone(options["time_zone"])
    zone = ZoneInfo(wanted.get("time_zone", company.time_zone))
    if options["orders_from"] is not None:
        wanted["orders_from"] = _date(options["orders_from"])
    elif company._state.adding:
        wanted["orders_from"] = timezone.now().astimezone(zone).date()
    return company, _saved(company, wanted, set())


def _connection(company: Company, side: Side, options: dict[str, Any]) -> tuple[Connection, list[str]]:
    connection = Connection.objects.filter(company=company, system=side.system).first()
    wanted = {
        field: _value(option, options[option]) for option, field in side.options.items() if options[option] is not None
    }
    # Read here and not in the settings: this command alone ever sees the secrets outside the encrypted column.
    if secret := os.environ.get(side.secret, "").strip():
        wanted["client_secret"] = secret
    if connection is None:
        _complain_of_missing(side, options, has_secret=bool(secret))
        connection, wanted = Connection(company=company, system=side.system), {**side.defaults, **wanted}
    return connection, _saved(connection, wanted, _CREDENTIALS)


def _complain_of_missing(side: Side, options: dict[str, Any], *, has_secret: bool) -> None:
    missing = [f"--{option.replace('_', '-')}" for option in side.required if not options[option]]
    if missing:
        raise Usage(f"A new connection to {side.system.label} also needs {', '.join(missing)}.")
    if not has_secret:
        raise Usage(f"A new connection to {side.system.label} needs its secret: set {side.secret} in the environment.")


def _saved(row: Company | Connection, wanted: dict[str, Any], credentials: set[str]) -> list[str]:
    """Set and save what differs; the names of the fields that did. Raises Usage for a value that does not fit, and
    CommandError for a mailbox that another company uses."""
    changed = sorted(name for name, value in wanted.items() if row._state.adding or getattr(row, name) != value)
    fresh = _FRESH if credentials.intersection(changed) else {}
    for name, value in (wanted | fresh).items():
        setattr(row, name, value)
    try:
        row.clean_fields(exclude=("company", "url", "token_url", *_SECRET_COLUMNS))  # addresses were checked already
    except ValidationError as error:
        raise Usage("; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())) from error
    if isinstance(row, Connection) and row.system == _SPS.system and (conflict := mailbox_conflict(row)):
        raise CommandError(conflict)
    if changed:
        row._change_reason = f"manage.py connect: {', '.join(changed)}"[:100]  # type: ignore[union-attr]  # how simple_history takes a reason
        # Only these columns: workers move token and budget at the same time.
        row.save(update_fields=None if row._state.adding else [*changed, *fresh])
    return changed


def _value(option: str, given: Any) -> Any:
    """The value of an option as it is stored. Raises Usage."""
    try:
        if option.endswith("_url"):
            return address(given)
        if option in ("sps_in", "sps_out"):
            return directory(given)
    except BadAddress as error:
        raise Usage(f"--{option.replace('_', '-')}: {error}") from error
    if option in ("visma_client_id", "visma_tenant", "visma_scope", "sps_client_id") and not given.strip():
        raise Usage(f"--{option.replace('_', '-')} is empty.")
    return given.strip() if isinstance(given, str) else given


def _time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Usage(f"--time-zone: there is no time zone {name}; it must read like Europe/Oslo.") from error


def _date(text: str | date) -> date:
    try:
        return text if isinstance(text, date) else date.fromisoformat(text)
    except ValueError as error:
        raise Usage(f"--orders-from: {text} is no date; it must read like 2026-01-31.") from error


def _shown(side: Side, connection: Connection) -> dict[str, Any]:
    """The settings of a connection; of the secret only whether there is one."""
    fields = sorted({*side.options.values(), *side.defaults})
    return {name: getattr(connection, name) for name in fields} | {"secret": bool(connection.client_secret)}
