"""A company connected to a sandbox of its own, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import time_machine
from pytest_django.fixtures import Settings

from connector.sandbox import World
from mapping.models import Company
from tests.connector.pipeline.round import Round, connected


@pytest.fixture
def world(clock: time_machine.Traveller) -> Iterator[World]:
    with World(seed=1, mismatch_rate=0.0) as world:
        yield world


@pytest.fixture
def round_(world: World, company: Company, clock: time_machine.Traveller, settings: Settings) -> Round:
    """Nothing ordered yet."""
    settings.REQUEST_TIMEOUT_SECONDS = 5.0
    settings.LEASE_SECONDS = 30.0
    settings.RETRY_FIRST_SECONDS = 2.0
    company.orders_from = date(2026, 3, 2)
    company.save()
    world.seed_company(0)
    connected(company, world)
    return Round(world, company, clock)
