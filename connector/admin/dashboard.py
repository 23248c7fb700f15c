"""The first page: what needs people now, what stands where, and whether the machine runs. Every figure is a link."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from audit import desk, reports
from audit.models import Cause, Kind, Status
from connector import status
from connector.admin.desk import address_of
from connector.models import Connection, Cursor
from connector.polling import STREAMS

QUESTIONS_SHOWN = 8
LOOK_AFTER = timedelta(hours=36)  # the completeness ledger looks at both sides every night
LATE_AFTER = 3  # poll intervals without success before a stream is late
INTERVALS = {(stream.system, stream.name): stream.seconds for stream in STREAMS}  # master data changes slowly


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK. Who may not see documents sees an empty page, not their figures."""
    if not request.user.has_perm("audit.view_document"):
        return {**context, "may_see": False}
    now = timezone.now()
    questions = desk.questions() if request.user.has_perm("audit.view_hold") else []
    figures = status.status()
    return {
        **context,
        "title": "Dashboard",
        "may_see": True,
        "questions": [
            (question, Cause(question.cause).label, address_of(question)) for question in questions[:QUESTIONS_SHOWN]
        ],
        "questions_count": len(questions),
        "tiles": _tiles(figures, questions, now),
        "statuses": [(value, str(label)) for value, label in Status.choices],
        "table": _table(figures["documents"]),
        "streams": _streams(now),
        "connections": list(
            Connection.objects.select_related("company").defer("client_secret", "webhook_secret", "token")
        ),
        "now": now,
    }


def documents_address(**filters: str) -> str:
    """The list of documents behind a figure."""
    return f"{reverse('admin:audit_document_changelist')}?{urlencode(filters)}"


def _tiles(figures: status.Figures, questions: list[desk.Question], now: datetime) -> list[dict[str, Any]]:
    """Name, figure, address, and whether it is well as it is."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today, day = reports.since(midnight), f"{midnight:%Y-%m-%d}"
    booked = {"status__exact": str(Status.DELIVERED), "delivered_at_from": day}
    failed = sum(by_status.get(Status.FAILED, 0) for by_status in figures["documents"].values())
    return [
        _tile("Questions on the desk", len(questions), reverse("desk"), well=not questions),
        _tile("Failed documents", failed, documents_address(status__exact=Status.FAILED), well=not failed),
        _tile("Not picked up by SPS", figures["unpicked"], documents_address(silence="unpicked")),
        _tile("Not answered by suppliers", figures["unanswered"], documents_address(silence="unanswered")),
        _unexplained(figures["completeness"], now),
        _tile("In today", today["in"], documents_address(direction="inbound", created_at_from=day), well=True),
        _tile("Orders out today", today["out"], documents_address(direction="outbound", **booked), well=True),
        _tile("Booked in Visma today", today["booked"], documents_address(direction="inbound", **booked), well=True),
        _tile(
            "Workers alive",
            figures["workers"],
            reverse("admin:connector_heartbeat_changelist"),
            well=bool(figures["workers"]),
        ),
    ]


def _tile(name: str, figure: int, address: str, *, well: bool | None = None) -> dict[str, Any]:
    return {"name": name, "figure": figure, "address": address, "well": not figure if well is None else well}


def _unexplained(accounted: status.Accounted, now: datetime) -> dict[str, Any]:
    """Well while a look that is not old left nothing open."""
    address = reverse("admin:connector_completeness_changelist")
    at = datetime.fromisoformat(accounted["at"]) if accounted["at"] else None
    name = f"Unexplained of {accounted['total']:,} orders and files"
    if at is None:
        name += ", not all looked at yet"
    elif now - at > LOOK_AFTER:
        name += f", last looked at on {timezone.localtime(at):%Y-%m-%d}"
    is_fresh = at is not None and now - at <= LOOK_AFTER
    return _tile(name, accounted["unexplained"], address, well=is_fresh and not accounted["unexplained"])


def _table(counts: dict[str, dict[str, int]]) -> list[tuple[str, list[tuple[int, str, str]]]]:
    """Kind by status: figure, address, status."""
    return [
        (
            str(Kind(kind).label),
            [
                (by_status.get(status, 0), documents_address(kind__exact=kind, status__exact=status), str(status))
                for status in Status.values
            ],
        )
        for kind, by_status in counts.items()
    ]


def _streams(now: datetime) -> list[tuple[Cursor, bool]]:
    """Each stream with whether it is late."""
    cursors = Cursor.objects.select_related("connection__company").order_by("connection", "stream")
    return [(cursor, _late(cursor, now)) for cursor in cursors]


def _late(cursor: Cursor, now: datetime) -> bool:
    if cursor.succeeded_at is None:
        return True
    interval = INTERVALS.get((cursor.connection.system, cursor.stream)) or cursor.connection.poll_seconds
    return (now - cursor.succeeded_at).total_seconds() > LATE_AFTER * interval
