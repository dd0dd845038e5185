"""The store for many machines: PostgreSQL 14 and later, through psycopg 3."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar
from uuid import uuid4
from weakref import WeakSet

from holdfast.core.errors import StoreClosed, StoreForked, StoreUnavailable
from holdfast.store.base import Channel, Listener
from holdfast.store.foreign.postgres import Foreign
from holdfast.store.group import Request, Writer
from holdfast.store.news import Listeners
from holdfast.store.postgres import schema
from holdfast.store.postgres.address import Address
from holdfast.store.postgres.clock import ServerClock
from holdfast.store.postgres.listener import WAITING_SECONDS
from holdfast.store.postgres.listener import Listener as NotificationListener
from holdfast.store.postgres.session import PostgresChannel, PostgresSession
from holdfast.store.statement import Verb, Wake
from holdfast.store.verbs.audience import listen, server_time
from holdfast.store.verbs.explain import explain
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.insert_unique import insert_unique

if TYPE_CHECKING:
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")

INSERTS: frozenset[Any] = frozenset({insert, insert_unique})
"""Verbs that can be sent again, and are told so, where the first try may have been committed."""
SNAPSHOTS: frozenset[Any] = frozenset({explain})
"""Reading verbs whose statements must all see the same moment."""


class PostgresStore:
    """See `holdfast.store.base.Store`. It connects at the first use, and asks for `migrate` where tables are missing.

    Args:
        url: a libpq URL.
        schema: where the tables are.
        notify: False for poll-only mode: nothing is sent, nothing listened to.
    """

    dialect: Literal["postgres"] = "postgres"
    wants_marks = True

    def __init__(self, url: str, *, schema: str = "holdfast", notify: bool = True) -> None:
        self._address = Address.of(url, schema)
        self._notify = self.wants_audience = notify
        self._pid = os.getpid()
        self._audience = str(uuid4())
        self._closed = False
        self._listeners = Listeners()
        self._sessions: WeakSet[PostgresSession] = WeakSet()
        self._naming = threading.Lock()
        self._session = self._new_session("client")
        self._writer = Writer(self._session, self._listeners.tell)
        self._waiter: Writer | None = None
        """Of enqueues that may wait for a caller's transaction: nothing else waits behind them."""
        self._opening = threading.Lock()
        self._clock = ServerClock(self._ask_time)
        self._foreign = Foreign(self._address, notify=notify)
        self._listener = NotificationListener(self._address, self.announce, self._tell_waiting, self._is_own)

    @property
    def address(self) -> str:
        return self._address.shown

    def now(self) -> int:
        return self._clock.now()

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        call = functools.partial(verb, *args, **kwargs)
        try:
            return self._writer_for(verb).run(call)
        except StoreUnavailable:
            if verb not in INSERTS:
                raise
            # The commit may have gone through without an answer. An insert says so, and can be sent again.
            return self._writer_for(verb).run(functools.partial(call, resent=True))

    def submit(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        from concurrent.futures import Future

        self._usable()
        future: Future[T] = Future()
        call = functools.partial(verb, *args, **kwargs)
        again = functools.partial(call, resent=True) if verb in INSERTS else None
        writer = self._writer_for(verb)
        writer.submit(call, lambda request: self._resolve(future, writer, request, again))
        return future

    def read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        call = functools.partial(verb, *args, **kwargs)
        return self._writer.exclusive(lambda: self._session.read(call, snapshot=verb in SNAPSHOTS))

    def submit_read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        # In the writer's thread, in a transaction of its own: the caller's loop must not wait for the network.
        if verb in SNAPSHOTS:
            return _in_a_thread(functools.partial(self.read, verb, *args, **kwargs))
        return self.submit(verb, *args, **kwargs)

    def within(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return self._foreign.within(tx, functools.partial(verb, *args, **kwargs))

    async def awithin(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return await self._foreign.awithin(tx, functools.partial(verb, *args, **kwargs))

    def channel(self, name: str) -> Channel:
        return PostgresChannel(self._new_session(name), self._listeners.tell)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._listeners.add(listener)

    @contextlib.contextmanager
    def watching(self, *, results: bool = False) -> Generator[None]:
        if not self._notify:
            yield
            return
        self._listener.start(results=results)
        try:
            yield
        finally:
            self._listener.stop(results=results)

    def announce(self, wake: Wake) -> None:
        self._listeners.tell([wake])

    def proof_of_life(self, worker: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def known_dead(self, worker: str) -> bool:
        return False

    def forget(self, worker: str) -> None: ...

    def migrate(self) -> list[str]:
        return schema.migrate(self._address)

    def check_schema(self) -> None:
        schema.check(self._address)

    def close(self) -> None:
        if not self._closed and os.getpid() == self._pid:
            with self._opening:
                self._closed = True
            if self._waiter is not None:
                self._waiter.close()
            self._writer.close()

    def _ask_time(self, known: bool) -> int | None:
        """The server's time. The connection may be busy, even with a verb that wants to know the time: then what is
        known serves for another while, and the first answer comes by a connection of its own."""
        answer = self._writer.if_free(lambda: self._session.read(server_time))
        if answer is not None or known:
            return answer
        session = self._new_session("clock")
        try:
            return session.read(server_time)
        finally:
            session.close()

    def _tell_waiting(self) -> None:
        """Have this process told of jobs that end, for a while."""
        self.write(listen, self._audience, "waiter", WAITING_SECONDS)

    def _new_session(self, purpose: str) -> PostgresSession:
        session = PostgresSession(self._address, purpose, notify=self._notify)
        with self._naming:
            self._sessions.add(session)
        return session

    def _is_own(self, pid: int) -> bool:
        """True for a server's process whose news have been told here when it committed."""
        with self._naming:
            return any(session.is_of(pid) for session in self._sessions)

    def _writer_for(self, verb: object) -> Writer:
        if verb is not insert_unique:
            return self._writer
        with self._opening:
            self._usable()
            if self._waiter is None:
                self._waiter = Writer(self._new_session("unique"), self._listeners.tell)
            return self._waiter

    def _resolve(
        self,
        future: Future[T],
        writer: Writer,
        request: Request[T],
        again: Callable[[], Verb[T]] | None,
    ) -> None:
        if isinstance(request.error, StoreUnavailable) and again is not None:
            with contextlib.suppress(StoreClosed):
                writer.submit(again, lambda second: self._resolve(future, writer, second, None))
                return
        if not future.set_running_or_notify_cancel():
            return
        if request.error is not None:
            future.set_exception(request.error)
        else:
            future.set_result(request.value)

    def _usable(self) -> None:
        if self._closed:
            raise StoreClosed("the application was closed; make a new Holdfast object to go on")
        if os.getpid() != self._pid:
            raise StoreForked(
                "this process was forked after the database was opened, and both sides would use one connection. Open "
                "it in the child (make the Holdfast object there), or start processes by spawn"
            )


def _in_a_thread(call: Callable[[], T]) -> Future[T]:
    """Call something that is rare in a thread of its own."""
    from concurrent.futures import Future

    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="holdfast-look", daemon=True).start()
    return future
