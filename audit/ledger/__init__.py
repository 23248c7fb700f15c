"""The only hand that writes documents and events.

A move is a conditional UPDATE plus an Event in one transaction; False means that someone else has the document: let go.
"""

from audit.ledger.arrivals import add_part, describe, keep, removed_at_source, store
from audit.ledger.leases import begin, begin_delivery, claim, release, remember, renew, rest
from audit.ledger.links import MACHINE
from audit.ledger.moves import LEAVES_TO, decide, fail, hold, ignore, move, note, reopen, replay, wake

__all__ = [
    "LEAVES_TO",
    "MACHINE",
    "add_part",
    "begin",
    "begin_delivery",
    "claim",
    "decide",
    "describe",
    "fail",
    "hold",
    "ignore",
    "keep",
    "move",
    "note",
    "release",
    "remember",
    "removed_at_source",
    "renew",
    "reopen",
    "replay",
    "rest",
    "store",
    "wake",
]
