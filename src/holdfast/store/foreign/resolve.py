"""From what was given as `tx=` to the driver's own connection, with its transaction begun where that is due."""

from __future__ import annotations

from typing import Any

from holdfast.store.foreign.known import belongs

DJANGO = (
    ("django.utils.connection", ("ConnectionProxy",)),
    ("django.db.backends.base.base", ("BaseDatabaseWrapper",)),
)
SQLALCHEMY = (
    ("sqlalchemy.engine", ("Connection",)),
    ("sqlalchemy.orm", ("Session", "scoped_session")),
    ("sqlalchemy.pool", ("PoolProxiedConnection",)),
)
ASYNC_SQLALCHEMY = (("sqlalchemy.ext.asyncio", ("AsyncConnection", "AsyncSession", "async_scoped_session")),)
CURSORS = (
    ("sqlite3", ("Cursor",)),
    ("psycopg", ("Cursor", "AsyncCursor")),
    ("psycopg2.extensions", ("cursor",)),
)


def blocking(tx: Any) -> Any:
    """The driver's connection under what was given to a blocking call; what isn't known stays as it is.

    Under an SQLAlchemy session that `AsyncSession.run_sync` has handed out, it is an async one.

    Raises:
        InvalidTransaction: its transaction can't be used.
        StoreUnavailable: it could not connect.
    """
    if belongs(tx, *SQLALCHEMY):
        from holdfast.store.foreign import sqlalchemy

        return sqlalchemy.connection_of(tx)
    if belongs(tx, *DJANGO):
        from holdfast.store.foreign import django

        return django.connection_of(tx)
    return tx.connection if belongs(tx, *CURSORS) else tx


async def awaited(tx: Any) -> Any:
    """The same for what was given to an awaited call."""
    if belongs(tx, *ASYNC_SQLALCHEMY):
        from holdfast.store.foreign import sqlalchemy

        return await sqlalchemy.async_connection_of(tx)
    if belongs(tx, ("aiosqlite", ("Cursor",))):
        return tx._conn  # noqa: SLF001 - it has no other name
    return tx.connection if belongs(tx, *CURSORS) else tx
