"""psycopg2's connections."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import extensions

from holdfast.core.errors import InvalidTransaction
from holdfast.store.foreign.failures import ABORTED, BUSY, CLOSED, translated
from holdfast.store.foreign.flow import ALONE, JOINED, Call, Result, Script
from holdfast.store.foreign.identity import Place

_NUMBERED = re.compile(r"\$(\d+)")


class Psycopg2Driver:
    """Runs calls on a psycopg2 connection. See `psycopg`."""

    placeholder = "${}"

    def __init__(self, connection: Any, address: str) -> None:
        self.connection = connection
        self._address = address

    def place(self) -> Place:
        info = self.connection.info
        return (info.host, str(info.port), info.dbname)

    def script(self) -> Script:
        if self.connection.closed:
            raise InvalidTransaction(CLOSED)
        match self.connection.info.transaction_status:
            case extensions.TRANSACTION_STATUS_INERROR:
                raise InvalidTransaction(ABORTED)
            case extensions.TRANSACTION_STATUS_ACTIVE:
                raise InvalidTransaction(BUSY)
            case extensions.TRANSACTION_STATUS_IDLE if self.connection.autocommit:
                return ALONE
            case _:
                return JOINED

    def execute(self, call: Call) -> Result:
        try:
            # The plain cursor, whatever the connection's own makes of rows.
            with self.connection.cursor(cursor_factory=extensions.cursor) as cursor:
                if call.values is None:
                    cursor.execute(call.sql)
                else:
                    cursor.execute(
                        _rewritten(call.sql), {str(n): value for n, value in enumerate(call.values, 1)}
                    )
                if not call.rows or cursor.description is None:
                    return Result(cursor.rowcount)
                rows = cursor.fetchall()
                return Result(len(rows), rows, [column.name for column in cursor.description])
        except (psycopg2.Error, UnicodeEncodeError) as error:
            sqlstate = getattr(error, "pgcode", None)
            raise translated(error, sqlstate, bool(self.connection.closed), self._address) from error


@cache
def _rewritten(sql: str) -> str:
    """With the placeholders of psycopg2, for which a percent sign is doubled."""
    return _NUMBERED.sub(r"%(\1)s", sql.replace("%", "%%"))
