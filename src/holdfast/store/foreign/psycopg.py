"""psycopg's connections, blocking and async."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.array import register_array
from psycopg.types.bool import BoolDumper, BoolLoader
from psycopg.types.none import NoneDumper
from psycopg.types.numeric import IntDumper, IntLoader
from psycopg.types.string import StrDumperUnknown, TextLoader

from holdfast.core.errors import InvalidTransaction, StoreError
from holdfast.store.foreign.failures import ABORTED, BUSY, CLOSED, translated
from holdfast.store.foreign.flow import ALONE, JOINED, Call, Result, Script
from holdfast.store.foreign.identity import Place

PLACEHOLDER = "${}"
INVALID_OID = 0
ERRORS = (psycopg.Error, UnicodeEncodeError)


def _plain() -> AdaptersMap:
    """Values as the statements have them, whatever the caller has registered for the types."""
    adapters = AdaptersMap()
    for kind, dumper in (
        (str, StrDumperUnknown),
        (int, IntDumper),
        (bool, BoolDumper),
        (type(None), NoneDumper),
    ):
        adapters.register_dumper(kind, dumper)
    for name, loader in (("text", TextLoader), ("bool", BoolLoader)):
        adapters.register_loader(psycopg.postgres.types[name].oid, loader)
    # What is of another type, such as the void of a function, is text.
    adapters.register_loader(INVALID_OID, TextLoader)
    for name in ("int2", "int4", "int8"):
        adapters.register_loader(psycopg.postgres.types[name].oid, IntLoader)
    for name in ("text", "int4"):
        register_array(psycopg.postgres.types[name], adapters)
    return adapters


_ADAPTERS = _plain()


class _Cursor(psycopg.RawCursor[tuple[Any, ...]]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS


class _AsyncCursor(psycopg.AsyncRawCursor[tuple[Any, ...]]):
    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS


class PsycopgDriver:
    """Runs calls on a `psycopg.Connection`.

    Args:
        connection: the caller's.
        address: where the jobs are, for messages.
    """

    placeholder = PLACEHOLDER

    def __init__(self, connection: psycopg.Connection[Any], address: str) -> None:
        self.connection = connection
        self._address = address

    def place(self) -> Place:
        return _place(self.connection)

    def script(self) -> Script:
        """What is to enclose a verb. See `flow`."""
        return _script(self.connection)

    def execute(self, call: Call) -> Result:
        cursor = _Cursor(self.connection, row_factory=tuple_row)
        try:
            # Not prepared: that breaks behind a pooler, and a plan made while tables were empty would stay a bad one.
            cursor.execute(call.sql.encode(), call.values, prepare=False)
            return _result(cursor, cursor.fetchall()) if call.rows and cursor.description else _result(cursor)
        except ERRORS as error:
            raise _translated(error, self.connection, self._address) from error


class AsyncPsycopgDriver:
    """The same on a `psycopg.AsyncConnection`."""

    placeholder = PLACEHOLDER

    def __init__(self, connection: psycopg.AsyncConnection[Any], address: str) -> None:
        self.connection = connection
        self._address = address

    def place(self) -> Place:
        return _place(self.connection)

    def script(self) -> Script:
        return _script(self.connection)

    async def execute(self, call: Call) -> Result:
        cursor = _AsyncCursor(self.connection, row_factory=tuple_row)
        try:
            await cursor.execute(call.sql.encode(), call.values, prepare=False)
            return (
                _result(cursor, await cursor.fetchall())
                if call.rows and cursor.description
                else _result(cursor)
            )
        except ERRORS as error:
            raise _translated(error, self.connection, self._address) from error


def _place(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> Place:
    info = connection.info
    return (info.host, str(info.port), info.dbname)


def _translated(
    error: Exception, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], address: str
) -> StoreError:
    return translated(error, getattr(error, "sqlstate", None), connection.closed, address)


def _script(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> Script:
    if connection.closed:
        raise InvalidTransaction(CLOSED)
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise InvalidTransaction(
            "the connection given as tx= is in pipeline mode, where errors show up too late for a job to be refused; "
            "enqueue before or after the pipeline block"
        )
    match connection.info.transaction_status:
        case TransactionStatus.INERROR:
            raise InvalidTransaction(ABORTED)
        case TransactionStatus.ACTIVE:
            raise InvalidTransaction(BUSY)
        case TransactionStatus.IDLE if connection.autocommit:
            return ALONE
        case _:
            return JOINED


def _result(
    cursor: psycopg.Cursor[Any] | psycopg.AsyncCursor[Any], rows: list[tuple[Any, ...]] | None = None
) -> Result:
    if rows is None:
        return Result(cursor.rowcount)
    return Result(len(rows), list(rows), [column.name for column in cursor.description or ()])
