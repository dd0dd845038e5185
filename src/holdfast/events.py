"""What happens to jobs, told after it is a fact: subscribe with `app.on(events.Failed, tell)`.

Each is told by the process in which it happens: `Enqueued` where the job was enqueued, `Started` and what became of the
run by its worker, what a dead worker held by the worker that took it back. A base class stands for all below it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from holdfast.core.job import Failure
from holdfast.core.states import Reason

__all__ = [
    "Cancelled",
    "Enqueued",
    "Event",
    "Failed",
    "Failure",
    "GivenBack",
    "JobEvent",
    "QueueEmpty",
    "Reason",
    "Rescheduled",
    "Retried",
    "Snoozed",
    "Started",
    "Succeeded",
    "WorkerError",
    "WorkerEvent",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all."""

    at: datetime
    """When it happened; in UTC."""


class JobEvent(Event, frozen=True, kw_only=True):
    """Something about one job."""

    job_id: UUID
    task: str
    queue: str
    run: int
    """The run that it is about; the last one of a job that was not running; 0 before the first."""
    attempt: int
    """The charged runs until then, this one included."""
    worker: str | None = None
    """The id of the worker that ran it; None if it didn't run, or if another took it back from a dead one."""


class Enqueued(JobEvent, frozen=True, kw_only=True):
    """A new job was stored by `enqueue` or its kin, through this app object; or by a schedule that its worker fired, or
    that was run by hand.

    A job that is retried, redriven or runs again is none: it was enqueued before. Nor is the copy that a queue's
    settings put among the dead letters of another: `Failed` tells of it.
    """

    run_at: datetime | None
    """When it is to run; None as soon as possible."""
    committed: bool
    """False if it was stored in a transaction of the caller's (`tx=`), which may still be rolled back."""


class Started(JobEvent, frozen=True, kw_only=True):
    """A handler, or the middleware around it, is about to be called.

    Another event follows, which says what became of the run; from another process if this one dies.
    """


class Succeeded(JobEvent, frozen=True, kw_only=True):
    """The job has succeeded."""

    seconds: float | None
    """From the handler's begin to its end; None if it isn't known."""


class Retried(JobEvent, frozen=True, kw_only=True):
    """A run has failed and is charged; the job runs again. So is a run whose worker died."""

    error: Failure | None
    delay: timedelta
    """Until it runs again."""


class Snoozed(JobEvent, frozen=True, kw_only=True):
    """The job is put off, uncharged."""

    delay: timedelta


class Rescheduled(JobEvent, frozen=True, kw_only=True):
    """The run succeeded, and the job has another."""

    delay: timedelta


class GivenBack(JobEvent, frozen=True, kw_only=True):
    """A run that had begun was interrupted, as by its worker's end; it isn't charged, and the job runs again."""


class Failed(JobEvent, frozen=True, kw_only=True):
    """The job has failed for good, and is among the dead letters."""

    reason: Reason
    error: Failure | None


class Cancelled(JobEvent, frozen=True, kw_only=True):
    """The job was cancelled: while it waited, by force, or by what its run decided."""

    error: Failure | None = None
    """What its run said of it, if it ran."""
    committed: bool = True
    """False if that was done in a transaction of the caller's (`tx=`), which may still be rolled back."""


class WorkerEvent(Event, frozen=True, kw_only=True):
    """Something about a worker of this process."""

    worker: str | None
    """Its id."""


class QueueEmpty(WorkerEvent, frozen=True, kw_only=True):
    """A worker that has worked has nothing more in hand, and finds nothing due."""

    queues: tuple[str, ...] | None
    """Those that it serves; None for all."""


class WorkerError(WorkerEvent, frozen=True, kw_only=True):
    """Something inside of a worker failed, such as the way to the database; the worker goes on and tries again."""

    error: BaseException
