"""The description of the API is complete and valid, and its page needs no other server."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command
from django.test import Client


def test_the_schema_is_valid_and_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yaml"))


def test_schema_and_page_are_served_from_here(client: Client) -> None:
    assert client.get("/api/v1/schema/").status_code == 200
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"https://" not in page.content
    script = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
