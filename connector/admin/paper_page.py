"""What the page of one document shows; a fixed number of queries."""

from __future__ import annotations

from typing import Any

from audit import desk, paper
from audit.letter import asked_words
from audit.models import Document
from connector.admin.life import COLOURS, steps

LINES_SHOWN = 500
EXCHANGES_SHOWN = 100


def paper_page(document: Document) -> dict[str, Any]:
    """The template's context: life, facts, orders, lines, holds, events, decisions, calls, source and output."""
    events = list(document.events.order_by("sequence"))
    lines = list(document.lines.select_related("order_line__order")[: LINES_SHOWN + 1])
    return {
        "document": document,
        "colour": COLOURS.get(str(document.get_status_display()), ""),
        "steps": steps(document, events),
        "facts": [(name, value) for name, value in _facts(document) if value not in ("", None)],
        "orders": list(document.orders.select_related("order")),
        "lines": lines[:LINES_SHOWN],
        "lines_cut": len(lines) > LINES_SHOWN,
        "holds": list(desk.with_stakes(document.holds.filter(closed_at=None)).select_related("assigned_to")),
        "events": events,
        "decisions": list(document.decisions.order_by("decided_at")),
        "exchanges": list(document.exchanges.order_by("-started_at")[:EXCHANGES_SHOWN]),
        "source": paper.shown(document.source),
        "output": paper.shown(bytes(document.output)),
        "siblings": list(
            Document.objects.filter(transmission=document.transmission_id)
            .exclude(pk=document.pk)
            .only("pk", "kind", "number", "part", "transmission_id")[:50]
        ),
    }


def _facts(document: Document) -> list[tuple[str, Any]]:
    path = document.transmission.path
    return [
        ("Company", document.company.name),
        ("Partner", str(document.partner) if document.partner else document.trading_partner_id),
        ("Direction", "Visma → SPS" if document.direction == "outbound" else "SPS → Visma"),
        ("Date on the paper", document.date),
        ("Purpose", document.purpose),
        ("Revision", document.revision or ""),
        ("Came as", path if document.direction == "inbound" else f"Visma purchase order {document.number}"),
        ("Reference in the other system", document.output_ref),
        ("Attempts", document.attempts or ""),
        ("Next try", document.due_at),
        ("Received", document.created_at),
        ("Delivered", document.delivered_at),
        ("Picked up by SPS", document.picked_up_at),
        ("First answered", document.answered_at),
        ("Removed at SPS", document.transmission.removed_at),
        ("Replacement", asked_words(document)),
    ]
