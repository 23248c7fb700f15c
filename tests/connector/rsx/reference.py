"""The official schemas and samples, which lie beside the checkout and never inside it; tests skip without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "rsx-7.7.7"
_MISSING = "the official RSX files are not beside the checkout"


def samples() -> list[Any]:
    """One parameter per official JSON sample, or a single one that skips."""
    found = sorted((_FOLDER / "samples").glob("*.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=_MISSING))]
    return [pytest.param(path, id=path.stem) for path in found]


def sample(name: str) -> bytes:
    """The bytes of the one sample whose name starts so."""
    found = [path for folder in ("samples", "samples-xml") for path in (_FOLDER / folder).glob(f"{name}*.json")]
    if not found:
        pytest.skip(_MISSING)
    return found[0].read_bytes()


def in_xml(path: Path) -> bytes:
    return (path.parent.parent / "samples-xml" / f"{path.stem}.xml").read_bytes()


def schema(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.schema.json"
    if not path.exists():
        pytest.skip(_MISSING)
    found: dict[str, Any] = json.loads(path.read_text())
    return found
