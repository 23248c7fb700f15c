"""The company whose both sides are looked at."""

from __future__ import annotations

import pytest

from mapping.models import Company
from tests.acceptance.stage import Stage


@pytest.fixture
def ours(stage: Stage) -> Company:
    return Company.objects.get()
