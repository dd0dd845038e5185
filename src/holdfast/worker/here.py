"""Plain functions in the thread of whoever asked for one job."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from holdfast.core.outcomes import Interrupted, Outcome, Panicked
from holdfast.worker.executor import Report
from holdfast.worker.interrupt import RunInterrupted
from holdfast.worker.runner import Runner
from holdfast.worker.runs import Run
from holdfast.worker.threads import Carrier, ThreadExecutor


class Here:
    """A thread that waits for the one run that it is to carry. Another thread may say that there is none."""

    def __init__(self) -> None:
        self._offers: SimpleQueue[HereCarrier | None] = SimpleQueue()
        self.interrupted: BaseException | None = None
        """What ended the handler and is meant for this thread's own program: Ctrl-C."""

    def executor(
        self, runner: Runner, report: Report, ring: Callable[[], None], grace: float
    ) -> ThreadExecutor:
        """What brings the run here."""
        return _HereExecutor(self, runner, report, ring, grace)

    def serve(self) -> None:
        """Wait for the run and carry it; returns when it has ended, or there will be none."""
        carrier = self._offers.get()
        if carrier is not None:
            carrier.serve()

    def offer(self, carrier: HereCarrier | None) -> None:
        """Have the run carried here; None if there is none."""
        self._offers.put(carrier)


class _HereExecutor(ThreadExecutor):
    """See `Executor`. One run, in the thread that waits."""

    def __init__(
        self, here: Here, runner: Runner, report: Report, ring: Callable[[], None], grace: float
    ) -> None:
        super().__init__(1, runner, report, ring, grace)
        self._here = here

    def new_carrier(self) -> Carrier:
        return HereCarrier(self, self._here)


class HereCarrier(Carrier):
    """The waiting thread, while it carries the run."""

    def __init__(self, pool: ThreadExecutor, here: Here) -> None:
        super().__init__(pool)
        self._here = here

    def start(self) -> None:
        self._here.offer(self)

    def close(self) -> None:
        # Its thread isn't ours to wait for.
        pass

    # --- in the thread ---

    def serve(self) -> None:
        """Carry what comes until the executor is closed."""
        try:
            self.carry(contextvars.copy_context())
        except BaseException:
            # Ctrl-C between two steps: the run is not to be interrupted any more, and goes back.
            run = self.run
            if run is not None:
                with suppress(RunInterrupted):
                    self.let_go()
                self.pool.report(run, Interrupted(started=run.started is not None))
            raise

    def perform(self, run: Run) -> Outcome:
        outcome = super().perform(run)
        if isinstance(outcome, Panicked) and isinstance(outcome.error, KeyboardInterrupt):
            # It was meant for the program, not for the job.
            self._here.interrupted = outcome.error
            return Interrupted(started=True)
        return outcome
