"""`app.queues`: what is in them, and emptying one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Holdfast, InvalidOption, JobNotFound
from tests.worker.conftest import StartWorker

Drain = Callable[..., Any]


def test_what_is_in_a_queue(app: Holdfast, drain: Drain, start_worker: StartWorker) -> None:
    began, go_on = Event(), Event()

    @app.task(name="a", queue="mail", max_attempts=1)
    def a(fails: bool) -> None:
        if fails:
            raise ValueError

    @app.task(name="holds", queue="slow")
    def holds() -> None:
        began.set()
        go_on.wait(20)

    a.enqueue(False)
    a.enqueue(True)
    a.using(delay=60).enqueue(True).cancel()
    drain()
    a.using(delay=60).enqueue(True)
    for _ in range(3):
        a.enqueue(True)
    found = app.queues["mail"].stats()
    assert (found.pending, found.scheduled, found.due, found.running, found.blocked) == (4, 1, 3, 0, 0)
    assert (found.succeeded, found.failed, found.cancelled) == (1, 1, 1)
    assert found.oldest_due is not None
    assert timedelta(0) <= found.oldest_due < timedelta(minutes=1)
    empty = app.queues["nobody's"].stats()
    assert (empty.pending, empty.succeeded, empty.failed, empty.oldest_due) == (0, 0, 0, None)
    holds.enqueue()
    worker = start_worker(queues=("slow",))
    assert began.wait(20)
    assert app.queues["slow"].stats().running == 1
    assert asyncio.run(app.queues["slow"].astats()).pending == 0
    go_on.set()
    worker.stop()


def test_the_known_ones(app: Holdfast) -> None:
    app.queue("declared")

    @app.task(name="a", queue="used")
    def a() -> None: ...

    a.enqueue()
    assert [queue.name for queue in app.queues] == ["declared", "used"]

    async def names() -> list[str]:
        return [queue.name async for queue in app.queues]

    assert asyncio.run(names()) == ["declared", "used"]
    with pytest.raises(InvalidOption):
        app.queues[""]


@pytest.mark.parametrize("form", ["blocking", "async"])
def test_purge_takes_all_that_waits_and_nothing_else(app: Holdfast, drain: Drain, form: str) -> None:
    @app.task(name="a", queue="mail")
    def a(n: int) -> None: ...

    done = a.enqueue(0)
    drain()
    jobs = app.enqueue_many(a.using(priority=n % 3, delay=n % 2 * 60).new(n) for n in range(1201))
    other = a.using(queue="other").enqueue(1)
    queue = app.queues["mail"]
    assert (queue.purge() if form == "blocking" else asyncio.run(queue.apurge())) == 1201
    assert queue.purge() == 0
    assert app.jobs.list() == [other, done]
    with pytest.raises(JobNotFound):
        jobs[0].refresh()


def test_whoever_waits_for_a_purged_job_is_told(app: Holdfast) -> None:
    @app.task(name="a", queue="mail")
    def a() -> None: ...

    job = a.enqueue()

    async def purge_meanwhile() -> None:
        waiting = asyncio.create_task(job.aresult(timeout=20))
        await asyncio.sleep(0.05)
        assert await app.queues["mail"].apurge() == 1
        with pytest.raises(JobNotFound):
            await waiting

    asyncio.run(purge_meanwhile())


def test_depths_are_those_of_the_stats(app: Holdfast) -> None:
    app.queue("declared")

    @app.task
    def nothing() -> None: ...

    app.enqueue_many(
        [nothing.using(queue="a").new() for _ in range(3)] + [nothing.using(queue="b", delay=60).new()]
    )
    app.queues["b"].pause(reason="why not")
    found = {one.name: one for one in app.queues.depths()}
    assert list(found) == ["a", "b", "declared"]
    for name, one in found.items():
        stats = app.queues[name].stats()
        assert (one.pending, one.due, one.blocked, one.running, one.paused) == (
            stats.pending, stats.due, stats.blocked, stats.running, stats.paused
        )  # fmt: skip
        assert (one.oldest_due is None) == (stats.oldest_due is None)
    app.pause()
    assert {one.paused.kind for one in app.queues.depths() if one.paused} == {"all", "queue"}
