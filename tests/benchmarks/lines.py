"""Calls a second with one session per document, and with the lines that a sweep keeps.

`python -m tests.benchmarks.lines [DOCUMENTS]`; each makes two calls.
"""

from __future__ import annotations

import sys

from connector.clients import clients_for
from connector.http import kept_lines
from mapping.models import Company
from tests.benchmarks.ground import Clock, connected, outside


def main(documents: int) -> None:
    with outside() as world:
        ours = connected(world)
        look(ours, 5)  # tokens
        clock = Clock()
        look(ours, documents)
        alone = 2 * documents / clock.seconds
        clock = Clock()
        with kept_lines():
            look(ours, documents)
        together = 2 * documents / clock.seconds
        print(f"a session per document: {alone:.0f} calls a second; kept lines: {together:.0f}")


def look(ours: Company, documents: int) -> None:
    for _ in range(documents):
        both = clients_for(ours)
        both.sps.auth_check()
        both.visma.company_check()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
