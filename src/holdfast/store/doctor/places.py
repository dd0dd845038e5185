"""The invariant: every job is in exactly one of the places where a job can be."""

from __future__ import annotations

from typing import Any

from holdfast.store.doctor.finding import Finding, error, fine, several, warning
from holdfast.store.statement import Statement, Verb

HALF = 5000
"""So many of the newest jobs are looked at, and as many of the oldest."""

REMEDY = (
    "Something other than Holdfast has changed the tables, or this is a bug that we want to know of. To mend one job "
    "by hand, delete it (`holdfast jobs delete`) or add its row to the table of pending jobs"
)


def check_places() -> Verb[list[Finding]]:
    """Look for jobs in no place or in two, and for rows that belong to no job."""
    rows = yield Statement("doctor/misplaced", {"half": HALF})
    strays = yield Statement("doctor/strays", {"half": HALF})
    found = [_misplaced(*row[:5]) for row in rows if row[0] is not None]
    if strays:
        tables = sorted({row[0] for row in strays})
        found.append(
            warning(
                "places",
                f"{', '.join(tables)} have rows of jobs that don't exist: {several([row[1] for row in strays], 3)}",
                "They do no harm but to take space and confuse; delete them by hand",
                rows=[list(row) for row in strays],
            )
        )
    looked_at = rows[0][5]
    some = (
        f"the newest and the oldest {HALF:,} jobs are"
        if looked_at >= 2 * HALF
        else f"all {looked_at:,} jobs are"
    )
    return found or [fine("places", f"{some} in exactly one place each", looked_at=looked_at)]


def _misplaced(job_id: str, finished: int, pending: int, blocked: int, leases: int) -> Finding:
    places = [
        name for name, there in (("finished", finished), ("pending", pending), ("blocked", blocked)) if there
    ]
    places += [f"{leases} leases" if leases > 1 else "a lease"] if leases and not finished else []
    data: dict[str, Any] = {"job": job_id, "places": places}
    if not places:
        what = f"job {job_id} is in none of the places where a job can be: it would never run"
    else:
        what = f"job {job_id} is in {' and '.join(places)} at once: it may run twice"
    return error("places", what, REMEDY, **data)
