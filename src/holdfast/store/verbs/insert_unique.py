"""New jobs of which some are unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.core.errors import JobExists, StoreError
from holdfast.core.job import JobRecord, NewJob
from holdfast.core.lines import encode_limits, is_ordered, line_of
from holdfast.core.states import JobState
from holdfast.core.unique import WAITING as WAITING_STATES
from holdfast.core.unique import UniqueKey, holds_in
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs.ending import forgotten_runs
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.jobs import get
from holdfast.store.verbs.lines import BLOCKED, arrive, note_gone
from holdfast.store.verbs.settle import WAITING
from holdfast.store.verbs.unique import TRIES, Wanted, holder, release, take


class Met(NamedTuple):
    """The job that an enqueue met in place of its own."""

    job_id: str
    record: JobRecord | None
    """None where a window keeps others out and the job is gone."""


class _Batch(NamedTuple):
    """What comes of the jobs that are enqueued together."""

    new: dict[str, NewJob]
    """To be stored, as amended by later ones of the batch."""
    met: dict[str, str]
    """By the id of a job that isn't stored: that of the one that has its key."""


def insert_unique(jobs: Sequence[NewJob], *, resent: bool = False) -> Verb[list[Met | None]]:
    """Store new jobs, all or none, but for those whose key another job has; returns what these have met.

    Args:
        jobs: see `insert`.
        resent: see `insert`.

    Raises:
        JobExists: a job with one of these ids is kept already, or another has the key of one that is to be refused
            then (`on_conflict`), or that can't be amended any more.
    """
    done = (yield from _stored(jobs)) if resent else set[str]()
    batch = _Batch({job.job_id: job for job in jobs if job.unique_key is None and not done}, {})
    keyed: dict[str, list[NewJob]] = {}
    for job in jobs:
        if job.unique_key is not None and job.job_id not in done:
            keyed.setdefault(job.unique_key.text, []).append(job)
    holders = yield from take(_wanted(group[0]) for group in keyed.values())
    for key in sorted(keyed):
        yield from _place(batch, keyed[key], holders[key])
    if resent and batch.new:
        yield from _pass_over(batch, done)
    if batch.new:
        yield from insert([batch.new[job.job_id] for job in jobs if job.job_id in batch.new], resent=resent)
    met: list[Met | None] = []
    for job in jobs:
        job_id = batch.met.get(job.job_id)
        if job_id is None:
            met.append(None)
        else:
            met.append(Met(job_id, (yield from get(job_id))))
    return met


def _wanted(job: NewJob) -> Wanted:
    key = _key(job)
    return Wanted(key.text, job.job_id, key.window)


def _key(job: NewJob) -> UniqueKey:
    if job.unique_key is None:
        raise ValueError(f"job {job.job_id} has no unique key")
    return job.unique_key


def _place(batch: _Batch, group: Sequence[NewJob], holds: str) -> Verb[None]:
    """Decide on the jobs of one key, in their order.

    Args:
        batch: takes what is decided.
        group: of one key.
        holds: the id of the job that has it.
    """
    for _ in range(TRIES):
        first = group[0]
        is_new = holds == first.job_id
        winner = first
        for job in group[1:] if is_new else group:
            if job.on_conflict == "raise":
                raise (yield from _refusal(job, holds, in_batch=is_new))
            if is_new:
                winner = _amended(winner, job)
            elif job.on_conflict != "existing" and not (yield from _amend(job, holds)):
                break
            batch.met[job.job_id] = holds
        else:
            if is_new:
                batch.new[first.job_id] = winner
            return
        # It was given up while we looked.
        holds = (yield from take([_wanted(first)]))[_key(first).text]
    raise StoreError(f"unique key {_key(group[0]).text} changes hands all the time; try again")


def _amended(winner: NewJob, by: NewJob) -> NewJob:
    """A job that isn't stored yet, with what a later one of its batch changes."""
    if by.on_conflict == "existing":
        return winner
    if by.on_conflict == "debounce":
        return winner.replace(args=by.args, run_at=by.run_at, delay=by.delay)
    return winner.replace(args=by.args)


def _amend(job: NewJob, holds: str) -> Verb[bool]:
    """Change a job that is stored; False if the key isn't its any more, or it was moving: a fresh look tells.

    Raises:
        JobExists: it waits no more, so that nothing of it can be changed.
    """
    rows = yield Statement("lock_waiting", {"id": holds})
    # Behind the lock, which may have waited for the end of that job.
    if (yield from holder(_key(job).text)) != holds:
        return False
    if not rows:
        record = yield from get(holds)
        if record is not None and (record.state in WAITING_STATES or record.state.terminal):
            # It moves, or has ended meanwhile and has no key any more.
            return False
        raise (yield from _refusal(job, holds))
    yield Many("change_args", ("id", "args"), [(holds, job.args)])
    yield from _put_off(job, holds, rows[0])
    return True


def _put_off(job: NewJob, holds: str, row: Row) -> Verb[None]:
    """Have a job that waits stand where another that has its key was to, and, debounced, run when that was to."""
    queue, lane, due, task, run, attempt, crashes, blocked = row
    place = (yield Statement("job_places", {"ids": [holds]}))[0]
    old: str | None = place[4]
    # What it is limited by may follow from its arguments; its key and its queue stay as they are.
    line = (
        old
        if old is None or is_ordered(old) or job.queue != queue
        else line_of(None, lane, job.share, job.limits)
    )
    if job.on_conflict != "debounce" and line == old:
        return
    if job.on_conflict == "debounce":
        now: int = (yield Statement("server_time"))[0][0]
        due = max(now, now + (job.delay or 0) if job.run_at is None else job.run_at)
    if blocked:
        # If it has the turn, it would hold up the others of its ordering key until then.
        yield from note_gone([(holds, run)], ran=False)
    yield Statement("take_blocked" if blocked else "take_pending", {"id": holds})
    if line != old:
        yield Many("adopt", ("id", "line", "limits"), [(holds, line, encode_limits(job.limits))])
    if line is None:
        yield Many("wait", WAITING, [(queue, lane, due, holds, task, run, attempt, crashes)])
        yield Wake(due=((queue, lane, due),))
    else:
        yield Many("block", BLOCKED, [(queue, line, due, holds, lane, task, run, attempt, crashes)])
        yield from arrive([(holds, queue, line, lane)])


def _refusal(job: NewJob, holds: str, *, in_batch: bool = False) -> Verb[JobExists]:
    if in_batch:
        return JobExists(
            f"a job of {job.task} with unique key {_key(job).text} is twice in one batch; nothing was enqueued",
            existing=holds,
        )
    record = yield from get(holds)
    state = "gone, and its window isn't over" if record is None else record.state.value
    said = f"a job of {job.task} with unique key {_key(job).text} is there already: {holds}, which is {state}"
    if job.on_conflict == "raise":
        return JobExists(f"{said}; nothing was enqueued", existing=holds)
    return JobExists(
        f'{said}: its arguments can\'t be changed any more, and nothing was enqueued. Unique(while_="waiting") gives '
        "the key up when a job is started, so that the next one is a job of its own",
        existing=holds,
    )


# --- sent again --------------------------------------------------------------------------------------------------


def _stored(jobs: Sequence[NewJob]) -> Verb[set[str]]:
    """Those that an earlier try has stored: they are there, or have run since and were not kept."""
    ids = [job.job_id for job in jobs]
    found = {str(row[0]) for row in (yield Statement("existing_jobs", {"ids": ids}))}
    if len(found) < len(ids):
        found.update(run[0] for run in (yield from forgotten_runs(ids)))
    return found


def _pass_over(batch: _Batch, done: set[str]) -> Verb[None]:
    """Leave out what an earlier try has stored after all, while its keys were waited for."""
    late = (yield from _stored(list(batch.new.values()))) - done
    if not late:
        return
    # Those that have ended since had given up the keys that were now taken for them. Locked: nobody brings them back.
    ended = {row[0]: JobState(row[2]) for row in (yield Statement("lock_finished", {"ids": sorted(late)}))}
    there = {row[0] for row in (yield Statement("existing_jobs", {"ids": sorted(late)}))}
    over: list[tuple[str, str]] = []
    for job_id in sorted(late):
        key = batch.new[job_id].unique_key
        if key is None or key.held is None:
            continue
        gone = job_id not in there or (job_id in ended and not holds_in(key.held, ended[job_id]))
        # One that has started, too, may have given up its key before. Locked as well, where it still waits.
        if gone or (
            not holds_in(key.held, JobState.RUNNING) and not (yield Statement("lock_waiting", {"id": job_id}))
        ):
            over.append((job_id, key.held))
    yield from release(over)
    for job_id in list(batch.new):
        if job_id in late or batch.new[job_id].unique_key is None:
            del batch.new[job_id]
