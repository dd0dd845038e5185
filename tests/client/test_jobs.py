"""`app.jobs` and the verbs of `Job`: looking, changing, one by id and many by filter, sync and async."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from holdfast import (
    Cancel,
    Fail,
    Holdfast,
    InvalidOption,
    Job,
    JobNotFound,
    JobState,
    Reason,
    Retry,
    Succeeded,
    SyncTask,
    WrongState,
)
from tests.client.conftest import Hands

Send = SyncTask[[str], str]


@pytest.fixture
def send(app: Holdfast) -> Any:
    @app.task(name="mail.send", queue="mail", sensitive=["to"])
    def send(to: str) -> str:
        return to

    return send


@pytest.fixture
def states(app: Holdfast, send: Send, hands: Hands) -> dict[str, Job[str]]:
    """A job in each state that there is without limits and keys."""
    jobs = {name: send.enqueue(name) for name in ("succeeded", "failed", "cancelled", "running", "pending")}
    for name, outcome in (("succeeded", Succeeded("1")), ("failed", Fail("no")), ("cancelled", Cancel())):
        hands.end(jobs[name], outcome)
    hands.claim(jobs["running"])
    return jobs


# --- looking -------------------------------------------------------------------------------------------------


@pytest.mark.parity("S4.8")
def test_status(app: Holdfast, states: dict[str, Job[str]]) -> None:
    for name, job in states.items():
        assert app.jobs.status(job.id) == app.jobs.status(str(job.id)) == name
        assert asyncio.run(app.jobs.astatus(job.id)) is JobState(name)
    assert app.jobs.status(uuid4()) is JobState.NOT_FOUND
    with pytest.raises(InvalidOption, match="'x' is not a job id"):
        app.jobs.status("x")


@pytest.mark.parity("S1.1")
def test_all_that_a_job_shows(app: Holdfast, send: Send, hands: Hands) -> None:
    job = send.using(meta={"tenant": "x"}, priority=3).enqueue("ada")
    hands.end(job, Retry(timedelta(), cause=ValueError("first")))
    hands.end(job, Fail("no", cause=KeyError("second")))
    for found in (app.jobs.get(job.id), asyncio.run(app.jobs.aget(job.id)), job.refresh(), send.job(job.id)):
        assert (found.state, found.reason, found.run, found.attempt) == ("failed", "error", 2, 2)
        assert [error.message for error in found.errors] == ["first", "no: 'second'"]
        assert found.last_error is not None
        assert found.last_error.run == 2
        assert found.worker == hands.worker
        assert found.finished_at is not None
        assert found.created_at <= found.finished_at == found.updated_at
        shown = json.loads(found.to_json())
        assert shown == found.to_dict()
        assert (shown["id"], shown["state"], shown["reason"]) == (str(job.id), "failed", "error")
        assert (shown["args"], shown["meta"], shown["result"]) == ({"to": "•••"}, {"tenant": "x"}, None)
        assert shown["last_error"]["message"] == "no: 'second'"
        assert shown["finished_at"].startswith("20")
    assert found is not job
    assert job.refresh() is job


def test_errors_of_listed_jobs_are_read_when_asked_for(app: Holdfast, states: dict[str, Job[str]]) -> None:
    listed = app.jobs.list(state="failed")[0]
    assert listed.to_dict()["last_error"] is None
    assert [error.message for error in listed.errors] == ["no"]
    assert listed.to_dict()["last_error"]["message"] == "no"


def test_typed_look_up(app: Holdfast, send: Send) -> None:
    other = app.enqueue("other", declare=True)
    with pytest.raises(JobNotFound, match=r"is of the task other, not of mail\.send"):
        send.job(other.id)
    with pytest.raises(JobNotFound, match=f"no job has the id {UUID(int=7)}"):
        send.job(UUID(int=7))
    with pytest.raises(JobNotFound):
        asyncio.run(send.ajob(other.id))
    with pytest.raises(LookupError):
        app.jobs.get(uuid4())


@pytest.mark.parity("S3.10")
def test_lists(app: Holdfast, send: Send, states: dict[str, Job[str]]) -> None:
    for name, job in states.items():
        assert (
            app.jobs.list(state=name) == [job] == app.jobs.list(state=JobState(name), queue="mail", task=send)
        )
    assert app.jobs.list(state="blocked") == []
    assert app.jobs.list() == list(reversed(states.values()))
    other = app.enqueue("other", declare=True)
    assert app.jobs.list(task="other") == [other] == app.jobs.list(queue="default")
    first = app.jobs.list(limit=2)
    assert first == [other, states["pending"]]
    for after in (first[-1], first[-1].id, str(first[-1].id)):
        assert app.jobs.list(limit=2, after=after) == [states["running"], states["cancelled"]]
    assert asyncio.run(app.jobs.alist(state="failed")) == [states["failed"]]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({"state": "done"}, "'done' is not a state of jobs; there are: pending, blocked, running"),
        ({"state": "not found"}, "is not a state"),
        ({"limit": 0}, "limit must be"),
        ({"limit": True}, "limit must be"),
        ({"limit": 10**9}, "limit must be"),
        ({"queue": ""}, "the name of a queue"),
        ({"task": ""}, "the name of a task"),
        ({"after": "x"}, "is not a job id"),
    ],
)
def test_lists_that_make_no_sense(app: Holdfast, which: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        app.jobs.list(**which)


# --- one by id -----------------------------------------------------------------------------------------------


@pytest.mark.parity("S3.2")
def test_cancel(app: Holdfast, states: dict[str, Job[str]]) -> None:
    for name in ("succeeded", "failed", "cancelled"):
        assert app.jobs.cancel(states[name].id) is False
    assert app.jobs.cancel(states["pending"].id) is True
    assert app.jobs.cancel(states["running"].id) is True
    assert app.jobs.get(states["running"].id).cancel_requested
    assert app.jobs.status(states["running"].id) == "running"
    assert app.jobs.cancel(states["running"].id, force=True) is True
    assert [app.jobs.status(states[name].id) for name in ("pending", "running")] == ["cancelled"] * 2
    with pytest.raises(JobNotFound):
        app.jobs.cancel(uuid4())


def test_retry(app: Holdfast, states: dict[str, Job[str]]) -> None:
    for name, job in states.items():
        assert app.jobs.retry(job.id) is (name in ("succeeded", "failed", "cancelled"))
    again = app.jobs.get(states["failed"].id)
    assert (again.state, again.attempt, again.run, len(again.errors)) == ("pending", 0, 1, 1)
    with pytest.raises(JobNotFound):
        app.jobs.retry(uuid4())


def test_delete(app: Holdfast, states: dict[str, Job[str]]) -> None:
    with pytest.raises(WrongState, match="is running and can't be deleted; cancel it first"):
        app.jobs.delete(states.pop("running").id)
    for job in states.values():
        assert app.jobs.delete(job.id) is True
        assert app.jobs.delete(job.id) is False
        assert app.jobs.status(job.id) is JobState.NOT_FOUND


def test_the_verbs_of_a_job_renew_what_it_shows(send: Send) -> None:
    job = send.enqueue("ada")
    assert job.retry() is False
    assert (job.cancel(), job.state) == (True, JobState.CANCELLED)
    assert job.cancel() is False
    assert (job.retry(), job.state) == (True, JobState.PENDING)
    assert (job.delete(), job.state) == (True, JobState.NOT_FOUND)
    assert job.args == {"to": "ada"}
    for verb in (job.cancel, job.retry, job.refresh):
        with pytest.raises(JobNotFound):
            verb()

    async def main() -> None:
        job = await send.aenqueue("ada")
        assert await job.acancel(force=True)
        assert job.state is JobState.CANCELLED
        assert await job.aretry()
        assert (await job.arefresh()).state is JobState.PENDING
        assert await job.adelete()
        assert job.state is JobState.NOT_FOUND

    asyncio.run(main())


# --- many by filter ------------------------------------------------------------------------------------------


def test_cancel_by_filter(app: Holdfast, send: Send, states: dict[str, Job[str]]) -> None:
    other = app.enqueue("other", declare=True)
    assert app.jobs.cancel(queue="mail") == 2
    assert app.jobs.status(states["pending"].id) == "cancelled"
    assert app.jobs.get(states["running"].id).cancel_requested
    assert app.jobs.cancel(task=send, state="running", force=True) == 1
    assert app.jobs.cancel(queue="mail") == 0
    assert app.jobs.status(other.id) == "pending"
    assert asyncio.run(app.jobs.acancel(task="other")) == 1


def test_retry_by_filter_means_the_failed(app: Holdfast, states: dict[str, Job[str]]) -> None:
    assert app.jobs.retry(queue="mail") == 1
    assert app.jobs.status(states["failed"].id) == "pending"
    assert app.jobs.status(states["succeeded"].id) == "succeeded"
    assert asyncio.run(app.jobs.aretry(queue="mail", state="cancelled")) == 1
    assert app.jobs.retry(queue="mail", state="pending") == 0


def test_delete_by_filter_passes_over_what_runs(app: Holdfast, states: dict[str, Job[str]]) -> None:
    assert app.jobs.delete(state="failed") == 1
    assert asyncio.run(app.jobs.adelete(task="mail.send")) == 3
    assert app.jobs.list() == [states["running"]]


def test_a_filter_goes_through_all_pages(app: Holdfast, send: Send) -> None:
    app.enqueue_many(send.new(str(number)) for number in range(1203))
    assert app.jobs.cancel(task=send) == 1203
    assert app.jobs.retry(state="cancelled") == 1203
    assert app.jobs.delete(queue="mail") == 1203


def test_neither_or_both(app: Holdfast, send: Send) -> None:
    job = send.enqueue("ada")
    for verb in (app.jobs.cancel, app.jobs.retry, app.jobs.delete):
        with pytest.raises(InvalidOption, match="name an id, or what to choose by"):
            verb()
        with pytest.raises(InvalidOption, match="not both: queue"):
            verb(job.id, queue="mail")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="quue"):
            verb(quue="mail")  # type: ignore[call-overload]
    assert job.refresh().reason is None
    assert Reason.ERROR == "error"
