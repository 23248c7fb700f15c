"""Visma's webhooks: a wake-up and nothing else. Checked, stored raw, answered at once; the delta poll fetches the facts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django_q.brokers import get_broker

from connector import polling
from connector.api.problems import answers_problems, refusal
from connector.models import Connection, Hook
from connector.wakeups import wake_workers

LARGEST_BODY = 256 * 1024
WINDOW = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(minutes=1)
REMEMBERED = timedelta(days=1)  # how long a repeated event is known as one
EVENT_HEADER = "x-vwd-event-id"
TIME_HEADER = "x-vwd-notification-timestamp"
KEPT_HEADERS = ("content-type", "user-agent")
UNREADABLE = (
    "The webhook secret of this connection cannot be read with the present FIELD_ENCRYPTION_KEYS, so that nothing can be "
    "believed: put the key that wrote it back, or enter the signature key of Visma's portal anew."
)


def warm_up() -> None:
    """At the start of a web process: what the first webhook would wait for (imports, the shape of its query). No query."""
    resolve("/healthz")
    get_broker()
    str(_addressed(uuid.UUID(int=0)).query)


@csrf_exempt  # the caller is a machine and proves itself by signature
@answers_problems
def visma_hook(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """One webhook of the connection with this `webhook_uid` (visma.md §7): 204 with at most one row more.

    401 for a wrong or missing signature (also when no secret is configured) and for a stamp outside the window, 404 for
    an unknown address, 400 for a body that breaks off, 413 for more than 256 kB, 503 for a secret that no key reads (the
    sender tries again later). The stamp and the event id are not signed and not graded as certain, so a stamp that is
    absent or unreadable is no reason to refuse, and only the same event with the same body is a repeat.
    """
    if request.method != "POST":
        answer = refusal(request, 405, "Webhooks are sent with POST.")
        answer["Allow"] = "POST"
        return answer
    try:
        connection = _addressed(uid).first()
    except InvalidToken:
        return refusal(request, 503, UNREADABLE)
    if connection is None:
        raise Http404
    try:
        body = _read(request)
    except Exception:  # noqa: BLE001 - each web server has errors of its own for chunks that break off
        return refusal(request, 400, "The body did not come to its end.")
    if len(body) > LARGEST_BODY:
        return refusal(request, 413, f"A webhook has at most {LARGEST_BODY // 1024} kB.")
    why = _untrusted(request, connection, body)
    if why:
        return refusal(request, 401, why)
    _store_and_wake(request, connection, body)
    return HttpResponse(status=204)


def signature(secret: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the raw body (visma.md §7)."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def _read(request: HttpRequest) -> bytes:
    """The body, or as much as shows that it is too large.

    One that is sent in chunks has no length, and Django takes it for empty; its end is then the web server's to know.
    """
    is_chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated")
    body: bytes = (request.META["wsgi.input"] if is_chunked else request).read(LARGEST_BODY + 1)
    return body


def _addressed(uid: uuid.UUID) -> QuerySet[Connection]:
    """At most one, without what only callers of Visma need."""
    visma = Connection.objects.filter(webhook_uid=uid, system=Connection.System.VISMA)
    pace = ("poll_seconds", "budget_limit", "budget_remaining", "budget_resets_at")
    return visma.only("system", "webhook_secret", "webhook_header", *pace)


def _untrusted(request: HttpRequest, connection: Connection, body: bytes) -> str:
    """Why it is not believed, or nothing."""
    if not connection.webhook_secret:
        return "No webhook secret is set for this connection: set the signature key of Visma's portal there."
    given = request.headers.get(connection.webhook_header, "").strip()
    if not hmac.compare_digest(signature(connection.webhook_secret, body).encode(), given.encode()):
        return f"The signature in {connection.webhook_header} is missing or does not fit the body."
    age = _age(request.headers.get(TIME_HEADER, ""))
    if age is not None and not -CLOCKS_DIFFER <= age <= WINDOW:
        return f"{TIME_HEADER} is outside of the last five minutes: an old webhook sent again, or a wrong clock."
    return ""


def _age(stamp: str) -> timedelta | None:
    """The age by a stamp in milliseconds (or, if it can only be that, seconds); None where it cannot be read."""
    if not stamp.isdecimal() or len(stamp) > 14:
        return None
    seconds = int(stamp) / 1000 if len(stamp) > 11 else int(stamp)
    return timezone.now() - datetime.fromtimestamp(seconds, UTC)


def _store_and_wake(request: HttpRequest, connection: Connection, body: bytes) -> None:
    """Raw, in the same transaction as the wake-up; the same event again is neither stored nor wakes anybody."""
    now = timezone.now()
    event = request.headers.get(EVENT_HEADER, "")[:100]
    same = Hook.objects.filter(connection=connection, received_at__gt=now - REMEMBERED, event_id=event, body=body)
    with transaction.atomic():
        if event:  # of two deliveries of one event at the same moment, the second waits here and finds the first
            Connection.objects.select_for_update(no_key=True).values_list("pk").get(pk=connection.pk)
            if same.exists():
                return
        polling.wake(connection, now=now)
        kept = {name.lower(): value for name, value in request.headers.items() if _is_kept(name.lower())}
        Hook.objects.create(connection=connection, received_at=now, event_id=event, headers=kept, body=body)
        wake_workers(connection.system)


def _is_kept(header: str) -> bool:
    return header in KEPT_HEADERS or header.startswith("x-vwd-")
