"""Wakes the workers after something was decided here; the next sweep would see it anyway, only later."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django_q.tasks import async_task

READING = {"timeout": 3600}
"""For tasks that read lists, as django-q2's `q_options`: a long list of a slow system takes longer than any other task.
Each of its calls is bounded, and its lease is renewed before each. Above django-q2's `retry` the same task is given out
a second time meanwhile: it finds the lease, and ends."""


def wake_workers(system: str = "") -> None:
    """Once the running transaction is committed; with `system` its polls that are due run first.

    A queue that does not answer is logged and loses nothing.
    """
    transaction.on_commit(partial(async_task, "connector.tasks.wake", system, q_options=READING), robust=True)
