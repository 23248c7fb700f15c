"""What many tests stand on: a company, a clock that is moved by hand, and an environment for processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import connection
from hypothesis import HealthCheck, settings

from mapping.models import Company

# how long an example takes says something of the machine, and is measured by benchmarks
settings.register_profile("rules", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rules")


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="Nordic Tools AS", orders_from=date(2026, 1, 1))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Monday 2 March 2026, 09:00 UTC; `clock.shift(seconds)` and `clock.move_to(moment)` move it, nothing else does."""
    with time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """For processes that shall see this test's database: what is committed here is there, and the other way round."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{database['NAME']}"
    else:
        address = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings"}
