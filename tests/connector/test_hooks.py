"""Webhooks: believed only with their signature, stored raw once, a wake-up and nothing else."""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection as database
from django.db.models import F
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import RedisError

from connector import polling, tasks, wakeups
from connector.hooks import LARGEST_BODY, signature, visma_hook
from connector.models import Connection, Cursor, Hook
from mapping.models import Company
from tests import papers
from tests.acceptance.stage import HINGE, Stage
from tests.papers import of_order, ship_item, shipment
from tests.queued import queued

KEY = "portal-key"
BODY = b'{"resourceUri": "https://x/purchaseorder/PO1", "n": "\xc3\xb8"}'


@pytest.fixture
def visma(company: Company) -> Connection:
    connection = Connection.objects.create(
        company=company, system="visma", url="https://x", token_url="https://x/t", client_id="c", webhook_secret=KEY
    )
    Cursor.objects.create(connection=connection, stream="orders", due_at=timezone.now() + timedelta(hours=1))
    return connection


def send(
    visma: Connection,
    body: bytes = BODY,
    *,
    key: str = KEY,
    signed: str | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """A webhook as Visma sends it: without a csrf token."""
    given = {"x-vwd-signature-v1": signature(key, body) if signed is None else signed, **(headers or {})}
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    url = f"/hooks/visma/{visma.webhook_uid}/"
    return client.post(url, body, content_type="application/json", headers=given)  # type: ignore[return-value]  # an answer with extras


@pytest.mark.django_db(transaction=True)
def test_a_signed_webhook_is_stored_raw_and_wakes_the_polls(visma: Connection) -> None:
    before = queued()
    answer = send(visma, headers={"x-vwd-event-id": "e1", "Cookie": "sessionid=x", "Authorization": "Token x"})
    assert (answer.status_code, answer.content) == (204, b"")
    hook = Hook.objects.get()
    assert (bytes(hook.body), hook.event_id, hook.headers["x-vwd-event-id"]) == (BODY, "e1", "e1")
    assert not {"cookie", "authorization"} & set(hook.headers)
    due_at = Cursor.objects.get(stream="orders").due_at
    assert due_at is not None
    assert due_at <= timezone.now()
    assert queued() == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_taken_while_the_queue_is_away(visma: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_task: object, **_options: object) -> None:
        raise RedisError("Connection refused.")

    monkeypatch.setattr(wakeups, "async_task", refuse)
    assert send(visma, headers={"x-vwd-event-id": "e1"}).status_code == 204
    assert Hook.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"signed": ""},
        {"signed": "AAAA"},
        {"signed": "ø"},
        {"key": "other-key"},
    ],
)
def test_a_forged_webhook_changes_nothing(visma: Connection, headers: dict[str, str]) -> None:
    before = Cursor.objects.get().due_at
    answer = send(visma, key=headers.get("key", KEY), signed=headers.get("signed"))
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert (Hook.objects.count(), Cursor.objects.get().due_at) == (0, before)


def test_the_signature_is_over_the_raw_bytes(visma: Connection) -> None:
    assert send(visma, BODY + b" ", signed=signature(KEY, BODY)).status_code == 401


def test_without_a_secret_nothing_is_believed(visma: Connection) -> None:
    Connection.objects.filter(pk=visma.pk).update(webhook_secret="")
    answer = send(visma, key="")
    assert answer.status_code == 401
    assert "No webhook secret is set" in answer.content.decode()


def test_the_header_is_the_connections_own(visma: Connection) -> None:
    Connection.objects.filter(pk=visma.pk).update(webhook_header="X-Other")
    assert send(visma).status_code == 401
    assert send(visma, headers={"X-Other": signature(KEY, BODY)}).status_code == 204


def test_an_unknown_address_and_the_wrong_system_are_404(visma: Connection) -> None:
    visma.webhook_uid = uuid.uuid4()
    assert send(visma).status_code == 404
    Connection.objects.update(system="sps")
    visma.refresh_from_db()
    assert send(visma).status_code == 404


def test_only_post_is_taken(visma: Connection, client: Client) -> None:
    answer = client.get(f"/hooks/visma/{visma.webhook_uid}/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_body_that_is_too_large_is_refused_unread(visma: Connection) -> None:
    assert send(visma, b"x" * LARGEST_BODY).status_code == 204
    assert send(visma, b"x" * (LARGEST_BODY + 1)).status_code == 413


def in_chunks(visma: Connection, body: bytes, given: io.BytesIO | None = None) -> HttpResponse:
    """A webhook without Content-Length, as gunicorn hands it on: its input ends where the last chunk does."""
    environ = RequestFactory().post("/", b"", content_type="application/json").environ
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "HTTP_X_VWD_SIGNATURE_V1": signature(KEY, body)}
    environ |= {"wsgi.input": given or io.BytesIO(body), "wsgi.input_terminated": True}
    return visma_hook(WSGIRequest(environ), visma.webhook_uid)


def test_a_webhook_in_chunks_is_read_to_its_end(visma: Connection) -> None:
    assert in_chunks(visma, BODY).status_code == 204
    assert bytes(Hook.objects.get().body) == BODY


def test_chunks_are_no_way_around_the_largest_body(visma: Connection) -> None:
    assert in_chunks(visma, b"x" * LARGEST_BODY).status_code == 204
    assert in_chunks(visma, b"x" * (LARGEST_BODY + 1)).status_code == 413


class BrokenOff(io.BytesIO):
    """The input of a web server that finds no whole body, and says so in its own way."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ArithmeticError(f"{size} bytes were promised")


def test_a_body_that_breaks_off_is_refused(visma: Connection) -> None:
    assert in_chunks(visma, BODY, BrokenOff()).status_code == 400
    assert not Hook.objects.exists()


@pytest.mark.parametrize(("seconds", "code"), [(0, 204), (-299, 204), (-301, 401), (30, 204), (61, 401), (-86400, 401)])
def test_an_old_webhook_sent_again_is_refused(
    visma: Connection, clock: time_machine.Traveller, seconds: int, code: int
) -> None:
    moment = timezone.now() + timedelta(seconds=seconds)
    stamp = str(int(moment.timestamp() * 1000))
    assert send(visma, headers={"x-vwd-notification-timestamp": stamp}).status_code == code


@pytest.mark.parametrize("stamp", ["", "yesterday", "2026-03-02T09:00:00Z", "9" * 40, "²"])
def test_a_stamp_that_cannot_be_read_is_no_reason_to_refuse(visma: Connection, stamp: str) -> None:
    assert send(visma, headers={"x-vwd-notification-timestamp": stamp}).status_code == 204


def test_the_same_event_again_is_answered_and_not_stored_twice(visma: Connection) -> None:
    for _ in range(3):
        assert send(visma, headers={"x-vwd-event-id": "e1"}).status_code == 204
    assert Hook.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_that_arrives_twice_at_once_is_stored_once(visma: Connection) -> None:
    together = Barrier(4)

    def deliver(_: int) -> int:
        together.wait()
        try:
            return send(visma, headers={"x-vwd-event-id": "e1"}).status_code
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(deliver, range(4))) == {204}
    assert Hook.objects.count() == 1


def test_an_event_id_that_turns_out_to_be_a_type_swallows_nothing(visma: Connection) -> None:
    send(visma, b"{}", headers={"x-vwd-event-id": "PurchaseOrder.Changed"})
    send(visma, b'{"other": 1}', headers={"x-vwd-event-id": "PurchaseOrder.Changed"})
    assert Hook.objects.count() == 2


def test_other_companies_polls_sleep_on(visma: Connection) -> None:
    other = Company.objects.create(name="Other AS", orders_from="2026-01-01")
    theirs = Connection.objects.create(
        company=other, system="visma", url="https://y", token_url="https://y", client_id="c"
    )
    later = timezone.now() + timedelta(hours=1)
    Cursor.objects.create(connection=theirs, stream="orders", due_at=later)
    send(visma)
    assert Cursor.objects.get(connection=theirs).due_at == later


def test_a_webhook_costs_a_fixed_handful_of_queries_and_no_call(visma: Connection) -> None:
    send(visma)
    with CaptureQueriesContext(database) as asked:
        send(visma, headers={"x-vwd-event-id": "e1"})
    # the connection, its lock, whether it is a repeat, the hook, and the cursors
    assert len([query for query in asked if "SAVEPOINT" not in query["sql"]]) == 5


def test_a_secret_that_no_key_reads_is_said_so_and_believes_nobody(visma: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET webhook_secret = %s", [b"of another key"])
    answer = send(visma)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert "FIELD_ENCRYPTION_KEYS" in answer.content.decode()
    assert not Hook.objects.exists()


def test_other_secrets_are_not_read_for_a_webhook(visma: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE connector_connection SET client_secret = %s, token = %s", [b"of another key"] * 2)
    assert send(visma).status_code == 204


def test_a_stream_that_was_never_read_is_due_whatever_a_webhook_finds(visma: Connection) -> None:
    Cursor.objects.all().delete()
    send(visma)
    streams = {stream.name for _, stream in polling.due(timezone.now())}
    assert {stream.name for stream in polling.streams_of(visma)} <= streams


@pytest.mark.parametrize(
    ("tried", "due", "hook", "woken"),
    [  # seconds from now: when it was last read, is due, the hook before this one came, and it is due then
        (-60, 3600, None, 0),
        (-1, 3600, None, 0),  # the first hook is never kept waiting
        (-1, 3600, -1, 0.5),
        (-1, None, -1, 0.5),  # it is being read
        (None, None, -1, 0),
        (None, 3600, -1, 0),
        (-1, -10, -1, -10),  # its turn has come anyway
        (-1, 3600, -60, 0),
        (60, 3600, -1, 0),  # our clock was set back
    ],
)
def test_a_hook_close_upon_another_waits_a_moment(
    visma: Connection,
    clock: time_machine.Traveller,
    tried: float | None,
    due: float | None,
    hook: float | None,
    woken: float,
) -> None:
    def at(seconds: float) -> datetime:
        return timezone.now() + timedelta(seconds=seconds)

    read, turn = (None if seconds is None else at(seconds) for seconds in (tried, due))
    Cursor.objects.update(tried_at=read, due_at=turn)
    if hook is not None:
        Hook.objects.create(connection=visma, received_at=at(hook))
    send(visma)
    assert Cursor.objects.get().due_at == at(woken)


class TestFromHookToMailbox:
    """Whatever happens to hooks, each order is at SPS once, as it is in Visma."""

    @pytest.fixture
    def seen(self, stage: Stage) -> Connection:
        """The stage's Visma, which signs its hooks."""
        found = Connection.objects.get(system="visma")
        found.webhook_secret = KEY
        found.save()
        Cursor.objects.update(due_at=timezone.now() + timedelta(hours=1))
        return found

    def test_a_hook_brings_the_order(self, stage: Stage, seen: Connection) -> None:
        order = stage.world.new_order("50000", [HINGE])
        tasks.tick()
        assert stage.documents("--order", order) == []
        send(seen, headers={"x-vwd-event-id": "e1"})
        tasks.wake("visma")
        assert numbers(stage) == [order]

    def test_a_lost_hook_costs_time_only(self, stage: Stage, seen: Connection) -> None:
        order = stage.world.new_order("50000", [HINGE])
        Cursor.objects.update(due_at=timezone.now())  # the interval is over
        tasks.wake("visma")
        assert numbers(stage) == [order]

    def test_doubled_hooks_make_no_second_order(self, stage: Stage, seen: Connection) -> None:
        order = stage.world.new_order("50000", [HINGE])
        for event in ("e1", "e1", "e2"):
            send(seen, headers={"x-vwd-event-id": event})
            tasks.wake("visma")
        assert numbers(stage) == [order]

    def test_forged_hooks_bring_nothing(self, stage: Stage, seen: Connection) -> None:
        stage.world.new_order("50000", [HINGE])
        assert send(seen, key="guessed").status_code == 401
        tasks.wake("visma")
        assert numbers(stage) == []

    def test_a_hook_after_the_read_it_came_too_late_for_brings_the_order_soon(
        self, stage: Stage, seen: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[object, ...]] = []
        monkeypatch.setattr(tasks, "queue", lambda *task: asked.append(task))
        send(seen, headers={"x-vwd-event-id": "e1"})
        tasks.wake("visma")
        order = stage.world.new_order("50000", [HINGE])
        send(seen, headers={"x-vwd-event-id": "e2"})
        Cursor.objects.filter(connection=seen).update(due_at=timezone.now() + polling.WAKE_GAP)
        tasks.wake("visma")
        assert (numbers(stage), asked) == ([], [("wake_again", "visma")])
        monkeypatch.setattr(tasks, "sleep", lambda seconds: Cursor.objects.update(due_at=timezone.now()))
        tasks.wake_again("visma")
        assert numbers(stage) == [order]

    def test_a_hook_is_seen_once_all_that_it_may_be_about_was_read_after_it(
        self, stage: Stage, seen: Connection
    ) -> None:
        def is_seen() -> bool:
            return Hook.objects.get().seen_at is not None

        send(seen)
        stage.world.visma.faults.fault("GET", "/v1/supplierInvoice", "http500_before")
        tasks.wake("visma")
        assert not is_seen()
        Cursor.objects.filter(stream="invoices").update(due_at=timezone.now())
        tasks.wake("visma")
        assert is_seen()

    def test_hooks_of_a_mass_action_leave_the_answers_their_calls(self, stage: Stage, seen: Connection) -> None:
        order = stage.order()
        stage.world.visma.quota.set(100)
        Connection.objects.filter(pk=seen.pk).update(budget_resets_at=None)
        Cursor.objects.update(due_at=timezone.now() + timedelta(hours=1))
        for number in range(25):
            send(seen, headers={"x-vwd-event-id": f"e{number}"})
            tasks.wake("visma")
            Cursor.objects.filter(connection=seen).update(tried_at=F("tried_at") - timedelta(seconds=5))
            Hook.objects.update(received_at=F("received_at") - timedelta(seconds=5))
        seen.refresh_from_db()
        assert 40 <= seen.budget_remaining <= 50
        hinges = ship_item(papers.numbers("1", vendor="NP-77410"), 10)
        stage.put("shipment", shipment("S1", of_order(order, items=[hinges])))
        Cursor.objects.filter(stream="mailbox").update(due_at=timezone.now())
        tasks.wake("sps")
        assert stage.document("--kind", "shipment")["status"] == "delivered"

    def test_hooks_in_the_wrong_order_bring_what_is_true_now(self, stage: Stage, seen: Connection) -> None:
        order = stage.world.new_order("50000", [HINGE])
        stage.change(order, {"lineNumber": 1, "orderQty": 12})
        now = int(timezone.now().timestamp())
        for seconds, event in ((5, "changed"), (20, "created")):  # the younger first
            send(
                seen,
                b'{"resourceUri": "%s", "orderQty": 10}' % order.encode(),
                headers={"x-vwd-event-id": event, "x-vwd-notification-timestamp": str((now - seconds) * 1000)},
            )
            tasks.wake("visma")
        [paper] = stage.mailbox()
        assert paper["LineItem"][0]["OrderLine"]["OrderQty"] == 12


def numbers(stage: Stage) -> list[str]:
    """Of the orders that lie at SPS."""
    return [str(paper["Header"]["OrderHeader"]["PurchaseOrderNumber"]) for paper in stage.mailbox()]


@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=60))
def test_no_guess_fits_another_body_or_key(body: bytes, key: str, guess: str) -> None:
    right = signature(KEY, body)
    assert (signature(key, body) == right) == (key == KEY)
    assert signature(KEY, body + b"x") != right
    assert len(right) == 44
