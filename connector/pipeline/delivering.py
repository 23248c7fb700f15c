"""Matched documents are delivered; what is in doubt is looked for. The one ladder of errors stands here."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import clients, mirror
from connector.budget import ANSWERS, ORDERS
from connector.errors import (
    Busy,
    ConnectorError,
    InDoubt,
    LeaseLost,
    Misconfigured,
    RateLimited,
    Rejected,
    Stale,
    Transient,
    Unreadable,
    Unsettled,
)
from connector.flows.verdict import Delivered
from connector.models import Connection
from connector.pipeline import wakes
from connector.pipeline.leased import LeasedWork
from connector.pipeline.outgoing import order_shown
from connector.pipeline.reading import FLOWS
from mapping.locks import lock_orders
from mapping.matching import Difference

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 2.0
MOST_LOOKS = 20  # that fail: hours, with the waits between them
ARRIVED: dict[str, str] = {
    Kind.ORDER: "Laid into the mailbox as {}.",
    Kind.ORDER_ACK: "Noted in Visma: {}.",
    Kind.SHIPMENT: "Purchase receipt {} in Visma.",
    Kind.INVOICE: "Supplier invoice {} in Visma.",
}


def deliver(document: Document, *, owner: str) -> None:
    """One attempt for a matched document."""
    connection = _connection(document)
    if connection is None:
        ledger.release(document, owner=owner, now=timezone.now())
        return
    if ledger.begin_delivery(document, owner=owner, seconds=settings.LEASE_SECONDS, now=timezone.now()):
        _attempt(document, owner, connection)


def reconcile(document: Document, *, owner: str) -> None:
    """A delivery whose worker died or whose outcome nobody knows: looked for, then continued."""
    connection = _connection(document)
    if connection is None:
        ledger.release(document, owner=owner, now=timezone.now())
        return
    if document.deaths > settings.MAX_DEATHS:
        why = f"Its worker died {settings.MAX_DEATHS} times while delivering it."
        ledger.fail(document, why, now=timezone.now(), owner=owner)
        return
    _attempt(document, owner, connection)


def _attempt(document: Document, owner: str, connection: Connection) -> None:
    """The one ladder: each family of errors says whether it happened (DESIGN.md)."""
    flow = FLOWS[document.kind]
    work = LeasedWork.taken_up(document, owner, timedelta(seconds=connection.absence_lag_seconds))
    looking = work.needs_find
    try:
        priority = ORDERS if document.kind == Kind.ORDER else ANSWERS
        both = clients.clients_for(document.company, document, priority=priority, before=work.renew)
        found = flow.find(work, both) if looking else ""
        looking = False
        _arrived(work, flow.deliver(work, both, found))
    except LeaseLost as error:
        log.info("%s", error)
    except Unsettled as error:
        _rest(work, str(error), work.settles_at or timezone.now())
    except InDoubt as error:
        _in_doubt(work, str(error))
    except Stale as error:
        _again_with_new_order(work, str(error))
    except (RateLimited, Busy) as error:
        _later(work, str(error), error.retry_after, counts=False)
    except Transient as error:
        _later(work, str(error), error.retry_after, counts=True)
    except Unreadable as error:
        _later(work, str(error), None, counts=True)
    except Rejected as error:
        _refused(work, str(error), looking=looking)
    except Misconfigured as error:
        clients.pause(connection, str(error))
        _later(work, str(error), None, counts=False)
    except (OperationalError, InterfaceError):
        raise  # our own database is away: the row says what is left to do when it is back
    except Exception:  # a defect of ours parks its document instead of stopping all others; the log has the trace
        log.exception("%s failed", document)
        _broken(work)


def _arrived(work: LeasedWork, delivered: Delivered) -> None:
    """Delivered, and mirrored at once, so that what waits for it need not wait for the next poll."""
    now, document = timezone.now(), work.document
    booked = _orders_booked(document, delivered)
    with transaction.atomic():
        lock_orders(document.company, booked)
        moved = ledger.move(
            document,
            Status.DELIVERED,
            now=now,
            owner=work.owner,
            reason=" ".join(said for said in (ARRIVED[document.kind].format(delivered.ref), delivered.note) if said),
            facts={"ref": delivered.ref},
            output_ref=delivered.ref,
            delivered_at=now,
            progress={**work.progress, "open": False},
        )
        if not moved:
            return
        mirror.receipts(document.company, [delivered.receipt] if delivered.receipt else [])
        mirror.invoices(document.company, [delivered.invoice] if delivered.invoice else [])
        wakes.orders_arrived(document.company, booked, now=now)
    wakes.followers(document, now=now)


def _orders_booked(document: Document, delivered: Delivered) -> set[str]:
    """The orders whose bookings are others now; a poll may have mirrored the booking before its paper was delivered."""
    found: set[str] = set()
    if delivered.receipt:
        found |= {line.po_order_nbr for line in delivered.receipt.dto.lines}
    if delivered.invoice:
        found |= {line.po_number for line in delivered.invoice.dto.invoice_lines}
    if delivered.receipt or delivered.invoice:
        found |= set(document.orders.values_list("order_number", flat=True))
    return found - {""}


def _rest(work: LeasedWork, why: str, until: datetime) -> None:
    """Stays `delivering`, for whoever looks at it at `until`."""
    now = timezone.now()
    ledger.rest(work.document, owner=work.owner, until=max(until, now), why=why, now=now)


def _in_doubt(work: LeasedWork, why: str) -> None:
    """Nobody knows: what was sent may still arrive. The first look comes soon, the next ones later and later.

    After many doubts a person is asked.
    """
    now = timezone.now()
    doubts = int(work.progress.get("doubts", 0)) + 1
    sent = {"doubt_at": now.isoformat(), "open": True} if work.wrote else {}  # looking alone renews no doubt
    if not ledger.remember(work.document, owner=work.owner, doubts=doubts, **sent):
        return
    if doubts > settings.MAX_ATTEMPTS:
        _nobody_knows(work, f"In doubt {doubts} times running, and nothing proves whether it arrived. Last: {why}")
        return
    first = min(FIRST_LOOK_SECONDS, settings.RETRY_FIRST_SECONDS)
    wait = min(first * 2 ** min(doubts - 1, 20), settings.RETRY_LONGEST_SECONDS)
    _rest(work, why, now + timedelta(seconds=wait))


def _nobody_knows(work: LeasedWork, sentence: str) -> None:
    """A person is asked; after a replay it is looked for as often again."""
    ledger.remember(work.document, owner=work.owner, doubts=0, looks=0)
    asked = Difference("in_doubt", f"{work.document.kind} {work.document.number}", sentence)
    ledger.hold(work.document, [asked], now=timezone.now(), owner=work.owner)


def _refused(work: LeasedWork, why: str, *, looking: bool) -> None:
    """The other side's own words. Where they were about the look only, what was sent may stand there all the same."""
    if looking and work.in_doubt:
        _nobody_knows(work, f"It was sent, and whether it arrived cannot be seen: {why}")
        return
    work.did_not_happen()
    if work.document.kind != Kind.ORDER:  # it may be refused because it is booked already; a file is simply replaced
        ledger.remember(work.document, owner=work.owner, look_first=True)
    asked = Difference("remote_rejected", f"{work.document.kind} {work.document.number}", why)
    ledger.hold(work.document, [asked], now=timezone.now(), owner=work.owner)


def _again_with_new_order(work: LeasedWork, why: str) -> None:
    """412: the order is read and the paper matched again (house rule 3)."""
    document = work.document
    work.did_not_happen()
    if document.attempts >= settings.MAX_ATTEMPTS:
        _later(work, why, None, counts=True)
        return
    try:
        both = clients.clients_for(document.company, document, before=work.renew)
        rows = [both.visma.order(number)[0] for number in document.orders.values_list("order_number", flat=True)]
    except LeaseLost as error:
        log.info("%s", error)
        return
    except ConnectorError as error:  # matched again with the next attempt, which will be refused as this one was
        _later(work, str(error), error.retry_after if isinstance(error, Transient) else None, counts=True)
        return
    now = timezone.now()
    for row in rows:  # as the poll does it, which then finds nothing new
        order_shown(document.company, row, now=now)
    ledger.move(document, Status.RECEIVED, now=now, owner=work.owner, verb="stale", reason=why)


def _broken(work: LeasedWork) -> None:
    """A defect of ours. What is delivered stays so: mirrors are put right by the next poll."""
    work.document.refresh_from_db()  # what was moved may be undone
    if work.document.status == Status.DELIVERING:
        why = "A defect in the connector: see the log."
        ledger.fail(work.document, why, now=timezone.now(), owner=work.owner)


def _later(work: LeasedWork, why: str, retry_after: float | None, *, counts: bool) -> None:
    """It did not happen: back to `matched`, due after the back-off, or parked when the attempts are used up.

    While an earlier write is in doubt it stays `delivering`: looking for it is what did not happen. That is no attempt,
    but after very many a person is asked.
    """
    now, document = timezone.now(), work.document
    work.did_not_happen()
    if work.in_doubt:
        looks = int(work.progress.get("looks", 0)) + counts
        ledger.remember(document, owner=work.owner, looks=looks)
        if looks >= MOST_LOOKS:
            _nobody_knows(work, f"Looked for {looks} times, and whether it arrived cannot be seen. Last: {why}")
            return
        _rest(work, why, now + timedelta(seconds=back_off(looks, retry_after)))
        return
    attempts = document.attempts if counts else max(document.attempts - 1, 0)
    if attempts >= settings.MAX_ATTEMPTS:
        ledger.fail(document, f"Tried {attempts} times. Last: {why}", now=now, owner=work.owner)
        return
    due_at = now + timedelta(seconds=back_off(attempts, retry_after))
    ledger.move(
        document,
        Status.MATCHED,
        now=now,
        owner=work.owner,
        verb="postponed",
        reason=f"{why} Next try at {due_at:%H:%M:%S} UTC.",
        due_at=due_at,
        attempts=attempts,
    )


def back_off(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next try: what the other side asked for, else exponential with full jitter, at most an hour."""
    if retry_after is not None:
        return max(retry_after, 0.0)
    ceiling = min(settings.RETRY_FIRST_SECONDS * 2 ** min(max(attempts - 1, 0), 20), settings.RETRY_LONGEST_SECONDS)
    return random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing


def _connection(document: Document) -> Connection | None:
    system = Connection.System.SPS if document.kind == Kind.ORDER else Connection.System.VISMA
    return clients.connections().filter(company=document.company, system=system).first()
