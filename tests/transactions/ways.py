"""The ways in which an application holds a transaction: one small class for each driver and wrapper.

Tests are written once, against `Holder`. What blocks is called in the test's own thread, or in one of its own where
a framework insists.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from holdfast.store.base import Store


class Holder(Protocol):
    """An application's hold on one connection."""

    tx: Any
    """What is given as `tx=`."""

    async def execute(self, sql: str) -> list[Any]:
        """The application's own statement, in the way that it makes statements."""
        ...

    async def begin(self) -> None:
        """Begin a transaction, where the driver doesn't do so by itself."""
        ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    async def run(self, store: Store, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A verb with `tx=`, by the call that suits the connection."""
        ...


class Way(Protocol):
    dialect: str
    autocommits: bool
    """It can be in autocommit mode."""

    def open(self, url: str, *, autocommit: bool = False) -> AbstractAsyncContextManager[Holder]: ...


class Blocking:
    """A connection of the DB-API."""

    def __init__(self, connection: Any, tx: Any = None, begin: str = "") -> None:
        self.connection = connection
        self.tx = connection if tx is None else tx
        self._begin = begin

    async def execute(self, sql: str) -> list[Any]:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []

    async def begin(self) -> None:
        if self._begin:
            await self.execute(self._begin)

    async def commit(self) -> None:
        self.connection.commit()

    async def rollback(self) -> None:
        self.connection.rollback()

    async def run(self, store: Store, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return store.within(self.tx, verb, *args, **kwargs)


class Awaited:
    """The same, async."""

    def __init__(self, connection: Any, tx: Any = None, begin: str = "") -> None:
        self.connection = connection
        self.tx = connection if tx is None else tx
        self._begin = begin

    async def execute(self, sql: str) -> list[Any]:
        cursor = await self.connection.execute(sql)
        return list(await cursor.fetchall()) if cursor.description else []

    async def begin(self) -> None:
        if self._begin:
            await self.execute(self._begin)

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()

    async def run(self, store: Store, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await store.awithin(self.tx, verb, *args, **kwargs)


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


class Sqlite3:
    dialect = "sqlite"
    autocommits = True

    def __init__(self, *, cursor: bool = False) -> None:
        self._cursor = cursor

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        isolation = {"isolation_level": None} if autocommit else {}
        connection = sqlite3.connect(path_of(url), timeout=5.0, **isolation)  # type: ignore[call-overload]
        begin = "BEGIN" if autocommit else ""
        yield Blocking(connection, connection.cursor() if self._cursor else None, begin)
        connection.close()


class Aiosqlite:
    dialect = "sqlite"
    autocommits = True

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import aiosqlite

        isolation: dict[str, Any] = {"isolation_level": None} if autocommit else {}
        async with aiosqlite.connect(path_of(url), timeout=5.0, **isolation) as connection:
            yield Awaited(connection, begin="BEGIN" if autocommit else "")


class Psycopg:
    dialect = "postgres"
    autocommits = True

    def __init__(self, *, cursor: bool = False) -> None:
        self._cursor = cursor

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import psycopg

        connection = psycopg.connect(url, autocommit=autocommit)
        tx = connection.cursor() if self._cursor else None
        yield Blocking(connection, tx, "BEGIN" if autocommit else "")
        connection.close()


class Psycopg2:
    dialect = "postgres"
    autocommits = True

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import psycopg2

        connection = psycopg2.connect(url)
        connection.autocommit = autocommit
        holder = Blocking(connection, begin="BEGIN" if autocommit else "")
        if autocommit:
            holder.commit = lambda: holder.execute("COMMIT")  # type: ignore[method-assign, assignment, return-value]
        yield holder
        connection.close()


class AsyncPsycopg:
    dialect = "postgres"
    autocommits = True

    def __init__(self, *, cursor: bool = False) -> None:
        self._cursor = cursor

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import psycopg

        connection = await psycopg.AsyncConnection.connect(url, autocommit=autocommit)
        tx = connection.cursor() if self._cursor else None
        yield Awaited(connection, tx, "BEGIN" if autocommit else "")
        await connection.close()


class AsyncpgHolder(Awaited):
    async def execute(self, sql: str) -> list[Any]:
        return [tuple(row) for row in await self.connection.fetch(sql)]

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")

    async def rollback(self) -> None:
        await self.connection.execute("ROLLBACK")


class Asyncpg:
    """It is always in autocommit mode: a transaction is what `transaction()` or BEGIN begins."""

    dialect = "postgres"
    autocommits = True

    def __init__(self, *, pool: bool = False, **options: Any) -> None:
        self._pool = pool
        self._options = options

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import asyncpg

        if self._pool:
            async with (
                asyncpg.create_pool(url, min_size=1, max_size=1, **self._options) as pool,
                pool.acquire() as connection,
            ):
                yield AsyncpgHolder(connection, begin="BEGIN")
            return
        connection = await asyncpg.connect(url, **self._options)
        yield AsyncpgHolder(connection, begin="BEGIN")
        await connection.close()


class SqlalchemyHolder(Blocking):
    async def execute(self, sql: str) -> list[Any]:
        from sqlalchemy import text

        result = self.connection.execute(text(sql))
        return list(result) if result.returns_rows else []


class Sqlalchemy:
    """`kind` is "connection", "session" or "scoped"."""

    autocommits = True

    def __init__(self, driver: str, kind: str) -> None:
        self.dialect = "sqlite" if driver == "pysqlite" else "postgres"
        self._driver = driver
        self._kind = kind

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session, scoped_session, sessionmaker

        engine = create_engine(engine_url(url, self._driver))
        if autocommit:
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        held: Any
        match self._kind:
            case "connection":
                held = engine.connect()
            case "session":
                held = Session(engine)
            case _:
                held = scoped_session(sessionmaker(engine))
        yield SqlalchemyHolder(held)
        held.close()
        engine.dispose()


class AsyncSqlalchemyHolder(Awaited):
    async def execute(self, sql: str) -> list[Any]:
        from sqlalchemy import text

        result = await self.connection.execute(text(sql))
        return list(result) if result.returns_rows else []


class RunSyncHolder(AsyncSqlalchemyHolder):
    """Blocking code over an async engine, as `run_sync` and the events of a session run it."""

    async def run(self, store: Store, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.connection.run_sync(lambda session: store.within(session, verb, *args, **kwargs))


class AsyncSqlalchemy:
    """`kind` is "connection", "session", "scoped" or "run_sync"."""

    autocommits = True

    def __init__(self, driver: str, kind: str, **options: Any) -> None:
        self.dialect = "sqlite" if driver == "aiosqlite" else "postgres"
        self._options = options
        self._driver = driver
        self._kind = kind

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        import asyncio

        from sqlalchemy.ext.asyncio import (
            AsyncSession,
            async_scoped_session,
            async_sessionmaker,
            create_async_engine,
        )

        engine = create_async_engine(engine_url(url, self._driver), **self._options)
        bound = engine.execution_options(isolation_level="AUTOCOMMIT") if autocommit else engine
        held: Any
        match self._kind:
            case "connection":
                held = await bound.connect()
            case "scoped":
                held = async_scoped_session(async_sessionmaker(bound), asyncio.current_task)
            case _:
                held = AsyncSession(bound)
        yield (RunSyncHolder if self._kind == "run_sync" else AsyncSqlalchemyHolder)(held)
        await held.close()
        await engine.dispose()


def engine_url(url: str, driver: str) -> str:
    scheme = "sqlite" if url.startswith("sqlite") else "postgresql"
    return f"{scheme}+{driver}://" + url.partition("://")[2]


BLOCKING: dict[str, Way] = {
    "sqlite3": Sqlite3(),
    "sqlite3-cursor": Sqlite3(cursor=True),
    "sqlalchemy-connection-pysqlite": Sqlalchemy("pysqlite", "connection"),
    "sqlalchemy-session-pysqlite": Sqlalchemy("pysqlite", "session"),
    "psycopg": Psycopg(),
    "psycopg-cursor": Psycopg(cursor=True),
    "psycopg2": Psycopg2(),
    "sqlalchemy-connection-psycopg": Sqlalchemy("psycopg", "connection"),
    "sqlalchemy-session-psycopg": Sqlalchemy("psycopg", "session"),
    "sqlalchemy-scoped-psycopg": Sqlalchemy("psycopg", "scoped"),
    "sqlalchemy-session-psycopg2": Sqlalchemy("psycopg2", "session"),
}
ASYNC: dict[str, Way] = {
    "aiosqlite": Aiosqlite(),
    "sqlalchemy-async-connection-aiosqlite": AsyncSqlalchemy("aiosqlite", "connection"),
    "sqlalchemy-async-session-aiosqlite": AsyncSqlalchemy("aiosqlite", "session"),
    "sqlalchemy-run-sync-aiosqlite": AsyncSqlalchemy("aiosqlite", "run_sync"),
    "psycopg-async": AsyncPsycopg(),
    "psycopg-async-cursor": AsyncPsycopg(cursor=True),
    "asyncpg": Asyncpg(),
    "asyncpg-pool": Asyncpg(pool=True),
    "asyncpg-uncached": Asyncpg(statement_cache_size=0),
    "sqlalchemy-async-connection-psycopg": AsyncSqlalchemy("psycopg", "connection"),
    "sqlalchemy-async-session-psycopg": AsyncSqlalchemy("psycopg", "session"),
    "sqlalchemy-async-connection-asyncpg": AsyncSqlalchemy("asyncpg", "connection"),
    "sqlalchemy-async-session-asyncpg": AsyncSqlalchemy("asyncpg", "session"),
    "sqlalchemy-async-scoped-asyncpg": AsyncSqlalchemy("asyncpg", "scoped"),
    "sqlalchemy-run-sync-asyncpg": AsyncSqlalchemy("asyncpg", "run_sync"),
}
