"""What Visma's stand-in answers to readers, over a socket: tokens, lists, pages, stamps, rate headers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from connector.sandbox import World
from connector.sandbox.visma_access import CUSTOMER_TENANT
from connector.sandbox.visma_books import sql_stamp
from tests.connector.sandbox.client import Client, reference, visma_token

SINCE = {"lastModifiedDateTimeCondition": ">="}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_secret": "guess"}, "invalid_client"),
        ({"client_id": "isv_other"}, "invalid_client"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_is_answered_400_in_oauth_words(world: World, wrong: dict[str, str], error: str) -> None:
    answer = visma_token(world, **wrong)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_the_customers_tenant_gets_a_token_that_opens_nothing(world: World) -> None:
    token = visma_token(world, tenant_id=CUSTOMER_TENANT).json()["access_token"]
    answer = Client(world.visma_url, token)("GET", "/v1/branch")
    assert answer.status_code == 401
    assert answer.json()["ExceptionFaultCode"] == "12027"


def test_a_scope_without_the_verb_is_answered_403(world: World) -> None:
    token = visma_token(world, scope="vismanet_erp_service_api:read").json()["access_token"]
    client = Client(world.visma_url, token)
    assert client("GET", "/v1/branch").status_code == 200
    assert client("POST", "/v1/PurchaseReceipt", json={}).status_code == 403


def test_a_token_ends_when_its_time_is_over(world: World) -> None:
    world.visma.access.expires_in = 0
    token = visma_token(world).json()
    assert token["expires_in"] == 0
    assert Client(world.visma_url, token["access_token"])("GET", "/v1/branch").status_code == 401


def test_without_a_token_401_means_the_route_exists_and_404_that_it_does_not(world: World) -> None:
    assert requests.get(f"{world.visma_url}/v1/PURCHASEORDER", timeout=5).status_code == 401
    assert requests.get(f"{world.visma_url}/v1/purchaseordering", timeout=5).status_code == 404


def test_every_answer_says_what_is_left_of_the_hour(world: World, visma: Client) -> None:
    first, refused = visma("GET", "/v1/branch"), visma("GET", "/v1/purchaseorder/PO999999")
    assert first.headers["X-RateLimit-Limit"] == "15000"
    assert int(first.headers["X-RateLimit-Remaining"]) - int(refused.headers["X-RateLimit-Remaining"]) == 1
    assert 0 < int(first.headers["X-RateLimit-Reset"]) <= 3601


def test_a_used_up_window_is_429_with_the_seconds_until_the_next(world: World, visma: Client) -> None:
    world.visma.quota.set(2, seconds=1800)
    assert [visma("GET", "/v1/branch").status_code for _ in range(3)] == [200, 200, 429]
    last = visma("GET", "/v1/branch")
    assert last.headers["Retry-After"] == last.headers["X-RateLimit-Reset"]
    assert 1790 < int(last.headers["Retry-After"]) <= 1801
    assert world.visma.quota.refused == 2


def test_pages_cover_a_list_once_and_each_row_carries_the_total(world: World, visma: Client) -> None:
    for _ in range(7):
        world.new_order()
    rows: list[dict[str, Any]] = []
    for number in range(1, 6):
        rows += visma("GET", "/v1/purchaseorder", params={"pageNumber": number, "pageSize": 3}).json()
    assert len({row["orderNbr"] for row in rows}) == len(rows) == 13
    assert {(row["metadata"]["totalCount"], row["metadata"]["maxPageSize"]) for row in rows} == {(13, 500)}


def test_a_page_size_over_the_maximum_is_cut_in_silence(world: World, visma: Client) -> None:
    assert len(visma("GET", "/v1/purchaseorder", params={"pageSize": 9999, "pageNumber": 1}).json()) == 6


def test_unknown_parameters_are_ignored_with_200(visma: Client) -> None:
    everything = visma("GET", "/v1/purchaseorder").json()
    assert visma("GET", "/v1/purchaseorder", params={"status": "Closed", "colour": "red"}).json() == everything
    assert len(visma("GET", "/v1/purchaseorder", params={"orderStatus": "Hold"}).json()) == 1


def test_a_date_without_its_condition_is_ignored(visma: Client) -> None:
    far = {"lastModifiedDateTime": "2099-01-01T00:00:00"}
    assert len(visma("GET", "/v1/purchaseorder", params=far).json()) == 6
    assert visma("GET", "/v1/purchaseorder", params=far | SINCE).json() == []


@pytest.mark.parametrize("wrong", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1234", "yesterday"])
def test_a_date_with_a_zone_or_a_fourth_decimal_is_refused(visma: Client, wrong: str) -> None:
    answer = visma("GET", "/v1/purchaseorder", params={"lastModifiedDateTime": wrong} | SINCE)
    assert answer.status_code == 400


def test_the_stamp_that_came_finds_its_own_row_again(world: World, visma: Client) -> None:
    stamp = visma("GET", "/v1/purchaseorder").json()[-1]["lastModifiedDateTime"]
    rows = visma("GET", "/v1/purchaseorder", params={"lastModifiedDateTime": stamp} | SINCE).json()
    assert stamp in {row["lastModifiedDateTime"] for row in rows}


def test_scrambled_rows_come_in_another_order_but_all_of_them(world: World, visma: Client) -> None:
    ordered = [row["orderNbr"] for row in visma("GET", "/v1/purchaseorder").json()]
    world.visma.books.rules.scrambled_rows = True
    scrambled = [row["orderNbr"] for row in visma("GET", "/v1/purchaseorder").json()]
    assert sorted(scrambled) == ordered != scrambled


def test_item_details_come_only_when_expanded(visma: Client) -> None:
    bare = visma("GET", "/v1/inventory").json()[0]
    assert not {"crossReferences", "supplierDetails", "inventoryUnits"} & set(bare)
    asked = {"expandCrossReference": "true", "expandInventoryUnits": "true", "expandSupplierDetails": "true"}
    full = visma("GET", "/v1/inventory/1003-SCR", params=asked).json()
    assert {row["alternateType"] for row in full["crossReferences"]} == {"Barcode", "VPN"}
    assert full["inventoryUnits"][0]["unitRate"] == 12.0


def test_a_key_may_be_sent_in_base64(visma: Client) -> None:
    key = base64.urlsafe_b64encode(b"1001-BLK").decode().rstrip("=")
    assert visma("GET", f"/v1/inventory/b64({key})").json()["inventoryNumber"] == "1001-BLK"


def test_a_single_record_has_its_etag_in_header_and_body(visma: Client) -> None:
    answer = visma("GET", "/v1/purchaseorder/PO000412")
    assert answer.headers["ETag"] == f'"{answer.json()["timeStamp"]}"'


def test_custom_fields_come_only_when_asked_for(visma: Client) -> None:
    plain = visma("GET", "/v1/purchaseorder/PO000412").json()
    asked = visma("GET", "/v1/purchaseorder/PO000412", params={"includeCustomFreeFields": "true"}).json()
    assert "customStr1" not in plain
    assert "customStr1" not in plain["lines"][0]
    assert "customStr1" in asked["lines"][0]


def test_locations_of_a_supplier_carry_the_trading_partner_id(visma: Client) -> None:
    rows = visma("GET", "/v1/supplierlocation/50000").json()
    assert [row["ediCode"] for row in rows] == ["NORDICPARTS01", ""]
    assert visma("GET", "/v1/supplierlocation/50000/MAIN").json()["gln"]


def test_credit_terms_page_with_an_envelope(visma: Client) -> None:
    answer = visma("GET", "/v1/creditTerm").json()
    assert (answer["totalCount"], len(answer["records"])) == (2, 2)


@pytest.mark.parametrize(("path", "status"), [("/v1/PurchaseReceipt", 410), ("/v1/PurchaseReceipt/PR000233", 410)])
def test_receipts_are_no_longer_read_from_v1(visma: Client, path: str, status: int) -> None:
    assert visma("GET", path).status_code == status
    assert visma("GET", path.replace("Receipt", "ReceiptBasic", 1)).status_code == status


@given(st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda span: datetime(2000, 1, 1, tzinfo=UTC) + span))
def test_stamps_have_no_zone_and_end_in_0_3_or_7(moment: datetime) -> None:
    stamp = sql_stamp(moment)
    whole, _, fraction = stamp.partition(".")
    assert not whole.endswith(("Z", "+01:00"))
    assert len(fraction) <= 3
    assert not fraction.endswith("0")
    assert len(fraction) < 3 or fraction[-1] in "37"
    back = datetime.fromisoformat(stamp).replace(tzinfo=UTC) - timedelta(hours=1)
    assert abs(back - moment) <= timedelta(milliseconds=2.3)


def test_two_writes_within_the_same_step_have_equal_stamps_but_other_etags(world: World) -> None:
    moment = datetime(2026, 3, 20, 5, 35, 22, 153_000, tzinfo=UTC)
    world.visma.books.clock = lambda: moment
    rows = [world.visma.books.orders[world.new_order()] for _ in range(2)]
    assert {row.body["lastModifiedDateTime"] for row in rows} == {"2026-03-20T06:35:22.153"}
    assert rows[0].etag != rows[1].etag


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/supplier", "SupplierDto"),
        ("/v1/supplierlocation", "SupplierLocationDto"),
        (
            "/v1/inventory?expandCrossReference=true&expandSupplierDetails=true&expandInventoryUnits=true",
            "InventoryDto",
        ),
        ("/v1/purchaseorder?includeCustomFreeFields=true", "PurchaseOrderDto"),
        ("/v1/branch", "BranchDto"),
        ("/v1/account", "AccountDto"),
        ("/v1/vatCategory", "VatCategoryDto"),
    ],
)
def test_rows_validate_against_the_official_schema_and_add_no_field(visma: Client, path: str, name: str) -> None:
    definitions = reference("visma-schema.json")["$defs"]
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
    rows = visma("GET", path).json()
    assert rows
    for row in rows:
        assert [error.message for error in validator.iter_errors(row)] == []
        assert set(row) - {"metadata"} <= set(definitions[name]["properties"])


@pytest.mark.parametrize(
    ("wanted", "condition", "found"),
    [
        ("2026-03-20", ">=", True),
        ("2026-03-20", ">", True),
        ("2026-03-20 06:35:22.740", ">=", True),
        ("2026-03-20T06:35:22.74", ">", False),
        ("2026-03-20T06:35:22.74", "<=", True),
        ("2026-03-20T06:35:22.743", ">=", False),
        ("2026-03-20T06:35:22", ">", True),
        ("2026-03-20T06:35:22", "<", False),
    ],
)
def test_stamps_compare_by_time_whatever_their_fraction_looks_like(
    world: World, visma: Client, wanted: str, condition: str, found: bool
) -> None:
    world.visma.books.orders["PO000412"].body["lastModifiedDateTime"] = "2026-03-20T06:35:22.74"
    asked = {"lastModifiedDateTime": wanted, "lastModifiedDateTimeCondition": condition}
    rows = visma("GET", "/v1/purchaseorder", params=asked).json()
    assert ("PO000412" in {row["orderNbr"] for row in rows}) == found
