"""New jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from holdfast.core.errors import JobExists
from holdfast.core.job import NewJob
from holdfast.core.lines import encode_limits
from holdfast.core.payload import encode_meta
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs import expiry
from holdfast.store.verbs.lines import arrive

COLUMNS = ("id", "queue", "task", "priority", "args", "meta", "overrides", "run_at", "delay", "unique_key")
LINED = (*COLUMNS, "line", "limits")


def insert(jobs: Sequence[NewJob], *, resent: bool = False) -> Verb[None]:
    """Store new jobs, all or none.

    Args:
        jobs: in the order in which they are to run, where their run times are equal.
        resent: True when an earlier try may have been committed without an answer: jobs that are there already
            are then taken for its work.

    Raises:
        JobExists: a job with one of these ids is kept already, or ended minutes ago and was not kept.
    """
    if not jobs:
        return
    if resent and (yield from _is_done(jobs)):
        return
    lines = [job.line for job in jobs]
    plain = [job for job, line in zip(jobs, lines, strict=True) if line is None]
    inserted = yield from _insert_plain(plain)
    if len(plain) < len(jobs):
        inserted += yield from _insert_lined(
            [(job, line) for job, line in zip(jobs, lines, strict=True) if line is not None]
        )
    if inserted != len(jobs):
        # The earlier try may have committed between the two statements.
        if not (resent and not inserted and (yield from _is_done(jobs))):
            _refuse([job.job_id for job in jobs])
        return
    yield from expiry.note(jobs)
    chosen = [job.job_id for job in jobs if resent or not job.new_id]
    if chosen:
        # In a statement behind the insert, which may have waited for the end of a job with such an id.
        ended = yield from _remembered(chosen)
        if resent and len(ended) == len(jobs):
            yield from _take_back(chosen)
        elif ended:
            _refuse_ended(ended)


def _insert_plain(jobs: Sequence[NewJob]) -> Verb[int]:
    """Jobs that run as soon as they are due; returns how many were new."""
    if not jobs:
        return 0
    rows = [_row(job) for job in jobs]
    inserted: int
    if len(rows) == 1:
        inserted = len((yield Statement("insert_job", dict(zip(COLUMNS, rows[0], strict=True)))))
    else:
        inserted = (yield Many("insert_jobs", COLUMNS, rows))[0][0]
    if inserted == len(rows):
        yield Many("insert_pending", COLUMNS, rows)
        yield Wake(due=tuple(_first_due(jobs).values()))
    return inserted


def _insert_lined(jobs: Sequence[tuple[NewJob, str]]) -> Verb[int]:
    """Jobs that stand in lines; returns how many were new."""
    rows = [(*_row(job), line, encode_limits(job.limits)) for job, line in jobs]
    inserted: int = (yield Many("insert_lined", LINED, rows))[0][0]
    if inserted == len(rows):
        yield Many("block_new", LINED, rows)
        yield from arrive((job.job_id, job.queue, line, job.priority) for job, line in jobs)
    return inserted


def _row(job: NewJob) -> Row:
    return (
        job.job_id,
        job.queue,
        job.task,
        job.priority,
        job.args,
        encode_meta(job.meta) if job.meta else None,
        job.overrides.encode() if job.overrides is not None else None,
        job.run_at,
        job.delay or 0,
        None if job.unique_key is None else job.unique_key.held,
    )


def joined(calls: Sequence[Callable[[], Verb[Any]]]) -> Callable[[], Verb[None]] | None:
    """One insert in place of several calls of it, which then share their statements; None if they aren't such calls.

    It fails as a whole where one of them would.
    """
    jobs: list[NewJob] = []
    for call in calls:
        if not isinstance(call, partial) or call.func is not insert or call.keywords:
            return None
        jobs += call.args[0]
    return partial(insert, jobs)


def _first_due(jobs: Sequence[NewJob]) -> dict[tuple[str, int], tuple[str, int, int | None]]:
    """The earliest run time of each lane; None where it is now."""
    first: dict[tuple[str, int], tuple[str, int, int | None]] = {}
    for job in jobs:
        lane = (job.queue, job.priority)
        known = first.get(lane)
        if known is not None and known[2] is None:
            continue
        # A delay counts from the store's clock; saying "now" only costs the worker a look.
        at = job.run_at if job.delay is None else None
        if known is None or at is None or (known[2] is not None and at < known[2]):
            first[lane] = (*lane, at)
    return first


def _is_done(jobs: Sequence[NewJob]) -> Verb[bool]:
    """Whether an earlier try has stored all of these: those that are there no more have run since."""
    ids = [job.job_id for job in jobs]
    found = {str(row[0]) for row in (yield Statement("existing_jobs", {"ids": ids}))}
    if len(found) < len(ids):
        found.update((yield from _remembered(ids)))
    return len(found) == len(ids)


def _remembered(ids: list[str]) -> Verb[list[str]]:
    """Those of jobs that ended minutes ago and of which nothing was kept: as taken as those that are kept."""
    rows = yield Statement("forgotten_runs", {"ids": ids})
    return [str(row[0]) for row in rows]


def _take_back(ids: list[str]) -> Verb[None]:
    for job_id in ids:
        yield Statement("take_pending", {"id": job_id})
        yield Statement("take_blocked", {"id": job_id})
    yield Statement("delete_jobs", {"ids": ids})


def _refuse_ended(ids: list[str]) -> NoReturn:
    raise JobExists(
        f"a job with id {ids[0]} ended a few minutes ago, and nothing was kept of it; nothing was enqueued. "
        "Use another id: one can be used again when ten minutes have passed"
    )


def _refuse(ids: list[str]) -> NoReturn:
    """Say which id can't be used. The caller's transaction is rolled back with the error."""
    if len(set(ids)) != len(ids):
        twice = next(job_id for job_id in ids if ids.count(job_id) > 1)
        raise JobExists(f"job {twice} is twice in one batch; every job needs an id of its own")
    if len(ids) > 1:
        # Those that were new have been inserted in this transaction, and can't be told from the others any more.
        some = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
        raise JobExists(
            f"one of the ids of this batch of {len(ids)} ({some}) belongs to a job that exists already; nothing was "
            "enqueued. Leave out id= to have new ids made"
        )
    raise JobExists(
        f"a job with id {ids[0]} exists already; nothing was enqueued. Use another id, or look it up"
    )
