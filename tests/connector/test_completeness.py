"""The completeness ledger: what the cursors have passed is found again, put right, explained or asked about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit import ledger
from audit.models import Document, Event, Exchange, Kind, Transmission
from connector import tasks
from connector.completeness import Account, account, stale
from connector.completeness.figures import no_longer
from connector.errors import RateLimited, Transient
from connector.models import Completeness, Connection, Cursor
from connector.sandbox.sps import CLIENT_SECRET as SPS_SECRET
from connector.sandbox.visma_access import CLIENT_SECRET as VISMA_SECRET
from connector.sandbox.wire import Reply, Request, as_json
from connector.status import status
from mapping.models import Company, Order
from tests.acceptance.stage import Stage, asked, opened
from tests.papers import ack, invoice, invoice_line, numbers, of_order, ship_item, shipment

LONG_AGO = "2001-01-01T00:00:00"
SEEDED = {"before_go_live": 1, "held": 1, "not_open": 1}  # the orders that the sandbox's company begins with


@pytest.fixture
def stage(db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("VISMA_CLIENT_SECRET", VISMA_SECRET)
    monkeypatch.setenv("SPS_CLIENT_SECRET", SPS_SECRET)
    settings.RETRY_FIRST_SECONDS = 0.05
    yield from opened(tmp_path)


@pytest.fixture
def ours(stage: Stage) -> Company:
    return Company.objects.get()


def steal(stage: Stage, path: str) -> None:
    """Someone else empties the mailbox."""
    stage.world.sps.shelf.remove(path, "someone")


HOUR = timedelta(hours=1)


def later(stage: Stage, by: timedelta = HOUR) -> None:
    """Time goes by: SPS's history tells of everything that happened until then."""
    shelf = stage.world.sps.shelf
    for path, log in shelf.log.items():
        shelf.log[path] = [replace(entry, when=entry.when - by) for entry in log]
    for transmission in Transmission.objects.all():
        Transmission.objects.filter(pk=transmission.pk).update(received_at=transmission.received_at - by)
    Event.objects.filter(verb="came again").update(at=timezone.now() - by)
    Document.objects.exclude(delivered_at=None).update(delivered_at=F("delivered_at") - by)


def passed_by(stage: Stage, order: str) -> None:
    """As if written under a clock that went wrong between two polls: its stamp lies far below the cursor."""
    stage.books.orders[order].body["lastModifiedDateTime"] = LONG_AGO


def test_everything_that_ended_somewhere_is_accounted_for(stage: Stage, ours: Company) -> None:
    order = stage.order()
    stage.cancel(stage.world.new_order("50000"))
    stage.sends("order_ack", ack(order, "AK"))
    stage.sends("order_ack", ack("PO999999", "AK"))
    stage.sync()
    found = account(ours)
    assert found.figures == {
        "orders": SEEDED | {"cancelled": 1, "sent": 1},
        "files": {"posted": 1, "waiting": 1},
    }
    assert (found.unexplained, found.caught, found.total) == ([], [], 7)


def test_nothing_unexplained_writes_nothing_but_the_figures(stage: Stage, ours: Company) -> None:
    stage.order()
    before = Document.objects.count()
    first, again = account(ours), account(ours)
    assert first.figures == again.figures
    assert Document.objects.count() == before
    assert str(Completeness.objects.get()) == "Demo: 0 unexplained of 4"


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


def test_file_that_someone_else_deleted_is_asked_about_by_name(stage: Stage, ours: Company) -> None:
    path = stage.put("order_ack", ack("PO1", "AK"))
    steal(stage, path)
    found = account(ours)
    assert found.figures["files"] == {"unexplained": 1}
    asked(stage.document("--kind", "unsupported"), "in_doubt", path)
    assert status()["completeness"]["unexplained"] == 1
    stage.run("completeness", fails=True)
    assert len(stage.documents("--kind", "unsupported")) == 1


def test_sweep_leaves_the_question_alone(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    account(ours)
    stage.sync()
    asked(stage.document("--kind", "unsupported"), "in_doubt")


def test_question_stays_the_same_when_it_is_replayed(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    account(ours)
    before = stage.document("--kind", "unsupported")
    stage.run("replay", "--document", str(before["id"]))
    stage.sync()
    after = stage.document("--kind", "unsupported")
    assert [after[name] for name in ("status", "cause", "reason")] == ["held", "in_doubt", before["reason"]]


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


def test_account_without_a_history_covers_orders_and_the_mailbox_and_says_what_it_cannot_see(
    stage: Stage, ours: Company
) -> None:
    handle = stage.world.sps.handle

    def without_history(call: Request) -> Reply:
        return Reply(404) if call.path.endswith("/history") else handle(call)

    stage.world.sps.handle = without_history  # type: ignore[method-assign]  # the one seam: an account without it
    stage.order()
    found = account(ours)
    assert found.figures["orders"]["sent"] == 1
    assert "no history" in Completeness.objects.get().problem


def shipped(stage: Stage, order: str = "") -> str:
    """An order of ten whose goods are on a receipt, still on hold: the receipt's number."""
    order = order or stage.order()
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(numbers("1"), 10)])))
    [receipt] = stage.receipts()
    return str(receipt["receiptNbr"])


def delete(stage: Stage, receipt: str) -> None:
    """The buyer deletes it; what the order shows as received goes back."""
    stage.cancel_receipt(receipt)
    del stage.books.receipts[receipt]


def test_receipt_of_ours_that_is_deleted_in_visma_is_asked_about_and_counts_no_more(
    stage: Stage, ours: Company
) -> None:
    receipt = shipped(stage)
    del stage.books.receipts[receipt]
    found = account(ours)
    assert found.unexplained == [
        f"Deleted purchase receipt {receipt} was made from ship notice SHP-1 and is not in Visma any more: open ship"
        " notice SHP-1 and replay it, to make another one."
    ]
    assert account(ours).unexplained == found.unexplained


def test_replay_of_a_paper_whose_receipt_was_deleted_makes_another_and_answers(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    delete(stage, receipt)
    account(ours)
    row = stage.document("--kind", "shipment")
    stage.run("replay", "--document", str(row["id"]))
    stage.sync()
    [made] = stage.receipts()
    assert made["receiptNbr"] != receipt
    assert [line["receiptQty"] for line in made["lines"]] == [10]
    assert account(ours).unexplained == []


def test_invoice_of_ours_that_is_deleted_in_visma_is_asked_about(stage: Stage, ours: Company) -> None:
    order = stage.order()
    shipped(stage, order)
    stage.release()
    stage.sync()
    stage.sends("invoice", invoice("INV-1", order, [invoice_line(numbers("1"), 10, 48)], 480))
    [posted] = stage.invoices()
    stage.books.invoices.clear()
    [sentence] = account(ours).unexplained
    assert sentence.startswith(f"Deleted supplier invoice {posted['referenceNumber']} was made from invoice INV-1")


def test_booking_that_shows_again_counts_again(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    away = stage.books.receipts.pop(receipt)
    account(ours)
    stage.books.receipts[receipt] = away
    assert account(ours).unexplained == []
    assert ours.bookings.get(number=receipt).status == "Hold"


def test_receipt_that_someone_else_made_and_deleted_is_nobody_s_question(stage: Stage, ours: Company) -> None:
    receipt = shipped(stage)
    ours.documents.filter(kind="shipment").update(output_ref="000999")
    del stage.books.receipts[receipt]
    assert account(ours).unexplained == []
    assert ours.bookings.get(number=receipt).status == "Deleted"


def test_lists_that_are_empty_of_a_sudden_mark_nothing_as_deleted(stage: Stage, ours: Company) -> None:
    shipped(stage)
    order = stage.order()
    stage.sends("shipment", shipment("SHP-2", of_order(order, items=[ship_item(numbers("1"), 10)])))
    stage.books.receipts.clear()
    with pytest.raises(Transient, match="lists no purchase receipt at all, and 2 are known here"):
        account(ours)
    assert not ours.bookings.filter(status="Deleted")


def test_order_that_is_deleted_before_it_went_out_never_goes(stage: Stage, ours: Company) -> None:
    number = stage.document("--kind", "order", "--status", "held")["number"]
    del stage.books.orders[number]
    assert account(ours).figures["orders"] == {"before_go_live": 1, "deleted": 1, "not_open": 1}
    row = stage.document("--kind", "order", "--number", number)
    assert (row["status"], row["reason"]) == ("ignored", f"Order {number} was deleted in Visma before it went out.")
    assert account(ours).unexplained == []


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


def test_version_of_a_known_file_that_someone_else_deleted_is_asked_about(stage: Stage, ours: Company) -> None:
    order = stage.order()
    path = stage.put("order_ack", ack(order, "AK"))
    stage.sync()
    later(stage, timedelta(minutes=1))  # the log is no finer than a second
    stage.put("order_ack", ack(order, "RJ"), name=path)
    steal(stage, path)
    later(stage)
    found = account(ours)
    assert found.figures["files"] == {"posted": 1, "unexplained": 1}
    asked(stage.document("--kind", "unsupported"), "in_doubt", path, "once more")
    assert account(ours).figures["files"] == {"posted": 1, "unexplained": 1}


def test_file_that_came_twice_and_was_read_twice_is_no_question(stage: Stage, ours: Company) -> None:
    order = stage.order()
    path = stage.put("order_ack", ack(order, "AK"))
    for paper in (ack(order, "AK"), ack(order, "AD")):
        stage.sync()
        stage.put("order_ack", paper, name=path)
    stage.sync()
    later(stage)
    assert account(ours).unexplained == []


def test_question_that_was_answered_may_be_asked_again(stage: Stage, ours: Company) -> None:
    path = stage.put("order_ack", ack("PO1", "AK"))
    steal(stage, path)
    found = account(ours)
    no_longer(ours, path, Account(None, asked={path: "held"}))
    assert stage.document("--kind", "unsupported")["status"] == "ignored"
    assert account(ours).unexplained == found.unexplained
    assert stage.document("--kind", "unsupported")["status"] == "held"


def test_person_who_knows_why_settles_it(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    account(ours)
    note = Document.objects.get(kind=Kind.UNSUPPORTED)
    ledger.ignore(note, "A test file of SPS.", now=timezone.now(), actor="kari")
    found = account(ours)
    assert (found.figures["files"], found.unexplained) == ({"ignored": 1}, [])


def test_file_that_comes_after_all_answers_the_question(stage: Stage, ours: Company) -> None:
    path = stage.put("order_ack", ack("PO1", "AK"))
    steal(stage, path)
    account(ours)
    stage.put("order_ack", ack("PO1", "AK"), name=path)
    stage.sync()
    found = account(ours)
    assert found.figures["files"] == {"waiting": 1}
    assert stage.document("--kind", "unsupported")["status"] == "ignored"


def test_file_that_lies_in_the_mailbox_is_fetched(stage: Stage, ours: Company) -> None:
    stage.put("order_ack", ack(stage.order(), "AK"))
    assert account(ours).figures["files"] == {"under_way": 1}


def unreadable(stage: Stage, path: str, status: int) -> Callable[[Request], Reply]:
    """The mailbox lists a file that it does not give out. Returns how it answered before."""
    handle = stage.world.sps.handle

    def refusing(call: Request) -> Reply:
        is_it = call.method == "GET" and call.path.endswith(path)
        return Reply(status) if is_it else handle(call)

    stage.world.sps.handle = refusing  # type: ignore[method-assign]  # the one seam: what the other side answers
    return handle


@pytest.mark.parametrize("status", [400, 404])
def test_file_that_is_listed_and_never_given_out_is_asked_about_until_it_comes(
    stage: Stage, ours: Company, status: int
) -> None:
    path = stage.put("order_ack", ack("PO1", "AK"))
    handle = unreadable(stage, path, status)
    for _ in range(2):
        found = account(ours)
        assert found.figures["files"] == {"unexplained": 1}
        assert found.unexplained[0].startswith(f"{path} lies in the mailbox and cannot be fetched (")
    assert len(stage.documents("--status", "held")) == 2  # one is the sandbox's own order without partner
    stage.world.sps.handle = handle  # type: ignore[method-assign,assignment]  # as it answered before
    assert account(ours).figures["files"] == {"under_way": 1}
    assert len(stage.documents("--status", "held")) == 1


def test_file_that_is_not_given_out_for_now_is_waited_for_a_day(stage: Stage, ours: Company) -> None:
    path = stage.put("order_ack", ack("PO1", "AK"))
    unreadable(stage, path, 500)
    assert account(ours).figures["files"] == {"in_mailbox": 1}
    Cursor.objects.filter(stream="mailbox").update(problem_since=timezone.now() - timedelta(hours=25))
    [sentence] = account(ours).unexplained
    assert sentence.startswith(
        f"{path} lies in the mailbox and cannot be fetched (1 files could not be fetched: {path}"
    )


def test_file_from_before_the_go_live_cut_is_none_of_ours(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    Company.objects.update(orders_from=ours.orders_from.replace(year=ours.orders_from.year + 1))
    ours.refresh_from_db()
    assert account(ours).figures["files"] == {"before_go_live": 1}


def test_since_looks_at_what_is_dated_since(stage: Stage, ours: Company) -> None:
    stage.order()
    assert account(ours, since=ours.orders_from).figures["orders"] == {"held": 1, "not_open": 1, "sent": 1}


def test_look_at_a_part_leaves_the_figures_of_the_whole(stage: Stage, ours: Company) -> None:
    steal(stage, stage.put("order_ack", ack("PO1", "AK")))
    account(ours)
    Completeness.objects.update(at=timezone.now() - timedelta(hours=13))
    tomorrow = timezone.now().date() + timedelta(days=1)
    stage.run("completeness", "--since", f"{tomorrow}")
    row = Completeness.objects.get()
    assert (row.unexplained, row.total, row.lease_until) == (1, 4, None)
    assert timezone.now() - row.tried_at < HOUR
    assert stale(timezone.now()) == [ours]


def test_least_right_to_the_budget_and_what_was_known_stays(stage: Stage, ours: Company) -> None:
    stage.order()
    account(ours)
    ends = timezone.now() + timedelta(hours=1)
    Connection.objects.filter(system="visma").update(budget_limit=500, budget_remaining=70, budget_resets_at=ends)
    before = Exchange.objects.count()
    with pytest.raises(RateLimited):
        account(ours)
    kept = Completeness.objects.get()
    assert (kept.total, Exchange.objects.count()) == (4, before)
    assert "kept for what is more urgent" in kept.problem


def test_night_looks_once_at_each_company(stage: Stage, ours: Company) -> None:
    stage.order()
    assert tasks.account() == 1
    assert tasks.account_for(ours.pk) == "0 unexplained of 4"
    assert stale(timezone.now()) == []
    calls = Exchange.objects.count()
    assert tasks.account() == 0
    assert tasks.account_for(ours.pk) == "done by an earlier task, or at it"
    assert Exchange.objects.count() == calls


def test_night_leaves_a_company_alone_whose_orders_are_being_read_for_the_first_time(
    stage: Stage, ours: Company
) -> None:
    Cursor.objects.filter(stream="orders").update(succeeded_at=None)
    assert (stale(timezone.now()), tasks.account()) == ([], 0)


def test_look_that_takes_long_is_not_begun_a_second_time(stage: Stage, ours: Company) -> None:
    """The queue gives a task out again when it has run for long; a person who asks is answered."""
    stage.order()
    handle, asked_meanwhile = stage.world.sps.handle, list[str]()

    def meanwhile(call: Request) -> Reply:
        if not asked_meanwhile:
            asked_meanwhile.append(tasks.account_for(ours.pk))
        return handle(call)

    stage.world.sps.handle = meanwhile  # type: ignore[method-assign]  # the one seam: while a look is under way
    assert tasks.account_for(ours.pk) == "0 unexplained of 4"
    assert asked_meanwhile == ["done by an earlier task, or at it"]
    assert Completeness.objects.get().lease_until is None


def test_look_that_broke_off_is_made_up_for_in_the_next_hour(stage: Stage, ours: Company) -> None:
    stage.order()
    Connection.objects.filter(system="visma").update(blocked_until=timezone.now() + HOUR)
    assert "wait until" in tasks.account_for(ours.pk)
    assert stale(timezone.now()) == [ours]


def test_command_and_dashboard_say_the_figures(stage: Stage, ours: Company, admin_client: Client) -> None:
    stage.order()
    said = stage.run("completeness")
    assert (said["orders"], said["total"], said["unexplained"]) == (SEEDED | {"sent": 1}, 4, [])
    page = admin_client.get("/admin/").content.decode()
    assert "Unexplained of 4 orders and files" in page
    assert admin_client.get("/admin/connector/completeness/").status_code == 200


@pytest.mark.parametrize(
    ("hours", "says", "well"),
    [
        (None, "of 0 orders and files, not all looked at yet", False),
        (1, "of 4 orders and files", True),
        (35, "of 4 orders and files", True),
        (37, "of 4 orders and files, last looked at on ", False),
    ],
)
def test_dashboard_is_not_well_with_a_look_that_is_old_or_none(
    stage: Stage, ours: Company, admin_client: Client, hours: int | None, says: str, well: bool
) -> None:
    stage.order()
    if hours is not None:
        account(ours)
        Completeness.objects.update(at=timezone.now() - hours * HOUR)
    tiles = admin_client.get("/admin/").context["tiles"]
    [tile] = [tile for tile in tiles if tile["name"].startswith("Unexplained")]
    assert says in tile["name"]
    assert (tile["figure"], tile["well"], tile["name"].endswith("files")) == (0, well, well)


def test_status_has_no_look_while_one_company_has_none(stage: Stage, ours: Company) -> None:
    account(ours)
    assert status()["completeness"]["at"]
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    Completeness.objects.create(company=other, tried_at=timezone.now(), problem="the budget was used up")
    assert status()["completeness"]["at"] is None


def test_account_adds_up() -> None:
    found = Account(None)
    found.orders.update(sent=12_000, held=18)
    found.files.update(posted=400)
    assert found.total == 12_418


def test_order_without_a_line_is_no_question(stage: Stage, ours: Company) -> None:
    stage.world.new_order("50000", days_ago=0, status="Hold")
    number = stage.world.new_order("50000", status="Hold")
    row = stage.books.orders[number].body
    row.update(lines=[], status="Open", hold=False)
    assert account(ours).figures["orders"] == SEEDED | {"empty": 1, "not_open": 2}
