"""Trying one remote system with the stored credentials: what works, what does not, and what that means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.utils import timezone

from connector.clients import connection_of, resume, sps_client, stored_tokens, visma_client
from connector.errors import ConnectorError, Misconfigured, NotFound
from connector.models import Connection
from connector.sps.client import SpsClient
from connector.visma.client import VismaClient
from mapping.models import Company

# A delta from here on is empty: the right to read is tried by one call that brings nothing (visma.md §3).
_FAR_AHEAD = "2100-01-01T00:00:00"


@dataclass(frozen=True)
class Check:
    """One thing that was tried."""

    name: str
    ok: bool
    detail: str


@dataclass
class Ping:
    """What trying a system came to."""

    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def attempt(self, name: str, what: Callable[[], str]) -> bool:
        """Try `what`, whose answer is the detail; an error of the connector's families is a check that failed."""
        try:
            self.checks.append(Check(name, True, what()))
        except ConnectorError as error:
            self.checks.append(Check(name, False, str(error)))
        return self.checks[-1].ok

    def state(self, name: str, ok: bool, detail: str) -> None:
        self.checks.append(Check(name, ok, detail))


def ping(company: Company, system: Connection.System) -> Ping:
    """Try the company's connection to one system; when everything works, a paused connection goes on. Raises nothing."""
    result = Ping()
    try:
        connection = connection_of(company, system)
    except ConnectorError as error:
        result.state("connection", False, str(error))
        return result
    if result.attempt("token", lambda: _token(connection)):
        if system is Connection.System.VISMA:
            _try_visma(result, visma_client(connection, trial=True), connection)
        else:
            _try_sps(result, sps_client(connection, trial=True))
        _tell_budget(result, connection)
    _end_pause(result, connection)
    return result


def _token(connection: Connection) -> str:
    """A new one, because the stored one says nothing about the credentials of today."""
    stored_tokens(connection, trial=True).anew()
    until = Connection.objects.values_list("token_expires_at", flat=True).get(pk=connection.pk)
    return f"issued, used until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "issued"


def _try_visma(result: Ping, client: VismaClient, connection: Connection) -> None:
    result.attempt("company", lambda: _company(client, connection))
    result.attempt("purchase orders", lambda: _readable(client.orders(_FAR_AHEAD).complete))
    result.attempt("purchase receipts", lambda: _readable(client.receipts(_FAR_AHEAD).complete))
    result.attempt("supplier invoices", lambda: _readable(client.invoices(_FAR_AHEAD).complete))


def _company(client: VismaClient, connection: Connection) -> str:
    try:
        branches = client.company_check()
    except Misconfigured as error:
        raise Misconfigured(
            f"{error} The tenant {connection.tenant} must be the company's own id, not the customer's, and the company "
            "must have approved the application in Visma App Store."
        ) from error
    except NotFound:
        return "branches are not offered at this address; that lists can be read proves the company as well"
    if not branches and connection.company_header:
        # A wrong ipp-company-id is answered with empty lists, not with an error (visma.md §1).
        raise NotFound(f"No branch is shown: {connection.company_header} is probably not the company's id.")
    return f"branches: {', '.join(f'{branch.number} {branch.name}'.strip() for branch in branches) or 'none'}"


def _readable(complete: bool) -> str:
    return "may be read" if complete else "may be read, but the list changed while it was read"


def _try_sps(result: Ping, client: SpsClient) -> None:
    result.attempt("auth-check", lambda: _auth_check(client))
    for directory in (client.in_dir, client.out_dir):
        result.attempt(directory.removeprefix("/"), partial(_directory, client, directory))


def _auth_check(client: SpsClient) -> str:
    try:
        client.auth_check()
    except NotFound:
        return "not offered at this address; that directories can be listed proves the token as well"
    return "the token is good"


def _directory(client: SpsClient, directory: str) -> str:
    listing = client.list(directory)
    if not listing.missing:
        entries = len(listing)
        return f"{entries} {'entry' if entries == 1 else 'entries'}"
    there = ", ".join(entry.path.removeprefix("/") for entry in client.list("") if entry.is_directory)
    raise NotFound(
        f"The mailbox has no {directory.removeprefix('/')} (its root shows {there or 'nothing'}). A new account has no "
        "directories until SPS has set up its routing; otherwise set the right ones with `manage.py connect`."
    )


def _tell_budget(result: Ping, connection: Connection) -> None:
    row = Connection.objects.defer("client_secret", "webhook_secret", "token").get(pk=connection.pk)
    now = timezone.now()
    if row.blocked_until and row.blocked_until > now:
        result.state("call budget", False, f"refused until {row.blocked_until:%Y-%m-%d %H:%M:%S} UTC")
    elif row.budget_resets_at is None or row.budget_resets_at <= now:
        result.state("call budget", True, "nothing was said about a limit")
    else:
        detail = f"{row.budget_remaining} of {row.budget_limit} calls left until {row.budget_resets_at:%H:%M:%S} UTC"
        result.state("call budget", row.budget_remaining > 0, detail)


def _end_pause(result: Ping, connection: Connection) -> None:
    if connection.paused_at is None:
        return
    since = f"since {connection.paused_at:%Y-%m-%d %H:%M:%S} UTC: {connection.paused_reason}"
    if result.ok:
        resume(connection)
        result.state("pause", True, f"was paused {since}. It goes on now.")
    else:
        result.state("pause", False, f"is paused {since}")
