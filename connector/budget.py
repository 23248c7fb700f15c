"""How many calls a remote system still allows us: one budget per connection, shared by all processes through its row.

Visma has fixed windows (visma.md §6): 500 calls an hour are assumed until it says otherwise. SPS publishes nothing
(sps.md §3.6): it has no budget until it answers 429, or tells of a window and its end; then for as long as that lasts.
A call that cannot go is refused here, before it is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Least
from django.utils import timezone
from django.utils.functional import cached_property

from connector.errors import RateLimited
from connector.http.translation import LONGEST_WINDOW, retry_after
from connector.models import Connection

ANSWERS, ORDERS, MASTER_DATA, BACKFILL = range(4)

ASSUMED_LIMIT = 500
ASSUMED_WINDOW = timedelta(hours=1)
# What each priority leaves of the limit to those before it. What nobody takes covers calls that are under way while a window
# turns: until an answer has told, we know its turn only to the second.
RESERVE_PERCENT = (2, 5, 10, 15)
LEAST_RESERVE = 3
FIRST_BLOCK = timedelta(seconds=60)
LONGEST_BLOCK = timedelta(hours=1)
_SECOND = timedelta(seconds=1)  # ends of windows are told in whole seconds


@dataclass(frozen=True)
class Said:
    """What an answer says about the window: calls in all, calls left, and if it does, the time until it ends.

    0 is no time: it stands in the last second of a window, or always.
    """

    limit: int
    remaining: int
    reset: timedelta | None

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Said | None:
        """From `X-RateLimit-*`; None unless the first two are there, and all that are there make sense."""
        lowered = {name.lower(): value.strip() for name, value in headers.items()}
        texts = [lowered.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
        if not all(re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) for text in texts if text):
            return None
        limit, remaining, reset = (int(float(text)) if text else None for text in texts)
        if not limit or remaining is None or (reset or 0) > LONGEST_WINDOW:
            return None
        return cls(limit, remaining, timedelta(seconds=reset) if reset else None)


class ConnectionBudget:
    """The budget of one connection, as an ApiSession uses it: `spend`, the call, `learn`. Not for several threads."""

    def __init__(self, connection_id: int) -> None:
        self._row = Connection.objects.filter(pk=connection_id)
        self._spent_at = timezone.now()

    @cached_property
    def _system(self) -> Connection.System:
        return Connection.System(self._row.values_list("system", flat=True).get())

    def spend(self, priority: int) -> None:
        """Take one call; priorities are ANSWERS, ORDERS, MASTER_DATA, BACKFILL.

        Raises RateLimited with the seconds until there is one again; then nothing was called.
        """
        self._spent_at = now = timezone.now()
        if self._system is Connection.System.SPS and not self._row.filter(budget_resets_at__gt=now).exists():
            self.refuse_while_blocked()
        elif not self._take(now, priority):
            self.refuse_while_blocked()
            self._open_window(now)
            if not self._take(now, priority):
                self._refuse(now)

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of the budget; a 429 closes it for as long as the answer says."""
        now = timezone.now()
        said = Said.read(headers)
        if said and (said.reset or self._system is Connection.System.VISMA):
            self._align(said, now)
        if status == 429:
            self.block(retry_after(headers))
        elif self._system is Connection.System.SPS and self._row.filter(budget_remaining__lt=0).exists():
            # It answers again: the next refusal is the first of a new row.
            self._row.filter(_unblocked(now)).update(budget_remaining=0)

    def block(self, seconds: float | None) -> None:
        """No calls for so many seconds; None when the other side refused without saying for how long."""
        now = timezone.now()
        if seconds is not None:
            until = now + timedelta(seconds=max(seconds, 1))
            self._row.filter(Q(blocked_until=None) | Q(blocked_until__lt=until)).update(blocked_until=until)
            return
        refusals = max(0, -self._row.values_list("budget_remaining", flat=True).get())
        until = now + min(FIRST_BLOCK * 2 ** min(refusals, 10), LONGEST_BLOCK)
        # Calls that were under way together are refused together: only the first of them blocks.
        blocked = self._row.filter(_unblocked(now)).update(blocked_until=until)
        if blocked and self._system is Connection.System.SPS:
            # SPS has no calls to count: below zero stands how often in a row it has refused without saying for how long.
            self._row.update(budget_remaining=F("budget_remaining") - 1)

    def refuse_while_blocked(self) -> None:
        """Raises RateLimited while a 429 still holds."""
        now = timezone.now()
        until = self._row.values_list("blocked_until", flat=True).get()
        if until is not None and until > now:
            raise RateLimited(
                f"{self._system.label} has asked us to wait until {until:%Y-%m-%d %H:%M:%S} UTC; nothing was called.",
                retry_after=(until - now).total_seconds(),
            )

    def _take(self, now: datetime, priority: int) -> bool:
        """One conditional UPDATE: of many processes that see the last call, one gets it."""
        percent = RESERVE_PERCENT[min(priority, BACKFILL)]
        open_window = self._row.filter(_unblocked(now), budget_resets_at__gt=now)
        least = Least(Value(LEAST_RESERVE), F("budget_limit") / 10)
        spendable = open_window.filter(budget_remaining__gt=Greatest(F("budget_limit") * percent / 100, least))
        return bool(spendable.update(budget_remaining=F("budget_remaining") - 1))

    def _open_window(self, now: datetime) -> None:
        """Begin the next window when the last one has ended; whoever comes second finds it begun."""
        over = self._row.filter(Q(budget_resets_at=None) | Q(budget_resets_at__lte=now))
        ends = now + ASSUMED_WINDOW
        never_told = {"budget_limit": ASSUMED_LIMIT, "budget_remaining": ASSUMED_LIMIT, "budget_resets_at": ends}
        if not over.filter(budget_limit=0).update(**never_told):
            over.update(budget_remaining=F("budget_limit"), budget_resets_at=ends)

    def _align(self, said: Said, now: datetime) -> None:
        """Make our window the other side's.

        Calls of others may be under way that `said.remaining` does not count, so within a window the lower figure holds.
        """
        for _ in range(3):  # another process may move the window in the same moment
            limit, remaining, ends = self._row.values_list("budget_limit", "budget_remaining", "budget_resets_at").get()
            changed = self._aligned(said, now, limit, remaining, ends)
            if not changed or self._row.filter(budget_resets_at=ends, budget_limit=limit).update(**changed):
                return

    def _aligned(self, said: Said, now: datetime, limit: int, remaining: int, ends: datetime | None) -> dict[str, Any]:
        """What has to change. The answer was written at some moment between `spend` and now."""
        lower = self._lower(said, limit)
        changed = {"budget_limit": said.limit, "budget_remaining": lower}
        news = said.limit != limit or said.remaining < remaining or remaining < 0
        if said.reset is None:
            return changed if news else {}
        earliest, latest = self._spent_at + said.reset, now + said.reset + _SECOND
        if ends is None or earliest > ends + _SECOND:  # their next window has begun
            return {"budget_limit": said.limit, "budget_remaining": said.remaining, "budget_resets_at": latest}
        if latest < ends - _SECOND and ends <= self._spent_at + ASSUMED_WINDOW:
            # Ours was assumed too long. (An answer that was asked for before our window began speaks of the one before.)
            return {**changed, "budget_resets_at": latest}
        same_window = latest >= ends - _SECOND
        return changed if same_window and news else {}

    def _lower(self, said: Said, limit: int) -> Case:
        """Ours, by their limit, or what they say is left. Where ours is less than nothing, it was counted for another window."""
        ours = F("budget_remaining") + (said.limit - limit)
        theirs = Value(said.remaining)
        return Case(When(budget_remaining__lt=limit - said.limit, then=theirs), default=Least(ours, theirs))

    def _refuse(self, now: datetime) -> None:
        limit, remaining, ends = self._row.values_list("budget_limit", "budget_remaining", "budget_resets_at").get()
        seconds = max(1.0, (ends - now).total_seconds()) if ends else 1.0
        raise RateLimited(
            f"{self._system.label}: {remaining} of {limit} calls are left until {ends:%Y-%m-%d %H:%M:%S} UTC, and they are "
            "kept for what is more urgent; nothing was called.",
            retry_after=seconds,
        )


def _unblocked(now: datetime) -> Q:
    return Q(blocked_until=None) | Q(blocked_until__lte=now)
