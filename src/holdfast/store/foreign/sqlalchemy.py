"""SQLAlchemy's connections and sessions: the driver's connection under them, in the transaction that they are in."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy import exc
from sqlalchemy.engine import Connection
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import await_only

from holdfast.core.errors import InvalidTransaction, StoreError, StoreUnavailable
from holdfast.store.foreign.known import belongs, named

T = TypeVar("T")


def connection_of(tx: Any) -> Any:
    """The driver's connection. As any statement would, this begins the transaction of a session or connection.

    Raises:
        InvalidTransaction: the session can't be used before it is rolled back, is closed, or has several databases.
        StoreUnavailable: it could not connect.
    """
    try:
        if isinstance(tx, PoolProxiedConnection):
            return tx.driver_connection
        return _begun(tx if isinstance(tx, Connection) else tx.connection())
    except exc.SQLAlchemyError as error:
        raise _translated(error, tx) from error


async def async_connection_of(tx: Any) -> Any:
    """The same for the async forms."""
    try:
        connection = (
            tx if belongs(tx, ("sqlalchemy.ext.asyncio", ("AsyncConnection",))) else await tx.connection()
        )
        return await connection.run_sync(_begun)
    except exc.SQLAlchemyError as error:
        raise _translated(error, tx) from error


def waited_for(awaitable: Coroutine[Any, Any, T], tx: object) -> T:
    """Wait for something async in the blocking code that `run_sync` runs.

    Raises:
        InvalidTransaction: this is other code.
    """
    try:
        return await_only(awaitable)
    except exc.MissingGreenlet as error:
        raise _translated(error, tx) from error


def _begun(connection: Connection) -> Any:
    if not connection.in_transaction():
        # Its commit() does nothing about a transaction that it hasn't begun itself.
        connection.begin()
    adapted: Any = connection.connection
    driver = adapted.driver_connection
    # Over asyncpg, SQLAlchemy begins the server's transaction with the first statement that it sends itself.
    if (
        connection.dialect.driver == "asyncpg"
        and not adapted.dbapi_connection.autocommit
        and not driver.is_in_transaction()
    ):
        connection.exec_driver_sql("SELECT 1")
    return driver


def _translated(error: exc.SQLAlchemyError, tx: object) -> StoreError:
    text = str(error).splitlines()[0]
    if isinstance(error, (exc.DBAPIError, exc.TimeoutError)):
        return StoreUnavailable(f"what was given as {named(tx)} can't connect: {text}")
    if isinstance(error, exc.MissingGreenlet):
        return InvalidTransaction(
            f"{named(tx)} is on an async engine: give the AsyncSession or AsyncConnection and await `aenqueue`, or "
            "enqueue inside its run_sync"
        )
    if isinstance(error, exc.PendingRollbackError):
        return InvalidTransaction(
            f"the transaction of {named(tx)} was ended by an earlier error: roll it back and begin again ({text})"
        )
    if isinstance(error, exc.UnboundExecutionError):
        return InvalidTransaction(
            f"{named(tx)} has several databases or none: give the connection to the one with the jobs, from "
            "session.connection(bind_arguments=…)"
        )
    return InvalidTransaction(f"{named(tx)} can't be used: {text}")
