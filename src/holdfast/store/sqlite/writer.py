"""The one connection of a process that writes to an SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator

from holdfast.core.errors import StoreError, StoreLocked
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.sqlite.connection import Place, connect
from holdfast.store.sqlite.failures import translate
from holdfast.store.sqlite.filelock import FileLock

BUSY_SECONDS = 30.0
"""How long a write waits for others before it is an error."""


class SqliteSession:
    """See `holdfast.store.group.Session`. Its turn is a lock on a side file, for which processes queue up."""

    def __init__(self, place: Place, clock: Callable[[], int]) -> None:
        self.patience = BUSY_SECONDS
        self._place = place
        self._clock = clock
        self._connection = connect(place, timeout=BUSY_SECONDS)
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
            connection.execute("BEGIN IMMEDIATE")
            yield SqliteAdapter(connection, self._clock)
            connection.execute("COMMIT")
        except BaseException as error:
            # Some errors, such as a full disk, have rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translate(error, self._place.path) from error
            raise

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
