"""Driving middleware, with an event loop and without one.

Every enqueue, and the run of a plain function, has no event loop: there the coroutines of a chain are driven by
hand. That works since the innermost call ends without suspending, or suspends only to be told the result of an
insert. So a batch can be driven too: all up to `call_next`, one insert, all go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from holdfast.core.errors import InvalidMiddleware
from holdfast.middleware.base import Middleware

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.core.job import NewJob
    from holdfast.core.outcomes import Outcome
    from holdfast.middleware.base import EnqueueNext, ProcessNext

T = TypeVar("T")


# --- runs ----------------------------------------------------------------------------------------------------


def compose_process(
    middleware: Iterable[Middleware], innermost: ProcessNext, current: ContextVar[JobContext] | None = None
) -> ProcessNext:
    """One async callable of a chain, the first the outermost.

    Args:
        middleware: what stands around the run.
        innermost: runs the handler of the context that it is given, and returns its outcome; it raises only what
            ends the worker or the run itself, such as a cancellation.
        current: holds the run's context. What lies within a middleware finds the one there that this passed on. None
            leaves that out.
    """
    call = _seen(innermost, current)
    for one in reversed(tuple(middleware)):
        call = _seen(_around(one.process, call), current)
    return call


def _seen(call: ProcessNext, current: ContextVar[JobContext] | None) -> ProcessNext:
    if current is None:
        return call

    def call_it(ctx: JobContext) -> Awaitable[Outcome]:
        return call(ctx) if ctx is current.get(None) else within(ctx)

    async def within(ctx: JobContext) -> Outcome:
        before = current.set(ctx)
        try:
            return await call(ctx)
        finally:
            current.reset(before)

    return call_it


def run_sync(awaitable: Awaitable[T]) -> T:
    """Run a chain to its end where there is no event loop.

    Raises:
        InvalidMiddleware: something in it waits for what only a loop can give; names the middleware.
    """
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as end:
        value: T = end.value
        return value
    except RuntimeError as error:
        _name_missing_loop(error)
        raise
    refused = _awaits_too_much(awaitable, "around a plain function", "set needs_loop = True on it, or")
    _close(steps)
    raise refused


# --- enqueues ------------------------------------------------------------------------------------------------


def compose_enqueue(middleware: Iterable[Middleware]) -> EnqueueNext | None:
    """One callable of a chain, the first the outermost; None where there is nothing to call."""
    call: EnqueueNext | None = None
    for one in reversed(tuple(middleware)):
        call = _around(one.enqueue, _park if call is None else call)
    return call


class Parked:
    """Where the chain of an enqueue waits for its insert."""

    __slots__ = ("draft",)

    def __init__(self, draft: NewJob) -> None:
        self.draft = draft

    def __await__(self) -> Generator[Parked, Any, Any]:
        return (yield self)


_park: Callable[[Any], Any] = Parked


class Batch:
    """Some enqueues that are driven side by side."""

    def __init__(self, size: int) -> None:
        self.size = size
        """How many there are."""
        self.shared: dict[object, Any] = {}
        """What a middleware keeps for all of them, under a key of its own such as itself."""


_BATCH: ContextVar[Batch] = ContextVar("holdfast.batch")


def current_batch() -> Batch:
    """What the enqueue that a middleware stands around is part of; one of its own outside of any."""
    return _BATCH.get(None) or Batch(1)


class Enqueues:
    """Some enqueues side by side, each with its chain or without.

    `begin` drives all of them up to `call_next` and gives the drafts to insert. Then `resume` hands each its job,
    or `fail` the error, and gives what the chains return.
    """

    def __init__(self, enqueues: Sequence[tuple[EnqueueNext | None, NewJob]]) -> None:
        self._enqueues = enqueues
        self._waiting: list[_Driven | None] = []
        """One for each enqueue; None for those without a chain."""

    def begin(self) -> list[NewJob]:
        """Drive all up to their inserts.

        Raises:
            InvalidMiddleware: one awaits something else.
            Exception: whatever a middleware raises; the other chains are closed then.
        """
        drafts: list[NewJob] = []
        before = _BATCH.set(Batch(len(self._enqueues)))
        try:
            for chain, draft in self._enqueues:
                if chain is None:
                    self._waiting.append(None)
                    drafts.append(draft)
                    continue
                driven = _Driven(chain(draft))
                self._waiting.append(driven)
                if driven.step():
                    drafts.append(driven.draft)
        except BaseException:
            self._close()
            raise
        finally:
            _BATCH.reset(before)
        return drafts

    def resume(self, jobs: Sequence[Any]) -> list[Any]:
        """Hand each chain the job of its draft; returns what they return, in the order of the enqueues.

        All are resumed, then the first error is raised: the jobs are stored whatever a middleware does now.
        """
        stored = iter(jobs)
        return self._go_on(lambda driven: driven.step(next(stored)), lambda: next(stored))

    def fail(self, error: BaseException) -> list[Any]:
        """Raise the error of the insert in each chain; returns what they make of it, if they raise nothing."""

        def refuse() -> NoReturn:
            raise error

        return self._go_on(lambda driven: driven.throw(error), refuse)

    def _go_on(self, step: Callable[[_Driven], bool], bare: Callable[[], Any]) -> list[Any]:
        results: list[Any] = []
        first: BaseException | None = None
        for driven in self._waiting:
            try:
                if driven is None:
                    results.append(bare())
                    continue
                if not driven.ended and step(driven):
                    raise driven.refuse_second_call()
                results.append(driven.result)
            except BaseException as error:  # raised below
                first = first or error
        if first is not None:
            raise first
        return results

    def _close(self) -> None:
        for driven in self._waiting:
            if driven is not None:
                driven.close()


class _Driven:
    """The chain of one enqueue, on its way."""

    __slots__ = ("_awaitable", "_steps", "draft", "ended", "result")

    draft: NewJob
    """What it wants inserted."""

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable
        self._steps: Generator[Any, Any, Any] = _steps(awaitable)
        self.ended = False
        self.result: Any = None

    def step(self, value: Any = None) -> bool:
        """Go on with a value; True if it now waits for an insert."""
        return self._drive(self._steps.send, value)

    def throw(self, error: BaseException) -> bool:
        """Go on with an error."""
        return self._drive(self._steps.throw, error)

    def _drive(self, go: Callable[[Any], Any], value: Any) -> bool:
        try:
            reached = go(value)
        except StopIteration as end:
            self.ended, self.result = True, end.value
            return False
        except BaseException as error:
            self.ended = True
            if isinstance(error, RuntimeError):
                _name_missing_loop(error)
            raise
        if type(reached) is Parked:
            self.draft = reached.draft
            return True
        refused = _awaits_too_much(
            self._awaitable, "at an enqueue", "do the work before or after, without await, or"
        )
        self.close()
        raise refused

    def refuse_second_call(self) -> InvalidMiddleware:
        names = ", ".join(one.name for one in _owners(self._awaitable)) or "a middleware"
        self.close()
        return InvalidMiddleware(
            f"call_next was called twice at one enqueue, and the first call stands: see {names}"
        )

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            _close(self._steps)


# --- what both share -----------------------------------------------------------------------------------------


def _around(method: Callable[[Any, Any], Awaitable[Any]], call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    def call(subject: Any) -> Awaitable[Any]:
        return method(subject, call_next)

    return call


def _steps(awaitable: Awaitable[Any]) -> Any:
    try:
        return awaitable.__await__()
    except AttributeError:
        raise InvalidMiddleware(
            f"a middleware's method returned {awaitable!r}, which can't be awaited: write it as async def"
        ) from None


def _close(steps: Any) -> None:
    # It is being thrown away; what made that needful is raised instead.
    with suppress(Exception):
        steps.close()


def _awaits_too_much(awaitable: Any, where: str, remedy: str) -> InvalidMiddleware:
    return InvalidMiddleware(
        f"{_culprit_name(awaitable)} awaited something other than call_next {where}, where there is no event loop; "
        f"{remedy} await only call_next"
    )


def _culprit_name(awaitable: Any) -> str:
    """The innermost middleware that a suspended chain waits in."""
    owners = _owners(awaitable)
    return owners[-1].name if owners else "a middleware"


def _owners(awaitable: Any) -> list[Middleware]:
    """Those that a suspended chain waits in, the outermost first."""
    found: list[Middleware] = []
    while awaitable is not None:
        owner = _owner(getattr(awaitable, "cr_frame", None))
        if owner is not None:
            found.append(owner)
        awaitable = getattr(awaitable, "cr_await", None)
    return found


def _owner(frame: Any) -> Middleware | None:
    subject = frame.f_locals.get("self") if frame is not None else None
    return subject if isinstance(subject, Middleware) else None


def _name_missing_loop(error: RuntimeError) -> None:
    """asyncio's own complaint doesn't say who waited."""
    if "no running event loop" not in str(error):
        return
    found: Middleware | None = None
    traceback = error.__traceback__
    while traceback is not None:
        found = _owner(traceback.tb_frame) or found
        traceback = traceback.tb_next
    if found is not None:
        raise InvalidMiddleware(
            f"{found.name} awaited something that needs an event loop, where there is none; "
            "it may await only call_next there"
        ) from error
