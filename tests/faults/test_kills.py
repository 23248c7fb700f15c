"""kill -9 at every step boundary of every flow, one after another, each time continued by a fresh process."""

from __future__ import annotations

from tests.faults.field import Field

FLOWS = ("order", "order_ack", "shipment", "invoice")


def test_every_boundary_kills_once_and_nothing_is_lost_or_doubled() -> None:
    with Field(seed=1) as field:
        field.world.new_order("50000")
        field.play(spared=set())
        verdict = field.verdict()
        assert verdict["uneven"] == {}, field.kills
        assert verdict["not_delivered"] == [], field.kills
        assert verdict["broken"] == [], field.kills
        assert len(field.kills) == len(set(field.kills))
        assert len(field.kills) > 150
        for flow in FLOWS:
            assert f"before move {flow} matched delivering" in field.kills
            assert f"after move {flow} delivering delivered" in field.kills
