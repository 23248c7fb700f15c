"""A process with everything imported that forks a child for each order it reads from stdin: a new worker in milliseconds.

One JSON object per line in, one out. The zygote itself never opens the database, so a child may die as it likes.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import django
import time_machine

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before
from django.core.management import call_command  # noqa: E402 - as above

from audit.chain import verify_all  # noqa: E402 - as above
from audit.models import Document, Status  # noqa: E402 - as above
from connector.pipeline.sweep import at_work  # noqa: E402 - as above
from connector.syncing import sync  # noqa: E402 - as above
from mapping.models import Company, TradingPartner  # noqa: E402 - as above
from tests.faults.boundaries import Executioner  # noqa: E402 - as above

Order = dict[str, Any]
EXPENSE_ACCOUNT = "4360"  # of charges and freight, in the sandbox's books

settings.MAX_DEATHS = 1_000_000  # the same document dies at every boundary here; parking has tests of its own


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(json.loads(line))) + "\n")
        sys.stdout.flush()


def _forked(order: Order) -> Order:
    ear, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ear)
        _child(order, mouth)
    os.close(mouth)
    with os.fdopen(ear) as heard:
        said = heard.read().splitlines()
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status)
    return {"killed": said[-1] if said else "", "alive": False} if killed else json.loads(said[-1])


def _child(order: Order, mouth: int) -> None:
    def tell(text: str) -> None:
        os.write(mouth, f"{text}\n".encode())

    try:
        with time_machine.travel(datetime.fromtimestamp(order["at"], UTC), tick=True):
            said = VERBS[order["verb"]](order, tell)
        tell(json.dumps({"killed": "", "alive": True, **said}))
    except BaseException:  # noqa: BLE001 - whatever it is, the harness must hear of it
        tell(json.dumps({"killed": "", "alive": False, "defect": traceback.format_exc()}))
    os._exit(0)


def _set_up(order: Order, _: Any) -> Order:
    os.environ.update(order["secrets"])
    call_command("migrate", verbosity=0)
    call_command("connect", *order["connect"], "--json", stdout=sys.stderr)
    for kind, file in order["maps"].items():
        call_command("map", kind, file, "--json", stdout=sys.stderr)
    for partner in TradingPartner.objects.values_list("trading_partner_id", flat=True):
        call_command("partner", partner, "--expense-account", EXPENSE_ACCOUNT, "--json", stdout=sys.stderr)
    return {}


def _pass(order: Order, tell: Any) -> Order:
    Executioner(tell, spared=order.get("spared"), at=order.get("kill_at")).install()
    company = Company.objects.get()
    synced = sync(company, until_idle=False, timeout=60, say=lambda _: None)
    waiting = {"reasons": [document.reason for document in at_work(company)[:5]]}
    return {"failure": synced.failure, "busy": len(at_work(company)), "calls": synced.calls, **waiting}


def _verdict(_: Order, __: Any) -> Order:
    counts: dict[str, int] = {}
    for kind, status in Document.objects.values_list("kind", "status"):
        counts[f"{kind} {status}"] = counts.get(f"{kind} {status}", 0) + 1
    others = Document.objects.exclude(status=Status.DELIVERED).exclude(cause="partner_unmapped")
    return {
        "statuses": counts,
        "not_delivered": [f"{d.kind} {d.number} {d.status} {d.cause}: {d.reason}"[:300] for d in others],
        "broken": [f"{document}: {found.why}" for document, found in verify_all() if found],
    }


VERBS = {"set up": _set_up, "pass": _pass, "verdict": _verdict}

if __name__ == "__main__":
    main()
