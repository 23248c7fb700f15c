"""The mailbox as sps.md §3 describes it, with its odd listings, on a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import errors
from connector.http import ApiSession
from connector.sps.client import SpsClient, sps_token_form
from connector.sps.schemas import Entry
from tests.connector.stand_in import Asked, Manner, Said, Script, StandIn, StaticTokens, json_said

DATA = "/transactions/v5/data"
MISSING = json_said(
    {"error": {"errorDescription": "Directory '/out/' not found.", "error": "not_found"}, "status": "error"}, 404
)


def client(far: StandIn, **settings: Any) -> SpsClient:
    session = ApiSession(far.url, tokens=StaticTokens(), recorder=lambda call: None, timeout=5.0, system="SPS")
    return SpsClient(session, **settings)


def page(*paths: str, following: Any = ...) -> Said:
    paging: dict[str, Any] = {"limit": 1000}
    if following is not ...:
        paging["next"] = following
    kinds = [
        {"path": path, "type": "directory" if path.endswith("/") else "file", "url": "https://evil/in/x"}
        for path in paths
    ]
    return json_said({"results": kinds, "paging": paging})


def cursor(name: str) -> dict[str, str]:
    return {"cursor": name, "url": f"https://elsewhere.example{DATA}/out/?limit=1000&cursor=other"}


# Listing


@pytest.mark.parametrize("directory", ["out/", "/out/", "out", "/out", "//out//"])
def test_a_directory_is_listed_however_it_is_spelt(directory: str) -> None:
    with StandIn(page("/out/b.json", "/out/PO/", "/out/a.json")) as far:
        listing = client(far).list(directory)
    assert listing == [Entry("/out/PO/", True), Entry("/out/a.json", False), Entry("/out/b.json", False)]
    assert not listing.missing
    assert (far.asked[0].path, far.asked[0].query) == (f"{DATA}/out/", {"limit": "1000"})


def test_the_root_is_listed_too() -> None:
    with StandIn(page("/in/", "/out/")) as far:
        assert [entry.path for entry in client(far).list("")] == ["/in/", "/out/"]
    assert far.asked[0].path == f"{DATA}/"


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"path": "/out/a", "type": "file"}], "paging": {"limit": 1000}},
        {"results": [{"path": "/out/a", "type": "file"}], "paging": {"next": None}},
        {"results": [{"path": "/out/a", "type": "file"}], "paging": {"next": {}}},
        {"results": [{"path": "/out/a", "type": "file"}], "paging": None},
        {"results": [{"path": "out/a"}]},
        {"results": [{"path": "/out/a", "type": "file"}, {"path": "/out/a", "type": "file"}, {"type": "file"}]},
    ],
)
def test_the_last_page_is_known_in_every_spelling(body: dict[str, Any]) -> None:
    with StandIn(json_said(body)) as far:
        assert client(far).list("out/") == [Entry("/out/a", False)]
        assert len(far.asked) == 1


@pytest.mark.parametrize("results", [None, []])
def test_nothing_in_it_is_not_the_same_as_nothing_there(results: Any) -> None:
    with StandIn(json_said({"results": results, "paging": {"limit": 1000}}), MISSING) as far:
        empty, missing = client(far).list("out/"), client(far).list("out/")
    assert (empty, empty.missing) == ([], False)
    assert (missing, missing.missing) == ([], True)


def test_all_pages_are_read_by_cursor() -> None:
    by_url = {"url": f"https://elsewhere.example{DATA}/out/?limit=1000&cursor=a%2B%2F%3D"}
    with StandIn(page("/out/c", following=cursor("one")), page("/out/a", following=by_url), page("/out/b")) as far:
        assert [entry.path for entry in client(far).list("out/", prefix="")] == ["/out/a", "/out/b", "/out/c"]
    assert [asked.query.get("cursor") for asked in far.asked] == [None, "one", "a+/="]


def test_an_expired_cursor_starts_the_listing_again() -> None:
    expired = json_said({"error": {"errorDescription": "cursor expired"}}, 400)
    with StandIn(
        page("/out/gone", following=cursor("one")), expired, page("/out/a", following=cursor("two")), page("/out/b")
    ) as far:
        assert [entry.path for entry in client(far).list("out/")] == ["/out/a", "/out/b"]


@pytest.mark.parametrize("second", [json_said({"message": "expired"}, 400), page("/out/b", following=cursor("one"))])
def test_a_listing_that_never_ends_is_given_up_for_now(second: Said) -> None:
    def answer(asked: Asked) -> Said:
        return second if "cursor" in asked.query else page("/out/a", following=cursor("one"))

    with StandIn(answer) as far:
        with pytest.raises(errors.Transient, match="to its end"):
            client(far).list("out/")
        assert len(far.asked) == 6


def test_a_refused_listing_is_not_an_expired_cursor() -> None:
    with StandIn(Said(400, b"bad path")) as far, pytest.raises(errors.Rejected, match="bad path"):
        client(far).list("out/")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b'{"results": 7}', b"<html>", b'{"results": ['])
def test_what_is_no_listing_is_not_an_empty_mailbox(body: bytes) -> None:
    with StandIn(Said(200, body)) as far, pytest.raises(errors.Transient):
        client(far).list("out/")


def test_the_prefix_is_sent_and_checked() -> None:
    with StandIn(page("/in/PO1-1.json", "/in/PO10-1.json", "/in/po1-1.json")) as far:
        listing = client(far).list("in/", prefix="PO1-")
    assert far.asked[0].query["entryNamePrefix"] == "PO1-"
    assert listing == [Entry("/in/PO1-1.json", False)]


def test_what_lies_elsewhere_is_never_touched(caplog: pytest.LogCaptureFixture) -> None:
    with StandIn(page("/in/PO1.json", "/out/", "/output/x", "/out/a")) as far:
        assert client(far).walk("out/") == [Entry("/out/a", False)]
    assert "/in/PO1.json" in caplog.text


def tree(asked: Asked) -> Said:
    pages = {
        "/out/": page("/out/z.json", "/out/IN/", "/out/PO/", "/out/"),
        "/out/IN/": page("/out/IN/b", "/out/IN/deep er/"),
        "/out/IN/deep er/": page("/out/IN/deep er/#1?%.xml"),
    }
    return pages.get(unquote(asked.path).removeprefix(DATA), MISSING)


def test_files_are_found_in_all_subdirectories() -> None:
    with StandIn(tree) as far:
        found = client(far).walk("out/")
    assert [entry.path for entry in found] == ["/out/IN/b", "/out/IN/deep er/#1?%.xml", "/out/z.json"]
    assert not found.missing


def test_a_missing_mailbox_is_no_error() -> None:
    with StandIn(MISSING) as far:
        found = client(far).walk("out/")
    assert (found, found.missing) == ([], True)


def test_directories_that_nest_for_ever_are_left_at_some_depth() -> None:
    def deeper(asked: Asked) -> Said:
        return page(asked.path.removeprefix(DATA) + "again/")

    with StandIn(deeper) as far:
        assert client(far).walk("out/") == []
        assert len(far.asked) <= 10


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


@pytest.mark.parametrize("status", [200, 201])
def test_a_file_is_posted_as_raw_bytes(status: int) -> None:
    meta = {"po number": "PO/1\r\nX: y", "sha256": "ab", "empty": " ", "": "", "note": "smør ☃"}
    with StandIn(Said(status, b'{"path": "/in/x"}')) as far:
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


@pytest.mark.parametrize("said", [Said(500), Said(manner="close"), Said(201, b"x", manner="cut_head")])
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


def test_a_history_that_turns_in_circles_ends() -> None:
    circle = {"results": [], "paging": {"next": {"url": "/x?offset=0"}}}
    with StandIn(json_said(circle)) as far:
        assert client(far).history(datetime(2026, 1, 15, tzinfo=UTC)) == ()
        assert len(far.asked) == 1


@pytest.mark.parametrize("body", [{"results": None}, {"results": [], "paging": None}, {}])
def test_an_empty_history(body: dict[str, Any]) -> None:
    with StandIn(json_said(body)) as far:
        assert client(far).history(datetime(2026, 1, 15, tzinfo=UTC)) == ()


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
