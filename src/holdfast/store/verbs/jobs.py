"""Jobs looked at and changed by people and programs, one by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from holdfast.core.errors import JobExists, StoreError, WrongState
from holdfast.core.job import Claimed, JobRecord, RunError, Settlement
from holdfast.core.lifecycle import ending_of
from holdfast.core.retention import Keep
from holdfast.core.states import JobState, Reason
from holdfast.core.unique import key_of
from holdfast.store.records import CancelAnswer
from holdfast.store.statement import Many, Row, Rows, Statement, Verb, Wake
from holdfast.store.verbs.lines import arrive, note_gone
from holdfast.store.verbs.retention import forget
from holdfast.store.verbs.settle import apply
from holdfast.store.verbs.unique import take_again

KeepOf = Callable[[str, str], Keep]
"""From the names of a task and a queue to what is kept of their ended jobs."""

TRIES = 50
"""A job found in none of its places is on its way between two of them: a fresh look finds it."""


def get(job_id: str) -> Verb[JobRecord | None]:
    """One job, or None."""
    records = yield from get_many([job_id])
    return records[0] if records else None


def get_many(ids: Sequence[str]) -> Verb[list[JobRecord]]:
    """The jobs with these ids, newest first; what doesn't exist is left out."""
    running: list[str] = []
    wanted = list(dict.fromkeys(ids))
    for _ in range(TRIES):
        rows = yield Statement("get_jobs", {"ids": wanted})
        running = [row[0] for row in rows if row[8] == JobState.RUNNING]
        if not running:
            return [_record(row) for row in rows]
        leased = yield Statement("leases_naming", {"ids": running})
        held = {row[0]: row for row in leased}
        if all(job_id in held for job_id in running):
            asked = yield Statement("cancel_requests", {"ids": running})
            requests = {(row[0], row[1]) for row in asked}
            return [_record(row, held.get(row[0]), requests) for row in rows]
    raise nowhere(running[0])


def errors(job_id: str) -> Verb[list[RunError]]:
    """The failed runs of a job that are kept, oldest first."""
    rows = yield Statement("get_errors", {"id": job_id})
    return [RunError(*row) for row in rows]


def ended(ids: Sequence[str]) -> Verb[list[JobRecord]]:
    """Those of some jobs that have ended."""
    rows = yield Statement("get_jobs", {"ids": list(dict.fromkeys(ids))})
    return [_record(row) for row in rows if JobState(row[8]).terminal]


def cancel_requests(runs: Sequence[tuple[str, int]]) -> Verb[list[str]]:
    """Which of some runs were asked to cancel: the ids of their jobs."""
    rows = yield Statement("cancel_requests", {"ids": [job_id for job_id, _ in runs]})
    wanted = set(runs)
    return [row[0] for row in rows if (row[0], row[1]) in wanted]


def cancel(job_id: str, now: int, kept: int | KeepOf | None, force: bool = False) -> Verb[CancelAnswer]:
    """Cancel a job: at once if it waits, on request if it runs, at once with its lease taken away if forced.

    Args:
        job_id: which.
        now: the store's time.
        kept: until when the cancelled job is kept, None for ever; or what says so for its task and queue.
        force: take the lease of a running job away; what its run decides later is refused.
    """
    for _ in range(TRIES):
        taken = yield from _take_waiting(job_id)
        if taken:
            # Before the job may vanish: its line is read from it.
            yield from note_gone([(job_id, taken[0][0])], ran=False)
            yield from _end_cancelled(job_id, now, kept, (*taken[0], None, None))
            return CancelAnswer.CANCELLED
        finished = yield Statement("finished_runs", {"ids": [job_id]})
        if finished:
            return CancelAnswer.ENDED
        named = yield from _locked_lease(job_id)
        if named is not None:
            _, lease, worker, run, attempt, crashes, started_at = named
            if not force:
                yield Statement("request_cancel", {"id": job_id, "run": run})
                yield Wake(cancel=(job_id,))
                return CancelAnswer.REQUESTED
            yield Many("release", ("lease", "id"), [(lease, job_id)])
            yield from note_gone([(job_id, run)], ran=True)
            yield from _end_cancelled(job_id, now, kept, (run, attempt, crashes, worker, started_at))
            yield Wake(cancel=(job_id,))
            return CancelAnswer.CANCELLED
        if not (yield Statement("existing_jobs", {"ids": [job_id]})):
            return CancelAnswer.NOT_FOUND
    raise nowhere(job_id)


def retry(job_id: str) -> Verb[bool]:
    """Bring an ended job back with attempt 0; its history is kept. False if it has not ended or doesn't exist.

    Raises:
        WrongState: its arguments were not kept.
        JobExists: it is unique, and another job has its key now.
    """
    locked = yield Statement("lock_finished", {"ids": [job_id]})
    if locked and (yield Statement("lost_args", {"ids": [job_id]})):
        raise no_payload(job_id)
    run = yield from _take_finished(job_id)
    if run is None:
        return False
    rows = yield Statement("wait_again", {"id": job_id, "run": run})
    if rows:
        queue, lane, unique = rows[0]
        yield Wake(due=((queue, lane, None),))
    else:
        queue, line, lane, unique = (yield Statement("block_again", {"id": job_id, "run": run}))[0]
        yield from arrive([(job_id, queue, line, lane)])
    if unique is not None:
        yield from take_back(job_id, unique)
    return True


def take_back(job_id: str, held: str) -> Verb[None]:
    """Take the unique key of a job that is brought back.

    Raises:
        JobExists: another job has it.
    """
    refused = yield from take_again([(job_id, held)])
    if refused:
        raise JobExists(
            f"job {job_id} can't be brought back: its unique key {key_of(held)} is job {refused[job_id]}'s now. Wait "
            "until that one has ended, or cancel it",
            existing=refused[job_id],
        )


def delete(job_id: str) -> Verb[bool]:
    """Delete a job that doesn't run, with all that is kept of it. False if it doesn't exist.

    Raises:
        WrongState: it is running.
    """
    for _ in range(TRIES):
        taken = yield from _take_waiting(job_id)
        if taken:
            yield from note_gone([(job_id, taken[0][0])], ran=False)
        if taken or (yield from _take_finished(job_id)) is not None:
            yield from forget([job_id])
            return True
        if not (yield Statement("existing_jobs", {"ids": [job_id]})):
            return False
        if (yield Statement("leases_naming", {"ids": [job_id]})):
            raise WrongState(
                f"job {job_id} is running and can't be deleted; cancel it first (force=True ends it now)"
            )
    raise nowhere(job_id)


def _take_waiting(job_id: str) -> Verb[Rows]:
    """Remove a job from where it waits; one row with its run, attempt and crashes, if it waited."""
    taken = yield Statement("take_pending", {"id": job_id})
    return taken or (yield Statement("take_blocked", {"id": job_id}))


def _take_finished(job_id: str) -> Verb[int | None]:
    """Remove a job from finished and from every lease that still names it, in the order that can't deadlock.

    The leases first: otherwise a settlement that is sent again would put the job back. Returns its run.
    """
    rows = yield Statement("lock_finished", {"ids": [job_id]})
    if not rows:
        return None
    naming = yield Statement("leases_naming", {"ids": [job_id]})
    if naming:
        leases = sorted({row[1] for row in naming})
        yield Statement("lock_leases", {"leases": leases})
        yield Many("release", ("lease", "id"), [(lease, job_id) for lease in leases])
    yield Statement("delete_finished", {"ids": [job_id]})
    # What is brought back by hand is wanted, whatever it once said.
    yield Statement("drop_expiries", {"ids": [job_id]})
    run: int = rows[0][1]
    return run


def _locked_lease(job_id: str) -> Verb[Row | None]:
    """Lock the lease that owns a job, and look again in a second statement, which sees what was committed meanwhile."""
    naming = yield Statement("leases_naming", {"ids": [job_id]})
    if not naming:
        return None
    yield Statement("lock_leases", {"leases": sorted({row[1] for row in naming})})
    naming = yield Statement("leases_naming", {"ids": [job_id]})
    finished = yield Statement("finished_runs", {"ids": [job_id]})
    return naming[0] if naming and not finished else None


def _end_cancelled(job_id: str, now: int, kept: int | KeepOf | None, last: Row) -> Verb[None]:
    """`last` is run, attempt, crashes, worker and begin of the job's last run."""
    run, attempt, crashes, worker, started_at = last
    place = (yield Statement("job_places", {"ids": [job_id]}))[0]
    if callable(kept):
        keep = kept(place[1], place[2])
        expires_at = keep.expires_at(JobState.CANCELLED, now)
        ending = ending_of(JobState.CANCELLED, keep)
    else:
        expires_at, ending = kept, None
    # An end that is only noted, or leaves nothing, asks for no more than the id of its job and its unique key.
    job = Claimed(
        job_id, "", "", 0, "", None, None, run, attempt, crashes, now, now, unique=place[5], started_at=started_at
    )  # fmt: skip
    cancelled = Settlement(
        job=job,
        state=JobState.CANCELLED,
        attempt=attempt,
        crashes=crashes,
        at=now,
        expires_at=expires_at,
        ending=ending,
    )
    yield from apply(worker, [cancelled], [])


def no_payload(job_id: str) -> WrongState:
    """The error of a job that can't run again."""
    return WrongState(
        f"job {job_id} can't be brought back: its retention policy has removed its arguments. Enqueue it anew, and "
        'keep them with Retention(payload="failed") where jobs are to be retried'
    )


def _record(
    row: Row, held: Row | None = None, requests: AbstractSet[tuple[str, int]] = frozenset()
) -> JobRecord:
    fields: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    fields["state"] = JobState(row[8])
    fields["reason"] = Reason(row[9]) if row[9] is not None else None
    if held is not None:
        _, _, worker, run, attempt, crashes, started_at = held
        fields.update(worker=worker, run=run, attempt=attempt, crashes=crashes, started_at=started_at)
    if fields.pop("progress_run") != fields["run"]:
        fields.update(progress=None, progress_message=None)  # an earlier run's
    asked = held is not None and (row[0], held[3]) in requests
    return JobRecord(**fields, cancel_requested=asked)


_FIELDS = (
    "job_id",
    "task",
    "queue",
    "priority",
    "args",
    "meta",
    "overrides",
    "created_at",
    "state",
    "reason",
    "run",
    "attempt",
    "crashes",
    "run_at",
    "started_at",
    "finished_at",
    "worker",
    "result",
    "progress",
    "progress_message",
    "progress_run",
    "ordering_key",
    "origin",
)


def nowhere(job_id: str) -> StoreError:
    """The error of a job that is in no place, even at a fresh look."""
    return StoreError(
        f"job {job_id} is in none of the places where a job can be; the database was changed by something else. "
        "Run `holdfast doctor` to see what is out of place"
    )
