"""`manage.py status`: where things stand, in figures."""

from __future__ import annotations

from typing import Any

from connector.management.command import OperatorCommand, Report, company_named
from connector.status import Figures, status


class Command(OperatorCommand):
    help = "Where things stand; of all companies together unless one is named."

    def report(self, options: dict[str, Any]) -> Report:
        name = options["company"]
        figures = status(company_named(name) if name else None)
        self.say("\n".join(_lines(figures)))
        return Report({**figures})


def _lines(figures: Figures) -> list[str]:
    said = [f"{figures['workers']} worker clusters, {figures['holds']} open holds"]
    for kind, states in figures["documents"].items():
        said.append(f"{kind}: " + (", ".join(f"{number} {state}" for state, number in states.items()) or "none"))
    said.append(f"orders not picked up: {figures['unpicked']}, not answered: {figures['unanswered']}")
    accounted = figures["completeness"]
    said.append(
        f"unexplained: {accounted['unexplained']:,} of {accounted['total']:,}, looked at {accounted['at'] or 'never'}"
    )
    for stream, seconds in figures["lag_seconds"].items():
        said.append(f"{stream}: " + ("never read" if seconds is None else f"read {seconds} s ago"))
    for system, budget in figures["budget"].items():
        left = (
            "no limit told" if budget["remaining"] is None else f"{budget['remaining']} of {budget['limit']} calls left"
        )
        said.append(f"{system}: {left}, reset in {budget['resets_in']} s")
    return said
