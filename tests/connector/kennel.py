"""A watchdog over one service, to be run as a process: `python -m tests.connector.kennel FOLDER COMMAND …`.

The service is stale after a second without a new mark in FOLDER/mark, and excused while FOLDER/excused exists.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from connector.watchdog import Service, Watchdog


def last_mark(folder: Path) -> datetime | None:
    mark = folder / "mark"
    return datetime.fromtimestamp(mark.stat().st_mtime, UTC) if mark.exists() else None


def excused(folder: Path, _pids: Collection[int]) -> str:
    return "excused" if (folder / "excused").exists() else ""


def say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    service = Service("dog", sys.argv[2:], {"PLACE": str(place)}, partial(last_mark, place), partial(excused, place))
    Watchdog([service], say, stale_seconds=1.0, stop_seconds=0.5).run()
