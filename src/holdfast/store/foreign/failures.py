"""What an error on a caller's connection to PostgreSQL means, and what to do about it."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg

from holdfast.core.errors import InvalidTransaction, SchemaMismatch, StoreError, StoreLocked, StoreUnavailable
from holdfast.store.postgres import failures

CLOSED = "the connection given as tx= is closed; give an open one"
ABORTED = "the transaction given as tx= was aborted by an earlier error; roll it back and begin again"
BUSY = (
    "the connection given as tx= is busy with another statement, a COPY or a stream, perhaps of another task; finish "
    "that first"
)


def translated(error: Exception, sqlstate: str | None, closed: bool, address: str) -> StoreError:
    """The error of this library for one of a driver's.

    Args:
        error: what the driver raised.
        sqlstate: the server's code, if the server has refused something.
        closed: the connection is closed now.
        address: where the jobs are.
    """
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    kind = _kind(sqlstate)
    if isinstance(error, UnicodeEncodeError):
        return InvalidTransaction(
            f"the connection given as tx= lacks characters that the job has ({text}); let its client_encoding be UTF8"
        )
    if kind is None:
        if isinstance(error, TimeoutError):
            return StoreUnavailable(
                f"{address} took longer than the time limit of the connection given as tx="
            )
        if closed:
            return StoreUnavailable(
                f"the connection given as tx= was lost ({text}), and with it its transaction"
            )
        return InvalidTransaction(f"the connection given as tx= can't be used: {text}")
    if issubclass(kind, pg.InFailedSqlTransaction):
        return InvalidTransaction(ABORTED)
    if issubclass(kind, pg.ReadOnlySqlTransaction):
        return InvalidTransaction(
            "the transaction given as tx= is read-only, or its connection is to a standby; give one that may write"
        )
    if issubclass(kind, (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)):
        return StoreLocked(f"{text}; nothing was enqueued. Roll the transaction back and run it again")
    if issubclass(kind, (pg.UndefinedTable, pg.InvalidSchemaName, pg.UndefinedColumn)):
        return SchemaMismatch(
            f"the database of the connection given as tx= has no Holdfast tables of this release ({text}). If the jobs "
            f"are in {address}, give a connection to it; otherwise run `holdfast migrate`"
        )
    return failures.translate(kind(text), address)


def _kind(sqlstate: str | None) -> type[psycopg.Error] | None:
    if sqlstate is None:
        return None
    try:
        return pg.lookup(sqlstate)
    except KeyError:
        return psycopg.DatabaseError
