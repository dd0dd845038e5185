"""Whether a caller's connection is to the database that holds the jobs."""

from __future__ import annotations

import threading
import time
from typing import Any
from weakref import WeakSet

import psycopg

from holdfast.core.errors import InvalidTransaction, SchemaMismatch, StoreError
from holdfast.store.foreign.flow import Call, Flow
from holdfast.store.postgres.address import Address

RETRY = 30.0
"""Seconds until the database is asked again after it could not be reached."""

# Names and addresses don't tell: behind a pooler they may be anything. When the server started does, and which table
# it is. Roles of any kind may ask for these.
_ASK = """SELECT current_database()::text, coalesce(to_regclass('{}.jobs')::oid::bigint, 0),
    (date_part('epoch', pg_postmaster_start_time()) * 1e6::float8)::bigint"""

Identity = tuple[str, int, int]


class Databases:
    """Tells the caller's connections that are to our database, asking each once.

    Args:
        address: where the jobs are.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._known: WeakSet[Any] = WeakSet()
        self._ours: Identity | None = None
        self._not_before = 0.0
        self._guard = threading.Lock()

    def knows(self, connection: Any) -> bool:
        """True if this connection has been seen to be to our database."""
        return connection in self._known

    def check(self, connection: Any) -> Flow[None]:
        """Look at a connection.

        Raises:
            SchemaMismatch: its database has no Holdfast tables.
            InvalidTransaction: it has others than ours.
        """
        result = yield Call(_ASK.format(self._address.schema), [], rows=True)
        name, table, started = (result.rows or [("", 0, 0)])[0]
        if not table:
            raise SchemaMismatch(
                f"the database {name!r} of the connection given as tx= has no Holdfast tables in a schema "
                f"{self._address.schema}. If the jobs are in {self._address.shown}, give a connection to it; otherwise "
                "run `holdfast migrate`"
            )
        theirs = (name, table, started)
        ours = self.ours()
        if ours is not None and ours != theirs:
            # The server may have been started again since we asked.
            ours = self.ours(again=True)
        if ours is not None and ours != theirs:
            raise InvalidTransaction(
                f"the connection given as tx= is to the database {name!r} of another server or to a copy, but the jobs "
                f"are in {self._address.shown}; a job can only be enqueued in a transaction of its own database"
            )
        if ours is not None:
            self._known.add(connection)

    def ours(self, *, again: bool = False) -> Identity | None:
        """What our own database answers; None if it can't be asked now, which is no reason to refuse a caller's.

        On a connection of its own: one of the store's may be waiting for just the transaction that we are in.
        """
        with self._guard:
            if (self._ours is not None and not again) or time.monotonic() < self._not_before:
                return self._ours
            try:
                with self._address.connect("identity") as connection:
                    row = connection.execute(_ASK.format(self._address.schema).encode()).fetchone()
            except (StoreError, psycopg.Error):
                self._ours = None
                self._not_before = time.monotonic() + RETRY
                return None
            if row is not None:
                self._ours = (row[0], row[1], row[2])
            return self._ours
