"""Finishing a run in a transaction of its handler's own, so that its effects and its success commit together.

The handler's transaction holds the lease until it ends, however long that takes. So such jobs have leases of their
own, made by the very claim: one that was made later would be unknown to a repeatable read that had begun before. When
the run is over, `conclude` looks what has become of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

from holdfast.core.errors import LeaseLost
from holdfast.core.job import Claimed, Settlement
from holdfast.core.states import JobState
from holdfast.store.records import LaneMark
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.ending import forgotten_runs, vanishing
from holdfast.store.verbs.in_hand import Order, Taken
from holdfast.store.verbs.settle import apply
from holdfast.store.verbs.strays import PlaceOf

ALONE = ("lease", "id", "run", "attempt", "crashes")


class Conclusion(StrEnum):
    """What became of a run that has used `settle_in`."""

    SUCCEEDED = "succeeded"
    """Its transaction was committed; the lease is deleted."""
    SETTLED = "settled"
    """It was not, and the settlement given was applied."""
    OPEN = "open"
    """Its transaction still goes on: ask again later. Nothing was changed."""
    LOST = "lost"
    """The run had lost its lease. Nothing was changed."""


def claim_apart(
    worker: str,
    lease: str,
    lanes: Sequence[LaneMark],
    limit: int,
    tasks: Sequence[str],
    apart: Collection[str],
    new_lease: Callable[[], str],
    place: PlaceOf | None = None,
) -> Verb[list[Claimed]]:
    """`claim`, with the jobs of some tasks in leases of their own: every job's `lease` says which.

    Args:
        worker: and `lease`, `lanes`, `limit`, `tasks`, `place`: as of `claim`. The lease is gone if all jobs are apart.
        apart: the names of the tasks that settle in transactions of their own.
        new_lease: makes an id.
    """
    jobs = yield from claim(worker, lease, lanes, limit, tasks, place)
    # Where one was put aside, the lease names it still.
    yield from _part(jobs, worker, lease, apart, new_lease, shared=place is not None)
    return jobs


def claim_lined_apart(order: Order, apart: Collection[str], new_lease: Callable[[], str]) -> Verb[Taken]:
    """`claim_lined`, with the jobs of some tasks in leases of their own."""
    taken = yield from claim_lined(order)
    yield from _part(taken.jobs, order.worker, order.lease, apart, new_lease)
    return taken


def _part(
    jobs: Sequence[Claimed],
    worker: str,
    lease: str,
    apart: Collection[str],
    new_lease: Callable[[], str],
    *,
    shared: bool = False,
) -> Verb[None]:
    alone = [job for job in jobs if job.task in apart]
    if not alone or (len(jobs) == 1 and not shared):
        return
    for job in alone:
        job.lease = new_lease()
    rows = [(job.lease, job.job_id, job.run, job.attempt, job.crashes) for job in alone]
    yield Many("lease_alone", ALONE, rows, {"worker": worker})
    if len(alone) == len(jobs):
        yield Statement("delete_leases", {"leases": [lease]})
    else:
        yield Many("release", ("lease", "id"), [(lease, job.job_id) for job in alone])


def settle_in(worker: str, settlement: Settlement) -> Verb[None]:
    """Finish a run in the transaction that this is run within. Doing it twice in one run is harmless.

    Args:
        worker: the id of the worker that runs it.
        settlement: to an end.

    Raises:
        LeaseLost: the run is no longer the current one of its job: the transaction must be rolled back.
    """
    job = settlement.job
    gone = vanishing(settlement)
    name = "lock_leases" if gone or job.limits is not None else "lock_leases_shared"
    rows = yield Statement(name, {"leases": [job.lease]})
    owned = _owned(worker, job, rows)
    if gone:
        if not owned and (yield from _has_succeeded(job)):
            return
        if owned:
            yield Many("release", ("lease", "id"), [(job.lease, job.job_id)])
    if not owned or (yield from apply(worker, [settlement], [], own=False)):
        raise LeaseLost(
            f"run {job.run} of job {job.job_id} ({job.task}) has lost its lease: it was cancelled, or its worker was "
            "taken for dead, and the job is another run's. Roll back what this one has written"
        )


def conclude(worker: str, settlement: Settlement, over: bool) -> Verb[Conclusion]:
    """Bring a run that has used `settle_in` to its end, once its handler has returned or raised.

    Args:
        worker: the id of the worker that ran it.
        settlement: what to make of it if its transaction was not committed.
        over: nothing else is left in its lease, which is deleted with this.
    """
    job = settlement.job
    rows = yield Statement("lock_free_lease", {"lease": job.lease})
    # In a second statement, which sees what was committed before the lock was had.
    finished = yield Statement("finished_runs", {"ids": [job.job_id]})
    succeeded = any((row[1], row[2]) == (job.run, JobState.SUCCEEDED) for row in finished)
    if not finished:
        succeeded = yield from _has_succeeded(job)
    if not rows:
        if succeeded:
            return Conclusion.SUCCEEDED
        held = yield Statement("worker_leases", {"worker": worker})
        return Conclusion.OPEN if any(row[0] == job.lease for row in held) else Conclusion.LOST
    owned = _owned(worker, job, rows)
    if owned and not finished:
        yield from _settled(worker, settlement, over)
    if over and (owned or succeeded):
        yield Statement("delete_leases", {"leases": [job.lease]})
    if succeeded:
        return Conclusion.SUCCEEDED
    return Conclusion.SETTLED if owned and not finished else Conclusion.LOST


def _settled(worker: str, settlement: Settlement, over: bool) -> Verb[None]:
    if not over and (vanishing(settlement) or not settlement.state.terminal):
        yield Many("release", ("lease", "id"), [(settlement.job.lease, settlement.job.job_id)])
    ends, back = ([settlement], []) if settlement.state.terminal else ([], [settlement])
    yield from apply(worker, ends, back)


def _has_succeeded(job: Claimed) -> Verb[bool]:
    """Whether the run has succeeded, and nothing was kept of its job."""
    runs = yield from forgotten_runs([job.job_id])
    return (job.job_id, job.run, JobState.SUCCEEDED.value) in runs


def _owned(worker: str, job: Claimed, rows: Sequence[Row]) -> bool:
    """Whether a lease, as locked, is the worker's and has not released the job."""
    return any(row[1] == worker and job.job_id not in row[2] for row in rows)
