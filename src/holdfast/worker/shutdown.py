"""The end of a worker, in order, so that nothing that was finished is lost and nothing unfinished is charged."""

from __future__ import annotations

import logging
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from holdfast.core.outcomes import Interrupted
from holdfast.core.times import SECOND
from holdfast.worker.runs import Will

if TYPE_CHECKING:
    from holdfast.worker.crew import Crew
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.runs import Run
    from holdfast.worker.stop import Stop

logger = logging.getLogger("holdfast.worker")

LATE_PATIENCE = 2.0
"""Seconds to reach the store in, for a worker that was told to end at once."""


class Ending(NamedTuple):
    """How a worker ended."""

    finished: bool
    """No running job was cancelled."""
    settled: bool
    """All that its jobs decided is written."""


def shut_down(crew: Crew, stop: Stop, options: WorkerOptions) -> Ending:
    """Bring everything in hand to its end.

    Claims stop; what has not started is given back; what runs may finish until `stop.by`, and is then cancelled and
    given back uncharged. The heartbeat goes on until all of that is written.
    """
    crew.claimer.stop()
    crew.settler.hurry()
    crew.withdraw()
    while crew.in_hand() and monotonic() < stop.by:
        stop.wait(None if stop.by == inf else max(0.0, stop.by - monotonic()))
        # A claim that was under way may have brought more.
        crew.withdraw()
    finished = _cancel(crew, stop, options)
    patience = LATE_PATIENCE if stop.at_once else options.lease / SECOND
    settled = crew.settler.stop(patience)
    if not settled:
        logger.error(
            "%d outcomes could not be settled: their jobs run again once the lease of this worker is over",
            crew.settler.waiting(),
        )
    return Ending(finished, settled)


def _cancel(crew: Crew, stop: Stop, options: WorkerOptions) -> bool:
    """Cancel what still runs and give it back; True if there was nothing."""
    told: set[Run] = set()
    until = monotonic() + options.cancel_grace / SECOND
    while crew.in_hand() and monotonic() < until:
        # Again and again: a run may have begun this moment, or a claim that was under way have brought more.
        crew.withdraw()
        for run in crew.life.runs():
            if run.started is not None and run not in told:
                told.add(run)
                if run.will is not Will.LOST:
                    crew.executors[run.handler.kind].end(run, Will.SHUTDOWN)
        stop.wait(max(0.0, min(0.05, until - monotonic())))
    if told:
        logger.warning(
            "%d running jobs had not finished in time; they were cancelled and given back", len(told)
        )
    for run in list(crew.life.runs()):
        # Handlers that don't let themselves be cancelled; the process ends without them.
        crew.report(run, Interrupted(started=run.started is not None))
    return not told
