"""`expires=`: jobs that must have begun by a certain time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Holdfast, InvalidOption, JobFailed, JobState, Reason, Retry, events
from tests.conformance.backends import Backend
from tests.conformance.scene import until
from tests.worker.conftest import StartWorker

Drain = Callable[..., Any]
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture
def ran(app: Holdfast) -> list[str]:
    ran: list[str] = []

    @app.task(name="brief", queue="mail", expires=timedelta(hours=1))
    def brief(name: str) -> None:
        ran.append(name)

    @app.task(name="plain", queue="mail")
    async def plain(name: str) -> None:
        ran.append(name)

    return ran


def rows(backend: Backend) -> int:
    return int(backend.execute("SELECT count(*) FROM {}expiries")[0][0])


def test_an_expired_job_is_claimed_and_never_begun(app: Holdfast, drain: Drain, ran: list[str]) -> None:
    heard: list[events.Event] = []
    app.on(events.Failed, heard.append)
    over = app.enqueue("plain", {"name": "over"}, expires=LONG_AGO)
    threaded = app.enqueue("brief", {"name": "over"}, expires=LONG_AGO)
    fine = app.enqueue("plain", {"name": "fine"}, expires=60)
    drain()
    assert ran == ["fine"]
    assert fine.refresh().state is JobState.SUCCEEDED
    for job in (over, threaded):
        found = app.jobs.get(job.id)
        assert (found.state, found.reason, found.attempt) == (JobState.FAILED, Reason.EXPIRED, 0)
        assert found.last_error is not None
        assert (found.last_error.type, "2001-01-01" in found.last_error.message) == ("holdfast.Expired", True)
        with pytest.raises(JobFailed):
            job.result(timeout=1)
    until(lambda: len(heard) == 2)


def test_all_the_ways_to_say_so(app: Holdfast, ran: list[str], backend: Backend) -> None:
    task = app.client.registry["brief"]
    task.enqueue("a")
    app.enqueue("brief", {"name": "a"})
    app.enqueue_many([task.new("a"), task.using(expires=datetime.now(UTC) + timedelta(days=1)).new("a")])
    asyncio.run(task.using(delay=5).aenqueue("a"))
    app.enqueue("plain", {"name": "a"}, expires=timedelta(seconds=5))
    assert rows(backend) == 6
    app.enqueue("plain", {"name": "a"})
    assert rows(backend) == 6
    for wrong in (-1, 0, "soon", datetime(2030, 1, 1)):  # noqa: DTZ001 - that is the point
        with pytest.raises(InvalidOption, match="expires"):
            app.enqueue("plain", {"name": "a"}, expires=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["paused", "no worker", "scheduled", "behind others"])
def test_it_fails_where_it_waits(
    app: Holdfast, start_worker: StartWorker, ran: list[str], where: str
) -> None:
    began, go_on = Event(), Event()

    @app.task(name="first", queue="mail")
    def first() -> None:
        began.set()
        go_on.wait(30)

    options: dict[str, Any] = {}
    if where == "paused":
        app.queues["mail"].pause()
    elif where == "no worker":
        options = {"queue": "nobody's"}
    elif where == "scheduled":
        options = {"at": datetime.now(UTC) + timedelta(days=1)}
    else:
        app.enqueue("first", ordering_key="k")
        options = {"ordering_key": "k"}
    job = app.enqueue("plain", {"name": where}, expires=LONG_AGO, **options)
    start_worker(queues=("mail",), lease=1.0)
    if where == "behind others":
        assert began.wait(20)
    until(lambda: job.refresh().state is JobState.FAILED, 20)
    assert job.reason is Reason.EXPIRED
    go_on.set()
    assert ran == []


def test_retries_do_not_expire(app: Holdfast, drain: Drain, backend: Backend) -> None:
    past = "1" if backend.dialect == "sqlite" else "'2001-01-01'"

    @app.task(name="again", takes_context=True, expires=60)
    def again(ctx: Any) -> int:
        if ctx.attempt == 1:
            backend.execute(f"UPDATE {{}}expiries SET at = {past}")
            raise Retry(timedelta(0))
        return int(ctx.attempt)

    job = again.enqueue()
    drain()
    assert job.result(timeout=5) == 2
    assert rows(backend) == 0


def test_dead_letter_queues_get_it(app: Holdfast, drain: Drain, ran: list[str]) -> None:
    app.queue("mail", dead_letter="dead", fifo=True)
    app.enqueue("plain", {"name": "over"}, expires=LONG_AGO)
    app.enqueue("plain", {"name": "next"})
    drain(queues=("mail",))
    assert ran == ["next"]
    (letter,) = app.jobs.list(queue="dead")
    assert letter.args == {"name": "over"}
    drain(queues=("dead",))
    assert ran == ["next", "over"], "a new job, which says nothing of a time"


def test_a_job_that_expires_in_the_worker_s_hands_is_not_begun(
    app: Holdfast, start_worker: StartWorker
) -> None:
    began, go_on = Event(), Event()

    @app.task(name="holds")
    def holds() -> None:
        began.set()
        go_on.wait(20)

    app.enqueue("holds")
    job = app.enqueue("holds", expires=0.5)
    start_worker(threads=1)
    assert began.wait(20)
    Event().wait(0.7)
    go_on.set()
    until(lambda: job.refresh().state is JobState.FAILED, 20)
    assert job.reason is Reason.EXPIRED
