"""One job, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.exceptions import HTTPException

from holdfast.client.failed_run import FailedRun
from holdfast.client.job import Job
from holdfast.client.masking import is_known, shown_args
from holdfast.core.phrases import seconds_text
from holdfast.core.states import JobState
from holdfast.core.times import SECOND, to_datetime
from holdfast.web.site import change, page, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from holdfast.web.forms import Form


class Verb(msgspec.Struct, frozen=True):
    """What can be done with a job, and what is said before."""

    title: str
    warning: str
    states: frozenset[JobState]
    """In which it makes sense."""


MILLISECOND = SECOND // 1000
_WAITS = {JobState.PENDING, JobState.BLOCKED}
_ENDED = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
VERBS: Final = {
    "retry": Verb("Retry", "It waits again, with attempt 0 and its history kept.", frozenset(_ENDED)),
    "cancel": Verb(
        "Cancel",
        "A job that waits ends at once. One that runs is asked to end; if it finishes first, it has succeeded.",
        frozenset({*_WAITS, JobState.RUNNING}),
    ),
    "force": Verb(
        "Force cancel",
        "It is taken away from its worker and ends now. Its handler may go on for a while; what it returns is refused.",
        frozenset({JobState.RUNNING}),
    ),
    "delete": Verb(
        "Delete",
        "It goes with its arguments, result and history, and can't be brought back.",
        frozenset({*_WAITS, *_ENDED}),
    ),
}


class Event(msgspec.Struct, frozen=True):
    """A thing that has happened to a job, or will."""

    at: datetime
    what: str
    tone: str = ""
    detail: str = ""
    error: FailedRun | None = None


@page
async def show(request: Request) -> Response:
    site = site_of(request)
    job_id = str(request.path_params["id"])

    async def load() -> Mapping[str, Any]:
        job, why = await asyncio.gather(site.app.jobs.aget(job_id), site.app.jobs.aexplain(job_id))
        return {
            "job": job,
            "args": shown_args(site.app.client, job),
            "masked": bool(job.args) and not is_known(site.app.client, job.task),
            "why": why,
            "events": timeline(job),
            "verbs": {name: verb for name, verb in VERBS.items() if job.state in verb.states},
        }

    return await site.live(request, "job.html", load, job_id=job_id)


@page
async def confirm(request: Request) -> Response:
    """What a change means, and a button that does it."""
    site = site_of(request)
    name, verb = _verb(request)
    await site.require(request, f"job.{name}")
    job = await site.app.jobs.aget(str(request.path_params["id"]))
    return await site.page(request, "job_confirm.html", job=job, name=name, verb=verb)


@change
async def act(request: Request, _form: Form) -> Response:
    site, jobs = site_of(request), site_of(request).app.jobs
    name, _ = _verb(request)
    action = f"job.{name}"
    await site.require(request, action)
    # An id in any spelling becomes the usual one, and a wrong one an error before anything is done.
    job_id = str((await jobs.aget(str(request.path_params["id"]))).id)
    match name:
        case "retry":
            done = await jobs.aretry(job_id)
            note = "retried" if done else "not-ended"
        case "delete":
            done = await jobs.adelete(job_id)
            note = "deleted" if done else "gone"
        case _:
            done = await jobs.acancel(job_id, force=name == "force")
            note = "cancelled" if done else "ended"
    site.access.audit(request, action, job_id, "done" if done else "nothing to do")
    return site.go(request, "/jobs" if name == "delete" else f"/jobs/{job_id}", note)


def _verb(request: Request) -> tuple[str, Verb]:
    name = str(request.path_params["verb"])
    if name not in VERBS:
        raise HTTPException(404)
    return name, VERBS[name]


def timeline(job: Job[Any]) -> list[Event]:
    """What is known to have happened to a job, and when it is to run next; the latest first."""
    record = job.record
    found = [Event(job.created_at, "Created", detail=f"in queue {job.queue}")]
    found += [
        Event(
            error.at,
            f"Run {error.run} failed",
            "failed",
            f"attempt {error.attempt}" + (f" on worker {error.worker}" if error.worker else ""),
            error,
        )
        for error in job.errors
    ]
    if record.started_at is not None:
        worker = f" on worker {record.worker}" if record.worker else ""
        found.append(
            Event(
                to_datetime(record.started_at),
                f"Run {job.run} began",
                "running",
                f"attempt {job.attempt}{worker}",
            )
        )
    if job.finished_at is not None and record.finished_at is not None:
        ran = 0 if record.started_at is None else record.finished_at - record.started_at
        took = f"after {seconds_text(ran / SECOND)}" if ran >= MILLISECOND else ""
        why = f"reason: {job.reason.value}" if job.reason else ""
        found.append(
            Event(
                job.finished_at,
                job.state.value.capitalize(),
                job.state.value,
                ", ".join(filter(None, (why, took))),
            )
        )
    elif job.state in _WAITS and (job.run or job.run_at > job.created_at):
        found.append(Event(job.run_at, "To run next" if job.run else "To run", "pending", "not before"))
    # Stable: of two at the same time, the later of the list is the later one.
    return sorted(found, key=lambda event: event.at)[::-1]
