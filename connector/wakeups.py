"""What goes into the queue: tasks, and the wake-up after something was decided here."""

from __future__ import annotations

from django.db import transaction
from django_q.tasks import async_task

LONGEST_SECONDS = 3600
"""Time-out of our tasks. A long list, or one document, of a slow system takes longer than django-q2's own, and of a task
whose time is up nothing is left: it would be begun again for ever. Each call is bounded, and the lease renewed before it.
Above django-q2's `retry` the same task is given out a second time meanwhile: it finds the lease, and ends."""


def queue(task: str, *ids: object) -> None:
    """A task of `connector.tasks` for the workers, with ids of rows."""
    async_task(f"connector.tasks.{task}", *ids, q_options={"timeout": LONGEST_SECONDS})


def wake_workers(system: str = "") -> None:
    """Once the running transaction is committed; with `system` its polls that are due run first.

    The next sweep would see it anyway, only later. A queue that does not answer is logged and loses nothing.
    """
    transaction.on_commit(lambda: queue("wake", system), robust=True)  # no partial: Django logs it by its name
