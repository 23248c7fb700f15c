"""From stored bytes to a paper of a known kind. No network, no ledger: what is wrong is raised."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.conf import settings

from audit.models import Document, Kind
from connector.errors import Unreadable
from connector.flows import invoices, order_acks, orders, shipments
from connector.http import lossless
from connector.rsx import envelope

FLOWS: dict[str, ModuleType] = {flow.KIND: flow for flow in (orders, order_acks, shipments, invoices)}


@dataclass(frozen=True)
class Read:
    """One paper as read: its kind, its tree, and how many papers its file holds."""

    kind: str
    tree: dict[str, Any]
    content_hash: str
    form: str
    parts: int
    warnings: tuple[str, ...]


def read(document: Document) -> Read:
    """The paper of a document. Raises Unreadable, and TypeConflict when path and content disagree."""
    if document.kind == Kind.ORDER and document.revision:
        tree = lossless.read(document.source)
        return Read(Kind.ORDER, tree, document.content_hash, "json", 1, ())
    size = document.transmission.size
    if size > settings.PAPER_LIMIT_BYTES:
        limit = settings.PAPER_LIMIT_BYTES // 1024 // 1024
        raise Unreadable(f"The file has {size / 1024 / 1024:.1f} MB; papers over {limit} MB are stored and not read.")
    parts = envelope.split(document.source)
    if document.part >= len(parts):
        raise Unreadable(f"The file holds {len(parts)} papers, not {document.part + 1}.")
    part = parts[document.part]
    kind: str = envelope.resolve_kind(document.transmission.path, part)
    if kind == Kind.ORDER:
        kind = Kind.UNSUPPORTED  # orders go out; one that comes in is none of ours
    return Read(kind, part.tree, envelope.content_hash(part.tree), part.form, len(parts), part.warnings)
