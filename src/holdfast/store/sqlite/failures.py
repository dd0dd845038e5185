"""What SQLite's errors mean, and what to do about each."""

from __future__ import annotations

import sqlite3

from holdfast.core.errors import (
    InvalidTransaction,
    SchemaMismatch,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMoved,
    StoreReadOnly,
)

_PRIMARY = 0xFF


def translate(error: sqlite3.Error, path: str, *, foreign: bool = False) -> StoreError:
    """The error of this library for one of SQLite's.

    Args:
        error: what was raised.
        path: the file, for the message.
        foreign: it happened on a connection of the caller's own.
    """
    code = getattr(error, "sqlite_errorcode", None) or 0
    match code & _PRIMARY:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _locked(code, path, foreign)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreReadOnly(
                f"{path} can be read and not written: {error}. Its file, its -wal and -shm files and its folder "
                "must all be writable by this user"
            )
        case sqlite3.SQLITE_FULL:
            return StoreFull(
                f"the disk of {path} is full; nothing was written. Free some space and try again"
            )
        case sqlite3.SQLITE_IOERR:
            return StoreFull(
                f"reading or writing {path} failed ({getattr(error, 'sqlite_errorname', error)}); nothing was "
                "written. Check the disk and its free space"
            )
        case sqlite3.SQLITE_CORRUPT:
            return StoreCorrupt(
                f"{path} is damaged ({error}). Restore a backup, or save what can be read with the sqlite3 shell's "
                "`.recover` command"
            )
        case sqlite3.SQLITE_NOTADB:
            return StoreCorrupt(f"{path} is not an SQLite database; give another path or move that file away")
        case sqlite3.SQLITE_CANTOPEN:
            return StoreError(
                f"{path} can't be opened: {error}. Its folder must exist and be writable by this user"
            )
        case sqlite3.SQLITE_CONSTRAINT if " move" in str(error):
            return StoreMoved(f"{path}: {error}; `holdfast doctor` says what to do")
        case _ if "no such table: holdfast_" in str(error) or "no such view: holdfast_" in str(error):
            return SchemaMismatch(
                f"{path} has no Holdfast tables yet; run `holdfast migrate` or `app.migrate()`"
            )
        case _ if "cannot start a transaction within a transaction" in str(error):
            return InvalidTransaction("the connection has a transaction open already")
        case _:
            return StoreError(f"SQLite refused a statement on {path}: {error}")


def _locked(code: int, path: str, foreign: bool) -> StoreError:
    if foreign and code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return StoreLocked(
            "the transaction given as tx= has read before another connection wrote, so SQLite lets it write no more. "
            "Begin it with BEGIN IMMEDIATE, or enqueue before reading"
        )
    if foreign:
        return StoreLocked(
            f"another connection is writing to {path}. Begin the transaction given as tx= with BEGIN IMMEDIATE, and "
            "give its connection a timeout"
        )
    return StoreLocked(
        f"another connection has held the write lock of {path} for too long. If that is a transaction of your own "
        "in this thread, pass its connection as tx=; otherwise find what keeps a write transaction open"
    )
