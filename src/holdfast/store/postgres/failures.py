"""What PostgreSQL's errors mean, and what to do about each."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg

from holdfast.core.errors import (
    InvalidTransaction,
    SchemaMismatch,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMoved,
    StoreReadOnly,
    StoreUnavailable,
)


def translate(error: psycopg.Error, address: str) -> StoreError:
    """The error of this library for one of psycopg's. `address` is for the message, without a password."""
    text = str(error).strip() or type(error).__name__
    match error:
        case pg.InvalidPassword() | pg.InvalidAuthorizationSpecification():
            return StoreError(f"{address} refused the login: {text}. Check user and password in the URL")
        case pg.InvalidCatalogName():
            return StoreError(f"{address}: {text}. Create the database with `createdb`, or mend the URL")
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.UndefinedColumn():
            return SchemaMismatch(
                f"{address} has no Holdfast tables of this release ({text.splitlines()[0]}); run `holdfast migrate` "
                "or `app.migrate()`"
            )
        case pg.InsufficientPrivilege():
            return StoreError(
                f"{address}: {text.splitlines()[0]}. Grant the role what docs/postgres.md lists for its part"
            )
        case pg.ReadOnlySqlTransaction():
            return StoreReadOnly(
                f"{address} takes no writes: it is a standby, or default_transaction_read_only is on. List all hosts "
                "in the URL with target_session_attrs=read-write to follow a failover"
            )
        case pg.ObjectNotInPrerequisiteState() if " move" in text:
            return StoreMoved(f"{address}: {text.splitlines()[0]}; `holdfast doctor` says what to do")
        case pg.DiskFull() | pg.OutOfMemory():
            return StoreFull(f"{address} is out of space: {text}; nothing was written")
        case pg.LockNotAvailable() | pg.DeadlockDetected() | pg.SerializationFailure():
            return StoreLocked(
                f"{address}: {text.splitlines()[0]}; nothing was written, and trying again may work"
            )
        case pg.InFailedSqlTransaction():
            return InvalidTransaction(
                "the transaction given as tx= was aborted by an earlier error; roll it back and begin again"
            )
        case pg.QueryCanceled() | pg.IdleInTransactionSessionTimeout():
            return StoreUnavailable(f"{address} took too long: {text.splitlines()[0]}; nothing was written")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return _unreachable(text, address)
        case _:
            return StoreError(f"{address} refused a statement: {text.splitlines()[0]}")


def _unreachable(text: str, address: str) -> StoreError:
    first = text.splitlines()[0]
    if "password authentication failed" in text or "no pg_hba.conf entry" in text:
        return StoreError(f"{address} refused the login: {first}. Check user and password in the URL")
    if "does not exist" in text and "database" in text:
        return StoreError(f"{address}: {first}. Create the database with `createdb`, or mend the URL")
    if "role" in text and "does not exist" in text:
        return StoreError(f"{address} refused the login: {first}. Check the user in the URL")
    return StoreUnavailable(f"{address} can't be reached: {first}. Check that the server runs, or try again")
