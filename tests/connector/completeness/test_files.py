"""Files that someone else has taken, that lie unread, or that nobody gives out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind
from connector.completeness import Account, account
from connector.completeness.figures import ask, no_longer
from connector.models import Cursor
from connector.sandbox.wire import Reply, Request
from connector.status import status
from mapping.models import Company
from tests.acceptance.stage import Stage, asked
from tests.connector.completeness.sides import later, steal
from tests.papers import ack


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
    Company.objects.update(orders_from=ours.orders_from + timedelta(days=366))
    ours.refresh_from_db()
    assert account(ours).figures["files"] == {"before_go_live": 1}


def test_question_that_a_person_answers_during_the_look_stays_answered(stage: Stage, ours: Company) -> None:
    before = Account(None)
    ask(ours, "order PO9", "is gone", before.orders, before)
    during = Account(None, asked=dict.fromkeys(["order PO9"], "held"))
    ledger.ignore(
        Document.objects.get(transmission__path__contains="order PO9"), "Seen.", now=timezone.now(), actor="kari"
    )
    no_longer(ours, "order PO9", during)
    assert Document.objects.get(transmission__path__contains="order PO9").reason == "Seen."
