"""What may be given as `tx=`, told apart without importing any package that the program hasn't imported itself."""

from __future__ import annotations

import sys

from holdfast.core.errors import InvalidTransaction

Names = tuple[tuple[str, tuple[str, ...]], ...]
"""Modules, and classes in them."""

BLOCKING: Names = (
    ("sqlite3", ("Connection", "Cursor")),
    ("psycopg", ("Connection", "Cursor")),
    ("psycopg2.extensions", ("connection", "cursor")),
    ("sqlalchemy.engine", ("Connection",)),
    ("sqlalchemy.orm", ("Session", "scoped_session")),
    ("sqlalchemy.pool", ("PoolProxiedConnection",)),
    ("django.utils.connection", ("ConnectionProxy",)),
    ("django.db.backends.base.base", ("BaseDatabaseWrapper",)),
)
ASYNC: Names = (
    ("psycopg", ("AsyncConnection", "AsyncCursor")),
    ("asyncpg", ("Connection",)),
    ("asyncpg.pool", ("PoolConnectionProxy",)),
    ("aiosqlite", ("Connection", "Cursor")),
    ("sqlalchemy.ext.asyncio", ("AsyncConnection", "AsyncSession", "async_scoped_session")),
)
MAKERS: Names = (
    ("psycopg_pool", ("ConnectionPool", "AsyncConnectionPool")),
    ("asyncpg.pool", ("Pool", "PoolAcquireContext")),
    ("sqlalchemy.engine", ("Engine",)),
    ("sqlalchemy.ext.asyncio", ("AsyncEngine", "async_sessionmaker")),
    ("sqlalchemy.orm", ("sessionmaker",)),
    ("django.db.utils", ("ConnectionHandler",)),
)
SQLITE: Names = (("sqlite3", ("Connection",)), ("aiosqlite", ("Connection",)))
POSTGRES: Names = (
    ("psycopg", ("Connection", "AsyncConnection")),
    ("psycopg2.extensions", ("connection",)),
    ("asyncpg", ("Connection",)),
    ("asyncpg.pool", ("PoolConnectionProxy",)),
)


def belongs(thing: object, *classes: tuple[str, tuple[str, ...]]) -> bool:
    """True if it is an instance of one of these. Of a module that isn't loaded there are no instances."""
    for module, names in classes:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(thing, tuple(getattr(loaded, name) for name in names)):
            return True
    return False


def named(thing: object) -> str:
    """What it is, for a message."""
    return f"tx={type(thing).__module__}.{type(thing).__qualname__}"


def refuse(thing: object, address: str, *, blocking: bool) -> InvalidTransaction:
    """The error for what can't carry a verb here.

    Args:
        thing: what was given, or the driver's connection found under it.
        address: where the jobs are.
        blocking: it was given to a blocking call, not to an awaited one.
    """
    what = named(thing)
    if belongs(thing, *MAKERS):
        return InvalidTransaction(
            f"{what} makes connections and is none: give the connection or session that your transaction is open on"
        )
    if blocking and belongs(thing, *ASYNC):
        return InvalidTransaction(
            f"{what} is async, and this call blocks: await the async form instead (`aenqueue` for `enqueue`)"
        )
    if not blocking and belongs(thing, *BLOCKING):
        return InvalidTransaction(
            f"{what} blocks, and this call is awaited: use the blocking form (`enqueue` for `aenqueue`), in the thread "
            "that the connection belongs to"
        )
    if belongs(thing, *SQLITE, *POSTGRES):
        other = "an SQLite" if belongs(thing, *SQLITE) else "a PostgreSQL"
        return InvalidTransaction(
            f"{what} is a connection to {other} database, but the jobs are in {address}; a job can only be enqueued "
            "in a transaction of its own database"
        )
    return InvalidTransaction(
        f"{what} is no connection that Holdfast knows. Give a connection of sqlite3, aiosqlite, psycopg, psycopg2 or "
        "asyncpg, a connection or session of SQLAlchemy, or a Django connection"
    )
