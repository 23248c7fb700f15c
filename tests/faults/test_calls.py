"""Every call of every story goes wrong once; which way is dealt out in turn. All ways: `python -m tests.faults --break`."""

from __future__ import annotations

from connector.sandbox import KINDS
from tests.faults import matrix
from tests.faults.stories import STORIES

STEP = len(KINDS) + 2
"""Not a multiple of the number of faults: call after call, another fault."""


def test_each_call_goes_wrong_once_and_nothing_is_lost_or_doubled() -> None:
    pairs = matrix.a_slice([pair for pair in matrix.all_pairs(list(STORIES), 1) if pair.story], STEP)
    assert {pair.story for pair in pairs} == set(STORIES)
    assert {pair.kind for pair in pairs} == set(KINDS)
    assert matrix.broken(pairs, 1) == []


def test_what_went_wrong_names_the_command_that_repeats_it() -> None:
    call = matrix.Call("sps", "POST", "/transactions/v5/data/in/#", nth=9)
    [line] = matrix.broken([matrix.Pair("revised", call, "refuse")], 1)
    assert line.startswith(f"refuse never happened on {call}")
    assert line.endswith(f"python -m tests.faults --break --story revised --call '{call}' --fault refuse")
