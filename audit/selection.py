"""Which documents are meant: the selectors that the commands and the API share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from audit.models import Document, DocumentOrder, Hold, Kind
from mapping.models import Company

LARGEST_ID = 2**63 - 1  # SQLite refuses to look for a larger one


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is not said does not narrow. `documents` are ids, `order` and `number` as the papers write them."""

    company: Company | None = None
    documents: Sequence[int] = ()
    statuses: Sequence[str] = ()
    kind: str = ""
    cause: str = ""
    partner: str = ""
    order: str = ""
    number: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def find(self) -> QuerySet[Document]:
        """The documents, oldest first, without their bytes; fit for `summary`."""
        return rows(Document.objects.filter(self._narrowed())).order_by("created_at", "pk")

    def _narrowed(self) -> Q:
        """Only what was said. A cause is looked for among the open holds too: the document names but the first."""
        said = [
            self.company and Q(company=self.company),
            self.documents and Q(pk__in=[pk for pk in self.documents if abs(pk) <= LARGEST_ID]),
            self.statuses and Q(status__in=self.statuses),
            self.kind and Q(kind=self.kind),
            self.cause and with_cause(self.cause),
            self.partner and of_partner(self.partner),
            self.order and of_order(self.order),
            self.number and Q(number=self.number),
            self.since and Q(created_at__gte=self.since),
            self.until and Q(created_at__lt=self.until),
        ]
        narrowed = Q()
        for part in said:
            narrowed &= part or Q()
        return narrowed


def with_cause(cause: str) -> Q:
    """Held for this cause, be it the first or a further one."""
    return Q(cause=cause) | Q(pk__in=Hold.objects.filter(cause=cause, closed_at=None).values("document"))


def of_partner(trading_partner_id: str) -> Q:
    """The partner's documents, also where the paper names one that is not mapped."""
    if "\x00" in trading_partner_id:  # which PostgreSQL refuses to look for
        return Q(pk__in=())
    unmapped = Q(partner=None, trading_partner_id=trading_partner_id)
    return Q(partner__trading_partner_id=trading_partner_id) | unmapped


def of_order(number: str) -> Q:
    """The order itself and whatever is about it."""
    about = DocumentOrder.objects.filter(order_number=number).values("document")
    return Q(pk__in=about) | Q(kind=Kind.ORDER, number=number)


def rows(documents: QuerySet[Document]) -> QuerySet[Document]:
    """As lists need them: company, partner, path and order numbers in two queries, and no bytes."""
    numbers = Prefetch("orders", queryset=DocumentOrder.objects.order_by("order_number"))
    return (
        documents.select_related("company", "partner", "transmission")
        .defer("output", "progress", "transmission__content")
        .prefetch_related(numbers)
    )
