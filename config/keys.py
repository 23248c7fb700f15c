"""The three keys: taken from the environment, or in development generated once and kept in `var/` for the owner only."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def key_or_generated(name: str, given: str, folder: Path, *, debug: bool) -> str:
    """The key `name`: as given, else (with DEBUG) the one generated into `folder`. Raises ImproperlyConfigured without DEBUG."""
    if given:
        return given
    if not debug:
        raise ImproperlyConfigured(
            f"{name} is not set: put it into the environment or .env (it is required while DEBUG is off)."
        )
    path = folder / name.lower()
    return _read(path) or _generate(path)


def _generate(path: Path) -> str:
    """Of processes that start at the same moment one generates and the others read. What a crash left empty is filled."""
    with (path.parent / "keys.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _read(path):
            with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(50))
    return _read(path)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
