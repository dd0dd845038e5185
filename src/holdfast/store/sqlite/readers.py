"""Reading beside the writer: a few connections, each used by one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from holdfast.store.driver import drive
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.sqlite.connection import Place, connect
from holdfast.store.sqlite.failures import translate
from holdfast.store.statement import Verb

T = TypeVar("T")

KEPT = 8
"""So many idle connections are kept."""


class Readers:
    """Runs verbs that change nothing, each on one snapshot of the database."""

    def __init__(self, place: Place, clock: Callable[[], int]) -> None:
        self._place = place
        self._clock = clock
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def run(self, call: Callable[[], Verb[T]]) -> T:
        """Run a verb and return its value."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self._place, timeout=5.0, readonly=True)
        try:
            connection.execute("BEGIN")
            value = drive(call(), SqliteAdapter(connection, self._clock))
            connection.execute("COMMIT")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise translate(error, self._place.path) from error
            raise
        if self._closed or len(self._idle) >= KEPT:
            connection.close()
        else:
            self._idle.append(connection)
        return value

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()
