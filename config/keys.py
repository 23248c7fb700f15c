"""The three keys: taken from the environment, or in development generated once and kept in `var/` for the owner only."""

from __future__ import annotations

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
    try:
        # O_EXCL: of two processes that start at the same moment one generates and the other reads.
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip() or _generate(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


def _generate(path: Path) -> str:
    """A file left empty by a crash at the wrong moment is filled now."""
    path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()
