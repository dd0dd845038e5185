"""What becomes of a job, from the enqueue to the row, for every outcome that a handler may have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import (
    Cancel,
    Fail,
    Holdfast,
    JobContext,
    JobFailed,
    JobState,
    MoveToDlq,
    Reschedule,
    Retry,
    Snooze,
    current_job,
)
from holdfast.core.outcomes import After
from tests.worker.conftest import Ear, StartWorker

Drain = Callable[..., object]
Declare = Callable[..., Any]


@pytest.fixture(params=["async", "thread"])
def declare(request: pytest.FixtureRequest, app: Holdfast) -> Declare:
    """Declares a function as a task, as it is or behind `async def`."""

    def declare(function: Callable[..., Any], **options: Any) -> Any:
        if request.param == "thread":
            return app.task(name="it", **options)(function)

        async def call(*args: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args)

        call.__signature__ = __import__("inspect").signature(function)  # type: ignore[attr-defined]
        call.__annotations__ = function.__annotations__
        return app.task(name="it", **options)(call)

    return declare


NOW = timedelta(0)


def test_a_value_is_the_result(declare: Declare, drain: Drain) -> None:
    def double(x: int) -> int:
        return 2 * x

    job = declare(double).enqueue(21)
    drain()
    assert job.result(timeout=5) == 42
    assert (job.refresh().run, job.attempt) == (1, 1)


@pytest.mark.parity("F11")
def test_an_exception_is_retried_while_attempts_remain(app: Holdfast, declare: Declare, drain: Drain) -> None:
    def fail() -> None:
        raise ValueError("not yet")

    task = declare(fail, max_attempts=3, retry=lambda failures, error: NOW)
    job = task.enqueue()
    drain()
    job.refresh()
    assert (job.state, job.reason, job.attempt, job.run) == ("failed", "exhausted", 3, 3)
    assert [error.attempt for error in job.errors] == [1, 2, 3]
    assert job.errors[-1].type == "ValueError"
    assert job.errors[-1].message == "not yet"
    assert "in fail" in job.errors[-1].traceback
    assert "holdfast/worker" not in job.errors[-1].traceback


def test_what_fail_on_names_fails_at_once(declare: Declare, drain: Drain) -> None:
    def fail() -> None:
        raise KeyError("gone")

    job = declare(fail, fail_on=(LookupError,)).enqueue()
    drain()
    assert (job.refresh().state, job.reason, job.attempt) == ("failed", "error", 1)


def test_retry_and_snooze(declare: Declare, drain: Drain) -> None:
    seen: list[tuple[int, int]] = []

    def go() -> str:
        ctx = current_job()
        seen.append((ctx.run, ctx.attempt))
        if ctx.run == 1:
            raise Retry(after=NOW, cause=ValueError("busy"))
        if ctx.run < 4:
            raise Snooze(NOW)
        return "done"

    job = declare(go).enqueue()
    drain()
    assert job.result(timeout=5) == "done"
    # A snooze is not charged.
    assert seen == [(1, 1), (2, 2), (3, 2), (4, 2)]


def test_reschedule_replaces_the_arguments(declare: Declare, drain: Drain) -> None:
    pages: list[int] = []

    def page(n: int) -> int | Reschedule:
        pages.append(n)
        return Reschedule(After(NOW), args={"n": n + 1}) if n < 3 else n

    job = declare(page).enqueue(1)
    drain()
    assert job.result(timeout=5) == 3
    assert pages == [1, 2, 3]


def test_a_reschedule_that_does_not_fit_goes_to_the_dead_letters(declare: Declare, drain: Drain) -> None:
    def page(n: int) -> int | Reschedule:
        return Reschedule(After(NOW), args={"m": 1})

    job = declare(page).enqueue(1)
    drain()
    assert (job.refresh().state, job.reason) == ("failed", "error")
    assert job.last_error is not None
    assert "new arguments" in job.last_error.message


@pytest.mark.parametrize("outcome", [Fail, MoveToDlq])
def test_fail(declare: Declare, drain: Drain, outcome: type[MoveToDlq]) -> None:
    def fail() -> None:
        raise outcome("no such customer", cause=KeyError(7))

    job = declare(fail).enqueue()
    drain()
    assert (job.refresh().state, job.reason) == ("failed", "error")
    assert job.last_error is not None
    assert "no such customer" in job.last_error.message


def test_cancel_by_the_handler(declare: Declare, drain: Drain) -> None:
    def withdraw() -> Cancel:
        return Cancel("order withdrawn")

    job = declare(withdraw).enqueue()
    drain()
    assert job.refresh().state is JobState.CANCELLED


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_panic_fails_the_job_and_nothing_else(
    app: Holdfast, declare: Declare, start_worker: StartWorker, raised: BaseException
) -> None:
    def go(panics: bool) -> str:
        if panics:
            raise raised
        return "well"

    task = declare(go)
    start_worker()
    bad, good = app.enqueue_many([task.new(True), task.new(False)])
    assert good.result(timeout=10) == "well"
    with pytest.raises(JobFailed):
        bad.result(timeout=10)
    assert bad.refresh().reason == "panic"
    assert task.enqueue(False).result(timeout=10) == "well"


def test_a_result_that_cannot_be_stored(declare: Declare, drain: Drain) -> None:
    def go() -> Any:
        return object()

    job = declare(go).enqueue()
    drain()
    assert (job.refresh().state, job.reason) == ("failed", "invalid_result")


def test_arguments_that_no_longer_fit(app: Holdfast, declare: Declare, drain: Drain) -> None:
    def go(count: int) -> int:
        return count

    job = app.enqueue("it", {"count": "seven"}, declare=True)
    declare(go)
    drain()
    assert (job.refresh().state, job.reason, job.attempt) == ("failed", "invalid_args", 1)
    assert job.last_error is not None
    assert "count" in job.last_error.message


def test_a_timeout_is_an_error_that_is_retried(app: Holdfast, drain: Drain) -> None:
    @app.task(name="thread.spin", timeout=0.05, max_attempts=2, retry=lambda failures, error: NOW)
    def spin() -> None:
        while True:
            time.sleep(0.001)

    @app.task(name="async.sleep", timeout=0.05, max_attempts=2, retry=lambda failures, error: NOW)
    async def sleep() -> None:
        await asyncio.sleep(60)

    jobs = [spin.enqueue(), sleep.enqueue()]
    drain()
    for job in jobs:
        assert (job.refresh().state, job.reason, job.attempt) == ("failed", "timeout", 2)
        assert job.last_error is not None
        assert job.last_error.type == "TimeoutError"
        assert "0.05 s" in job.last_error.message


def test_a_context_in_both_forms(app: Holdfast, drain: Drain) -> None:
    @app.task(name="ctx.thread", takes_context=True)
    def in_thread(ctx: JobContext, x: int) -> list[Any]:
        return [ctx.attempt, str(ctx.job.id), ctx.meta["tenant"], x, ctx.app is app, current_job() is ctx]

    @app.task(name="ctx.async", takes_context=True, timeout=60)
    async def on_loop(ctx: JobContext, x: int) -> list[Any]:
        assert ctx.deadline is not None
        await asyncio.sleep(0)
        return [ctx.attempt, str(ctx.job.id), ctx.meta["tenant"], x, ctx.app is app, current_job() is ctx]

    for task in (in_thread, on_loop):
        job = task.using(meta={"tenant": "x"}).enqueue(5)
        drain()
        assert job.result(timeout=5) == [1, str(job.id), "x", 5, True, True]


def test_context_variables_do_not_leak_from_job_to_job(app: Holdfast, drain: Drain) -> None:
    from contextvars import ContextVar

    var: ContextVar[int] = ContextVar("var", default=0)

    @app.task(name="leak.thread")
    def in_thread() -> int:
        before = var.get()
        var.set(1)
        return before

    @app.task(name="leak.async")
    async def on_loop() -> int:
        before = var.get()
        var.set(1)
        return before

    jobs = app.enqueue_many([*(in_thread.new() for _ in range(40)), *(on_loop.new() for _ in range(40))])
    drain(threads=2, concurrency=2)
    assert {job.result(timeout=5) for job in jobs} == {0}


def test_every_async_job_is_a_task_of_its_own(app: Holdfast, drain: Drain) -> None:
    @app.task(name="own")
    async def own() -> int:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: None)
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return id(task)

    jobs = app.enqueue_many(own.new() for _ in range(20))
    drain(concurrency=20)
    assert all(job.result(timeout=5) for job in jobs)


def test_a_retry_policy_that_fails_gives_way_to_the_default(app: Holdfast, drain: Drain) -> None:
    def broken(failures: int, error: BaseException) -> timedelta:
        raise RuntimeError("the policy is broken")

    @app.task(name="broken", retry=broken)
    def fail() -> None:
        raise ValueError("first")

    job = fail.enqueue()
    drain()
    assert (job.refresh().state, job.attempt, job.run_at > job.created_at) == ("pending", 1, True)


def test_an_error_text_that_a_store_refuses_is_kept_cleaned(app: Holdfast, drain: Drain) -> None:
    @app.task(name="nul", max_attempts=1)
    def fail() -> None:
        raise ValueError("a\0b \ud800 c")

    @app.task(name="fine")
    def fine() -> int:
        return 1

    bad, good = app.enqueue_many([fail.new(), fine.new()])
    drain()
    assert good.result(timeout=5) == 1
    assert bad.refresh().last_error is not None
    assert "\0" not in str(bad.last_error)


def test_progress_is_seen_while_a_job_runs(app: Holdfast, start_worker: StartWorker) -> None:
    said, go_on = Event(), Event()

    @app.task(name="slow", takes_context=True)
    def slow(ctx: JobContext) -> None:
        for percent in range(41):
            ctx.progress(percent, "resizing")
        said.set()
        go_on.wait(10)

    job = slow.enqueue()
    start_worker()
    assert said.wait(10)
    deadline = time.monotonic() + 10
    while app.client.store.read(_record, str(job.id)) != (40, "resizing"):
        assert time.monotonic() < deadline
        go_on.wait(0.01)
    go_on.set()
    job.result(timeout=10)


def _record(job_id: str) -> Any:
    from holdfast.store.verbs.jobs import get

    record = yield from get(job_id)
    return record.progress, record.progress_message


def test_priorities_go_first_and_queues_in_turn(app: Holdfast, drain: Drain) -> None:
    order: list[str] = []

    @app.task(name="note")
    def note(what: str) -> None:
        order.append(what)

    app.enqueue_many(
        [note.using(queue="a", priority=p).new(f"a{p}") for p in (0, 5, -5)]
        + [note.using(queue="b").new("b0") for _ in range(3)]
    )
    drain(threads=1)
    of_a = [what for what in order if what.startswith("a")]
    assert of_a == ["a5", "a0", "a-5"]
    assert order.count("b0") == 3


def test_a_limit_of_a_queue_holds(app: Holdfast, drain: Drain, ear: Ear) -> None:
    app.queue("narrow", concurrency=2)
    now, most = [0], [0]

    @app.task(name="narrow", queue="narrow")
    async def narrow() -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.005)
        now[0] -= 1

    app.enqueue_many(narrow.new() for _ in range(20))
    drain()
    assert len(ear.settlements) == 20
    assert most == [2]
