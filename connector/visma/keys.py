"""Keys in addresses: how ours get into a path, and how a new one comes back in `Location` (visma.md §1)."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote

from connector import errors
from connector.http import Answer


def path_key(key: str) -> str:
    """A key as path segment: with reserved characters in it as `b64(<base64url>)` (visma.md §1)."""
    if re.fullmatch(r"[\w .~-]+", key) and key not in (".", ".."):
        return key
    return f"b64({base64.urlsafe_b64encode(key.encode()).decode()})"


def _plain_key(segment: str) -> str:
    encoded = re.fullmatch(r"b64\((.*)\)", segment)
    if encoded is None:
        return segment
    try:
        return base64.urlsafe_b64decode(encoded[1] + "==").decode()
    except ValueError:
        return ""


def new_number(answer: Answer, collection: str) -> str:
    """The last segment of `Location`, which may name another host than the one called (visma.md §1).

    Raises InDoubt when it names nothing, or only the `collection` that the new one went to.
    """
    location = re.sub(r"^\w+://[^/]*|[?#].*$", "", answer.headers.get("Location", "").strip())
    number = _plain_key(unquote(location.rstrip("/").rpartition("/")[2]))
    if not number or number.casefold() == collection.casefold():
        raise errors.InDoubt(
            f"{answer.what} was answered with {answer.status}, but without the number of what it made. It is looked up"
            " before anything is sent."
        )
    return number
