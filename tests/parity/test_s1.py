"""The worker on PostgreSQL: what a job shows, states, strict retries, options of a worker."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from holdfast import DuplicateTask, Holdfast, JobContext, JobState, Reason, Retry, TaskRouter
from tests.worker.conftest import MakeApp, StartWorker

Drain = Callable[..., Any]
SOON = timedelta(microseconds=1)


@pytest.mark.parity("S1.1")
def test_all_that_a_job_shows_and_its_json(app: Holdfast, drain: Drain) -> None:
    @app.task(name="digest", max_attempts=3, retry=lambda failures, error: SOON)
    def digest(data: bytes, raw: msgspec.Raw) -> bytes:
        raise ValueError(f"{data!r} {bytes(raw)!r}")

    @app.task(name="echo")
    def echo(data: bytes, raw: msgspec.Raw) -> bytes:
        assert bytes(raw) == b'{"b":1,  "a":[2]}', "undecoded, to the last blank"
        return data

    data, raw = b"\x00\xff\x10", msgspec.Raw(b'{"b":1,  "a":[2]}')
    before = datetime.now(UTC)
    failed, good = digest.enqueue(data, raw), echo.enqueue(data, raw)
    drain()
    job = app.jobs.get(failed.id)
    assert (job.task, job.state, job.reason, job.attempt) == ("digest", JobState.FAILED, Reason.EXHAUSTED, 3)
    assert job.args == {"data": base64.b64encode(data).decode(), "raw": {"b": 1, "a": [2]}}
    assert job.last_attempt_at is not None
    assert job.finished_at is not None
    margin = timedelta(seconds=5)
    assert before - margin < job.created_at <= job.last_attempt_at <= job.finished_at == job.updated_at
    assert job.run_at >= before - margin
    assert job.last_error is not None
    assert job.last_error.message == f"{data!r} {bytes(raw)!r}"
    assert good.result(1) == data

    shown = json.loads(job.to_json())
    assert shown == job.to_dict()
    for name in ("id", "task", "run_at", "args", "state", "created_at", "updated_at", "result", "attempt"):
        assert name in shown
    assert (shown["last_attempt_at"], shown["last_error"]["type"]) == (
        msgspec.to_builtins(job.last_attempt_at),
        "ValueError",
    )
    assert json.loads(app.jobs.get(good.id).to_json())["result"] == base64.b64encode(data).decode()


@pytest.mark.parity("S1.2")
def test_states_and_reasons(app: Holdfast, drain: Drain) -> None:
    @app.task(name="t")
    def t(how: str) -> None:
        if how == "panic":
            raise SystemExit(3)
        if how == "error":
            raise Retry(timedelta(hours=1))

    jobs = {how: t.enqueue(how) for how in ("done", "panic", "error")}
    later = t.using(delay=3600).enqueue("later")
    drain()
    found = {how: (job.refresh().state, job.reason, job.run) for how, job in jobs.items()}
    assert found == {
        "done": (JobState.SUCCEEDED, None, 1),
        "panic": (JobState.FAILED, Reason.PANIC, 1),
        "error": (JobState.PENDING, None, 1),
    }
    assert later.refresh().state is JobState.PENDING
    assert jobs["panic"].last_error is not None
    assert jobs["panic"].last_error.type == "SystemExit"


@pytest.mark.parity("S1.3")
@pytest.mark.parametrize("level", ["app", "queue", "task"])
def test_strict_mode(make_app: MakeApp, start_worker: StartWorker, level: str) -> None:
    """Only an explicit `Retry` is retried; any other exception fails at once."""
    strict: dict[str, Any] = {"retry_on": Retry}
    app = make_app(**(strict if level == "app" else {}))
    app.queue("q", **(strict if level == "queue" else {}))

    @app.task(name="t", queue="q", **(strict if level == "task" else {}))
    def t(how: str) -> str:
        ctx = app_runs[how] = app_runs.get(how, 0) + 1
        if how == "other":
            raise ValueError("no")
        if ctx < 3:
            raise Retry(SOON, cause=ConnectionError("busy"))
        return "done"

    app_runs: dict[str, int] = {}
    jobs = {how: t.enqueue(how) for how in ("other", "retry")}
    start_worker(app, burst=True).wait(20)
    other = app.jobs.get(jobs["other"].id)
    assert (other.state, other.reason, other.run) == (JobState.FAILED, Reason.ERROR, 1)
    assert jobs["retry"].result(1) == "done"
    errors = app.jobs.get(jobs["retry"].id).errors
    assert [(error.type, error.message) for error in errors] == [("ConnectionError", "busy")] * 2


@pytest.mark.parity("S1.3")
@pytest.mark.parity("F6")
@pytest.mark.parametrize(
    ("least", "after", "expected"), [(None, 2, 2), (5, 2, 5), (5, 0, 5), (5, 9, 9), (None, 7200, 7200)]
)
def test_the_delay_of_a_retry_is_saved_raised_and_not_cut(
    app: Holdfast, drain: Drain, backend: Any, least: int | None, after: int, expected: int
) -> None:
    app.queue("q", min_retry_delay=least, max_retry_delay=3600)

    @app.task(name="t", queue="q")
    def t() -> None:
        raise Retry(timedelta(seconds=after), cause=ValueError("why"))

    job = t.enqueue()
    before = datetime.now(UTC)
    drain()
    job.refresh()
    assert job.state is JobState.PENDING
    waits = (job.run_at - before).total_seconds()
    assert expected - 1 < waits < expected + 10, "as the row has it"
    assert len(backend.execute("SELECT id FROM {}pending")) == 1
    assert job.last_error is not None
    assert (job.last_error.type, job.last_error.message) == ("ValueError", "why")


@pytest.mark.parity("S1.3")
def test_without_limit(app: Holdfast, drain: Drain) -> None:
    @app.task(name="t", max_attempts=None, takes_context=True)
    def t(ctx: JobContext) -> int:
        if ctx.attempt < 40:
            raise Retry(timedelta(0))
        return ctx.attempt

    job = t.enqueue()
    drain()
    assert job.result(1) == 40, "far beyond the default of 20"


@pytest.mark.parity("S1.4")
def test_no_time_or_a_past_one_runs_at_once(app: Holdfast, drain: Drain) -> None:
    @app.task(name="t")
    def t() -> str:
        return "ran"

    jobs = [
        t.enqueue(),
        t.using(at=datetime(1999, 1, 1, tzinfo=UTC)).enqueue(),
        t.using(delay=0).enqueue(),
    ]
    assert all(job.run_at.year > 2000 for job in jobs)
    drain()
    assert [job.result(1) for job in jobs] == ["ran"] * 3


@pytest.mark.parity("S1.5")
def test_a_worker_of_some_tasks_leaves_the_others(app: Holdfast, drain: Drain) -> None:
    @app.task(name="mine")
    def mine() -> None: ...

    @app.task(name="theirs")
    def theirs() -> None: ...

    jobs = [theirs.enqueue(), mine.enqueue(), theirs.enqueue(), mine.enqueue()]
    drain(tasks=("mine",))
    assert [job.refresh().state for job in jobs] == ["pending", "succeeded", "pending", "succeeded"]
    assert [jobs[0].run, jobs[2].run] == [0, 0]


@pytest.mark.parity("S1.6")
def test_the_options_of_a_worker(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(logger=logging.getLogger("shop.jobs"), poll_interval=0.2)
    side_by_side = threading.Barrier(3)

    @app.task(name="t", takes_context=True)
    def t(ctx: JobContext) -> None:
        side_by_side.wait(10)
        ctx.log.warning("here")

    @app.task(name="other")
    def other() -> None: ...

    left = other.enqueue()
    jobs = [t.enqueue() for _ in range(3)]
    with app.worker(tasks=[t], threads=3, poll_interval=timedelta(milliseconds=50)) as worker:
        for job in jobs:
            job.result(10)
        assert worker.options.poll_interval == 50_000
    assert app.worker().options.poll_interval == 200_000, "the app's, where nothing else is said"
    assert left.refresh().run == 0
    assert {record.name for record in caplog.records if record.message == "here"} == {"shop.jobs.default"}


@pytest.mark.parity("S1.6")
def test_a_kind_registered_twice(app: Holdfast) -> None:
    app.task(name="a")(lambda: None)
    router = TaskRouter()
    router.task(name="a")(lambda: None)
    for again in (lambda: app.task(name="a")(lambda: None), lambda: app.include(router)):
        with pytest.raises(DuplicateTask, match="'a'"):
            again()
