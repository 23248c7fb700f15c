"""The ledger: allowed and forbidden moves, rivals, leases, replay and decisions."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db.models import Q

from audit import ledger
from audit.ledger import LEAVES_TO
from audit.models import Cause, Document, Kind, Status
from mapping.matching import Difference
from mapping.models import Company
from tests.connector.papers import NOW, a_delivered_order, a_held_invoice, an_invoice

FORBIDDEN = [pair for pair in itertools.product(Status.values, Status.values) if pair[1] not in LEAVES_TO[pair[0]]]


@pytest.mark.parametrize(("here", "there"), FORBIDDEN)
def test_a_forbidden_move_is_refused_before_anything_is_written(here: str, there: str) -> None:
    document = Document(kind=Kind.INVOICE, status=here, number="INV1")
    with pytest.raises(ValueError, match="cannot go from"):
        ledger.move(document, there, now=NOW)


def test_of_two_who_saw_the_same_status_one_moves(company: Company) -> None:
    first = an_invoice(company)
    second = Document.objects.get(pk=first.pk)
    assert ledger.move(first, Status.WAITING, now=NOW, reason="first")
    assert not ledger.move(second, Status.IGNORED, now=NOW, reason="second")
    assert list(first.events.values_list("to_status", flat=True).order_by("sequence")) == ["received", "waiting"]


def test_the_same_bytes_under_the_same_path_are_stored_once(company: Company) -> None:
    first, new = ledger.store(company, "out/IN/1.json", b"{}", kind=Kind.INVOICE, now=NOW)
    again, anew = ledger.store(company, "out/IN/1.json", b"{}", kind=Kind.INVOICE, now=NOW)
    other, other_new = ledger.store(company, "out/IN/1.json", b"[]", kind=Kind.INVOICE, now=NOW)
    assert (new, anew, other_new) == (True, False, True)
    assert (again.pk == first.pk, other.pk == first.pk) == (True, False)


def test_a_claimed_document_is_nobody_elses_until_its_lease_is_over(company: Company) -> None:
    document = an_invoice(company)
    owner, claimed = ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=NOW)
    assert [one.pk for one in claimed] == [document.pk]
    assert ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=NOW + timedelta(seconds=59))[1] == []
    rival, taken_over = ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=NOW + timedelta(seconds=61))
    assert [one.pk for one in taken_over] == [document.pk]
    assert not ledger.begin(claimed[0], owner=owner, seconds=60, now=NOW)
    assert not ledger.move(claimed[0], Status.MATCHED, now=NOW, owner=owner)
    assert not ledger.renew(claimed[0], owner=owner, seconds=60, now=NOW)
    assert not ledger.remember(claimed[0], owner=owner, open=False)
    assert ledger.move(taken_over[0], Status.MATCHED, now=NOW, owner=rival)


def test_what_is_due_later_is_not_claimed(company: Company) -> None:
    document = an_invoice(company)
    Document.objects.filter(pk=document.pk).update(due_at=NOW + timedelta(seconds=1))
    assert ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=NOW)[1] == []
    assert ledger.claim(Status.RECEIVED, limit=5, seconds=60, now=NOW + timedelta(seconds=1))[1] == [document]


def test_deaths_are_counted_in_advance_and_taken_back_by_an_orderly_end(company: Company) -> None:
    an_invoice(company)
    owner, (document,) = ledger.claim(Status.RECEIVED, limit=1, seconds=60, now=NOW)
    assert ledger.begin(document, owner=owner, seconds=60, now=NOW)
    assert Document.objects.get(pk=document.pk).deaths == 1
    ledger.release(document, owner=owner, now=NOW)
    assert Document.objects.get(pk=document.pk).deaths == 0


def test_what_is_being_delivered_is_free_once_it_is_given_back(company: Company) -> None:
    order = an_invoice(company)
    assert ledger.move(order, Status.MATCHED, now=NOW)
    owner, (document,) = ledger.claim(Status.MATCHED, limit=1, seconds=60, now=NOW)
    assert ledger.begin_delivery(document, owner=owner, seconds=60, now=NOW)
    ledger.release(document, owner=owner, now=NOW)
    again = ledger.claim(Status.DELIVERING, limit=1, seconds=60, now=NOW + timedelta(seconds=1))[1]
    assert again == [order]


def test_fresh_documents_do_not_wait_for_those_put_off(company: Company) -> None:
    put_off, fresh = an_invoice(company), an_invoice(company)
    Document.objects.filter(pk=put_off.pk).update(due_at=NOW)
    assert ledger.claim(Status.RECEIVED, limit=1, seconds=60, now=NOW)[1] == [fresh]


def test_replay_never_touches_what_is_delivered_or_under_way(company: Company) -> None:
    order = a_delivered_order(company)
    with pytest.raises(ValueError, match="not delivered is replayed"):
        ledger.replay(order, now=NOW, actor="anna")
    held = a_held_invoice(company)
    assert ledger.replay(held, now=NOW, actor="anna")
    assert held.status == Status.RECEIVED
    assert not held.holds.filter(closed_at=None).exists()


def test_what_was_booked_and_is_gone_is_reopened_without_its_old_reference(company: Company) -> None:
    order = a_delivered_order(company)
    was, order.progress = order.output_ref, {"since": "2026-03-02T08:00:00", "receipt": "PR1", "called_at": f"{NOW}"}
    assert ledger.reopen(order, gone="it is Cancelled in Visma", now=NOW, actor="anna")
    assert (order.status, order.output_ref, order.delivered_at) == (Status.RECEIVED, "", None)
    found_by = {"since": "2026-03-02T08:00:00", "was": was, "look_first": True}
    assert order.progress == found_by


def test_a_decision_needs_a_reason_and_lets_the_document_be_decided_again(company: Company) -> None:
    held = a_held_invoice(company)
    with pytest.raises(ValueError, match="needs a reason"):
        ledger.decide(held, Cause.PRICE, "A1", accepted="1", reason=" ", actor="anna", now=NOW)
    decision = ledger.decide(held, Cause.PRICE, "A1", accepted="12.50", reason="agreed", actor="anna", now=NOW)
    assert decision.content_hash == held.content_hash
    assert Document.objects.get(pk=held.pk).status == Status.RECEIVED


def test_the_same_reason_again_keeps_the_hold_since_when_it_was_open(company: Company) -> None:
    held = a_held_invoice(company)
    ledger.replay(held, now=NOW, actor="anna")
    later = NOW + timedelta(days=1)
    ledger.hold(held, [Difference(Cause.PRICE, "A1", "price differs")], now=later)
    (hold,) = held.holds.filter(closed_at=None)
    assert hold.opened_at == NOW


def test_a_doubt_that_repeats_is_one_event(company: Company) -> None:
    document = an_invoice(company)
    ledger.move(document, Status.MATCHED, now=NOW)
    for _ in range(2):
        owner, (document,) = ledger.claim(
            document.status, limit=1, seconds=60, now=NOW + timedelta(hours=1), only=Q(pk=document.pk)
        )
        if document.status == Status.MATCHED:
            ledger.begin_delivery(document, owner=owner, seconds=60, now=NOW)
        ledger.rest(document, owner=owner, until=NOW, why="not visible yet", now=NOW)
    assert document.events.filter(verb="in doubt").count() == 1
