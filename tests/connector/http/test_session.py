"""One call: what leaves, what comes back, what it costs in time, and what is written down about it."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector import errors
from connector.http import ApiSession, Call
from tests.connector.stand_in import Asked, Manner, Said, StandIn, StaticTokens, json_said


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


# What a status means


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (301, errors.Misconfigured, errors.Misconfigured),
        (302, errors.Misconfigured, errors.Misconfigured),
        (304, errors.Misconfigured, errors.Misconfigured),
        (307, errors.Misconfigured, errors.Misconfigured),
        (400, errors.Rejected, errors.Rejected),
        (403, errors.Misconfigured, errors.Misconfigured),
        (404, errors.NotFound, errors.NotFound),
        (408, errors.Transient, errors.InDoubt),
        (409, errors.Rejected, errors.Rejected),
        (410, errors.Rejected, errors.Rejected),
        (412, errors.Stale, errors.Stale),
        (415, errors.Rejected, errors.Rejected),
        (422, errors.Rejected, errors.Rejected),
        (425, errors.Transient, errors.Transient),
        (429, errors.RateLimited, errors.RateLimited),
        (500, errors.Transient, errors.InDoubt),
        (502, errors.Transient, errors.InDoubt),
        (503, errors.Transient, errors.InDoubt),
        (504, errors.Transient, errors.InDoubt),
        (599, errors.Transient, errors.InDoubt),
    ],
)
def test_every_status_answers_whether_it_happened(status: int, read: type[Exception], write: type[Exception]) -> None:
    for expected, is_write in ((read, False), (write, True)):
        error, call = outcome(Said(status, b'{"message": "words"}'), write=is_write)
        assert type(error) is expected
        assert call.status == status
        assert call.error.startswith(expected.__name__)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_comes_back_as_an_answer(status: int) -> None:
    answer, call = outcome(Said(status, b"" if status == 204 else b"{}"), write=True)
    assert answer.status == status
    assert not answer.broken
    assert call.error == ""


def test_a_redirect_is_never_followed() -> None:
    with StandIn(json_said({})) as elsewhere, StandIn(Said(302, b"", {"Location": elsewhere.url + "/v1/x"})) as far:
        with pytest.raises(errors.Misconfigured, match="redirected"):
            session(far.url).call("GET", "/v1/x", write=False)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("17", 17.0), ("0", 0.0), ("1.5", 1.5), ("soon", None), ("-3", None), ("nan", None), ("", None)],
)
def test_retry_after_in_seconds(retry_after: str, seconds: float | None) -> None:
    error, _ = outcome(Said(429, b"", {"Retry-After": retry_after}), write=True)
    assert error.retry_after == seconds


def test_retry_after_as_a_date_is_measured_by_their_clock() -> None:
    headers = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:51:07 GMT"}
    error, _ = outcome(Said(503, b"", headers), write=False)
    assert error.retry_after == 90.0


def test_retry_after_in_the_past_means_now() -> None:
    error, _ = outcome(Said(429, b"", {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), write=False)
    assert error.retry_after == 0.0


def test_an_empty_window_tells_when_it_opens_again() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1200"}
    error, _ = outcome(Said(429, b"", headers), write=False)
    assert error.retry_after == 1200.0


# What a broken connection means


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://no-such-host.invalid"])
def test_a_call_that_never_left_may_be_tried_again_even_a_write(url: str) -> None:
    calls: list[Call] = []
    with pytest.raises(errors.Transient, match="could not be reached"):
        session(url.format(port=free_port()), calls).call("POST", "/v1/x", write=True, json={})
    assert calls[0].status == 0
    assert calls[0].error.startswith("Transient")


def test_a_connect_time_out_may_be_tried_again_even_for_a_write() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = []
        for _ in range(4):  # fill the backlog, so that the next one is not even accepted
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(deaf.getsockname())
        try:
            with pytest.raises(errors.Transient, match="took too long"):
                session(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.2).call("POST", "/v1/x", write=True)
        finally:
            for each in waiting:
                each.close()


@pytest.mark.parametrize("manner", ["close", "reset", "cut_head"])
def test_an_answer_that_breaks_off_leaves_a_write_in_doubt_and_a_read_to_repeat(manner: Manner) -> None:
    said = Said(200, b'{"whole": 1}', manner=manner)
    assert type(outcome(said, write=True)[0]) is errors.InDoubt
    assert type(outcome(said, write=False)[0]) is errors.Transient


def test_a_location_cut_short_is_no_location() -> None:
    said = Said(201, b"", {"Content-Length": "0", "Location": "http://far/v1/x/PR000233"}, manner="cut_head")
    whole = len(
        "HTTP/1.1 201 Said\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nLocation: http://far/v1/x/PR000233"
    )
    for cut in (whole - 3, whole, whole + 1, whole + 2):
        error, _ = outcome(Said(201, b"", said.headers, "cut_head", head_bytes=cut), write=True)
        assert type(error) is errors.InDoubt, cut


@pytest.mark.parametrize("manner", ["cut_body", "broken_chunks"])
def test_a_body_that_breaks_off_is_noticed(manner: Manner) -> None:
    said = Said(200, b"[1, 2, 3, 4]", manner=manner)
    assert type(outcome(said, write=False)[0]) is errors.Transient


@pytest.mark.parametrize("manner", ["cut_body", "broken_chunks"])
def test_the_status_of_a_write_decides_when_its_body_breaks_off(manner: Manner) -> None:
    answer, call = outcome(Said(201, b"[1, 2, 3, 4]", {"Location": "/v1/x/7"}, manner=manner), write=True)
    assert (answer.status, answer.content, answer.broken) == (201, b"", True)
    assert answer.headers["Location"] == "/v1/x/7"
    assert call.error == ""


def test_a_refusal_whose_words_break_off_is_still_a_refusal() -> None:
    error, _ = outcome(Said(400, b"price is wrong, quantity too", manner="cut_body"), write=True)
    assert type(error) is errors.Rejected


@pytest.mark.parametrize(("manner", "write"), [("drip_head", False), ("drip_head", True), ("drip_body", False)])
def test_a_dripping_server_is_left_in_time(manner: Manner, write: bool) -> None:
    begun = time.monotonic()
    error, call = outcome(Said(200, b"x" * 5000, manner=manner), write=write, timeout=0.3)
    assert time.monotonic() - begun < 1.0
    assert type(error) is (errors.InDoubt if write else errors.Transient)
    assert "took too long" in str(error)
    assert 0.2 < call.seconds < 1.0


def test_a_write_whose_body_drips_has_happened() -> None:
    answer, _ = outcome(Said(201, b"x" * 5000, manner="drip_body"), write=True, timeout=0.3)
    assert (answer.status, answer.broken) == (201, True)


def test_an_unframed_body_cut_by_our_clock_is_not_taken_for_whole() -> None:
    def dripping(asked: Asked) -> Said:
        return Said(200, b"[1]" + b" " * 5000, {"Connection": "close", "Content-Length": ""}, manner="drip_body")

    calls: list[Call] = []
    with StandIn(dripping) as far, pytest.raises(errors.Transient):
        session(far.url, calls, timeout=0.2).call("GET", "/v1/x", write=False)


def test_a_body_without_length_is_read_to_its_end() -> None:
    answer, _ = outcome(Said(200, b"[1, 2]", {"Connection": "close"}, manner="unframed"), write=False)
    assert answer.json() == [1, 2]


def test_a_silent_server_leaves_a_write_in_doubt() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        far = session(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
        with pytest.raises(errors.InDoubt, match="took too long"):
            far.call("POST", "/v1/x", write=True, json={})
        with pytest.raises(errors.Transient, match="took too long"):
            far.call("GET", "/v1/x", write=False)


def test_an_answer_larger_than_allowed_is_not_read() -> None:
    for headers in ({}, {"Connection": "close"}):
        said = Said(200, b"x" * 5000, headers, manner="unframed" if headers else "whole")
        error, call = outcome(said, write=False, max_bytes=4999)
        assert type(error) is errors.TooLarge
        assert len(call.response_head) <= 2048
    assert outcome(Said(200, b"x" * 5000), write=False, max_bytes=5000)[0].content == b"x" * 5000


def test_a_write_with_a_far_too_large_answer_has_happened() -> None:
    answer, _ = outcome(Said(200, b"x" * 5000), write=True, max_bytes=10)
    assert answer.broken


def test_the_next_call_is_whole_after_one_that_broke() -> None:
    with StandIn(
        Said(200, b"[1]", manner="cut_body"), Said(200, b"x" * 999, manner="drip_body"), json_said([2])
    ) as far:
        near = session(far.url, timeout=0.2)
        for _ in range(2):
            with pytest.raises(errors.Transient):
                near.call("GET", "/v1/x", write=False)
        assert near.call("GET", "/v1/x", write=False).json() == [2]


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


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b"1e99999999999999999999"])
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
