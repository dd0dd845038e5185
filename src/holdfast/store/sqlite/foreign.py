"""The caller's own `sqlite3` connection, given as `tx=`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from holdfast.core.errors import InvalidTransaction
from holdfast.store.driver import drive
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.sqlite.connection import Place
from holdfast.store.sqlite.failures import translate
from holdfast.store.statement import Verb

T = TypeVar("T")


def within(tx: Any, place: Place, clock: Callable[[], int], call: Callable[[], Verb[T]]) -> T:
    """Run a verb on the caller's connection.

    Inside its open transaction, under a savepoint, so that an error leaves the transaction as it was. Without one,
    a connection that manages transactions by itself (`isolation_level=None`) gets one for this call; any other
    begins its own with the first write, as `sqlite3` does, and commits when the caller does.

    Raises:
        InvalidTransaction: not such a connection, a closed one, or one to another file.
    """
    connection = _connection(tx, place)
    adapter = SqliteAdapter(connection, clock)
    try:
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
            own = connection.isolation_level is None
            try:
                value = drive(call(), adapter)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            if own:
                connection.execute("COMMIT")
            return value
        connection.execute("SAVEPOINT holdfast")
        try:
            value = drive(call(), adapter)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK TO holdfast")
                connection.execute("RELEASE holdfast")
            raise
        connection.execute("RELEASE holdfast")
        return value
    except sqlite3.Error as error:
        raise translate(error, place.path, foreign=True) from error


def _connection(tx: Any, place: Place) -> sqlite3.Connection:
    if not isinstance(tx, sqlite3.Connection):
        raise InvalidTransaction(
            f"tx={type(tx).__module__}.{type(tx).__qualname__} is not a connection to the SQLite database "
            f"{place.path}; give a sqlite3.Connection to that file"
        )
    try:
        files = {row[1]: row[2] for row in tx.cursor().execute("PRAGMA database_list")}
    except sqlite3.ProgrammingError as error:
        raise InvalidTransaction(f"the connection given as tx= can't be used: {error}") from error
    main = files.get("main", "")
    if not main or Path(main).resolve() != Path(place.path).resolve():
        raise InvalidTransaction(
            f"the connection given as tx= is to {main or 'a database in memory'}, but the jobs are in {place.path}; "
            "a job can only be enqueued in a transaction of its own database"
        )
    return tx
