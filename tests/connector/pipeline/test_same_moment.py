"""A booking, an order or a mapping changes in the moment in which a paper is decided: the paper is looked at again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction
from django.db.models import Model
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import mirror
from connector.pipeline import deciding, order_shown, orders_arrived, outgoing, revise, sweep
from connector.rsx.codes import UNITS
from connector.visma.schemas import PurchaseOrderDto, PurchaseReceiptDto, Row
from mapping.files import load
from mapping.models import Company, ItemReference, Order, TradingPartner
from tests.connector.rehearsing import a_partner, a_shipment, an_invoice, an_order, arrives, decided
from tests.papers import ack, as_json, invoice, invoice_line, numbers

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
    pytest.mark.django_db(transaction=True),
]


class Meanwhile:
    """Something that begins once the next decision has read its facts, and ends before or after that is written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._judge = deciding.judge
        self._threads: list[threading.Thread] = []
        self._monkeypatch = monkeypatch

    def does(self, change: Callable[[], Any]) -> None:
        def judge(*args: Any) -> Any:
            verdict = self._judge(*args)
            self._monkeypatch.setattr(deciding, "judge", self._judge)
            self.begin(change)
            return verdict

        self._monkeypatch.setattr(deciding, "judge", judge)

    def over(self) -> None:
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive()

    def begin(self, change: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                change()
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()
        while thread.is_alive() and not _waits():
            thread.join(timeout=0.01)


def _waits() -> bool:
    """Somebody waits for us; what others of the server wait for are the tests beside this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def _locks(model: type[Model]) -> None:
    list(model._base_manager.select_for_update().values_list("pk"))


def _notices_deadlocks_after(time: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('deadlock_timeout', %s, true)", [time])


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meanwhile]:
    found = Meanwhile(monkeypatch)
    yield found
    found.over()
    close_old_connections()


@pytest.fixture
def company(transactional_db: None, company: Company) -> Company:
    a_partner(company)
    return company


def the_receipt(order: str) -> Row[PurchaseReceiptDto]:
    raw = {
        "receiptNbr": "PR9",
        "receiptType": "PoReceipt",
        "status": "Released",
        "supplier": {"number": "50000"},
        "lines": [{"lineNbr": 1, "poOrderNbr": order, "poOrderLineNbr": 1, "receiptQty": 10, "uom": "STK"}],
    }
    return Row(PurchaseReceiptDto.model_validate(raw), raw)


def the_order(order: Order) -> Row[PurchaseOrderDto]:
    raw = {"orderNbr": order.number, "orderType": "RegularOrder", "status": "Open", "supplier": {"number": "50000"}}
    return Row(PurchaseOrderDto.model_validate(raw), raw)


def test_goods_that_are_received_while_their_invoice_is_decided_wake_it(company: Company, meanwhile: Meanwhile) -> None:
    an_order(company)

    def booked() -> None:
        with transaction.atomic():
            orders_arrived(company, mirror.receipts(company, [the_receipt("PO1")]), now=timezone.now())

    meanwhile.does(booked)
    waits = an_invoice(company, "I1", 10)
    meanwhile.over()
    assert decided(waits).status == Status.MATCHED


def test_order_that_comes_while_its_paper_is_decided_wakes_it(company: Company, meanwhile: Meanwhile) -> None:
    order = an_order(company, "PO7")
    row = the_order(order)
    order.lines.all().delete()
    order.delete()
    meanwhile.does(lambda: order_shown(company, row, now=timezone.now()))
    paper = invoice("I1", "PO7", [invoice_line(numbers("1", buyer="1001-BLK"), 10, 48)], 480, currency="NOK")
    asked = arrives(company, "invoice", paper)
    meanwhile.over()
    assert decided(asked).cause == "line_unknown"


def test_order_and_its_acknowledgment_are_decided_at_the_same_moment(company: Company, meanwhile: Meanwhile) -> None:
    order = an_order(company)
    revise(order, now=timezone.now())
    owner, [goes] = ledger.claim(Status.RECEIVED, limit=1, seconds=60, now=timezone.now())
    paper, _ = ledger.store(
        company, "/out/PR/1.json", as_json(ack("PO1", "AD")), kind=Kind.ORDER_ACK, now=timezone.now()
    )
    meanwhile.does(sweep)
    deciding.decide(goes, owner=owner)
    meanwhile.over()
    assert [Document.objects.get(pk=one.pk).status for one in (goes, paper)] == [Status.MATCHED, Status.MATCHED]


def test_one_of_two_that_wait_for_each_other_is_decided_once_more(
    company: Company, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_order(company)
    judge, tries = deciding.judge, []

    def other() -> None:
        with transaction.atomic():
            _notices_deadlocks_after("10s")
            _locks(Company)
            _locks(TradingPartner)  # until the decision is undone

    def crossing(*args: Any) -> Any:
        tries.append(args)
        if len(tries) == 1:
            meanwhile.begin(other)
            _notices_deadlocks_after("10ms")
            _locks(Company)
        return judge(*args)

    monkeypatch.setattr(deciding, "judge", crossing)
    paper = a_shipment(company, "S1", 10)
    meanwhile.over()
    assert (paper.status, len(tries)) == (Status.MATCHED, 2)
    assert list(paper.events.values_list("verb", flat=True)) == ["received", "matched"]


def imports(company: Company) -> None:
    text = b"trading_partner_id,their_number,number_kind,item\nNORDICPARTS01,XYZ-9,vendor,1001-BLK\n"
    load("items", company, text, reason="test", rsx_units=UNITS)


def saves(company: Company) -> None:
    partner = company.partners.get()
    ItemReference.objects.create(partner=partner, number_kind="vendor", their_number="XYZ-9", item="1001-BLK")


@pytest.mark.parametrize("maps", [imports, saves])
def test_mapping_that_is_being_written_when_a_paper_needs_it_is_awaited(
    company: Company, maps: Callable[[Company], None]
) -> None:
    an_order(company)
    written, decides = threading.Event(), threading.Event()

    def mapped() -> None:
        with transaction.atomic():
            maps(company)
            written.set()
            while not (_waits() or decides.wait(timeout=0.01)):
                pass
        connection.close()

    thread = threading.Thread(target=mapped)
    thread.start()
    assert written.wait(timeout=30)
    paper = a_shipment(company, "S1", 10, named=numbers("", vendor="XYZ-9"))
    decides.set()
    thread.join(timeout=30)
    assert paper.status == Status.MATCHED


def test_change_that_leaves_while_the_order_is_changed_back_is_not_left_alone(
    company: Company, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_order(company)
    as_it_was = bytes(order.row)
    first = decided(revised(order, as_it_was))
    assert ledger.move(first, Status.DELIVERING, now=timezone.now(), lease_owner="one", lease_until=timezone.now())
    assert ledger.move(
        first, Status.DELIVERED, now=timezone.now(), output_ref="/in/1.json", delivered_at=timezone.now()
    )
    second = decided(revised(order, as_it_was.replace(b'"orderQty": 10', b'"orderQty": 99')))
    owner, [goes] = ledger.claim(Status.MATCHED, limit=1, seconds=60, now=timezone.now())
    left: list[bool] = []
    is_as_sent = outgoing._is_as_sent

    def leaving(*args: Any) -> bool:
        said = is_as_sent(*args)
        meanwhile.begin(lambda: left.append(ledger.begin_delivery(goes, owner=owner, seconds=60, now=timezone.now())))
        return said

    monkeypatch.setattr(outgoing, "_is_as_sent", leaving)
    order.row = as_it_was
    order.save()
    assert revise(order, now=timezone.now()) is None
    meanwhile.over()
    second.refresh_from_db()
    assert (left, second.status) == ([False], Status.IGNORED)


def revised(order: Order, row: bytes) -> Document:
    order.row = row
    order.save()
    made = revise(order, now=timezone.now())
    assert made is not None
    return made
