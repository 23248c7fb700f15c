"""One call: what leaves, with which token and budget, and what is written down about it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from connector import errors
from connector.http import Call
from tests.connector.http.near import outcome, session
from tests.connector.stand_in import Said, StandIn, StaticTokens, json_said


class Budget:
    def __init__(self, allowed: int = 100) -> None:
        self.left = allowed
        self.learnt: list[tuple[int, str]] = []

    def spend(self, priority: int) -> None:
        if not self.left:
            raise errors.RateLimited("no calls left", retry_after=5)
        self.left -= 1

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        self.learnt.append((status, headers.get("X-RateLimit-Remaining", "")))


# Tokens and budget


def test_a_refused_token_is_renewed_once_and_the_call_repeated_once() -> None:
    tokens = StaticTokens("old", "new")
    with StandIn(Said(401), json_said({"fine": True})) as far:
        answer = session(far.url, tokens=tokens).call("POST", "/v1/x", write=True, json={"a": 1})
    assert answer.json() == {"fine": True}
    assert tokens.refused == ["old"]
    assert [asked.headers["Authorization"] for asked in far.asked] == ["Bearer old", "Bearer new"]
    assert [asked.body for asked in far.asked] == [b'{"a":1}', b'{"a":1}']


def test_a_token_refused_twice_is_an_operators_matter() -> None:
    said = json_said({"ExceptionMessage": "No license for this company.", "ExceptionFaultCode": "12027"}, 401)
    with StandIn(said) as far:
        with pytest.raises(errors.Misconfigured, match=r"No license for this company. 12027"):
            session(far.url).call("POST", "/v1/x", write=True)
        assert len(far.asked) == 2


def test_nothing_but_the_one_401_is_repeated() -> None:
    for said in (Said(500), Said(429), Said(503), Said(200, b"[1]", manner="cut_body"), Said(manner="close")):
        with StandIn(said) as far:
            with pytest.raises(errors.ConnectorError):
                session(far.url).call("GET", "/v1/x", write=False)
            assert len(far.asked) == 1


def test_each_call_spends_and_teaches_the_budget() -> None:
    budget = Budget()
    with StandIn(Said(401, b"", {"X-RateLimit-Remaining": "8"}), Said(200, b"", {"X-RateLimit-Remaining": "7"})) as far:
        session(far.url, budget=budget).call("GET", "/v1/x", write=False)
    assert budget.left == 98
    assert budget.learnt == [(401, "8"), (200, "7")]


def test_without_budget_nothing_leaves() -> None:
    with StandIn(json_said({})) as far:
        with pytest.raises(errors.RateLimited):
            session(far.url, budget=Budget(0)).call("POST", "/v1/x", write=True)
        assert far.asked == []


def test_a_password_in_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with StandIn(json_said({})) as far:
        session(far.url).call("GET", "/v1/x", write=False)
        assert far.asked[0].headers["Authorization"] == "Bearer token-1"


# What leaves


def test_paths_and_parameters_arrive_as_they_were_meant() -> None:
    with StandIn(json_said({})) as far:
        near = session(far.url + "/erp/")
        near.call(
            "GET", "/data/out/a b%2F#1?ø&.json", write=False, params={"since>=": "2026-01-01T00:00:00.000", "c": "a+/="}
        )
        near.call("GET", "/v1/inventory/b64(QS8x)", write=False)
    assert far.asked[0].path == "/erp/data/out/a%20b%252F%231%3F%C3%B8%26.json"
    assert far.asked[0].query == {"since>=": "2026-01-01T00:00:00.000", "c": "a+/="}
    assert far.asked[1].target == "/erp/v1/inventory/b64(QS8x)"


@pytest.mark.parametrize(
    "path", ["http://elsewhere/v1", "//elsewhere/../v1", "v1/x", "@elsewhere/", "/a/../../b", "/\ud800"]
)
def test_no_path_leads_elsewhere(path: str) -> None:
    with StandIn(json_said({})) as far:
        with pytest.raises(errors.Rejected):
            session(far.url).call("GET", path, write=False)
        assert far.asked == []


@pytest.mark.parametrize(
    "url", ["", "far.example", "ftp://far", "http://", "http://u:p@far", "http://far/?a=b", "http://far:x"]
)
def test_an_address_that_is_none_is_said_so(url: str) -> None:
    with pytest.raises(errors.Misconfigured, match="no address"):
        session(url)


def test_numbers_leave_digit_for_digit() -> None:
    body = {"price": Decimal("0.10000000000000000000001"), "big": Decimal("1E+3"), "n": 7, "t": "ø", "l": [True, None]}
    with StandIn(json_said({})) as far:
        session(far.url).call("PUT", "/v1/x", write=True, json=body)
    assert far.asked[0].body == b'{"price":0.10000000000000000000001,"big":1000,"n":7,"t":"\\u00f8","l":[true,null]}'
    assert far.asked[0].headers["Content-Type"] == "application/json"


def test_a_float_does_not_leave() -> None:
    with pytest.raises(TypeError, match="float"):
        session("http://127.0.0.1:1").call("PUT", "/v1/x", write=True, json={"price": 0.1})


def test_numbers_arrive_digit_for_digit() -> None:
    answer, _ = outcome(
        Said(200, b'\xef\xbb\xbf{"a": 0.1, "b": 20.0, "c": 12345678901234567890.000000001}'), write=False
    )
    assert answer.json() == {"a": Decimal("0.1"), "b": Decimal("20.0"), "c": Decimal("12345678901234567890.000000001")}


@pytest.mark.parametrize(
    "body", [b"", b"<paper>", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b"1e99999999999999999999"]
)
def test_unreadable_json_is_transient_for_a_read_and_in_doubt_for_a_write(body: bytes) -> None:
    for write, family in ((False, errors.Transient), (True, errors.InDoubt)):
        answer, _ = outcome(Said(200, body), write=write)
        with pytest.raises(family):
            answer.json()


def test_every_call_says_who_calls_and_carries_an_id() -> None:
    calls: list[Call] = []
    with StandIn(json_said({})) as far:
        near = session(far.url, calls, user_agent="ml-connector/9")
        near.call("GET", "/v1/x", write=False)
        near.call("GET", "/v1/x", write=False)
    assert {asked.headers["User-Agent"] for asked in far.asked} == {"ml-connector/9"}
    assert [asked.headers["X-Request-ID"] for asked in far.asked] == [call.request_id for call in calls]
    assert calls[0].request_id != calls[1].request_id
    assert far.connections == 1


def test_a_file_leaves_as_multipart() -> None:
    with StandIn(json_said({})) as far:
        session(far.url).call("POST", "/v1/x", write=True, files={"file": ("fakturå.xml", b"<a/>\x00", "text/xml")})
    body = far.asked[0].body
    assert b'name="file"; filename="faktur\xc3\xa5.xml"' in body
    assert b"text/xml\r\n\r\n<a/>\x00\r\n" in body
    assert far.asked[0].headers["Content-Type"].startswith("multipart/form-data; boundary=")


# What is written down


def test_the_log_holds_both_heads_and_no_secret() -> None:
    calls: list[Call] = []
    reply = b'{"access_token": "leaked-1", "echo": "Bearer sixteen.chars-or-more", "mine": "token-1"}' + b" " * 5000
    with StandIn(Said(400, reply, {"Ipp-Request-Id": "ipp-7"})) as far, pytest.raises(errors.Rejected) as caught:
        session(far.url, calls).call(
            "POST",
            "/v1/x",
            write=True,
            params={"a": "1"},
            json={"client_secret": "shh", "x": "token-1", "note": "é" * 3000},
        )
    (call,) = calls
    assert (call.method, call.url_path, call.status, call.request_id) == ("POST", "/v1/x?a=1", 400, "ipp-7")
    assert call.started.tzinfo is not None
    assert 0 < call.seconds < 5
    assert len(call.request_head) <= 2048
    assert len(call.response_head) <= 2048
    everything = call.request_head + call.response_head + call.error.encode() + str(caught.value).encode()
    for secret in (b"leaked-1", b"sixteen", b"token-1", b"shh"):
        assert secret not in everything
    assert b'"client_secret":"***"' in call.request_head


def test_a_recorder_that_fails_does_not_hide_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    def full_disk(call: Call) -> None:
        raise OSError("disk full")

    with StandIn(json_said({"number": "7"}, 201)) as far:
        assert session(far.url, recorder=full_disk).call("POST", "/v1/x", write=True).status == 201
    assert "could not be noted" in caplog.text
