"""What `app.testing()` gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from holdfast.core.errors import ConfigurationError
from holdfast.core.times import DAY, from_datetime, to_datetime
from holdfast.rehearsal.chosen import chosen
from holdfast.rehearsal.clock import TravelClock, way
from holdfast.rehearsal.collected import Collected
from holdfast.rehearsal.expected import Enqueued, Expected
from holdfast.rehearsal.store import RehearsalStore
from holdfast.rehearsal.witness import Drained, Witness
from holdfast.store.base import ANYTHING
from holdfast.store.verbs.schedules import declare_schedules

if TYPE_CHECKING:
    from types import TracebackType

    from holdfast.client.client import Client
    from holdfast.client.job import Job
    from holdfast.client.task import BoundTask, Task
    from holdfast.worker.aworker import AsyncWorker
    from holdfast.worker.worker import Worker

R = TypeVar("R")

SELDOM = DAY
"""Between two cleanings by a worker that drains: what a test looks at isn't taken from under its eyes."""


class Rehearsal:
    """An app while it is tested: `with app.testing() as t:`, or `async with`.

    Until it is left, the app uses a temporary SQLite file in place of its own database, whatever that is. Jobs are
    stored there and not run until the test says so. It serves one `with`.

    Args:
        client: of the app.
        worker: makes the app's workers.
        aworker: the same for those of an asyncio application.
    """

    def __init__(
        self, client: Client, worker: Callable[..., Worker], aworker: Callable[..., AsyncWorker]
    ) -> None:
        self._client = client
        self._make_worker = worker
        self._make_aworker = aworker
        self._clock = TravelClock()
        self._exit = ExitStack()
        self._store: RehearsalStore | None = None
        self._used = False
        self._moved: list[Task[Any, Any]] = []
        """Tasks of processes, which run in threads here: a child process would know neither the file nor what the
        test has patched."""

    def __enter__(self) -> Self:
        if self._used:
            raise ConfigurationError("this app.testing() was entered before: call app.testing() again")
        with ExitStack() as stack:
            # Opened before, so that it is removed after the store is closed.
            folder = stack.enter_context(
                TemporaryDirectory(prefix="holdfast-testing-", ignore_cleanup_errors=True)
            )
            path = Path(folder, "jobs.db")
            stack.enter_context(self._client.elsewhere(self, lambda: self._opened(path), self._clock))
            if not self._client.registry.frozen:
                stack.callback(self._client.registry.thaw)
            stack.callback(self._back_to_processes)
            self._declare_schedules()
            self._exit = stack.pop_all()
        self._used = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._store = None
        self._exit.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A worker of the test may still need this loop to end.
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def _opened(self, path: Path) -> RehearsalStore:
        self._store = RehearsalStore(path, self._clock)
        return self._store

    @property
    def store(self) -> RehearsalStore:
        """Where the jobs are now."""
        self._refuse_outside()
        assert self._store is not None
        return self._store

    def _refuse_outside(self) -> None:
        """Otherwise a worker would run what waits in the app's own database."""
        if self._store is None:
            raise ConfigurationError("app.testing() is over, or wasn't entered: use it inside of its `with`")

    @property
    def url(self) -> str:
        """Of the temporary file, for a program that is started by the test."""
        return self.store.address

    # --- looking -------------------------------------------------------------------------------------------

    @property
    def jobs(self) -> list[Job[Any]]:
        """All jobs so far as they are now, in the order of their enqueues."""
        return [job for job, _ in self._collected()]

    @overload
    def enqueued(self, task: str, /, *args: Any, **kwargs: Any) -> list[Job[Any]]: ...
    @overload
    def enqueued(self, task: BoundTask[..., R], /, *args: Any, **kwargs: Any) -> list[Job[R]]: ...
    def enqueued(self, task: BoundTask[..., Any] | str, /, *args: Any, **kwargs: Any) -> list[Job[Any]]:
        """The jobs of a task, of those that have at least these arguments and options.

        Args:
            task: or its name. `task.using(queue="slow")` chooses by these options too.
            args: by position, as the task takes them.
            kwargs: by name. A parameter that the enqueue left out has its default.

        Raises:
            InvalidArguments: the task has no such parameter.
        """
        expected = Expected(task, args, kwargs, self._client.registry)
        return [job for job, new in self._collected() if expected.fits(new)]

    @overload
    def assert_enqueued(self, task: str, /, *args: Any, **kwargs: Any) -> list[Job[Any]]: ...
    @overload
    def assert_enqueued(self, task: BoundTask[..., R], /, *args: Any, **kwargs: Any) -> list[Job[R]]: ...
    def assert_enqueued(
        self, task: BoundTask[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> list[Job[Any]]:
        """Check that there is such a job, at least one; returns them all. The arguments are those of `enqueued`."""
        __tracebackhide__ = True
        found = self.enqueued(task, *args, **kwargs)
        if not found:
            raise AssertionError(self._message("an enqueue", task, args, kwargs))
        return found

    @overload
    def assert_enqueued_times(
        self, count: int, task: str, /, *args: Any, **kwargs: Any
    ) -> list[Job[Any]]: ...
    @overload
    def assert_enqueued_times(
        self, count: int, task: BoundTask[..., R], /, *args: Any, **kwargs: Any
    ) -> list[Job[R]]: ...
    def assert_enqueued_times(
        self, count: int, task: BoundTask[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> list[Job[Any]]:
        """Check that there are exactly so many such jobs; returns them."""
        __tracebackhide__ = True
        found = self.enqueued(task, *args, **kwargs)
        if len(found) != count:
            raise AssertionError(self._message(f"{count} enqueues, not {len(found)},", task, args, kwargs))
        return found

    def assert_not_enqueued(self, task: BoundTask[..., Any] | str, /, *args: Any, **kwargs: Any) -> None:
        """Check that there is no such job."""
        __tracebackhide__ = True
        self.assert_enqueued_times(0, task, *args, **kwargs)

    def clear(self) -> None:
        """Forget all jobs so far, those that wait as well. One that runs goes on, and is seen again when it ends."""
        Collected(self._client, self.store).clear()

    def _message(
        self, wanted: str, task: BoundTask[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> str:
        return Expected(task, args, kwargs, self._client.registry).message(self._collected(), wanted)

    # --- time ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What time it is for the jobs."""
        return to_datetime(self._clock())

    def travel(
        self,
        by: timedelta = timedelta(),
        /,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> datetime:
        """Move the time of the jobs forward, so that what was planned becomes due; returns what time it is then.

        The next `drain` runs it, schedules too, as their `missed` and `overlap` say of ticks that were jumped over.
        Only the store's clock moves: `datetime.now()` of the process stays what it is.

        Raises:
            InvalidOption: backwards, or no number.
        """
        return self._travelled(way(by, days=days, hours=hours, minutes=minutes, seconds=seconds))

    def travel_to(self, time: datetime, /) -> datetime:
        """The same to a time, which has a time zone."""
        return self._travelled(from_datetime(time) - self._clock())

    def _travelled(self, micros: int) -> datetime:
        store = self.store
        self._declare_schedules()
        self._clock.forward(micros)
        store.announce(ANYTHING)  # a worker may be waiting for what is due now
        return self.now

    # --- running -------------------------------------------------------------------------------------------

    def drain(self, *, raise_errors: bool = True, **settings: Any) -> Drained:
        """Run a worker until nothing that is due is left, what handlers have enqueued meanwhile included.

        Args:
            raise_errors: raise the first exception that a handler has raised, when all is done; False leaves errors to
                the retry policy, as in production. Outcomes that handlers raise are none.
            settings: of the worker, as of `app.worker`: queues, tasks, concurrency …

        Returns:
            How many runs ended in which way.
        """
        _refuse_loop()
        with self._watched(raise_errors=raise_errors) as witness:
            self._work(witness, settings)
        return witness.drained

    async def adrain(self, *, raise_errors: bool = True, **settings: Any) -> Drained:
        """The same for async code: async handlers run on the loop of the test."""
        with self._watched(raise_errors=raise_errors) as witness:
            await self._awork(witness, settings)
        return witness.drained

    def run(self, job: Job[R], *, raise_errors: bool = True) -> Job[R]:
        """Run one job now, even if it isn't due, and no other; returns it as it is then.

        Raises:
            WrongState: it isn't waiting, or another job of its key or FIFO queue is before it.
        """
        _refuse_loop()
        with self._watched(raise_errors=raise_errors) as witness:
            self._work(witness, chosen(self._client, self.store, job))
        return job.refresh()

    async def arun(self, job: Job[R], *, raise_errors: bool = True) -> Job[R]:
        """The same for async code."""
        with self._watched(raise_errors=raise_errors) as witness:
            await self._awork(witness, chosen(self._client, self.store, job))
        return await job.arefresh()

    def worker(self, **settings: Any) -> Worker:
        """A worker on the temporary file, to run beside the test: `with t.worker():`. Settings as of `app.worker`."""
        self._stay_in_process()
        return self._make_worker(**settings)

    def aworker(self, **settings: Any) -> AsyncWorker:
        """The same on the loop of the test: `async with t.aworker():`."""
        self._stay_in_process()
        return self._make_aworker(**settings)

    @contextmanager
    def _watched(self, *, raise_errors: bool) -> Generator[Witness]:
        __tracebackhide__ = True
        registry = self._client.registry
        was_frozen, witness = registry.frozen, Witness()
        self._stay_in_process()
        try:
            yield witness
        finally:
            if not was_frozen:
                registry.thaw()
        if raise_errors:
            witness.raise_first()

    def _work(self, witness: Witness, settings: dict[str, Any]) -> None:
        worker = self._make_worker(**{**settings, "burst": True})
        worker.observe(witness, cleanup_interval=SELDOM)
        try:
            worker.start()
            worker.wait()
        finally:
            worker.stop(0)

    async def _awork(self, witness: Witness, settings: dict[str, Any]) -> None:
        worker = self._make_aworker(**{**settings, "burst": True})
        worker.observe(witness, cleanup_interval=SELDOM)
        async with worker:
            await worker.wait()

    def _declare_schedules(self) -> None:
        """Their first ticks are counted from now, as from the start of a worker; of those that are new."""
        registry = self._client.registry
        registry.load()
        rows = registry.schedule_rows()
        if rows:
            self._client.store.write(declare_schedules, rows)

    def _stay_in_process(self) -> None:
        self._refuse_outside()
        self._client.registry.load()
        for task in self._client.registry:
            if task.kind == "process":
                task.kind = "thread"
                self._moved.append(task)

    def _back_to_processes(self) -> None:
        for task in self._moved:
            task.kind = "process"

    def _collected(self) -> list[Enqueued]:
        return Collected(self._client, self.store).all()


def _refuse_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(
        "this blocks the event loop that async handlers would need: await t.adrain() or t.arun(job) instead"
    )
