"""Every purchase order that Visma lists, and every one that we sent: what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import mirror
from connector.completeness.figures import UNEXPLAINED, Account, ask, end_of, no_longer
from connector.errors import NotFound, Transient
from connector.flows import orders as orders_flow
from connector.flows.verdict import Clients
from connector.http import lossless
from connector.pipeline import orders_arrived, revise
from connector.pipeline.outgoing import never_left, would_go
from connector.visma.schemas import PurchaseOrderDto, Row
from connector.visma.window import Window
from mapping.models import CANCELLED, Company

OUT = (Status.DELIVERED, Status.DELIVERING)
DELETED = "deleted "


def listed_orders(both: Clients, since: date | None) -> Window[PurchaseOrderDto]:
    """What identifies each order, and the hash of all of it. Raises Transient when the list does not hold still."""
    stamp = f"{since - timedelta(days=1):%Y-%m-%dT00:00:00}" if since else None
    return both.visma.orders(stamp, _head).settled("purchase orders")


def account_orders(
    company: Company, both: Clients, window: Window[PurchaseOrderDto], found: Account, *, lost: set[str]
) -> None:
    """`lost`: numbers of orders that we posted and SPS knows nothing of."""
    known = dict(company.orders.values_list("number", "content_hash"))
    for row in _looked_at(window, found):
        if known.get(row.dto.order_nbr) != row.raw["hash"] or _may_go(company, row.dto):
            _catch_up(company, both, row, known.get(row.dto.order_nbr), found)
    last = _last_documents(company)
    for row in _looked_at(window, found):
        _count(company, row.dto, last.get(row.dto.order_nbr), found, lost=lost)
    for _, why in window.unreadable:
        ask(company, why.partition(" cannot be read")[0], f"cannot be read: {why}", found.orders, found)
    listed = {row.dto.order_nbr for row in window.rows}
    listed |= {str(raw.get("orderNbr")) for raw, _ in window.unreadable if isinstance(raw, dict)}
    missing = _ours(company, found) - listed
    if not listed and len(missing) > 1:  # a wrong company shows empty lists and no error (visma.md §1)
        raise Transient(
            f"Visma lists no purchase order at all, and {len(missing)} are known here: see whether the connection is still to"
            " the right company. Nothing was accounted for."
        )
    for number in sorted(missing):
        _count_unlisted(company, both, number, last[number], found)


def _looked_at(window: Window[PurchaseOrderDto], found: Account) -> Iterator[Row[PurchaseOrderDto]]:
    for row in window.rows:
        if found.since is None or row.dto.date is None or row.dto.date >= found.since:
            yield row


def _head(raw: dict[str, object]) -> dict[str, object]:
    """Of a row what says which order it is and whether it goes out, and the hash of all of it."""
    names = ("orderType", "orderNbr", "status", "hold", "date", "lastModifiedDateTime")
    return {name: raw[name] for name in names if name in raw} | {"hash": mirror.hash_of(raw)}


def _may_go(company: Company, head: PurchaseOrderDto) -> bool:
    """Whether it, or its cancellation, could be for the supplier to see; the head alone cannot say more."""
    return head.status in CANCELLED or _not_sent(company, head) in ("before_go_live", UNEXPLAINED)


def _catch_up(company: Company, both: Clients, row: Row[PurchaseOrderDto], known: str | None, found: Account) -> None:
    """An order that a poll has missed, or one that should have gone out, is put right at once."""
    number = row.dto.order_nbr
    try:
        fresh = [both.visma.order(number)[0]] if known != row.raw["hash"] else []
    except NotFound:
        return  # deleted since it was listed
    with transaction.atomic():
        if mirror.orders(company, fresh):
            orders_arrived(company, [number], now=timezone.now())
        # should the record alone differ from its row in lists, it is the row that tells the next look whether it has changed
        company.orders.filter(number=number).update(content_hash=row.raw["hash"])
        order = company.orders.filter(number=number).first()
        if order and would_go(order, by_hand=False) and (document := revise(order, now=timezone.now())):
            found.caught.append(f"Order {number} had not gone out as it stands: revision {document.revision} is made.")


def _last_documents(company: Company) -> dict[str, str]:
    """The status of the last revision of each order."""
    rows = Document.objects.filter(company=company, kind=Kind.ORDER, revision__gt=0).order_by("revision")
    return dict(rows.values_list("number", "status"))


def _count(company: Company, head: PurchaseOrderDto, status: str | None, found: Account, *, lost: set[str]) -> None:
    end = end_of(status, "sent") if status else _not_sent(company, head)
    subject, what = f"order {head.order_nbr}", ""
    if end == UNEXPLAINED and _is_empty(company, head.order_nbr):
        end = "empty"
    if end == UNEXPLAINED:
        what = f"is {head.status} in Visma and should have gone out, but there is no document of it"
    elif end == "sent" and head.order_nbr in lost:
        what = "was sent, but neither SPS's mailbox nor its history shows the file: ask SPS whether the supplier has it"
    no_longer(company, DELETED + subject, found)
    if what:
        ask(company, subject, what, found.orders, found)
    else:
        found.orders[end] += 1
        no_longer(company, subject, found)


def _not_sent(company: Company, head: PurchaseOrderDto) -> str:
    """Why an order without a document never went out."""
    if head.order_type not in orders_flow.TYPES:
        return "another_type"
    if head.status in CANCELLED:
        return "cancelled"
    if head.hold or head.status not in ("Open", *company.order_statuses):
        return "not_open"
    return "before_go_live" if head.date and head.date < company.orders_from else UNEXPLAINED


def _is_empty(company: Company, number: str) -> bool:
    """Whether the supplier would be asked for nothing: no line, or cancelled ones and text only."""
    row = bytes(company.orders.filter(number=number).values_list("row", flat=True).first() or b"")
    return bool(row) and orders_flow.is_emptied(orders_flow.unwrap(lossless.read(row)))


def _ours(company: Company, found: Account) -> set[str]:
    """The orders that we have documents of, of the days that are looked at."""
    documents = Document.objects.filter(company=company, kind=Kind.ORDER, revision__gt=0)
    dated = documents.filter(date__gte=found.since) if found.since else documents
    return set(dated.values_list("number", flat=True))


def _count_unlisted(company: Company, both: Clients, number: str, status: str, found: Account) -> None:
    """Lists and deltas never show a deleted order (visma.md §3): only its own address says that it is gone, by 404."""
    revisions = Document.objects.filter(company=company, kind=Kind.ORDER, number=number, revision__gt=0)
    out = revisions.filter(status__in=OUT).order_by("-revision").first()
    subject = f"{DELETED}order {number}"
    if out is None and status == Status.IGNORED:
        found.orders["ignored"] += 1
    elif out is not None and out.purpose == "01":
        found.orders["cancelled"] += 1
    elif subject not in found.asked and _is_there(both, number):
        found.orders[end_of(status, "sent")] += 1
    elif out is not None:
        what = "went to the supplier and is deleted in Visma: cancel it with the supplier, or enter it again"
        ask(company, subject, what, found.orders, found)
    else:
        _never_goes(list(revisions), number)
        found.orders["deleted"] += 1


def _is_there(both: Clients, number: str) -> bool:
    try:
        both.visma.order(number)
    except NotFound:
        return False
    return True


def _never_goes(revisions: list[Document], number: str) -> None:
    """What has not gone out yet would ask for goods that nobody wants; a person may still replay it."""
    for document in revisions:
        if never_left(document):
            ledger.ignore(document, f"Order {number} was deleted in Visma before it went out.", now=timezone.now())
