"""Jobs looked at and changed by people and programs, many by filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from holdfast.core.errors import WrongState
from holdfast.core.job import JobRecord
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer, JobFilter
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.jobs import KeepOf, cancel, delete, get_many, retry
from holdfast.store.verbs.unique import take_again

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
        case JobState.BLOCKED:
            name = "blocked_ids"
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


class Cancels(NamedTuple):
    """What became of some jobs that were to be cancelled."""

    answers: list[CancelAnswer]
    """In the order of the jobs."""
    ended: list[JobRecord]
    """Those that are cancelled by it, where that was asked for."""

    @property
    def effective(self) -> int:
        """How many were cancelled, or asked."""
        return sum(one in (CancelAnswer.CANCELLED, CancelAnswer.REQUESTED) for one in self.answers)


def cancel_some(
    ids: Sequence[str], now: int, kept: int | KeepOf | None, force: bool, look: bool = False
) -> Verb[Cancels]:
    """Cancel some jobs; with `look`, those that are cancelled now are read as well."""
    before = (yield from get_many(ids)) if look else []
    answers: list[CancelAnswer] = []
    for job_id in ids:
        answer = yield from cancel(job_id, now, kept, force)
        answers.append(answer)
    if not look:
        return Cancels(answers, [])
    ended = {one for one, answer in zip(ids, answers, strict=True) if answer is CancelAnswer.CANCELLED}
    found = {record.job_id: record for record in (yield from get_many(list(ended)))} if ended else {}
    # Of those that were not kept only what was seen before is left to tell.
    return Cancels(
        answers, [found.get(one.job_id) or _cancelled(one, now) for one in before if one.job_id in ended]
    )


def _cancelled(record: JobRecord, now: int) -> JobRecord:
    return msgspec.structs.replace(record, state=JobState.CANCELLED, finished_at=now)


def retry_some(ids: list[str]) -> Verb[int]:
    """Bring some ended jobs back; returns how many.

    Passed over are those whose arguments were not kept, and unique ones whose key another job has.
    """
    without = {row[0] for row in (yield Statement("lost_args", {"ids": ids}))}
    ended = [row[0] for row in (yield Statement("lock_finished", {"ids": sorted(ids)}))]
    places = (yield Statement("job_places", {"ids": ended})) if ended else []
    held = sorted((row[0], row[5]) for row in places if row[5] is not None and row[0] not in without)
    if held:
        without |= (yield from take_again(held)).keys()
    return (yield from _each([job_id for job_id in ids if job_id not in without], retry))


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
