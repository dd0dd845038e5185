"""One connection to PostgreSQL: transactions on it, and a new one when it breaks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import psycopg

from holdfast.core.errors import StoreError, StoreUnavailable
from holdfast.store.driver import drive
from holdfast.store.postgres.adapter import PostgresAdapter
from holdfast.store.postgres.address import Address
from holdfast.store.postgres.failures import translate
from holdfast.store.postgres.notify import notification
from holdfast.store.statement import Verb, Wake

T = TypeVar("T")

# Settings for this transaction alone: behind PgBouncer the next one may be on another connection. A backend whose
# client has died gives its locks back, and a statement that hangs on one ends.
# Verbs rely on each statement seeing what was committed before it, whatever the role or the database defaults to.
# Every statement names its rows by an index, whatever the planner believes of a table that was empty a moment ago.
BEGIN = (
    b"BEGIN ISOLATION LEVEL READ COMMITTED; "
    b"SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL statement_timeout = '30s'; "
    b"SET LOCAL enable_seqscan = off; SET LOCAL jit = off"
)
# One moment for all statements of a verb. They count to a limit in the order of an index: a bitmap would be made of all
# that there is.
LOOK = (
    b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '30s'; "
    b"SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
)


class PostgresSession:
    """See `holdfast.store.group.Session`; the server queues the writers.

    Args:
        address: the database.
        purpose: shown where connections are listed.
    """

    patience = 40.0

    def __init__(self, address: Address, purpose: str, *, notify: bool = True) -> None:
        self._address = address
        self._purpose = purpose
        self._notify = notify
        self._connection: psycopg.Connection[Any] | None = None

    def take_turn(self, *, wait: bool) -> bool:
        return True

    def end_turn(self) -> None: ...

    @contextlib.contextmanager
    def transaction(self) -> Generator[PostgresAdapter]:
        connection = self._begun()
        adapter = PostgresAdapter(connection, self._address.schema)
        try:
            yield adapter
            end = b"COMMIT"
            if self._notify and adapter.news:
                end = notification(adapter.news, self._address.schema) + end
            self._send(connection, end)
        except BaseException as error:
            self._give_up(connection)
            if isinstance(error, psycopg.Error):
                raise translate(error, self._address.shown) from error
            raise

    def read(self, call: Callable[[], Verb[T]], *, snapshot: bool = False) -> T:
        """Run a verb that changes nothing, again if the connection was broken.

        Args:
            call: makes the verb.
            snapshot: all its statements see the same moment; otherwise each sees its own.
        """
        for last in (False, True):
            connection = self._connected()
            try:
                if snapshot:
                    self._send(connection, LOOK)
                value = drive(call(), PostgresAdapter(connection, self._address.schema))
                if snapshot:
                    self._send(connection, b"COMMIT")
                return value
            except psycopg.Error as error:
                self._give_up(connection)
                translated = translate(error, self._address.shown)
                if last or not isinstance(translated, StoreUnavailable):
                    raise translated from error
        raise AssertionError("unreachable")

    def is_of(self, pid: int) -> bool:
        """True for the server's process that serves this session now."""
        connection = self._connection
        return connection is not None and not connection.closed and connection.info.backend_pid == pid

    def kept_waiting(self) -> StoreError:
        return StoreUnavailable(f"{self._address.shown} has not answered for {self.patience:.0f} s")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._address.connect(self._purpose)
        return self._connection

    def _begun(self) -> psycopg.Connection[Any]:
        """A connection with a transaction begun: nothing is lost yet if the one at hand turns out to be broken."""
        if self._connection is not None and not self._connection.closed:
            try:
                self._send(self._connection, BEGIN)
                return self._connection
            except psycopg.Error:
                self._give_up(self._connection)
        try:
            connection = self._connected()
            self._send(connection, BEGIN)
        except psycopg.Error as error:
            raise translate(error, self._address.shown) from error
        return connection

    @staticmethod
    def _send(connection: psycopg.Connection[Any], script: bytes) -> None:
        """Several statements in one round trip."""
        result = connection.pgconn.exec_(script)
        if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)

    def _give_up(self, connection: psycopg.Connection[Any]) -> None:
        """After an error: roll back, or drop a connection that can't."""
        try:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._send(connection, b"ROLLBACK")
        except psycopg.Error:
            with contextlib.suppress(psycopg.Error):
                connection.close()
        if connection.broken or connection.closed:
            self._connection = None


class PostgresChannel:
    """A connection of its own for one thread of a worker."""

    def __init__(self, session: PostgresSession, announce: Callable[[Sequence[Wake]], None]) -> None:
        self._session = session
        self._announce = announce
        self._lock = threading.Lock()

    def run(self, call: Callable[[], Verb[T]]) -> T:
        with self._lock, self._session.transaction() as adapter:
            value = drive(call(), adapter)
        self._announce(adapter.news)
        return value

    def write(self, verb: Callable[..., Verb[T]], *args: Any, **kwargs: Any) -> T:
        return self.run(lambda: verb(*args, **kwargs))

    def read(self, verb: Callable[..., Verb[T]], *args: Any, **kwargs: Any) -> T:
        with self._lock:
            return self._session.read(lambda: verb(*args, **kwargs))

    def close(self) -> None:
        with self._lock:
            self._session.close()
