"""Django's SQLite backend, in which writers wait for one another in the kernel.

SQLite has no queue: who finds it locked sleeps up to 100 ms and tries again, while a busy worker takes the lock anew within
microseconds. Beside four workers a webhook waited for seconds that way.
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


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that locks a file beside the database before it writes, and is woken when that is free.

    It has the turn for as long as its transaction lasts, or a single statement outside of one; a process that dies gives
    it back. It makes nothing safer: the lock that keeps the data right is SQLite's own, and who ignores the turn only waits
    in the old way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_turn = False
        self._file: IO[bytes] | None = None
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
        if self._file is not None:
            self._file.close()
            self._file = None

    def _to_the_end_of_turn(self, step: Callable[[], None]) -> None:
        try:
            step()
        finally:
            self._give_turn()

    def _take_turn(self) -> None:
        self.has_turn = True  # first: a signal may end the wait, and what was not taken may be given back
        fcntl.flock(self._turn(), fcntl.LOCK_EX)

    def _give_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            fcntl.flock(self._turn(), fcntl.LOCK_UN)

    def _turn(self) -> IO[bytes]:
        """Opened anew after a fork: the lock belongs to the opened file, whoever shares it."""
        if self._file is None or self._opened_by != os.getpid():
            self._file = Path(f"{self.settings_dict['NAME']}-turn").open("ab", buffering=0)  # noqa: SIM115 - stays open
            self._opened_by = os.getpid()
        return self._file


class Cursor(base.SQLiteCursorWrapper):
    """Django's own, but for the turn."""

    connected: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        with self.connected.turn_of(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self.connected.turn_of(query):
            return super().executemany(query, param_list)
