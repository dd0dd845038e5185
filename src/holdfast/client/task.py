"""Tasks: functions that can be enqueued. They stay callable, which runs them here and now.

There are four kinds, since what a direct call takes and gives differs: sync or async, with the run's context as
first parameter or without. All enqueue alike.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType

from holdfast.client import clock
from holdfast.client.draft import Draft
from holdfast.client.options import NOTHING, OPTION_NAMES, Using, read_options
from holdfast.core.errors import ConfigurationError, InvalidArguments, InvalidOption
from holdfast.core.job import NewJob
from holdfast.core.keys import Arguments, Key
from holdfast.core.limits import Counted
from holdfast.core.overrides import Overrides
from holdfast.core.policy import PolicyLevel
from holdfast.core.retries import RetryPolicy
from holdfast.core.signature import Signature
from holdfast.core.unique import OnConflict, Unique

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.context import JobContext
    from holdfast.client.job import Job
    from holdfast.middleware.base import Middleware

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Kind = Literal["async", "thread", "process"]


class BoundTask(Generic[P, R_co]):
    """A task together with options for its enqueues; what `using` returns."""

    _task: Task[P, R_co]
    _using: Using

    def __init__(self, task: Task[P, R_co], using: Using) -> None:
        self._task = task
        self._using = using

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._task.name}>"

    @property
    def bound(self) -> tuple[Task[P, R_co], Using]:
        """The task and the options."""
        return self._task, self._using

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R_co]:
        """Store a job that will call the task with these arguments; returns once that is durable.

        Inside an event loop this works and blocks it: servers use `aenqueue`.

        Raises:
            InvalidArguments: they don't fit the task, can't be encoded, or are too large; names the path.
            JobExists: the id given to `using` is taken, or the unique key is, and `on_conflict` wants to know.
            StoreError: and its kinds.
        """
        job = self._new_job(args, kwargs)
        return self._task.client.enqueues.one(job, self._task, self._using.tx)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R_co]:
        """The same for async code. Cancelling the wait leaves open whether the job was stored."""
        job = self._new_job(args, kwargs)
        return await self._task.client.enqueues.aone(job, self._task, self._using.tx)

    def new(self, *args: P.args, **kwargs: P.kwargs) -> Draft[R_co]:
        """A job for `app.enqueue_many`. Its arguments are checked and its id is made now; nothing is stored."""
        if self._using.tx is not None:
            raise InvalidOption(
                "the jobs of a batch go into one transaction: give tx= to enqueue_many, not to using"
            )
        return Draft(self._new_job(args, kwargs), self._task)

    def using(
        self,
        *,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        max_attempts: int | None | UnsetType = UNSET,
        retry: RetryPolicy | None = None,
        timeout: timedelta | float | None | UnsetType = UNSET,
        expires: timedelta | float | datetime | None = None,
        id: UUID | str | None = None,
        meta: Mapping[str, Any] | None = None,
        ordering_key: str | None = None,
        unique: Unique | str | None | UnsetType = UNSET,
        on_conflict: OnConflict | None = None,
        tx: Any = None,
    ) -> BoundTask[P, R_co]:
        """This task with options for its next enqueues; may be chained, later ones win.

        Args:
            delay: not before this long from now; a timedelta, or seconds.
            at: not before this time, which has a time zone; a past one is now. Not together with `delay`.
            priority: -100 … 100, higher first.
            queue: instead of the task's.
            max_attempts: charged runs in all; None is without limit.
            retry: `Constant`, `Linear` or `Exponential`; a field that it leaves open comes from the task.
            timeout: of one run; None is without limit.
            expires: unless it has begun by then, it fails as `expired`: a time with a time zone, or a timedelta or
                seconds from when it is first due. Retries and all that follows the first begin don't expire.
            id: a UUID of your own. If it is kept already, the enqueue raises `JobExists`.
            meta: a small JSON object that goes with the job.
            ordering_key: jobs of one queue and key run one at a time, in the order in which they first became due;
                one that waits for its retry holds up the others of its key. Up to 255 characters.
            unique: what makes this job the same as another, beside which it isn't stored; a text is a key of your own,
                among the jobs of this task. None takes back what the task or an earlier `using` says.
            on_conflict: what happens where another job has its key: "existing" returns that one (`is_new` is False),
                "raise" raises `JobExists`, "replace" gives that one these arguments while it waits, "debounce" has it
                run when this one was to as well.
            tx: your own connection or session, in whose transaction the job is enqueued.

        Raises:
            InvalidOption: a value makes no sense; names the option.
        """
        options = read_options(
            delay=delay, at=at, priority=priority, queue=queue, max_attempts=max_attempts, retry=retry,
            timeout=timeout, expires=expires, id=id, meta=meta, ordering_key=ordering_key, unique=unique,
            on_conflict=on_conflict, tx=tx,
        )  # fmt: skip
        if options.unique:
            self._task.check_unique(options.unique)
        return BoundTask(self._task, self._using.then(options))

    def _new_job(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NewJob:
        task = self._task
        try:
            text = task.signature.encode(args, kwargs)
        except InvalidArguments as error:
            options = [
                name for name in kwargs if name in OPTION_NAMES and name not in task.signature.parameters
            ]
            if not options:
                raise
            meant = ", ".join(f"{name}=…" for name in options)
            raise InvalidArguments(
                f"{error}; enqueue takes the task's own arguments: did you mean .using({meant}).enqueue(…)?"
            ) from error
        return task.new_job(text, self._using)


class Task(BoundTask[P, R_co]):
    """A declared task. It becomes usable with the app that it belongs to.

    Attributes:
        name: unique within an app.
        function: what a run calls.
        signature: its parameters and result.
        queue: where its jobs go unless `using` says otherwise.
        priority: of its jobs; None takes the queue's.
        level: what the task says of its policy.
        kind: where it runs: on the event loop, in a thread, in a process.
        takes_context: the run's context is the first argument of `function`.
        transactional: its runs may use `ctx.settle_in`.
        sensitive: names of the parameters that are masked wherever people look.
        middleware: the task's own, the outermost first.
        unique: what keeps its jobs from being stored beside others, unless `using` says otherwise.
        on_conflict: what happens then, unless `using` says otherwise.
        expires: microseconds within which its jobs must have begun, from when they are first due; None for ever.
        counted: its limits and rates.
        ordering_key: what orders its jobs, unless `using` says otherwise.
    """

    def __init__(
        self,
        *,
        name: str,
        function: Callable[..., Any],
        signature: Signature,
        queue: str,
        priority: int | None,
        level: PolicyLevel,
        kind: Kind,
        takes_context: bool,
        transactional: bool,
        sensitive: tuple[str, ...],
        middleware: tuple[Middleware, ...],
        unique: Unique | None = None,
        on_conflict: OnConflict | None = None,
        expires: int | None = None,
        counted: tuple[Counted, ...] = (),
        ordering_key: Key | None = None,
        whole: bool = False,
    ) -> None:
        super().__init__(self, NOTHING)
        self.name = name
        self.function = function
        self.signature = signature
        self.queue = queue
        self.priority = priority
        self.level = level
        self.kind: Kind = kind
        self.takes_context = takes_context
        self.transactional = transactional
        self.sensitive = sensitive
        self.middleware = middleware
        self.unique = unique
        self.on_conflict: OnConflict | None = on_conflict
        if unique is not None:
            self.check_unique(unique)
        self.counted = counted
        self.ordering_key = ordering_key
        self._whole = whole
        self._expires = None if expires is None else Using(overrides=Overrides(expires_in=expires))
        self._client: Client | None = None
        self._look_like(function)

    def _look_like(self, function: Callable[..., Any]) -> None:
        """As `functools.wraps` does, so that help and documentation tools see the function."""
        for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
            if hasattr(function, attribute):
                setattr(self, attribute, getattr(function, attribute))
        self.__wrapped__ = function

    @property
    def client(self) -> Client:
        """What it enqueues through.

        Raises:
            ConfigurationError: its router isn't part of an app yet.
        """
        if self._client is None:
            raise ConfigurationError(
                f"task {self.name} doesn't belong to an app yet: call app.include(router) with its router first"
            )
        return self._client

    def bind(self, client: Client) -> None:
        """Make it part of an app.

        Raises:
            ConfigurationError: it is part of another one that is still open.
        """
        if self._client is not None and self._client is not client and not self._client.closed:
            raise ConfigurationError(
                f"task {self.name} belongs to another app already: close that one first, or make a router for each"
            )
        self._client = client
        self.signature = self.signature.limited(client.payload_limit)

    @property
    def import_path(self) -> str:
        """`module:qualname`, under which another process finds this task again."""
        from holdfast.client.names import importable_module

        function = self.function
        return f"{importable_module(function.__module__)}:{function.__qualname__}"

    def job(self, id: UUID | str) -> Job[R_co]:
        """Look up one of this task's jobs.

        Raises:
            JobNotFound: there is none with that id, or it is of another task.
        """
        return self.client.jobs.get_of(self, id)

    async def ajob(self, id: UUID | str) -> Job[R_co]:
        """The same for async code."""
        return await self.client.jobs.aget_of(self, id)

    def check_unique(self, unique: Unique) -> None:
        """Refuse what names parameters that the task doesn't have.

        Raises:
            InvalidOption: it does.
        """
        for name in unique.args or ():
            if name not in self.signature.parameters:
                raise InvalidOption(
                    f"task {self.name}: unique names {name!r}, which is none of its parameters: "
                    f"{', '.join(self.signature.parameters) or 'it has none'}"
                )

    def key_arguments(self, args: str) -> Any:
        """What key functions are given: the arguments as attributes, defaults included; of a handler, its one argument.

        Raises:
            InvalidArguments: the stored ones don't fit the task.
        """
        values = self.signature.named(args)
        return next(iter(values.values())) if self._whole else Arguments(**values)

    def new_job(self, args: str, using: Using = NOTHING) -> NewJob:
        """A job with arguments that are encoded already."""
        if self._expires is not None:
            using = self._expires.then(using)
        queue = using.queue or self.queue
        priority = self.client.registry.route(self, queue).priority
        if using is NOTHING:
            return NewJob(
                job_id=clock.ids.next(),
                task=self.name,
                queue=queue,
                args=args,
                priority=priority,
                unique=self.unique,
                on_conflict=self.on_conflict or "existing",
                new_id=True,
            )
        if self.unique is not None or self.on_conflict is not None:
            # Who takes the uniqueness back means what is to happen then as well.
            on_conflict = None if using.unique is None else self.on_conflict
            using = Using(unique=self.unique, on_conflict=on_conflict).then(using)
        job_id = using.job_id or clock.ids.next()
        return using.new_job(job_id, self.name, queue, priority, args)


class SyncTask(Task[P, R_co]):
    """A task that is a plain function: it runs in a thread, or in a process."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run it here and now."""
        result: R_co = self.function(*args, **kwargs)
        return result


class AsyncTask(Task[P, R_co]):
    """A task that is an `async def`: it runs on the worker's event loop."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Run it here and now, awaited."""
        coroutine: Coroutine[Any, Any, R_co] = self.function(*args, **kwargs)
        return coroutine


class SyncContextTask(Task[P, R_co]):
    """A plain function with the run's context as its first parameter, which an enqueue leaves out."""

    def __call__(self, ctx: JobContext, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run it here and now, with a context of the caller's."""
        result: R_co = self.function(ctx, *args, **kwargs)
        return result


class AsyncContextTask(Task[P, R_co]):
    """An `async def` with the run's context as its first parameter, which an enqueue leaves out."""

    def __call__(self, ctx: JobContext, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Run it here and now, awaited, with a context of the caller's."""
        coroutine: Coroutine[Any, Any, R_co] = self.function(ctx, *args, **kwargs)
        return coroutine
