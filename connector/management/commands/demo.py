"""`manage.py demo`: the whole thing on loopback, in a database of its own that is made afresh at each start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from connector.demo import once, stream
from connector.management.command import OperatorCommand, Report

FOLDER = "demo"


class Command(OperatorCommand):
    help = "Sandbox of both systems, workers and web on loopback with a demo company. Ctrl-C ends all of it."
    of_a_company = False
    requires_system_checks = ()

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="no web: one full round, a table, and the end")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--sandbox-port", type=int, default=0, help="default: any free one")
        parser.add_argument("--seed", type=int, default=1)

    def report(self, options: dict[str, Any]) -> Report:
        if settings.VAR.name != FOLDER:
            return self._in_own_database(settings.VAR / FOLDER)
        if options["once"]:
            return self._once(options["seed"])
        if not _is_free(options["port"]):
            raise CommandError(f"Port {options['port']} is in use: choose another with --port.")
        stream.run(options["port"], options["sandbox_port"] or _free_port(), self.say)
        return Report()

    def _once(self, seed: int) -> Report:
        rows, balance, failure = once.play(self.say, seed)
        self.say(once.table(rows))
        wrong = [row for row in rows if not row.right]
        twice = [name for name, found in balance.items() if name.startswith("duplicate") and found]
        if wrong:
            failure = failure or f"{len(wrong)} documents did not end where they should (marked !!)."
        if twice:
            failure = failure or f"The sandbox has {', '.join(twice)}."
        if not failure:
            self.say(f"All {len(rows)} documents ended where they should.")
        facts = {"documents": [row.__dict__ for row in rows], "balance": balance}
        return Report(facts, failure)

    def _in_own_database(self, folder: Path) -> Report:
        """The same command in a child whose settings point to the demo's own folder: nobody's data is touched."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        own = {
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
            "REDIS_URL": "",
            "DEBUG": "on",
            "RETRY_FIRST_SECONDS": "1",
        }
        argv = [sys.executable, str(settings.ROOT / "manage.py"), *sys.argv[1:]]
        child = subprocess.Popen(argv, env={**os.environ, **own})  # noqa: S603 - our own command again
        before = {
            number: signal.signal(number, lambda *_: child.terminate()) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if code:
            raise SystemExit(code)
        raise SystemExit(0)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
