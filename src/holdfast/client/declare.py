"""Declaring tasks: the decorator of apps and routers, with its types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, Unpack, overload

from holdfast.client import build
from holdfast.client.build import TaskOptions
from holdfast.client.context import JobContext
from holdfast.client.handler import TaskHandler, adapt
from holdfast.client.task import AsyncContextTask, AsyncTask, SyncContextTask, SyncTask, Task
from holdfast.core.outcomes import Cancel, Fail, MoveToDlq, Outcome, Reschedule, Retry, Snooze

P = ParamSpec("P")
if TYPE_CHECKING:
    # Type checkers bring this module with them. The default serves functions that only ever return an outcome.
    from typing_extensions import TypeVar

    R = TypeVar("R", default=None)
else:
    from typing import TypeVar

    R = TypeVar("R")
Args = TypeVar("Args")
Result = TypeVar("Result")

Decided: TypeAlias = Outcome | Retry | Snooze | Reschedule | MoveToDlq | Fail | Cancel
"""What a return annotation may name beside the result. Each by itself: mypy takes only what is equal off a union."""


class TaskDecorator(Protocol):
    """What `app.task(…)` returns."""

    # An async function is also a function that returns something: the first that fits is meant.
    @overload
    def __call__(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[P, Coroutine[Any, Any, R | Decided]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R | Decided], /) -> SyncTask[P, R]: ...


class ContextTaskDecorator(Protocol):
    """What `app.task(takes_context=True)` returns."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R | Decided]], /
    ) -> AsyncContextTask[P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext, P], R | Decided], /
    ) -> SyncContextTask[P, R]: ...


class DeclaresTasks(ABC):
    """What has `@….task`: an app, a router."""

    @overload
    def task(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[P, Coroutine[Any, Any, R | Decided]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R | Decided], /) -> SyncTask[P, R]: ...
    @overload
    def task(
        self, /, *, takes_context: Literal[True], **options: Unpack[TaskOptions]
    ) -> ContextTaskDecorator: ...
    @overload
    def task(
        self, /, *, takes_context: Literal[False] = ..., **options: Unpack[TaskOptions]
    ) -> TaskDecorator: ...
    def task(
        self, function: Callable[..., Any] | None = None, /, *, takes_context: bool = False, **options: Any
    ) -> Any:
        """Declare a task, bare (`@app.task`) or with options (`@app.task(queue="mail")`).

        The function stays callable. An `async def` runs on the worker's event loop, a `def` in its threads, or in
        a process of its own with `executor="process"`. The options are those of `TaskOptions`: name, queue,
        priority, max_attempts, retry, retry_on, fail_on, timeout, expires, max_crashes, retention, sensitive,
        middleware, executor, unique, on_conflict, limit, rate, limit_key, ordering_key, transactional.

        Args:
            takes_context: the first parameter is the run's `JobContext`, and no part of an enqueue.

        Raises:
            InvalidTask: the function can't be one; names the parameter where it is one's fault.
            InvalidOption: an option makes no sense.
            DuplicateTask: the name is taken.
            ConfigurationError: a worker has begun already.
        """

        def declare(function: Callable[..., Any]) -> Task[Any, Any]:
            names = build.local_names(function)
            task = build.task(function, takes_context=takes_context, local_names=names, **options)
            self._declare(task)
            return task

        return declare if function is None else declare(function)

    def add(
        self, handler: TaskHandler[Args, Result], **options: Unpack[TaskOptions]
    ) -> AsyncContextTask[[Args], Result]:
        """Declare a task from an object with a `run` method. The options are those of `task`.

        Raises:
            InvalidTask, InvalidOption, DuplicateTask: as `task` does.
        """
        task: Any = adapt(handler, options)
        self._declare(task)
        return task  # type: ignore[no-any-return]

    @abstractmethod
    def _declare(self, task: Task[Any, Any]) -> None: ...
