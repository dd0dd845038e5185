"""Taking due jobs into a worker's hands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter

from holdfast.core.job import Claimed
from holdfast.store.records import LaneDue, LaneMark
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs import expiry
from holdfast.store.verbs.turns import adopt
from holdfast.store.verbs.unique import release_started

KEY = ("queue", "lane", "run_at", "id")
TURNS = ""
"""A lane of this queue says when the next turn is to be given to a job that waits for it (`turns.give`)."""
_IN_A_LANE = attrgetter("run_at", "job_id")


def lanes(queues: Sequence[str] | None = None) -> Verb[list[LaneDue]]:
    """The lanes that hold waiting jobs now, due or not; None looks at every queue.

    With them comes the lane of no queue, `TURNS`, where a turn is to be given.
    """
    rows = yield Statement("lanes")
    return [LaneDue(*row) for row in rows if queues is None or row[0] in queues or row[0] == TURNS]


def probe(lanes: Sequence[LaneMark]) -> Verb[list[LaneDue]]:
    """Which of some lanes hold waiting jobs above their marks, due or not, and the lane `TURNS` as of `lanes`."""
    rows = yield Statement("probe", {"lanes": _marks(lanes)})
    return [LaneDue(*row) for row in rows]


def claim(
    worker: str,
    lease: str,
    lanes: Sequence[LaneMark],
    limit: int,
    tasks: Sequence[str],
    fifo: Collection[str] = (),
) -> Verb[list[Claimed]]:
    """Take up to `limit` due jobs under a new lease, from the lanes in the order given.

    Args:
        worker: the id of the worker, whose row exists.
        lease: a new id; nothing is written when nothing is due.
        lanes: where to look, the most urgent first.
        limit: at most so many jobs.
        tasks: the names of the tasks that the worker serves.
        fifo: the names of queues that are known to be FIFO queues.
    """
    rows = yield Statement(
        "claim",
        {
            "worker": worker,
            "lease": lease,
            "lanes": _marks(lanes),
            "limit": limit,
            "tasks": list(tasks),
        },
    )
    if not rows:
        return []
    jobs = [Claimed(*row[:14]) for row in rows]
    for job in jobs:
        job.lease = lease
    yield Many("take", KEY, [(row[2], row[14], row[10], row[0]) for row in rows])
    held = [(job.job_id, job.run, job.attempt, job.crashes) for job in jobs]
    yield Statement("lease", {"lease": lease, "worker": worker, "jobs": held})
    yield from expiry.read(jobs)
    _sort(jobs, rows, lanes)
    if fifo:
        jobs = yield from _in_order(jobs, lease, fifo)
    unique = [job for job in jobs if job.unique is not None]
    if unique:
        yield from release_started(unique)
    return jobs


def _in_order(jobs: list[Claimed], lease: str, fifo: Collection[str]) -> Verb[list[Claimed]]:
    """Without jobs of FIFO queues that were enqueued by a program which didn't know of that: these wait for their
    turn now."""
    strays = [job for job in jobs if job.key != "" and job.queue in fifo]
    if not strays:
        return jobs
    ids = [job.job_id for job in strays]
    held = [(job.queue, job.key, job.job_id) for job in strays if job.key is not None]
    yield from adopt([_as_before(job) for job in strays], held)
    if len(strays) == len(jobs):
        yield Statement("delete_leases", {"leases": [lease]})
    else:
        yield Many("release", ("lease", "id"), [(lease, job_id) for job_id in ids])
    gone = set(ids)
    return [job for job in jobs if job.job_id not in gone]


def _as_before(job: Claimed) -> Row:
    return (
        job.queue,
        "",
        job.run_at,
        job.job_id,
        job.priority,
        job.task,
        job.run - 1,
        job.attempt - 1,
        job.crashes,
    )


def _marks(lanes: Sequence[LaneMark]) -> list[tuple[str, int, int, str]]:
    return [(lane.queue, lane.lane, lane.run_at, lane.job_id) for lane in lanes]


def _sort(jobs: list[Claimed], rows: Sequence[Sequence[int]], lanes: Sequence[LaneMark]) -> None:
    """By lane as asked for, then run time, then id: a statement that deletes gives them in any order."""
    if len(lanes) == 1:
        jobs.sort(key=_IN_A_LANE)
        return
    rank = {(lane.queue, lane.lane): place for place, lane in enumerate(lanes)}
    lane_of = {job.job_id: row[14] for job, row in zip(jobs, rows, strict=True)}
    jobs.sort(key=lambda job: (rank[job.queue, lane_of[job.job_id]], job.run_at, job.job_id))
