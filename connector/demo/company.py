"""The demo company: connected to the sandbox and mapped, by the same commands that operators use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from connector.sandbox.visma_books import COMPANY_ZONE

NAME = "Demo Company"
EXPENSE_ACCOUNT = "4360"
PEOPLE = {"admin": None, "finance": "Finance", "procurement": "Procurement", "viewer": "Viewers"}


def set_up(world: Mapping[str, Any], mappings: Mapping[str, str], *, say: Callable[[str], None]) -> str:
    """Migrates, connects, maps, makes people. `world` is what the sandbox says of itself. Returns everyone's password."""
    call_command("migrate", verbosity=0)
    os.environ["VISMA_CLIENT_SECRET"] = world["visma_client_secret"]
    os.environ["SPS_CLIENT_SECRET"] = world["sps_client_secret"]
    call_command(
        "connect",
        NAME,
        visma_url=world["visma_url"],
        visma_token_url=world["visma_token_url"],
        visma_client_id=world["visma_client_id"],
        visma_tenant=world["visma_tenant"],
        visma_settle=2,
        orders_from=f"{datetime.now(COMPANY_ZONE):%Y-%m-%d}",  # today as the sandbox dates its orders, in summer too
        sps_url=world["sps_url"],
        sps_token_url=world["sps_token_url"],
        sps_client_id=world["sps_client_id"],
        sps_audience=world["sps_audience"],
        sps_history_lag=2,
        stderr=_Quiet(),
    )
    _map(mappings)
    say(f"{NAME} is connected to the sandbox and mapped.")
    return _people()


def _map(mappings: Mapping[str, str]) -> None:
    folder: Path = settings.VAR
    for kind, content in mappings.items():
        file = folder / f"{kind}.csv"
        file.write_text(content)
        call_command("map", kind, file, stderr=_Quiet())
    header, *rows = mappings["suppliers"].strip().splitlines()
    place = header.split(",").index("trading_partner_id")
    for partner in dict.fromkeys(row.split(",")[place] for row in rows):
        call_command("partner", partner, expense_account=EXPENSE_ACCOUNT, stderr=_Quiet())


def _people() -> str:
    password = secrets.token_urlsafe(9)
    for name, group in PEOPLE.items():
        user = User.objects.create_user(name, password=password, is_staff=True, is_superuser=group is None)
        if group:
            user.groups.add(Group.objects.get(name=group))
    return password


class _Quiet:
    """Takes the words that the commands have for operators."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""

    def isatty(self) -> bool:
        return False
