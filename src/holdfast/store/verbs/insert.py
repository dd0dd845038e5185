"""New jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from holdfast.core.errors import JobExists
from holdfast.core.job import NewJob
from holdfast.core.payload import encode_meta
from holdfast.store.statement import Many, Statement, Verb, Wake

COLUMNS = ("id", "queue", "task", "priority", "args", "meta", "overrides", "run_at", "delay")


def insert(jobs: Sequence[NewJob], *, resent: bool = False) -> Verb[None]:
    """Store new jobs, all or none.

    Args:
        jobs: in the order in which they are to run, where their run times are equal.
        resent: True when an earlier try may have been committed without an answer: jobs that are there already
            are then taken for its work.

    Raises:
        JobExists: a job with one of these ids is kept already.
    """
    rows = [
        (
            job.job_id,
            job.queue,
            job.task,
            job.priority,
            job.args,
            encode_meta(job.meta) if job.meta else None,
            job.overrides.encode() if job.overrides is not None else None,
            job.run_at,
            job.delay or 0,
        )
        for job in jobs
    ]
    if not rows:
        return
    if resent:
        existing = yield from _existing([str(row[0]) for row in rows])
        if len(existing) == len(rows):
            return
    inserted = yield Many("insert_jobs", COLUMNS, rows)
    if inserted[0][0] != len(rows):
        if resent and not inserted[0][0]:
            # The earlier try may have committed between the two statements.
            existing = yield from _existing([str(row[0]) for row in rows])
            if len(existing) == len(rows):
                return
        _refuse(rows)
    yield Many("insert_pending", COLUMNS, rows)
    yield Wake(due=tuple(_first_due(jobs).values()))


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


def _existing(ids: list[str]) -> Verb[set[str]]:
    rows = yield Statement("existing_jobs", {"ids": ids})
    return {str(row[0]) for row in rows}


def _refuse(rows: Sequence[Sequence[object]]) -> NoReturn:
    """Say which id can't be used. The caller's transaction is rolled back with the error."""
    ids = [str(row[0]) for row in rows]
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
