"""What was decided from outside of running jobs: requests to cancel, and leases taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.jobs import cancel_requests

if TYPE_CHECKING:
    from holdfast.worker.runs import Run


class Orders(NamedTuple):
    """Ids of jobs in hand."""

    cancel: frozenset[str]
    """Asked to cancel."""
    lost: frozenset[str]
    """Ended by force: this very run is among the finished ones."""


def orders(runs: Sequence[tuple[str, int]]) -> Verb[Orders]:
    """What was ordered for some runs, given by job id and run."""
    asked = yield from cancel_requests(runs)
    rows = yield Statement("finished_runs", {"ids": [job_id for job_id, _ in runs]})
    wanted = set(runs)
    return Orders(frozenset(asked), frozenset(row[0] for row in rows if (row[0], row[1]) in wanted))


def keys(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """What `orders` takes, of some runs."""
    return [(run.job.job_id, run.job.run) for run in runs]
