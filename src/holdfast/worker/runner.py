"""One run, from stored arguments to an outcome. Whatever the handler does, an outcome comes of it and no exception."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context
from math import inf
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from holdfast.client.context import CURRENT, JobContext
from holdfast.core import outcomes as o
from holdfast.core.errors import InvalidArguments
from holdfast.core.times import to_timedelta
from holdfast.middleware.base import around_process
from holdfast.middleware.chain import compose_process, run_sync
from holdfast.store.verbs.pauses import Halted
from holdfast.worker.handlers import Handler
from holdfast.worker.interrupt import RunInterrupted
from holdfast.worker.observers import Observers
from holdfast.worker.runs import Run, Will

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from holdfast.client.registry import Registry
    from holdfast.client.task import Task
    from holdfast.worker.clock import Clock

_RUN: ContextVar[Run] = ContextVar("holdfast.run")
"""What the innermost call of a chain of middleware runs. Set only where there is a chain."""
_CALLS: ContextVar[SimpleQueue[Callable[[], None] | None]] = ContextVar("holdfast.calls")
"""Where a chain on the loop leaves the call of a handler that belongs into a thread."""

NOBODY = Observers()


class Runner:
    """Makes outcomes of runs.

    Args:
        registry: of the app.
        clock: the store's time.
        observers: told of each begin.
        served: the tasks that are run: those of the registry, or what stands in for them.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        observers: Observers = NOBODY,
        served: Iterable[Task[Any, Any]] = (),
    ) -> None:
        self._registry = registry
        self._served = {task.name: task for task in served}
        self._clock = clock
        self._begun = observers.begun
        self.halted: Callable[[], Halted] = Halted
        """Tells what is paused."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where middleware that needs a loop runs."""

    def handler(self, task_name: str, queue: str) -> Handler:
        """What runs the jobs of a task in a queue.

        Raises:
            UnknownTask: it isn't declared here.
        """
        task = self._served.get(task_name) or self._registry[task_name]
        middleware = around_process(self._registry.process_middleware(task, queue))
        if not middleware:
            return Handler(task, None, on_loop=False)
        if task.kind == "async":
            return Handler(task, compose_process(middleware, self._call_async_of, CURRENT), on_loop=False)
        on_loop = any(one.needs_loop for one in middleware)
        innermost = self._call_from_loop if on_loop else self._call_sync_of
        return Handler(task, compose_process(middleware, innermost, CURRENT), on_loop=on_loop)

    # --- async handlers, on the loop ---

    async def run_async(self, run: Run) -> o.Outcome:
        """Run an async handler, in a task of its own."""
        early = self._not_begun(run)
        if early is not None:
            return self._in_time(run, early)
        context = self._begin(run)
        if run.handler.chain is None:
            outcome = await self._call_async(run, context)
        else:
            outcome = await self._call_chain(run, context)
        return outcome if run.will is None else self._in_time(run, outcome)

    async def _call_chain(self, run: Run, context: JobContext) -> o.Outcome:
        handler = run.handler
        assert handler.chain is not None
        _RUN.set(run)
        try:
            return handler.checked(await handler.chain(context))
        except BaseException as error:
            return self.ended_by(run, error)

    async def _call_async_of(self, context: JobContext) -> o.Outcome:
        return await self._call_async(_RUN.get(), context)

    async def _call_async(self, run: Run, context: JobContext) -> o.Outcome:
        handler = run.handler
        try:
            args, kwargs = handler.decode(context.args)
        except InvalidArguments as error:
            return o.InvalidArgs(error)
        try:
            if handler.takes_context:
                return handler.decided(await handler.function(context, *args, **kwargs))
            return handler.decided(await handler.function(*args, **kwargs))
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and run.will is not None:
                # It has done what it was for; middleware may await again.
                task = asyncio.current_task()
                if task is not None:
                    task.uncancel()
            return self.ended_by(run, error)

    # --- plain functions, in a thread ---

    def run_sync(self, run: Run) -> o.Outcome:
        """Run a plain function, in the thread that calls this or in the child of that."""
        return self._in_time(run, self._run_sync(run))

    def _run_sync(self, run: Run) -> o.Outcome:
        early = self._not_begun(run)
        if early is not None:
            return early
        context = self._begin(run)
        handler = run.handler
        if handler.chain is None:
            return self._call_sync(run, context)
        _RUN.set(run)
        try:
            if handler.on_loop:
                return handler.checked(self._run_on_loop(run, context))
            return handler.checked(run_sync(handler.chain(context)))
        except BaseException as error:
            return self.ended_by(run, error)

    async def _call_sync_of(self, context: JobContext) -> o.Outcome:
        return self._call_sync(_RUN.get(), context)

    def _call_sync(self, run: Run, context: JobContext) -> o.Outcome:
        handler = run.handler
        if handler.kind == "process":
            return handler.checked(run.by.remote(run, context))
        try:
            args, kwargs = handler.decode(context.args)
        except InvalidArguments as error:
            return o.InvalidArgs(error)
        try:
            if handler.takes_context:
                return handler.decided(handler.function(context, *args, **kwargs))
            return handler.decided(handler.function(*args, **kwargs))
        except BaseException as error:
            return self.ended_by(run, error)

    def _run_on_loop(self, run: Run, context: JobContext) -> object:
        """Run the middleware on the loop and, when it comes to that, the handler in this thread."""
        chain, loop = run.handler.chain, self.loop
        assert chain is not None
        assert loop is not None
        calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

        async def on_loop() -> object:
            CURRENT.set(context)
            _RUN.set(run)
            _CALLS.set(calls)
            return await chain(context)

        future = asyncio.run_coroutine_threadsafe(on_loop(), loop)
        future.add_done_callback(lambda _: calls.put(None))
        try:
            while (call := calls.get()) is not None:
                call()
        except BaseException:
            future.cancel()
            raise
        return future.result()

    async def _call_from_loop(self, context: JobContext) -> o.Outcome:
        run, loop = _RUN.get(), asyncio.get_running_loop()
        done: asyncio.Future[o.Outcome] = loop.create_future()

        # What the middleware has set in context variables is for the handler as well.
        variables = copy_context()

        def call() -> None:
            outcome = variables.run(self._call_sync, run, context)
            loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(outcome))

        _CALLS.get().put(call)
        return await done

    # --- both ---

    def _not_begun(self, run: Run) -> o.Outcome | None:
        """The outcome of a run that isn't to begin; None for one that is."""
        if run.will is not None:
            return self.outcome_of_will(run)
        halted = self.halted()
        if halted and run.claimed_at < halted.at and halted.job(run.job.queue, run.job.task):
            # It was claimed before the pause, and waited for a slot.
            return o.Interrupted(started=False)
        over = run.job.expires_at
        return o.Expired(over) if over is not None and over <= self._clock.now() else None

    def _begin(self, run: Run) -> JobContext:
        job, clock = run.job, self._clock
        assert run.started is not None
        job.started_at = clock.at(run.started)
        run.lease.life.journal.began(job.job_id)
        deadline = None if run.deadline == inf else clock.at(run.deadline)
        run.context = context = JobContext(run.lease.life, job, run.handler.task, deadline)
        CURRENT.set(context)
        self._begun(run.lease.life.id, job)
        if run.will is not None:  # this very moment
            context.mark_cancelled()
        return context

    def _in_time(self, run: Run, outcome: o.Outcome) -> o.Outcome:
        """A handler that was told of its timeout may still decide otherwise; what it returns comes too late."""
        late = run.will is Will.TIMEOUT and isinstance(outcome, o.Succeeded)
        return self.outcome_of_will(run) if late else outcome

    def ended_by(self, run: Run, error: BaseException) -> o.Outcome:
        """The outcome of a run that an exception has ended."""
        if isinstance(error, o.Outcome):
            return run.handler.checked(error)
        if isinstance(error, Exception):
            return o.Raised(error)
        if isinstance(error, (asyncio.CancelledError, RunInterrupted)) and run.will is not None:
            return self.outcome_of_will(run, error)
        return o.Panicked(error)

    def outcome_of_will(self, run: Run, error: BaseException | None = None) -> o.Outcome:
        """The outcome of a run that ended because it was told to.

        Args:
            run: with its `will`.
            error: what ended it, if that is known: it shows where the run was.
        """
        match run.will:
            case Will.CANCEL:
                return o.Cancel("cancelled on request")
            case Will.TIMEOUT:
                timeout = to_timedelta(run.policy.timeout or 0)
                late = TimeoutError(f"the run took longer than its timeout of {timeout.total_seconds():g} s")
                return o.TimedOut(late.with_traceback(error.__traceback__ if error is not None else None))
            case _:
                return o.Interrupted(started=run.started is not None)
