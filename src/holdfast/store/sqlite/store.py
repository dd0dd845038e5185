"""The embedded store: one SQLite file, any number of threads and processes on one machine."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from holdfast.core.errors import StoreForked
from holdfast.store.base import ANYTHING, Channel, Listener
from holdfast.store.foreign.sqlite import Foreign
from holdfast.store.group import Request, Writer, closed
from holdfast.store.news import Listeners
from holdfast.store.sqlite import filelock, schema
from holdfast.store.sqlite.connection import Place, check
from holdfast.store.sqlite.readers import Readers
from holdfast.store.sqlite.watcher import Watcher
from holdfast.store.sqlite.writer import SqliteSession
from holdfast.store.statement import Verb, Wake

if TYPE_CHECKING:
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")


def clock() -> int:
    """The host's time, in microseconds."""
    return time.time_ns() // 1000


class SqliteStore:
    """See `holdfast.store.base.Store`. The file is made and migrated when it is opened."""

    dialect: Literal["sqlite"] = "sqlite"
    wants_marks = False
    wants_audience = False

    def __init__(self, url: str, *, clock: Callable[[], int] = clock) -> None:
        self._clock = clock
        self._place = Place.of(url)
        check(self._place)
        self._pid = os.getpid()
        self._closed = False
        self._listeners = Listeners()
        self.migrate()
        self._writer = Writer(SqliteSession(self._place, clock), self._listeners.tell)
        self._readers = Readers(self._place, clock)
        self._foreign = Foreign(self._place, clock)
        self._watcher = Watcher(self._place, lambda: self.announce(ANYTHING))

    @property
    def address(self) -> str:
        return f"sqlite:///{self._place.path}"

    def now(self) -> int:
        return self._clock()

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return self._writer.run(functools.partial(verb, *args, **kwargs))

    def submit(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        from concurrent.futures import Future

        self._usable()
        future: Future[T] = Future()
        self._writer.submit(functools.partial(verb, *args, **kwargs), functools.partial(_resolve, future))
        return future

    def read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return self._readers.run(functools.partial(verb, *args, **kwargs))

    def submit_read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        # A read is a matter of microseconds; handing it to a thread would cost more than it takes.
        from concurrent.futures import Future

        future: Future[T] = Future()
        try:
            future.set_result(self.read(verb, *args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def within(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return self._foreign.within(tx, functools.partial(verb, *args, **kwargs))

    async def awithin(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._usable()
        return await self._foreign.awithin(tx, functools.partial(verb, *args, **kwargs))

    def channel(self, name: str) -> Channel:
        return UrgentChannel(self)

    def write_urgently(self, call: Callable[[], Verb[T]]) -> T:
        """For the control plane of workers: before what applications write."""
        self._usable()
        return self._writer.run(call, urgent=True)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._listeners.add(listener)

    @contextlib.contextmanager
    def watching(self, *, results: bool = False) -> Generator[None]:
        self._watcher.start()
        try:
            yield
        finally:
            self._watcher.stop()

    def announce(self, wake: Wake) -> None:
        self._listeners.tell([wake])

    def proof_of_life(self, worker: str) -> AbstractContextManager[None]:
        return filelock.proof_of_life(self._place.path, worker)

    def known_dead(self, worker: str) -> bool:
        return filelock.known_dead(self._place.path, worker)

    def forget(self, worker: str) -> None:
        filelock.forget(self._place.path, worker)

    def migrate(self) -> list[str]:
        return schema.migrate(self._place, self._clock())

    def check_schema(self) -> None:
        schema.check(self._place)

    def close(self) -> None:
        if not self._closed and os.getpid() == self._pid:
            self._closed = True
            self._writer.close()
            self._readers.close()

    def _usable(self) -> None:
        if self._closed:
            raise closed()
        if os.getpid() != self._pid:
            raise StoreForked(
                "this process was forked after the database was opened. Open it in the child (make the Holdfast "
                "object there, or enqueue first after the fork), or start processes by spawn"
            )


class UrgentChannel:
    """A worker's way to the one writer."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._store.write_urgently(functools.partial(verb, *args, **kwargs))

    def read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._store.read(verb, *args, **kwargs)

    def close(self) -> None:
        """The writer is the store's."""


def _resolve(future: Future[T], request: Request[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if request.error is not None:
        future.set_exception(request.error)
    else:
        future.set_result(request.value)
