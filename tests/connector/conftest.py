"""A company that is connected to a sandbox of its own, with everything read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from connector.sandbox.sps import CLIENT_SECRET as SPS_SECRET
from connector.sandbox.visma_access import CLIENT_SECRET as VISMA_SECRET
from tests.acceptance.stage import Stage, opened


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Where `connect` looks for them; retries come soon, since nothing here waits for a clock."""
    monkeypatch.setenv("VISMA_CLIENT_SECRET", VISMA_SECRET)
    monkeypatch.setenv("SPS_CLIENT_SECRET", SPS_SECRET)
    settings.RETRY_FIRST_SECONDS = 0.05


@pytest.fixture
def stage(db: None, credentials: None, tmp_path: Path) -> Iterator[Stage]:
    yield from opened(tmp_path)
