"""How a worker ended, as the exit code of its process."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit codes of a worker process. 2 is left to the command line's own errors."""

    FINISHED = 0
    """All that it had begun was finished: after a stop in time, or at the end of a burst."""
    FAILED = 1
    """It could not start, or could not go on."""
    UNFINISHED = 3
    """It was stopped before all had finished: the rest was cancelled and given back, uncharged."""
    UNSETTLED = 4
    """It ended without the database: what it held comes back when its lease is over."""
    RENEW = 5
    """It reached `max_jobs` or `max_memory` and wants to be started again. A supervisor does so at once."""
