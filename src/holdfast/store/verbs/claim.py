"""Taking due jobs into a worker's hands."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from holdfast.core.job import Claimed
from holdfast.store.marks import Floors
from holdfast.store.records import LaneDue, LaneMark
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs import expiry
from holdfast.store.verbs.strays import PlaceOf, put_aside
from holdfast.store.verbs.unique import release_started

KEY = ("queue", "lane", "run_at", "id")
NOTES = ""
"""A lane of this queue says when notes of lines, or slots that lines wait for, are to be seen to (`claim_lined`)."""
_START = Floors()
_IN_A_LANE = attrgetter("run_at", "job_id")


def lanes(queues: Sequence[str] | None = None) -> Verb[list[LaneDue]]:
    """The lanes that hold waiting jobs now, due or not; None looks at every queue.

    With them come those that hold lines which may go on, and the lane of no queue, `NOTES`.
    """
    rows = yield Statement("lanes")
    return [_lane(row) for row in rows if queues is None or row[0] in queues or row[0] == NOTES]


def probe(
    lanes: Sequence[LaneMark], lines: Sequence[LaneMark] = (), floors: Floors = _START
) -> Verb[list[LaneDue]]:
    """Which of some lanes hold waiting jobs above their marks, due or not, and which of some lanes of lines; and
    `NOTES`."""
    marks = {"lanes": _as_json(_marks(lanes)), "lines": _as_json(_marks(lines))}
    rows = yield Statement("probe", {**marks, "notes": floors.notes, "slots": floors.slots})
    return [_lane(row) for row in rows]


def _lane(row: Row) -> LaneDue:
    return LaneDue(row[0], row[1], row[2], bool(row[3]))


def claim(
    worker: str,
    lease: str,
    lanes: Sequence[LaneMark],
    limit: int,
    tasks: Sequence[str],
    place: PlaceOf | None = None,
) -> Verb[list[Claimed]]:
    """Take up to `limit` due jobs under a new lease, from the lanes in the order given.

    Args:
        worker: the id of the worker, whose row exists.
        lease: a new id; nothing is written when nothing is due.
        lanes: where to look, the most urgent first.
        limit: at most so many jobs.
        tasks: the names of the tasks that the worker serves.
        place: says in which line a job is to stand that stands in none; those that are to are put there.
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
    jobs = [Claimed(*row[:15]) for row in rows]
    for job in jobs:
        job.lease = lease
    yield Many("take", KEY, [(row[2], row[15], row[10], row[0]) for row in rows])
    held = [(job.job_id, job.run, job.attempt, job.crashes) for job in jobs]
    yield Statement("lease", {"lease": lease, "worker": worker, "jobs": held})
    yield from expiry.read(jobs)
    _sort(jobs, rows, lanes)
    if place is not None:
        jobs = yield from put_aside(jobs, lease, place)
    unique = [job for job in jobs if job.unique is not None]
    if unique:
        yield from release_started(unique)
    return jobs


def _as_json(rows: Sequence[Row]) -> str:
    """Also where there are none, which would be an array of nothing in particular."""
    return msgspec.json.encode(rows).decode()


def _marks(lanes: Sequence[LaneMark]) -> list[tuple[str, int, int, str]]:
    return [(lane.queue, lane.lane, lane.run_at, lane.job_id) for lane in lanes]


def _sort(jobs: list[Claimed], rows: Sequence[Sequence[int]], lanes: Sequence[LaneMark]) -> None:
    """By lane as asked for, then run time, then id: a statement that deletes gives them in any order."""
    if len(lanes) == 1:
        jobs.sort(key=_IN_A_LANE)
        return
    rank = {(lane.queue, lane.lane): place for place, lane in enumerate(lanes)}
    lane_of = {job.job_id: row[15] for job, row in zip(jobs, rows, strict=True)}
    jobs.sort(key=lambda job: (rank[job.queue, lane_of[job.job_id]], job.run_at, job.job_id))
