"""`manage.py workers`: the queue's workers, kept alive until Ctrl-C or SIGTERM."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from connector import cluster
from connector.watchdog import Watchdog


class Command(BaseCommand):
    help = "Runs the workers and starts them again when they die or hang. Ctrl-C or SIGTERM ends all of them."
    requires_system_checks = ()  # a mistake in a page must not keep the documents waiting

    def handle(self, *args: Any, **options: Any) -> None:
        Watchdog([cluster.service()], self._say).run()

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence)
