"""Calls that only releases, revisions, replacements, drafts and bundles make go wrong, each pair of call and fault in a story
of its own; the ways are dealt out in turn. The ordinary calls are in `tests/connector/pipeline/test_error_families.py`, all
calls in all ways: `python -m tests.faults --break`.
"""

from __future__ import annotations

from connector.sandbox import KINDS
from tests.faults import matrix
from tests.faults.stories import STORIES

STEP = 13
"""Has no divisor in common with the number of faults: every fault has its turn."""


def test_calls_beside_the_ordinary_ones_go_wrong_once_and_nothing_is_lost_or_doubled() -> None:
    pairs = matrix.all_pairs(list(STORIES), 1)
    ordinary = {pair.call for pair in pairs if pair.story == "ordinary"}
    beside = [pair for pair in pairs if pair.story and pair.call not in ordinary]
    chosen = matrix.a_slice(beside, STEP)
    assert {pair.kind for pair in chosen} == set(KINDS)
    assert {
        "visma POST /v1/PurchaseReceipt/#/action/release 1",
        "visma POST /v1/PurchaseReceipt/#/action/cancelReceipt 2",
    } <= {str(pair.call) for pair in chosen}
    assert matrix.broken(chosen, 1) == []


def test_what_went_wrong_names_the_command_that_repeats_it() -> None:
    call = matrix.Call("sps", "POST", "/transactions/v5/data/in/#", nth=9)
    [line] = matrix.broken([matrix.Pair("revised", call, "refuse")], 1)
    assert line.startswith(f"refuse never happened on {call}")
    assert line.endswith(f"python -m tests.faults --break --story revised --call '{call}' --fault refuse")
