"""The running demo: web, workers and sandbox under the watchdog, and a stream of orders that suppliers answer."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command

from connector import cluster
from connector.demo import company
from connector.models import Connection
from connector.wakeups import queue
from connector.watchdog import Service, Watchdog

log = logging.getLogger(__name__)

STEP_SECONDS = 2.0
STEPS_PER_ORDER = 8
STARTING_SECONDS = 30.0


def run(port: int, sandbox_port: int, say: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM."""
    call_command("migrate", verbosity=0)
    services = [_sandbox(sandbox_port), cluster.service(), web(port)]
    watchdog = Watchdog(services, say)
    control = f"http://127.0.0.1:{sandbox_port}/control"
    threading.Thread(target=_live, args=(control, port, say, watchdog), daemon=True).start()
    watchdog.run()


def _live(control: str, port: int, say: Callable[[str], None], watchdog: Watchdog) -> None:
    """Sets the company up once the sandbox answers, then places an order now and then and wakes the workers."""
    try:
        world = _wait(control)
    except TimeoutError as error:
        say(str(error))
        watchdog.stop()
        return
    mappings = requests.get(f"{control}/mappings", timeout=10).json()
    password = company.set_up(world, mappings, say=say)
    Connection.objects.update(poll_seconds=10)
    people = ", ".join(company.PEOPLE)
    say(f"Open http://127.0.0.1:{port}/admin/ and log in as {people}; everyone's password is {password}")
    database = settings.DATABASES["default"]["NAME"]
    say(f"Commands look at this demo with VAR_DIR={settings.VAR} DATABASE_URL=sqlite:///{database}")
    step = 0
    while True:
        _step(control, step)
        step += 1
        time.sleep(STEP_SECONDS)


def _step(control: str, step: int) -> None:
    try:
        if step % STEPS_PER_ORDER == 0:
            requests.post(f"{control}/orders", json={"count": 1}, timeout=10)
        queue("tick")
    except requests.RequestException as error:
        log.info("The sandbox does not answer just now: %s", error)


def _wait(control: str) -> dict[str, Any]:
    """What the sandbox says of itself, once it is up. Raises TimeoutError with a sentence."""
    from_file = settings.VAR / "sandbox.json"
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(control, timeout=2)
            return dict(json.loads(from_file.read_text()))
        except (requests.RequestException, OSError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f"The sandbox did not start within {STARTING_SECONDS:.0f} seconds.")


def _sandbox(port: int) -> Service:
    script = (
        f"exec {sys.executable} {settings.ROOT / 'manage.py'} sandbox --port {port} --fault-rate 0.02 --seed 1 --json"
    )
    argv = [
        "/bin/sh",
        "-c",
        f"{script} --mismatch-rate 0.25 > {settings.VAR / 'sandbox.json'} 2> {settings.VAR / 'sandbox.log'}",
    ]
    return Service(name="sandbox", argv=argv, folder=settings.ROOT)


def web(port: int) -> Service:
    argv = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    argv += ["--threads", "4", "--no-control-socket", "--log-level", "warning"]
    return Service(name="web", argv=argv, folder=settings.ROOT)
