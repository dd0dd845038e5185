"""Verbs on a caller's connection to PostgreSQL, whichever the driver."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from holdfast.store.foreign import resolve
from holdfast.store.foreign.flow import Call, Flow, Manner, Result, Script, enclosed
from holdfast.store.foreign.identity import Databases, Place
from holdfast.store.foreign.known import ASYNC, belongs, refuse
from holdfast.store.postgres.address import Address
from holdfast.store.statement import Verb

T = TypeVar("T")


class Driver(Protocol):
    """Runs calls on one connection."""

    placeholder: str
    connection: Any
    """The driver's own, which lives as long as the server's session."""

    def place(self) -> Place | None:
        """Where it is connected to, if it can say."""
        ...

    def script(self) -> Script:
        """What is to enclose a verb. Raises InvalidTransaction where it can't be run now."""
        ...

    def execute(self, call: Call) -> Result: ...


class AsyncDriver(Protocol):
    """The same for an async connection."""

    placeholder: str
    connection: Any

    def place(self) -> Place | None: ...

    def script(self) -> Script: ...

    async def execute(self, call: Call) -> Result: ...


class Foreign:
    """Runs verbs on connections that callers give.

    Args:
        address: where the jobs are.
        notify: False for poll-only mode.
    """

    def __init__(self, address: Address, *, notify: bool) -> None:
        self._address = address
        self._notify = notify
        self._databases = Databases(address)
        self._turns: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def within(self, tx: Any, verb: Callable[[], Verb[T]]) -> T:
        """Run a verb inside the caller's transaction.

        Under a savepoint, so that an error leaves the transaction as it was. A connection in autocommit mode that has
        none open gets one for this call. News goes out when the caller commits, which PostgreSQL refuses to prepare
        for a two-phase commit: there, poll-only mode is for.

        Raises:
            InvalidTransaction: no such connection, or not one that can be used now.
            SchemaMismatch: its database has no Holdfast tables.
            StoreError: and its kinds.
        """
        connection = resolve.blocking(tx)
        if belongs(tx, *resolve.SQLALCHEMY) and belongs(connection, *ASYNC):
            from holdfast.store.foreign.sqlalchemy import waited_for

            return waited_for(self._awaited(connection, verb), tx)
        return self._run(self._driver(connection), verb)

    async def awithin(self, tx: Any, verb: Callable[[], Verb[T]]) -> T:
        """The same on an async connection."""
        return await self._awaited(await resolve.awaited(tx), verb)

    def _driver(self, connection: Any) -> Driver:
        if belongs(connection, ("psycopg", ("Connection",))):
            from holdfast.store.foreign.psycopg import PsycopgDriver

            return PsycopgDriver(connection, self._address.shown)
        if belongs(connection, ("psycopg2.extensions", ("connection",))):
            from holdfast.store.foreign.psycopg2 import Psycopg2Driver

            return Psycopg2Driver(connection, self._address.shown)
        raise refuse(connection, self._address.shown, blocking=True)

    def _async_driver(self, connection: Any) -> AsyncDriver:
        if belongs(connection, ("psycopg", ("AsyncConnection",))):
            from holdfast.store.foreign.psycopg import AsyncPsycopgDriver

            return AsyncPsycopgDriver(connection, self._address.shown)
        if belongs(connection, ("asyncpg", ("Connection",)), ("asyncpg.pool", ("PoolConnectionProxy",))):
            from holdfast.store.foreign.asyncpg import AsyncpgDriver

            return AsyncpgDriver(connection, self._address.shown)
        raise refuse(connection, self._address.shown, blocking=False)

    def _run(self, driver: Driver, verb: Callable[[], Verb[T]]) -> T:
        with self._turn(driver.connection, Lock):
            flow = self._flow(driver, verb)
            try:
                call = next(flow)
                while True:
                    try:
                        result = driver.execute(call)
                    except BaseException as error:
                        call = flow.throw(error)
                    else:
                        call = flow.send(result)
            except StopIteration as end:
                value: T = end.value
                return value

    async def _awaited(self, connection: Any, verb: Callable[[], Verb[T]]) -> T:
        import asyncio

        driver = self._async_driver(connection)
        async with self._turn(driver.connection, asyncio.Lock):
            driver.script()
            if not self._databases.knows(driver):
                # Ours may have to be asked, which takes milliseconds, or seconds where it doesn't answer.
                await asyncio.to_thread(self._databases.ours)
            flow = self._flow(driver, verb)
            try:
                call = next(flow)
                while True:
                    try:
                        result = await driver.execute(call)
                    except BaseException as error:
                        call = flow.throw(error)
                    else:
                        call = flow.send(result)
            except StopIteration as end:
                value: T = end.value
                return value

    def _turn(self, connection: Any, lock: Callable[[], Any]) -> Any:
        """Verbs of several threads or tasks on one connection go one by one: their savepoints must not interlace."""
        turn = self._turns.get(connection)
        return self._turns.setdefault(connection, lock()) if turn is None else turn

    def _flow(self, driver: Driver | AsyncDriver, verb: Callable[[], Verb[T]]) -> Flow[T]:
        script = driver.script()
        first = None if self._databases.knows(driver) else self._databases.check(driver)
        manner = Manner(self._address.schema, driver.placeholder, self._notify)
        return enclosed(verb, script, manner, first)
