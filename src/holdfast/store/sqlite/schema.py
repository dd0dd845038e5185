"""The schema's versions on SQLite."""

from __future__ import annotations

import contextlib
import sqlite3

from holdfast.core.errors import SchemaMismatch, StoreError, StoreLocked
from holdfast.store.sqlite.connection import Place, connect
from holdfast.store.sqlite.failures import translate
from holdfast.store.sqlite.filelock import FileLock
from holdfast.store.text import migrations

_TABLE = """CREATE TABLE IF NOT EXISTS holdfast_schema_version (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)"""


PATIENCE = 10.0
"""Seconds that a migration waits for other writers."""


def newest() -> int:
    """The version that this code needs."""
    return migrations("sqlite")[-1][0]


def script(above: int = 0) -> str:
    """What `migrate` would run, as SQL for the sqlite3 shell: all of it in one transaction.

    Args:
        above: only migrations after this version, for a file that has it.
    """
    now = "CAST(strftime('%s') AS INTEGER) * 1000000"
    parts = ["BEGIN IMMEDIATE", _TABLE]
    for number, name, text in migrations("sqlite"):
        if number > above:
            parts.append(f"-- {name}\n{text.strip().removesuffix(';')}")
            values = f"({number}, '{name}', {now})"
            parts.append(f"INSERT INTO holdfast_schema_version VALUES {values}")  # noqa: S608 - names of our files
    parts.append("COMMIT")
    return "".join(f"{part};\n\n" for part in parts)


def version(connection: sqlite3.Connection) -> int:
    """The version of a file; 0 for one without Holdfast's tables."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'holdfast_schema_version'"
    ).fetchone()
    if not found:
        return 0
    return connection.execute("SELECT coalesce(max(version), 0) FROM holdfast_schema_version").fetchone()[0]  # type: ignore[no-any-return]


def migrate(place: Place, now: int) -> list[str]:
    """Apply what is missing, in one transaction; a second process that tries at once waits and finds it done.

    Raises:
        SchemaMismatch: the file was made by a newer release.
    """
    with contextlib.closing(_patient(place)) as connection:
        try:
            if version(connection) == newest():
                return []  # opening a database waits for no writer
            with contextlib.closing(FileLock(f"{place.path}-writers")) as lock:
                lock.acquire()
                return _apply(connection, place, now)
        except sqlite3.Error as error:
            raise _refused(translate(error, place.path), place) from error


def _patient(place: Place) -> sqlite3.Connection:
    try:
        return connect(place, timeout=PATIENCE)
    except StoreLocked as error:
        raise _refused(error, place) from error


def _refused(error: StoreError, place: Place) -> StoreError:
    """The error of a migration. That the file is being written to may be the caller's own doing."""
    if not isinstance(error, StoreLocked):
        return error
    return StoreLocked(
        f"{place.path} has no Holdfast tables of this release yet, and they can't be made while another connection "
        "writes to it. If that is a transaction of your own, call app.migrate() before you begin it"
    )


def _apply(connection: sqlite3.Connection, place: Place, now: int) -> list[str]:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_TABLE)
    have = version(connection)
    _refuse_newer(have, place)
    applied: list[str] = []
    for number, name, text in migrations("sqlite"):
        if number > have:
            _run(connection, text)
            connection.execute("INSERT INTO holdfast_schema_version VALUES (?, ?, ?)", (number, name, now))
            applied.append(name)
    connection.execute("COMMIT")
    return applied


def check(place: Place) -> None:
    """Raises SchemaMismatch unless the file's schema is this version's."""
    connection = connect(place, timeout=5.0, readonly=True)
    try:
        have = version(connection)
    except sqlite3.Error as error:
        raise translate(error, place.path) from error
    finally:
        connection.close()
    _refuse_newer(have, place)
    if have < newest():
        state = (
            "has no Holdfast tables yet"
            if have == 0
            else f"has schema {have}, and this release needs {newest()}"
        )
        raise SchemaMismatch(f"{place.path} {state}; run `holdfast migrate` or `app.migrate()`")


def _refuse_newer(have: int, place: Place) -> None:
    if have > newest():
        raise SchemaMismatch(
            f"{place.path} has schema {have}, made by a newer release of Holdfast; this one knows {newest()}. "
            "Upgrade with `pip install --upgrade holdfast`"
        )


def _run(connection: sqlite3.Connection, text: str) -> None:
    """Statement by statement: `executescript` would commit the transaction first."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
