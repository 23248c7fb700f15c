"""Settings that must fit together; `manage.py check` and every start say so in a sentence."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def lease_outlasts_a_call(**_: Any) -> list[CheckMessage]:
    """A call must end before the lease of its document: otherwise a second worker takes over while it still runs."""
    timeout, lease = settings.REQUEST_TIMEOUT_SECONDS, settings.LEASE_SECONDS
    if 0 < timeout < lease:
        return []
    sentence = (
        f"REQUEST_TIMEOUT_SECONDS is {timeout:g} and must be above 0 and below LEASE_SECONDS, which is {lease:g}."
    )
    return [Error(sentence, hint="Lower the one or raise the other.", id="connector.E001")]
