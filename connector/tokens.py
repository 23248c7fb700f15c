"""Access tokens, stored encrypted on the connection, shared by all processes and renewed once by one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db.models import Q
from django.utils import timezone

from connector.budget import ConnectionBudget
from connector.errors import Misconfigured, RateLimited, Transient
from connector.http import Token
from connector.models import Connection

_WAIT_SECONDS = 15.0  # for another process's renewal; the lease itself lasts as long as that call may take


def pause(connection: Connection, reason: str) -> bool:
    """Stop all calls until an operator has seen to it. True when the connection was not paused already."""
    row = Connection.objects.filter(pk=connection.pk, paused_at=None)
    return bool(row.update(paused_at=timezone.now(), paused_reason=reason))


def resume(connection: Connection) -> bool:
    """Let calls go again. True when the connection was paused."""
    row = Connection.objects.filter(pk=connection.pk, paused_at__isnull=False)
    return bool(row.update(paused_at=None, paused_reason=""))


def unreadable(whose: object) -> Misconfigured:
    """What is wrong when no key reads a stored secret."""
    return Misconfigured(
        f"{whose}: the stored secrets cannot be read with the present FIELD_ENCRYPTION_KEYS. "
        "Put the key that wrote them back behind the first one."
    )


class StoredTokens:
    """Tokens of one connection. `fetch` asks the remote system once; `lease_seconds` is how long that may take.

    A paused connection gets no token, except for a trial (`ping`).
    """

    def __init__(
        self,
        connection: Connection,
        fetch: Callable[[], Token],
        budget: ConnectionBudget,
        *,
        lease_seconds: float,
        trial: bool = False,
    ) -> None:
        self._connection = connection
        self._row = Connection.objects.filter(pk=connection.pk)
        self._fetch = fetch
        self._budget = budget
        self._lease = timedelta(seconds=lease_seconds)
        self._trial = trial

    def get(self) -> str:
        """A token that is good by its own words.

        Raises Misconfigured (the connection is paused then), RateLimited, Transient.
        """
        return self._usable(refused="")

    def renew(self, refused: str) -> str:
        """A token other than `refused`: another process's, when it has renewed already. Raises as `get` does."""
        return self._usable(refused=refused)

    def anew(self) -> str:
        """A token that was issued just now, whatever is stored: for trying credentials. Raises as `get` does."""
        return self._usable(refused=self._read()[0])

    def _usable(self, refused: str) -> str:
        deadline = time.monotonic() + _WAIT_SECONDS
        pause_seconds = 0.01
        while True:
            now = timezone.now()
            token, good_until, leased_until = self._read()
            if token and token != refused and good_until and good_until > now:
                return token
            self._budget.refuse_while_blocked()
            if lease := self._take_lease(now, good_until):
                return self._renewed(lease)
            if time.monotonic() > deadline:
                left = (leased_until - now).total_seconds() if leased_until else 0.0
                raise Transient(f"{self._connection}: another process is getting a token.", retry_after=max(1.0, left))
            time.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, 0.25)

    def _read(self) -> tuple[str, datetime | None, datetime | None]:
        columns = ("token", "token_expires_at", "token_renew_until", "paused_at", "paused_reason")
        try:
            token, good_until, leased_until, paused_at, reason = self._row.values_list(*columns).get()
        except InvalidToken as error:
            raise unreadable(self._connection) from error
        if paused_at and not self._trial:
            raise Misconfigured(f"{self._connection} is paused: {reason}")
        return token, good_until, leased_until

    def _take_lease(self, now: datetime, good_until: datetime | None) -> datetime | None:
        """The right to renew, or None while another process has it, or has just renewed."""
        free = Q(token_renew_until=None) | Q(token_renew_until__lte=now)
        lease = now + self._lease
        # token_expires_at says which token we found wanting: it changes with every renewal.
        taken = self._row.filter(free, token_expires_at=good_until).update(token_renew_until=lease)
        return lease if taken else None

    def _renewed(self, lease: datetime) -> str:
        try:
            token = self._fetch()
        except RateLimited as error:
            self._budget.block(error.retry_after)
            raise
        except Misconfigured as error:
            if not self._trial:
                pause(self._connection, str(error))
            raise
        else:
            return self._stored(token, lease)
        finally:
            self._row.filter(token_renew_until=lease).update(token_renew_until=None)

    def _stored(self, token: Token, lease: datetime) -> str:
        # Not when the lease is no longer ours: another process renews, or the credentials were replaced meanwhile.
        self._row.filter(token_renew_until=lease).update(
            token=token.value, token_expires_at=timezone.now() + _use_of(token)
        )
        return token.value


def _use_of(token: Token) -> timedelta:
    """For how long a token is used: to 90 % of its life or 60 s before its end, at least half its life (sps.md §2)."""
    life = float(token.expires_in)
    return timedelta(seconds=max(life / 2, min(life * 0.9, life - 60)))
