"""A session towards a stand-in, and what one call of it became."""

from __future__ import annotations

from typing import Any

from connector import errors
from connector.http import ApiSession, Call
from tests.connector.stand_in import Said, StandIn, StaticTokens


def session(url: str, calls: list[Call] | None = None, **settings: Any) -> ApiSession:
    log = calls if calls is not None else []
    usual: dict[str, Any] = {"tokens": StaticTokens(), "recorder": log.append, "timeout": 5.0, "system": "Far"}
    return ApiSession(url, **(usual | settings))


def outcome(said: Said, *, write: bool, **settings: Any) -> tuple[Any, Call]:
    """What a call became, Answer or error, and what was recorded."""
    calls: list[Call] = []
    with StandIn(said) as far:
        try:
            result: Any = session(far.url, calls, **settings).call("POST" if write else "GET", "/v1/x", write=write)
        except errors.ConnectorError as error:
            result = error
    return result, calls[-1]
