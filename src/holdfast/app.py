"""`Holdfast`, the object that applications hold, and the one place where everything is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec import UNSET, UnsetType

from holdfast.client.build import ErrorTypes, policy_level
from holdfast.client.client import Client
from holdfast.client.declare import DeclaresTasks
from holdfast.client.draft import Draft
from holdfast.client.job import Job
from holdfast.client.jobs import JobsApi
from holdfast.client.options import Options, read_options
from holdfast.client.queues import QueueOptions, queue_settings
from holdfast.client.registry import Registry
from holdfast.client.router import TaskRouter
from holdfast.client.url import database_url
from holdfast.core.errors import InvalidOption
from holdfast.core.payload import DEFAULT_LIMIT
from holdfast.core.retries import RetryPolicy
from holdfast.core.times import duration
from holdfast.middleware.base import Middleware, check_middleware
from holdfast.store.open import open_store

if TYPE_CHECKING:
    from logging import Logger
    from types import TracebackType

    from holdfast.client.task import Task
    from holdfast.worker.aworker import AsyncWorker
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.status import ExitStatus
    from holdfast.worker.worker import Worker

R = TypeVar("R")
Manager: TypeAlias = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]
Lifespan: TypeAlias = "Callable[[Holdfast], Manager] | Callable[[], Manager]"
Include: TypeAlias = "TaskRouter | Callable[[Holdfast], object] | Callable[[], object]"


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
    """How long to wait at most before looking for jobs that no wake-up has told of; 1 s."""
    unknown_task_grace: timedelta | float
    """How long a due job may wait while no worker of its queue knows its task; 1 h."""


class Holdfast(DeclaresTasks):
    """One application's jobs in one database.

    Nothing is opened before it is needed. An SQLite file is then created and migrated; PostgreSQL wants
    `holdfast migrate`, or `migrate()`, and says so. Leaving the process without `close` is harmless.

    Args:
        url: `sqlite:///jobs.db`, `postgresql://user@host/database`; an SQLAlchemy engine, a psycopg pool or a
            Django alias gives its address only. Default: `$HOLDFAST_URL`, then `$DATABASE_URL`, then
            `sqlite:///holdfast.db`.
        schema: where the tables are, on PostgreSQL.
        middleware: around every enqueue and every run, the outermost first.
        lifespan: a function that gives a context manager, sync or async, entered once per worker process; what
            it yields is `ctx.state`. It is called with this object, or with nothing if it takes nothing.
        retry: how failed jobs are retried, where queue, task and job say nothing.
        retry_on: exceptions that are retried; `Retry` is the strict mode: any other exception fails at once.
        fail_on: exceptions that fail at once.
        max_attempts: charged runs of a job in all; None is without limit.
        max_crashes: after that many deaths of its worker a job is quarantined.
        default_timeout: of one run; None is without limit.
        lease: how long a worker may be silent before it is taken for dead.
        cleanup_interval: how often workers remove what need not be kept.
        notify: False for poll-only mode, on PostgreSQL.
        logger: above those of the queues; default: `holdfast`.
        payload_limit: bytes of JSON that the arguments of a job, and its result, may have.

    Raises:
        InvalidUrl: there is no address in what was given.
        InvalidOption: an option makes no sense.
    """

    def __init__(
        self,
        url: object = None,
        *,
        schema: str = "holdfast",
        middleware: Iterable[Middleware] = (),
        lifespan: Lifespan | None = None,
        retry: RetryPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        fail_on: ErrorTypes | None = None,
        max_attempts: int | None | UnsetType = UNSET,
        max_crashes: int | None = None,
        default_timeout: timedelta | float | None | UnsetType = UNSET,
        lease: timedelta | float = timedelta(seconds=30),
        cleanup_interval: timedelta | float = timedelta(minutes=1),
        notify: bool = True,
        logger: Logger | None = None,
        payload_limit: int = DEFAULT_LIMIT,
    ) -> None:
        level = policy_level(
            retry=retry, retry_on=retry_on, fail_on=fail_on, max_attempts=max_attempts, max_crashes=max_crashes,
            timeout=default_timeout, timeout_name="default_timeout",
        )  # fmt: skip
        self.url = database_url(url)
        self.schema = schema
        self._lease = duration(lease, what="lease", minimum=1)
        self._cleanup_interval = duration(cleanup_interval, what="cleanup_interval", minimum=1)
        self._lifespan = None if lifespan is None else self._called(lifespan, "lifespan")
        self.client = Client(
            partial(open_store, self.url, schema=schema, notify=notify),
            Registry(level, check_middleware(middleware)),
            payload_limit=_check_limit(payload_limit),
            logger=logger,
            app=self,
        )

    def __repr__(self) -> str:
        return f"<Holdfast {self.client.registry.names()}>"

    # --- declaring -----------------------------------------------------------------------------------------

    def queue(self, name: str, **options: Unpack[QueueOptions]) -> None:
        """Declare a queue that needs more than a name. Queues that don't are there by being used.

        The options are those of `QueueOptions`: concurrency, priority, max_attempts, timeout, retry, retry_on,
        fail_on, max_crashes, min_retry_delay, max_retry_delay, middleware, poll_interval.

        Raises:
            InvalidOption: an option makes no sense.
            DuplicateTask: the queue is declared already, or a worker has begun.
        """
        self.client.registry.add_queue(queue_settings(name, **options))

    def include(self, what: Include) -> None:
        """Add the tasks of a router; or have a function called once, before the first claim, that declares more.

        Args:
            what: a `TaskRouter`, or a function that takes this object, or nothing.

        Raises:
            DuplicateTask: a name is taken, or a worker has begun.
        """
        registry = self.client.registry
        if isinstance(what, TaskRouter):
            registry.refuse_late("a router was included")
            for task in what.hand_over():
                self._declare(task)
        else:
            registry.add_later(self._called(what, "include"))

    def _declare(self, task: Task[Any, Any]) -> None:
        self.client.registry.add(task)
        task.bind(self.client)

    def _called(self, function: Callable[..., R], what: str) -> Callable[[], R]:
        """A function that takes this object or nothing, as one that takes nothing."""
        if not callable(function):
            raise InvalidOption(f"{what} takes a function, not {function!r}")
        import inspect

        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(function).parameters.values()
        return partial(function, self) if any(one.kind in positional for one in parameters) else function

    # --- enqueuing -----------------------------------------------------------------------------------------

    def enqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]:
        """Store a job by the name of its task.

        Args:
            name: of the task.
            args: its arguments by name.
            declare: True enqueues a task that this program doesn't know; its arguments are checked by the run.
            options: those of `task.using`.

        Raises:
            UnknownTask: no such task is declared here.
            InvalidArguments: they don't fit the task, can't be encoded, or are too large; names the path.
            InvalidOption: an option makes no sense.
        """
        using = read_options(**options)
        draft = self.client.enqueues.named(name, args, using, declare=declare)
        return self.client.enqueues.one(draft.job, draft.task, using.tx)

    async def aenqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]:
        """The same for async code."""
        using = read_options(**options)
        draft = self.client.enqueues.named(name, args, using, declare=declare)
        return await self.client.enqueues.aone(draft.job, draft.task, using.tx)

    def new(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Draft[Any]:
        """A job by the name of its task, for `enqueue_many`. Nothing is stored yet."""
        using = read_options(**options)
        if using.tx is not None:
            raise InvalidOption(
                "the jobs of a batch go into one transaction: give tx= to enqueue_many, not to new"
            )
        return self.client.enqueues.named(name, args, using, declare=declare)

    def enqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]:
        """Store many jobs in one transaction: all or none.

        Args:
            drafts: what `task.new(…)` has made, of any tasks; a generator will do.
            tx: your own connection or session, in whose transaction they are enqueued.

        Returns:
            The jobs, in the order of the drafts. None at all open no transaction.
        """
        return self.client.enqueues.many(drafts, tx)

    async def aenqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]:
        """The same for async code."""
        return await self.client.enqueues.amany(drafts, tx)

    # --- looking -------------------------------------------------------------------------------------------

    @property
    def jobs(self) -> JobsApi:
        """Jobs looked up and changed."""
        return self.client.jobs

    # --- running -------------------------------------------------------------------------------------------

    def run_worker(self, **settings: Unpack[WorkerSettings]) -> ExitStatus:
        """Run jobs until a signal ends it, or with `burst=True` until nothing due is left.

        In the main thread it takes SIGINT and SIGTERM: the first lets running jobs finish, the second ends them.
        The settings are those of `WorkerSettings`: queues, tasks, concurrency, threads, children, burst,
        shutdown_timeout, max_jobs, max_memory, poll_interval, unknown_task_grace.

        Returns:
            How it ended, as an exit code; 0 if all that it had begun was finished.

        Raises:
            ConfigurationError: there are no tasks to run.
            StoreError: the database can't be used.
        """
        from holdfast.worker.run import run_worker

        return run_worker(self.worker(**settings))

    def worker(self, **settings: Unpack[WorkerSettings]) -> Worker:
        """A worker to be started and stopped by the program: `start()`, `stop()`, or `with`."""
        from holdfast.worker.worker import Worker

        return Worker(self.client, self._worker_options(settings), lifespan=self._lifespan)

    def aworker(self, **settings: Unpack[WorkerSettings]) -> AsyncWorker:
        """A worker inside an asyncio application: `async with`. Async handlers run on the loop that enters it."""
        from holdfast.worker.aworker import AsyncWorker

        return AsyncWorker(self.client, self._worker_options(settings), lifespan=self._lifespan)

    def _worker_options(self, settings: WorkerSettings) -> WorkerOptions:
        from holdfast.worker.options import WorkerOptions

        given: dict[str, Any] = dict(settings)
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

    # --- the database --------------------------------------------------------------------------------------

    def migrate(self) -> list[str]:
        """Bring the database's schema to this version; returns the names of the migrations applied."""
        return self.client.store.migrate()

    def close(self) -> None:
        """End the threads and connections. Calling it again does nothing; the object can't be used any more."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _names(given: Iterable[str | Task[Any, Any]], what: str) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a list of names, not {given!r}")
    return tuple(one if isinstance(one, str) else one.name for one in given)


def _check_limit(limit: object) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidOption(f"payload_limit must be a number of bytes, not {limit!r}")
    return limit
