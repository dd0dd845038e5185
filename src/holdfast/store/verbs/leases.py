"""Leases under a worker's own id whose claim was never answered: the connection broke, or the commit came late."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core.job import Claimed, Settlement
from holdfast.store.statement import Row, Statement, Verb
from holdfast.store.verbs.settle import apply


def held(worker: str) -> Verb[list[str]]:
    """The ids of the leases under a worker's id."""
    rows = yield Statement("worker_leases", {"worker": worker})
    return [row[0] for row in rows]


def give_back_lease(worker: str, lease: str, decide: Callable[[Claimed], Settlement]) -> Verb[int]:
    """Give back all that a lease still owns; returns how many jobs that was. `decide` makes each settlement."""
    rows = yield Statement("lock_leases", {"leases": [lease]})
    if not rows or rows[0][1] != worker:
        return 0
    owned = yield from owned_jobs([lease])
    back = [decide(job) for job, _ in owned]
    yield from apply(worker, [], back)
    yield Statement("delete_leases", {"leases": [lease]})
    return len(back)


def owned_jobs(leases: list[str]) -> Verb[list[tuple[Claimed, str]]]:
    """What locked leases still own, with the worker of each."""
    rows = yield Statement("lease_jobs", {"leases": leases})
    return [(_claimed(row), row[1]) for row in rows]


def _claimed(row: Row) -> Claimed:
    job = Claimed(*row[2:17])
    job.lease, job.started_at = row[0], row[17]
    return job
