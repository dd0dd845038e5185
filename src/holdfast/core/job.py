"""The records of a job: as asked for, as claimed, as settled, as read back.

Ids are canonical UUID text and times are microseconds since 1970 in UTC: both stores take them as they are, and
only the faces make `UUID` and `datetime` objects of them.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from holdfast.core.lines import line_of
from holdfast.core.overrides import Overrides
from holdfast.core.states import Again, JobState, Reason
from holdfast.core.unique import OnConflict, Unique, UniqueKey

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
    ordering_key: str | None = None
    """Jobs of one queue and key run one at a time, in order. Empty in a FIFO queue, which is one key."""
    share: str | None = None
    """Whose share of the queue it uses up, where that is served fairly."""
    limits: tuple[str, ...] = ()
    """The names of the slots that it needs to run (`holdfast.core.slots`)."""
    unique: Unique | None = None
    """What keeps another job from being stored beside it."""
    on_conflict: OnConflict = "existing"
    """What is to happen where another job has its key."""
    unique_key: UniqueKey | None = None
    """Made of `unique` when the middleware has had its say."""
    new_id: bool = False
    """The id was made for this job, so that no other can have had it: nobody need look."""

    @property
    def id(self) -> UUID:
        return UUID(self.job_id)

    @property
    def line(self) -> str | None:
        """The line that it is to stand in; None if it simply runs when it is due."""
        return line_of(self.ordering_key, self.priority, self.share, self.limits)

    def replace(self, **changes: Any) -> NewJob:
        """A changed copy, for a middleware to pass on."""
        if "job_id" in changes:
            changes.setdefault("new_id", False)
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
    line: str | None = None
    """Where it waits (`holdfast.core.lines`): by an ordering key, whose turn it has until it ends, or by its slots."""
    unique: str | None = None
    """Its unique key, behind the letters of the states in which it holds that."""
    limits: str | None = None
    """The names of the slots that it holds while it runs, as JSON."""
    lease: str = ""
    started_at: int | None = None
    """When the handler was begun; None for a job that was claimed and not started."""
    expires_at: int | None = None
    """It must have begun by then, if it says so and never has."""


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


class DeadLetter(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A job that is made of a failed one: its arguments and metadata, in another queue."""

    queue: str
    priority: int = 0
    task: str | None = None
    """None is that of the failed job."""
    ordering_key: str | None = None
    """Empty where that queue is a FIFO queue."""
    job_id: str = ""
    """Given where the settlement is sent from: whoever decides has no ids to give."""


class Ending(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an end is to do beside being noted."""

    kept: bool = True
    """False: the job is gone with its end, and only its id remembered for a while."""
    payload: bool = True
    """False: its arguments are removed."""
    dead_letter: DeadLetter | None = None


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
    """The next run, for a job that is pending again; when it is due, for one that waits for its turn again."""
    lane: int = 0
    """Its place among the priorities then."""
    args: str | None = None
    """New arguments, where a reschedule gave some."""
    result: str | None = None
    failure: Failure | None = None
    expires_at: int | None = None
    """When the ended job may be cleaned away; None keeps it for ever."""
    again: Again | None = None
    """Why it is pending again; None for one that has ended."""
    ending: Ending | None = None
    """None for most: the end is noted, and that is all."""


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
    ordering_key: str | None = None
    origin: str | None = None
    """The failed job that this one was made of, in a dead-letter queue."""


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
