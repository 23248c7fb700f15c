"""How the remote systems are reached, and how far each poll has read."""

from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from connector.fields import SecretTextField
from mapping.models import Company


class Connection(models.Model):
    """One remote system of a company: addresses, credentials and token (encrypted), call budget."""

    class System(models.TextChoices):
        VISMA = "visma", "Visma.net"
        SPS = "sps", "SPS Commerce"

    class TokenBody(models.TextChoices):
        FORM = "form", "form"
        JSON = "json", "JSON"

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="connections")
    system = models.CharField(max_length=10, choices=System)
    url = models.URLField("address", max_length=500)
    token_url = models.URLField("token address", max_length=500)
    token_body = models.CharField(max_length=5, choices=TokenBody, default=TokenBody.FORM)
    client_id = models.CharField(max_length=200)
    client_secret = SecretTextField(blank=True, default="")
    tenant = models.CharField(
        max_length=100, blank=True, help_text="Visma: the company's tenant id, not the customer's"
    )
    scope = models.CharField(max_length=500, blank=True)
    audience = models.CharField(max_length=200, blank=True, help_text="SPS")
    company_header = models.CharField(
        max_length=50, blank=True, help_text="Visma: ipp-company-id, when the installation asks for it"
    )
    in_dir = models.CharField("directory into SPS", max_length=200, blank=True)
    out_dir = models.CharField("directory out of SPS", max_length=200, blank=True)
    absence_lag_seconds = models.PositiveIntegerField(
        default=240, help_text="how long after a call 'not found' does not yet prove absence"
    )
    poll_seconds = models.PositiveIntegerField(default=120, validators=[MinValueValidator(10)])
    webhook_uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook_secret = SecretTextField(blank=True, default="")
    webhook_header = models.CharField(max_length=60, default="x-vwd-signature-v1")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.TextField(blank=True)
    # the token, shared by all processes and renewed once by one of them
    token = SecretTextField(blank=True, default="", editable=False)
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    token_renew_until = models.DateTimeField(null=True, blank=True, editable=False)
    # the call budget, learnt from the remote system's headers
    budget_limit = models.PositiveIntegerField(default=0, editable=False)
    budget_remaining = models.IntegerField(default=0, editable=False)
    budget_resets_at = models.DateTimeField(null=True, blank=True, editable=False)
    blocked_until = models.DateTimeField(null=True, blank=True, editable=False)
    calls = models.PositiveBigIntegerField(default=0, editable=False)
    history = HistoricalRecords(
        excluded_fields=[
            "client_secret",
            "webhook_secret",
            "token",
            "token_expires_at",
            "token_renew_until",
            "budget_limit",
            "budget_remaining",
            "budget_resets_at",
            "blocked_until",
            "calls",
        ]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "system"], name="a_company_has_one_connection_per_system"),
            models.UniqueConstraint(
                fields=["url", "client_id", "out_dir"],
                condition=models.Q(system="sps"),
                name="two_companies_never_read_the_same_mailbox",
            ),
        ]
        permissions = [("ping_connection", "Can try connections")]

    def __str__(self) -> str:
        return f"{self.company} · {self.get_system_display()}"


class Cursor(models.Model):
    """How far a poll has read; moves only after what it passed is stored. The lease keeps runs from overlapping."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    stream = models.CharField(max_length=30)
    value = models.CharField(max_length=60, blank=True, help_text="as the server wrote it")
    due_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)
    problem_since = models.DateTimeField(null=True, blank=True)
    pace = 1
    """Of one poll, no column: how many intervals go by before the next. One that cannot move reads more each time."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "stream"], name="a_stream_has_one_cursor")]

    def __str__(self) -> str:
        return f"{self.connection} · {self.stream}"


class Hook(models.Model):
    """A webhook as it arrived: a wake-up, never business facts (visma.md §7)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="hooks")
    received_at = models.DateTimeField()
    event_id = models.CharField(max_length=100, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="when a poll that began later had succeeded")

    class Meta:
        indexes = [
            models.Index(fields=["connection", "-received_at"], name="hooks_newest_first"),
            models.Index(
                fields=["connection", "event_id", "-received_at"], name="hooks_of_an_event"
            ),  # is it a repeat?
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.received_at:%Y-%m-%d %H:%M:%S}"


class Heartbeat(models.Model):
    """Proof that tasks still run from end to end: written by a task, watched by the watchdog and /readyz."""

    worker = models.CharField(max_length=100, unique=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker


class Completeness(models.Model):
    """What the last look at both sides accounted for, whatever the cursors say (connector.completeness)."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="completeness")
    tried_at = models.DateTimeField()
    at = models.DateTimeField(null=True, blank=True, help_text="when it last came to its end")
    figures = models.JSONField(default=dict, help_text="orders and files, each by what became of them")
    total = models.PositiveIntegerField(default=0)
    unexplained = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True, help_text="why the last try did not come to its end")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="somebody is at it, at least until then")

    class Meta:
        verbose_name_plural = "completeness"

    def __str__(self) -> str:
        return f"{self.company}: {self.unexplained} unexplained of {self.total:,}"
