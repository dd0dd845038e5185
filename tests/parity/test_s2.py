"""The typed job queue on PostgreSQL: arguments, metadata, retries, options of a queue, transactions."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from holdfast import (
    Constant,
    DuplicateTask,
    Exponential,
    Holdfast,
    InvalidArguments,
    InvalidOption,
    Job,
    JobContext,
    JobState,
    Linear,
    Middleware,
    NewJob,
    Outcome,
    Reason,
)
from tests.worker.conftest import Ear, MakeApp, StartWorker

Drain = Callable[..., Any]
S = timedelta(seconds=1)


@dataclass
class Order:
    number: int
    at: datetime


@pytest.mark.parity("S2.1")
def test_typed_arguments(app: Holdfast, drain: Drain) -> None:
    seen: list[Any] = []

    @app.task(name="t")
    def t(order: Order, tags: set[str]) -> None:
        seen.append((order, tags))

    order = Order(3, datetime(2030, 1, 1, tzinfo=UTC))
    t.enqueue(order, {"a"})
    drain()
    assert seen == [(order, {"a"})]
    with pytest.raises(InvalidArguments, match=r"order\.number"):
        app.enqueue("t", {"order": {"number": "x", "at": "2030-01-01T00:00:00Z"}, "tags": []})


@pytest.mark.parity("S2.1")
@pytest.mark.parametrize("stored", ['{"n": "seven"}', '{"m": 7}', "[7]"])
def test_arguments_that_do_not_decode_fail_at_once(
    app: Holdfast, drain: Drain, backend: Any, stored: str
) -> None:
    @app.task(name="t")
    def t(n: int) -> int:
        return n

    job = t.enqueue(7)
    backend.execute("UPDATE {}jobs SET args = ?", stored)
    drain()
    job = app.jobs.get(job.id)
    assert (job.state, job.reason, job.run) == (JobState.FAILED, Reason.INVALID_ARGS, 1), "kept, not retried"
    backend.execute("UPDATE {}jobs SET args = ?", '{"n": 8}')
    assert app.jobs.retry(job.id)
    drain()
    assert app.jobs.get(job.id).result(1) == 8, "and redrivable after a fix"


@pytest.mark.parity("S2.1")
def test_text_that_is_no_json_fails_at_once(app: Holdfast, drain: Drain, backend: Any) -> None:
    @app.task(name="t")
    def t(n: int) -> None: ...

    job = t.enqueue(7)
    other = t.enqueue(8)
    corrupt = partial(backend.execute, "UPDATE {}jobs SET args = ? WHERE id = ?", "{", str(job.id))
    if backend.dialect == "postgres":
        with pytest.raises(Exception, match="invalid input syntax for type json"):
            corrupt()
        return
    corrupt()
    drain()
    assert job.refresh().reason is Reason.INVALID_ARGS
    assert other.refresh().state is JobState.SUCCEEDED


@pytest.mark.parity("S2.2")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_metadata(make_app: MakeApp, start_worker: StartWorker, kind: str) -> None:
    seen: list[Any] = []

    class Tenant(Middleware):
        async def enqueue(self, draft: NewJob, call_next: Any) -> Job[Any]:
            job: Job[Any] = await call_next(draft.replace(meta={**draft.meta, "added": 1}))
            return job

        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            seen.append(("middleware", ctx.meta))
            outcome: Outcome = await call_next(ctx)
            return outcome

    app = make_app(middleware=[Tenant()])

    def work(ctx: JobContext) -> None:
        seen.append(("handler", ctx.meta))

    async def awork(ctx: JobContext) -> None:
        work(ctx)

    task: Any = app.task(name="t", takes_context=True)(awork if kind == "async" else work)
    job = task.using(meta={"tenant": "x"}).enqueue()
    start_worker(app, burst=True).wait(20)
    meta = {"tenant": "x", "added": 1}
    assert seen == [("middleware", meta), ("handler", meta)]
    assert app.jobs.get(job.id).meta == meta


@pytest.mark.parity("S2.3")
@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (Constant(base=20 * S), [20, 20]),
        (Linear(base=20 * S), [20, 40]),
        (Exponential(base=20 * S), [20, 40]),
        (Exponential(base=20 * S, factor=3, max_delay=50 * S), [20, 50]),
    ],
    ids=repr,
)
def test_retries_of_one_enqueue(
    app: Holdfast, drain: Drain, backend: Any, policy: Any, delays: list[int]
) -> None:
    @app.task(name="t", max_attempts=9, retry=Constant(3600 * S))
    def t() -> None:
        raise ValueError("no")

    job = t.using(max_attempts=3, retry=policy).enqueue()
    for number, delay in enumerate(delays, 1):
        before = datetime.now(UTC)
        drain()
        job.refresh()
        assert (job.state, job.attempt) == (JobState.PENDING, number)
        assert delay - 2 < (job.run_at - before).total_seconds() < delay + 10
        past = "now() - interval '1 second'" if backend.dialect == "postgres" else "1"
        backend.execute(f"UPDATE {{}}pending SET run_at = {past}")
    drain()
    job.refresh()
    assert (job.state, job.reason, job.run) == (JobState.FAILED, Reason.EXHAUSTED, 3), "three runs, not four"


@pytest.mark.parity("S2.4")
def test_options_of_a_queue(
    make_app: MakeApp, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    class Note(Middleware):
        def __init__(self, name: str) -> None:
            self.word = name

        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            seen.append(self.word)
            outcome: Outcome = await call_next(ctx)
            return outcome

    app = make_app(
        middleware=[Note("app")], logger=logging.getLogger("shop"), retry=Linear(base=30 * S), max_attempts=4
    )
    app.queue(
        "mail", middleware=[Note("queue")], max_retry_delay=40 * S, poll_interval=0.05, priority=7, timeout=60
    )

    @app.task(name="t", queue="mail", takes_context=True)
    def t(ctx: JobContext) -> None:
        ctx.log.error("said by %s", ctx.job.queue)
        raise ValueError("no")

    registry = app.client.registry
    policy = registry.policy_for("t", "mail")
    assert (policy.max_attempts, policy.timeout) == (4, 60_000_000)
    job = t.enqueue()
    assert job.priority == 7
    before = datetime.now(UTC)
    start_worker(app, burst=True).wait(20)
    job.refresh()
    # The queue says no base: it is the app's, under the queue's cap.
    assert 28 < (job.run_at - before).total_seconds() < 40
    assert seen == ["app", "queue"]
    assert ("shop.mail", "said by mail") in {(r.name, r.getMessage()) for r in caplog.records}
    worker = app.worker()
    with worker:
        assert worker._crew is not None
        assert worker._crew.claimer._options.poll == 0.05
    another = make_app()
    another.queue("a")
    with pytest.raises(DuplicateTask, match="declared twice"):
        another.queue("a")
    with pytest.raises(InvalidOption):
        another.queue("b", max_retry_delay=0)


@pytest.mark.parity("S2.4")
def test_the_defaults_of_a_queue(app: Holdfast, drain: Drain) -> None:
    """2 s at first, doubled, 1 h at most; a look every second."""

    @app.task(name="t")
    def t() -> None: ...

    policy = app.client.registry.policy_for("t", "default")
    from holdfast.core.retries import delay_of

    found = [delay_of(policy.retry, failures, ValueError(), 0.0) for failures in (1, 2, 3, 20)]
    assert found == [2 * S, 4 * S, 8 * S, 3600 * S]
    assert app.worker().options.poll_interval == 1_000_000


@pytest.mark.parity("S2.8")
def test_a_worker_goes_on_until_it_is_told_to_stop_whatever_fails(
    app: Holdfast, start_worker: StartWorker, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    @app.task(name="t", max_attempts=1)
    def t(n: int) -> int:
        if n % 2:
            raise ValueError(f"odd {n}")
        return n

    worker = start_worker()
    with caplog.at_level(logging.INFO, "holdfast"):
        jobs = [t.enqueue(n) for n in range(6)]
        ear.until(lambda ear: len(ear.settlements) == 6)
    assert [job.refresh().state for job in jobs] == ["succeeded", "failed"] * 3
    assert "odd 5" in caplog.text, "errors are logged"
    assert worker.wait(0.05) is None, "it goes on"
    assert t.enqueue(8).result(10) == 8
    assert worker.stop()
    assert t.enqueue(10).refresh().run == 0


@pytest.mark.parity("S2.8")
def test_cancelling_the_task_that_runs_a_worker_ends_it(app: Holdfast) -> None:
    ran = threading.Event()

    @app.task(name="t")
    async def t() -> None:
        ran.set()

    async def receive() -> None:
        async with app.aworker() as worker:
            await worker.wait()

    async def main() -> None:
        receiving = asyncio.create_task(receive())
        await t.aenqueue()
        assert await asyncio.to_thread(ran.wait, 10)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving

    asyncio.run(main())


@pytest.mark.parity("S2.9")
@pytest.mark.parity("S4.2")
def test_migrate_is_repeatable(app: Holdfast) -> None:
    assert app.migrate() == []
    app.client.store.check_schema()


@pytest.mark.parity("S2.9")
def test_all_that_works_inside_of_a_transaction(app: Holdfast, backend: Any) -> None:
    @app.task(name="t")
    def t(n: int) -> int:
        return n

    ended = t.enqueue(0)
    app.run_one()
    waiting = t.enqueue(1)

    def connect() -> Any:
        if backend.dialect == "postgres":
            import psycopg

            return psycopg.connect(backend.url)
        import sqlite3

        connection = sqlite3.connect(backend.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    for commit in (False, True):
        tx = connect()
        new = t.using(tx=tx).enqueue(2)
        many = app.enqueue_many([t.new(3), t.new(4)], tx=tx)
        named = app.enqueue("t", {"n": 5}, tx=tx)
        assert app.jobs.get(new.id, tx=tx) == new
        assert app.jobs.status(named.id, tx=tx) is JobState.PENDING
        assert len(app.jobs.list(tx=tx)) == 6
        assert app.jobs.cancel(waiting.id, tx=tx)
        assert app.jobs.retry(ended.id, tx=tx)
        assert app.jobs.delete(many[0].id, tx=tx)
        assert new.cancel(tx=tx)
        if commit:
            tx.commit()
        else:
            tx.rollback()
        tx.close()
        states = [app.jobs.status(job.id) for job in (ended, waiting, new, *many, named)]
        if commit:
            assert states == ["pending", "cancelled", "cancelled", "not found", "pending", "pending"]
        else:
            assert states == ["succeeded", "pending", *["not found"] * 4]
