"""The client: one app's way to its database, shared by its tasks, its jobs and its workers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.client import clock
from holdfast.client.enqueue import Enqueues
from holdfast.client.flow import Flow, Read
from holdfast.client.jobs import JobsApi
from holdfast.client.telling import Teller
from holdfast.core.errors import ConfigurationError, StoreClosed

if TYPE_CHECKING:
    from logging import Logger

    from holdfast.client.limits import LimitsApi
    from holdfast.client.registry import Registry
    from holdfast.client.results import Results
    from holdfast.client.schedules import SchedulesApi
    from holdfast.store.base import Store

R = TypeVar("R")
T = TypeVar("T")


class Client:
    """Any thread may use it.

    Args:
        open_store: opens the database; called once, at first use.
        registry: what the app declares.
        payload_limit: bytes of JSON that the arguments of a job, and its result, may have.
        logger: above those of the queues; None is `holdfast`.
        app: what `ctx.app` shows.

    Attributes:
        jobs: the verbs of `app.jobs`.
        enqueues: the ways of an enqueue.
        now: this host's clock, in microseconds since 1970.
        guest: who uses another store in place of the app's own now, or None.
        events: tells subscribers what happens.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        registry: Registry,
        *,
        payload_limit: int,
        logger: Logger | None = None,
        app: Any = None,
    ) -> None:
        self._open_store = open_store
        self._store: Store | None = None
        self._results: Results | None = None
        self._closed = False
        self.guest: Any = None
        self._lock = Lock()
        self.now: Callable[[], int] = clock.now
        self.registry = registry
        self.payload_limit = payload_limit
        self.logger = logger
        self.app = app
        self.jobs = JobsApi(self)
        self.enqueues = Enqueues(self)
        self.events = Teller()

    # --- the store -----------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The database, opened when it is first needed.

        Raises:
            StoreClosed: the app was closed.
            StoreError: and its kinds: it can't be opened.
        """
        store = self._store
        return self._open() if store is None else store

    async def astore(self) -> Store:
        """The same without blocking the event loop while it is opened."""
        if self._store is not None:
            return self._store
        import asyncio

        return await asyncio.to_thread(self._open)

    @contextmanager
    def elsewhere(
        self, guest: object, open_store: Callable[[], Store], now: Callable[[], int]
    ) -> Generator[None]:
        """Use another store in place of the app's own, and close it at the end.

        Args:
            guest: who wants that, kept as `guest` meanwhile.
            open_store: opens it.
            now: its clock.

        Raises:
            StoreClosed: the app was closed.
            ConfigurationError: another one is used already.
        """
        own = self._lend(guest)
        try:
            self._store = open_store()
            self.now = now
            yield
        finally:
            self._take_back(own)

    def _lend(self, guest: object) -> tuple[Store | None, Results | None]:
        with self._lock:
            if self._closed:
                raise StoreClosed("this app was closed; make a new Holdfast object to test")
            if self.guest is not None:
                raise ConfigurationError(
                    "app.testing() is entered already, here or in a fixture or another thread: leave that one "
                    "first, or use what it gave"
                )
            self.guest = guest
            own = self._store, self._results
            self._store = self._results = None
            return own

    def _take_back(self, own: tuple[Store | None, Results | None]) -> None:
        with self._lock:
            lent = self._store, self._results
            if not self._closed:
                self._store, self._results = own
                own = None, None
            self.now = clock.now
            self.guest = None
        for store, results in (lent, own):
            if results is not None:
                results.close()
            if store is not None:
                store.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """End the threads and connections. Calling it again does nothing."""
        # While those who are told can still look at their jobs.
        self.events.flush()
        with self._lock:
            self._closed = True
            store, self._store = self._store, None
            results, self._results = self._results, None
        if results is not None:
            results.close()
        self.events.close()
        if store is not None:
            store.close()

    def _open(self) -> Store:
        with self._lock:
            if self._closed:
                raise StoreClosed("this app was closed; make a new Holdfast object to go on")
            if self._store is None:
                self._store = self._open_store()
            return self._store

    @property
    def results(self) -> Results:
        """Waits for jobs to end."""
        if self._results is None:
            # Only those who wait need the machinery of futures.
            from holdfast.client.results import Results

            with self._lock:
                if self._results is None:
                    self._results = Results(self)
        return self._results

    @property
    def schedules(self) -> SchedulesApi:
        """The verbs of `app.schedules`."""
        # Imported when it is asked for: most programs have no schedules.
        from holdfast.client.schedules import SchedulesApi

        return SchedulesApi(self)

    @property
    def limits(self) -> LimitsApi:
        """The verbs of `app.limits`."""
        # As above.
        from holdfast.client.limits import LimitsApi

        return LimitsApi(self)

    # --- calls ---------------------------------------------------------------------------------------------

    def run(self, flow: Flow[T], tx: Any = None) -> T:
        """Drive a flow to its end.

        Args:
            flow: what to ask of the store.
            tx: a connection of the caller's to run it on; None runs it on the store's own.
        """
        store = self.store
        try:
            call = next(flow)
            while True:
                if tx is not None:
                    answer = store.within(tx, call.verb, *call.args)
                elif isinstance(call, Read):
                    answer = store.read(call.verb, *call.args)
                else:
                    answer = store.write(call.verb, *call.args)
                call = flow.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value

    async def arun(self, flow: Flow[T], tx: Any = None) -> T:
        """The same for async code."""
        from holdfast.client.bridge import outcome

        store = await self.astore()
        try:
            call = next(flow)
            while True:
                if tx is not None:
                    answer = await store.awithin(tx, call.verb, *call.args)
                elif isinstance(call, Read):
                    answer = await outcome(store.submit_read(call.verb, *call.args))
                else:
                    answer = await outcome(store.submit(call.verb, *call.args))
                call = flow.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value
