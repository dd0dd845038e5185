"""The records of a job: as asked for, as claimed, as settled, as read back.

Ids are canonical UUID text and times are microseconds since 1970 in UTC: both stores take them as they are, and
only the faces make `UUID` and `datetime` objects of them.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from holdfast.core.overrides import Overrides
from holdfast.core.states import JobState, Reason

PRIORITIES = range(-100, 101)
SUSPECT_LANE = -1000
"""Added to the priority of a job that one more crash would quarantine, so that it is never claimed with others."""


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job to be: what an enqueue hands through the middleware to the store."""

    job_id: str
    task: str
    queue: str
    args: str
    """The arguments as the text of one JSON object by parameter name."""
    priority: int = 0
    run_at: int | None = None
    """Not before this time; None means now, by the store's clock."""
    delay: int | None = None
    """Not before this many microseconds from now, by the store's clock. Never together with `run_at`."""
    meta: dict[str, Any] = {}
    overrides: Overrides | None = None

    @property
    def id(self) -> UUID:
        return UUID(self.job_id)

    def replace(self, **changes: Any) -> NewJob:
        """A changed copy, for a middleware to pass on."""
        return msgspec.structs.replace(self, **changes)


class Claimed(msgspec.Struct, gc=False, array_like=True):
    """One job in the hands of a worker: one run. `lease` and `job_id` together are its fence."""

    job_id: str
    task: str
    queue: str
    priority: int
    args: str
    meta: str | None
    overrides: str | None
    run: int
    attempt: int
    crashes: int
    run_at: int
    created_at: int
    lease: str = ""
    started_at: int | None = None
    """When the handler was begun; None for a job that was claimed and not started."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """An exception as it is kept: its qualified type name, message and traceback (capped)."""

    type: str
    message: str
    traceback: str = ""


class RunError(msgspec.Struct, frozen=True, gc=False):
    """One failed run in a job's history."""

    run: int
    attempt: int
    worker: str | None
    at: int
    type: str
    message: str
    traceback: str


class Settlement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a run's outcome changes: the one record that the lifecycle makes and the store applies."""

    job: Claimed
    state: JobState
    reason: Reason | None = None
    attempt: int
    crashes: int
    at: int
    """When it was decided."""
    run_at: int | None = None
    """The next run, for a job that is pending again."""
    lane: int = 0
    """Its place among the priorities then."""
    args: str | None = None
    """New arguments, where a reschedule gave some."""
    result: str | None = None
    failure: Failure | None = None
    expires_at: int | None = None
    """When the ended job may be cleaned away; None keeps it for ever."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the store has it."""

    job_id: str
    task: str
    queue: str
    priority: int
    args: str
    meta: str | None
    overrides: str | None
    created_at: int
    state: JobState
    reason: Reason | None
    run: int
    attempt: int
    crashes: int
    run_at: int
    """The next run of a waiting job; otherwise when the job was first to run."""
    started_at: int | None
    """Begin of the last run of an ended job, or of the lease of a running one."""
    finished_at: int | None
    worker: str | None
    result: str | None
    progress: int | None
    progress_message: str | None
    cancel_requested: bool


def lane_of(priority: int, crashes: int, max_crashes: int) -> int:
    """Where a waiting job stands: its priority, or far below everything for a suspect.

    A suspect is a job that one more crash would quarantine: it runs alone, so that the last crash convicts only
    the guilty.
    """
    suspect = crashes > 0 and crashes + 1 >= max_crashes
    return priority + SUSPECT_LANE if suspect else priority


def is_suspect(lane: int) -> bool:
    """True for the lanes of suspects."""
    return lane < PRIORITIES.start
