"""A process with everything imported that forks a child for each order it reads from stdin: a new worker in milliseconds.

One JSON object per line in, one out. The zygote itself never opens the database, so a child may die as it likes. A child
that does not end within its order's deadline ends with the stacks of all its threads.
"""

from __future__ import annotations

import faulthandler
import gc
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django
import time_machine

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before
from django.core.management import call_command  # noqa: E402 - as above
from django.utils import timezone  # noqa: E402 - as above

from audit.chain import verify_all  # noqa: E402 - as above
from audit.ledger import decide  # noqa: E402 - as above
from audit.models import Document, Hold, Status  # noqa: E402 - as above
from connector.pipeline.sweep import at_work  # noqa: E402 - as above
from connector.syncing import sync  # noqa: E402 - as above
from mapping.models import Company, TradingPartner  # noqa: E402 - as above
from tests.faults.boundaries import Executioner  # noqa: E402 - as above

Order = dict[str, Any]
Tell = Callable[[str], None]
EXPENSE_ACCOUNT = "4360"  # of charges and freight, in the sandbox's books

settings.MAX_DEATHS = 1_000_000  # the same document dies at every boundary here; parking has tests of its own


def main() -> None:
    gc.collect()
    gc.freeze()  # children share what is imported, instead of copying it when they look for garbage
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(json.loads(line))) + "\n")
        sys.stdout.flush()


def _forked(order: Order) -> Order:
    ear, mouth = os.pipe()
    with tempfile.TemporaryFile() as stacks:
        pid = os.fork()
        if pid == 0:
            os.close(ear)
            faulthandler.dump_traceback_later(order["deadline"], exit=True, file=stacks.fileno())
            _child(order, mouth)
        os.close(mouth)
        with os.fdopen(ear) as heard:
            said = heard.read().splitlines()
        _, status = os.waitpid(pid, 0)
        stacks.seek(0)
        return _told(order, said, stacks.read().decode(), killed=os.WIFSIGNALED(status))


def _told(order: Order, said: list[str], stacks: str, *, killed: bool) -> Order:
    if killed:
        return {"killed": said[-1] if said else "", "alive": False}
    if said and said[-1].startswith("{"):
        answer: Order = json.loads(said[-1])
        return answer
    return {"defect": f"'{order['verb']}' was not done within {order['deadline']:.0f} s. It stood here:\n{stacks}"}


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


def _set_up(order: Order, _: Tell) -> Order:
    os.environ.update(order["secrets"])
    call_command("migrate", verbosity=0)
    _run("connect", *order["connect"])
    for kind, file in order["maps"].items():
        _run("map", kind, file)
    for partner in TradingPartner.objects.values_list("trading_partner_id", flat=True):
        _run("partner", partner, "--expense-account", EXPENSE_ACCOUNT, *order["partners"].get(partner, ()))
    return {}


def _run(*argv: str) -> None:
    call_command(*argv, "--json", stdout=io.StringIO(), stderr=io.StringIO())


def _pass(order: Order, tell: Tell) -> Order:
    Executioner(tell, spared=order.get("spared"), at=order.get("kill_at")).install()
    company = Company.objects.get()
    synced = sync(company, until_idle=False, timeout=60, say=lambda _: None)
    waiting = {"reasons": [document.reason for document in at_work(company)[:5]]}
    return {"failure": synced.failure, "busy": len(at_work(company)), "calls": synced.calls, **waiting}


def _accept(order: Order, _: Tell) -> Order:
    """A person accepts what the documents of this number are held for."""
    held = Hold.objects.filter(closed_at=None, document__number=order["number"], cause=order["cause"])
    holds = list(held.select_related("document"))
    for hold in holds:
        decide(hold.document, hold.cause, hold.subject, accepted="", reason="fine", actor="anna", now=timezone.now())
    return {"accepted": len(holds)}


def _verdict(_: Order, __: Tell) -> Order:
    counts: dict[str, int] = {}
    for kind, status in Document.objects.values_list("kind", "status"):
        counts[f"{kind} {status}"] = counts.get(f"{kind} {status}", 0) + 1
    others = Document.objects.exclude(status=Status.DELIVERED).exclude(cause="partner_unmapped").order_by("pk")
    return {
        "statuses": counts,
        "not_delivered": [f"{d.kind} {d.number} {d.status} {d.cause}: {d.reason}"[:300] for d in others],
        "broken": [f"{document}: {found.why}" for document, found in verify_all() if found],
    }


VERBS = {"set up": _set_up, "pass": _pass, "accept": _accept, "verdict": _verdict}

if __name__ == "__main__":
    main()
