"""Async handlers: each a task of its own on one event loop, so many at a time."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Literal

from holdfast.core.outcomes import Interrupted, Panicked
from holdfast.core.times import SECOND
from holdfast.worker.executor import Report
from holdfast.worker.runner import Runner
from holdfast.worker.runs import Run, Will

logger = logging.getLogger("holdfast.worker")

AT_ONCE = 200
"""So many are begun before others on the loop have their turn."""


class LoopExecutor:
    """See `Executor`. All but `submit`, `withdraw`, `end` and the counts is done in the loop's own thread.

    Args:
        slots: async handlers that run at a time.
        runner: makes an outcome of a run.
        report: told each outcome.
        ring: called when no more than `low` are in hand.
        grace: seconds that a cancelled run has to end before it loses its lease.
    """

    kind: Literal["async"] = "async"

    def __init__(
        self, slots: int, runner: Runner, report: Report, ring: Callable[[], None], grace: float
    ) -> None:
        self.slots = slots
        self.finished = 0
        self.low = -1
        self._runner = runner
        self._report = report
        self._ring = ring
        self._grace = grace
        self._waiting: deque[Run] = deque()
        self._active: set[Run] = set()
        self._called = False
        """`_begin` will be called in a moment."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._base = contextvars.Context()

    def start(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context | None = None) -> None:
        """Run handlers on this loop, each in a copy of this context."""
        self._loop = loop
        self._base = context or contextvars.Context()

    # --- from any thread ---

    def load(self) -> int:
        return len(self._waiting) + len(self._active)

    def submit(self, runs: Sequence[Run]) -> None:
        self._waiting.extend(runs)
        self._call(self._begin)

    def withdraw(self, claimed_before: float) -> list[Run]:
        taken: list[Run] = []
        try:
            while self._waiting[0].claimed_at < claimed_before:
                taken.append(self._waiting.popleft())
        except IndexError:
            pass
        return taken

    def end(self, run: Run, will: Will) -> None:
        run.tell(will)
        self._call(self._end, run)

    def active(self) -> Iterable[Run]:
        return list(self._active)

    def sweep(self) -> None:
        """Report runs whose task was ended by somebody else before it could report itself."""
        if self._active:
            self._call(self._sweep)

    def close(self) -> None:
        self._loop = None

    def _call(self, function: Callable[..., object], *args: Any) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            logger.error("the event loop that runs the handlers was closed; async jobs can't go on")

    # --- in the loop's thread ---

    def _begin(self) -> None:
        """Start what waits, as far as there are slots."""
        self._called = False
        loop = self._loop
        if loop is None:
            return
        waiting, active, slots = self._waiting, self._active, self.slots
        for _ in range(AT_ONCE):
            if not waiting or len(active) >= slots:
                return
            try:
                run = waiting.popleft()
            except IndexError:  # withdrawn this moment
                return
            active.add(run)
            run.by = _new_task(self._one(run), loop, run.job.task, self._base.copy())
        self._called = True
        loop.call_soon(self._begin)

    async def _one(self, run: Run) -> None:
        timer = None
        run.started = now = monotonic()
        timeout = run.policy.timeout
        if timeout is not None and self._loop is not None:
            run.deadline = now + timeout / SECOND
            timer = self._loop.call_later(timeout / SECOND, self._time_out, run)
        outcome = await self._runner.run_async(run)
        if timer is not None:
            timer.cancel()
        self._leave(run)
        self._report(run, outcome)

    def _leave(self, run: Run) -> None:
        active = self._active
        if run not in active:
            return  # given up
        active.discard(run)
        self.finished += 1
        if self._waiting and not self._called and self._loop is not None:
            # Once for all that end in this turn of the loop.
            self._called = True
            self._loop.call_soon(self._begin)
        if 0 <= self.low >= len(active) + len(self._waiting):
            self.low = -1
            self._ring()

    def _time_out(self, run: Run) -> None:
        if run.will is None or run.will is Will.CANCEL:
            run.tell(Will.TIMEOUT)
            self._end(run)

    def _end(self, run: Run) -> None:
        if run not in self._active:
            return  # it has ended, or waits: then it sees for itself
        if run.started is not None and run.by is not None and run.by is not asyncio.current_task(self._loop):
            run.by.cancel()
        if run.will is not Will.CANCEL and self._loop is not None:
            self._loop.call_later(self._grace, self._give_up, run)

    def _give_up(self, run: Run) -> None:
        """The handler has not let itself be cancelled: its lease is ended without it, its slot given to others."""
        if run in self._active:
            logger.warning("%r goes on after it was cancelled and has lost its lease", run)
            self._leave(run)
            self._report(run, self._runner.outcome_of_will(run))

    def _sweep(self) -> None:
        for run in list(self._active):
            if run.by is not None and run.by.done():
                self._leave(run)
                self._report(run, _ended_by_others(run))


def _ended_by_others(run: Run) -> Interrupted | Panicked:
    """What to make of a task that ended without a word: cancelled before its first step, or broken by `ctx.run`."""
    if run.started is None:
        return Interrupted(started=False)
    error = None if run.by.cancelled() else run.by.exception()
    return Panicked(error or asyncio.CancelledError("the run's task was cancelled from outside"))


if sys.version_info >= (3, 12):

    def _new_task(
        run: Any, loop: asyncio.AbstractEventLoop, name: str, context: contextvars.Context
    ) -> asyncio.Task[None]:
        # A handler that never waits is done when this returns.
        return asyncio.Task(run, loop=loop, name=name, context=context, eager_start=True)
else:

    def _new_task(
        run: Any, loop: asyncio.AbstractEventLoop, name: str, context: contextvars.Context
    ) -> asyncio.Task[None]:
        return asyncio.Task(run, loop=loop, name=name, context=context)
