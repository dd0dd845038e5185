"""FIFO queues and ordering keys where they meet dead letters, retention and purges: nobody gets a turn too many, and
no turn is left behind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast, Job, JobContext, JobFailed, JobNotFound, JobState, Retention
from holdfast.store.verbs.lines import drop_idle
from tests.conformance import invariant
from tests.conformance.backends import Backend
from tests.worker.conftest import MakeApp, StartWorker

Drain = Callable[..., Any]


def turns(backend: Backend) -> set[str | None]:
    """Who has the turn of any line, but for those that a worker will find to be gone."""
    tables = backend.tables()
    gone = {job for job, run, *_ in tables.notes if run}
    return {line.turn for seen in tables.lines.values() for line in seen} - gone


def placed(app: Holdfast, backend: Backend, queue: str) -> dict[str, int]:
    """How many jobs of a queue are in each of the places where they wait; the invariants hold, and all have a key."""
    invariant.check(backend)
    tables = backend.tables()
    ids = {str(job.id): job for job in app.jobs.list(queue=queue, limit=1000)}
    assert {tables.stood.get(job_id) for job_id in ids} <= {(queue, "")}
    return {
        place: len(ids.keys() & set(getattr(tables, place))) for place in ("blocked", "pending", "finished")
    }


# --- dead letters in a FIFO queue ----------------------------------------------------------------------------


@pytest.mark.parity("S2.6")
@pytest.mark.parametrize("who", ["owner", "of the source", "stranger"])
def test_letters_of_a_fifo_queue_have_its_key_whoever_makes_them(
    make_app: MakeApp, start_worker: StartWorker, drain: Drain, backend: Backend, who: str
) -> None:
    """Also if whoever makes them declares only the queue that they come from, or none at all."""
    ran: list[int] = []
    owner = make_app()
    owner.queue("mail", dead_letter="dead")
    owner.queue("dead", fifo=True, task="bury")

    @owner.task(name="bury")
    def bury(n: int) -> None:
        ran.append(n)

    @owner.task(name="send", queue="mail", max_attempts=1)
    def send(n: int) -> None:
        raise ValueError

    drain(app=owner)  # stores the settings
    app = owner
    if who != "owner":
        app = make_app()
        app.task(name="other")(lambda: None)
        if who == "of the source":
            app.queue("mail", dead_letter="dead")
            app.task(name="send", queue="mail", max_attempts=1)(send.function)
    jobs = [send.enqueue(n) for n in range(5)]
    if who == "stranger":
        worker = start_worker(app=app, queues=("mail",), unknown_task_grace=0.01)
    else:
        worker = start_worker(app=app, queues=("mail",), threads=1)
    for job in jobs:
        with pytest.raises(JobFailed):
            job.result(timeout=20)
    worker.stop()
    found = placed(owner, backend, "dead")
    assert (found["blocked"], found["pending"]) == (5, 0)
    drain(app=owner)
    assert sorted(ran) == [0, 1, 2, 3, 4]
    if who != "stranger":
        assert ran == [0, 1, 2, 3, 4], "in the order in which they failed"
    assert placed(owner, backend, "dead") == {"blocked": 0, "pending": 0, "finished": 5}


# --- redriven ------------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.10")
@pytest.mark.parametrize("verb", ["one", "filter", "async", "retry"])
def test_a_redriven_job_waits_for_its_turn(app: Holdfast, drain: Drain, backend: Backend, verb: str) -> None:
    fails, ran = [True], list[int]()

    @app.task(name="step", max_attempts=1)
    def step(n: int) -> None:
        if fails[0]:
            raise ValueError
        ran.append(n)

    keyed = step.using(ordering_key="customer-7")
    jobs = [keyed.enqueue(n) for n in range(3)]
    drain()
    assert app.dead_letters.count() == 3
    later = keyed.using(delay=3600).enqueue(9)
    if verb == "filter":
        assert app.dead_letters.redrive(task="step") == 3
    for job in jobs if verb != "filter" else []:
        if verb == "one":
            assert app.dead_letters.redrive(job.id)
        elif verb == "async":
            assert asyncio.run(app.dead_letters.aredrive(job.id))
        else:
            job.retry()
    invariant.check(backend)
    assert set(backend.tables().blocked) == {str(job.id) for job in [*jobs, later]}
    assert app.queues["default"].stats().blocked == 4
    fails[0] = False
    again = Holdfast(app.url)
    again.task(name="step", max_attempts=1)(step.function)
    again.run_worker(burst=True)
    again.close()
    assert ran == [0, 1, 2]
    invariant.check(backend)


# --- nothing kept --------------------------------------------------------------------------------------------


def connect(backend: Backend) -> Any:
    if backend.dialect == "sqlite":
        return sqlite3.connect(backend.path, timeout=10)  # type: ignore[attr-defined]
    return psycopg.connect(backend.url)  # type: ignore[attr-defined]


@pytest.mark.parity("S4.7")
@pytest.mark.parametrize("how", ["returns", "fails", "cancels", "settles in"])
def test_a_job_of_which_nothing_is_kept_hands_over_its_turn(
    make_app: MakeApp, drain: Drain, backend: Backend, how: str
) -> None:
    app = make_app()
    app.queue("line", fifo=True, retention=Retention.nothing())
    ran: list[int] = []

    @app.task(
        name="step", queue="line", max_attempts=1, transactional=how == "settles in", takes_context=True
    )
    def step(ctx: JobContext, n: int) -> None:
        ran.append(n)
        if how == "fails":
            raise ValueError
        if how == "cancels":
            app.jobs.cancel(ctx.job.id, force=True)
        if how == "settles in":
            with connect(backend) as tx, ctx.settle_in(tx):
                pass

    jobs = [step.enqueue(n) for n in range(6)]
    drain(app=app)
    assert ran == list(range(6))
    invariant.check(backend)
    tables = backend.tables()
    assert (tables.jobs, tables.blocked, tables.pending) == ([], [], [])
    assert turns(backend) <= {None}, "no turn is held by a job that is gone"
    with pytest.raises(JobNotFound):
        jobs[0].refresh()
    app.client.store.write(drop_idle)
    assert backend.tables().lines == {}


def test_a_waiting_job_of_which_nothing_is_kept_is_cancelled(
    make_app: MakeApp, drain: Drain, backend: Backend
) -> None:
    """Whether it is the first or not."""
    app = make_app()
    app.queue("line", fifo=True, retention=Retention.nothing())
    ran: list[int] = []

    @app.task(name="step", queue="line")
    def step(n: int) -> None:
        ran.append(n)

    @app.task(name="other")
    def other() -> None: ...

    jobs = [step.enqueue(n) for n in range(4)]
    drain(app=app, tasks=["other"])  # sees to the line
    assert jobs[0].refresh().state is JobState.BLOCKED
    assert app.jobs.cancel(jobs[0].id)
    assert app.jobs.cancel(jobs[2].id)
    invariant.check(backend)
    second = Holdfast(app.url)
    second.queue("line", fifo=True, retention=Retention.nothing())
    second.task(name="step", queue="line")(step.function)
    second.run_worker(burst=True)
    second.close()
    assert ran == [1, 3]
    assert backend.tables().jobs == []


# --- purged and counted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fifo", [False, True])
def test_a_purged_queue_goes_on(
    make_app: MakeApp, drain: Drain, backend: Backend, start_worker: StartWorker, fifo: bool
) -> None:
    app = make_app()
    app.queue("line", fifo=fifo)
    ran: list[int] = []

    @app.task(name="step", queue="line")
    def step(n: int) -> None:
        ran.append(n)

    @app.task(name="other")
    def other() -> None: ...

    def enqueue(n: int) -> Job[None]:
        return (step if fifo else step.using(ordering_key=f"key {n % 3}")).enqueue(n)

    for n in range(30):
        enqueue(n)
    drain(app=app, tasks=["other"])
    stats = app.queues["line"].stats()
    assert (stats.pending, stats.blocked, stats.due) == (0, 30, 0)
    assert app.queues["line"].purge() == 30
    invariant.check(backend)
    tables = backend.tables()
    assert (tables.jobs, tables.blocked, tables.pending) == ([], [], [])
    assert turns(backend) <= {None}
    stats = asyncio.run(app.queues["line"].astats())
    assert (stats.pending, stats.blocked) == (0, 0)
    jobs = [enqueue(n) for n in range(30, 33)]
    start_worker(app=app)
    for job in jobs:
        job.result(timeout=20)
    assert ran == [30, 31, 32] if fifo else sorted(ran) == [30, 31, 32]


def test_a_purge_beside_a_running_job_of_the_key(
    app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    from threading import Event

    began, go_on = Event(), Event()

    @app.task(name="step")
    def step(n: int) -> None:
        began.set()
        go_on.wait(20)

    keyed = step.using(ordering_key="k")
    running, *_ = [keyed.enqueue(n) for n in range(5)]
    worker = start_worker()
    assert began.wait(20)
    assert app.queues["default"].purge() == 4
    after = keyed.enqueue(9)
    assert app.queues["default"].stats().blocked == 1
    invariant.check(backend)
    assert after.refresh().state is JobState.BLOCKED
    go_on.set()
    after.result(timeout=20)
    assert running.refresh().state is JobState.SUCCEEDED
    worker.stop()


def test_a_letter_that_waits_is_purged_alone(make_app: MakeApp, drain: Drain, backend: Backend) -> None:
    app = make_app()
    app.queue("mail", dead_letter="dead")
    app.queue("dead", fifo=True)

    @app.task(name="send", queue="mail", max_attempts=1, timeout=timedelta(seconds=30))
    def send(n: int) -> None:
        raise ValueError

    jobs = [send.enqueue(n) for n in range(3)]
    drain(app=app, queues=["mail"])
    assert app.queues["dead"].purge() == 3
    assert app.dead_letters.count() == 3
    assert {job.refresh().state for job in jobs} == {JobState.FAILED}
    invariant.check(backend)
