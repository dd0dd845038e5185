"""What schedules enqueue is told like any enqueue: once, before what follows, and only if it is stored."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from holdfast import Every, Holdfast, Job, Middleware, NewJob, events
from holdfast.core.times import SECOND
from holdfast.middleware.base import EnqueueNext
from tests.worker.conftest import MakeApp, StartWorker
from tests.worker.faults import cuttable
from tests.worker.test_events import Told
from tests.worker.test_schedules import rewrite, until


def enqueued(told: Told) -> list[UUID]:
    return [event.job_id for event in told.all if isinstance(event, events.Enqueued)]


def due(app: Holdfast, name: str, ticks: int = 1) -> None:
    """As if a schedule's last ticks, a minute apart, had passed while no worker ran."""
    rewrite(app, name, next_at=app.client.store.now() - (60 * ticks - 30) * SECOND)


def burst(app: Holdfast) -> None:
    worker = app.worker(burst=True)
    worker.start()
    assert worker.wait(20) is not None


class Refuse(Middleware):
    """Refuses some at their second call."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.ended: list[str] = []

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        self.after -= 1
        if self.after < 0:
            raise ValueError("no more")
        try:
            job = await call_next(draft)
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append(str(job.id))
        return job


@pytest.mark.parity("S0.11")
@pytest.mark.parametrize("middleware", [[], [Refuse(100)]])
def test_each_fire_is_told_once_before_its_run(make_app: MakeApp, middleware: list[Middleware]) -> None:
    app = make_app(middleware=middleware)
    told = Told(app)

    @app.task(name="run")
    def run() -> None: ...

    app.schedules.put("minutely", run.new(), Every(60), missed="all")
    due(app, "minutely", ticks=5)
    burst(app)
    jobs = app.jobs.list(task="run")
    assert len(jobs) == 5
    assert sorted(enqueued(told)) == sorted(job.id for job in jobs)
    for job in jobs:
        assert told.names(job) == ["Enqueued", "Started", "Succeeded"]
    assert all(event.committed for event in told.all if isinstance(event, events.Enqueued))


@pytest.mark.parity("S0.11")
def test_each_fire_is_told_by_the_process_that_made_it(make_app: MakeApp, start_worker: StartWorker) -> None:
    apps = [make_app() for _ in range(3)]
    told = [Told(app, events.Enqueued) for app in apps]
    for app in apps:

        @app.every(0.1, name="often", missed="all")
        @app.task(name="run")
        def run() -> None: ...

    workers = [start_worker(app) for app in apps]
    until(lambda: sum(len(one.all) for one in told) >= 12)
    for worker in workers:
        assert worker.stop()
    heard = [job_id for one in told for job_id in enqueued(one)]
    assert len(heard) == len(set(heard))
    assert set(heard) == {job.id for job in apps[0].jobs.list(task="run", limit=1000)}


@pytest.mark.parity("S0.11")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_run_now_is_told(app: Holdfast, asynchronous: bool) -> None:
    told = Told(app)

    @app.task(name="run")
    def run() -> None: ...

    app.schedules.put("daily", run.new(), Every(86_400))
    schedules = app.schedules
    job = asyncio.run(schedules.arun_now("daily")) if asynchronous else schedules.run_now("daily")
    told.until(lambda one: one.all)
    assert enqueued(told) == [job.id]


def test_what_is_not_stored_is_not_told(make_app: MakeApp) -> None:
    refuse = Refuse(after=1)
    app = make_app(middleware=[refuse])
    told = Told(app, events.JobEvent)

    @app.task(name="run")
    def run() -> None: ...

    app.schedules.put("minutely", run.new(), Every(60), missed="all")
    due(app, "minutely", ticks=2)
    burst(app)
    assert app.jobs.list() == []
    assert told.all == []
    assert refuse.ended == ["ValueError"], "the first tick's enqueue hears that it failed with the second"


@pytest.mark.parametrize("committed", [True, False])
def test_an_answer_that_was_lost_is_found_out(
    make_app: MakeApp, start_worker: StartWorker, committed: bool
) -> None:
    middleware = Refuse(100)
    app = make_app(middleware=[middleware])
    told = Told(app, events.JobEvent)

    @app.task(name="run")
    def run() -> None: ...

    app.schedules.put("minutely", run.new(), Every(60), missed="all")
    due(app, "minutely", ticks=2)
    line = cuttable(app)
    if committed:
        line.lose_answers("_round")
    else:
        line.lose_commits("_round")
    worker = start_worker(app, burst=True)
    assert worker.wait(20) is not None
    assert line.lost == ["_round"]
    jobs = app.jobs.list(task="run")
    assert len(jobs) == 2
    assert sorted(enqueued(told)) == sorted(job.id for job in jobs)
    for job in jobs:
        assert told.names(job) == ["Enqueued", "Started", "Succeeded"]
    assert middleware.ended == [
        *([] if committed else ["StoreError"] * 2),
        *(str(job.id) for job in sorted(jobs, key=lambda job: job.id)),
    ]


def test_a_retry_by_hand_is_no_enqueue(app: Holdfast) -> None:
    @app.task(name="run", max_attempts=1)
    def run() -> None:
        raise ValueError

    job = run.enqueue()
    burst(app)
    told = Told(app, events.JobEvent)
    job.retry()
    burst(app)
    assert told.names() == ["Started", "Failed"]
