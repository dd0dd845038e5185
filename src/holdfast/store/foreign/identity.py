"""Whether a caller's connection is to the database that holds the jobs."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol
from weakref import WeakSet

import psycopg
from psycopg import conninfo

from holdfast.core.errors import InvalidTransaction, SchemaMismatch, StoreError
from holdfast.store.foreign.flow import Call, Flow
from holdfast.store.postgres.address import Address

PATIENCE = 2.0
"""Seconds to wait for our own database's answer. Behind a pooler it may be waiting for the caller's connection."""
RETRY = 30.0
"""Seconds until the database is asked again after it gave none."""

Place = tuple[str, str, str]
"""Host, port and database, by the names that a connection was made with."""

# Names and addresses don't tell: behind a pooler they may be anything. When the server started does, and which table
# it is. Roles of any kind may ask for these.
_ASK = """SELECT current_database()::text, coalesce(to_regclass('{}.jobs')::oid::bigint, 0),
    (date_part('epoch', pg_postmaster_start_time()) * 1e6::float8)::bigint"""

Identity = tuple[str, int, int]


class Connected(Protocol):
    """What is asked of a driver here."""

    connection: Any
    """The driver's own, which lives as long as the server's session."""

    def place(self) -> Place | None:
        """Where it is connected to, if it can say."""
        ...


class Databases:
    """Tells the caller's connections that are to our database.

    Most are made with the names in our own URL, and nobody has to ask. The server is asked about each other one, once.

    Args:
        address: where the jobs are.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._places = _places(address.conninfo)
        self._known: WeakSet[Any] = WeakSet()
        self._ours: Identity | None = None
        self._asking: threading.Thread | None = None
        self._not_before = 0.0
        self._guard = threading.Lock()

    def knows(self, driver: Connected) -> bool:
        """True if this connection is certainly to our database."""
        if driver.connection in self._known:
            return True
        if driver.place() in self._places:
            self._known.add(driver.connection)
            return True
        return False

    def check(self, driver: Connected) -> Flow[None]:
        """Ask a connection's server.

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
            self._known.add(driver.connection)

    def ours(self, *, again: bool = False) -> Identity | None:
        """What our own database answers; None if it gives no answer now, which is no reason to refuse a caller's."""
        with self._guard:
            if (self._ours is not None and not again) or time.monotonic() < self._not_before:
                return self._ours
            if again:
                self._ours = None
            if self._asking is None or not self._asking.is_alive():
                self._asking = threading.Thread(target=self._ask, name="holdfast-identity", daemon=True)
                self._asking.start()
            self._asking.join(PATIENCE)
            if self._ours is None:
                self._not_before = time.monotonic() + RETRY
            return self._ours

    def _ask(self) -> None:
        # On a connection of its own: one of the store's may be waiting for just the transaction that we are in.
        try:
            with self._address.connect("identity") as connection:
                row = connection.execute(_ASK.format(self._address.schema).encode()).fetchone()
        except (StoreError, psycopg.Error):
            return
        if row is not None:
            self._ours = (row[0], row[1], row[2])


def _places(text: str) -> frozenset[Place]:
    options = {name: str(value) for name, value in conninfo.conninfo_to_dict(text).items()}
    hosts = options.get("host", "").split(",")
    ports = options.get("port", "5432").split(",")
    if len(ports) != len(hosts):
        ports = ports[:1] * len(hosts)
    database = options.get("dbname", options.get("user", ""))
    return frozenset(
        (host, port, database) for host, port in zip(hosts, ports, strict=True) if host and database
    )
