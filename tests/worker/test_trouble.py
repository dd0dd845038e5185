"""Handlers that don't behave: nobody else's job is lost, and the worker lives on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from threading import Event, get_ident
from typing import Any

import pytest

from holdfast import Fail, Holdfast, Job, JobCancelled, JobFailed
from tests.worker.conftest import Ear, StartWorker


def ended(job: Job[Any], timeout: float = 20) -> Job[Any]:
    """The job once it has ended, however."""
    with contextlib.suppress(JobFailed, JobCancelled):
        job.result(timeout=timeout)
    return job.refresh()


def test_the_loop_survives_what_brings_it_down(app: Holdfast, start_worker: StartWorker) -> None:
    began, go_on = Event(), Event()

    @app.task(name="quiet")
    async def quiet() -> str:
        began.set()
        await asyncio.to_thread(go_on.wait, 20)
        return "undisturbed"

    @app.task(name="exits")
    async def exits() -> None:
        async def inner() -> None:
            raise SystemExit(1)

        await asyncio.ensure_future(inner())

    @app.task(name="stops", max_attempts=1)
    async def stops() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)
        return "went on"

    start_worker()
    waiting = quiet.enqueue()
    assert began.wait(10)
    assert ended(exits.enqueue()).reason == "panic"
    assert stops.enqueue().result(timeout=10) == "went on"
    go_on.set()
    assert waiting.result(timeout=10) == "undisturbed"


def test_heartbeats_go_on_while_the_loop_is_blocked(
    app: Holdfast, make_app: Any, start_worker: StartWorker, ear: Ear
) -> None:
    """A handler blocks the loop for three times the lease; the other worker, who watches, declares nobody dead."""

    @app.task(name="blocks")
    async def blocks() -> str:
        time.sleep(1.8)  # noqa: ASYNC251
        return "done"

    @app.task(name="beside")
    async def beside() -> int:
        return 1

    start_worker(lease=0.6)
    blocking = blocks.enqueue()
    other = make_app()
    other.task(name="unused")(_nothing)
    start_worker(other, lease=0.6)
    after = beside.enqueue()
    assert blocking.result(timeout=20) == "done"
    assert after.result(timeout=20) == 1
    assert (blocking.refresh().run, ear.taken_back, ear.refused) == (1, [], [])


def _nothing() -> None:
    pass


def test_a_thread_that_goes_on_after_its_timeout_is_replaced(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    """It waits in C code, where Python can't interrupt it: the job is settled without it, its slot works on."""
    go_on, left = Event(), Event()
    threads: list[int] = []

    @app.task(name="deaf", timeout=0.1, max_attempts=1)
    def deaf() -> str:
        threads.append(get_ident())
        try:
            go_on.wait(20)
        finally:
            left.set()
        return "too late"

    @app.task(name="next")
    def following() -> int:
        return get_ident()

    start_worker(threads=1, cancel_grace=0.1)
    job = deaf.enqueue()
    assert (ended(job).state, job.reason) == ("failed", "timeout")
    assert following.enqueue().result(timeout=10) not in threads
    go_on.set()
    assert left.wait(10)
    assert following.enqueue().result(timeout=10) not in threads
    assert (job.refresh().state, job.reason) == ("failed", "timeout")


def test_an_interrupt_never_meets_the_next_job(app: Holdfast, start_worker: StartWorker) -> None:
    """Timeouts that fire at the very moment when handlers end."""

    @app.task(name="brief", timeout=0.003, max_attempts=1)
    def brief() -> None:
        time.sleep(0.003)

    @app.task(name="innocent", max_attempts=1)
    def innocent() -> int:
        return sum(range(2000))

    start_worker(threads=2)
    jobs = app.enqueue_many([draft for _ in range(150) for draft in (brief.new(), innocent.new())])
    for job in jobs:
        ended(job)
    assert {job.state for job in jobs[1::2]} == {"succeeded"}
    assert {job.reason for job in jobs[::2]} <= {None, "timeout"}


def test_a_handler_that_swallows_its_cancellation_loses_its_lease(
    app: Holdfast, start_worker: StartWorker
) -> None:
    go_on = Event()

    @app.task(name="deaf", timeout=0.1, max_attempts=1)
    async def deaf() -> str:
        while not go_on.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        return "too late"

    @app.task(name="fine")
    async def fine() -> int:
        return 1

    start_worker(concurrency=1, cancel_grace=0.1)
    job = deaf.enqueue()
    assert (ended(job).state, job.reason) == ("failed", "timeout")
    assert fine.enqueue().result(timeout=10) == 1
    go_on.set()
    assert fine.enqueue().result(timeout=10) == 1
    assert (job.refresh().state, job.reason) == ("failed", "timeout")


def test_a_handler_may_catch_its_timeout_and_decide(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="tidy", timeout=0.05)
    async def tidy() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise Fail("too slow, and tidied up") from None

    start_worker()
    assert ended(tidy.enqueue()).reason == "error"


def test_what_is_returned_after_the_timeout_comes_too_late(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="late", timeout=0.05, max_attempts=1)
    async def late() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "late"
        return "slept"

    start_worker()
    assert ended(late.enqueue()).reason == "timeout"


class Odd(Exception):
    """Nobody can print it."""

    def __str__(self) -> str:
        raise SystemExit("nope")

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Homeless(Exception):
    """From nowhere."""


Homeless.__module__ = None  # type: ignore[assignment]


class OddPanic(BaseException):
    def __str__(self) -> str:
        raise SystemExit("nope")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Odd, "exhausted"), (Homeless, "exhausted"), (OddPanic, "panic")],
    ids=str,
)
def test_an_exception_that_can_not_be_printed_is_settled_like_any_other(
    app: Holdfast, start_worker: StartWorker, kind: type[BaseException], reason: str
) -> None:
    @app.task(name="odd", max_attempts=1)
    def odd() -> None:
        raise kind

    @app.task(name="odd_async", max_attempts=1)
    async def odd_async() -> None:
        raise kind

    @app.task(name="fine")
    def fine() -> int:
        return 1

    start_worker()
    jobs = [odd.enqueue(), odd_async.enqueue()]
    neighbours = [fine.enqueue() for _ in range(5)]
    for job in jobs:
        assert ended(job).reason == reason
        assert job.last_error is not None
        assert kind.__name__ in job.last_error.type
    assert [job.result(timeout=10) for job in neighbours] == [1] * 5


def test_a_handler_that_cancels_itself_has_panicked(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="suicidal")
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    start_worker()
    assert ended(suicidal.enqueue()).reason == "panic"


def test_a_handler_that_cancels_all_others_hurts_itself_only_as_far_as_it_must(
    app: Holdfast, start_worker: StartWorker
) -> None:
    """Tasks that were cancelled before their first step say nothing of themselves: they are found."""

    @app.task(name="vandal", priority=10)
    async def vandal() -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    @app.task(name="victim", max_attempts=3)
    async def victim() -> int:
        return 1

    jobs = app.enqueue_many([vandal.new(), *(victim.new() for _ in range(10))])
    start_worker()
    for job in jobs:
        ended(job)
    assert {job.state for job in jobs} <= {"succeeded", "failed"}
    assert {job.reason for job in jobs} <= {None, "panic"}


def test_a_sync_handler_that_raises_deep_inside_keeps_the_worker(
    app: Holdfast, start_worker: StartWorker
) -> None:
    @app.task(name="deep", max_attempts=1)
    def deep() -> None:
        def fall() -> None:
            fall()

        fall()

    start_worker()
    with pytest.raises(JobFailed):
        deep.enqueue().result(timeout=10)
