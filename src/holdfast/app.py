"""`Holdfast`, the object that applications hold, and the one place where everything is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, Unpack, overload

from msgspec import UNSET, UnsetType

from holdfast.client.build import ErrorTypes, policy_level
from holdfast.client.by_name import EnqueuesByName
from holdfast.client.client import Client
from holdfast.client.dead_letters import DeadLetters
from holdfast.client.declare import DeclaresTasks
from holdfast.client.jobs import JobsApi
from holdfast.client.pausing import PausesWork
from holdfast.client.queue_api import Queues
from holdfast.client.queues import QueueOptions, queue_settings
from holdfast.client.registry import Registry
from holdfast.client.router import TaskRouter
from holdfast.client.timetables import Declared, DeclaresSchedules
from holdfast.client.url import database_url
from holdfast.core.errors import InvalidOption
from holdfast.core.payload import DEFAULT_LIMIT
from holdfast.core.retention import Retention
from holdfast.core.retries import RetryPolicy
from holdfast.core.times import SECOND, duration
from holdfast.events import Event
from holdfast.middleware.base import Middleware, check_middleware
from holdfast.store.open import open_store
from holdfast.store.verbs.audience import look_at_everything
from holdfast.worker.running import RunsWorkers

if TYPE_CHECKING:
    from logging import Logger
    from types import TracebackType

    from holdfast.client.limits import LimitsApi
    from holdfast.client.schedules import SchedulesApi
    from holdfast.client.task import Task
    from holdfast.rehearsal.rehearsal import Rehearsal

E = TypeVar("E", bound=Event)
R = TypeVar("R")
Manager: TypeAlias = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]
Lifespan: TypeAlias = "Callable[[Holdfast], Manager] | Callable[[], Manager]"
Include: TypeAlias = "TaskRouter | Callable[[Holdfast], object] | Callable[[], object]"


class Holdfast(DeclaresTasks, DeclaresSchedules, EnqueuesByName, PausesWork, RunsWorkers):
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
        retention: how long ended jobs are kept, where queue and task say nothing. Default: succeeded and cancelled
            ones 24 hours, failed ones for ever.
        lease: how long a worker may be silent before it is taken for dead.
        cleanup_interval: how often workers remove what need not be kept; None turns that off.
        poll_interval: how long a worker waits at most before it looks for jobs that no wake-up has told of.
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
        retention: Retention | None = None,
        lease: timedelta | float = timedelta(seconds=30),
        cleanup_interval: timedelta | float | None = timedelta(minutes=1),
        poll_interval: timedelta | float = timedelta(seconds=1),
        notify: bool = True,
        logger: Logger | None = None,
        payload_limit: int = DEFAULT_LIMIT,
    ) -> None:
        level = policy_level(
            retry=retry, retry_on=retry_on, fail_on=fail_on, max_attempts=max_attempts, max_crashes=max_crashes,
            timeout=default_timeout, timeout_name="default_timeout", retention=retention,
        )  # fmt: skip
        self.url = database_url(url)
        self.schema = schema
        self._lease = _at_least(0.2, lease, "lease")
        self._cleanup_interval = (
            None if cleanup_interval is None else _at_least(0.01, cleanup_interval, "cleanup_interval")
        )
        self._poll_interval = _at_least(0.001, poll_interval, "poll_interval")
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
        fail_on, max_crashes, min_retry_delay, max_retry_delay, middleware, poll_interval, fifo, retention,
        dead_letter, task, limit, rate, limit_key, fair_by, weights, age_after.

        Raises:
            InvalidOption: an option makes no sense.
            DuplicateTask: the queue is declared already.
            ConfigurationError: a worker has begun, or the dead letters of some queues would go round in a circle.
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
            for declared in what.schedules():
                self._schedule(declared)
        else:
            registry.add_later(self._called(what, "include"))

    def _declare(self, task: Task[Any, Any]) -> None:
        self.client.registry.add(task)
        task.bind(self.client)

    def _schedule(self, declared: Declared) -> None:
        self.client.registry.add_schedule(declared)

    def _called(self, function: Callable[..., R], what: str) -> Callable[[], R]:
        """A function that takes this object or nothing, as one that takes nothing."""
        if not callable(function):
            raise InvalidOption(f"{what} takes a function, not {function!r}")
        import inspect

        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(function).parameters.values()
        return partial(function, self) if any(one.kind in positional for one in parameters) else function

    # --- looking -------------------------------------------------------------------------------------------

    @property
    def jobs(self) -> JobsApi:
        """Jobs looked up and changed."""
        return self.client.jobs

    @property
    def schedules(self) -> SchedulesApi:
        """Schedules looked up, put and changed."""
        return self.client.schedules

    @property
    def dead_letters(self) -> DeadLetters:
        """Failed jobs: listed, counted, brought back, removed."""
        return DeadLetters(self.client)

    @property
    def limits(self) -> LimitsApi:
        """Limits and rates listed, and changed at run time."""
        return self.client.limits

    @property
    def queues(self) -> Queues:
        """What is in the queues: `app.queues["mail"].stats()`."""
        return Queues(self.client)

    def testing(self) -> Rehearsal:
        """Try the app out: `with app.testing() as t:`, or `async with`.

        Until it is left, the app works on a private temporary SQLite file, whatever its own database is. Jobs are
        collected there: `t.assert_enqueued(task, …)` looks, `t.drain()` runs what is due, `t.travel(hours=1)`
        makes more of it due.

        Raises:
            ConfigurationError: when it is entered while another one is.
        """
        from holdfast.rehearsal.rehearsal import Rehearsal

        return Rehearsal(self.client, self.worker, self.aworker)

    # --- events --------------------------------------------------------------------------------------------

    @overload
    def on(self, kind: type[E], function: Callable[[E], object], /) -> Callable[[], None]: ...
    @overload
    def on(self, kind: type[E], /) -> Callable[[Callable[[E], R]], Callable[[E], R]]: ...
    def on(self, kind: type[E], function: Callable[[E], R] | None = None, /) -> Any:
        """Have a function called for each event of a kind; also a decorator, `@app.on(events.Failed)`.

        It is called after the fact is committed, in this process, on a thread of its own: one event after the other,
        those of a job in their order. A function that is slow or raises harms no job; the log tells of it.

        Args:
            kind: a class of `holdfast.events`. A base class stands for all below it, `events.Event` for everything.
            function: a plain function, called with the event.

        Returns:
            A function without arguments that ends it; as a decorator, the function itself.

        Raises:
            InvalidOption: the kind is no class of events, or the function is async.
        """
        if function is not None:
            return self.client.events.subscribe(kind, function)

        def subscribe(function: Callable[[E], R]) -> Callable[[E], R]:
            self.client.events.subscribe(kind, function)
            return function

        return subscribe

    # --- the database --------------------------------------------------------------------------------------

    def migrate(self) -> list[str]:
        """Bring the database's schema to this version; returns the names of the migrations applied."""
        return self.client.store.migrate()

    def notify(self) -> None:
        """Tell workers to look for jobs now: something was committed that they can't have been told of.

        Enqueues wake them by themselves, also those in your own transactions; this is for rows that came by other
        means, such as a restored backup. Without it they look within their `poll_interval`.

        Raises:
            StoreError: the database can't be used.
        """
        self.client.store.write(look_at_everything)

    async def anotify(self) -> None:
        """The same for async code."""
        from holdfast.client.bridge import outcome

        await outcome((await self.client.astore()).submit(look_at_everything))

    def close(self) -> None:
        """End the threads and connections. Calling it again does nothing; the object can't be used any more."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _at_least(seconds: float, value: timedelta | float | None, what: str) -> int:
    """Microseconds of a duration that workers would refuse if it were shorter."""
    micros = duration(value, what=what)
    if micros is None or micros < seconds * SECOND:
        raise InvalidOption(f"{what} must be {seconds} seconds or more, not {value!r}")
    return micros


def _check_limit(limit: object) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidOption(f"payload_limit must be a number of bytes, not {limit!r}")
    return limit
