"""Both sandboxes as one company sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from connector.sandbox.sps import CLIENT_SECRET as SPS_SECRET
from connector.sandbox.visma_access import CLIENT_SECRET as VISMA_SECRET
from mapping.models import Company
from tests.acceptance.stage import Stage, opened


@pytest.fixture
def stage(db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("VISMA_CLIENT_SECRET", VISMA_SECRET)
    monkeypatch.setenv("SPS_CLIENT_SECRET", SPS_SECRET)
    settings.RETRY_FIRST_SECONDS = 0.05
    yield from opened(tmp_path)


@pytest.fixture
def ours(stage: Stage) -> Company:
    return Company.objects.get()
