"""Faults that systems before this one had, tried on both stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast, Retry, current_job
from holdfast.client.clock import ids
from holdfast.core.errors import StoreUnavailable
from holdfast.store.records import LaneMark, WorkerRow
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.workers import beats, register
from holdfast.worker.worker import Worker
from tests.conformance.backends import Backend
from tests.faults.workload import eventually
from tests.worker.conftest import (
    Ear,
    MakeApp,
    StartWorker,
    app,
    backend,
    drain,
    ear,
    make_app,
    postgres_backends,
    start_worker,
)
from tests.worker.faults import cuttable

__all__ = ["app", "backend", "drain", "ear", "make_app", "postgres_backends", "start_worker"]

Drain = Callable[..., Worker]


def at_once(failures: int, error: BaseException | None) -> timedelta:
    return timedelta(0)


@pytest.mark.parity("F1")
def test_a_run_is_over_when_its_end_is_committed(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    @app.task(name="work")
    def work() -> int:
        return 7

    line, tried, refuse = cuttable(app), Event(), True
    way = line.send

    def send(go: Any, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb.__name__ == "settle" and refuse:
            tried.set()
            raise StoreUnavailable("the commit failed")
        return way(go, verb, *args, **kwargs)

    line.send = send  # type: ignore[method-assign]
    job = work.enqueue()
    start_worker()
    assert tried.wait(10)
    elsewhere = make_app()
    assert elsewhere.jobs.status(job.id) == "running"
    assert ear.settlements == []
    refuse = False
    assert job.result(timeout=10) == 7
    ear.until(lambda ear: len(ear.settlements) == 1)
    assert (job.refresh().run, ear.refused) == (1, [])


@pytest.mark.parity("F3")
def test_no_transaction_is_open_while_handlers_run(
    app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    begun, go_on, number = [Event() for _ in range(12)], Event(), 12

    @app.task(name="wait")
    def wait(n: int) -> None:
        begun[n].set()
        go_on.wait(30)

    app.enqueue_many(wait.new(n) for n in range(number))
    start_worker(threads=number)
    assert all(event.wait(10) for event in begun)
    eventually(lambda: not open_transactions(backend), "no transaction is open", 10)
    go_on.set()


def open_transactions(backend: Backend) -> bool:
    """Whether somebody is in a transaction on this database, be it only reading."""
    if backend.dialect == "sqlite":
        # Nobody may be reading what a checkpoint is to cut off.
        with closing(sqlite3.connect(backend.path, timeout=0)) as connection:  # type: ignore[attr-defined]
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(busy)
    with psycopg.connect(backend.url) as connection:  # type: ignore[attr-defined]
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
            "AND application_name LIKE 'holdfast%'"
        ).fetchone()
        assert row is not None
        return bool(row[0])


@pytest.mark.parity("F4")
def test_closing_and_stopping_again_do_nothing(app: Holdfast, start_worker: StartWorker) -> None:
    app.task(name="nothing")(lambda: None)
    app.jobs.list()
    worker = start_worker()
    assert worker.stop() is True
    assert worker.stop() is True
    assert worker.stop(0) is True
    app.close()
    app.close()


@pytest.mark.parity("F5")
def test_a_retry_needs_no_error(app: Holdfast, drain: Drain) -> None:
    @app.task(name="again", retry=at_once, max_attempts=3)
    def again() -> int:
        if current_job().attempt < 3:
            raise Retry
        return current_job().attempt

    @app.task(name="never", retry=at_once, max_attempts=2)
    def never() -> None:
        raise Retry

    good, bad = again.enqueue(), never.enqueue()
    assert drain().status.name == "FINISHED"
    assert good.result(timeout=5) == 3
    assert (bad.refresh().state, bad.reason, bad.attempt) == ("failed", "exhausted", 2)


@pytest.mark.parity("F6")
def test_the_delay_that_a_handler_asks_for_is_kept(app: Holdfast, drain: Drain) -> None:
    runs: list[int] = []

    @app.task(name="busy", retry=at_once)
    def busy() -> None:
        runs.append(1)
        raise Retry(timedelta(hours=3))

    before = datetime.now(UTC)
    job = busy.enqueue()
    drain()
    drain()
    assert runs == [1]
    assert job.refresh().state == "pending"
    asked, slack = timedelta(hours=3), timedelta(seconds=2)
    assert before + asked - slack <= job.run_at <= datetime.now(UTC) + asked + slack


@pytest.mark.parity("F13")
@pytest.mark.parametrize("timeout", [0, 20])
def test_what_was_claimed_and_not_started_is_free_when_the_worker_has_ended(
    app: Holdfast, start_worker: StartWorker, timeout: int
) -> None:
    begun, go_on = Event(), Event()
    claimed: list[bool] = []

    @app.task(name="quick")
    def quick(n: int) -> None: ...

    @app.task(name="wait")
    def wait() -> None:
        claimed.append(in_hand())
        begun.set()
        go_on.wait(30)

    drafts = [quick.new(n) for n in range(300)] + [wait.new()] + [quick.new(n) for n in range(300)]
    behind = [draft.id for draft in drafts[301:]]

    def in_hand() -> bool:
        """One of those behind the job that waits is claimed."""
        return any(job.id in behind for job in app.jobs.list(state="running", limit=1000))

    app.enqueue_many(drafts)
    worker = start_worker(threads=1, cancel_grace=0.2)
    assert begun.wait(20)
    stopping = Thread(target=worker.stop, args=(timeout,))
    stopping.start()
    if timeout:
        eventually(lambda: not in_hand(), "they are given back as the shutdown begins", 10)
        go_on.set()
    stopping.join(30)
    assert claimed == [True], "nothing was claimed ahead"
    for job_id in behind:
        job = app.jobs.get(job_id)
        assert (job.state, job.attempt) == ("pending", 0)
    go_on.set()


@pytest.mark.parity("F14")
def test_a_job_longer_than_the_lease_runs_once(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    begun, go_on = Event(), Event()

    def work() -> str:
        begun.set()
        go_on.wait(30)
        return "once"

    task = app.task(name="work")(work)
    other = make_app()
    other.task(name="work")(work)
    job = task.enqueue()
    workers = [start_worker(lease=0.3), start_worker(other, lease=0.3)]
    assert begun.wait(10)

    def beaten() -> int:
        """The least number of beats; six are a lease."""
        now = dict(app.client.store.read(beats))
        return min(now.get(worker.id or "", 0) for worker in workers)

    eventually(lambda: beaten() > 20, "three leases have passed")
    go_on.set()
    assert job.result(timeout=10) == "once"
    assert (job.refresh().run, ear.taken_back, ear.refused) == (1, [], [])


@pytest.mark.parity("F16")
def test_the_dead_are_rescued_though_nothing_else_happens(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="held", retry=at_once)
    def held() -> int:
        return current_job().attempt

    @app.task(name="other")
    def other() -> None: ...

    worker = start_worker(lease=0.3, poll_interval=60)
    other.enqueue().result(timeout=10)
    phantom = WorkerRow(
        id=ids.next(),
        host="elsewhere",
        pid=1,
        version="0",
        queues=None,
        tasks=["held"],
        restricted=False,
        concurrency=1,
    )
    store = app.client.store
    store.write(register, phantom)
    # In a queue that the worker doesn't know of yet. It is due no sooner than it is claimed, or the worker, which any
    # change of the file may wake, could have it first.
    with own(app) as connection:
        job = held.using(queue="theirs", delay=3600, tx=connection).enqueue()
        make_due(connection, str(job.id))
        lane = LaneMark("theirs", 0)
        assert store.within(connection, claim, phantom.id, ids.next(), [lane], 5, ["held"])
    assert job.result(timeout=20) == 2
    assert worker.wait(0) is None


@contextmanager
def own(app: Holdfast) -> Iterator[Any]:
    """A transaction on a connection of a caller's."""
    store = app.client.store
    if store.dialect == "sqlite":
        with closing(sqlite3.connect(store.address.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
        return
    with psycopg.connect(app.url) as connection:
        yield connection


def make_due(connection: Any, job_id: str) -> None:
    """Without a word to anybody."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("UPDATE holdfast_pending SET run_at = 0 WHERE id = ?", (job_id,))
    else:
        connection.execute("UPDATE holdfast.pending SET run_at = 'epoch' WHERE id = %s", (job_id,))


@pytest.mark.parity("F17")
def test_queues_that_nobody_declared_are_served_like_others(app: Holdfast, start_worker: StartWorker) -> None:
    app.queue("mail", priority=1)

    @app.task(name="work", queue="mail")
    def work() -> str:
        return current_job().job.queue

    jobs = [work.using(queue=name).enqueue() for name in ("mail", "never-declared", "Another", "a.third")]
    worker = start_worker()
    jobs += [work.using(queue=name).enqueue() for name in ("while-it-runs", "mail")]
    assert [job.result(timeout=10) for job in jobs] == [job.queue for job in jobs]
    assert worker.stop() is True


@pytest.mark.parity("F19")
def test_a_due_job_that_was_delayed_goes_before_later_ones(app: Holdfast, drain: Drain) -> None:
    order: list[str] = []

    @app.task(name="work")
    def work(name: str) -> None:
        order.append(name)

    now = datetime.now(UTC)
    delayed = work.using(delay=timedelta(seconds=0.2)).enqueue("delayed")
    scheduled = work.using(at=now + timedelta(seconds=0.3)).enqueue("scheduled")
    eventually(lambda: app.client.store.now() > _micros(scheduled.run_at) + 100_000, "they are due")
    work.enqueue("at once")
    assert delayed.refresh().state == "pending"
    drain(threads=1)
    assert order == ["delayed", "scheduled", "at once"]


def _micros(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000)
