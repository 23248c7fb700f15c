"""Orders that the cursors have passed, that are gone, or that cannot go out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Document, Exchange
from connector.completeness import account, orders
from connector.errors import Transient
from connector.flows.verdict import Clients
from connector.models import Completeness
from connector.sandbox.wire import Reply, Request, as_json
from mapping.models import Company, Order
from tests.acceptance.stage import Stage, asked
from tests.connector.completeness.sides import SEEDED, later, passed_by


def test_order_that_the_cursor_has_passed_goes_out_now(stage: Stage, ours: Company) -> None:
    number = stage.world.new_order("50000")
    passed_by(stage, number)
    stage.sync()
    assert not stage.documents("--kind", "order", "--number", number)
    found = account(ours)
    assert found.caught == [f"Order {number} had not gone out as it stands: revision 1 is made."]
    assert found.figures["orders"] == SEEDED | {"under_way": 1}
    stage.sync()
    assert account(ours).figures["orders"] == SEEDED | {"sent": 1}


def test_change_that_the_cursor_has_passed_goes_out_now(stage: Stage, ours: Company) -> None:
    number = stage.order()
    stage.change(number, {"lineNumber": 1, "orderQty": 3})
    passed_by(stage, number)
    stage.sync()
    assert account(ours).caught == [f"Order {number} had not gone out as it stands: revision 2 is made."]


def test_order_whose_row_in_lists_differs_from_the_record_alone_is_read_once(stage: Stage, ours: Company) -> None:
    """As after a release of Visma that adds a field to lists: no stamp moves, and no poll sees it."""
    stage.order()
    account(ours)
    handle = stage.world.visma.handle

    def with_more_in_lists(call: Request) -> Reply:
        reply = handle(call)
        if call.method != "GET" or call.path.lower() != "/v1/purchaseorder":
            return reply
        return replace(reply, body=as_json([row | {"newInLists": 1} for row in json.loads(reply.body)]).body)

    stage.world.visma.handle = with_more_in_lists  # type: ignore[method-assign]  # the one seam: what the other side answers
    reads = Exchange.objects.filter(method="GET", path__contains="/v1/purchaseorder/")
    before = reads.count()
    account(ours)
    assert reads.count() == before + 4
    account(ours)
    assert reads.count() == before + 4
    number = stage.world.new_order("50000")
    passed_by(stage, number)
    assert account(ours).caught == [f"Order {number} had not gone out as it stands: revision 1 is made."]


def test_mirrored_order_whose_document_was_never_made_goes_out_now(stage: Stage, ours: Company) -> None:
    number = stage.world.new_order("50000", days_ago=2)
    stage.sync()
    assert not stage.documents("--kind", "order", "--number", number)
    Company.objects.update(orders_from=ours.orders_from - timedelta(days=5))
    ours.refresh_from_db()
    assert account(ours).caught == [f"Order {number} had not gone out as it stands: revision 1 is made."]


def test_order_that_should_have_gone_out_and_cannot_is_asked_about_once(stage: Stage, ours: Company) -> None:
    number = stage.world.new_order("50000", days_ago=2)
    stage.sync()
    Order.objects.update(row=b"")  # a mirror that lost its row makes no document
    Company.objects.update(orders_from=ours.orders_from - timedelta(days=5))
    ours.refresh_from_db()
    found = account(ours)
    assert found.unexplained == [
        f"Order {number} is Open in Visma and should have gone out, but there is no document of it."
    ]
    account(ours)
    assert stage.document("--kind", "unsupported")["cause"] == "in_doubt"


def test_order_that_is_deleted_in_visma_after_it_went_out_is_asked_about_once(stage: Stage, ours: Company) -> None:
    number = stage.order()
    del stage.books.orders[number]
    sentence = (
        f"Deleted order {number} went to the supplier and is deleted in Visma: cancel it with the supplier, or enter it"
        " again."
    )
    found = account(ours)
    assert (found.figures["orders"], found.unexplained) == (SEEDED | {"unexplained": 1}, [sentence])
    asked(stage.document("--kind", "unsupported"), "in_doubt", number)
    calls = Exchange.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    assert account(ours).unexplained == [sentence]
    assert not Exchange.objects.filter(path__contains=number, pk__gt=calls).exists()


def test_empty_list_of_a_wrong_company_asks_nobody_about_every_order(stage: Stage, ours: Company) -> None:
    stage.order()
    stage.order()
    stage.books.orders.clear()
    with pytest.raises(Transient, match="right company"):
        account(ours)
    assert not stage.documents("--kind", "unsupported")
    assert "right company" in Completeness.objects.get().problem


def test_order_that_is_deleted_before_it_went_out_never_goes(stage: Stage, ours: Company) -> None:
    number = stage.document("--kind", "order", "--status", "held")["number"]
    del stage.books.orders[number]
    assert account(ours).figures["orders"] == {"before_go_live": 1, "deleted": 1, "not_open": 1}
    row = stage.document("--kind", "order", "--number", number)
    assert (row["status"], row["reason"]) == ("ignored", f"Order {number} was deleted in Visma before it went out.")
    assert account(ours).unexplained == []


def test_deleted_order_that_leaves_during_the_look_is_not_ignored(
    stage: Stage, ours: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stage.document("--kind", "order", "--status", "held")["number"]
    del stage.books.orders[number]

    def leaving(_both: Clients, number: str) -> bool:
        leaves = Document.objects.filter(number=number)
        leaves.update(status="delivering", lease_until=timezone.now(), due_at=timezone.now() + timedelta(days=1))
        return False

    monkeypatch.setattr(orders, "_is_there", leaving)
    account(ours)
    assert Document.objects.get(number=number).status == "delivering"


def test_order_that_sps_knows_nothing_of_is_asked_about(stage: Stage, ours: Company) -> None:
    stage.order()
    later(stage, timedelta(days=2))
    number = stage.order()
    Document.objects.filter(number=number).update(picked_up_at=None)
    later(stage)
    assert account(ours).figures["orders"] == SEEDED | {"sent": 2}
    shelf = stage.world.sps.shelf
    path = next(path for path in shelf.files if number in path)
    del shelf.files[path], shelf.log[path]
    found = account(ours)
    assert found.figures["orders"] == SEEDED | {"sent": 1, "unexplained": 1}
    assert "ask SPS whether the supplier has it" in found.unexplained[0]


def test_order_without_a_line_is_no_question(stage: Stage, ours: Company) -> None:
    stage.world.new_order("50000", days_ago=0, status="Hold")
    number = stage.world.new_order("50000", status="Hold")
    row = stage.books.orders[number].body
    row.update(lines=[], status="Open", hold=False)
    assert account(ours).figures["orders"] == SEEDED | {"empty": 1, "not_open": 2}
