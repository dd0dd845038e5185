"""Jobs that must have begun by a certain time.

A row of `expiries` says so, until the job has begun or ended. Only jobs whose overrides say that they expire have one,
so that nobody else pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.job import Claimed, NewJob, Settlement
from holdfast.core.overrides import may_expire
from holdfast.core.states import Again
from holdfast.store.statement import Many, Row, Statement, Verb

FIRST: Row = (0, "00000000-0000-0000-0000-000000000000")
"""Before all that expires: time, id."""


def note(jobs: Sequence[NewJob]) -> Verb[None]:
    """Of jobs that were inserted: until when those must have begun that say so."""
    rows = [
        (job.job_id, job.overrides.expires_at, job.overrides.expires_in)
        for job in jobs
        if job.overrides is not None and job.overrides.expires
    ]
    if rows:
        yield Many("add_expiries", ("id", "at", "after"), rows)


def read(jobs: Sequence[Claimed]) -> Verb[None]:
    """Tell claimed jobs until when they must have begun."""
    timed = {job.job_id: job for job in jobs if may_expire(job.overrides)}
    if timed:
        for job_id, at in (yield Statement("expiries", {"ids": list(timed)})):
            timed[job_id].expires_at = at


def drop(settlements: Sequence[Settlement]) -> Verb[None]:
    """Of runs that have ended: those that have begun, and jobs that have ended, expire no more."""
    ids = [
        s.job.job_id
        for s in settlements
        # What was given back before it began has kept its place, and is the only one that has.
        if may_expire(s.job.overrides) and (s.again is not Again.GIVEN_BACK or s.run_at != s.job.run_at)
    ]
    if ids:
        yield Statement("drop_expiries", {"ids": ids})


def overdue(after: Row, limit: int) -> Verb[list[Row]]:
    """Times and ids of some whose time is over, the longest over first, behind a place: `FIRST`, or the last row."""
    at, job_id = after
    return (yield Statement("due_expiries", {"at": at, "id": job_id, "limit": limit}))


def take_overdue(ids: Sequence[str]) -> Verb[list[Claimed]]:
    """Take those that still wait out of where they do, as runs that never began; forget what has ended."""
    rows = yield Statement("lock_pending", {"ids": list(ids)})
    if rows:
        yield Statement("delete_pending", {"ids": [row[0] for row in rows]})
    blocked = yield Statement("lock_blocked", {"ids": list(ids)})
    if blocked:
        yield Statement("drop_from_lines", {"ids": [row[0] for row in blocked]})
    jobs = [Claimed(*row[:15]) for row in (*rows, *blocked)]
    taken = {job.job_id for job in jobs}
    for job in jobs:
        job.run += 1
        job.attempt += 1
    left = [job_id for job_id in ids if job_id not in taken]
    stale = [row[0] for row in (yield Statement("stale_expiries", {"ids": left}))] if left else []
    if stale:
        yield Statement("drop_expiries", {"ids": stale})
    return jobs
