"""The workers of an app: made, run, or here and now for one job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import msgspec

from holdfast.client.names import check_name, task_name
from holdfast.core.errors import InvalidOption
from holdfast.core.times import duration, to_timedelta

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.context import JobContext
    from holdfast.client.job import Job
    from holdfast.client.task import Task
    from holdfast.worker.aworker import AsyncWorker
    from holdfast.worker.lifespan import Lifespan
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.status import ExitStatus
    from holdfast.worker.worker import Worker


class WorkerSettings(TypedDict, total=False):
    """How a worker is to run. Durations are timedeltas or numbers of seconds."""

    queues: Iterable[str] | None
    """Those to serve, in equal shares; default: all."""
    tasks: Iterable[str | Task[Any, Any]] | None
    """Those to serve; default: all that are declared."""
    concurrency: int
    """Async handlers at a time; 100."""
    threads: int
    """Plain functions at a time; 16."""
    children: int | None
    """Functions with `executor="process"` at a time; default: the number of CPUs."""
    burst: bool
    """End once nothing that is due is left."""
    shutdown_timeout: timedelta | float
    """How long running jobs may go on once the worker was asked to stop; 30 s."""
    max_jobs: int | None
    """End after so many runs."""
    max_memory: int | None
    """End when more resident memory is used; bytes."""
    poll_interval: timedelta | float
    """How long to wait at most before looking for jobs that no wake-up has told of; default: the app's."""
    unknown_task_grace: timedelta | float
    """How long a due job may wait while no worker of its queue knows its task; 1 h."""


class RunsWorkers:
    """What an app has of workers. Durations are microseconds.

    Attributes:
        client: of the app.
    """

    client: Client
    _lease: int
    _cleanup_interval: int | None
    _poll_interval: int
    _lifespan: Lifespan | None

    def run_worker(self, *, probe: str | int | None = None, **settings: Unpack[WorkerSettings]) -> ExitStatus:
        """Run jobs until a signal ends it, or with `burst=True` until nothing due is left.

        In the main thread it takes SIGINT and SIGTERM: the first lets running jobs finish, the second ends them.
        The settings are those of `WorkerSettings`: queues, tasks, concurrency, threads, children, burst,
        shutdown_timeout, max_jobs, max_memory, poll_interval, unknown_task_grace.

        Args:
            probe: answer `/health/live`, `/health/ready` and `/metrics` over HTTP meanwhile: a port of this host,
                or "HOST:PORT".
            settings: see above.

        Returns:
            How it ended, as an exit code; 0 if all that it had begun was finished.

        Raises:
            ConfigurationError: there are no tasks to run.
            StoreError: the database can't be used.
        """
        from holdfast.worker.run import run_worker

        return run_worker(self.worker(**settings), probe=probe)

    def worker(self, **settings: Unpack[WorkerSettings]) -> Worker:
        """A worker to be started and stopped by the program: `start()`, `stop()`, or `with`."""
        from holdfast.worker.worker import Worker

        return Worker(self.client, self._worker_options(settings), lifespan=self._lifespan)

    def aworker(self, **settings: Unpack[WorkerSettings]) -> AsyncWorker:
        """A worker inside an asyncio application: `async with`. Async handlers run on the loop that enters it."""
        from holdfast.worker.aworker import AsyncWorker

        return AsyncWorker(self.client, self._worker_options(settings), lifespan=self._lifespan)

    def run_one(
        self,
        *,
        tasks: Iterable[str | Task[Any, Any]] | None = None,
        queues: Iterable[str] | None = None,
        handler: Callable[[JobContext], Any] | None = None,
    ) -> Job[Any] | None:
        """Claim one due job, run it here and now, and settle it. A plain function runs in the calling thread.

        While it runs, a worker's lease holds the job: should this process die, others take it back. For more than a
        job now and then, a worker is cheaper.

        Args:
            tasks: whose jobs to take; default: of all that are declared.
            queues: where from; default: from all, in equal shares.
            handler: called with the run's `JobContext` in place of the task's own function; what it returns or
                raises decides, as in any run. With it, the tasks in `tasks` need not be declared here.

        Returns:
            The job as this run has settled it; None if nothing was due.

        Raises:
            LeaseLost: the job was taken away meanwhile, such as by a forced cancel: what was decided is refused.
            UnknownTask: a task isn't declared here, and there is no `handler`.
            StoreError: the database can't be used.
        """
        from holdfast.worker.one import run_one

        return run_one(self.client, self._one_job(tasks, queues), handler, lifespan=self._lifespan)

    async def arun_one(
        self,
        *,
        tasks: Iterable[str | Task[Any, Any]] | None = None,
        queues: Iterable[str] | None = None,
        handler: Callable[[JobContext], Any] | None = None,
    ) -> Job[Any] | None:
        """The same for async code: async handlers run on this loop, plain ones in a thread of the worker's."""
        from holdfast.worker.one import arun_one

        return await arun_one(self.client, self._one_job(tasks, queues), handler, lifespan=self._lifespan)

    def _one_job(
        self, tasks: Iterable[str | Task[Any, Any]] | None, queues: Iterable[str] | None
    ) -> WorkerOptions:
        options = self._worker_options(
            {
                "tasks": tasks, "queues": queues, "burst": True, "max_jobs": 1,
                "concurrency": 1, "threads": 1, "children": 1,
            }
        )  # fmt: skip
        return msgspec.structs.replace(options, passing=True, cleanup_interval=None)

    def _worker_options(self, settings: WorkerSettings) -> WorkerOptions:
        from holdfast.worker.options import WorkerOptions

        given: dict[str, Any] = {"poll_interval": to_timedelta(self._poll_interval), **settings}
        unknown = given.keys() - WorkerSettings.__annotations__.keys()
        if unknown:
            raise TypeError(
                f"a worker has no setting {min(unknown)!r}; there are: {', '.join(WorkerSettings.__annotations__)}"
            )
        for name in ("shutdown_timeout", "poll_interval", "unknown_task_grace"):
            if name in given:
                given[name] = duration(given[name], what=name)
        for name in ("queues", "tasks"):
            if given.get(name) is not None:
                given[name] = _names(given[name], name)
        return WorkerOptions(lease=self._lease, cleanup_interval=self._cleanup_interval, **given)


def _names(given: Iterable[str | Task[Any, Any]], what: str) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a list of names, not {given!r}")
    if what == "tasks":
        return tuple(map(task_name, given))
    return tuple(check_name(one, what="queue") for one in given)
