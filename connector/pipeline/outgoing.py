"""Orders that are to go out: which revision of which order, decided by comparing papers (DESIGN.md, revisions)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from audit import ledger
from audit.models import Document, Kind, Status
from connector import mirror
from connector.clients import clients_for
from connector.errors import NotFound
from connector.flows import orders as flow
from connector.http import lossless
from connector.pipeline import wakes
from connector.visma.schemas import PurchaseOrderDto, Row
from mapping.models import CANCELLED, Company, Order


def order_shown(company: Company, row: Row[PurchaseOrderDto], *, now: datetime) -> None:
    """An order as Visma shows it now: where it differs it is mirrored, where its paper does, revised, and what waits for it
    looked at again; in one transaction, so that none of it is lost."""
    with transaction.atomic():
        for order in mirror.orders(company, [row]):
            revise(order, now=now)
            wakes.orders_arrived(company, [order.number], now=now)


def revise(order: Order, *, now: datetime, by_hand: str = "") -> Document | None:
    """The document of a new revision, if the order as it stands must go out; `by_hand` names who asks for it.

    An order dated before the go-live cut goes out by hand only; once it has gone out, its changes follow.
    """
    with transaction.atomic():
        locked = Order.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
        order = locked.get(pk=order.pk)  # as it is by now: it may have been read long ago
        list(_documents(order).select_for_update(no_key=True).order_by("pk").values_list("pk"))  # none leaves meanwhile
        row = bytes(order.row)
        if not row:
            return None
        paper = flow.unwrap(lossless.read(row))
        last = _documents(order).order_by("-revision").first()
        purpose = _purpose(order, paper, last, by_hand=bool(by_hand))
        if purpose is None:
            return None
        if purpose == "05" and _is_as_sent(order, paper):
            _supersede_all(order, "The order is again as it was sent.", now)
            return None
        revision = (last.revision if last else 0) + 1
        path = f"visma:purchaseorder/{order.number}"
        document, _ = ledger.store(
            order.company, path, row, kind=Kind.ORDER, now=now, number=order.number, revision=revision
        )
        digest = flow.neutral_hash(paper) if purpose != "01" else f"cancelled {revision}"
        actor = by_hand or ledger.MACHINE
        facts = {"revision": revision, "purpose": purpose}
        ledger.note(
            document,
            "revised",
            now=now,
            actor=actor,
            facts=facts,
            purpose=purpose,
            content_hash=digest,
            date=order.date,
        )
        _supersede(order, document, now)
    return document


def send_order(order: Order, *, actor: str, now: datetime) -> Document:
    """Send now, asked for by a person. Raises ValueError with a sentence when there is nothing to send."""
    document = revise(order, now=now, by_hand=actor)
    if document is None:
        last = _documents(order).order_by("-revision").first()
        if last and last.status in (Status.HELD, Status.FAILED, Status.IGNORED):
            ledger.replay(last, now=now, actor=actor, reason="send now")
            return last
        why = f"is {last.get_status_display()} and has not changed since" if last else f"is {order.status} in Visma"
        raise ValueError(f"Order {order.number} {why}: there is nothing to send.")
    return document


def replay_delivered(document: Document, *, actor: str, reason: str, now: datetime) -> bool:
    """What was delivered is decided again only when Visma shows its booking cancelled or gone.

    Raises ValueError with a sentence when it stands; errors of the call as they are.
    """
    gone = cancelled_or_gone(document)
    if not gone:
        raise ValueError(f"{document} stands in Visma as {document.output_ref}: cancel it there first.")
    return ledger.reopen(document, gone=gone, now=now, actor=actor, reason=reason)


def cancelled_or_gone(document: Document) -> str:
    """How the booking of a delivered document has ended, asked for by GET (deltas omit deletions); "" while it stands."""
    if document.kind not in (Kind.SHIPMENT, Kind.INVOICE):
        return ""
    visma = clients_for(document.company, document).visma
    try:
        if document.kind == Kind.SHIPMENT:
            status = visma.receipt(document.output_ref)[0].dto.status
        else:
            status = visma.invoice(document.output_ref)[0].dto.status
    except NotFound:
        return "it is not in Visma any more"
    return f"it is {status} in Visma" if status in CANCELLED else ""


def would_go(order: Order, *, by_hand: bool = True) -> bool:
    """Whether `revise`, asked by hand or not, would make a document of the order as it stands."""
    row = bytes(order.row)
    if not row:
        return False
    last = _documents(order).order_by("-revision").first()
    paper = flow.unwrap(lossless.read(row))
    purpose = _purpose(order, paper, last, by_hand=by_hand)
    return purpose is not None and not (purpose == "05" and _is_as_sent(order, paper))


def _documents(order: Order) -> QuerySet[Document]:
    return Document.objects.filter(company=order.company_id, kind=Kind.ORDER, number=order.number, revision__gt=0)


def _purpose(order: Order, paper: PurchaseOrderDto, last: Document | None, *, by_hand: bool) -> str | None:
    """00 new, 05 replaces, 01 cancels; None when nothing must go out."""
    sent = _documents(order).filter(status__in=(Status.DELIVERED, Status.DELIVERING)).exists()
    if order.is_cancelled or (sent and flow.is_emptied(paper)):
        cancelled = last is not None and last.purpose == "01"
        return "01" if last is not None and not cancelled else None
    if not flow.goes_out(paper, order.company.order_statuses):
        return None
    if last is None:
        early = order.date is not None and order.date < order.company.orders_from
        return "00" if by_hand or not early else None
    if last.content_hash == flow.neutral_hash(paper):
        return None
    return "05" if sent else "00"


def _is_as_sent(order: Order, paper: PurchaseOrderDto) -> bool:
    """Whether the supplier has the order as it stands: a change was taken back before it went out."""
    out = _documents(order).filter(status__in=(Status.DELIVERED, Status.DELIVERING)).order_by("-revision").first()
    return out is not None and out.content_hash == flow.neutral_hash(paper)


def _supersede_all(order: Order, why: str, now: datetime) -> None:
    for revision in _documents(order).select_for_update(no_key=True):
        if never_left(revision):
            ledger.ignore(revision, why, now=now)


def never_left(revision: Document) -> bool:
    """Whether it has not gone out, and may be kept from it."""
    unsent = revision.status in (Status.RECEIVED, Status.WAITING, Status.HELD, Status.FAILED, Status.MATCHED)
    return unsent and not revision.progress.get("open")


def _supersede(order: Order, document: Document, now: datetime) -> None:
    """A revision that never went out is replaced by the newer one; a cancellation of what never went out goes nowhere."""
    earlier = list(_documents(order).filter(revision__lt=document.revision).select_for_update(no_key=True))
    for revision in earlier:
        if never_left(revision):
            ledger.ignore(revision, f"Superseded by revision {document.revision} before it went out.", now=now)
    on_its_way = any(one.status != Status.IGNORED for one in earlier)
    if document.purpose == "01" and not on_its_way:
        ledger.ignore(document, f"Order {order.number} was cancelled before it went out.", now=now)
