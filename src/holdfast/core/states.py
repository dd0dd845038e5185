"""Where a job may be, and why it failed."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """A job's state. "Scheduled" and "due" are views of `PENDING`, told apart by the run time."""

    PENDING = "pending"
    BLOCKED = "blocked"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_FOUND = "not found"
    """Only as an answer: no job has that id."""

    @property
    def terminal(self) -> bool:
        """True for the states that a job leaves only when someone retries or deletes it."""
        return self in TERMINAL


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
STORED = tuple(state for state in JobState if state is not JobState.NOT_FOUND)


class Again(StrEnum):
    """Why a job whose run has ended is pending again."""

    RETRY = "retry"
    """The run failed, and is charged."""
    SNOOZE = "snooze"
    RESCHEDULE = "reschedule"
    """The run succeeded, and the job has another."""
    GIVEN_BACK = "given back"
    """The run was interrupted, or never began; not charged."""


class Reason(StrEnum):
    """Why a job failed."""

    ERROR = "error"
    """Declared permanent, or moved to the dead letters on purpose."""
    EXHAUSTED = "exhausted"
    TIMEOUT = "timeout"
    PANIC = "panic"
    """The handler raised something that is not an `Exception`."""
    CRASHED = "crashed"
    """Its worker died too often while running it."""
    UNKNOWN_TASK = "unknown_task"
    INVALID_ARGS = "invalid_args"
    INVALID_RESULT = "invalid_result"
    EXPIRED = "expired"
