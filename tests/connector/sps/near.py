"""An SPS client towards a stand-in."""

from __future__ import annotations

from typing import Any

from connector.http import ApiSession
from connector.sps.client import SpsClient
from tests.connector.stand_in import StandIn, StaticTokens


def client(far: StandIn, **settings: Any) -> SpsClient:
    session = ApiSession(far.url, tokens=StaticTokens(), recorder=lambda call: None, timeout=5.0, system="SPS")
    return SpsClient(session, **settings)
