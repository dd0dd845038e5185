"""Changing jobs that wait: their priority, time, queue and arguments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec

from holdfast.core.errors import StoreError
from holdfast.core.lines import in_lane, is_ordered
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs.lines import BLOCKED, PENDING, arrive, note_gone

TRIES = 50
"""As of `verbs.jobs`."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be another; None stays as it is."""

    priority: int | None = None
    run_at: int | None = None
    queue: str | None = None
    args: str | None = None
    fifo: Collection[str] = ()
    """The names of the queues that are known to be FIFO queues."""


class Answer(StrEnum):
    """What became of a change."""

    CHANGED = "changed"
    TOO_LATE = "too late"
    """It runs, or has ended."""
    NOT_FOUND = "not found"
    PRIORITY = "priority"
    """Refused: a FIFO queue has no priorities."""
    KEY = "key"
    """Refused: a job with an ordering key can't go into a FIFO queue."""
    UNIQUE = "unique"
    """Refused: what makes the job unique was computed from its arguments and its queue."""


class _Place(msgspec.Struct, frozen=True):
    """Where a job stands."""

    queue: str
    line: str | None
    limits: str | None
    priority: int


def change(job_id: str, what: Change, now: int) -> Verb[Answer]:
    """Change a job that waits.

    A job with an ordering key, or of a FIFO queue, that waits for its retry keeps its turn. With another queue it
    leaves the order of the old one: the key goes with it, unless the old or the new queue is a FIFO queue.

    Args:
        job_id: which.
        what: to change.
        now: the store's time; an earlier `run_at` is now.
    """
    for _ in range(TRIES):
        rows = yield Statement("lift_pending", {"id": job_id})
        blocked = [] if rows else (yield Statement("lift_blocked", {"id": job_id}))
        if rows or blocked:
            return (yield from _changed(job_id, what, now, (rows or blocked)[0], blocked=bool(blocked)))
        if not (yield Statement("existing_jobs", {"ids": [job_id]})):
            return Answer.NOT_FOUND
        if (yield Statement("finished_runs", {"ids": [job_id]})) or (
            yield Statement("leases_naming", {"ids": [job_id]})
        ):
            return Answer.TOO_LATE
    raise StoreError(f"job {job_id} could not be found where it waits; run `holdfast doctor`")


def change_some(ids: Sequence[str], what: Change, now: int) -> Verb[int]:
    """Change some jobs; those that don't wait, or can't be changed so, are passed over. Returns how many."""
    done = 0
    for job_id in ids:
        done += (yield from change(job_id, what, now)) is Answer.CHANGED
    return done


def _changed(job_id: str, what: Change, now: int, row: Row, *, blocked: bool) -> Verb[Answer]:
    """Put a job that was lifted from where it waited to where it is to wait."""
    queue, key, lane, run_at, task, run, attempt, crashes = row
    found = (yield Statement("job_places", {"ids": [job_id]}))[0]
    old = _Place(found[2], found[4], found[6], found[3])
    new, refused = _placed(old, what)
    if found[5] is not None and (what.args is not None or new.queue != old.queue):
        refused = Answer.UNIQUE
    if refused is not None:
        # As it was: the transaction may be the caller's, who goes on with it.
        if blocked:
            yield Many("block", BLOCKED, [(queue, key, run_at, job_id, lane, task, run, attempt, crashes)])
        else:
            yield Many("wait", PENDING, [(queue, lane, run_at, job_id, task, run, attempt, crashes)])
        return refused
    at = _time(what.run_at, run_at, now)
    if (new.queue, new.line) != (old.queue, old.line):
        # Before its line is another: it is read from the job.
        yield from note_gone([(job_id, run)], ran=False)
    values = {
        "id": job_id,
        "queue": new.queue,
        "priority": new.priority,
        "line": new.line,
        "limits": new.limits,
    }
    yield Statement("change_job", {**values, "args": what.args, "run_at": at})
    lane += new.priority - old.priority
    due = run_at if at is None else at
    if new.line is None:
        yield Many("wait", PENDING, [(new.queue, lane, due, job_id, task, run, attempt, crashes)])
        yield Wake(due=((new.queue, lane, due),))
    else:
        line = in_lane(new.line, lane)
        yield Many("block", BLOCKED, [(new.queue, line, due, job_id, lane, task, run, attempt, crashes)])
        yield from arrive([(job_id, new.queue, line, lane)])
    return Answer.CHANGED


def _placed(old: _Place, what: Change) -> tuple[_Place, Answer | None]:
    """Where it is to stand, and why it can't."""
    queue = what.queue or old.queue
    line, limits = old.line, old.limits
    priority = old.priority if what.priority is None else what.priority
    ordered = line is not None and is_ordered(line)
    if queue != old.queue:
        if queue in what.fifo:
            if ordered and line:
                return old, Answer.KEY
            line = ""
        elif line == "":
            line = None
    if line == "" and priority:
        return old, Answer.PRIORITY
    if queue != old.queue or what.args is not None:
        # What limits it may be another now. Where it stands in no line, whoever claims it finds out and puts it there.
        limits = None
        line = line if line is not None and is_ordered(line) else None
    elif line is not None:
        line = in_lane(line, priority)
    return _Place(queue, line, limits, priority), None


def _time(wanted: int | None, run_at: int, now: int) -> int | None:
    """The new run time; None leaves it, as where it is due and is to be."""
    if wanted is None or (wanted <= now and run_at <= now):
        return None
    return max(wanted, now)
