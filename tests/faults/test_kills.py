"""kill -9 at every step boundary of every story, by two workers at once, each time continued by fresh processes."""

from __future__ import annotations

import os

from tests import postgres
from tests.faults.field import Field
from tests.faults.player import Play
from tests.faults.stories import PARTNERS, STORIES, Mail

FLOWS = ("order", "order_ack", "shipment", "invoice")
OWN_STEPS = (
    "dispatch POST /visma/v1/PurchaseReceipt/#/action/release",
    "dispatch POST /visma/v1/PurchaseReceipt/#/action/cancel",
    "dispatch POST /visma/v1/PurchaseReceipt/#/action/addpurchaseorderlines",
    "add_part order_ack",
)


def test_every_boundary_kills_and_nothing_is_lost_or_doubled() -> None:
    mail = Mail()
    database = postgres.start() if os.environ.get("TEST_DATABASE") == "postgres" else ""
    with Field(1, workers=2, database=database, partners=PARTNERS, between=mail) as field:
        play = Play(field, mail)
        for story in STORIES:
            play.add(story)
        play.run(spared=set())
        assert play.wrong() == [], field.kills
    assert len(set(field.kills)) > 150
    for flow in FLOWS:
        assert f"before move {flow} matched delivering" in field.kills
        assert f"after move {flow} delivering delivered" in field.kills
    for step in OWN_STEPS:
        assert any(boundary.startswith(f"after {step}") for boundary in field.kills), step
