"""Wakes the workers after something was decided here; the next sweep would see it anyway, only later."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django_q.tasks import async_task


def wake_workers(system: str = "") -> None:
    """Once the running transaction is committed; with `system` its polls that are due run first.

    A queue that does not answer is logged and loses nothing.
    """
    transaction.on_commit(partial(async_task, "connector.tasks.wake", system), robust=True)
