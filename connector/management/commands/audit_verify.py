"""`manage.py audit_verify`: whether history is what it was."""

from __future__ import annotations

from typing import Any

from audit.chain import Break, verify_all
from audit.models import Document
from connector.management.command import OperatorCommand, Report, company_named

PROGRESS_EVERY = 1000


class Command(OperatorCommand):
    help = "Checks every document's chain of events, its source and its output; of all companies unless one is named."

    def report(self, options: dict[str, Any]) -> Report:
        company = company_named(options["company"]) if options["company"] else None
        checked, broken = 0, []
        for document, found in verify_all():
            if company and document.company_id != company.pk:
                continue
            checked += 1
            if found:
                broken.append(_described(document, found))
                self.say(_sentence(broken[-1]))
            if checked % PROGRESS_EVERY == 0:
                self.say(f"{checked} documents checked")
        self.say(f"{checked} documents checked, {len(broken)} broken")
        facts = {"ok": not broken, "checked": checked, "broken": broken, "first": broken[0] if broken else None}
        return Report(facts, f"History was altered or cut: {_sentence(broken[0])}" if broken else "")


def _described(document: Document, found: Break) -> dict[str, Any]:
    return {
        "document": document.pk,
        "kind": document.kind,
        "number": document.number,
        "event": found.sequence,
        "why": found.why,
    }


def _sentence(broken: dict[str, Any]) -> str:
    return f"document {broken['document']} ({broken['kind']} {broken['number']}), event {broken['event']}: {broken['why']}."
