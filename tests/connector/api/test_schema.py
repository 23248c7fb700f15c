"""The description of the API is complete and valid, and its page needs no other server."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command
from django.test import Client


def test_the_schema_is_valid_and_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yaml"))


def test_every_operation_says_that_it_may_answer_a_problem_and_what_may_be_null(client: Client) -> None:
    schema = client.get("/api/v1/schema/", {"format": "json"}).json()
    verbs = [verb for path in schema["paths"].values() for verb in path.values()]
    assert verbs
    assert all("application/problem+json" in verb["responses"]["default"]["content"] for verb in verbs)
    said = client.get("/api/v1/nothing/").json()
    problem = schema["components"]["schemas"]["Problem"]
    assert set(problem["required"]) <= set(said) <= set(problem["properties"])
    unit = schema["components"]["schemas"]["RsxUnit"]["properties"]
    assert unit["trading_partner_id"]["nullable"], "a unit of all partners"


def test_schema_and_page_are_served_from_here(client: Client) -> None:
    assert client.get("/api/v1/schema/").status_code == 200
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"https://" not in page.content
    script = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
