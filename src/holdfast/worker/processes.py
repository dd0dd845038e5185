"""Process handlers: children of our own, each fed by a thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from holdfast.client.log import fields_of
from holdfast.core.outcomes import Crashed, Outcome, Raised
from holdfast.worker.remote import Child, ChildDied
from holdfast.worker.runs import Run
from holdfast.worker.threads import Carrier, ThreadExecutor

if TYPE_CHECKING:
    from holdfast.client.context import JobContext

logger = logging.getLogger("holdfast.worker")


class ProcessExecutor(ThreadExecutor):
    """See `Executor`. A child is started with the first job of its thread, and again after it died."""

    kind = "process"

    def new_carrier(self) -> Carrier:
        return ChildCarrier(self)


class ChildCarrier(Carrier):
    """One thread and its child. The child's death is a crash of the job that it ran, and of nothing else."""

    cancel_interrupts = True
    # A process handler has no context in which it could see the request.

    def __init__(self, pool: ThreadExecutor) -> None:
        super().__init__(pool)
        self._child: Child | None = None

    def interrupt(self) -> None:
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        with self._lock:
            if self.run is not None:
                self.interrupt()
        self.thread.join(5)

    # --- in the thread ---

    def recover(self) -> None:
        # It may have been killed after it answered, and would then be missed by an innocent job.
        self.leave()

    def leave(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def perform(self, run: Run) -> Outcome:
        # The clock of the run's timeout starts once there is a child that knows the task.
        trouble = self._prepare(run)
        if trouble is not None:
            return trouble
        self.start_clock(run)
        return self.pool.runner.run_sync(run)

    def _prepare(self, run: Run) -> Outcome | None:
        target = run.handler.target
        try:
            if self._child is None:
                self._child = Child()
            self._child.load(target)
        except ChildDied as died:
            return self._crashed(run, f"the process for {target} died before it began: {died}")
        except BaseException as error:
            # It can't be started, or the module can't be imported there.
            return Raised(error)
        return None

    def remote(self, run: Run, ctx: JobContext) -> Outcome:
        """Run the handler in the child."""
        assert self._child is not None
        try:
            outcome, captured = self._child.run(run.handler.target, ctx.args, fields_of(ctx))
        except ChildDied as died:
            return self._crashed(run, f"the process that ran it died: {died}")
        if captured is not None and run.context is not None:
            run.context.captured = captured
        return outcome

    def _crashed(self, run: Run, how: str) -> Outcome:
        self.leave()
        if run.will is not None:
            return self.pool.runner.outcome_of_will(run)
        outcome = Crashed()
        outcome.args = (how,)
        return outcome
