"""The one job of `t.run(job)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client.job import Job
from holdfast.core.errors import InvalidOption, WrongState
from holdfast.core.states import JobState

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.rehearsal.store import RehearsalStore


def chosen(client: Client, store: RehearsalStore, job: Job[Any]) -> dict[str, Any]:
    """Put a job first; returns the settings of a worker that will run it and no other.

    Raises:
        InvalidOption: it is no job.
        WrongState: it isn't waiting, or another job of its key or FIFO queue is before it.
    """
    if not isinstance(job, Job):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"run takes a job, as an enqueue returns it, not {job!r}")
    if not store.put_first(str(job.id)):
        raise WrongState(_why_not(client, store, job))
    return {"queues": [job.queue], "tasks": [job.task], "max_jobs": 1}


def _why_not(client: Client, store: RehearsalStore, job: Job[Any]) -> str:
    what = f"job {job.id} of {job.task} can't be run now"
    first = store.before(str(job.id))
    if first is not None:
        return f"{what}: job {first} is before it in its order; run that one first, or t.drain() all of them"
    state = client.jobs.status(job.id)
    return (
        f"{what}, since it is {state}, not waiting"
        if state is not JobState.NOT_FOUND
        else f"{what}: it is gone"
    )
