"""The one connection of a process that writes to an SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Generator

from holdfast.core.errors import StoreError, StoreLocked
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.sqlite.connection import Place, connect
from holdfast.store.sqlite.failures import translate
from holdfast.store.sqlite.filelock import FileLock

BUSY_SECONDS = 30.0
"""How long a write waits for others before it is an error."""
LOOK = 0.0015
"""Seconds between two looks whether a foreign connection has let go of SQLite's lock."""


class SqliteSession:
    """See `holdfast.store.group.Session`. Its turn is a lock on a side file, for which processes queue up."""

    def __init__(self, place: Place, clock: Callable[[], int]) -> None:
        self.patience = BUSY_SECONDS
        self._place = place
        self._clock = clock
        self._connection = connect(place, timeout=BUSY_SECONDS)
        self._connection.execute("PRAGMA busy_timeout = 0")  # `_begin` waits
        self._turn = FileLock(f"{place.path}-writers")

    def take_turn(self, *, wait: bool) -> bool:
        if wait:
            self._turn.acquire()
            return True
        return self._turn.try_acquire()

    def end_turn(self) -> None:
        self._turn.release()

    @contextlib.contextmanager
    def transaction(self) -> Generator[SqliteAdapter]:
        connection = self._connection
        try:
            self._begin()
            yield SqliteAdapter(connection, self._clock)
            connection.execute("COMMIT")
        except BaseException as error:
            # Some errors, such as a full disk, have rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translate(error, self._place.path) from error
            raise

    def _begin(self) -> None:
        """Wait for SQLite's own lock, which only a foreign connection can hold now.

        SQLite would look at it with pauses that grow to 100 ms, and a program that begins its next transaction as soon
        as one has ended would keep it from a write for as long as that goes on.
        """
        end = time.monotonic() + self.patience
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            else:
                return
            time.sleep(LOOK)

    def kept_waiting(self) -> StoreError:
        return StoreLocked(
            f"other processes have held the write lock of {self._place.path} for {self.patience:.0f} s; nothing was "
            "written. A stopped process, or a transaction left open, may be holding it"
        )

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()
        self._turn.close()
