"""Thread handlers: some threads fed by one queue."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable, Sequence
from math import inf
from queue import Empty, SimpleQueue
from threading import Lock, Thread, get_ident
from time import monotonic

from holdfast.core.outcomes import Outcome
from holdfast.core.times import SECOND
from holdfast.worker.executor import Report
from holdfast.worker.interrupt import RunInterrupted, interrupt, take_back
from holdfast.worker.runner import Runner
from holdfast.worker.runs import Run, Will
from holdfast.worker.watch import Watch

logger = logging.getLogger("holdfast.worker")


class ThreadExecutor:
    """See `Executor`. Its threads are started with the first job.

    Args:
        slots: how many threads.
        runner: makes an outcome of a run.
        report: told each outcome.
        ring: called when no more than `low` are in hand.
        grace: seconds that a run which was told to end has before it loses its lease.
    """

    kind: str = "thread"

    def __init__(
        self, slots: int, runner: Runner, report: Report, ring: Callable[[], None], grace: float
    ) -> None:
        self.slots = slots
        self.low = -1
        self.runner = runner
        self.report = report
        self.grace = grace
        self.queue: SimpleQueue[Run | None] = SimpleQueue()
        self.watch = Watch(lambda: self._carriers)
        self._ring = ring
        self._carriers: tuple[Carrier, ...] = ()
        self._finished_before = 0
        """By threads that were replaced."""
        self._guard = Lock()
        self._closed = False

    @property
    def finished(self) -> int:
        return self._finished_before + sum(carrier.finished for carrier in self._carriers)

    def load(self) -> int:
        return self.queue.qsize() + sum(carrier.run is not None for carrier in self._carriers)

    def submit(self, runs: Sequence[Run]) -> None:
        if runs and not self._carriers:
            self._start()
        put = self.queue.put
        for run in runs:
            put(run)

    def withdraw(self, claimed_before: float) -> list[Run]:
        taken: list[Run] = []
        young: list[Run] = []
        try:
            while True:
                run = self.queue.get_nowait()
                if run is not None:
                    (taken if run.claimed_at < claimed_before else young).append(run)
        except Empty:
            pass
        for run in young:
            self.queue.put(run)
        return taken

    def end(self, run: Run, will: Will) -> None:
        run.tell(will)
        for carrier in self._carriers:
            if carrier.run is run:
                carrier.end(run, will)

    def active(self) -> Iterable[Run]:
        return [run for carrier in self._carriers if (run := carrier.run) is not None]

    def close(self) -> None:
        with self._guard:
            self._closed = True
            carriers, self._carriers = self._carriers, ()
        for _ in carriers:
            self.queue.put(None)
        for carrier in carriers:
            carrier.close()
        if carriers:
            self.watch.stop()

    def replace(self, gone: Carrier) -> None:
        """A thread will not come back from its handler soon: another takes its place."""
        with self._guard:
            if self._closed:
                return
            self._finished_before += gone.finished
            fresh = self.new_carrier()
            self._carriers = (*(carrier for carrier in self._carriers if carrier is not gone), fresh)
        fresh.start()

    def ended(self) -> None:
        """A thread has become free."""
        if self.queue.qsize() <= self.low >= self.load():
            self.low = -1
            self._ring()

    def new_carrier(self) -> Carrier:
        return Carrier(self)

    def _start(self) -> None:
        with self._guard:
            if self._carriers or self._closed:
                return
            self._carriers = tuple(self.new_carrier() for _ in range(self.slots))
        self.watch.start()
        for carrier in self._carriers:
            carrier.start()


class Carrier:
    """One thread and the run that it carries now."""

    cancel_interrupts = False
    """A request to cancel interrupts the handler."""

    def __init__(self, pool: ThreadExecutor) -> None:
        self.run: Run | None = None
        """Written by the carrier's own thread only."""
        self.finished = 0
        self.pool = pool
        self._ident = 0
        self._lock = Lock()
        """Held to interrupt, and by the thread itself only if it was interrupted."""
        self._told = False
        """Somebody interrupts, or did: written before `run` is read, and read after `run` is written, so that either
        the interrupter sees that the run has ended or the thread sees that it was interrupted."""
        self._given_up = False
        self.thread = Thread(target=self.carry, name=f"holdfast-{pool.kind}", daemon=True)

    def start(self) -> None:
        self.thread.start()

    # --- from other threads ---

    def end(self, run: Run, will: Will) -> None:
        """Tell a run to end."""
        run.tell(will)
        if will is Will.CANCEL and not self.cancel_interrupts:
            return  # the handler sees it in `ctx.cancelled`
        if run.give_up_at < inf:
            return  # it was interrupted before, and once must do: a second could meet what follows the first
        run.give_up_at = monotonic() + self.pool.grace
        with self._lock:
            self._told = True
            if self.run is run:
                self.interrupt()
        self.pool.watch.ring()

    def give_up(self, run: Run) -> None:
        """End a run's lease without its handler, and leave the thread to itself."""
        with self._lock:
            self._told = True
            if self.run is not run:
                return
            self._given_up = True
        logger.warning(
            "%r goes on after it was told to end and has lost its lease; its thread is replaced", run
        )
        self.pool.replace(self)
        self.pool.report(run, self.pool.runner.outcome_of_will(run))

    def interrupt(self) -> None:
        """End what the thread is doing. Its lock is held, and its run has not ended."""
        interrupt(self._ident)

    def close(self) -> None:
        """Wait for the thread's end, unless it is in a handler's hands."""
        if self.run is None:
            self.thread.join(1)

    # --- in the thread ---

    def perform(self, run: Run) -> Outcome:
        self.start_clock(run)
        return self.pool.runner.run_sync(run)

    def start_clock(self, run: Run) -> None:
        run.started = now = monotonic()
        timeout = run.policy.timeout
        if timeout is not None:
            run.deadline = now + timeout / SECOND
            if run.deadline < self.pool.watch.wakes_at:
                self.pool.watch.ring()

    def carry(self, base: contextvars.Context | None = None) -> None:
        """Run what comes until the end.

        Args:
            base: what handlers find in context variables; None is nothing.
        """
        self._ident = get_ident()
        pool = self.pool
        get, report = pool.queue.get, pool.report
        base = contextvars.Context() if base is None else base
        while (run := get()) is not None:
            outcome = None
            try:
                self.run = run
                run.by = self
                outcome = base.copy().run(self.perform, run)
            except RunInterrupted:
                # It arrived when the handler had just ended: too late, unless the outcome was not made yet.
                outcome = outcome or pool.runner.outcome_of_will(run)
            try:
                stays = self.let_go()
            except RunInterrupted:
                stays = self.let_go()
            if not stays:
                break
            self.finished += 1
            report(run, outcome)
            if pool.low >= 0:
                pool.ended()
        self.leave()

    def let_go(self) -> bool:
        """The run has ended; False if it had been given up, and another thread works in place of this one."""
        self.run = None
        if not self._told:
            return True
        with self._lock:
            self.recover()
            self._told = False
            return not self._given_up

    def recover(self) -> None:
        """An interrupt that came too late is not to meet the next run."""
        take_back(self._ident)

    def leave(self) -> None:
        """The thread ends."""
