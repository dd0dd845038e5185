"""Cancelling jobs that run: asked, by force, and when the lease is gone."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Constant, Holdfast, JobCancelled, JobContext
from tests.worker.conftest import Ear, MakeApp, StartWorker


def test_an_async_handler_is_cancelled(app: Holdfast, start_worker: StartWorker) -> None:
    began, cleaned = Event(), Event()

    @app.task(name="sleeps")
    async def sleeps() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    start_worker()
    job = sleeps.enqueue()
    assert began.wait(10)
    asked = time.monotonic()
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(timeout=10)
    assert cleaned.is_set()
    assert time.monotonic() - asked < 0.9, "a cancel was only found by the poll"


def test_a_thread_handler_sees_it_and_decides(app: Holdfast, start_worker: StartWorker) -> None:
    began = Event()

    @app.task(name="looks", takes_context=True)
    def looks(ctx: JobContext) -> str:
        began.set()
        pause = Event()
        while not ctx.cancelled:
            pause.wait(0.005)
        return "finished first"

    start_worker()
    job = looks.enqueue()
    assert began.wait(10)
    job.cancel()
    assert job.result(timeout=10) == "finished first"


def test_a_job_in_hand_that_has_not_begun(app: Holdfast, start_worker: StartWorker) -> None:
    began, go_on = Event(), Event()

    @app.task(name="holds", takes_context=True)
    async def holds(ctx: JobContext) -> None:
        began.set()
        await asyncio.to_thread(go_on.wait, 20)

    jobs = [holds.enqueue() for _ in range(3)]
    start_worker(concurrency=1)
    assert began.wait(10)
    jobs[2].cancel()
    go_on.set()
    with pytest.raises(JobCancelled):
        jobs[2].result(timeout=10)
    jobs[1].result(timeout=10)


def test_force_ends_it_now_and_refuses_what_comes_later(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    began, go_on = Event(), Event()

    @app.task(name="deaf")
    def deaf() -> str:
        began.set()
        go_on.wait(20)
        return "too late"

    @app.task(name="fine")
    def fine() -> int:
        return 1

    start_worker(threads=1, cancel_grace=0.1)
    job = deaf.enqueue()
    assert began.wait(10)
    job.cancel(force=True)
    assert job.refresh().state == "cancelled"
    # The slot is given a new thread, though the handler goes on.
    assert fine.enqueue().result(timeout=10) == 1
    go_on.set()
    ear.until(lambda ear: ear.refused)
    assert job.refresh().state == "cancelled"


def test_a_cancel_from_another_process_is_heard(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker
) -> None:
    """Another store object on the same file stands for another process: its news come by the file alone."""
    began = Event()

    @app.task(name="sleeps")
    async def sleeps() -> None:
        began.set()
        await asyncio.sleep(60)

    start_worker()
    job = sleeps.enqueue()
    assert began.wait(10)
    other: Any = make_app()
    assert other.jobs.cancel(job.id)
    with pytest.raises(JobCancelled):
        job.result(timeout=10)


def test_a_worker_declared_dead_goes_on_under_a_new_identity(
    app: Holdfast, start_worker: StartWorker
) -> None:
    from holdfast.store.verbs.workers import unregister

    began = Event()

    @app.task(name="sleeps", takes_context=True, retry=Constant(timedelta(seconds=1)))
    async def sleeps(ctx: JobContext) -> int:
        began.set()
        if ctx.run == 1:
            await asyncio.sleep(60)
        return ctx.run

    worker = start_worker(lease=0.6)
    before = worker.id
    assert before is not None
    job = sleeps.enqueue()
    assert began.wait(10)
    app.client.store.write(unregister, before)
    # The old run is cancelled. Either its own lease is still there to give it back, or the rescue was first.
    assert job.result(timeout=20) == 2
    assert worker.id != before
