"""Settings that must fit together; `manage.py check` and every start say so in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError

from connector import rotation


def lease_outlasts_a_call(**_: Any) -> list[CheckMessage]:
    """A call must end before the lease of its document: otherwise a second worker takes over while it still runs."""
    timeout, lease = settings.REQUEST_TIMEOUT_SECONDS, settings.LEASE_SECONDS
    if 0 < timeout < lease:
        return []
    sentence = (
        f"REQUEST_TIMEOUT_SECONDS is {timeout:g} and must be above 0 and below LEASE_SECONDS, which is {lease:g}."
    )
    return [Error(sentence, hint="Lower the one or raise the other.", id="connector.E001")]


def secrets_can_be_read(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Asked by `migrate` and `check --database default`: a key that was taken away too early is named before it is missed.

    Warnings, since the way out of it (`connect`, `rotate_keys`, the admin) must stay open.
    """
    try:
        lost = rotation.unreadable() if databases else []
    except DatabaseError:  # before the first migration there is nothing to read
        return []
    return [
        Warning(
            f"{secret.model} {secret.pk}: no key of FIELD_ENCRYPTION_KEYS reads {secret.field}.",
            hint="Put the key that wrote it back behind the first one, or enter the secret anew.",
            id="connector.W001",
        )
        for secret in lost
    ]
