"""Verbs on a caller's own `sqlite3` connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from holdfast.core.errors import InvalidTransaction, StoreError
from holdfast.store.driver import drive
from holdfast.store.foreign import resolve
from holdfast.store.foreign.known import ASYNC, belongs, refuse
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.sqlite.connection import Place
from holdfast.store.sqlite.failures import translate
from holdfast.store.statement import Verb

T = TypeVar("T")


class Foreign:
    """Runs verbs on connections that callers give.

    Args:
        place: the file with the jobs.
        clock: the store's time in microseconds.
    """

    def __init__(self, place: Place, clock: Callable[[], int]) -> None:
        self._place = place
        self._clock = clock
        self._address = f"sqlite:///{place.path}"

    def within(self, tx: Any, verb: Callable[[], Verb[T]]) -> T:
        """Run a verb inside the caller's transaction.

        Under a savepoint, so that an error leaves the transaction as it was. Without one open, a connection that
        commits each statement by itself gets one for this call; any other begins its own, as `sqlite3` does with the
        first write, and commits when the caller does.

        Raises:
            InvalidTransaction: no such connection, a closed one, or one to another file.
            StoreError: and its kinds.
        """
        connection = resolve.blocking(tx)
        if belongs(tx, *resolve.SQLALCHEMY) and belongs(connection, *ASYNC):
            from holdfast.store.foreign.sqlalchemy import waited_for

            return waited_for(self._awaited(connection, verb), tx)
        if not isinstance(connection, sqlite3.Connection):
            raise refuse(connection, self._address, blocking=True)
        return self._run(connection, verb)

    async def awithin(self, tx: Any, verb: Callable[[], Verb[T]]) -> T:
        """The same on an async connection."""
        return await self._awaited(await resolve.awaited(tx), verb)

    async def _awaited(self, connection: Any, verb: Callable[[], Verb[T]]) -> T:
        """In the connection's own thread, in one piece: each statement by itself would cost a change of threads."""
        if not belongs(connection, ("aiosqlite", ("Connection",))):
            raise refuse(connection, self._address, blocking=False)
        from holdfast.store.foreign import aiosqlite

        return await aiosqlite.in_thread(connection, lambda driver: self._run(driver, verb))

    def _run(self, connection: sqlite3.Connection, verb: Callable[[], Verb[T]]) -> T:
        try:
            with _texts(connection):
                self._check(connection)
                with _enclosed(connection):
                    return drive(verb(), SqliteAdapter(connection, self._clock))
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse a connection to another file."""
        cursor = connection.cursor()
        cursor.row_factory = None
        rows = cursor.execute("PRAGMA database_list").fetchall()
        main = next((row[2] for row in rows if row[1] == "main"), "")
        if not main or not _same(main, self._place.path):
            raise InvalidTransaction(
                f"the connection given as tx= is to {main or 'a database in memory'}, but the jobs are in "
                f"{self._place.path}; a job can only be enqueued in a transaction of its own database"
            )

    def _translated(self, error: sqlite3.Error) -> StoreError:
        if isinstance(error, sqlite3.ProgrammingError):
            return InvalidTransaction(f"the connection given as tx= can't be used: {error}")
        if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_READONLY:
            return InvalidTransaction(
                f"the connection given as tx= can only read ({error}): it was opened with mode=ro or query_only, or "
                f"{self._place.path} can't be written by this user"
            )
        return translate(error, self._place.path, foreign=True)


@contextlib.contextmanager
def _enclosed(connection: sqlite3.Connection) -> Generator[None]:
    """A savepoint in an open transaction, else a transaction."""
    joined = connection.in_transaction
    before = connection.total_changes
    # SQLite lets names of savepoints repeat and takes the latest, so this can't touch one of the caller's.
    connection.execute("SAVEPOINT holdfast" if joined else "BEGIN IMMEDIATE")
    try:
        yield
        if joined:
            connection.execute("RELEASE holdfast")
        elif _commits_itself(connection):
            connection.execute("COMMIT")
        elif connection.total_changes == before:
            # A statement that changes nothing leaves no transaction open either.
            connection.execute("ROLLBACK")
    except BaseException:
        # Some errors, such as a full disk, have rolled back already.
        if connection.in_transaction:
            for statement in ("ROLLBACK TO holdfast", "RELEASE holdfast") if joined else ("ROLLBACK",):
                connection.execute(statement)
        raise


@contextlib.contextmanager
def _texts(connection: sqlite3.Connection) -> Generator[None]:
    """Texts as `str`, whatever the caller wants them to be."""
    factory = connection.text_factory
    if factory is str:
        yield
        return
    connection.text_factory = str
    try:
        yield
    finally:
        connection.text_factory = factory


def _commits_itself(connection: sqlite3.Connection) -> bool:
    """True for a connection that has each statement committed. From Python 3.12 on there are two ways to say so."""
    autocommit = getattr(connection, "autocommit", None)
    if isinstance(autocommit, bool):
        return autocommit
    return connection.isolation_level is None


@lru_cache(maxsize=64)
def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()
