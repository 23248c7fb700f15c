"""Every status and every way to break off answers one question: did it happen?"""

from __future__ import annotations

import socket
import time

import pytest

from connector import errors
from connector.http import Call
from tests.connector.http.near import outcome, session
from tests.connector.stand_in import Asked, Manner, Said, StandIn, json_said

# What a status means


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (301, errors.Misconfigured, errors.InDoubt),
        (302, errors.Transient, errors.InDoubt),
        (304, errors.Misconfigured, errors.InDoubt),
        (307, errors.Transient, errors.InDoubt),
        (308, errors.Misconfigured, errors.InDoubt),
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


@pytest.mark.parametrize("status", [200, 201])
def test_a_web_page_says_nothing_about_a_write(status: int) -> None:
    page = Said(status, b"<!DOCTYPE html><html><title>We will be back</title></html>")
    assert isinstance(outcome(page, write=True)[0], errors.InDoubt)
    assert outcome(page, write=False)[0].status == status


def test_a_redirect_is_never_followed() -> None:
    with StandIn(json_said({})) as elsewhere, StandIn(Said(302, b"", {"Location": elsewhere.url + "/v1/x"})) as far:
        with pytest.raises(errors.Transient, match="redirected"):
            session(far.url).call("GET", "/v1/x", write=False)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("17", 17.0), ("0", 0.0), ("1.5", 1.5), ("soon", None), ("-3", None), ("nan", None), ("", None)],
)
def test_retry_after_in_seconds(retry_after: str, seconds: float | None) -> None:
    error, _ = outcome(Said(429, b"", {"Retry-After": retry_after}), write=True)
    assert error.retry_after == seconds


@pytest.mark.parametrize("far", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_nobody_is_waited_for_longer_than_a_day(status: int, far: str) -> None:
    headers = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": far}
    error, _ = outcome(Said(status, b"", headers), write=False)
    assert error.retry_after == 86_400.0


def test_a_date_beyond_all_calendars_is_no_date() -> None:
    error, _ = outcome(Said(429, b"", {"Retry-After": f"Fri, 31 Dec 1999 23:59:59 +{'9' * 20}"}), write=False)
    assert error.retry_after is None


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
    assert time.monotonic() - begun < 10.0
    assert type(error) is (errors.InDoubt if write else errors.Transient)
    assert "took too long" in str(error)
    assert 0.2 < call.seconds < 10.0


def test_a_write_whose_body_drips_has_happened() -> None:
    answer, _ = outcome(Said(201, b"x" * 5000, manner="drip_body"), write=True, timeout=1.0)
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
        near = session(far.url, timeout=1.0)
        for _ in range(2):
            with pytest.raises(errors.Transient):
                near.call("GET", "/v1/x", write=False)
        assert near.call("GET", "/v1/x", write=False).json() == [2]
