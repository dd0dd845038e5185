"""What a run says of itself while it goes on."""

from __future__ import annotations

from holdfast.store.statement import Statement, Verb


def progress(lease: str, worker: str, job_id: str, run: int, percent: int, message: str | None) -> Verb[bool]:
    """Keep the progress of a run. False: its lease is lost, and nothing was written."""
    rows = yield Statement("lock_leases_shared", {"leases": [lease]})
    if not rows or rows[0][1] != worker or job_id in rows[0][2]:
        return False
    # A run that has ended no longer owns its job, although its lease still names it.
    if (yield Statement("finished_runs", {"ids": [job_id]})):
        return False
    yield Statement("write_progress", {"id": job_id, "run": run, "percent": percent, "message": message})
    return True
