"""`app.run_one`: one job of given tasks, here and now, locked until its handler returns."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    After,
    Cancel,
    Constant,
    Holdfast,
    InvalidOption,
    JobContext,
    JobState,
    LeaseLost,
    Middleware,
    MoveToDlq,
    Outcome,
    Reason,
    Reschedule,
    Retry,
    Snooze,
    UnknownTask,
    capture_result,
    current_job,
)
from tests.worker.conftest import MakeApp, StartWorker

pytestmark = pytest.mark.parity("S1.5")


def test_it_runs_a_due_job_in_the_calling_thread(app: Holdfast) -> None:
    seen: list[tuple[int, int]] = []

    @app.task(name="add")
    def add(a: int, b: int) -> int:
        seen.append((threading.get_ident(), current_job().attempt))
        return a + b

    assert app.run_one() is None, "nothing is due"
    first, second = add.enqueue(1, 2), add.enqueue(3, 4)
    done = app.run_one()
    assert done == first
    assert done is not None
    assert (done.state, done.kept_result, done.result(1)) == (JobState.SUCCEEDED, 3, 3)
    assert app.jobs.status(second.id) is JobState.PENDING, "and no other"
    assert app.run_one() == second
    assert app.run_one() is None
    assert seen == [(threading.get_ident(), 1)] * 2


def test_only_jobs_of_the_given_tasks_and_queues(app: Holdfast) -> None:
    @app.task(name="one", queue="a")
    def one() -> str:
        return "one"

    @app.task(name="two", queue="b")
    def two() -> str:
        return "two"

    first, second = one.enqueue(), two.enqueue()
    third = two.using(queue="c").enqueue()
    assert app.run_one(tasks=[two], queues=["c"]) == third
    assert app.run_one(tasks=["two"]) == second
    assert app.run_one(tasks=["two"]) is None
    assert first.refresh().state is JobState.PENDING
    with pytest.raises(UnknownTask, match="three"):
        app.run_one(tasks=["three"])


def test_what_is_not_due_is_left(app: Holdfast) -> None:
    @app.task(name="later")
    def later() -> None: ...

    job = later.using(delay=timedelta(hours=1)).enqueue()
    assert app.run_one() is None
    assert job.refresh().run == 0


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        ({"a": [1]}, JobState.SUCCEEDED, None),
        (None, JobState.SUCCEEDED, None),
        (ValueError("no"), JobState.PENDING, None),
        (Retry(timedelta(hours=1)), JobState.PENDING, None),
        (Snooze(timedelta(hours=1)), JobState.PENDING, None),
        (Reschedule(After(timedelta(hours=1)), args={"to": "b"}), JobState.PENDING, None),
        (Reschedule(After(timedelta(hours=1)), args={"wrong": "b"}), JobState.FAILED, Reason.ERROR),
        (MoveToDlq("no"), JobState.FAILED, Reason.ERROR),
        (Cancel("no"), JobState.CANCELLED, None),
        (SystemExit(1), JobState.FAILED, Reason.PANIC),
    ],
    ids=repr,
)
def test_the_outcome_of_a_handler_of_the_callers_settles_it(
    app: Holdfast, outcome: Any, state: JobState, reason: Reason | None
) -> None:
    @app.task(name="mail")
    def mail(to: str) -> Any:
        raise AssertionError("the declared handler isn't asked")

    job = mail.enqueue("a")
    seen: list[Any] = []

    def handle(ctx: JobContext) -> Any:
        seen.append((threading.get_ident(), ctx.job.id, ctx.job.args, ctx.attempt))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    done = app.run_one(tasks=[mail], handler=handle)
    assert done is not None
    assert seen == [(threading.get_ident(), job.id, {"to": "a"}, 1)]
    stored = app.jobs.get(job.id)
    assert (done.state, done.reason) == (stored.state, stored.reason) == (state, reason)
    assert (done.attempt, done.args) == (stored.attempt, stored.args)
    if state is JobState.PENDING:
        assert done.run_at == stored.run_at
    if state is JobState.SUCCEEDED:
        assert done.result(1) == outcome
    if isinstance(outcome, Retry | Snooze) or (isinstance(outcome, Reschedule) and state is JobState.PENDING):
        assert timedelta(minutes=59) < stored.run_at - stored.created_at < timedelta(minutes=61)


def test_tasks_that_are_declared_elsewhere(app: Holdfast, make_app: MakeApp) -> None:
    make_app().enqueue("elsewhere.send", {"to": "a"}, declare=True)
    done = app.run_one(tasks=["elsewhere.send"], handler=lambda ctx: {"sent": ctx.job.args["to"]})
    assert done is not None
    assert (done.task, done.result(1)) == ("elsewhere.send", {"sent": "a"})
    with pytest.raises(InvalidOption, match="name those"):
        app.run_one(handler=lambda ctx: None)


def test_a_task_is_no_handler(app: Holdfast) -> None:
    @app.task(name="t")
    def t() -> None: ...

    with pytest.raises(InvalidOption, match="without it"):
        app.run_one(handler=t)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["declared", "given"])
def test_async_handlers(app: Holdfast, kind: str) -> None:
    @app.task(name="wait")
    async def wait() -> str:
        await asyncio.sleep(0)
        return "declared"

    async def handle(ctx: JobContext) -> str:
        await asyncio.sleep(0)
        return "given"

    wait.enqueue()
    done = app.run_one(handler=handle if kind == "given" else None)
    assert done is not None
    assert done.result(1) == kind


def test_from_async_code(app: Holdfast) -> None:
    @app.task(name="wait")
    async def wait() -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    @app.task(name="plain")
    def plain() -> int:
        return threading.get_ident()

    async def main() -> None:
        assert await app.arun_one() is None
        first, second = await wait.aenqueue(), await plain.aenqueue()
        done = await app.arun_one(tasks=[wait])
        assert done == first
        assert await first.aresult(1) == id(asyncio.get_running_loop()), "on the caller's loop"
        assert await app.arun_one() == second
        assert await second.aresult(1) != threading.get_ident(), "the loop isn't blocked"

    asyncio.run(main())


def test_an_async_caller_that_is_cancelled_gives_the_job_back(app: Holdfast) -> None:
    begun = asyncio.Event()

    @app.task(name="long")
    async def long() -> None:
        begun.set()
        await asyncio.sleep(60)

    job = long.enqueue()

    async def main() -> None:
        running = asyncio.create_task(app.arun_one())
        await asyncio.wait_for(begun.wait(), 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    job.refresh()
    assert (job.state, job.attempt, job.run) == (JobState.PENDING, 0, 1)


def test_middleware_applies_as_in_a_worker(make_app: MakeApp) -> None:
    seen: list[str] = []

    class Around(Middleware):
        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            seen.append(f"before {ctx.task.name}")
            outcome: Outcome = await call_next(ctx)
            seen.append(outcome.name)
            return outcome

    app = make_app(middleware=[Around()])

    @app.task(name="t", middleware=[Around()])
    def t() -> None: ...

    t.enqueue()
    app.run_one(handler=lambda ctx: seen.append("handler"))
    assert seen == ["before t", "before t", "handler", "Succeeded", "Succeeded"]


def test_the_lifespan_and_the_policy_hold(make_app: MakeApp) -> None:
    from contextlib import contextmanager

    @contextmanager
    def life() -> Any:
        yield "state"

    app = make_app(lifespan=life, retry=Constant(timedelta(microseconds=1)), max_attempts=2)

    @app.task(name="t", takes_context=True)
    def t(ctx: JobContext) -> None:
        raise RuntimeError(ctx.state)

    job = t.enqueue()
    for state in (JobState.PENDING, JobState.FAILED):
        done = app.run_one()
        assert done is not None
        assert done.state is state
    assert [error.message for error in app.jobs.get(job.id).errors] == ["state", "state"]


def test_tasks_may_be_declared_after_it(app: Holdfast) -> None:
    @app.task(name="a")
    def a() -> None: ...

    assert app.run_one() is None

    @app.task(name="b")
    def b() -> None: ...

    job = b.enqueue()
    assert app.run_one() == job


def test_the_lease_outlives_its_own_length(make_app: MakeApp, start_worker: StartWorker) -> None:
    """A handler that takes longer than the lease keeps its job: a beat goes on beside it."""
    app = make_app(lease=0.4)

    @app.task(name="t")
    def t() -> str:
        return "by the worker"

    job = t.enqueue()
    begun, enough = threading.Event(), threading.Event()

    def handle(ctx: JobContext) -> str:
        begun.set()
        assert enough.wait(20)
        return "by run_one"

    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(app.run_one(handler=handle)))
    thread.start()
    assert begun.wait(10)
    rival = start_worker(app, lease=0.4, poll_interval=0.05)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        assert app.jobs.status(job.id) is JobState.RUNNING
        time.sleep(0.05)
    enough.set()
    thread.join(20)
    rival.stop()
    assert done[0].state is JobState.SUCCEEDED
    assert app.jobs.get(job.id).result(1) == "by run_one"
    assert app.jobs.get(job.id).run == 1


def test_a_job_taken_away_is_a_lost_lease(app: Holdfast) -> None:
    @app.task(name="t")
    def t() -> None: ...

    job = t.enqueue()
    with pytest.raises(LeaseLost, match="refused"):
        app.run_one(handler=lambda ctx: app.jobs.cancel(job.id, force=True))
    assert job.refresh().state is JobState.CANCELLED


def test_a_timeout_interrupts_the_calling_thread_and_nothing_after_it(app: Holdfast) -> None:
    @app.task(name="t", timeout=0.2, max_attempts=1)
    def t() -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)

    t.enqueue()
    began = time.monotonic()
    done = app.run_one()
    assert done is not None
    assert done.reason is Reason.TIMEOUT
    assert time.monotonic() - began < 10
    time.sleep(0.1)  # an interrupt that came late would be raised here


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_ctrl_c_gives_the_job_back_and_is_the_programs(app: Holdfast, kind: str) -> None:
    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)

    async def awork() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(20)

    task: Any = app.task(name="t")(awork if kind == "async" else work)
    job = task.enqueue()
    with pytest.raises(KeyboardInterrupt):
        app.run_one()
    job.refresh()
    assert (job.state, job.attempt, job.run) == (JobState.PENDING, 0, 1)
    assert app.run_one(handler=lambda ctx: "again") == job


def test_what_was_captured_is_kept(app: Holdfast) -> None:
    @app.task(name="t")
    def t() -> None: ...

    t.enqueue()
    done = app.run_one(handler=lambda ctx: capture_result([1]))
    assert done is not None
    assert done.kept_result == [1]


def test_a_restricted_worker_starts_no_clock_for_other_tasks(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, backend: Any
) -> None:
    other = make_app()

    @app.task(name="mine")
    def mine() -> None: ...

    @app.task(name="also")
    def also() -> None: ...

    job = other.enqueue("theirs", {}, declare=True)
    start_worker(tasks=("mine",), unknown_task_grace=0.1, cleanup_interval=0.05)
    assert app.run_one(tasks=[also]) is None
    assert app.run_one() is None
    done = mine.enqueue()
    done.result(10)
    time.sleep(0.5)
    assert job.refresh().state is JobState.PENDING
    assert not backend.execute("SELECT task FROM {}unknown_tasks")


@pytest.mark.slow
def test_a_process_that_dies_in_the_handler_leaves_the_job_to_others(
    tmp_path: Path,
) -> None:
    from subprocess import run
    from sys import executable

    database = tmp_path / "jobs.db"
    code = (
        "import os, sys; from holdfast import Holdfast\n"
        "app = Holdfast(f'sqlite:///{sys.argv[1]}')\n"
        "job = app.enqueue('t', {}, declare=True)\n"
        "app.run_one(tasks=['t'], handler=lambda ctx: os._exit(9))\n"
    )
    assert run([executable, "-c", code, str(database)]).returncode == 9
    with Holdfast(f"sqlite:///{database}", retry=Constant(timedelta(microseconds=1))) as app:
        (job,) = app.jobs.list()
        assert job.state is JobState.RUNNING
        done = app.run_one(tasks=["t"], handler=lambda ctx: (ctx.attempt, ctx.job.crashes))
        assert done == job
        assert done is not None
        assert done.result(1) == [2, 1]


def test_a_fifo_queue_is_run_in_its_order(app: Holdfast) -> None:
    app.queue("q", fifo=True)

    @app.task(name="t", queue="q", max_attempts=2, retry=Constant(timedelta(microseconds=1)))
    def t(n: int) -> int:
        return n

    jobs = [t.enqueue(n) for n in range(3)]
    failed = app.run_one(handler=lambda ctx: 1 / 0)
    assert failed == jobs[0]
    assert [app.run_one() for _ in range(4)] == [*jobs, None], "what waits for its retry holds the queue"
