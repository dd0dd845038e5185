"""aiosqlite's connections: each has a thread of its own, with a `sqlite3` connection in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from holdfast.core.errors import InvalidTransaction

T = TypeVar("T")


async def in_thread(connection: Any, use: Callable[[sqlite3.Connection], T]) -> T:
    """Call something with the `sqlite3` connection, in the thread that it belongs to.

    Raises:
        InvalidTransaction: the connection is closed, or was never opened.
    """
    try:
        driver: sqlite3.Connection = connection._conn  # noqa: SLF001 - what all of its methods go through
    except ValueError as error:
        raise InvalidTransaction(f"the connection given as tx= can't be used: {error}") from error
    value: T = await connection._execute(use, driver)  # noqa: SLF001
    return value
