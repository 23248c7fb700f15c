"""`manage.py rotate_keys`: re-encrypts every secret with the first of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from connector.management.command import OperatorCommand, Report
from connector.rotation import rotate


class Command(OperatorCommand):
    help = (
        "Re-encrypts every secret with the first key; afterwards the other keys can be taken away. Keys are the "
        "installation's: the secrets of all companies are rotated, whatever --company says."
    )

    def report(self, options: dict[str, Any]) -> Report:
        done = rotate()
        for lost in done.unreadable:
            self.say(f"{lost.model} {lost.pk}: no key reads {lost.field}")
        self.say(f"{done.rotated} secrets are encrypted with the first key now.")
        facts = {"rotated": done.rotated, "unreadable": [asdict(lost) for lost in done.unreadable]}
        count = len(done.unreadable)
        failure = f"{count} secrets could not be read: add the key that wrote them, or set them anew." if count else ""
        return Report(facts, failure)
