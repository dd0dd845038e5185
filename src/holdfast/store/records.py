"""What the store's verbs take and return besides jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from holdfast.core.states import JobState


class LaneDue(msgspec.Struct, frozen=True, gc=False):
    """A lane that holds waiting jobs, and the run time of its first."""

    queue: str
    lane: int
    run_at: int
    lined: bool = False
    """It holds lines that may go on (`verbs.lines`), and the time is that of the first."""


class LaneMark(msgspec.Struct, frozen=True, gc=False):
    """A lane to claim from, and the position under which nothing claimable is known to be left."""

    queue: str
    lane: int
    run_at: int = 0
    job_id: str = "00000000-0000-0000-0000-000000000000"


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs, newest first. None doesn't narrow."""

    state: JobState | None = None
    queue: str | None = None
    task: str | None = None
    before: str | None = None
    """Only jobs older than this id: the last of the page before."""
    limit: int = 50


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which failed jobs, newest first. None doesn't narrow."""

    queue: str | None = None
    task: str | None = None
    reason: str | None = None
    error: str | None = None
    """The type of the last error, with its module or without."""
    since: int | None = None
    """Failed at this time or later …"""
    until: int | None = None
    """… and before this one."""
    before: str | None = None
    """Only jobs older than this id: the last of the page before."""
    limit: int = 50


class CancelAnswer(StrEnum):
    """What a cancel found."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"
    """It runs, and was asked."""
    ENDED = "ended"
    NOT_FOUND = "not found"


class RunningNote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One run that a worker is busy with, as its heartbeat tells."""

    job_id: str
    task: str
    started_at: int


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself when it starts."""

    id: str
    host: str
    pid: int
    version: str
    queues: list[str] | None
    """None serves every queue."""
    tasks: list[str]
    """All that it knows, also where it serves only some."""
    restricted: bool
    """It serves only some of the tasks that it knows."""
    concurrency: int


class WorkerRecord(WorkerRow, frozen=True, kw_only=True):
    """The same, with what its heartbeat tells."""

    started_at: int
    beat: int
    beat_at: int
    running: list[RunningNote]
    memory: int | None
    """Bytes of resident memory."""


class QueueRow(msgspec.Struct, frozen=True):
    """A queue as code declares it; settings are JSON text."""

    name: str
    settings: str = "{}"


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What is in one queue, counted."""

    pending: int
    """All that wait, those too whose time is ahead."""
    due: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    oldest_due: int | None
    """The run time of the job that has been due for longest."""
    blocked: int = 0


class QueueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A queue and what is in it."""

    name: str
    declared: bool
    pending: int = 0
    due: int = 0
    blocked: int = 0
    """Those that wait for their turn."""
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    oldest_due: int | None = None
    """The run time of the job that has been due for longest."""


class DepthRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What waits and runs in a queue; what waits is counted up to a limit."""

    name: str
    declared: bool
    pending: int = 0
    """All that wait, those too whose time is ahead."""
    due: int = 0
    blocked: int = 0
    running: int = 0
    oldest_due: int | None = None
    """The run time of the job that has been due for longest; jobs that stand in lines don't count."""


class RecentFailures(msgspec.Struct, frozen=True, kw_only=True):
    """Failed jobs, among those that were enqueued last."""

    number: int
    lately: int
    """Those of them that failed after a given time."""


class LimitRow(msgspec.Struct, frozen=True):
    """A rule of a limit, a rate or fair shares; settings are JSON text."""

    name: str
    settings: str


class LimitRecord(msgspec.Struct, frozen=True):
    """A rule as it is kept."""

    name: str
    settings: str | None
    """What code says; None where none does any more."""
    override: str | None
    """What was set at run time, which wins."""


PauseKind: TypeAlias = Literal["all", "queue", "task"]


class PauseRecord(msgspec.Struct, frozen=True):
    """What is paused, and by whom, why and since when."""

    kind: PauseKind
    name: str
    """Of the queue or task; empty for everything."""
    who: str | None
    reason: str | None
    since: int


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as code declares it, or as it is put at run time. JSON is text."""

    name: str
    spec: str
    """The timetable, as `holdfast.core.schedules` encodes it."""
    task: str
    queue: str
    args: str
    meta: str | None = None
    priority: int = 0
    overrides: str | None = None
    ordering_key: str | None = None
    overlap: str = "allow"
    """"allow", or "skip" while the job of the fire before is alive."""
    missed: str = "latest"
    """"latest", "all" or "none": which of the ticks fire that have passed while nobody was there."""
    declared: bool
    """It comes from code."""


class ScheduleRecord(ScheduleRow, frozen=True, kw_only=True):
    """The same, with what has become of it."""

    covers: bool = False
    """It was put in the place of one that code declares."""
    paused: bool = False
    removed: bool = False
    """By hand, although code declares it: it doesn't fire."""
    next_at: int | None = None
    last_at: int | None = None
    last_job: str | None = None
