"""`manage.py sandbox`: only the stand-ins for Visma and SPS, with suppliers that answer and a warehouse that releases."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.sandbox import World

_SECONDS_BETWEEN_STEPS = 1.0


class Command(BaseCommand):
    """Parse, start the world, print where it is, let it act every second until Ctrl-C or SIGTERM."""

    help = "Stand-ins for Visma.net and SPS Commerce on loopback, with suppliers that answer orders."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=9100, help="0 takes any free one")
        parser.add_argument("--fault-rate", type=float, default=0.05, help="share of all calls that go wrong, 0 to 1")
        parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same suppliers and faults")
        parser.add_argument("--mismatch-rate", type=float, default=0.1, help="share of orders answered wrongly, 0 to 1")
        parser.add_argument("--orders", type=int, default=3, help="open purchase orders to begin with")
        parser.add_argument("--json", action="store_true", help="the addresses as one JSON object on stdout")

    def handle(self, *_: Any, **options: Any) -> None:
        for rate in ("fault_rate", "mismatch_rate"):
            if not 0 <= options[rate] <= 1:
                raise CommandError(f"--{rate.replace('_', '-')} is a share between 0 and 1.", returncode=2)
        try:
            world = World(options["seed"], options["port"], options["mismatch_rate"])
        except (OSError, OverflowError) as refused:
            raise CommandError(
                f"Port {options['port']} cannot be used: {refused}. Choose another with --port."
            ) from refused
        ended = _Told()
        world.seed_company(options["orders"])
        world.storm(options["fault_rate"], options["seed"])
        with world:
            self._announce(world, as_json=options["json"])
            while not ended.wait(_SECONDS_BETWEEN_STEPS):
                world.tick()

    def _announce(self, world: World, *, as_json: bool) -> None:
        facts = {
            "visma_url": world.visma_url,
            "visma_token_url": world.visma_token_url,
            "sps_url": world.sps_url,
            "sps_token_url": world.sps_token_url,
            "control_url": world.control_url,
            **dataclasses.asdict(world.credentials),
        }
        self.stderr.write("The sandbox is up. Its credentials open nothing else:", style_func=str)
        for name, value in facts.items():
            self.stderr.write(f"  {name:20} {value}", style_func=str)
        self.stderr.flush()
        if as_json:
            self.stdout.write(json.dumps(facts))
            self.stdout.flush()


class _Told:
    """Whether Ctrl-C or SIGTERM has come. A plain flag: an Event set by a signal while it is waited on locks up for ever."""

    def __init__(self) -> None:
        self.yes = False
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be heard
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._hear)

    def wait(self, seconds: float) -> bool:
        """Sleeps in small steps; True as soon as it has come."""
        until = time.monotonic() + seconds
        while not self.yes and time.monotonic() < until:
            time.sleep(0.05)
        return self.yes

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.yes = True
