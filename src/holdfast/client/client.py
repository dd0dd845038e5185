"""The client: one app's way to its database, shared by its tasks, its jobs and its workers."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.client.enqueue import Enqueues
from holdfast.client.flow import Flow, Read
from holdfast.client.jobs import JobsApi
from holdfast.core.errors import StoreClosed

if TYPE_CHECKING:
    from logging import Logger

    from holdfast.client.registry import Registry
    from holdfast.client.results import Results
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
        self._lock = Lock()
        self.registry = registry
        self.payload_limit = payload_limit
        self.logger = logger
        self.app = app
        self.jobs = JobsApi(self)
        self.enqueues = Enqueues(self)

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

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """End the threads and connections. Calling it again does nothing."""
        with self._lock:
            self._closed = True
            store, self._store = self._store, None
            results, self._results = self._results, None
        if results is not None:
            results.close()
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
