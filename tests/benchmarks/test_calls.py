"""The floor of calls per document is met when nothing fails, lists are shared, and a sweep talks over one connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from audit.models import Document, Exchange, Kind
from connector.sandbox.server import LoopbackServer
from connector.sandbox.sps import CLIENT_SECRET as SPS_SECRET
from connector.sandbox.visma_access import CLIENT_SECRET as VISMA_SECRET
from tests.acceptance.stage import Stage, opened
from tests.benchmarks.counted import FLOORS, by_kind, shared

ORDERS = 6
LISTS = 3  # polling passes of a sync, at most


@pytest.fixture
def stage(db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("VISMA_CLIENT_SECRET", VISMA_SECRET)
    monkeypatch.setenv("SPS_CLIENT_SECRET", SPS_SECRET)
    settings.RETRY_FIRST_SECONDS = 0.05
    yield from opened(tmp_path)


def play(stage: Stage) -> None:
    """Orders out, and every answer back; the warehouse acts only between two passes."""
    for _ in range(ORDERS):
        stage.world.new_order()
    stage.sync()
    while True:
        told = stage.world.tick()
        stage.sync()
        if told["idle"] and not told["papers"] and not told["released"]:
            return


def test_every_kind_takes_no_more_calls_than_its_floor(stage: Stage) -> None:
    play(stage)
    for kind, counted in by_kind().items():
        floor = FLOORS[kind]
        assert counted.documents, kind
        assert counted.sps <= floor.sps * counted.documents, kind
        assert counted.visma <= floor.visma * counted.documents, kind
        assert counted.most <= floor.sps + floor.visma, kind


def test_lists_and_tokens_are_shared_by_the_whole_batch(stage: Stage) -> None:
    before = shared()
    for _ in range(ORDERS):
        stage.world.new_order()
    stage.sync()
    assert Document.objects.filter(kind=Kind.ORDER, status="delivered").count() == ORDERS
    assert all(times - before.get(what, 0) <= LISTS for what, times in shared().items())
    assert shared()["visma /visma/connect/token"] == 1


def test_sweep_talks_over_one_connection_and_every_call_names_its_document(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_by: list[object] = []
    accept = LoopbackServer.process_request

    def counted(server: LoopbackServer, request: object, address: object) -> None:
        opened_by.append(address)
        accept(server, request, address)

    monkeypatch.setattr(LoopbackServer, "process_request", counted)
    for _ in range(ORDERS):
        stage.world.new_order()
    stage.sync()
    posts = Exchange.objects.filter(method="POST", path__contains="/data/in/")
    assert sorted(posts.values_list("document__number", "path")) == sorted(
        (document.number, f"/sps/transactions/v5/data{document.output_ref}")
        for document in Document.objects.filter(kind=Kind.ORDER, status="delivered")
    )
    streams, sweeps = 8, 1
    assert len(opened_by) <= LISTS * (streams + sweeps)
