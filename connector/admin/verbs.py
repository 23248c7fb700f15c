"""The verbs that pages call, one document after the other: what happened to each is told in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.utils import timezone

from audit import ledger
from audit.models import Document
from connector import pipeline
from connector.errors import ConnectorError
from connector.replays import replay_one
from connector.wakeups import wake_workers
from mapping.lookup import MappingMissing
from mapping.models import Order

AT_ONCE = 2_000
NAMED = 10


@dataclass
class Outcome:
    """What was done, by name, and what was not, with the sentence that says why."""

    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def tell(self, request: HttpRequest, verb: str) -> None:
        """One message for what was done, one for each refusal; long lists are cut and say so."""
        if self.done:
            more = f" and {len(self.done) - NAMED} more" if len(self.done) > NAMED else ""
            messages.success(request, f"{len(self.done)} {verb}: {', '.join(self.done[:NAMED])}{more}.")
        for sentence in self.refused[:NAMED]:
            messages.error(request, sentence)
        if len(self.refused) > NAMED:
            messages.error(request, f"{len(self.refused) - NAMED} more were not {verb}.")


def replay(documents: Iterable[Document], *, actor: str, reason: str) -> Outcome:
    """Back to received, each; the workers are woken."""
    now = timezone.now()

    def moved(document: Document) -> str:
        return replay_one(document, actor=actor, reason=reason, now=now).why

    return _each(documents, moved)


def ignore(documents: Iterable[Document], *, actor: str, reason: str) -> Outcome:
    """Not delivered, each, and why."""
    now = timezone.now()

    def moved(document: Document) -> str:
        done = ledger.ignore(document, reason, now=now, actor=actor)
        return "" if done else f"{document} was moved by another hand at the same moment."

    return _each(documents, moved)


def send(orders: Iterable[Order], *, actor: str) -> Outcome:
    """The backfill by hand: each order goes out, whatever its date."""
    outcome, now = Outcome(), timezone.now()
    for order in orders:
        try:
            document = pipeline.send_order(order, actor=actor, now=now)
        except (ConnectorError, MappingMissing, ValueError) as error:
            outcome.refused.append(f"Order {order.number}: {error}")
        else:
            outcome.done.append(f"order {order.number} ({document.get_status_display()})")
    wake_workers()
    return outcome


def _each(documents: Iterable[Document], verb: Callable[[Document], str]) -> Outcome:
    """`verb` returns why it did not happen, or nothing."""
    outcome = Outcome()
    for document in documents:
        try:
            why = verb(document)
        except (ValueError, ObjectDoesNotExist) as error:
            why = str(error)
        if why:
            outcome.refused.append(why)
        else:
            outcome.done.append(str(document))
    wake_workers()
    return outcome
