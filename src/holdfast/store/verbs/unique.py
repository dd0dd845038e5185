"""Unique jobs: of all jobs of one key, the one that keeps the others out has a row in `unique_keys`.

The row comes and goes in the very transactions that store and end the job. Whoever enqueues adds it first: the index is
what decides between two, and the second waits for the end of the first one's transaction. Nothing else is ever waited
for here. Rows are added in the order of their keys, so that two batches can't wait for each other; nobody locks a row
that stays, so that a worker never waits for a caller's transaction to remove one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.core.errors import StoreError
from holdfast.core.job import Claimed, Settlement
from holdfast.core.states import JobState
from holdfast.core.unique import holds_in, key_of
from holdfast.store.statement import Many, Statement, Verb

TAKEN = ("key", "id", "span")
HELD = ("key", "id")
TRIES = 50
"""A key that was held a moment ago and now isn't is tried for again."""


class Wanted(NamedTuple):
    """A key that a job is to have."""

    key: str
    job_id: str
    span: int | None = None
    """Microseconds for which it is held whatever becomes of the job; None where the job's state decides."""


def take(wanted: Iterable[Wanted]) -> Verb[dict[str, str]]:
    """Take keys, each for one job; returns whose each is then: that job's, or another's that has it."""
    rows = sorted(wanted, key=lambda one: one.key)
    holders: dict[str, str] = {}
    for _ in range(TRIES):
        taken = yield Many("take_keys", TAKEN, rows)
        if taken[0][0] == len(rows):
            return holders | {one.key: one.job_id for one in rows}
        over: list[str] = []
        for key, job_id, expired in (yield Statement("key_holders", {"keys": [one.key for one in rows]})):
            if expired:
                over.append(key)
            else:
                holders[key] = job_id
        if over:
            yield Many("drop_expired_keys", ("key",), [(key,) for key in sorted(over)])
        rows = [one for one in rows if one.key not in holders]
        if not rows:
            return holders
    raise StoreError(f"unique key {rows[0].key} changes hands all the time; try again")


def holder(key: str) -> Verb[str | None]:
    """Whose a key is now."""
    rows = yield Statement("key_holders", {"keys": [key]})
    return next((row[1] for row in rows if not row[2]), None)


def take_again(held: Iterable[tuple[str, str]]) -> Verb[dict[str, str]]:
    """Take the keys of jobs that are brought back, given with what is kept of their keys.

    Of several jobs of one key the first gets it. Returns those that can't have theirs, each with the job that has it.
    """
    first: dict[str, str] = {}
    jobs = [(job_id, key_of(text)) for job_id, text in held]
    for job_id, key in jobs:
        first.setdefault(key, job_id)
    holders = yield from take(Wanted(key, job_id) for key, job_id in first.items())
    return {job_id: holders[key] for job_id, key in jobs if holders[key] != job_id}


def release(held: Iterable[tuple[str, str]]) -> Verb[None]:
    """Give up the keys of jobs, given with what is kept of their keys, where they still have them."""
    rows = sorted((key_of(text), job_id) for job_id, text in held)
    if rows:
        yield Many("release_keys", HELD, rows)


def release_started(jobs: Sequence[Claimed]) -> Verb[None]:
    """Give up the keys of claimed jobs that kept others out only while they waited."""
    yield from release(
        (job.job_id, job.unique)
        for job in jobs
        if job.unique is not None and not holds_in(job.unique, JobState.RUNNING)
    )


def release_ended(ends: Sequence[Settlement]) -> Verb[None]:
    """Give up the keys of jobs that have ended, but for those that go on keeping others out."""
    yield from release(
        (s.job.job_id, s.job.unique) for s in ends if s.job.unique is not None and _gives_up(s)
    )


def _gives_up(s: Settlement) -> bool:
    gone = s.ending is not None and not s.ending.kept
    return gone or s.job.unique is None or not holds_in(s.job.unique, s.state)


def clean_keys(limit: int = 1000, mark: int = 0) -> Verb[tuple[int, int]]:
    """Delete some keys whose window is over.

    Args:
        limit: at most so many, to keep the transaction short.
        mark: the time from which to look; the last call's second value.

    Returns:
        How many were deleted, and the mark for the next call.
    """
    rows = yield Statement("expired_keys", {"limit": limit, "mark": mark})
    if not rows:
        return 0, mark
    yield Many("drop_expired_keys", ("key",), [(key,) for key in sorted(row[0] for row in rows)])
    return len(rows), max(row[1] for row in rows)
