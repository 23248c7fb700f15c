"""Reading both systems: each stream has a cursor that moves only after what it passed is stored, and a lease of its own."""

from connector.polling.reading import poll
from connector.polling.stream import Polled, Stream
from connector.polling.turns import STREAMS, WAKE_GAP, due, is_due, note_seen, seconds_left, streams_of, wake

__all__ = [
    "STREAMS",
    "WAKE_GAP",
    "Polled",
    "Stream",
    "due",
    "is_due",
    "note_seen",
    "poll",
    "seconds_left",
    "streams_of",
    "wake",
]
