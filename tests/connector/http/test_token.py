"""Getting a token: both forms, every refusal, and no secret anywhere."""

from __future__ import annotations

import socket
from urllib.parse import parse_qsl

import pytest

from connector import errors
from connector.http import Call, Token, fetch_token
from tests.connector.stand_in import Said, StandIn, json_said

FORM = {"grant_type": "client_credentials", "client_id": "isv_x", "client_secret": 'p&ss "wörd"/1', "scope": "a b"}


def fetch(url: str, calls: list[Call] | None = None, encoding: str = "form", timeout: float = 5.0) -> Token:
    log = calls if calls is not None else []
    return fetch_token(
        url, form=FORM, encoding="json" if encoding == "json" else "form", timeout=timeout, recorder=log.append
    )


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_token_is_fetched_in_either_encoding_without_logging_a_secret(encoding: str) -> None:
    calls: list[Call] = []
    with StandIn(json_said({"access_token": "abc.def", "expires_in": 3600, "token_type": "Bearer"})) as far:
        token = fetch(far.url + "/connect/token", calls, encoding)
    assert (token.value, token.expires_in) == ("abc.def", 3600)
    assert "abc.def" not in repr(token)
    sent = far.asked[0].json() if encoding == "json" else dict(parse_qsl(far.asked[0].body.decode()))
    assert sent == FORM
    log = calls[0].request_head + calls[0].response_head
    for secret in (b"abc.def", b"p&ss", b"p%26ss", b"u00f6rd", "wörd".encode(), b"w%C3%B6rd"):
        assert secret not in log
    assert b"client_credentials" in log


@pytest.mark.parametrize(
    ("status", "error", "family"),
    [
        (400, "invalid_client", errors.Misconfigured),
        (400, "invalid_scope", errors.Misconfigured),
        (401, "access_denied", errors.Misconfigured),
        (403, "unauthorized_client", errors.Misconfigured),
        (404, "not here", errors.Misconfigured),
        (415, "json only", errors.Misconfigured),
        (301, "elsewhere", errors.Misconfigured),
        (429, "slow down", errors.RateLimited),
        (500, "oops", errors.Transient),
        (503, "later", errors.Transient),
    ],
)
def test_a_refused_token_says_why_in_their_words(status: int, error: str, family: type[Exception]) -> None:
    with StandIn(json_said({"error": error, "error_description": f"about {FORM['client_secret']}"}, status)) as far:
        with pytest.raises(family, match=error) as caught:
            fetch(far.url)
        assert type(caught.value) is family or status == 401
        assert "wörd" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>login</html>", b"[]", b"{}", b'{"access_token": ""}', b'{"access_token": "a\\nb"}']
)
def test_an_answer_without_a_token_is_no_token(body: bytes) -> None:
    with StandIn(Said(200, body)) as far, pytest.raises(errors.Transient):
        fetch(far.url)


@pytest.mark.parametrize(("life", "seconds"), [(60, 60), ("90", 90), ("3600.0", 3600), (None, 300), ("ever", 300)])
def test_the_stated_life_counts_and_an_unstated_one_is_short(life: object, seconds: int) -> None:
    with StandIn(json_said({"access_token": "abc", "expires_in": life})) as far:
        assert fetch(far.url).expires_in == seconds


def test_nobody_there_is_transient() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(errors.Transient):
        fetch(url, timeout=1.0)


def test_a_dripping_token_endpoint_is_left() -> None:
    with StandIn(Said(200, b"x" * 500, manner="drip_head")) as far, pytest.raises(errors.Transient, match="too long"):
        fetch(far.url, timeout=0.2)
