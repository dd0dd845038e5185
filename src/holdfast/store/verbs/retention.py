"""Cleaning away what need not be kept."""

from __future__ import annotations

from holdfast.store.statement import Many, Statement, Verb
from holdfast.store.verbs.unique import release

CLOCK_ERROR = 10_000_000
"""Microseconds by which a worker may err about the store's time."""


def clean(limit: int = 1000, mark: int = 0) -> Verb[tuple[int, int]]:
    """Delete some jobs whose retention has passed.

    Args:
        limit: at most so many, to keep the transaction short.
        mark: the time from which to look; the last call's second value, so that entries deleted already are not
            waded through again.

    Returns:
        How many were deleted, and the mark for the next call.
    """
    rows = yield Statement("expired", {"limit": limit, "mark": mark})
    if not rows:
        return 0, mark
    ids = [row[0] for row in rows]
    yield from _release(ids, newest=max(row[2] for row in rows))
    yield Statement("delete_finished", {"ids": ids})
    yield from forget(ids)
    return len(ids), max(row[1] for row in rows)


def _release(ids: list[str], newest: int) -> Verb[None]:
    """Have leases that still name some finished jobs own them no more: a settlement sent again would bring them back.

    Only leases from before the newest of these jobs ended can name one, and hardly any lives for so long. Leases are
    dated by the store, ends by a worker's estimate of its clock.
    """
    wanted = set(ids)
    named = [
        row for row in (yield Statement("leases_before", {"at": newest + CLOCK_ERROR})) if row[1] in wanted
    ]
    if named:
        yield Statement("lock_leases", {"leases": sorted({row[0] for row in named})})
        yield Many("release", ("lease", "id"), named)


def clean_requests(before: int) -> Verb[None]:
    """Delete cancel requests older than a time: those of runs that ended before they saw them."""
    yield Statement("clean_cancel_requests", {"before": before})


def forget(ids: list[str]) -> Verb[None]:
    """Delete all that is kept of jobs that are in none of the places of living ones."""
    yield Statement("delete_progress", {"ids": ids})
    yield Statement("delete_errors", {"ids": ids})
    rows = yield Statement("delete_jobs", {"ids": ids})
    held = [(row[0], row[1]) for row in rows if row[1] is not None]
    if held:
        yield from release(held)
