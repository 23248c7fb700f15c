"""The mailbox itself: files by path, listings page by page, and the transport log (sps.md §3.2 to §3.5)."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from connector.sandbox.wire import Json

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a file: uploaded, downloaded or deleted, by whom."""

    when: datetime
    status: str
    who: str
    size: int
    sha256: str


@dataclass
class File:
    """One file as it lies in the mailbox; `path` begins with a slash."""

    path: str
    content: bytes
    since: datetime
    meta: dict[str, str]
    log_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Shelf:
    """All files, and everything that ever happened to each path. Not locked: its owner is."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.files: dict[str, File] = {}
        self.log: dict[str, list[Entry]] = {}
        self.roots = {"/in/", "/out/"}
        self.directories: set[str] = set()  # those that stay when their last file goes
        self.keep_directories = True
        self.cursor_seconds = 300.0
        self.zone: tzinfo = UTC  # of the history's times, which name none (sps.md §3.5)
        self._random = random.Random(f"shelf:{seed}")  # noqa: S311 - a simulation, nothing secret
        self._epoch = 0

    def put(self, path: str, content: bytes, who: str, meta: dict[str, str] | None = None) -> bool:
        """Store a file; True when it is new, False when it replaced one."""
        new = path not in self.files
        self.files[path] = File(path, content, self.clock(), meta or {})
        if self.keep_directories:
            self.directories.update(_ancestors(path))
        self._note(path, "uploaded", who)
        return new

    def get(self, path: str, who: str) -> bytes | None:
        """The bytes of a file, or None; the read is logged."""
        if path not in self.files:
            return None
        self._note(path, "downloaded", who)
        return self.files[path].content

    def remove(self, path: str, who: str) -> bool:
        """Delete a file; False when there was none."""
        if path not in self.files:
            return False
        self._note(path, "deleted", who)
        del self.files[path]
        return True

    def _note(self, path: str, status: str, who: str) -> None:
        content = self.files[path].content
        entry = Entry(self.clock(), status, who, len(content), hashlib.sha256(content).hexdigest())
        self.log.setdefault(path, []).append(entry)

    def exists(self, directory: str) -> bool:
        """Whether a directory (with both slashes) is there."""
        known = directory == "/" or directory in self.roots or directory in self.directories
        return known or any(path.startswith(directory) for path in self.files)

    def children(self, directory: str, prefix: str) -> dict[str, str]:
        """What lies directly in a directory: path to `file` or `directory`."""
        found: dict[str, str] = {}
        for path in [*self.files, *self.directories, *self.roots]:
            rest = path.removeprefix(directory)
            if path == directory or rest == path or not rest.startswith(prefix):
                continue
            name, slash, _ = rest.partition("/")
            found[f"{directory}{name}{slash}"] = "directory" if slash else "file"
        return found

    def page(self, directory: str, prefix: str, limit: int, cursor: str) -> tuple[list[tuple[str, str]], str]:
        """One page of a listing and the cursor of the next (empty on the last).

        Each listing has an order of its own, and its pages are cut from what is there now. Raises ValueError
        for a cursor that is expired, or of another listing.
        """
        salt, start = self._resume(directory, prefix, cursor) if cursor else (self._random.getrandbits(48), 0)
        ordered = sorted(self.children(directory, prefix).items(), key=lambda entry: _scatter(salt, entry[0]))
        rows = ordered[start : start + limit]
        more = start + limit < len(ordered)
        return rows, self._cursor(directory, prefix, salt, start + limit) if more else ""

    def _cursor(self, directory: str, prefix: str, salt: int, start: int) -> str:
        made = [self._epoch, self.clock().timestamp(), directory, prefix, salt, start]
        return base64.b64encode(json.dumps(made).encode()).decode()

    def _resume(self, directory: str, prefix: str, cursor: str) -> tuple[int, int]:
        epoch, made, of, with_prefix, salt, start = json.loads(base64.b64decode(cursor, validate=True))
        fresh = epoch == self._epoch and self.clock().timestamp() - made <= self.cursor_seconds
        if not fresh or (of, with_prefix) != (directory, prefix):
            raise ValueError("the cursor is expired or of another listing")
        return salt, start

    def expire_cursors(self) -> None:
        """Every cursor given so far ends now."""
        self._epoch += 1

    def history(self, lag: timedelta, after: str, until: str) -> list[Json]:
        """The transport log, newest path first, without what happened less than `lag` ago."""
        since, end = self._moment(after), self._moment(until)
        end = min(end, self.clock() - lag) if end else self.clock() - lag
        rows = []
        for path, entries in reversed(self.log.items()):
            shown = [e for e in entries if e.when <= end and (since is None or e.when >= since)]
            if shown:
                rows.append(self._history_row(path, shown))
        return rows

    def _moment(self, text: str) -> datetime | None:
        return datetime.fromisoformat(text).replace(tzinfo=self.zone) if text else None

    def _history_row(self, path: str, entries: list[Entry]) -> Json:
        log = [{"status": e.status, "timestamp": f"{e.when.astimezone(self.zone):%Y-%m-%dT%H:%M:%S}"} for e in entries]
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, path))
        return {"id": identity, "path": path, "direction": path.split("/")[1], "status_log": log}


def _scatter(salt: int, path: str) -> bytes:
    return hashlib.blake2b(f"{salt}{path}".encode(), digest_size=8).digest()


def _ancestors(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: depth + 1]) + "/" for depth in range(1, len(parts))]


def whole(number: str, lowest: int, highest: int) -> int:
    """A paging value as a number. Raises ValueError when it is none, or out of range."""
    if not number.isdecimal() or not lowest <= int(number) <= highest:
        raise ValueError(f"'{number}' is not a number from {lowest} to {highest}")
    return int(number)
