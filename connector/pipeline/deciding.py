"""Received documents are read and matched: a pure decision, taken under a lock on what it depends on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit import ledger
from audit.fitting import fitting
from audit.models import Document, DocumentLine, Kind, Status
from connector.errors import Rejected, TypeConflict, Unreadable
from connector.facts import StoredFacts
from connector.flows import orders as orders_flow
from connector.flows.verdict import Asking, Ignoring, PaperLine, Ready, Summary, Verdict, Waiting
from connector.models import Connection
from connector.pipeline.reading import FLOWS, Read, read
from connector.pipeline.settling import settle_asked
from mapping.locks import lock_orders, read_mappings
from mapping.lookup import MappingMissing
from mapping.matching import Difference
from mapping.models import Order, TradingPartner

log = logging.getLogger(__name__)

REPLACING = ("01", "05", "U5")
NOT_SENT = (Status.RECEIVED, Status.WAITING, Status.HELD, Status.FAILED, Status.MATCHED)


def decide(document: Document, *, owner: str) -> None:
    """Moves one received document on. Whatever is wrong with it ends in a status and a sentence."""
    now = timezone.now()
    if document.deaths > settings.MAX_DEATHS:
        ledger.fail(document, f"Its worker died {settings.MAX_DEATHS} times while reading it.", now=now, owner=owner)
        return
    try:
        if document.transmission.is_question:
            _asked_still(document, owner, now)
            return
        found = read(document)
        _split(document, found, now)
        if found.kind == Kind.UNSUPPORTED:
            _unsupported(document, found, owner, now)
            return
        paper = FLOWS[found.kind].unwrap(found.tree)
        _match(document, found, paper, owner, now)
    except Unreadable as error:
        ledger.fail(document, _sentence(error), now=now, owner=owner)
    except TypeConflict as error:
        asked = Difference("type_conflict", document.transmission.path, str(error))
        ledger.hold(document, [asked], now=now, owner=owner, looked_at=now)
    except (OperationalError, InterfaceError):
        raise  # our own database is away: the document is read again when it is back
    except Exception:  # a defect of ours parks its document instead of stopping all others; the log has the trace
        log.exception("%s failed", document)
        document.refresh_from_db()  # what was moved is undone, and it may show what never was
        ledger.fail(document, "A defect in the connector: see the log.", now=now, owner=owner)


def _sentence(error: Unreadable) -> str:
    """Readers say where and what; people get a sentence of it."""
    said = str(error)
    return said if said.endswith(".") else f"The paper cannot be read: {said}."


def _split(document: Document, found: Read, now: datetime) -> None:
    """The further papers of a file become documents of their own."""
    if document.part == 0 and document.kind != Kind.ORDER:
        for part in range(1, found.parts):
            ledger.add_part(document, part, kind=found.kind, now=now)


def _asked_still(document: Document, owner: str, now: datetime) -> None:
    """A question of the completeness ledger has no paper to read: a later look answers it, or a person does."""
    last = document.holds.latest("pk")
    ledger.hold(document, [Difference(last.cause, last.subject, last.sentence)], now=now, owner=owner, looked_at=now)


def _unsupported(document: Document, found: Read, owner: str, now: datetime) -> None:
    why = " ".join(found.warnings) or "It is a kind of document that is not handled here."
    asked = Difference("unsupported", document.transmission.path, f"{document.transmission.path}: {why}")
    changes: dict[str, Any] = {"kind": Kind.UNSUPPORTED, "content_hash": found.content_hash, "looked_at": now}
    ledger.hold(document, [asked], now=now, owner=owner, **changes)


def _match(document: Document, found: Read, paper: Any, owner: str, now: datetime) -> None:
    """The decision and what it was based on, in one transaction: two papers about one order follow one another."""
    flow = FLOWS[found.kind]
    summary: Summary = flow.describe(paper)
    with transaction.atomic():
        read_mappings(document.company)
        partner = _locked_partner(document, summary)
        orders = _locked_orders(document, summary)
        _locked_revisions(document)
        current = Document.objects.select_for_update(no_key=True).filter(pk=document.pk, lease_owner=owner).first()
        if current is None or current.status != Status.RECEIVED:
            return
        said = _said(found, summary, partner, now)
        for name, value in said.items():
            setattr(document, name, value)  # the facts are about the paper as it reads now
        facts = StoredFacts(document, orders, business_key=summary.business_key, now=now)
        verdict = judge(document, found.kind, paper, facts)
        lines = [DocumentLine(**columns_of(line)) for line in verdict.lines]
        ledger.describe(document, _named(summary, orders, verdict), lines, **said)
        _apply(document, verdict, facts, owner, now)


def judge(document: Document, kind: str, paper: Any, facts: StoredFacts) -> Verdict:
    """What the flow says to a paper, and what becomes of it when something is not known or patience is used up. Pure."""
    flow = FLOWS[kind]
    try:
        verdict: Verdict = flow.match(paper, document.company, facts)
    except MappingMissing as missing:
        return Asking([missing.difference])  # nobody can accept that something is not known
    except Rejected as error:
        return Asking([Difference("not_postable", flow.describe(paper).number, str(error))])
    if isinstance(verdict, Waiting) and facts.patience_over:
        return Asking([verdict.instead], verdict.lines)
    return verdict


def _locked_partner(document: Document, summary: Summary) -> TradingPartner | None:
    """Papers of one partner are decided one after another, also those about orders that nobody knows."""
    if document.kind == Kind.ORDER:
        order = document.company.orders.filter(number=document.number).select_related("supplier").first()
        return orders_flow.partner_of(order) if order else None
    partners = TradingPartner.objects.select_for_update(no_key=True).filter(
        company=document.company, trading_partner_id__iexact=summary.trading_partner_id.strip()
    )
    return partners.first()


def _locked_orders(document: Document, summary: Summary) -> list[Order]:
    """Also those that are not known: what comes of them now wakes this paper, once it waits for it."""
    numbers = [number.strip() for number in (*summary.order_numbers, *summary.associated)]
    lock_orders(document.company, numbers)
    locked = Order.objects.select_for_update(no_key=True).filter(company=document.company, number__in=numbers)
    return list(locked.order_by("pk"))


def _locked_revisions(document: Document) -> None:
    """What became of earlier revisions decides how this one goes: none of them moves until that is written down."""
    if document.kind == Kind.ORDER:
        list(_earlier_revisions(document).values_list("pk"))


def _said(found: Read, summary: Summary, partner: TradingPartner | None, now: datetime) -> dict[str, Any]:
    """The columns of a document that its paper fills."""
    said: dict[str, Any] = {
        "kind": found.kind,
        "content_hash": found.content_hash,
        "partner": partner,
        "trading_partner_id": partner.trading_partner_id if partner else summary.trading_partner_id,
        "number": summary.number,
        "date": summary.date,
        "amount": summary.amount,
        "currency": summary.currency,
        "business_key": summary.business_key,
        "looked_at": now,
    }
    if found.kind != Kind.ORDER:
        said["purpose"] = summary.purpose
    return fitting(Document, said)


def _named(summary: Summary, orders: Sequence[Order], verdict: Verdict) -> dict[str, Order | None]:
    """The orders that a paper names, with those of them that are known. What it only refers to counts where it is one,
    and while the paper is asked about: it may be the order that is missing, and its arrival the answer."""
    known = {order.number: order for order in orders}
    numbers = [number.strip() for number in summary.order_numbers]
    numbers += [number for number in summary.associated if number in known or isinstance(verdict, Asking)]
    return {number[:60]: known.get(number) for number in numbers if number}


def columns_of(line: PaperLine) -> dict[str, Any]:
    """The columns of a paper's line as it is kept."""
    columns = {name: getattr(line, name) for name in line.__dataclass_fields__ if name != "order_line"}
    return {**fitting(DocumentLine, columns), "order_line_id": line.order_line}


def _apply(document: Document, verdict: Verdict, facts: StoredFacts, owner: str, now: datetime) -> None:
    if not isinstance(verdict, Ignoring):
        settle_asked(document, now)
    if isinstance(verdict, Ready):
        _ready(document, verdict, facts, owner, now)
    elif isinstance(verdict, Waiting):
        until = document.created_at + timedelta(hours=settings.WAITING_PATIENCE_HOURS)
        ledger.move(document, Status.WAITING, now=now, owner=owner, reason=verdict.reason, due_at=until)
    elif isinstance(verdict, Ignoring):
        if verdict.instead_of and _gives_way(document, facts, owner, now):
            return
        progress = {**document.progress, **({"duplicate_of": verdict.duplicate_of} if verdict.duplicate_of else {})}
        ledger.ignore(document, verdict.reason, now=now, owner=owner, progress=progress)
    else:
        ledger.hold(document, verdict.differences, now=now, owner=owner)
    if isinstance(verdict, Ready | Asking):
        _answers(document, now)


def _ready(document: Document, verdict: Ready, facts: StoredFacts, owner: str, now: datetime) -> None:
    """Out it goes, unless an earlier one of the same number is still on its way."""
    if _gives_way(document, facts, owner, now) or _cancels_nothing(document, owner, now):
        return
    changes: dict[str, Any] = {"output": verdict.output}
    if document.kind == Kind.ORDER and document.progress.get("open"):
        changes = {}  # it may be out: it is looked for where it went, and repeated only as it was (sps.md §3.8)
    elif document.kind == Kind.ORDER:
        _note_purpose(document, facts, now)
        changes["progress"] = {**document.progress, **_destination(document)}
    ledger.move(document, Status.MATCHED, now=now, owner=owner, **changes)
    if document.kind == Kind.ORDER_ACK:
        _older_acknowledgments(document, now)


def _cancels_nothing(document: Document, owner: str, now: datetime) -> bool:
    """The order was cancelled while its first revision was on its way, and that one then did not arrive."""
    if document.kind != Kind.ORDER or document.purpose != "01":
        return False
    if any(one.status == Status.DELIVERED or one.progress.get("open") for one in _earlier_revisions(document)):
        return False
    ledger.ignore(document, f"Order {document.number} was cancelled before it went out.", now=now, owner=owner)
    return True


def _note_purpose(document: Document, facts: StoredFacts, now: datetime) -> None:
    """It was to replace a revision that then never arrived, or the other way round."""
    if facts.purpose == document.purpose:
        return
    arrived = "An earlier revision has gone out" if facts.purpose == "05" else "No earlier revision has gone out"
    told = {"purpose": facts.purpose, "was": document.purpose}
    ledger.note(document, "purpose", now=now, reason=f"{arrived}.", facts=told, purpose=facts.purpose)


def _gives_way(document: Document, facts: StoredFacts, owner: str, now: datetime) -> bool:
    """Waits while an earlier one of the same number may still arrive; those that never left are not sent any more."""
    earlier = _earlier(document, facts)
    under_way = [rival for rival in earlier if rival.status == Status.DELIVERING or _may_be_out(rival)]
    if under_way:
        reason = f"Document {under_way[0].pk} about the same is still being delivered."
        soon = under_way[0].status == Status.DELIVERING  # otherwise a person has to say first what became of it
        wait = settings.RETRY_FIRST_SECONDS if soon else settings.RETRY_LONGEST_SECONDS
        until = now + timedelta(seconds=wait)
        ledger.move(document, Status.WAITING, now=now, owner=owner, reason=reason, due_at=until)
        return True
    verb = "Cancelled" if document.purpose == "01" else "Replaced"
    for rival in earlier:
        if rival.status in NOT_SENT and not rival.output_ref and not rival.progress.get("open"):
            ledger.ignore(rival, f"{verb} by document {document.pk}.", now=now)
    return False


def _older_acknowledgments(document: Document, now: datetime) -> None:
    """What an acknowledgment asked may be answered by a newer one: older ones on the desk are looked at again."""
    numbers = list(document.orders.values_list("order_number", flat=True))
    held = Document.objects.filter(
        company=document.company, kind=Kind.ORDER_ACK, status=Status.HELD, orders__order_number__in=numbers
    )
    older = held.filter(Q(date=None) | Q(date__lte=document.date or now.date())).exclude(pk=document.pk).distinct()
    ledger.wake(older, f"Document {document.pk} is a newer acknowledgment of the same order.", now=now)


def _earlier(document: Document, facts: StoredFacts) -> list[Document]:
    """What this document follows: earlier revisions of an order, or the paper that it replaces or cancels."""
    if document.kind == Kind.ORDER:
        return list(_earlier_revisions(document))
    if document.purpose not in REPLACING:
        return []
    ids = [rival.id for rival in facts.rivals if not rival.same_content and rival.id < document.pk]
    return list(Document.objects.select_for_update(no_key=True).filter(pk__in=ids))


def _earlier_revisions(document: Document) -> QuerySet[Document]:
    return Document.objects.select_for_update(no_key=True).filter(
        company=document.company, kind=Kind.ORDER, number=document.number, revision__lt=document.revision
    )


def _may_be_out(rival: Document) -> bool:
    """Parked or held while a write was in doubt: nobody knows whether it went out, so nothing may follow it yet."""
    return bool(rival.progress.get("open")) and rival.status in NOT_SENT


def _destination(document: Document) -> dict[str, str]:
    sps = Connection.objects.filter(company=document.company, system=Connection.System.SPS)
    in_dir = sps.values_list("in_dir", flat=True).first()
    path = orders_flow.path_of("in/" if in_dir is None else in_dir, document.number, document.revision)
    return {"path": path, "number": document.number}


def _answers(document: Document, now: datetime) -> None:
    """The orders that this paper answers are no longer unanswered."""
    if document.kind == Kind.ORDER:
        return
    numbers = list(document.orders.values_list("order_number", flat=True))
    sent = Document.objects.filter(
        company=document.company, kind=Kind.ORDER, number__in=numbers, status=Status.DELIVERED, answered_at=None
    )
    for order in sent:
        ledger.note(order, "answered", now=now, facts={"document": document.pk}, answered_at=now)
