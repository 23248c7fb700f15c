"""What a look at both sides finds: figures by what became of orders and files, and a person's question for the rest."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.models import QUESTION, Cause, Document, Kind, Status
from mapping.matching import Difference
from mapping.models import Company

UNEXPLAINED = "unexplained"
ANSWERED = "It is accounted for now."
ENDS = {  # of a document; of several papers in a file the one that stands last here counts
    Status.DELIVERED: "delivered",
    Status.IGNORED: "ignored",
    Status.RECEIVED: "under_way",
    Status.MATCHED: "under_way",
    Status.DELIVERING: "under_way",
    Status.WAITING: "waiting",
    Status.HELD: "held",
    Status.FAILED: "failed",
}
URGENCY = [str(status) for status in ENDS]


@dataclass
class Account:
    """Figures by what became of orders and files; sentences for what nobody can explain and for what was caught up."""

    since: date | None
    orders: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    """What a person was asked about by an earlier look, with the status of that question."""
    problem: str = ""
    """What this look could not see."""

    @property
    def total(self) -> int:
        return self.orders.total() + self.files.total()

    @property
    def figures(self) -> dict[str, dict[str, int]]:
        return {"orders": dict(sorted(self.orders.items())), "files": dict(sorted(self.files.items()))}


def end_of(status: str, delivered: str) -> str:
    end = ENDS[Status(status)]
    return delivered if end == "delivered" else end


def ask(company: Company, subject: str, what: str, figures: Counter[str], found: Account) -> None:
    """Held for a person, once; a person who says why it is well makes it one that is ignored with a reason."""
    sentence = f"{subject[:1].upper()}{subject[1:]} {what}."
    with transaction.atomic():  # a sweep must not take the note for a paper
        content = json.dumps({"unexplained": subject}).encode()
        now = timezone.now()
        note, new = ledger.store(company, QUESTION + subject, content, kind=Kind.UNSUPPORTED, now=now)
        if note.status == Status.IGNORED and note.reason == ANSWERED:
            new = ledger.replay(note, now=now, actor=ledger.MACHINE, reason="It is asked again.")
        if new:
            ledger.hold(note, [Difference(Cause.IN_DOUBT, subject, sentence)], now=now)
    if note.status == Status.IGNORED:
        figures["ignored"] += 1
        return
    figures[UNEXPLAINED] += 1
    found.unexplained.append(sentence)


def no_longer(company: Company, subject: str, found: Account) -> None:
    """It has come after all: the question is answered."""
    if found.asked.get(subject) == Status.HELD:
        note = Document.objects.get(company=company, transmission__path=QUESTION + subject)
        if note.status == Status.HELD:  # nobody has answered it meanwhile
            ledger.ignore(note, ANSWERED, now=timezone.now())


def asked(company: Company) -> dict[str, str]:
    """What was asked about by earlier looks, and whether the question is still open."""
    notes = Document.objects.filter(company=company, kind=Kind.UNSUPPORTED, transmission__path__startswith=QUESTION)
    return {path.removeprefix(QUESTION): status for path, status in notes.values_list("transmission__path", "status")}
