"""Jobs looked at and changed by people and programs, many by filter."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core.errors import WrongState
from holdfast.core.job import JobRecord
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer, JobFilter
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.jobs import cancel, delete, get_many, retry

NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Above every id."""


def list_jobs(filter: JobFilter) -> Verb[list[JobRecord]]:
    """A page of jobs, newest first. The next page begins below the last id of this one."""
    ids = yield from find(filter)
    if not ids:
        return []
    records = yield from get_many(ids)
    # Between the two statements a job may have moved on; the page shows what was asked for.
    return [r for r in records if filter.state is None or r.state is filter.state]


def find(filter: JobFilter) -> Verb[list[str]]:
    """The ids of a page of jobs, newest first."""
    params: dict[str, object] = {
        "before": filter.before or NEWEST,
        "queue": filter.queue,
        "task": filter.task,
        "limit": filter.limit,
    }
    match filter.state:
        case None:
            name = "job_ids"
        case JobState.PENDING:
            name = "pending_ids"
        case JobState.RUNNING:
            name = "running_ids"
        case JobState.SUCCEEDED:
            name = "succeeded_ids"
        case JobState.FAILED | JobState.CANCELLED:
            name, params["state"] = "other_finished_ids", filter.state
        case _:
            return []
    rows = yield Statement(name, params)
    return [row[0] for row in rows]


def cancel_some(ids: list[str], now: int, expires_at: int | None, force: bool) -> Verb[int]:
    """Cancel some jobs; returns how many were cancelled or asked."""
    done = 0
    for job_id in ids:
        answer = yield from cancel(job_id, now, expires_at, force)
        done += answer in (CancelAnswer.CANCELLED, CancelAnswer.REQUESTED)
    return done


def retry_some(ids: list[str]) -> Verb[int]:
    """Bring some ended jobs back; returns how many."""
    return (yield from _each(ids, retry))


def delete_some(ids: list[str]) -> Verb[int]:
    """Delete some jobs; those that run are passed over. Returns how many."""
    return (yield from _each(ids, _delete_unless_running))


def _each(ids: list[str], verb: Callable[[str], Verb[bool]]) -> Verb[int]:
    done = 0
    for job_id in ids:
        done += yield from verb(job_id)
    return done


def _delete_unless_running(job_id: str) -> Verb[bool]:
    try:
        return (yield from delete(job_id))
    except WrongState:
        return False
