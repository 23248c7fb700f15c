"""Settings that do not fit together are named at the start."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from connector.checks import lease_outlasts_a_call


@pytest.mark.parametrize(
    ("timeout", "lease", "fits"), [(60, 120, True), (120, 120, False), (130, 120, False), (0, 9, False)]
)
def test_a_call_must_end_before_its_lease(settings: Settings, timeout: float, lease: float, fits: bool) -> None:
    settings.REQUEST_TIMEOUT_SECONDS, settings.LEASE_SECONDS = timeout, lease
    assert [fault.msg for fault in lease_outlasts_a_call()] == (
        []
        if fits
        else [
            f"REQUEST_TIMEOUT_SECONDS is {timeout:g} and must be above 0 and below LEASE_SECONDS, which is {lease:g}."
        ]
    )
