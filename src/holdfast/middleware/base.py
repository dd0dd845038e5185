"""What a middleware is: code around each enqueue and around each run.

The first of a list is the outermost. Lists nest: the app's, the queue's, the task's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from holdfast.core.errors import InvalidMiddleware
from holdfast.core.outcomes import Outcome

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.client.job import Job
    from holdfast.core.job import NewJob

EnqueueNext: TypeAlias = "Callable[[NewJob], Awaitable[Job[Any]]]"
"""The rest of the way of an enqueue: stores the job."""
ProcessNext: TypeAlias = "Callable[[JobContext], Awaitable[Outcome]]"
"""The rest of the way of a run: runs the handler, and gives its outcome, whether that was raised or returned."""


class Middleware:
    """Derive from it and write one method or both. One that isn't written costs nothing."""

    needs_loop: ClassVar[bool] = False
    """True if `process` must await more than `call_next` around plain functions too, which have no event loop."""

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        """Stand around the enqueue of one job.

        It is driven without an event loop and may await nothing but `call_next`, once. In a batch, all jobs come
        this far before one insert stores them, then all go on. What is raised before that stores nothing.

        Args:
            draft: the job to be. Pass on `draft.replace(…)` to change it; `draft.meta` may be written to.
            call_next: takes the draft, gives the stored job, which is to be returned.
        """
        return await call_next(draft)

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        """Stand around one run.

        On the event loop, for async handlers, it may await anything. In threads it may await only `call_next`.

        Args:
            ctx: the run. Pass on `ctx.replace(…)` to change what the handler sees.
            call_next: takes the context, gives the outcome, which is to be returned, or another in its place.
        """
        return await call_next(ctx)

    @property
    def name(self) -> str:
        """For errors."""
        return f"{type(self).__module__}.{type(self).__qualname__}"


def check_middleware(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """A list of middleware as it was given.

    Raises:
        InvalidMiddleware: it is no list, or one of them is not an instance of a `Middleware`.
    """
    if _is_no_list(middleware):
        raise InvalidMiddleware(
            f"middleware= takes a list, as in middleware=[RequestId()], not {middleware!r}"
        )
    found = tuple(middleware)
    for one in found:
        if isinstance(one, type):
            raise InvalidMiddleware(f"{one.__qualname__} is a class: give an instance, {one.__qualname__}()")
        if not isinstance(one, Middleware):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidMiddleware(f"{one!r} is not a middleware: derive its class from holdfast.Middleware")
    return found


def _is_no_list(given: object) -> bool:
    return isinstance(given, str) or not isinstance(given, Iterable)


def around_enqueue(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """Those that have an `enqueue` of their own."""
    return tuple(one for one in middleware if type(one).enqueue is not Middleware.enqueue)


def around_process(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    """Those that have a `process` of their own."""
    return tuple(one for one in middleware if type(one).process is not Middleware.process)
