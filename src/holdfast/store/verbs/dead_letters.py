"""Failed jobs: found, brought back and removed, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.job import JobRecord
from holdfast.core.states import JobState
from holdfast.store.records import LetterFilter
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs.jobs import get_many, no_payload, take_back
from holdfast.store.verbs.lines import BLOCKED, arrive
from holdfast.store.verbs.retention import forget
from holdfast.store.verbs.search import NEWEST
from holdfast.store.verbs.settle import WAITING
from holdfast.store.verbs.unique import take_again


def find_letters(filter: LetterFilter) -> Verb[list[str]]:
    """The ids of a page of failed jobs, newest first."""
    params = {**_params(filter), "before": filter.before or NEWEST, "limit": filter.limit}
    return [row[0] for row in (yield Statement("dead_letter_ids", params))]


def list_letters(filter: LetterFilter) -> Verb[list[JobRecord]]:
    """A page of failed jobs, newest first. The next page begins below the last id of this one."""
    ids = yield from find_letters(filter)
    records = (yield from get_many(ids)) if ids else []
    # Between the two statements a job may have been brought back.
    return [record for record in records if record.state is JobState.FAILED]


def count_letters(filter: LetterFilter) -> Verb[int]:
    """How many failed jobs there are."""
    number: int = (yield Statement("count_dead_letters", _params(filter)))[0][0]
    return number


def redrive(ids: Sequence[str], now: int) -> Verb[int]:
    """Bring some failed jobs back with attempt 0; returns how many.

    Those that haven't failed, those whose arguments were not kept, and unique ones whose key another job has, are left
    as they are.
    """
    runs = {row[0]: row[1] for row in (yield from _locked(ids))}
    if runs:
        for row in (yield Statement("lost_args", {"ids": list(runs)})):
            del runs[row[0]]
    if not runs:
        return 0
    places = sorted((yield Statement("job_places", {"ids": list(runs)})), key=lambda row: row[0])
    held = [(row[0], row[5]) for row in places if row[5] is not None]
    if held:
        refused = yield from take_again(held)
        places = [row for row in places if row[0] not in refused]
        if not places:
            return 0
    back = [row[0] for row in places]
    yield from _take(back)
    # What is brought back by hand is wanted, whatever it once said.
    yield Statement("drop_expiries", {"ids": back})
    yield from _wait(
        [
            (queue, lane, now, job_id, task, runs[job_id], 0, 0)
            for job_id, task, queue, lane, line, *_ in places
            if line is None
        ]
    )
    yield from _block(
        [
            (queue, line, now, job_id, lane, task, runs[job_id], 0, 0)
            for job_id, task, queue, lane, line, *_ in places
            if line is not None
        ]
    )
    return len(places)


def _wait(rows: Sequence[Row]) -> Verb[None]:
    if rows:
        yield Many("wait", WAITING, rows)
        lanes = dict.fromkeys((row[0], row[1]) for row in rows)
        yield Wake(due=tuple((queue, lane, None) for queue, lane in lanes))


def _block(rows: Sequence[Row]) -> Verb[None]:
    """Jobs that stand in lines: behind those that are due already."""
    if rows:
        yield Many("block", BLOCKED, rows)
        yield from arrive((row[3], row[0], row[1], row[4]) for row in rows)


def redrive_one(job_id: str, now: int) -> Verb[bool]:
    """Bring one failed job back. False if it hasn't failed.

    Raises:
        WrongState: its arguments were not kept.
        JobExists: it is unique, and another job has its key now.
    """
    if (yield from redrive([job_id], now)):
        return True
    if not (yield from _locked([job_id])):
        return False
    if (yield Statement("lost_args", {"ids": [job_id]})):
        raise no_payload(job_id)
    held = (yield Statement("job_places", {"ids": [job_id]}))[0][5]
    yield from take_back(job_id, held)
    return (yield from redrive([job_id], now)) > 0


def purge(ids: Sequence[str]) -> Verb[int]:
    """Delete some failed jobs with all that is kept of them; returns how many."""
    gone = [row[0] for row in (yield from _locked(ids))]
    if gone:
        yield from _take(gone)
        yield from forget(gone)
    return len(gone)


def _params(filter: LetterFilter) -> dict[str, object]:
    return {
        "queue": filter.queue,
        "task": filter.task,
        "reason": filter.reason,
        "error": filter.error,
        "since": filter.since,
        "until": filter.until,
    }


def _locked(ids: Sequence[str]) -> Verb[list[Row]]:
    """Lock those that have failed, in the order of their ids."""
    rows = yield Statement("lock_finished", {"ids": sorted(ids)})
    return [row for row in rows if row[2] == JobState.FAILED]


def _take(ids: list[str]) -> Verb[None]:
    """Remove locked jobs from finished, and from the leases that still name them.

    Otherwise a settlement that is sent again would put them back.
    """
    naming = yield Statement("leases_naming", {"ids": ids})
    if naming:
        yield Statement("lock_leases", {"leases": sorted({row[1] for row in naming})})
        yield Many("release", ("lease", "id"), [(row[1], row[0]) for row in naming])
    yield Statement("delete_finished", {"ids": ids})
