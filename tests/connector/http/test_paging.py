"""A page that breaks off in the midst of many does not lose those before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector import errors
from connector.http.paging import told

BROKEN = errors.Transient("it broke off")


def telling(*outcomes: errors.ConnectorError | str) -> tuple[Callable[[], str], list[object]]:
    """A page that has these outcomes in turn, and which of them came."""
    left, came = list(outcomes), list[object]()

    def read() -> str:
        came.append(left[0])
        outcome = left.pop(0)
        if isinstance(outcome, str):
            return outcome
        raise outcome

    return read, came


def test_a_page_in_the_midst_is_asked_for_again() -> None:
    read, _ = telling(BROKEN, BROKEN, "told")
    assert told(read, first=False) == "told"


@pytest.mark.parametrize(
    ("first", "outcomes", "tries"),
    [
        (False, [BROKEN] * 5, 3),
        (True, [BROKEN] * 5, 1),
        (False, [errors.RateLimited("429")] * 5, 1),
        (False, [errors.Transient("503", retry_after=0)] * 5, 1),
        (False, [BROKEN, errors.NotFound("404")], 2),
    ],
)
def test_but_not_for_ever_nor_against_the_other_sides_word(
    first: bool, outcomes: list[errors.ConnectorError], tries: int
) -> None:
    read, came = telling(*outcomes)
    with pytest.raises(errors.ConnectorError) as raised:
        told(read, first=first)
    assert raised.value is came[-1]
    assert len(came) == tries
