"""A worker inside of an asyncio application: async handlers run on the application's own loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec

from holdfast.worker.health import Finding, Health, health_of
from holdfast.worker.options import WorkerOptions
from holdfast.worker.status import ExitStatus
from holdfast.worker.worker import Worker

if TYPE_CHECKING:
    from types import TracebackType

    from holdfast.client.client import Client
    from holdfast.worker.lifespan import Lifespan
    from holdfast.worker.observers import Observer


class AsyncWorker:
    """`async with AsyncWorker(…) as worker:`. Leaving waits for running jobs as `Worker.stop` does.

    The loop that enters it runs the async handlers, so that they may use the application's pools and clients.
    """

    def __init__(
        self,
        client: Client,
        options: WorkerOptions | None = None,
        *,
        lifespan: Lifespan | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._client = client
        self._options = options
        self._lifespan = lifespan
        self._observers = observers
        self._worker: Worker | None = None

    async def __aenter__(self) -> Self:
        self._worker = Worker(
            self._client,
            self._options,
            lifespan=self._lifespan,
            observers=self._observers,
            loop=asyncio.get_running_loop(),
            context=contextvars.copy_context(),
        )
        # In a thread: a lifespan that is async is entered on this loop.
        await asyncio.to_thread(self._worker.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def observe(self, observer: Observer, **options: Any) -> None:
        """Tell one more of what happens, and change these options for it. Before it is entered."""
        self._observers = (*self._observers, observer)
        self._options = msgspec.structs.replace(self._options or WorkerOptions(), **options)

    @property
    def id(self) -> str | None:
        """The worker's id now; None while it doesn't work."""
        return None if self._worker is None else self._worker.id

    def health(self) -> Health:
        """See `Worker.health`."""
        if self._worker is None:
            return health_of([Finding("worker", ok=False, says="has not begun")])
        return self._worker.health()

    async def stop(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the run's, not ours
        """See `Worker.stop`. Being cancelled meanwhile ends the running jobs at once, and is then passed on."""
        worker = self._worker
        if worker is None:
            return True
        stopping = asyncio.ensure_future(asyncio.to_thread(worker.stop, timeout))
        try:
            return await asyncio.shield(stopping)
        except asyncio.CancelledError:
            worker.request_stop(0)
            await stopping
            raise

    async def wait(self) -> ExitStatus:
        """Wait for its end, such as that of a burst."""
        worker = self._worker
        if worker is None:
            return ExitStatus.FINISHED
        status = await asyncio.to_thread(worker.wait)
        return ExitStatus.FAILED if status is None else status


aworker = AsyncWorker
