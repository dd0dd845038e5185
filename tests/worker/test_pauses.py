"""Pausing and resuming queues, tasks and everything, as applications and workers see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Every, Holdfast, InvalidOption, JobState, Pause
from holdfast.core.times import SECOND
from tests.conformance.scene import until
from tests.worker.conftest import Ear, MakeApp, StartWorker
from tests.worker.programs import Programs

Drain = Callable[..., Any]
KINDS = ("queue", "task", "all")


def quick(app: Holdfast) -> Any:
    @app.task(name="quick", queue="mail")
    async def quick() -> None: ...

    return quick


def pause(app: Holdfast, kind: str) -> None:
    assert {
        "queue": app.queues["mail"].pause,
        "task": lambda: app.pause(task="quick"),
        "all": app.pause,
    }[kind]()


def resume(app: Holdfast, kind: str) -> None:
    assert {
        "queue": app.queues["mail"].resume,
        "task": lambda: app.resume(task="quick"),
        "all": app.resume,
    }[kind]()


def test_what_is_paused_can_be_read(app: Holdfast) -> None:
    task = quick(app)
    mail = app.queues["mail"]
    before = datetime.now(UTC) - timedelta(seconds=2)
    assert mail.stats().paused is None
    assert mail.pause(by="ada", reason="provider is down")
    assert not mail.pause(by="bob")
    found = mail.stats().paused
    assert found is not None
    assert found == Pause(kind="queue", name="mail", by="ada", reason="provider is down", since=found.since)
    assert before < found.since < datetime.now(UTC) + timedelta(seconds=2)
    assert [queue.name for queue in app.queues] == ["mail"]
    assert app.pause(task=task, reason="wrong template")
    assert app.pause(by="ada")
    assert [(one.kind, one.name) for one in app.paused()] == [
        ("all", ""),
        ("queue", "mail"),
        ("task", "quick"),
    ]
    other = app.queues["other"].stats().paused
    assert other is not None
    assert (other.kind, other.by) == ("all", "ada")
    assert app.resume()
    assert not app.resume()
    assert app.queues["other"].stats().paused is None
    assert mail.stats().paused == found
    assert mail.resume()
    assert app.resume(task="quick")
    assert app.paused() == []
    with pytest.raises(InvalidOption, match="reason"):
        mail.pause(reason="x" * 501)
    with pytest.raises(InvalidOption, match="by"):
        mail.pause(by="a\0b")
    with pytest.raises(InvalidOption):
        app.pause(task="")


def test_the_async_forms(app: Holdfast) -> None:
    async def go() -> None:
        assert await app.queues["mail"].apause(by="ada")
        assert await app.apause(task="quick")
        assert await app.apause()
        assert [one.kind for one in await app.apaused()] == ["all", "queue", "task"]
        assert await app.aresume()
        assert await app.aresume(task="quick")
        assert await app.queues["mail"].aresume()
        assert await app.apaused() == []

    asyncio.run(go())


@pytest.mark.parametrize("kind", KINDS)
def test_a_burst_takes_what_is_paused_for_nothing_due(app: Holdfast, drain: Drain, kind: str) -> None:
    task = quick(app)
    job = task.enqueue()
    pause(app, kind)
    drain()
    assert app.run_one() is None
    assert job.refresh().state is JobState.PENDING
    assert job.run == 0
    resume(app, kind)
    drain()
    assert job.refresh().state is JobState.SUCCEEDED


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_hears_of_it_at_once(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear, kind: str
) -> None:
    """From another app's connection, as from another process: notifications wake within milliseconds."""
    app, theirs = make_app(), make_app()
    task, task_there = quick(app), quick(theirs)
    task.enqueue()
    start_worker(app, poll_interval=60.0)
    ear.until(lambda ear: len(ear.settlements) == 1)
    pause(theirs, kind)
    waits = [task_there.enqueue() for _ in range(20)]
    other = app.enqueue("quick", queue="other") if kind == "queue" else None
    if other is not None:
        ear.until(lambda ear: len(ear.settlements) == 2)
        assert other.refresh().state is JobState.SUCCEEDED
    assert {job.refresh().state for job in waits} == {JobState.PENDING}
    done = len(ear.settlements)
    resume(theirs, kind)
    ear.until(lambda ear: len(ear.settlements) == done + 20, timeout=5)
    assert {job.refresh().run for job in waits} == {1}


def test_without_notifications_it_takes_a_second(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    app, theirs = make_app(notify=False), make_app(notify=False)
    quick(app)
    task = quick(theirs)
    start_worker(app, poll_interval=0.2)
    theirs.queues["mail"].pause()
    job = task.enqueue()
    theirs.queues["mail"].resume()
    ear.until(lambda ear: ear.settlements, timeout=5)
    assert job.refresh().state is JobState.SUCCEEDED


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_running_jobs_go_on_and_what_has_not_begun_is_given_back(
    app: Holdfast, start_worker: StartWorker, ear: Ear, kind: str
) -> None:
    began, go_on = Event(), Event()
    if kind == "thread":

        @app.task(name="holds", queue="mail")
        def holds() -> None:
            began.set()
            go_on.wait(20)
    else:

        @app.task(name="holds", queue="mail")
        async def aholds() -> None:
            began.set()
            await asyncio.to_thread(go_on.wait, 20)

    jobs = [app.enqueue("holds") for _ in range(3)]
    worker = start_worker(concurrency=1, threads=1)
    assert began.wait(20)
    crew = worker._crew
    assert crew is not None
    app.queues["mail"].pause()
    until(lambda: crew.claimer.halted)
    go_on.set()
    until(lambda: app.queues["mail"].stats().running == 0)
    states = sorted(job.refresh().state for job in jobs)
    assert states == ["pending", "pending", "succeeded"]
    # Uncharged.
    assert [app.jobs.get(job.id).attempt for job in jobs if job.state == "pending"] == [0, 0]
    app.queues["mail"].resume()
    ear.until(lambda ear: sum(one.state.terminal for one in ear.settlements) == 3)


class Counting:
    """A worker's way to the store, counted."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.calls = 0

    def write(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self._channel.write(*args, **kwargs)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self._channel.read(*args, **kwargs)

    def close(self) -> None:
        self._channel.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_backlog_that_is_paused_costs_nothing(
    app: Holdfast, start_worker: StartWorker, ear: Ear, kind: str
) -> None:
    task = quick(app)
    pause(app, kind)
    app.enqueue_many(task.new() for _ in range(10_000))
    worker = start_worker(poll_interval=0.2)
    crew = worker._crew
    assert crew is not None
    until(lambda: crew.claimer.halted)
    channel = crew.claimer._channel
    counting = crew.claimer._channel = crew.claimer._batches._channel = Counting(channel)
    crew.claimer._lookout._channel = counting
    spent, began = time.process_time(), time.monotonic()
    Event().wait(2.0)
    spent, took = time.process_time() - spent, time.monotonic() - began
    # A look and, of a paused task, a claim in vain each 0.15 to 0.2 s.
    assert counting.calls <= took / 0.15 * 2 + 12
    assert spent < took / 4
    resume(app, kind)
    ear.until(lambda ear: len(ear.settlements) >= 10_000, timeout=60)


def test_a_fifo_queue_does_not_stall(app: Holdfast, start_worker: StartWorker, ear: Ear) -> None:
    ran: list[int] = []
    app.queue("line", fifo=True)

    @app.task(name="step", queue="line")
    async def step(n: int) -> None:
        ran.append(n)

    app.queues["line"].pause()
    app.enqueue_many(step.new(n) for n in range(20))
    worker = start_worker()
    crew = worker._crew
    assert crew is not None
    until(lambda: crew.claimer.halted)
    app.enqueue_many(step.new(n) for n in range(20, 40))
    app.queues["line"].resume()
    until(lambda: len(ran) >= 5)
    app.queues["line"].pause()
    until(lambda: crew.claimer.halted)
    app.queues["line"].resume()
    ear.until(lambda ear: sum(one.state.terminal for one in ear.settlements) == 40)
    assert ran == list(range(40))


def test_the_tasks_behind_a_paused_one_are_served(app: Holdfast, start_worker: StartWorker, ear: Ear) -> None:
    """And low-water marks don't hide it once it is resumed."""
    task = quick(app)

    @app.task(name="other", queue="mail")
    async def other() -> None: ...

    app.pause(task=task)
    app.enqueue_many(task.new() for _ in range(700))
    app.enqueue_many(other.new() for _ in range(700))
    start_worker(poll_interval=30.0)
    ear.until(lambda ear: len(ear.settlements) == 700)
    # The marks follow by 0.2 s.
    Event().wait(0.5)
    other.enqueue()
    ear.until(lambda ear: len(ear.settlements) == 701)
    app.resume(task=task)
    ear.until(lambda ear: len(ear.settlements) == 1401, timeout=10)


def test_schedules_still_enqueue(app: Holdfast, start_worker: StartWorker) -> None:
    task = quick(app)
    app.pause()
    app.schedules.put("often", task.new(), Every(timedelta(seconds=1)))
    start_worker()
    found = until(lambda: app.jobs.list(state="pending"), 20)
    assert found[0].run == 0


def test_what_a_dead_worker_held_goes_back_and_waits(programs: Programs, client_app: Holdfast) -> None:
    job = client_app.enqueue("sleeps", {"seconds": 60})
    dead = programs.start(lease=2 * SECOND)
    programs.until(lambda lines: len(lines) == 1)
    client_app.pause(by="ada")
    dead.kill()
    dead.wait()
    programs.start(lease=2 * SECOND)
    until(lambda: job.refresh().state is JobState.PENDING, 30)
    # Over restarts, until somebody resumes it.
    quick = client_app.enqueue("quick", {"n": 1})
    third = programs.start(burst=True)
    assert third.wait(30) == 0
    assert (quick.refresh().run, job.refresh().run) == (0, 1)
    client_app.resume()
    assert quick.result(timeout=20) == 1


def test_a_paused_queue_is_no_trouble_for_health(app: Holdfast, start_worker: StartWorker) -> None:
    task = quick(app)
    app.pause()
    app.enqueue_many(task.new() for _ in range(50))
    worker = start_worker()
    crew = worker._crew
    assert crew is not None
    until(lambda: crew.claimer.halted)
    until(lambda: worker.health().ready)


def test_a_claim_under_way_when_it_is_resumed_is_made_good(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    """Pauses and resumes in quick turn, from elsewhere, while jobs come: nothing is left lying."""
    app, theirs = make_app(), make_app()
    quick(app)
    task = quick(theirs)
    start_worker(app, poll_interval=30.0)
    for _ in range(30):
        theirs.queues["mail"].pause()
        theirs.enqueue_many(task.new() for _ in range(5))
        theirs.queues["mail"].resume()
    ear.until(lambda ear: sum(one.state.terminal for one in ear.settlements) == 150, timeout=10)
