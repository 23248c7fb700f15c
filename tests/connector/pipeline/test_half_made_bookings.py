"""Bookings that are half made in Visma: never taken for another paper's, and never forgotten."""

from __future__ import annotations

from audit.models import Kind, Status
from connector.sandbox.wire import Reply, Request, as_json
from tests.connector.pipeline.round import LAG, Round
from tests.connector.pipeline.story import accepted, answers, bills, ordered, received, ships


def test_an_invoice_does_not_take_the_half_made_one_of_the_same_number_for_its_own(round_: Round) -> None:
    one, other = received(round_, "S1"), received(round_, "S2")
    refusing = True

    def attachments_refused(call: Request) -> Reply | None:
        refused = refusing and call.path.endswith("/attachment")
        return as_json({"message": "This type of file is not allowed."}, 400) if refused else None

    answers(round_, "visma", attachments_refused)
    bills(round_, "I1", one)
    round_.pass_once()
    first = round_.document(Kind.INVOICE)
    bills(round_, "I1", other)
    round_.pass_once()
    refusing = False
    round_.world.visma.faults.fault("POST", "/v1/supplierInvoice", "break_before")
    second = round_.documents(kind=Kind.INVOICE)[-1]
    accepted(second)
    round_.pass_once()
    round_.clock.shift(LAG)
    round_.work()
    second.refresh_from_db()
    assert first.progress["invoice"] not in ("", second.output_ref)
    assert second.status == Status.DELIVERED
