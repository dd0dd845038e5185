"""One job as a row, as names and values, as a JSON document."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from holdfast.cli.text import moment_text, seconds_text, when_text
from holdfast.client.masking import is_known, shown_args

if TYPE_CHECKING:
    from holdfast import Holdfast, Job
    from holdfast.client.failed_run import FailedRun
    from holdfast.core.explain import Explanation


NOTE_LENGTH = 200


def row(job: Job[Any], now: datetime) -> list[str]:
    """The cells of `jobs list`."""
    return [
        str(job.id),
        job.task,
        job.queue,
        job.state.value,
        str(job.attempt),
        when_text(job.run_at if job.state in ("pending", "blocked") else job.updated_at, now),
        _note(job),
    ]


def letter_row(job: Job[Any], now: datetime) -> list[str]:
    """The cells of `dlq list`."""
    last = job.last_error
    return [
        str(job.id),
        job.task,
        job.queue,
        job.reason.value if job.reason else "",
        str(job.attempt),
        when_text(job.finished_at, now),
        "" if last is None else f"{last.type}: {last.message}"[:NOTE_LENGTH],
    ]


def _note(job: Job[Any]) -> str:
    """What is worth a word beside the state."""
    if job.state == "running":
        parts = [
            "asked to cancel" if job.cancel_requested else "",
            "" if job.progress is None else f"{job.progress} %",
            job.progress_message or "",
        ]
        return " ".join(part for part in parts if part)
    return job.reason.value if job.reason else ""


def pairs(
    app: Holdfast, job: Job[Any], now: datetime, *, reveal: bool, traceback: bool
) -> list[tuple[str, str]]:
    """What `jobs show` prints."""
    record = job.record

    def at(when: datetime | None) -> str:
        return "" if when is None else moment_text(when, now)

    shown = [
        ("id", str(job.id)),
        ("task", job.task),
        ("queue", job.queue),
        ("state", job.state.value),
        ("reason", job.reason.value if job.reason else None),
        ("dead letter of", None if job.dead_letter_of is None else str(job.dead_letter_of)),
        ("priority", str(job.priority)),
        ("attempt", f"{job.attempt} (run {job.run}, {job.crashes} crashed)"),
        ("arguments", _text(arguments(app, job, reveal=reveal)) if job.has_args else "(not kept)"),
        ("meta", _text(job.meta) if job.meta else None),
        ("created", at(job.created_at)),
        ("next run" if job.state == "pending" else "first due", at(job.run_at)),
        ("started", at(job.last_attempt_at)),
        ("finished", at(job.finished_at)),
        ("took", _took(job)),
        ("worker", job.worker),
        (
            "progress",
            None if record.progress is None else f"{record.progress} % {record.progress_message or ''}",
        ),
        ("cancel", "asked for" if job.cancel_requested else None),
        ("result", record.result),
    ]
    return [(name, value) for name, value in shown if value] + _error_pairs(
        job.errors, now, traceback=traceback
    )


def _took(job: Job[Any]) -> str | None:
    if job.finished_at is None or job.last_attempt_at is None:
        return None
    return seconds_text((job.finished_at - job.last_attempt_at).total_seconds())


def _error_pairs(errors: list[FailedRun], now: datetime, *, traceback: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for error in errors:
        text = f"{error.type}: {error.message} ({when_text(error.at, now)})"
        # The last one says most; the others are there when asked for.
        if error.traceback and (traceback or error is errors[-1]):
            text += "\n" + error.traceback.rstrip("\n")
        found.append((f"run {error.run}", text))
    return found


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def known(app: Holdfast, job: Job[Any]) -> bool:
    """True if the job's task is declared here, and with it what is sensitive."""
    return is_known(app.client, job.task)


def arguments(app: Holdfast, job: Job[Any], *, reveal: bool) -> dict[str, Any]:
    """The arguments, masked where they are sensitive, and where nobody here knows whether they are."""
    return job.args if reveal else shown_args(app.client, job)


def document(app: Holdfast, job: Job[Any], *, reveal: bool, history: bool = False) -> dict[str, Any]:
    """The JSON of a job: always these keys. With `history` the failed runs as well."""
    record = job.record

    def at(when: datetime | None) -> str | None:
        return None if when is None else when.isoformat()

    found: dict[str, Any] = {
        "id": str(job.id),
        "task": job.task,
        "queue": job.queue,
        "state": job.state.value,
        "reason": job.reason.value if job.reason else None,
        "priority": job.priority,
        "attempt": job.attempt,
        "run": job.run,
        "crashes": job.crashes,
        "args": arguments(app, job, reveal=reveal),
        "has_args": job.has_args,
        "dead_letter_of": None if job.dead_letter_of is None else str(job.dead_letter_of),
        "meta": job.meta,
        "created_at": at(job.created_at),
        "run_at": at(job.run_at),
        "started_at": at(job.last_attempt_at),
        "finished_at": at(job.finished_at),
        "updated_at": at(job.updated_at),
        "worker": job.worker,
        "progress": record.progress,
        "progress_message": record.progress_message,
        "cancel_requested": job.cancel_requested,
        "result": None if record.result is None else json.loads(record.result),
    }
    if history:
        found["errors"] = [_error(error) for error in job.errors]
    return found


def explanation(found: Explanation) -> dict[str, Any]:
    """The JSON of why a job is not running."""
    document: dict[str, Any] = msgspec.to_builtins(found, builtin_types=(datetime,))
    return cast("dict[str, Any]", _with_times(document))


def _with_times(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _with_times(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_with_times(one) for one in cast("list[Any]", value)]
    return value


def letter_document(app: Holdfast, job: Job[Any], *, reveal: bool) -> dict[str, Any]:
    """The JSON of a failed job: the same, with its last error."""
    last = job.last_error
    return {**document(app, job, reveal=reveal), "last_error": None if last is None else _error(last)}


def _error(error: FailedRun) -> dict[str, Any]:
    return {
        "run": error.run,
        "attempt": error.attempt,
        "at": error.at.isoformat(),
        "worker": error.worker,
        "type": error.type,
        "message": error.message,
        "traceback": error.traceback,
    }
