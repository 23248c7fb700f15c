"""Calls per delivered document, counted from the exchange log: its own deliveries, and the file that it came in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from audit.models import Document, Exchange, Kind, Status, Transmission

DATA = "/sps/transactions/v5/data"


@dataclass(frozen=True)
class Floor:
    """The fewest calls that the other sides allow when nothing fails."""

    sps: int
    visma: int


FLOORS = {
    Kind.ORDER: Floor(1, 0),
    Kind.ORDER_ACK: Floor(2, 1),
    Kind.SHIPMENT: Floor(2, 5),
    Kind.INVOICE: Floor(2, 3),
}
"""Read and delete the file; the PUT of the order; header, lines, read, quantities and 1 to verify; invoice, paper and 1
to verify."""


@dataclass(frozen=True)
class Counted:
    """Calls of all delivered documents of a kind."""

    documents: int
    sps: int
    visma: int
    most: int
    """The most that a single document has taken, both systems together."""


def by_kind() -> dict[Kind, Counted]:
    """For every kind; a file with several papers is counted once, with its first paper."""
    delivered = Document.objects.filter(status=Status.DELIVERED)
    own = Counter(Exchange.objects.exclude(document=None).values_list("document_id", "system"))
    files = Counter(Exchange.objects.filter(document=None, system="sps").values_list("path", flat=True))
    found: dict[Kind, Counted] = {}
    for kind in FLOORS:
        rows = list(delivered.filter(kind=kind).values_list("pk", "part", "transmission__path"))
        sps = {pk: own[pk, "sps"] + (0 if part else files[DATA + path]) for pk, part, path in rows}
        visma = {pk: own[pk, "visma"] for pk, _, _ in rows}
        most = max((sps[pk] + visma[pk] for pk in sps), default=0)
        found[kind] = Counted(len(rows), sum(sps.values()), sum(visma.values()), most)
    return found


def shared() -> dict[str, int]:
    """What belongs to no document: tokens, and the lists that serve the whole batch; by system and path."""
    papers = {DATA + path for path in Transmission.objects.values_list("path", flat=True)}
    rows = Exchange.objects.filter(document=None).exclude(path__in=papers).values_list("system", "path")
    return dict(Counter(f"{system} {path.partition('?')[0]}" for system, path in rows))
