"""A delivery under way: its lease, and what is known of it, kept in the row before and after each write (house rule 3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit import ledger
from audit.models import Document, DocumentLine, Kind, Status
from connector.errors import Busy, LeaseLost, Unsettled
from connector.models import Cursor
from mapping.models import Order

ANY_ZONE = timedelta(hours=16)
"""No wall clock on earth is further behind UTC's."""


class LeasedWork:
    """One attempt, as its flow sees it (`flows.verdict.Work`). `lag`: for how long 'not found' proves nothing."""

    def __init__(self, document: Document, owner: str, lag: timedelta) -> None:
        self.document = document
        self.owner = owner
        self.lag = lag
        self.key = document.key
        self.output = bytes(document.output)
        self.source = document.source
        self.source_name = document.transmission.path.rpartition("/")[2][-100:] or "paper"
        self.form = "xml" if document.source.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" else "json"
        self.since = str(document.progress.get("since", ""))
        self.now = timezone.now()
        self.began = _moment(document.progress.get("began")) or self.now
        self.settled = self.settles_at is None or self.now >= self.settles_at
        self.wrote = False

    @classmethod
    def taken_up(cls, document: Document, owner: str, lag: timedelta) -> LeasedWork:
        """The next attempt. When the first one began, and what Visma had shown by then, is kept for all of them."""
        known = document.progress
        now = timezone.now()
        began = {
            "began": known.get("began") or now.isoformat(),
            "since": known["since"] if known.get("began") else _since(document, now),
            "taken": _taken(document),
        }
        if any(known.get(name) != value for name, value in began.items()):
            ledger.remember(document, owner=owner, **began)
        return cls(document, owner, lag)

    @property
    def progress(self) -> dict[str, Any]:
        """What is known so far."""
        known: dict[str, Any] = self.document.progress
        return known

    @property
    def in_doubt(self) -> bool:
        """Whether a write may have happened whose outcome is not known."""
        return bool(self.progress.get("open"))

    @property
    def needs_find(self) -> bool:
        """Whether an earlier attempt may have left something over there."""
        return any(self.progress.get(name) for name in ("open", "receipt", "invoice", "look_first"))

    @property
    def settles_at(self) -> datetime | None:
        """When 'not found' proves absence; None when no write is in doubt (house rule 3)."""
        if not self.in_doubt:
            return None
        ended = _moment(self.progress.get("doubt_at"))
        if ended is None:  # a crash: the call may have run until its time-out
            began = _moment(self.progress.get("called_at")) or timezone.now()
            ended = began + timedelta(seconds=settings.REQUEST_TIMEOUT_SECONDS)
        return ended + self.lag

    def outstanding(self) -> set[tuple[str, int]]:
        """Order and number of order lines of which another ship notice is known that stands on no receipt yet."""
        ours = self.document.lines.exclude(order_line=None).values("order_line")
        others = DocumentLine.objects.filter(order_line__in=ours, shipped__gt=0).exclude(document=self.document)
        waiting = others.exclude(document__status__in=(Status.DELIVERED, Status.IGNORED))
        return set(waiting.values_list("order_line__order__number", "order_line__number"))

    def take_turn(self) -> None:
        """Raises Busy while another document of the same order is being received. LeaseLost.

        Of two that have begun (a person has sent a held one on) the older goes first.
        """
        with transaction.atomic():
            ours = list(self.document.orders.exclude(order=None).values_list("order", flat=True))
            list(Order.objects.select_for_update(no_key=True).filter(pk__in=ours).order_by("pk").values_list("pk"))
            begun = Document.objects.filter(
                orders__order__in=ours, status__in=(Status.MATCHED, Status.DELIVERING), progress__receiving=True
            ).exclude(pk=self.document.pk)
            first = (begun.filter(pk__lt=self.document.pk) if self.progress.get("receiving") else begun).first()
            if first:
                raise Busy(
                    f"{first.kind} {first.number} of the same order is being received just now; this one follows.",
                    retry_after=settings.RETRY_FIRST_SECONDS,
                )
            self.remember(receiving=True)

    def renew(self) -> None:
        """Before every call, reads too, in the moment that it leaves. Raises LeaseLost."""
        now, seconds = timezone.now(), settings.LEASE_SECONDS
        # getting a token may have taken its time since `before_call`
        called = {"called_at": now.isoformat()} if self.wrote else {}
        if not ledger.renew(self.document, owner=self.owner, seconds=seconds, now=now, **called):
            raise LeaseLost(f"{self.document} was taken over by another worker.")

    def before_call(self) -> None:
        """Notes that a write is about to leave. Raises LeaseLost.

        A flow comes here only when what an earlier attempt left in doubt was found, is proven absent, or may be
        repeated without harm; so from here on the doubt is about this write.
        """
        self.wrote = True
        self.remember(called_at=timezone.now().isoformat(), open=True, doubt_at="")

    def remember(self, **progress: Any) -> None:
        """Keeps what is now known for whoever continues. Raises LeaseLost."""
        if not ledger.remember(self.document, owner=self.owner, **progress):
            raise LeaseLost(f"{self.document} was taken over by another worker.")

    def must_be_settled(self, otherwise: str) -> None:
        """Raises Unsettled while an earlier attempt may still show up."""
        if not self.settled:
            raise Unsettled(otherwise)

    def did_not_happen(self) -> None:
        """The last write of this attempt certainly did not happen. What earlier attempts left in doubt stays so."""
        if self.wrote:
            ledger.remember(self.document, owner=self.owner, open=False)


def _since(document: Document, now: datetime) -> str:
    """From when on what we make now can be seen (visma.md §8): the highest stamp that Visma has shown so far.

    One that lies ahead of our own clock would hide it: Visma's clock may have been wrong for a moment. Stamps have no zone
    (visma.md §3), hence the hours.
    """
    stream = "invoices" if document.kind == Kind.INVOICE else "receipts"
    cursor = Cursor.objects.filter(connection__company=document.company, stream=stream).first()
    ours = (now - ANY_ZONE).strftime("%Y-%m-%dT%H:%M:%S")
    return min(cursor.value, ours) if cursor and cursor.value else ""


def _taken(document: Document) -> list[str]:
    """Bookings of other documents of the same number, half-made ones too: never mistaken for ours."""
    same = Q(number=document.number)
    if document.business_key:
        same |= Q(business_key=document.business_key)  # the same in other letters
    others = Document.objects.filter(same, company=document.company, kind=document.kind)
    rows = others.exclude(pk=document.pk).values_list("output_ref", "progress")
    refs = {made for ref, known in rows for made in (ref, known.get("receipt"), known.get("invoice"))}
    return sorted(ref for ref in refs if ref)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
