"""What arrived, what became of it, and the proof: documents, their lines, events, holds, decisions, HTTP exchanges."""

from audit.models.documents import QUESTION, Document, DocumentLine, DocumentOrder, Kind, Status, Transmission
from audit.models.holds import ACCEPTABLE, AS_EXPENSE, Cause, Decision, Hold
from audit.models.trail import Event, Exchange

__all__ = [
    "ACCEPTABLE",
    "AS_EXPENSE",
    "QUESTION",
    "Cause",
    "Decision",
    "Document",
    "DocumentLine",
    "DocumentOrder",
    "Event",
    "Exchange",
    "Hold",
    "Kind",
    "Status",
    "Transmission",
]
