"""Making the events of `holdfast.events` of what a worker does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from holdfast import events as e
from holdfast.core.states import Again, JobState, Reason
from holdfast.core.times import SECOND, to_datetime
from holdfast.worker.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.client.telling import Teller
    from holdfast.core.job import Claimed, Settlement

_AGAIN: dict[Again | None, type[e.JobEvent]] = {
    Again.RETRY: e.Retried,
    Again.SNOOZE: e.Snoozed,
    Again.RESCHEDULE: e.Rescheduled,
    Again.GIVEN_BACK: e.GivenBack,
}
_ENDS: dict[JobState, type[e.JobEvent]] = {
    JobState.SUCCEEDED: e.Succeeded,
    JobState.FAILED: e.Failed,
    JobState.CANCELLED: e.Cancelled,
}


class Announcer(Observer):
    """Tells an app's subscribers.

    Args:
        teller: has the subscribers.
        queues: that the worker serves; None for all.
        worker: gives the worker's id now.
        now: a clock, in microseconds since 1970.
    """

    def __init__(
        self,
        teller: Teller,
        queues: Sequence[str] | None,
        worker: Callable[[], str | None],
        now: Callable[[], int],
    ) -> None:
        self._teller = teller
        self._queues = None if queues is None else tuple(queues)
        self._worker = worker
        self._now = now

    @property
    def listening(self) -> bool:
        return self._teller.listening

    def begun(self, worker: str, job: Claimed) -> None:
        if self._teller.wants(e.Started):
            at = self._now() if job.started_at is None else job.started_at
            self._teller.tell(
                e.Started(
                    at=to_datetime(at), job_id=UUID(job.job_id), task=job.task, queue=job.queue, run=job.run,
                    attempt=job.attempt, worker=worker,
                )
            )  # fmt: skip

    def committing(self, settlements: Sequence[Settlement]) -> AbstractContextManager[object]:
        return self._teller.before([(one.job.job_id, one.job.run) for one in settlements])

    def flushed(self, worker: str, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            self._tell(settlement, worker)

    def rescued(self, settlement: Settlement) -> None:
        self._tell(settlement, None)

    def given_up(self, settlement: Settlement) -> None:
        self._tell(settlement, None)

    def idle(self) -> None:
        if self._teller.wants(e.QueueEmpty):
            now = to_datetime(self._now())
            self._teller.tell(e.QueueEmpty(at=now, worker=self._worker(), queues=self._queues))

    def trouble(self, error: BaseException) -> None:
        if self._teller.wants(e.WorkerError):
            now = to_datetime(self._now())
            self._teller.tell(e.WorkerError(at=now, worker=self._worker(), error=error))

    def _tell(self, settlement: Settlement, worker: str | None) -> None:
        state = settlement.state
        kind = _ENDS[state] if state.terminal else _AGAIN[settlement.again]
        if kind is e.GivenBack and settlement.job.started_at is None:
            return  # nothing was told of its begin
        if self._teller.wants(kind):
            self._teller.tell(_event(kind, settlement, worker))


def _event(kind: type[e.JobEvent], settlement: Settlement, worker: str | None) -> e.JobEvent:
    job = settlement.job
    fields: dict[str, Any] = {
        "at": to_datetime(settlement.at), "job_id": UUID(job.job_id), "task": job.task, "queue": job.queue,
        "run": job.run, "attempt": job.attempt, "worker": worker,
    }  # fmt: skip
    if kind is e.Succeeded:
        fields["seconds"] = None if job.started_at is None else (settlement.at - job.started_at) / SECOND
    elif kind is e.Failed:
        fields["reason"] = settlement.reason or Reason.ERROR
        fields["error"] = settlement.failure
    elif kind is e.Cancelled:
        fields["error"] = settlement.failure
    elif kind is not e.GivenBack:
        fields["delay"] = timedelta(microseconds=max(0, (settlement.run_at or 0) - settlement.at))
        if kind is e.Retried:
            fields["error"] = settlement.failure
    return kind(**fields)
