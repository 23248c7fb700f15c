"""Files and history of the mailbox as sps.md §3 describes them, on a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import errors
from connector.sps.client import sps_token_form
from tests.connector.sps.near import client
from tests.connector.stand_in import Manner, Said, Script, StandIn, json_said

DATA = "/transactions/v5/data"


# Files


ODD_NAMES = [
    "/out/a b.json",
    "/out/100%.json",
    "/out/50%25.json",
    "/out/#1?x=y&z.json",
    "/out/ø☃.json",
    "/out/a+b;c=d.json",
    "/out/\\'\".json",
]


@pytest.mark.parametrize("path", ODD_NAMES)
def test_odd_names_arrive_as_they_are(path: str) -> None:
    with StandIn(Said(200, b"")) as far:
        sps = client(far)
        sps.read(path, 10)
        sps.post(path, b"x", {})
        sps.delete(path.lstrip("/"))
    assert [unquote(asked.target) for asked in far.asked] == [DATA + path] * 3
    assert all("?" not in asked.target and "#" not in asked.target for asked in far.asked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
        lambda name: not name.endswith("/")
    )
)
def test_any_name_arrives_as_it_is(shared: StandIn, name: str) -> None:
    path = "/out/x" + name
    if any(part in (".", "..") for part in path.split("/")):
        with pytest.raises(errors.Rejected):
            client(shared).read(path, 10)
    else:
        client(shared).read(path, 10)
        assert unquote(shared.asked[-1].target) == DATA + path


@pytest.fixture
def shared() -> Any:
    with StandIn(Said(200, b"")) as far:
        yield far


def test_bytes_are_read_exactly() -> None:
    content = b"\xef\xbb\xbf{\r\n}\x00\xff"
    with StandIn(Said(200, content, {"Content-Type": "application/json; charset=latin-1"})) as far:
        assert client(far).read("/out/a", 100) == content
    assert far.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_file_cut_short_is_not_taken_for_the_file() -> None:
    manners: tuple[Manner, ...] = ("cut_body", "cut_head", "broken_chunks", "close")
    for manner in manners:
        with StandIn(Said(200, b"x" * 1000, manner=manner)) as far, pytest.raises(errors.Transient):
            client(far).read("/out/a", 5000)


def test_a_file_larger_than_allowed_is_not_read() -> None:
    with StandIn(Said(200, b"x" * 1000)) as far, pytest.raises(errors.TooLarge):
        client(far).read("/out/a", 999)


def test_a_file_that_vanished_is_not_found() -> None:
    with StandIn(Said(404, b"File not found")) as far, pytest.raises(errors.NotFound, match="File not found"):
        client(far).read("/out/a", 10)


@pytest.mark.parametrize(("status", "said"), [(200, b""), (201, b'{"path": "/in/x"}')])
def test_a_file_is_posted_as_raw_bytes(status: int, said: bytes) -> None:
    meta = {"po number": "PO/1\r\nX: y", "sha256": "ab", "empty": " ", "": "", "note": "smør ☃"}
    with StandIn(Said(status, said)) as far:
        assert client(far).post("in/PO1-1.json", b"\x00{}", meta) == status
    asked = far.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", f"{DATA}/in/PO1-1.json", b"\x00{}")
    assert asked.headers["Content-Type"] == "application/octet-stream"
    assert asked.headers["X-Request-ID"]
    assert {name: text for name, text in asked.headers.items() if name.startswith("sps-meta")} == {
        "sps-meta-po_number": "PO/1 X: y",
        "sps-meta-sha256": "ab",
        "sps-meta-note": "sm?r ?",
    }


A_PAGE = b"<!DOCTYPE html>\n<html><body>We are down for maintenance</body></html>"


@pytest.mark.parametrize(
    "said", [Said(500), Said(manner="close"), Said(201, b"x", manner="cut_head"), Said(200, A_PAGE)]
)
def test_a_post_with_a_lost_answer_is_in_doubt(said: Said) -> None:
    with StandIn(said) as far:
        with pytest.raises(errors.InDoubt):
            client(far).post("/in/a", b"x", {})
        assert len(far.asked) == 1


def test_a_stored_file_is_stored_though_the_words_about_it_broke_off() -> None:
    with StandIn(Said(201, b'{"path": "/in/a"}', manner="cut_body")) as far:
        assert client(far).post("/in/a", b"x", {}) == 201


@pytest.mark.parametrize("status", [204, 200, 404])
def test_deleted_is_deleted(status: int) -> None:
    with StandIn(Said(status)) as far:
        client(far).delete("/out/a")
    assert (far.asked[0].method, far.asked[0].path) == ("DELETE", f"{DATA}/out/a")


@pytest.mark.parametrize("said", [Said(500), Said(manner="close"), Said(manner="reset")])
def test_a_delete_may_be_repeated_and_is_never_in_doubt(said: Said) -> None:
    with StandIn(said) as far, pytest.raises(errors.Transient):
        client(far).delete("/out/a")


def test_a_directory_is_neither_read_nor_deleted() -> None:
    with StandIn(json_said({})) as far:
        for call in (lambda: client(far).read("/out/", 9), lambda: client(far).delete("/out/")):
            with pytest.raises(errors.Rejected, match="is a directory"):
                call()
        assert far.asked == []


# History


def logged(path: str, *statuses: str) -> dict[str, Any]:
    log = [{"status": status, "timestamp": "2026-01-15T00:00:00", "message": None} for status in statuses]
    return {"id": "x", "path": path, "direction": "in", "status_log": log}


def test_the_history_follows_the_next_address_but_not_its_host() -> None:
    following = {"url": "https://elsewhere.example/other?limit=100&offset=100&after=2026-01-14T23:00:00"}
    first = json_said({"results": [logged("/in/a", "uploaded", "deleted")], "paging": {"next": following}})
    last = json_said({"results": [logged("in/b", "uploaded"), logged("/in/a")], "paging": {"next": None}})
    since = datetime(2026, 1, 15, tzinfo=timezone(timedelta(hours=1)))
    with StandIn(first, last) as far:
        entries = client(far).history(since)
    assert [(entry.path, [status for status, _, _ in entry.log]) for entry in entries] == [
        ("/in/a", ["uploaded", "deleted"]),
        ("/in/b", ["uploaded"]),
        ("/in/a", []),
    ]
    assert entries[0].log[0] == ("uploaded", "2026-01-15T00:00:00", "")
    assert [asked.path for asked in far.asked] == ["/transactions/v5/history"] * 2
    assert far.asked[0].query == {"limit": "100", "offset": "0", "after": "2026-01-14T23:00:00"}
    assert far.asked[1].query["offset"] == "100"


def test_the_history_of_one_path() -> None:
    results = [logged("/in/a", "uploaded"), logged("/in/A", "uploaded"), logged("in/a", "deleted")]
    with StandIn(json_said({"results": results})) as far:
        entries = client(far).history(datetime(2026, 1, 15, tzinfo=UTC), "in/a")
    assert [entry.log[0][0] for entry in entries] == ["uploaded", "deleted"]


def test_a_page_that_breaks_off_in_the_midst_of_a_history_is_asked_for_again() -> None:
    first = json_said({"results": [logged("/in/a")], "paging": {"next": {"url": "/x?offset=100"}}})
    last = json_said({"results": [logged("/in/b")]})
    with StandIn(first, Said(500), Said(200, b"{", manner="cut_body"), last) as far:
        entries = client(far).history(datetime(2026, 1, 15, tzinfo=UTC))
    assert [entry.path for entry in entries] == ["/in/a", "/in/b"]
    assert [asked.query["offset"] for asked in far.asked] == ["0", "100", "100", "100"]


def test_a_history_that_turns_in_circles_ends() -> None:
    circle = {"results": [], "paging": {"next": {"url": "/x?offset=0"}}}
    with StandIn(json_said(circle)) as far:
        assert client(far).history(datetime(2026, 1, 15, tzinfo=UTC)) == ()
        assert len(far.asked) == 1


@pytest.mark.parametrize("body", [{"results": None}, {"results": [], "paging": None}])
def test_an_empty_history(body: dict[str, Any]) -> None:
    with StandIn(json_said(body)) as far:
        assert client(far).history(datetime(2026, 1, 15, tzinfo=UTC)) == ()


@pytest.mark.parametrize("body", [{}, {"error": {"error": "busy"}, "status": "error"}, {"paging": {"limit": 100}}])
def test_an_error_with_200_is_no_empty_history(body: dict[str, Any]) -> None:
    with StandIn(json_said(body)) as far, pytest.raises(errors.Transient, match="results"):
        client(far).history(datetime(2026, 1, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    "paging",
    [
        {"next": {"cursor": "abc"}},
        {"next": {"url": "/transactions/v5/history"}},
        {"next": {"url": "/transactions/v5/history?offset=0"}},
    ],
)
def test_a_history_that_says_there_is_more_than_it_shows_proves_nothing(paging: dict[str, Any]) -> None:
    body = {"results": [logged("/in/a")], "paging": {"offset": 0, "limit": 100, **paging}}
    with StandIn(json_said(body)) as far, pytest.raises(errors.Transient, match="to its end"):
        client(far).history(datetime(2026, 1, 15, tzinfo=UTC))


def test_a_history_that_counts_files_and_shows_none_proves_nothing() -> None:
    with (
        StandIn(json_said({"results": [], "paging": {"total_count": 250}})) as far,
        pytest.raises(errors.Transient, match="to its end"),
    ):
        client(far).history(datetime(2026, 1, 15, tzinfo=UTC))


def test_an_empty_page_is_not_the_end_of_a_history() -> None:
    hole = {"results": [], "paging": {"next": {"url": "/x?offset=100"}}}
    with StandIn(json_said(hole), json_said({"results": [logged("/in/b")]})) as far:
        assert len(client(far).history(datetime(2026, 1, 15, tzinfo=UTC))) == 1


def test_a_history_is_whole_when_its_pages_hold_as_many_as_it_says() -> None:
    first = {"results": [logged("/in/a")], "paging": {"total_count": 2, "next": {"url": "/x?offset=100"}}}
    last = {"results": [logged("/in/b")], "paging": {"total_count": 2, "next": {}}}
    with StandIn(json_said(first), json_said(last)) as far:
        assert len(client(far).history(datetime(2026, 1, 15, tzinfo=UTC))) == 2


# The account


@pytest.mark.parametrize(("said", "family"), [(Said(401), errors.Misconfigured), (Said(503), errors.Transient)])
def test_a_token_is_checked(said: Script, family: type[Exception]) -> None:
    with StandIn(Said(204), said) as far:
        sps = client(far)
        assert sps.auth_check()
        with pytest.raises(family):
            sps.auth_check()
    assert far.asked[0].path == "/auth-check"


def test_directories_of_the_connection_are_normalised() -> None:
    with StandIn(json_said({})) as far:
        sps = client(far, in_dir="testin", out_dir="/testout/")
    assert (sps.in_dir, sps.out_dir) == ("/testin/", "/testout/")


def test_the_token_form() -> None:
    assert sps_token_form("id", "secret")["audience"] == "https://spscommerce.com"
    assert "audience" not in sps_token_form("id", "secret", "")
