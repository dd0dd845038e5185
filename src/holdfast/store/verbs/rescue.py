"""Taking back what dead workers held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from holdfast.core.job import Claimed, Settlement
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.leases import owned_jobs
from holdfast.store.verbs.settle import apply

Decide = Callable[[Claimed, str], Settlement]
"""From a job and the id of its dead worker to what becomes of it."""


def rescue(dead: Sequence[tuple[str, int]], decide: Decide, limit: int = 20) -> Verb[list[Settlement]]:
    """Remove dead workers and settle what they held; returns the settlements applied.

    Every lease whose worker has no row is taken, so that a claim which commits after its worker was removed is
    found by the next rescue.

    Args:
        dead: workers found dead, each with the beat at which that was seen; one that has beaten since lives on.
        decide: makes the settlement of each job.
        limit: at most so many leases, to keep the transaction short. Call again while something is returned.
    """
    for worker, beat in dead:
        yield Statement("remove_silent_worker", {"id": worker, "beat": beat})
    rows = yield Statement("lock_orphans", {"limit": limit})
    if not rows:
        return []
    leases = [row[0] for row in rows]
    owned = yield from owned_jobs(leases)
    owned.sort(key=lambda pair: pair[1])
    settled: list[Settlement] = []
    for worker, jobs in groupby(owned, key=lambda pair: pair[1]):
        settlements = [decide(job, worker) for job, _ in jobs]
        settled += settlements
        ends = [s for s in settlements if s.state.terminal]
        back = [s for s in settlements if not s.state.terminal]
        yield from apply(worker, ends, back)
    yield Statement("delete_leases", {"leases": leases})
    return settled
