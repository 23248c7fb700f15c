"""The hash chain shows what was altered, cut or put in, by whatever way past the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from audit import ledger
from audit.chain import verify
from audit.models import Document, Event, Status, Transmission
from mapping.models import Company
from tests.connector.papers import NOW, a_delivered_order, an_invoice


def _altered_reason(document: Document) -> None:
    Event.objects.filter(document=document, sequence=2).update(reason="something else")


def _cut_middle(document: Document) -> None:
    Event.objects.filter(document=document, sequence=2).delete()


def _cut_tail(document: Document) -> None:
    Event.objects.filter(document=document, sequence=document.event_count).delete()


def _put_in(document: Document) -> None:
    last = document.events.order_by("-sequence")[0]
    last.pk, last.sequence, last.verb = None, last.sequence + 1, "approved"
    last.save(force_insert=True)


def _status(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(status=Status.RECEIVED)


def _output(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(output=b"another")


def _source(document: Document) -> None:
    Transmission.objects.filter(pk=document.transmission_id).update(content=b"another")


TAMPERING = (_altered_reason, _cut_middle, _cut_tail, _put_in, _status, _output, _source)


def test_an_honest_chain_holds(company: Company) -> None:
    assert verify(a_delivered_order(company)) is None


@pytest.mark.parametrize("tamper", TAMPERING)
def test_tampering_past_the_ledger_is_seen(company: Company, tamper: Callable[[Document], None]) -> None:
    document = a_delivered_order(company)
    tamper(document)
    assert verify(Document.objects.get(pk=document.pk)) is not None


@pytest.mark.django_db(transaction=True)
def test_many_hands_at_once_do_not_fork_a_chain() -> None:
    company = Company.objects.create(name="Nordic Tools AS", orders_from=NOW.date())
    document = an_invoice(company)
    before = document.event_count
    gate = threading.Barrier(4)

    def write(name: str) -> None:
        gate.wait()
        for turn in range(5):
            ledger.note(Document.objects.get(pk=document.pk), f"{name} {turn}", now=NOW)
        connection.close()

    threads = [threading.Thread(target=write, args=(f"hand {place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    document.refresh_from_db()
    assert document.event_count == before + 20
    assert verify(document) is None
