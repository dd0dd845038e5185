"""Making events of what an application does itself: enqueues and cancels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from holdfast.client import clock
from holdfast.core.job import JobRecord, NewJob
from holdfast.core.states import JobState
from holdfast.core.times import to_datetime
from holdfast.events import Cancelled, Enqueued

if TYPE_CHECKING:
    from holdfast.client.telling import Teller


@contextmanager
def told_of(
    teller: Teller, jobs: Sequence[NewJob], now: Callable[[], int], *, committed: bool
) -> Generator[list[NewJob]]:
    """Around the insert of some jobs: those of them that are put into the list given are told of once it was accepted,
    and before anything that follows."""
    stored: list[NewJob] = []
    with teller.before([(job.job_id, 0) for job in jobs]):
        yield stored
        at = now()
        for job in stored:
            teller.tell(_enqueued(job, at, committed=committed))


def _enqueued(job: NewJob, now: int, *, committed: bool) -> Enqueued:
    due = now + job.delay if job.delay is not None else job.run_at
    return Enqueued(
        at=to_datetime(now), job_id=UUID(job.job_id), task=job.task, queue=job.queue, run=0, attempt=0,
        run_at=None if due is None else to_datetime(due), committed=committed,
    )  # fmt: skip


def tell_cancelled(teller: Teller, records: Sequence[JobRecord], *, committed: bool) -> None:
    """Tell of jobs that were cancelled here and now; those that run are told of by their worker."""
    for record in records:
        if record.state is not JobState.CANCELLED:
            continue
        at = clock.now() if record.finished_at is None else record.finished_at
        event = Cancelled(
            at=to_datetime(at), job_id=UUID(record.job_id), task=record.task, queue=record.queue,
            run=record.run, attempt=record.attempt, worker=record.worker, committed=committed,
        )  # fmt: skip
        teller.tell(event)
