"""Clients built from connections: the only reader of credentials. Tokens, call budget and the log of calls come with them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import DatabaseError, ProgrammingError, transaction
from django.db.models import F, QuerySet

from audit.models import Document, Exchange
from connector.budget import ANSWERS, ConnectionBudget
from connector.errors import Misconfigured
from connector.flows.verdict import Clients
from connector.http import ApiSession, Call, Recorder, Token, fetch_token
from connector.models import Connection
from connector.sps.client import SpsClient, sps_token_form
from connector.tokens import StoredTokens, pause, resume, unreadable
from connector.visma.client import VismaClient, visma_token_form
from mapping.models import Company

__all__ = [
    "Clients",
    "StoredTokens",
    "clients_for",
    "connection_of",
    "connections",
    "exchange_recorder",
    "pause",
    "resume",
    "sps_client",
    "stored_tokens",
    "visma_client",
]

log = logging.getLogger(__name__)

SECRETS = ("client_secret", "webhook_secret", "token")

Before = Callable[[], None]
"""Called before every call in the moment that it leaves: renews a lease, or raises LeaseLost."""


class _LeasedBudget:
    """The call budget of work that holds a lease: who has lost it calls no more."""

    def __init__(self, budget: ConnectionBudget, before: Before) -> None:
        self._before = before
        self._spend = budget.spend
        self.learn = budget.learn

    def spend(self, priority: int) -> None:
        self._before()
        self._spend(priority)


def clients_for(
    company: Company, document: Document | None = None, *, priority: int = ANSWERS, before: Before | None = None
) -> Clients:
    """Both clients of a company; calls are logged with the document when there is one. Raises Misconfigured."""
    known = {connection.system: connection for connection in connections().filter(company=company)}
    for system in Connection.System:
        if system not in known:
            raise _unconnected(company, system)
    return Clients(
        visma=visma_client(known[Connection.System.VISMA], document=document, priority=priority, before=before),
        sps=sps_client(known[Connection.System.SPS], document=document, priority=priority, before=before),
    )


def connections() -> QuerySet[Connection]:
    """All connections with their companies, without their secrets: who only waits, claims or counts needs none.

    Clients read the secrets at their first call, and raise Misconfigured when no key reads them.
    """
    return Connection.objects.select_related("company").defer(*SECRETS)


def connection_of(company: Company, system: Connection.System) -> Connection:
    """The company's connection to a system. Raises Misconfigured when there is none, or no key reads its secrets."""
    try:
        connection = Connection.objects.filter(company=company, system=system).select_related("company").first()
    except InvalidToken as error:
        raise unreadable(f"{company} · {system.label}") from error
    if connection is None:
        raise _unconnected(company, system)
    return connection


def _unconnected(company: Company, system: Connection.System) -> Misconfigured:
    return Misconfigured(f"{company} has no connection to {system.label}: make it with `manage.py connect`.")


def visma_client(
    connection: Connection,
    *,
    document: Document | None = None,
    priority: int = ANSWERS,
    trial: bool = False,
    before: Before | None = None,
) -> VismaClient:
    """`priority` as in connector.budget. A trial may call although the connection is paused."""
    session = _session(connection, document, priority=priority, trial=trial, before=before)
    return VismaClient(session, company_header=connection.company_header)


def sps_client(
    connection: Connection,
    *,
    document: Document | None = None,
    priority: int = ANSWERS,
    trial: bool = False,
    before: Before | None = None,
) -> SpsClient:
    """`priority` as in connector.budget. A trial may call although the connection is paused."""
    session = _session(connection, document, priority=priority, trial=trial, before=before)
    return SpsClient(session, in_dir=connection.in_dir, out_dir=connection.out_dir)


def stored_tokens(connection: Connection, *, trial: bool = False) -> StoredTokens:
    """The connection's shared token, fetched with its credentials."""
    recorder = exchange_recorder(connection, None)  # what is said about credentials belongs to no document

    def fetch() -> Token:
        # Read anew: an operator may have replaced the credentials since the client was built.
        try:
            now = Connection.objects.select_related("company").get(pk=connection.pk)
        except InvalidToken as error:
            raise unreadable(connection) from error
        try:
            return _fetched(now, now.token_body, recorder)
        except Misconfigured:
            if now.system != Connection.System.SPS or now.token_expires_at is not None:
                raise
            return _fetched_the_other_way(now, recorder)

    # A call lasts up to about twice its time-out.
    lease_seconds = 2 * settings.REQUEST_TIMEOUT_SECONDS + 5
    return StoredTokens(connection, fetch, ConnectionBudget(connection.pk), lease_seconds=lease_seconds, trial=trial)


def _fetched(connection: Connection, body: str, recorder: Recorder) -> Token:
    return fetch_token(
        connection.token_url,
        form=_token_form(connection),
        encoding="json" if body == Connection.TokenBody.JSON else "form",
        timeout=settings.REQUEST_TIMEOUT_SECONDS,
        recorder=recorder,
        system=Connection.System(connection.system).label,
    )


def _fetched_the_other_way(connection: Connection, recorder: Recorder) -> Token:
    """SPS's addresses differ in the form of the body they take (sps.md §2): before the first token both are tried."""
    forms = Connection.TokenBody
    other = forms.FORM if connection.token_body == forms.JSON else forms.JSON
    token = _fetched(connection, other, recorder)
    Connection.objects.filter(pk=connection.pk).update(token_body=other)
    return token


def exchange_recorder(connection: Connection, document: Document | None) -> Recorder:
    """Writes each call to the exchange log and counts it; bodies only where a document is concerned.

    A log that cannot be written is a line on stderr: what happened over there counts more.
    """

    def record(call: Call) -> None:
        try:
            with transaction.atomic():
                _exchange(connection, document, call).save(force_insert=True)
                Connection.objects.filter(pk=connection.pk).update(calls=F("calls") + 1)
        except ProgrammingError:
            raise
        except DatabaseError:
            log.exception("%s: %s %s (%s) could not be noted", connection, call.method, call.url_path, call.status)

    return record


def _session(
    connection: Connection, document: Document | None, *, priority: int, trial: bool, before: Before | None
) -> ApiSession:
    budget = ConnectionBudget(connection.pk)
    return ApiSession(
        connection.url,
        tokens=stored_tokens(connection, trial=trial),
        recorder=exchange_recorder(connection, document),
        timeout=settings.REQUEST_TIMEOUT_SECONDS,
        budget=_LeasedBudget(budget, before) if before else budget,
        system=Connection.System(connection.system).label,
        priority=priority,
    )


def _token_form(connection: Connection) -> dict[str, str]:
    if not connection.client_secret:
        raise Misconfigured(f"{connection} has no client secret: give it with `manage.py connect` or in the admin.")
    if connection.system == Connection.System.VISMA:
        return visma_token_form(connection.client_id, connection.client_secret, connection.tenant, connection.scope)
    return sps_token_form(connection.client_id, connection.client_secret, connection.audience)


def _exchange(connection: Connection, document: Document | None, call: Call) -> Exchange:
    return Exchange(
        company_id=connection.company_id,
        document=document,
        system=connection.system,
        method=call.method[:10],
        path=_text(call.url_path)[:1000],
        status=call.status,
        started_at=call.started,
        seconds=call.seconds,
        request_id=_text(call.request_id)[:100],
        request_head=call.request_head if document else b"",
        response_head=call.response_head if document else b"",
        error=_text(call.error),
    )


def _text(text: str) -> str:
    """PostgreSQL takes no NUL."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
