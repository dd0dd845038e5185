"""Ending the jobs that had not begun when their time was over."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core.job import Claimed, Settlement
from holdfast.store.statement import Row, Verb
from holdfast.store.verbs.expiry import overdue, take_overdue
from holdfast.store.verbs.settle import apply


def expire(
    after: Row, limit: int, decide: Callable[[Claimed], Settlement]
) -> Verb[tuple[list[Settlement], Row | None]]:
    """Fail some jobs whose time is over, whether they are pending, blocked or paused.

    Those that a claim has in hand are left: their worker sees it before it begins them.

    Args:
        after: where to go on: `expiry.FIRST`, then what the last call returned.
        limit: at most so many, to keep the transaction short.
        decide: makes the settlement of each.

    Returns:
        What was settled, and where to go on; None where nothing is left.
    """
    rows = yield from overdue(after, limit)
    if not rows:
        return [], None
    times = {job_id: at for at, job_id in rows}
    jobs = yield from take_overdue(list(times))
    for job in jobs:
        job.expires_at = times[job.job_id]
    settlements = [decide(job) for job in jobs]
    if settlements:
        yield from apply(None, settlements, [])
    return settlements, (rows[-1] if len(rows) == limit else None)
