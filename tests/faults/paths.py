"""Addresses without their numbers: what is the same call, whatever it is about."""

from __future__ import annotations

import re


def pattern(url: str) -> str:
    """The path of an address; parts with digits become `#`, but for versions such as `v1`."""
    path = re.sub(r"^\w+://[^/]*|\?.*", "", url)
    return "/".join(
        "#" if re.search(r"\d", part) and not re.fullmatch(r"v\d", part) else part for part in path.split("/")
    )
