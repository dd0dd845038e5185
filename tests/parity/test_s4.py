"""The embedded queue: its client, wake-ups, starting and stopping, leases, cleaning, status."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from holdfast import DuplicateTask, Holdfast, JobContext, JobState, current_job
from tests.faults.workload import eventually
from tests.worker.conftest import Ear, MakeApp, StartWorker

Drain = Callable[..., Any]


def connect(backend: Any) -> Any:
    """A connection of the application's own, with a transaction open."""
    if backend.dialect == "postgres":
        import psycopg

        return psycopg.connect(backend.url)
    import sqlite3

    connection = sqlite3.connect(backend.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


@pytest.mark.parity("S4.1")
def test_several_types_in_one_call_at_a_time_in_a_transaction_waited_for(
    app: Holdfast, backend: Any, drain: Drain
) -> None:
    @app.task(name="a")
    def a(n: int) -> int:
        return n

    @app.task(name="b")
    async def b(text: str) -> str:
        return text

    at = datetime(2099, 1, 1, tzinfo=UTC)
    tx = connect(backend)
    jobs = app.enqueue_many([a.new(1), b.new("x"), a.using(at=at).new(2), a.using(delay=0).new(3)], tx=tx)
    assert app.jobs.status(jobs[0].id) is JobState.NOT_FOUND
    tx.commit()
    tx.close()
    drain()
    assert [job.result(1) for job in (jobs[0], jobs[1], jobs[3])] == [1, "x", 3]
    assert jobs[2].refresh().run_at == at


@pytest.mark.parity("S4.2")
def test_a_file_is_made_at_first_use_and_a_server_says_what_to_do(backend: Any, tmp_path: Path) -> None:
    if backend.dialect == "sqlite":
        with Holdfast(f"sqlite:///{tmp_path}/fresh.db") as app:
            assert app.enqueue("t", declare=True).refresh().state is JobState.PENDING
        return
    with Holdfast(backend.url, schema="fresh") as app:
        with pytest.raises(Exception, match="migrate"):
            app.enqueue("t", declare=True)
        try:
            assert app.migrate() != []
            assert app.migrate() == []
            assert app.enqueue("t", declare=True).refresh().state is JobState.PENDING
        finally:
            backend.execute("DROP SCHEMA fresh CASCADE")


@pytest.mark.parity("S4.3")
def test_wakes_without_polling(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, backend: Any
) -> None:
    """A worker that would look every 30 s runs a job at once: its own app's, another's, one of a transaction."""

    @app.task(name="t")
    def t() -> float:
        return time.monotonic()

    other = make_app()
    start_worker(poll_interval=30)
    t.enqueue().result(10)
    for enqueue in ("own", "another app's", "a transaction's"):
        time.sleep(0.3)  # idle again
        began = time.monotonic()
        if enqueue == "own":
            job = t.enqueue()
        elif enqueue == "another app's":
            job = app.jobs.get(other.enqueue("t", declare=True).id)
        else:
            tx = connect(backend)
            job = t.using(tx=tx).enqueue()
            tx.commit()
            tx.close()
        assert job.result(10) - began < 5, enqueue


@pytest.mark.parity("S4.3")
@pytest.mark.parametrize("how", ["blocking", "async"])
@pytest.mark.parametrize("queue", ["default", "never seen"])
def test_notify_tells_of_what_came_by_other_means(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, backend: Any, how: str, queue: str
) -> None:
    @app.task(name="t")
    def t() -> int:
        return 1

    worker = start_worker(poll_interval=60)
    t.enqueue().result(10)
    job = t.using(at=datetime(2099, 1, 1, tzinfo=UTC)).enqueue()
    time.sleep(0.5)
    backend.execute("UPDATE {}jobs SET queue = ? WHERE id = ?", queue, str(job.id))
    past = "now() - interval '1 second'" if backend.dialect == "postgres" else "1"
    backend.execute(f"UPDATE {{}}pending SET queue = ?, run_at = {past}", queue)
    teller = make_app()
    if how == "async":
        asyncio.run(teller.anotify())
    else:
        teller.notify()
    assert job.result(10) == 1
    assert worker.stop()


@pytest.mark.parity("S4.3")
def test_notify_is_what_wakes_it(app: Holdfast, start_worker: StartWorker, backend: Any) -> None:
    if backend.dialect == "sqlite":
        return  # a look at data_version has noticed it before

    @app.task(name="t")
    def t() -> int:
        return 1

    start_worker(poll_interval=60)
    t.enqueue().result(10)
    job = t.using(at=datetime(2099, 1, 1, tzinfo=UTC)).enqueue()
    time.sleep(0.5)
    backend.execute("UPDATE {}pending SET run_at = now() - interval '1 second'")
    time.sleep(1.5)
    assert job.refresh().state is JobState.PENDING
    app.notify()
    assert job.result(10) == 1


@pytest.mark.parity("S4.4")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_start_stop_and_hard_stop(app: Holdfast, kind: str) -> None:
    begun, enough = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        until = time.monotonic() + 20
        while time.monotonic() < until and not enough.is_set():
            time.sleep(0.01)

    async def awork() -> None:
        begun.release()
        until = time.monotonic() + 20
        while time.monotonic() < until and not enough.is_set():  # noqa: ASYNC110 - another thread's event
            await asyncio.sleep(0.01)

    task: Any = app.task(name="t")(awork if kind == "async" else work)
    for timeout, finished in ((0, False), (0.2, False), (20, True)):
        worker = app.worker()
        worker.start()
        job = task.enqueue()
        assert begun.acquire(timeout=10)
        began = time.monotonic()
        if finished:
            enough.set()
        assert worker.stop(timeout) is finished
        took = time.monotonic() - began
        assert took < timeout + 5
        assert worker.stop(timeout) is finished, "stopping again says the same"
        state = JobState.SUCCEEDED if finished else JobState.PENDING
        job.refresh()
        assert (job.state, job.attempt) == (state, 1 if finished else 0), "given back uncharged"
        if not finished:
            assert job.cancel()


@pytest.mark.parity("S4.5")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_the_client_inside_of_a_handler(app: Holdfast, drain: Drain, kind: str) -> None:
    seen: list[Any] = []

    @app.task(name="leaf")
    def leaf() -> None:
        seen.append(current_job().app)

    if kind == "async":

        @app.task(name="root", takes_context=True)
        async def aroot(ctx: JobContext) -> None:
            seen.append(ctx.app)
            await ctx.app.aenqueue("leaf")

    else:

        @app.task(name="root", takes_context=True)
        def root(ctx: JobContext) -> None:
            seen.append(ctx.app)
            ctx.app.enqueue("leaf")

    app.enqueue("root")
    drain()
    assert seen == [app, app]


@pytest.mark.parity("S4.6")
@pytest.mark.parametrize("interval", [0.05, None])
def test_cleaning_has_an_interval_or_is_off(
    make_app: MakeApp, start_worker: StartWorker, backend: Any, interval: float | None
) -> None:
    app = make_app(cleanup_interval=interval)

    @app.task(name="t")
    def t() -> None: ...

    old, new = t.enqueue(), t.enqueue()
    for _ in range(2):
        app.run_one()
    past = "now() - interval '1 hour'" if backend.dialect == "postgres" else "1"
    backend.execute(f"UPDATE {{}}finished SET expires_at = {past} WHERE id = ?", str(old.id))
    with app.worker():
        if interval is None:
            t.enqueue().result(10)
            time.sleep(0.5)
            assert app.jobs.status(old.id) is JobState.SUCCEEDED, "nothing is cleaned away"
        else:
            eventually(lambda: app.jobs.status(old.id) is JobState.NOT_FOUND, "it is cleaned away")
    assert app.jobs.status(new.id) is JobState.SUCCEEDED


@pytest.mark.parity("S4.6")
@pytest.mark.parity("F14")
def test_a_living_workers_job_is_never_released_and_its_timeout_ends_a_stuck_run(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    app = make_app(default_timeout=1.5, lease=0.3, max_attempts=1)
    begun = threading.Event()

    @app.task(name="stuck")
    async def stuck() -> None:
        begun.set()
        await asyncio.sleep(60)

    assert app.worker().options.lease == 300_000
    first = start_worker(app, lease=0.3)
    job = stuck.enqueue()
    assert begun.wait(10)
    start_worker(app, lease=0.3)
    ear.until(lambda ear: ear.settlements)
    assert ear.taken_back == [], "several leases long it was alive"
    job.refresh()
    assert (job.state, job.reason, job.run) == (JobState.FAILED, "timeout", 1)
    assert first.stop()


@pytest.mark.parity("S4.8")
def test_status(app: Holdfast, start_worker: StartWorker) -> None:
    begun, enough = threading.Event(), threading.Event()

    @app.task(name="t", max_attempts=1)
    def t(how: str) -> None:
        if how == "fail":
            raise ValueError("no")
        if how == "run":
            begun.set()
            assert enough.wait(20)

    later = t.using(delay=3600).enqueue("later")
    jobs = {how: t.enqueue(how) for how in ("run", "fail", "end")}
    start_worker()
    assert begun.wait(10)
    for how in ("fail", "end"):
        eventually(lambda how=how: app.jobs.get(jobs[how].id).finished_at is not None, "it ends")
    assert app.jobs.status(later.id) is JobState.PENDING
    assert app.jobs.status(jobs["run"].id) is JobState.RUNNING
    assert app.jobs.status(jobs["end"].id) is JobState.SUCCEEDED
    assert app.jobs.status(str(jobs["fail"].id)) is JobState.FAILED
    assert app.jobs.status(uuid4()) is JobState.NOT_FOUND
    assert asyncio.run(app.jobs.astatus(uuid4())) is JobState.NOT_FOUND
    enough.set()


@pytest.mark.parity("S4.9")
def test_logging_is_the_programs(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """Standard loggers below `holdfast`, or below the program's own; no handler, no level is touched."""
    before = {name: logging.getLogger(name).handlers[:] for name in (None, "holdfast")}
    levels = {name: logging.getLogger(name).level for name in (None, "holdfast")}
    for logger, name in ((None, "holdfast.mail"), (logging.getLogger("shop"), "shop.mail")):
        app = make_app(logger=logger)

        @app.task(name="t", queue="mail", takes_context=True)
        def t(ctx: JobContext) -> None:
            ctx.log.warning("said")

        t.enqueue()
        with app.worker(burst=True) as worker:
            worker.wait(10)
        assert [record.name for record in caplog.records if record.message == "said"] == [name]
        caplog.clear()
    assert {name: logging.getLogger(name).handlers for name in before} == before
    assert {name: logging.getLogger(name).level for name in levels} == levels


@pytest.mark.parity("S4.9")
def test_a_program_that_wants_no_log_sees_none(tmp_path: Path) -> None:
    code = (
        "from holdfast import Holdfast\n"
        "app = Holdfast('sqlite:///jobs.db')\n"
        "@app.task(name='t')\n"
        "def t() -> None: ...\n"
        "t.enqueue()\n"
        "app.run_worker(burst=True)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parity("S4.11")
@pytest.mark.parametrize("kind", ["engine", "async engine"])
def test_an_engine_gives_its_address_and_its_sessions_their_transactions(backend: Any, kind: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.orm import Session

    sync = backend.url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(sync)
    given: Any = engine
    if kind == "async engine":
        given = create_async_engine(sync.replace("sqlite://", "sqlite+aiosqlite://"))
    with Holdfast(given) as app:
        app.migrate()

        @app.task(name="t")
        def t(n: int) -> int:
            return n

        with Session(engine) as session, session.begin():
            kept = t.using(tx=session).enqueue(1)
        with Session(engine) as session:
            gone = t.using(tx=session).enqueue(2)
            session.rollback()
        assert app.jobs.status(kept.id) is JobState.PENDING
        assert app.jobs.status(gone.id) is JobState.NOT_FOUND
        assert engine.pool.checkedout() == 0, "its connections are never held"  # type: ignore[attr-defined]
        assert app.run_one() == kept
    engine.dispose()
    if given is not engine:
        asyncio.run(given.dispose())


@pytest.mark.parity("S4.11")
def test_a_pool_gives_its_address(backend: Any) -> None:
    if backend.dialect == "sqlite":
        return
    # As a psycopg pool shows where it connects to.
    pool = SimpleNamespace(conninfo=backend.url, kwargs={"autocommit": False})
    with Holdfast(pool) as app:
        assert app.url == backend.url
        tx = connect(backend)
        job = app.enqueue("t", declare=True, tx=tx)
        tx.commit()
        tx.close()
        assert job.refresh().state is JobState.PENDING


@pytest.mark.parity("S4.11")
def test_a_queue_declared_twice(app: Holdfast) -> None:
    app.queue("mail")
    with pytest.raises(DuplicateTask, match="'mail' is declared twice"):
        app.queue("mail", priority=1)
