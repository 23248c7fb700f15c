"""The look into SPS's history that decides whether an order is sent again: no failure, zone or length of it hides an upload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InDoubt, NotFound, Transient
from connector.flows.uploads import was_uploaded
from connector.flows.verdict import Clients, Work
from connector.sps.schemas import HistoryEntry

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATH = "/in/PO100-1.json"


class Mailbox:
    """An SPS whose file was picked up at once. Of its history it shows at most `holds` hours, else it breaks off."""

    def __init__(self, event: datetime | None, *, holds: float = 1000, fails: Iterator[bool] | None = None) -> None:
        self.event, self.holds, self.fails = event, timedelta(hours=holds), fails
        self.asked: list[tuple[datetime, datetime | None]] = []

    def list(self, _: str, **__: str) -> tuple[Any, ...]:
        return ()

    def history(self, since: datetime, path: str, *, until: datetime | None = None) -> tuple[HistoryEntry, ...]:
        self.asked.append((since, until))
        end = until or datetime.max.replace(tzinfo=UTC)
        if (self.fails and next(self.fails, False)) or min(end, BEGAN + timedelta(hours=1)) - since > self.holds:
            raise Transient("It broke off.")
        there = self.event is not None and since <= self.event <= end
        return (HistoryEntry(path, "in", ()),) if there else ()


class Attempt:
    """What a delivery remembers from attempt to attempt."""

    settled, began, now = True, BEGAN, BEGAN + timedelta(hours=1)

    def __init__(self) -> None:
        self.progress: dict[str, Any] = {"called_at": "first"}

    def remember(self, **known: Any) -> None:
        self.progress |= known


def look(work: Attempt, mailbox: Mailbox) -> bool:
    return was_uploaded(PATH, cast("Work", work), Clients(visma=cast("Any", None), sps=cast("Any", mailbox)))


def looked_until_it_ends(work: Attempt, mailbox: Mailbox, most: int = 60) -> bool:
    for _ in range(most):
        try:
            return look(work, mailbox)
        except Transient:
            continue
    raise AssertionError("the look never ends")


@given(st.integers(-12 * 3600, 14 * 3600), st.floats(1.1, 100), st.lists(st.booleans(), max_size=30))
def test_upload_is_found_whatever_the_zone_the_length_and_the_failures(
    shift: int, holds: float, fails: list[bool]
) -> None:
    shown = BEGAN + timedelta(seconds=shift + 20)
    assert looked_until_it_ends(Attempt(), Mailbox(shown, holds=holds, fails=iter(fails)))


@given(st.floats(1.1, 100), st.lists(st.booleans(), max_size=30))
def test_absence_is_said_only_once_every_moment_was_looked_at(holds: float, fails: list[bool]) -> None:
    mailbox = Mailbox(None, holds=holds, fails=iter(fails))
    assert not looked_until_it_ends(Attempt(), mailbox)
    assert mailbox.asked[-1][1] is None, "the last part has no end"


def test_what_was_read_is_not_read_again() -> None:
    work, mailbox = Attempt(), Mailbox(None, holds=4)
    for _ in range(3):
        with pytest.raises(Transient):
            look(work, mailbox)
    assert not look(work, mailbox)
    starts = [since for since, until in mailbox.asked if until]
    assert len(starts) > 3
    assert work.progress["looked"]["from"] > (BEGAN - timedelta(hours=8)).isoformat()


def test_another_write_is_looked_for_from_the_beginning() -> None:
    work, mailbox = Attempt(), Mailbox(None, holds=4)
    assert not looked_until_it_ends(work, mailbox)
    work.progress["called_at"] = "second"
    mailbox.event = BEGAN - timedelta(hours=12)  # as a zone far behind shows what has just happened
    assert looked_until_it_ends(work, mailbox)


def test_before_absence_can_be_proven_only_the_short_look_is_made() -> None:
    work, mailbox = Attempt(), Mailbox(None)
    work.settled = False
    assert not look(work, mailbox)
    assert len(mailbox.asked) == 1


def test_account_without_a_history_leaves_it_in_doubt() -> None:
    mailbox = Mailbox(None)
    mailbox.history = without  # type: ignore[method-assign]  # an account that has none
    with pytest.raises(InDoubt, match="no history"):
        look(Attempt(), mailbox)


def without(*_: object, **__: object) -> tuple[HistoryEntry, ...]:
    raise NotFound("404", status=404)
