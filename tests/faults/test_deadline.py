"""A product process that hangs fails loudly: with the place where it stands."""

from __future__ import annotations

import pytest

from tests.faults.field import Field


def test_a_pass_that_takes_too_long_shows_where_it_stands() -> None:
    with Field(1, timeout=9) as field:
        field.world.visma.faults.fault("GET", "/v1/supplier", "slow", seconds=60)
        with pytest.raises(AssertionError, match=r"(?s)'pass' was not done within 3 s.*in dispatch"):
            field.zygotes[0].order("pass", deadline=3.0)
        field.until_idle()
        assert field.verdict()["not_delivered"] == []
