"""`manage.py ping`: tries both systems with the stored credentials."""

from __future__ import annotations

from typing import Any

from connector.management.command import OperatorCommand, Report, company_named
from connector.models import Connection
from connector.ping import Ping, ping


class Command(OperatorCommand):
    help = "Tries Visma.net and SPS Commerce with the stored credentials, and says what works and what does not."

    def report(self, options: dict[str, Any]) -> Report:
        company = company_named(options["company"])
        results = {system: ping(company, system) for system in Connection.System}
        for system, result in results.items():
            self._tell(system, result)
        failing = [system.label for system, result in results.items() if not result.ok]
        return Report(
            {system.value: _facts(result) for system, result in results.items()},
            f"{' and '.join(failing)}: not everything works." if failing else "",
        )

    def _tell(self, system: Connection.System, result: Ping) -> None:
        for check in result.checks:
            self.say(f"{system.label} · {check.name}: {'ok' if check.ok else 'FAILS'}, {check.detail}")


def _facts(result: Ping) -> dict[str, Any]:
    checks = [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in result.checks]
    return {"ok": result.ok, "checks": checks}
