"""What is kept of ended jobs, as app, queue and task say: through the public API, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from holdfast import (
    Holdfast,
    InvalidOption,
    JobCancelled,
    JobContext,
    JobExists,
    JobFailed,
    JobNotFound,
    JobState,
    ResultNotKept,
    Retention,
)
from holdfast.client.clock import ids
from holdfast.core.times import DAY
from tests.conformance.backends import Backend
from tests.conformance.scene import HOUR, SECOND, until
from tests.worker.conftest import Ear, MakeApp, StartWorker

Drain = Callable[..., Any]
WEEK = timedelta(days=7)


def kept_for(backend: Backend, job: Any) -> int | None:
    """Microseconds from the end of a job until it may be cleaned away."""
    ((finished, expires),) = backend.execute(
        "SELECT finished_at, expires_at FROM {}finished WHERE id = ?", str(job.id)
    )
    if expires is None:
        return None
    away = expires - finished
    return away if isinstance(away, int) else round(away.total_seconds() * SECOND)


@pytest.mark.parity("S3.9")
def test_the_default(app: Holdfast, drain: Drain, backend: Backend) -> None:
    @app.task(name="a", max_attempts=1)
    def a(fails: bool) -> None:
        if fails:
            raise ValueError

    good, bad, gone = a.enqueue(False), a.enqueue(True), a.using(delay=60).enqueue(False)
    gone.cancel()
    drain()
    assert [kept_for(backend, job) for job in (good, gone, bad)] == [DAY, DAY, None]
    assert good.refresh().has_args


@pytest.mark.parity("S4.7")
def test_the_nearest_that_says_something_wins(make_app: MakeApp, drain: Drain, backend: Backend) -> None:
    app = make_app(retention=Retention(WEEK))
    app.queue("q", retention=Retention(timedelta(hours=1)))

    def fails() -> None:
        raise ValueError

    by_app = app.task(name="app", max_attempts=1)(fails)
    by_queue = app.task(name="queue", queue="q", max_attempts=1)(fails)
    by_task = app.task(name="task", queue="q", max_attempts=1, retention=Retention())(fails)
    jobs = [task.enqueue() for task in (by_app, by_queue, by_task)]
    cancelled = [task.using(delay=60).enqueue() for task in (by_app, by_queue, by_task)]
    drain(app=app)
    for job in cancelled:
        assert app.jobs.cancel(job.id)
    assert [kept_for(backend, job) for job in jobs] == [7 * DAY, HOUR, None]
    assert [kept_for(backend, job) for job in cancelled] == [7 * DAY, HOUR, None]


def test_what_makes_no_sense() -> None:
    for wrong in (
        {"duration": timedelta(-1)},
        {"payload": "sometimes"},
        {"only_failed": 1},
        {"duration": "1d"},
    ):
        with pytest.raises(InvalidOption):
            Retention(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="Retention"):
        Holdfast("sqlite:///x.db", retention=timedelta(days=1))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Retention(WEEK, True)  # type: ignore[call-arg]
    assert Retention.nothing() == Retention(timedelta(0))


@pytest.mark.parity("S4.7")
def test_nothing_is_kept_and_whoever_waits_is_told(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    app = make_app(retention=Retention.nothing())
    go_on = Event()

    @app.task(name="a", max_attempts=1)
    def a(what: str) -> str:
        go_on.wait(20)
        if what == "fails":
            raise ValueError
        return what

    jobs = {what: a.enqueue(what) for what in ("ends", "fails")}
    cancelled = a.using(delay=60).enqueue("never")
    heard: dict[str, BaseException] = {}

    def wait(what: str) -> None:
        try:
            jobs[what].result(timeout=20)
        except BaseException as error:
            heard[what] = error

    waiters = [Thread(target=wait, args=(what,)) for what in jobs]
    start_worker(app=app)
    for waiter in waiters:
        waiter.start()
    go_on.set()
    for waiter in waiters:
        waiter.join(20)
    assert {what: type(error) for what, error in heard.items()} == {"ends": ResultNotKept, "fails": JobFailed}
    # And whoever asks afterwards.
    ear.until(lambda ear: len(ear.settlements) == 2)
    with pytest.raises(ResultNotKept, match="retention"):
        jobs["ends"].result(timeout=5)
    with pytest.raises(JobFailed):
        asyncio.run(jobs["fails"].aresult(timeout=5))
    assert cancelled.cancel()
    assert cancelled.state is JobState.NOT_FOUND
    with pytest.raises(JobCancelled):
        cancelled.result(timeout=5)
    with pytest.raises(JobNotFound):
        cancelled.refresh()
    assert app.jobs.list() == []
    assert ear.refused == []


def test_an_id_of_ones_own_is_taken_for_a_while(make_app: MakeApp, drain: Drain, backend: Backend) -> None:
    app = make_app(retention=Retention.nothing(), cleanup_interval=0.05)
    runs: list[int] = []

    @app.task(name="a")
    def a(n: int) -> None:
        runs.append(n)

    chosen, draft = ids.next(), a.new(2)
    a.using(id=chosen).enqueue(1)
    app.enqueue_many([draft])
    drain(app=app)
    with pytest.raises(JobExists, match="ten minutes"):
        a.using(id=chosen).enqueue(1)
    with pytest.raises(JobExists, match="ten minutes"):
        app.enqueue_many([draft])
    assert sorted(runs) == [1, 2]
    past = "0" if backend.dialect == "sqlite" else "now() - interval '11 minutes'"
    backend.execute(f"UPDATE {{}}forgotten SET at = {past}")
    with app.worker():
        until(lambda: not backend.execute("SELECT id FROM {}forgotten"), what="the ids are forgotten")
    a.using(id=chosen).enqueue(3)
    drain(app=app)
    assert sorted(runs) == [1, 2, 3]


def test_retries_go_on_until_the_end(make_app: MakeApp, drain: Drain) -> None:
    app = make_app(retention=Retention.nothing())
    runs: list[int] = []

    @app.task(name="a", takes_context=True, retry=lambda *_: timedelta(0))
    def a(ctx: JobContext, n: int) -> None:
        runs.append(ctx.attempt)
        ctx.progress(10 * ctx.attempt)
        if ctx.attempt < 3:
            raise ValueError

    a.enqueue(1)
    drain(app=app)
    assert runs == [1, 2, 3]
    assert app.jobs.list() == []


def test_forced_cancel_of_a_run_that_leaves_nothing(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    app = make_app(retention=Retention.nothing())
    began, go_on = Event(), Event()

    @app.task(name="a")
    def a() -> None:
        began.set()
        go_on.wait(20)

    job = a.enqueue()
    start_worker(app=app)
    assert began.wait(20)
    assert app.jobs.cancel(job.id, force=True)
    go_on.set()
    with pytest.raises(JobCancelled):
        job.result(timeout=20)
    assert app.jobs.list() == []


def test_only_failed(make_app: MakeApp, drain: Drain, backend: Backend) -> None:
    app = make_app(retention=Retention(WEEK, only_failed=True))

    @app.task(name="a", max_attempts=1)
    def a(fails: bool) -> None:
        if fails:
            raise ValueError

    jobs = [a.enqueue(fails) for fails in (True, False)]
    drain(app=app)
    assert app.jobs.list() == [jobs[0]]
    assert kept_for(backend, jobs[0]) == 7 * DAY


def test_a_handler_that_settles_in_its_own_transaction(
    make_app: MakeApp, drain: Drain, backend: Backend
) -> None:
    app = make_app(retention=Retention.nothing())

    @app.task(name="a", takes_context=True, transactional=True)
    def a(ctx: JobContext, commit: bool) -> None:
        connection = _connect(backend)
        connection.execute("BEGIN IMMEDIATE" if backend.dialect == "sqlite" else "BEGIN")
        try:
            with ctx.settle_in(connection):
                pass
            connection.execute("COMMIT" if commit or ctx.attempt > 1 else "ROLLBACK")
        finally:
            connection.close()

    for commit in (True, False):
        job = a.using(max_attempts=1).enqueue(commit)
        drain(app=app)
        with pytest.raises(ResultNotKept if commit else JobFailed):
            job.result(timeout=5)
    assert app.jobs.list() == []


def _connect(backend: Backend) -> Any:
    if backend.dialect == "sqlite":
        import sqlite3

        return sqlite3.connect(backend.path, isolation_level=None)  # type: ignore[attr-defined]
    import psycopg

    return psycopg.connect(backend.url, autocommit=True)  # type: ignore[attr-defined]
