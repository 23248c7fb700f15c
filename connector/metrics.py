"""`/metrics` for Prometheus: read from the database at each scrape, so that every web process says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address

from django.conf import settings
from django.db.models import Count, Max, Min, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from audit import desk
from audit.models import Document, Status
from audit.reports import by_kind_and_status
from connector.api.problems import answers_problems, refusal
from connector.models import Connection, Cursor, Heartbeat
from connector.status import BUDGET_COLUMNS, budget_of, workers

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
SWEPT = (Status.RECEIVED, Status.MATCHED)
Family = GaugeMetricFamily | CounterMetricFamily


@answers_problems
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format.

    Open to the machine itself (a loopback address, not through a proxy), to a token whose user may view documents, and
    with the setting METRICS_OPEN to everybody. Else 401.
    """
    if not (settings.METRICS_OPEN or _is_loopback(request) or _has_token(request)):
        answer = refusal(request, 401, "Metrics are read from this machine, or with `Authorization: Token …`.")
        answer["WWW-Authenticate"] = "Token"
        return answer
    registry = CollectorRegistry()
    registry.register(Figures(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """Everything that is worth an alert; ten queries."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> list[Family]:
        """Nothing is read while the registry is made."""
        return []

    def collect(self) -> Iterator[Family]:
        yield self._documents()
        yield self._holds()
        yield self._oldest_due()
        yield self._lags()
        yield from self._connections()
        yield from self._workers()

    def _documents(self) -> Family:
        family = GaugeMetricFamily("mlc_documents", "Documents by kind and status.", labels=["kind", "status"])
        for kind, states in by_kind_and_status().items():
            for status, number in states.items():
                family.add_metric([kind, status], number)
        return family

    def _holds(self) -> Family:
        family = GaugeMetricFamily("mlc_holds", "Open holds by cause.", labels=["cause"])
        for cause, number in desk.open_holds().order_by().values_list("cause").annotate(Count("pk")):
            family.add_metric([cause], number)
        return family

    def _oldest_due(self) -> Family:
        """What waits for another document is due only when it says a time."""
        due = Q(status__in=SWEPT, due_at=None) | Q(status__in=(*SWEPT, Status.WAITING), due_at__lte=self.now)
        since = Document.objects.filter(due).aggregate(since=Min(Coalesce("due_at", "updated_at")))["since"]
        family = GaugeMetricFamily("mlc_oldest_due_seconds", "For how long the oldest due document is due.")
        family.add_metric([], (self.now - since).total_seconds() if since else 0)
        return family

    def _lags(self) -> Family:
        labels = ["company", "system", "stream"]
        family = GaugeMetricFamily("mlc_lag_seconds", "Since a stream was last read to its end.", labels=labels)
        columns = ("connection__company__name", "connection__system", "stream", "succeeded_at")
        for company, system, stream, succeeded_at in Cursor.objects.values_list(*columns):
            if succeeded_at is not None:
                family.add_metric([company, system, stream], (self.now - succeeded_at).total_seconds())
        return family

    def _connections(self) -> Iterator[Family]:
        labels = ["company", "system"]
        left = GaugeMetricFamily(
            "mlc_budget_remaining", "Calls left in the window; none where no limit is told.", labels=labels
        )
        calls = CounterMetricFamily("mlc_calls", "Calls made.", labels=labels)
        paused = GaugeMetricFamily("mlc_paused", "1: the connection is paused.", labels=labels)
        rows = Connection.objects.select_related("company").only("company__name", "calls", "paused_at", *BUDGET_COLUMNS)
        for connection in rows:
            of = [connection.company.name, connection.system]
            remaining = budget_of(connection, self.now)["remaining"]
            if remaining is not None:
                left.add_metric(of, remaining)
            calls.add_metric(of, connection.calls)
            paused.add_metric(of, int(connection.paused_at is not None))
        yield from (left, calls, paused)

    def _workers(self) -> Iterator[Family]:
        alive = GaugeMetricFamily("mlc_workers", "Worker clusters alive.")
        alive.add_metric([], workers(self.now))
        yield alive
        last = Heartbeat.objects.aggregate(last=Max("beat_at"))["last"]
        if last is not None:
            age = GaugeMetricFamily("mlc_heartbeat_age_seconds", "Since any worker cluster last showed itself.")
            age.add_metric([], (self.now - last).total_seconds())
            yield age


def _is_loopback(request: HttpRequest) -> bool:
    """Behind a proxy on the same machine every caller would look like it."""
    if any(request.META.get(header) for header in FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    try:
        known = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]  # it reads headers alone
    except AuthenticationFailed:
        return False
    return known is not None and known[0].has_perm("audit.view_document")
