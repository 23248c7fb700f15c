"""Which versions of a file are gone unread, by SPS's transport log alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.completeness.versions import unread_versions

UP, DOWN, GONE = "uploaded", "downloaded", "deleted"


def logged(*statuses: str) -> list[tuple[str, str]]:
    """One thing a second."""
    return at(*enumerate(statuses))


def at(*events: tuple[int, str]) -> list[tuple[str, str]]:
    return [(f"2026-03-20T10:00:{second:02d}", status) for second, status in events]


@pytest.mark.parametrize(
    ("log", "readings", "listed", "unread"),
    [
        (logged(UP, DOWN, GONE), 1, False, []),
        (logged(UP, DOWN, GONE, UP, DOWN, GONE), 2, False, []),
        (logged(UP, DOWN, GONE, UP, GONE), 1, False, ["2026-03-20T10:00:03"]),
        (logged(UP, DOWN, GONE, UP), 1, False, ["2026-03-20T10:00:03"]),
        (logged(UP, DOWN, GONE, UP), 1, True, []),
        (logged(UP, DOWN, UP, GONE), 1, False, ["2026-03-20T10:00:02"]),
        (logged(UP, GONE, UP, DOWN, GONE), 1, False, ["2026-03-20T10:00:00"]),
        (logged(UP, UP, DOWN, GONE), 1, False, []),
        (logged(UP, DOWN, GONE, UP, DOWN, GONE), 1, False, ["2026-03-20T10:00:03"]),
        (logged(UP, GONE), 1, False, []),
        (logged(UP, GONE, UP, GONE), 1, False, ["2026-03-20T10:00:02"]),
        (logged(GONE), 1, False, []),
        (logged(UP, DOWN, "archived", GONE), 1, False, []),
        ([("2026-03-20T10:00:00", DOWN), ("2026-03-20T10:00:00", GONE), ("2026-03-20T10:00:00", UP)], 1, False, []),
        (at((0, UP), (1, DOWN), (2, GONE), (2, UP), (3, DOWN), (4, GONE)), 2, False, []),
        (at((0, UP), (1, DOWN), (2, GONE), (2, UP), (3, GONE)), 1, False, ["2026-03-20T10:00:02"]),
        (at((0, UP), (0, DOWN), (0, GONE), (1, UP), (1, GONE)), 1, False, ["2026-03-20T10:00:01"]),
        (at((0, UP), (3, DOWN), (3, UP), (3, GONE)), 1, False, ["2026-03-20T10:00:03"]),
        (at((0, UP), (3, DOWN), (3, GONE), (3, UP)), 1, True, []),
        (at((0, UP), (3, DOWN), (3, GONE), (3, UP), (3, DOWN), (3, GONE)), 2, False, []),
        (at((0, UP), (3, DOWN), (3, GONE), (3, UP), (5, DOWN), (5, GONE)), 2, False, []),
        ([], 1, False, []),
    ],
)
def test_what_was_gone_before_it_was_read(
    log: list[tuple[str, str]], readings: int, listed: bool, unread: list[str]
) -> None:
    assert unread_versions(log, readings, listed=listed) == unread


@given(st.integers(0, 5), st.booleans(), st.randoms(use_true_random=False))
def test_files_that_were_read_before_they_were_deleted_raise_no_question(
    times: int, lies_there: bool, chance: random.Random
) -> None:
    log = logged(*(UP, DOWN, GONE) * times, *([UP] if lies_there else []))
    chance.shuffle(log)
    assert unread_versions(log, times, listed=lies_there) == []
