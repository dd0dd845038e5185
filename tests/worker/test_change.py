"""Changing jobs that wait, as applications and workers see it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import Holdfast, InvalidArguments, InvalidOption, JobNotFound, JobState, UnknownTask
from tests.conformance.backends import Backend
from tests.worker.conftest import Ear, MakeApp, StartWorker


def declare(app: Holdfast) -> Any:
    @app.task(name="add", queue="mail")
    async def add(a: int, b: int = 0) -> int:
        return a + b

    return add


def test_one_job(app: Holdfast) -> None:
    add = declare(app)
    job = add.using(delay=60).enqueue(1)
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    assert job.change(priority=7, at=tomorrow, queue="slow", args={"a": 2, "b": 3})
    found = app.jobs.get(job.id)
    assert (found.priority, found.run_at, found.queue, found.args) == (7, tomorrow, "slow", {"a": 2, "b": 3})
    assert job.queue == "slow"
    assert asyncio.run(job.achange(delay=0))
    assert job.run_at <= datetime.now(UTC) + timedelta(seconds=2)
    assert job.cancel()
    assert not job.change(priority=1)


def test_what_is_refused(app: Holdfast) -> None:
    add = declare(app)
    app.queue("line", fifo=True)
    job = add.enqueue(1)
    keyed = add.using(ordering_key="k").enqueue(1)
    for wrong in (
        {},
        {"priority": 1000},
        {"delay": 1, "at": datetime.now(UTC)},
        {"queue": ""},
        {"delay": -1},
    ):
        with pytest.raises(InvalidOption):
            job.change(**wrong)
    with pytest.raises(InvalidArguments, match="a"):
        job.change(args={"a": "one"})
    with pytest.raises(InvalidArguments):
        job.change(args={"b": 1})
    with pytest.raises(TypeError, match="colour"):
        job.change(colour="red")
    with pytest.raises(InvalidOption, match="FIFO"):
        keyed.change(queue="line")
    with pytest.raises(InvalidOption, match="FIFO"):
        add.using(queue="line").enqueue(1).change(priority=3)
    with pytest.raises(InvalidOption, match="FIFO"):
        add.using(priority=3).enqueue(1).change(queue="line")
    with pytest.raises(JobNotFound):
        app.jobs.change("01890a5d-ac96-774b-bcce-b302099a8057", priority=1)
    strange = app.enqueue("strange", declare=True)
    assert strange.change(priority=1)
    with pytest.raises(UnknownTask):
        strange.change(args={})
    with pytest.raises(InvalidOption, match="task="):
        app.jobs.change({"queue": "mail"}, args={"a": 1})
    with pytest.raises(InvalidOption):
        app.jobs.change({}, priority=1)
    assert job.refresh().args == {"a": 1}


def test_many_by_filter(app: Holdfast) -> None:
    add = declare(app)
    app.queue("line", fifo=True)
    jobs = app.enqueue_many(add.using(delay=n % 2 * 60).new(n) for n in range(1201))
    keyed = app.enqueue_many(add.using(ordering_key=f"k{n}").new(n) for n in range(10))
    other = add.using(queue="other").enqueue(1)
    jobs[0].cancel()
    assert app.jobs.change({"queue": "mail"}, priority=5) == 1210
    assert asyncio.run(app.jobs.achange({"task": add}, args={"a": 0})) == 1211
    assert (other.refresh().priority, other.args) == (0, {"a": 0})
    assert (jobs[1].refresh().priority, keyed[3].refresh().priority) == (5, 5)
    assert app.jobs.change({"queue": "mail", "state": "blocked"}, priority=0) == 10
    # Plain ones go into the line; those with keys can't, and those with a priority.
    assert app.jobs.change({"task": "add"}, priority=0) == 1211
    assert app.jobs.change({"queue": "mail"}, queue="line") == 1200
    assert len(app.jobs.list(queue="line", limit=2000)) == 1200


def test_a_pulled_in_job_is_seen_at_once(make_app: MakeApp, start_worker: StartWorker, ear: Ear) -> None:
    """Below the low-water marks of a lane that has been served, and from elsewhere."""
    app, theirs = make_app(), make_app()
    add, add_there = declare(app), declare(theirs)
    start_worker(app, poll_interval=60.0)
    later = [add_there.using(delay=3600).enqueue(n) for n in range(5)]
    keyed = add_there.using(delay=3600, ordering_key="k").enqueue(1)
    app.enqueue_many(add.new(1) for _ in range(600))
    ear.until(lambda ear: len(ear.settlements) == 600)
    for job in (*later, keyed):
        assert job.change(delay=0)
    ear.until(lambda ear: len(ear.settlements) == 606, timeout=5)
    moved = add_there.using(delay=3600).enqueue(1)
    assert moved.change(queue="fresh", delay=0, priority=9)
    ear.until(lambda ear: len(ear.settlements) == 607, timeout=5)
    assert moved.refresh().state is JobState.SUCCEEDED


def test_in_a_transaction_of_the_caller_s(app: Holdfast, backend: Backend) -> None:
    add = declare(app)
    job = add.using(delay=60).enqueue(1)
    with closing(_connect(backend)) as connection:
        assert job.change(priority=5, tx=connection)
        connection.rollback()
        assert job.refresh().priority == 0
        assert app.jobs.change({"queue": "mail"}, priority=6, tx=connection) == 1
        with pytest.raises(InvalidOption):
            job.change(priority=1000, tx=connection)
        connection.commit()
    assert job.refresh().priority == 6


def _connect(backend: Backend) -> Any:
    if backend.dialect == "sqlite":
        import sqlite3

        return sqlite3.connect(backend.path)  # type: ignore[attr-defined]
    import psycopg

    return psycopg.connect(backend.url)  # type: ignore[attr-defined]
