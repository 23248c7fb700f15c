"""What the SPS stand-in answers, over a socket: tokens, the mailbox, listings page by page, the transport log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from connector.sandbox import World
from connector.sandbox.sps import WEB_CLIENT_ID
from connector.sandbox.wire import request
from tests.connector.sandbox.client import Client, sps_token

DATA, HISTORY = "/transactions/v5/data", "/transactions/v5/history"


def listing(sps: Client, directory: str, **query: object) -> dict[str, Any]:
    answer = sps("GET", f"{DATA}{directory}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [entry["path"] for entry in page["results"]]


@pytest.mark.parametrize("as_form", [True, False])
@pytest.mark.parametrize("path", ["/oauth/token", "/authorization/v1/token"])
def test_both_token_addresses_take_json_and_form(world: World, path: str, as_form: bool) -> None:
    answer = sps_token(world, f"{world.sps_url}{path}", as_form=as_form)
    assert (answer.status_code, answer.json()["expires_in"]) == (200, 3600)
    assert Client(world.sps_url, answer.json()["access_token"])("GET", "/auth-check").status_code == 204


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"client_secret": "guess"}, 401, "access_denied"),
        ({"client_id": WEB_CLIENT_ID}, 403, "unauthorized_client"),
        ({"audience": "https://elsewhere.example"}, 403, "access_denied"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_is_refused(world: World, wrong: dict[str, str], status: int, error: str) -> None:
    answer = sps_token(world, other=wrong)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_calls_without_a_token_or_a_user_agent_are_refused(world: World, sps: Client) -> None:
    assert requests.get(f"{world.sps_url}/auth-check", timeout=5).status_code == 401
    token = sps.session.headers["Authorization"]
    bare = request("GET", "/auth-check", headers={"Authorization": str(token)})
    assert world.sps.handle(bare).status == 403


def test_a_token_ends_when_its_time_is_over(world: World, sps: Client) -> None:
    world.sps.expires_in = 0
    late = Client(world.sps_url, sps_token(world).json()["access_token"])
    assert late("GET", "/auth-check").status_code == 401
    assert sps("GET", "/auth-check").status_code == 204


def test_a_new_file_is_201_and_a_replaced_one_200(world: World, sps: Client) -> None:
    path = f"{DATA}/in/PO1.json"
    answers = [sps("POST", path, data=content) for content in (b"\xef\xbb\xbf{}", b"second")]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == {"path": "/in/PO1.json", "url": f"{world.sps_url}{path}"}
    assert sps("GET", path).content == b"second"


@pytest.mark.parametrize("name", ["a b.json", "å%20#?.json", "Sh1.json", "x+y.json"])
def test_names_are_kept_to_the_letter(sps: Client, name: str) -> None:
    quoted = quote(name, safe="")
    assert sps("POST", f"{DATA}/in/{quoted}", data=b"1").json()["path"] == f"/in/{name}"
    assert names(listing(sps, "/in/")) == [f"/in/{name}"]
    assert sps("GET", f"{DATA}/in/{quoted.swapcase() if name == 'Sh1.json' else quoted}").ok == (name != "Sh1.json")


def test_only_octet_streams_are_taken(sps: Client) -> None:
    answer = sps("POST", f"{DATA}/in/PO1.json", data=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 415


def test_a_directory_is_not_a_file(sps: Client) -> None:
    assert sps("POST", f"{DATA}/in/", data=b"{}").status_code == 400
    assert sps("DELETE", f"{DATA}/in/").status_code == 400


def test_a_deleted_file_is_gone_and_deleting_it_again_is_404(world: World, sps: Client) -> None:
    world.sps.put("out/IN/IN1.json", b"{}")
    path = f"{DATA}/out/IN/IN1.json"
    assert [sps("DELETE", path).status_code for _ in range(2)] == [204, 404]
    assert sps("GET", path).status_code == 404


def test_missing_directories_and_files_are_404_in_every_shape(world: World, sps: Client) -> None:
    bodies = [sps("GET", f"{DATA}/testout/") for _ in range(3)]
    assert {body.status_code for body in bodies} == {404}
    assert {body.headers["Content-Type"].split(";")[0] for body in bodies} == {
        "application/json",
        "application/problem+json",
        "text/plain",
    }
    assert all("Directory '/testout/' not found." in body.text for body in bodies)


def test_directories_are_listed_beside_files(world: World, sps: Client) -> None:
    for path in ("out/PR/PR1.json", "out/SH1.json", "out/IN/old/IN1.json"):
        world.sps.put(path, b"{}")
    entries = {entry["path"]: entry["type"] for entry in listing(sps, "/out/")["results"]}
    assert entries == {"/out/PR/": "directory", "/out/IN/": "directory", "/out/SH1.json": "file"}
    assert names(listing(sps, "/out/IN/")) == ["/out/IN/old/"]
    assert sorted(names(listing(sps, "/"))) == ["/in/", "/out/"]


def test_an_empty_directory_stays_or_goes_as_the_mailbox_is_set_up(world: World, sps: Client) -> None:
    world.sps.put("out/IN/IN1.json", b"{}")
    sps("DELETE", f"{DATA}/out/IN/IN1.json")
    assert listing(sps, "/out/IN/")["results"] == []
    world.sps.shelf.keep_directories = False
    world.sps.put("out/SH/SH1.json", b"{}")
    sps("DELETE", f"{DATA}/out/SH/SH1.json")
    assert sps("GET", f"{DATA}/out/SH/").status_code == 404


def test_pages_cover_a_listing_once_and_the_last_has_no_next(world: World, sps: Client) -> None:
    for number in range(7):
        world.sps.put(f"out/SH{number}.json", b"{}")
    found, cursor = [], ""
    for _ in range(3):
        page = listing(sps, "/out/", limit=3, **({"cursor": cursor} if cursor else {}))
        found += names(page)
        cursor = page["paging"].get("next", {}).get("cursor", "")
    assert cursor == ""
    assert sorted(found) == [f"/out/SH{number}.json" for number in range(7)]
    assert "next" not in page["paging"]


def test_the_last_page_may_say_null(world: World, sps: Client) -> None:
    world.sps.null_next = True
    assert listing(sps, "/out/")["paging"] == {"limit": 1000, "next": None}


def test_no_order_is_kept_from_listing_to_listing(world: World, sps: Client) -> None:
    for number in range(12):
        world.sps.put(f"out/SH{number}.json", b"{}")
    listings = {tuple(names(listing(sps, "/out/"))) for _ in range(4)}
    assert len(listings) > 1


def test_deleting_between_pages_shifts_them(world: World, sps: Client) -> None:
    for number in range(6):
        world.sps.put(f"out/SH{number}.json", b"{}")
    first = listing(sps, "/out/", limit=3)
    for path in names(first):
        sps("DELETE", f"{DATA}{path}")
    second = listing(sps, "/out/", limit=3, cursor=first["paging"]["next"]["cursor"])
    assert second["results"] == []


def test_an_expired_strange_or_garbled_cursor_is_400(world: World, sps: Client) -> None:
    for number in range(3):
        world.sps.put(f"out/SH{number}.json", b"{}")
    cursor = listing(sps, "/out/", limit=1)["paging"]["next"]["cursor"]
    assert sps("GET", f"{DATA}/in/", params={"cursor": cursor}).status_code == 400
    assert sps("GET", f"{DATA}/out/", params={"cursor": "1iV7qUkBbZVTXiHkle"}).status_code == 400
    assert sps("GET", f"{DATA}/out/", params={"cursor": cursor}).status_code == 200
    world.sps.shelf.expire_cursors()
    assert sps("GET", f"{DATA}/out/", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_out_of_range_is_400(sps: Client, limit: str) -> None:
    assert sps("GET", f"{DATA}/out/", params={"limit": limit}).status_code == 400


def test_a_prefix_narrows_by_name_and_by_case(world: World, sps: Client) -> None:
    for name in ("PO1-1.json", "PO12-1.json", "po1-1.json"):
        world.sps.shelf.put(f"/in/{name}", b"{}", "api")
    assert names(listing(sps, "/in/", entryNamePrefix="PO1-")) == ["/in/PO1-1.json"]


def test_the_history_tells_what_happened_to_a_file_once_the_lag_is_over(world: World, sps: Client) -> None:
    sps("POST", f"{DATA}/in/PO1.json", data=b"{}")
    (taken,) = world.sps.pick_up()
    assert (taken.path, taken.content) == ("/in/PO1.json", b"{}")
    row = sps("GET", HISTORY).json()["results"][0]
    assert (row["path"], row["direction"]) == ("/in/PO1.json", "in")
    assert [entry["status"] for entry in row["status_log"]] == ["uploaded", "deleted"]
    world.sps.history_lag = 300
    assert sps("GET", HISTORY).json()["results"] == []


def test_the_history_is_read_by_time_and_page(world: World, sps: Client) -> None:
    for number in range(5):
        world.sps.put(f"out/SH{number}.json", b"{}")
    now = datetime.now(UTC)
    window = {"after": f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}", "limit": "2"}
    page, found = sps("GET", HISTORY, params=window).json(), []
    for _ in range(3):
        found += [row["path"] for row in page["results"]]
        following = page["paging"].get("next")
        page = sps.session.get(following["url"], timeout=5).json() if following else page
    assert sorted(found) == [f"/out/SH{number}.json" for number in range(5)]
    later = {"after": f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"}
    assert sps("GET", HISTORY, params=later).json()["paging"]["total_count"] == 0
    assert sps("GET", HISTORY, params={"after": "yesterday"}).status_code == 400


def test_files_are_picked_up_only_when_the_delay_is_over(world: World, sps: Client) -> None:
    world.sps.pickup_delay = 3600
    sps("POST", f"{DATA}/in/PO1.json", data=b"{}")
    assert world.sps.pick_up() == []
    assert world.sps.paths("in/") == ["/in/PO1.json"]


def test_the_ledger_knows_every_version_of_a_file(world: World, sps: Client) -> None:
    for content in (b"one", b"two"):
        sps("POST", f"{DATA}/in/PO1.json", data=content)
    entries = world.sps.ledger()["/in/PO1.json"]
    assert [(e["status"], e["size"], e["who"]) for e in entries] == [("uploaded", 3, "api")] * 2
    assert entries[0]["sha256"] != entries[1]["sha256"]
