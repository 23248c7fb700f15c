"""Django's SQLite backend, in which writers wait for one another in the kernel.

SQLite has no queue: who finds it locked sleeps up to 100 ms and tries again, while a busy worker takes the lock anew within
microseconds. Beside four workers a webhook waited for seconds that way. Web processes, which somebody waits for, go before
workers (`go_first`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from django.db.backends.sqlite3 import base

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_goes_first = False


def go_first() -> None:
    """For a process whose answers somebody waits for: its writers pass all that wait in other processes."""
    global _goes_first
    _goes_first = True


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that locks a file beside the database before it writes, and is woken when that is free.

    It has the turn for as long as its transaction lasts, or a single statement outside of one; a process that dies gives
    it back. It makes nothing safer: the lock that keeps the data right is SQLite's own, and who ignores the turn only waits
    in the old way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_turn = False
        self._files: tuple[IO[bytes], IO[bytes]] | None = None
        self._opened_by = 0

    def create_cursor(self, name: Any = None) -> Cursor:  # noqa: ARG002 - SQLite's cursors have no names
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.connected = self
        return cursor

    @contextmanager
    def turn_of(self, statement: str) -> Iterator[None]:
        """For a statement that may be a transaction of its own."""
        if self.has_turn or not statement.lstrip()[:7].upper().startswith(WRITES):
            yield
            return
        try:
            self._take_turn()
            yield
        finally:
            self._give_turn()

    def _start_transaction_under_autocommit(self) -> None:
        with ExitStack() as unless_begun:
            unless_begun.callback(self._give_turn)
            self._take_turn()
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's types leave it out
            unless_begun.pop_all()

    def _commit(self) -> None:
        self._to_the_end_of_turn(super()._commit)  # type: ignore[misc]  # Django's types leave it out

    def _rollback(self) -> None:
        self._to_the_end_of_turn(super()._rollback)  # type: ignore[misc]  # Django's types leave it out

    def _close(self) -> None:
        self._to_the_end_of_turn(super()._close)  # type: ignore[misc]  # Django's types leave it out
        for file in self._files or ():
            file.close()
        self._files = None

    def _to_the_end_of_turn(self, step: Callable[[], None]) -> None:
        try:
            step()
        finally:
            self._give_turn()

    def _take_turn(self) -> None:
        self.has_turn = True  # first: a signal may end the wait, and what was not taken may be given back
        turn, first = self._locks()
        if _goes_first:
            fcntl.flock(first, fcntl.LOCK_SH)
            fcntl.flock(turn, fcntl.LOCK_EX)
            fcntl.flock(first, fcntl.LOCK_UN)
            return
        fcntl.flock(turn, fcntl.LOCK_EX)
        while not _is_free(first):  # somebody is passing
            fcntl.flock(turn, fcntl.LOCK_UN)
            fcntl.flock(first, fcntl.LOCK_EX)
            fcntl.flock(first, fcntl.LOCK_UN)
            fcntl.flock(turn, fcntl.LOCK_EX)

    def _give_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            for file in self._locks():
                fcntl.flock(file, fcntl.LOCK_UN)

    def _locks(self) -> tuple[IO[bytes], IO[bytes]]:
        """The turn, and what who goes first holds while waiting for it. Opened anew after a fork: a lock belongs to the
        opened file, whoever shares it."""
        if self._files is None or self._opened_by != os.getpid():
            name = self.settings_dict["NAME"]
            self._files = _opened(f"{name}-turn"), _opened(f"{name}-first")
            self._opened_by = os.getpid()
        return self._files


def _opened(path: str) -> IO[bytes]:
    return Path(path).open("ab", buffering=0)


def _is_free(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


class Cursor(base.SQLiteCursorWrapper):
    """Django's own, but for the turn."""

    connected: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        with self.connected.turn_of(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self.connected.turn_of(query):
            return super().executemany(query, param_list)
