"""What people have accepted about a document, and how far that reaches: for its content, and no further than they saw."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, InvalidOperation

from audit.models import ACCEPTABLE, AS_EXPENSE, Cause, Document
from mapping.matching import Difference

RUNNING = (Cause.OVER_SHIPPED, Cause.OVER_INVOICED, Cause.QUANTITY)  # found over all papers of an order line


class Accepted:
    """The decisions about a document as it reads now."""

    def __init__(self, document: Document) -> None:
        self._seen: dict[tuple[str, str], list[str]] = defaultdict(list)
        decisions = document.decisions.filter(content_hash=document.content_hash)
        for cause, subject, accepted in decisions.values_list("cause", "subject", "accepted"):
            self._seen[cause, subject].append(accepted)

    @property
    def as_expense(self) -> bool:
        """Whether it is to be booked as expense, whatever it does not fit."""
        return any(AS_EXPENSE in accepted for accepted in self._seen.values())

    def covers(self, difference: Difference) -> bool:
        """Whether a person has accepted this difference, and saw no less of it than there is by now."""
        seen = self._seen.get((difference.cause, difference.subject[:200]), [])
        return difference.cause in ACCEPTABLE and any(_reaches(accepted, difference) for accepted in seen)


def _reaches(accepted: str, difference: Difference) -> bool:
    """A total grows by other papers too: what was accepted goes as far as it was shown."""
    found = str(difference.facts.get("found", ""))
    if accepted in ("", found, AS_EXPENSE) or difference.cause not in RUNNING:
        return True
    try:
        return Decimal(found) <= Decimal(accepted)
    except InvalidOperation:
        return False
