"""Jobs that stand elsewhere than they should: enqueued by a program that didn't know of their line.

An older program, or one that enqueues by name, may not know that a queue is a FIFO queue, or that a limit was set. The
claim puts such jobs where they belong in its own transaction, so that none of them runs; what waits in a queue that
has become a FIFO queue is put in order when a worker starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from holdfast.core.job import Claimed
from holdfast.core.lines import in_lane
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs.lines import BLOCKED, arrive, note_gone


class Place(NamedTuple):
    """Where a job is to stand."""

    line: str
    limits: str | None
    """The names of the slots that it needs, as JSON."""


PlaceOf: TypeAlias = Callable[[Claimed], Place | None]
"""Says where a job is to stand; None leaves it."""


def put_in_order(queue: str, limit: int = 500) -> Verb[int]:
    """Have some jobs of a FIFO queue wait for its turn that were enqueued before it was one, or by a program that
    didn't know of it; returns how many. Call again while there are any."""
    stray = {"queue": queue, "limit": limit}
    rows = yield Statement("stray_pending", stray)
    yield Statement("delete_pending", {"ids": [row[1] for row in rows]})
    lined = yield Statement("drop_other_lines", stray)
    # Before their line is another: it is read from the job.
    yield from note_gone(((row[1], row[4]) for row in lined), ran=False)
    rows = [*rows, *lined]
    if rows:
        places = {row[1]: Place("", row[7]) for row in rows}
        yield from adopt([(queue, "", *row[:7]) for row in rows], places)
    return len(rows)


def put_aside(jobs: list[Claimed], lease: str, place: PlaceOf) -> Verb[list[Claimed]]:
    """Of jobs that were just claimed, put those into their lines that stand in none; returns the others.

    Args:
        jobs: of one lease.
        lease: its id.
        place: says where each is to stand.
    """
    places: dict[str, Place] = {}
    for job in jobs:
        found = place(job)
        if found is not None:
            places[job.job_id] = found
    if not places:
        return jobs
    strays = [job for job in jobs if job.job_id in places]
    yield from adopt([_as_before(job, places[job.job_id].line) for job in strays], places)
    if len(strays) == len(jobs):
        yield Statement("delete_leases", {"leases": [lease]})
    else:
        yield Many("release", ("lease", "id"), [(lease, job.job_id) for job in strays])
    return [job for job in jobs if job.job_id not in places]


def put_elsewhere(strays: Sequence[tuple[Claimed, int, Place]]) -> Verb[None]:
    """Put jobs that were just taken from lines, each with its lane, where they are to stand instead."""
    rows = [
        (*_as_before(job, in_lane(place.line, lane))[:4], lane, *_as_before(job, "")[5:])
        for job, lane, place in strays
    ]
    yield from adopt(rows, {job.job_id: place for job, _, place in strays})


def adopt(rows: Sequence[Row], places: dict[str, Place]) -> Verb[None]:
    """Put jobs into blocked.

    Args:
        rows: as they are to be there.
        places: where each is to stand, by id.
    """
    named = [(job_id, place.line, place.limits) for job_id, place in places.items()]
    yield Many("adopt", ("id", "line", "limits"), named)
    yield Many("block", BLOCKED, rows)
    yield from arrive((row[3], row[0], row[1], row[4]) for row in rows)


def _as_before(job: Claimed, line: str) -> Row:
    run, attempt = job.run - 1, job.attempt - 1
    return (job.queue, line, job.run_at, job.job_id, job.priority, job.task, run, attempt, job.crashes)
