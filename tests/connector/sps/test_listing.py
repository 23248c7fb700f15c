"""Listings as sps.md §3.3 describes them: pages, cursors, directories, and everything odd about them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from connector import errors
from connector.sps.schemas import Entry
from tests.connector.sps.near import client
from tests.connector.stand_in import Asked, Said, StandIn, json_said

DATA = "/transactions/v5/data"
MISSING = json_said(
    {"error": {"errorDescription": "Directory '/out/' not found.", "error": "not_found"}, "status": "error"}, 404
)


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


def test_a_page_that_breaks_off_in_the_midst_of_a_listing_is_asked_for_again() -> None:
    with StandIn(page("/out/a", following=cursor("one")), Said(503), page("/out/b")) as far:
        assert [entry.path for entry in client(far).list("out/")] == ["/out/a", "/out/b"]
    assert [asked.query.get("cursor") for asked in far.asked] == [None, "one", "one"]


def test_a_next_page_that_cannot_be_asked_for_is_not_the_last() -> None:
    with StandIn(page("/out/a", following={"url": "/out/?limit=1000"})) as far, pytest.raises(errors.Transient):
        client(far).list("out/")


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


@pytest.mark.parametrize(
    "body", [b"[]", b'"x"', b"null", b'{"results": 7}', b'{"error": {}}', b"<html>", b'{"results": [']
)
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
