"""What is known of a job at one moment: how it is found, in the units of the store, and as plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec

from holdfast.core.job import Claimed, JobRecord, NewJob, RunError, Settlement
from holdfast.core.lines import ordering_key_of
from holdfast.core.payload import decode_meta, encode_meta
from holdfast.core.states import JobState
from holdfast.core.times import to_datetime
from holdfast.store.statement import Verb
from holdfast.store.verbs.jobs import errors, get

UNREAD = ""
"""In place of an origin that a claim doesn't read: hardly any job has one."""


class Found(msgspec.Struct, frozen=True):
    """One job as it was found, with its failed runs."""

    record: JobRecord
    errors: list[RunError] | None
    """None where they weren't read."""


def look(job_id: str) -> Verb[Found | None]:
    """One job with its failed runs."""
    record = yield from get(job_id)
    if record is None:
        return None
    # The errors of a job that never ran need no look.
    return Found(record, (yield from errors(job_id)) if record.run else [])


def record_of_draft(draft: NewJob, at: int) -> JobRecord:
    """What is known of a job that was stored a moment ago, without reading it back.

    Args:
        draft: what was asked for.
        at: this host's time then.
    """
    state = JobState.PENDING if draft.line is None else JobState.BLOCKED
    run_at = at + (draft.delay or 0) if draft.run_at is None else max(draft.run_at, at)
    return JobRecord(
        job_id=draft.job_id, task=draft.task, queue=draft.queue, priority=draft.priority, args=draft.args,
        meta=encode_meta(draft.meta), overrides=None, created_at=at, state=state, reason=None, run=0,
        attempt=0, crashes=0, run_at=run_at, started_at=None, finished_at=None, worker=None, result=None,
        progress=None, progress_message=None, cancel_requested=False, ordering_key=draft.ordering_key,
    )  # fmt: skip


def record_of_gone(draft: NewJob, job_id: str, at: int) -> JobRecord:
    """What is known of a job that is gone, and was like one that was to be stored."""
    return msgspec.structs.replace(record_of_draft(draft, at), job_id=job_id, state=JobState.NOT_FOUND)


def record_of_run(claimed: Claimed, worker: str) -> JobRecord:
    """What is known of the job of a run that goes on."""
    return JobRecord(
        job_id=claimed.job_id, task=claimed.task, queue=claimed.queue, priority=claimed.priority, args=claimed.args,
        meta=claimed.meta, overrides=claimed.overrides, created_at=claimed.created_at, state=JobState.RUNNING,
        reason=None, run=claimed.run, attempt=claimed.attempt, crashes=claimed.crashes, run_at=claimed.run_at,
        started_at=claimed.started_at, finished_at=None, worker=worker, result=None, progress=None,
        progress_message=None, cancel_requested=False, ordering_key=ordering_key_of(claimed.line), origin=UNREAD,
    )  # fmt: skip


def record_of_settlement(settlement: Settlement) -> JobRecord:
    """What is known of a job whose run was settled, without reading it back."""
    ended = settlement.state.terminal
    job = settlement.job
    return msgspec.structs.replace(
        record_of_run(job, ""),
        args=job.args if settlement.args is None else settlement.args,
        state=settlement.state,
        reason=settlement.reason,
        attempt=settlement.attempt,
        crashes=settlement.crashes,
        run_at=job.run_at if settlement.run_at is None else settlement.run_at,
        finished_at=settlement.at if ended else None,
        worker=None,
        result=settlement.result,
    )


def updated_at(found: Found) -> int:
    """The latest that is known to have happened to a job, in microseconds since 1970."""
    record = found.record
    times = [
        record.created_at,
        record.started_at,
        record.finished_at,
        *(error.at for error in found.errors or ()),
    ]
    return max(at for at in times if at is not None)


def optional_time(micros: int | None) -> datetime | None:
    """A datetime, or None for None."""
    return None if micros is None else to_datetime(micros)


def as_dict(found: Found, args: dict[str, Any]) -> dict[str, Any]:
    """A job as plain data: ids and times as text.

    Args:
        found: the job.
        args: its arguments as they are to be shown.
    """
    record = found.record
    last = found.errors[-1] if found.errors else None
    fields = {
        "id": record.job_id,
        "task": record.task,
        "queue": record.queue,
        "state": record.state,
        "reason": record.reason,
        "priority": record.priority,
        "ordering_key": record.ordering_key or None,
        "args": args,
        "has_args": record.args != "null",
        "dead_letter_of": record.origin or None,
        "meta": decode_meta(record.meta),
        "run": record.run,
        "attempt": record.attempt,
        "crashes": record.crashes,
        "created_at": to_datetime(record.created_at),
        "run_at": to_datetime(record.run_at),
        "last_attempt_at": optional_time(
            last.at if record.started_at is None and last else record.started_at
        ),
        "finished_at": optional_time(record.finished_at),
        "updated_at": to_datetime(updated_at(found)),
        "worker": record.worker,
        "progress": record.progress,
        "progress_message": record.progress_message,
        "result": None if record.result is None else msgspec.json.decode(record.result),
        "last_error": None if last is None else {**msgspec.structs.asdict(last), "at": to_datetime(last.at)},
    }
    return cast(dict[str, Any], msgspec.to_builtins(fields))
