"""A plain client that signs in, and the official reference: what a foreign program would have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.sandbox import World

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"
SCOPES = " ".join(f"vismanet_erp_service_api:{verb}" for verb in ("read", "create", "update"))


class Client:
    """Calls below one base address with a token; `last` is the latest answer."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.base}{path}", timeout=5, **options)


def visma_token(world: World, **other: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": world.credentials.visma_client_id,
        "client_secret": world.credentials.visma_client_secret,
        "tenant_id": world.credentials.visma_tenant,
        "scope": SCOPES,
    }
    return requests.post(world.visma_token_url, data=form | other, timeout=5)


def sps_token(
    world: World, url: str = "", *, as_form: bool = False, other: dict[str, str] | None = None
) -> requests.Response:
    fields = {
        "grant_type": "client_credentials",
        "client_id": world.credentials.sps_client_id,
        "client_secret": world.credentials.sps_client_secret,
        "audience": world.credentials.sps_audience,
    } | (other or {})
    options: dict[str, Any] = {"data": fields} if as_form else {"json": fields}
    return requests.post(url or world.sps_token_url, timeout=5, **options)


def reference(name: str) -> Any:
    """A file of the official reference, beside the checkout; the test is skipped where it is missing."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"the reference {name} is not beside this checkout")
    return json.loads(path.read_text())
