"""What becomes of the runs of a rehearsal."""

from __future__ import annotations

from collections import Counter
from typing import NoReturn

import msgspec

from holdfast.core.errors import JobFailed
from holdfast.core.job import Claimed, Settlement
from holdfast.core.outcomes import Interrupted, Outcome, Raised, Reschedule, Snooze
from holdfast.core.states import JobState
from holdfast.worker.observers import Observer


class Drained(msgspec.Struct, frozen=True):
    """What a drain has run. A job that ran twice counts twice."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    """Runs that failed, and whose job is to run again."""
    rescheduled: int = 0
    snoozed: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(msgspec.structs.astuple(self))


class Witness(Observer):
    """Counts how runs end, and keeps what handlers raised."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._errors: list[tuple[Claimed, BaseException]] = []

    def decided(self, job: Claimed, outcome: Outcome) -> None:
        self._outcomes[job.job_id, job.run] = outcome

    def settled(self, settlement: Settlement) -> None:
        job = settlement.job
        outcome = self._outcomes.pop((job.job_id, job.run), None)
        if isinstance(outcome, Raised):
            self._errors.append((job, outcome.error))
        if not isinstance(outcome, Interrupted):
            self._counts[_name(settlement, outcome)] += 1

    @property
    def drained(self) -> Drained:
        return Drained(**self._counts)

    def raise_first(self) -> None:
        """Raise the first of the exceptions that handlers have raised, if there was one."""
        if self._errors:
            _raise(*self._errors[0])


def _name(settlement: Settlement, outcome: Outcome | None) -> str:
    # One with a key gives up its turn when it is rescheduled, and is blocked.
    if settlement.state not in (JobState.PENDING, JobState.BLOCKED):
        return str(settlement.state)
    if isinstance(outcome, Reschedule):
        return "rescheduled"
    return "snoozed" if isinstance(outcome, Snooze) else "retried"


def _raise(job: Claimed, error: BaseException) -> NoReturn:
    where = f"job {job.job_id} of {job.task}, attempt {job.attempt}"
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        # As themselves they would end more than the test.
        raise JobFailed(f"{where}, raised {type(error).__name__}: {error}") from error
    error.add_note(f"Raised by {where}. With raise_errors=False the retry policy decides, as in production.")
    raise error
