"""asyncpg's connections, and those that its pool lends."""

from __future__ import annotations

from typing import Any

import asyncpg  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from holdfast.core.errors import InvalidTransaction
from holdfast.store.foreign.failures import CLOSED, translated
from holdfast.store.foreign.flow import ALONE, JOINED, Call, Result, Script
from holdfast.store.foreign.identity import Place

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class AsyncpgDriver:
    """Runs calls on an asyncpg connection. See `psycopg`.

    asyncpg encodes values by the types of the placeholders. All are declared as text, and the server casts them: so
    one text of a statement serves every driver, and codecs that the caller has set for the types don't matter.
    """

    placeholder = "(${}::text)"

    def __init__(self, connection: Any, address: str) -> None:
        self._lent = connection
        # What a pool lends is a new wrapper each time, and an empty one when it was given back.
        self.connection = getattr(connection, "_con", connection)
        if self.connection is None:
            raise InvalidTransaction(
                "the connection given as tx= was given back to its pool; enqueue before that"
            )
        self._address = address

    def place(self) -> Place | None:
        # asyncpg has no other names for these. Without them the server is asked.
        address: Any = getattr(self.connection, "_addr", None)
        database: Any = getattr(getattr(self.connection, "_params", None), "database", None)
        if address is None or isinstance(address, str) or database is None:
            return None
        return (str(address[0]), str(address[1]), str(database))

    def script(self) -> Script:
        try:
            if self._lent.is_closed():
                raise InvalidTransaction(CLOSED)
            return JOINED if self._lent.is_in_transaction() else ALONE
        except asyncpg.InterfaceError as error:
            raise InvalidTransaction(f"the connection given as tx= can't be used: {error}") from error

    async def execute(self, call: Call) -> Result:
        try:
            if not call.rows:
                return await self._changed(call)
            # Without a name it leaves nothing behind on the server and is planned anew; the cache would keep a plan
            # made while the tables were empty.
            statement = await self._lent.prepare(call.sql, name="", record_class=asyncpg.Record)
            rows = await statement.fetch(*_texts(call))
            columns = [attribute.name for attribute in statement.get_attributes()]
            if not columns:
                return Result(_count(statement.get_statusmsg()))
            return Result(len(rows), [tuple(row) for row in rows], columns)
        except ERRORS as error:
            sqlstate = getattr(error, "sqlstate", None)
            raise translated(error, sqlstate, self.connection.is_closed(), self._address) from error

    async def _changed(self, call: Call) -> Result:
        status = await self._lent.execute(call.sql, *_texts(call))
        return Result(_count(status))


def _texts(call: Call) -> list[str | None]:
    return [None if value is None else _text(value) for value in call.values or ()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _count(status: str) -> int:
    """From a command tag such as `INSERT 0 3`."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
