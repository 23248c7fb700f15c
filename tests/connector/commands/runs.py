"""Running a command as an operator does: its exit code, its one JSON object, its words."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError, call_command


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    stdout: str
    words: str
    error: str

    @property
    def facts(self) -> dict[str, Any]:
        assert self.stdout.count("\n") == 1, self.stdout
        found: dict[str, Any] = json.loads(self.stdout)
        return found


def run(*arguments: str) -> Run:
    """`manage.py` with these arguments, in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code, error = 0, ""
    try:
        call_command(*arguments, stdout=stdout, stderr=stderr)
    except CommandError as raised:
        code, error = raised.returncode, str(raised)
    return Run(code, stdout.getvalue(), stderr.getvalue(), error)
