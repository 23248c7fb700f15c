"""Change rehearsal: which documents of the last days would have ended differently with a proposed mapping or tolerance.

The change is made in transactions that are always rolled back; the pure decisions are taken before and after it, and what
differs is told. Nothing is written, nobody is called. On SQLite such a transaction keeps other writers out: they are short.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import models, transaction

from audit.models import Document, DocumentLine, Kind, Status
from connector.concern import concerned
from connector.errors import TypeConflict, Unreadable
from connector.facts import ON_THE_ROAD, FactsOfThen
from connector.flows.verdict import Ignoring, PaperLine, Ready, Summary, Verdict, Waiting
from connector.pipeline.deciding import columns_of, judge
from connector.pipeline.reading import FLOWS, read
from mapping.models import Company, Order, OrderLine

MOST_DOCUMENTS = 2_000
MOST_SECONDS = 20.0
LOCKED_SECONDS = 0.6  # of one transaction: a writer that waits for it hardly notices
PAUSE_SECONDS = 0.1  # between two of them: SQLite's writers look every 100 ms whether it is their turn
READ_AT_ONCE = 25
PROPOSED = -1  # key of a row that does not exist yet: no sequence is advanced for it


@dataclass(frozen=True)
class Change:
    """A row as it would be saved, or one that would be deleted. A new row has no key."""

    row: models.Model
    delete: bool = False


@dataclass(frozen=True)
class End:
    """How a document ends: `matched` stands for going out, and for all that follows it. Causes with their subjects."""

    status: str
    causes: frozenset[tuple[str, str]] = frozenset()
    reason: str = ""
    output: bytes = b""

    def is_like(self, other: End) -> bool:
        return (self.status, self.causes) == (other.status, other.causes)


@dataclass(frozen=True)
class Different:
    """A document that would have ended differently. `amount` is None where nobody knows what it is worth."""

    document: int
    kind: str
    number: str
    partner: str
    was: str
    was_causes: tuple[str, ...]
    would_be: str
    causes: tuple[str, ...]
    why: str
    other_content: bool
    amount: Decimal | None
    currency: str


@dataclass(frozen=True)
class Rehearsal:
    """What a change would have meant. `left` documents were not looked at, because there were too many."""

    days: int
    examined: int
    left: int
    different: tuple[Different, ...]
    seconds: float

    @property
    def totals(self) -> dict[str, Decimal]:
        """The money in the documents that differ, by currency; those of unknown worth are not in it."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.different:
            if row.amount is not None:
                sums[row.currency] += row.amount
        return dict(sorted(sums.items()))

    @property
    def without_amount(self) -> int:
        return sum(row.amount is None for row in self.different)


@dataclass(frozen=True)
class _Paper:
    document: Document
    kind: str
    paper: Any
    summary: Summary


def rehearse(
    changes: Sequence[Change], *, days: int, now: datetime, most: int = MOST_DOCUMENTS, seconds: float = MOST_SECONDS
) -> Rehearsal:
    """The newest `most` documents, oldest first as a sweep decides them, until none is left or the time is used up.

    What the change frees counts for those decided after it: three that wait for one item do not all fit an order.
    Raises IntegrityError or ProtectedError when the change itself cannot be made.
    """
    began = time.monotonic()
    for place, change in enumerate(changes):
        if change.row.pk is None:
            change.row.pk = PROPOSED - place
    ids = concerned([(change.row, change.delete) for change in changes], now - timedelta(days=days))
    todo, examined = ids[:most][::-1], 0
    pending: list[_Paper] = []
    different: list[Different] = []
    freed: list[DocumentLine] = []
    while True:
        if not pending:
            chunk, todo = todo[:READ_AT_ONCE], todo[READ_AT_ONCE:]
            pending = _read(chunk)
            examined += len(chunk) - len(pending)
        judged = _differences(changes, pending, freed, now)
        different += [row for row in judged if row is not None]
        pending, examined = pending[len(judged) :], examined + len(judged)
        if not (pending or todo) or time.monotonic() - began > seconds:
            break
        time.sleep(PAUSE_SECONDS)
    return Rehearsal(days, examined, len(ids) - examined, tuple(reversed(different)), time.monotonic() - began)


def _read(ids: Sequence[int]) -> list[_Paper]:
    """The papers of these documents, oldest first; what cannot be read is decided by no mapping."""
    papers = []
    rows = Document.objects.filter(pk__in=ids).select_related("transmission", "company", "partner").order_by("pk")
    for document in rows:
        try:
            found = read(document)
            if found.kind == Kind.UNSUPPORTED:
                continue
            paper = FLOWS[found.kind].unwrap(found.tree)
        except (Unreadable, TypeConflict):
            continue
        summary: Summary = FLOWS[found.kind].describe(paper)
        document.kind, document.content_hash = found.kind, found.content_hash
        if found.kind != Kind.ORDER:
            document.purpose = summary.purpose[:3]
        papers.append(_Paper(document, found.kind, paper, summary))
    return papers


def _differences(
    changes: Sequence[Change], papers: Sequence[_Paper], freed: list[DocumentLine], now: datetime
) -> list[Different | None]:
    """As many of the papers as one short transaction allows, one answer each. Always rolled back.

    Only what would not end as it stands is judged without the change too: the difference may have come since. Lines of
    what would be freed are added to `freed`.
    """
    with_it: list[Verdict] = []
    end = time.monotonic() + LOCKED_SECONDS / 2
    with transaction.atomic():
        with transaction.atomic():
            _make(changes)
            for paper in papers:
                with_it.append(_judge(paper, now, freed))
                freed += _freed(paper.document, with_it[-1])
                if time.monotonic() > end:
                    break
            transaction.set_rollback(True)
        found = [_compare(paper, after, now) for paper, after in zip(papers, with_it, strict=False)]
        transaction.set_rollback(True)
    return found


def _make(changes: Sequence[Change]) -> None:
    """Copies are saved, so that the same change can be made again in the next transaction."""
    for change in changes:
        row = copy.copy(change.row)
        row.skip_history_when_saving = True  # type: ignore[attr-defined]  # read by simple_history
        if change.delete:
            row.delete()
        else:
            row.save(force_insert=row._state.adding, force_update=not row._state.adding)


def _freed(document: Document, verdict: Verdict) -> list[DocumentLine]:
    """What a paper that rests would say from the road."""
    if not isinstance(verdict, Ready) or document.status in ON_THE_ROAD:
        return []
    out = copy.copy(document)
    out.status = Status.MATCHED
    return [DocumentLine(document=out, **columns_of(line)) for line in verdict.lines]


def _judge(paper: _Paper, now: datetime, freed: Sequence[DocumentLine] = ()) -> Verdict:
    """The decision that the pipeline would take, and nothing else of it."""
    document, summary = paper.document, paper.summary
    document.company = Company.objects.get(pk=document.company_id)  # its tolerances may be what changes
    numbers = [number.strip() for number in (*summary.order_numbers, *summary.associated)]
    orders = list(Order.objects.filter(company=document.company, number__in=numbers).order_by("pk"))
    facts = FactsOfThen(document, orders, business_key=summary.business_key, now=now)
    if document.status not in ON_THE_ROAD:  # those were decided before any of these
        facts.count_in([line for line in freed if line.order_number in numbers])
    return judge(document, paper.kind, paper.paper, facts)


def _compare(paper: _Paper, after: Verdict, now: datetime) -> Different | None:
    """None where the change makes no difference to how the document stands now.

    What was ignored although it could have gone out was so by a person, or was replaced: no mapping brings it back.
    """
    stands, with_it = _stands(paper.document), _end(after)
    if stands == with_it or (stands.is_like(with_it) and not with_it.output):
        return None
    before = _judge(paper, now)
    without = _end(before)
    same_end = without.is_like(with_it)
    if same_end and without.output == with_it.output:
        return None
    if stands.status == Status.IGNORED and without.status != Status.IGNORED:
        return None
    if stands.is_like(with_it) and not same_end:
        return None
    return _difference(paper, stands, with_it, [*after.lines] or [*before.lines], same_end)


def _stands(document: Document) -> End:
    if document.status in ON_THE_ROAD:
        return End(Status.MATCHED, output=bytes(document.output))
    holds = document.holds.filter(closed_at=None).values_list("cause", "subject")
    return End(document.status, frozenset(holds) if document.status == Status.HELD else frozenset())


def _end(verdict: Verdict) -> End:
    if isinstance(verdict, Ready):
        return End(Status.MATCHED, output=verdict.output)
    if isinstance(verdict, Waiting):
        return End(Status.WAITING, reason=verdict.reason)
    if isinstance(verdict, Ignoring):
        return End(Status.IGNORED, reason=verdict.reason)
    causes = frozenset((one.cause, one.subject[:200]) for one in verdict.differences)
    return End(Status.HELD, causes, " ".join(one.sentence for one in verdict.differences))


def _difference(paper: _Paper, stands: End, end: End, lines: Sequence[PaperLine], other_content: bool) -> Different:
    document = paper.document
    amount, currency = _money(paper, lines)
    return Different(
        document=document.pk,
        kind=document.kind,
        number=paper.summary.number,
        partner=document.partner.trading_partner_id if document.partner else document.trading_partner_id,
        was=document.status,
        was_causes=_names(stands),
        would_be=document.status if other_content and document.status in ON_THE_ROAD else end.status,
        causes=_names(end),
        why=end.reason or ("Other figures or numbers would have been sent." if other_content else ""),
        other_content=other_content,
        amount=amount,
        currency=currency,
    )


def _names(end: End) -> tuple[str, ...]:
    return tuple(sorted({cause for cause, _ in end.causes}))


def _money(paper: _Paper, lines: Sequence[PaperLine]) -> tuple[Decimal | None, str]:
    """What the paper says it is worth, else its quantities at the order's prices."""
    keys = [line.order_line for line in lines if line.order_line]
    ordered = OrderLine.objects.filter(pk__in=keys).select_related("order").in_bulk()
    currencies = {line.order.currency for line in ordered.values()}
    currency = paper.summary.currency or (currencies.pop() if len(currencies) == 1 else "")
    if paper.summary.amount is not None:
        return paper.summary.amount, currency
    if not ordered or not currency:
        return None, ""
    worth = (_quantity(line) * ordered[line.order_line].unit_cost for line in lines if line.order_line in ordered)
    return sum(worth, Decimal(0)).quantize(Decimal("0.01")), currency


def _quantity(line: PaperLine) -> Decimal:
    return max(line.shipped, line.invoiced, line.confirmed + line.backordered + line.rejected)
