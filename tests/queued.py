"""How many tasks wait in the queue, whichever broker it has."""

from __future__ import annotations

from django_q.brokers import get_broker


def queued() -> int:
    """Of this test process: every one has a queue of its own (tests/settings.py)."""
    return int(get_broker().queue_size())
