"""The audit trail: events, append-only and chained by keyed hashes, and the log of HTTP calls."""

from __future__ import annotations

from django.db import models

from audit.models.documents import Document
from mapping.models import Company


class Event(models.Model):
    """One thing that happened to a document. Never changed, never deleted."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    verb = models.CharField(max_length=20)
    actor = models.CharField(max_length=150)
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    cause = models.CharField(max_length=20, blank=True)
    reason = models.TextField(blank=True)
    facts = models.JSONField(default=dict, blank=True)
    source_sha256 = models.CharField(max_length=64)
    output_sha256 = models.CharField(max_length=64, blank=True)
    previous = models.CharField(max_length=64, blank=True)
    mac = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "sequence"], name="an_event_has_one_place_in_its_chain")
        ]
        ordering = ["document", "sequence"]

    def __str__(self) -> str:
        return f"{self.document} #{self.sequence} {self.verb}"


class Exchange(models.Model):
    """One HTTP call, kept EXCHANGE_DAYS. Bodies redacted, the first 2 kB, only where a document is concerned."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="exchanges")
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, related_name="exchanges", null=True, blank=True)
    system = models.CharField(max_length=10)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=1000)
    status = models.PositiveIntegerField(default=0, help_text="0: no answer")
    started_at = models.DateTimeField()
    seconds = models.FloatField(default=0)
    request_id = models.CharField(max_length=100, blank=True)
    request_head = models.BinaryField(default=b"")
    response_head = models.BinaryField(default=b"")
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["started_at"], name="exchanges_by_age"),  # the nightly clean-up
            models.Index(fields=["company", "system", "-started_at"], name="exchanges_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"
