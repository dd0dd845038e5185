"""Runs that finish in a transaction of their own: what they wrote and their success commit together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast, JobContext, Middleware, Outcome, capture_result
from holdfast.core.errors import InvalidOption, JobFailed
from holdfast.core.retries import Constant
from holdfast.core.states import JobState
from holdfast.core.times import to_timedelta
from holdfast.middleware.base import ProcessNext
from tests.servers.shared import Servers, versions

SOON = Constant(base=to_timedelta(1000))


class Ledger:
    """A table of the application's own, in the database of its jobs."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self.connect() as connection:
            connection.execute("CREATE TABLE ledger (job text, amount integer)")
            connection.commit()

    def connect(self) -> Any:
        if self.url.startswith("sqlite"):
            return sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=10)
        return psycopg.connect(self.url)

    def pay(self, tx: Any, job: object, amount: int) -> None:
        tx.execute(f"INSERT INTO ledger VALUES ('{job}', {amount})")

    def rows(self) -> list[int]:
        with self.connect() as connection:
            return [
                row[0] for row in connection.execute("SELECT amount FROM ledger ORDER BY amount").fetchall()
            ]


@pytest.fixture(params=["sqlite", *versions()[:1]])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """On each store."""
    if request.param == "sqlite":
        yield Ledger(f"sqlite:///{tmp_path}/jobs.db")
        return
    servers: Servers = request.getfixturevalue("servers")
    with servers.databases(request.param).fresh() as database:
        yield Ledger(database.url)


@pytest.fixture
def app(ledger: Ledger) -> Iterator[Holdfast]:
    with Holdfast(ledger.url) as app:
        app.migrate()
        yield app


def test_effects_and_success_commit_together(app: Holdfast, ledger: Ledger) -> None:
    @app.task(takes_context=True, transactional=True)
    def pay(ctx: JobContext, amount: int) -> int:
        with ledger.connect() as tx:
            ledger.pay(tx, ctx.job.id, amount)
            with ctx.settle_in(tx, amount):
                ledger.pay(tx, ctx.job.id, amount)
        return amount

    jobs = app.enqueue_many(pay.new(number) for number in range(20))
    app.run_worker(burst=True)
    assert ledger.rows() == sorted([*range(20), *range(20)])
    assert [job.result(timeout=5) for job in jobs] == list(range(20))
    assert {job.refresh().run for job in jobs} == {1}


@pytest.mark.parity("S3.4")
@pytest.mark.parametrize("replaced", [False, True])
def test_without_a_result_it_takes_the_captured_one(app: Holdfast, ledger: Ledger, replaced: bool) -> None:
    class Replace(Middleware):
        async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
            return await call_next(ctx.replace(meta={"seen": True}) if replaced else ctx)

    @app.task(takes_context=True, transactional=True, middleware=[Replace()])
    def pay(ctx: JobContext, amount: int, result: int | None = None) -> int:
        with ledger.connect() as tx, ctx.settle_in(tx, result):
            ledger.pay(tx, ctx.job.id, amount)
            capture_result(amount * 100)
        capture_result(-1)
        return -1

    captured, given = pay.enqueue(7), pay.enqueue(8, result=9)
    app.run_worker(burst=True)
    assert (captured.result(timeout=5), given.result(timeout=5)) == (700, 9)
    assert ledger.rows() == [7, 8]


def test_a_rolled_back_transaction_leaves_the_job_to_its_outcome(app: Holdfast, ledger: Ledger) -> None:
    @app.task(takes_context=True, transactional=True, retry=SOON, max_attempts=5)
    def pay(ctx: JobContext, amount: int) -> None:
        with ledger.connect() as tx:
            ledger.pay(tx, ctx.job.id, amount)
            with ctx.settle_in(tx):
                pass
            if ctx.attempt < 3:
                raise OSError("the network is gone before the commit")

    job = pay.enqueue(7)
    with app.worker():
        job.result(timeout=20)
    assert ledger.rows() == [7]
    assert job.refresh().attempt == 3


def test_a_handler_that_rolls_back_and_returns_has_not_succeeded(app: Holdfast, ledger: Ledger) -> None:
    @app.task(takes_context=True, transactional=True, retry=SOON, max_attempts=2)
    def pay(ctx: JobContext, amount: int) -> None:
        tx = ledger.connect()
        ledger.pay(tx, ctx.job.id, amount)
        with ctx.settle_in(tx):
            pass
        tx.rollback()
        tx.close()

    job = pay.enqueue(7)
    with app.worker(), pytest.raises(JobFailed, match="not committed"):
        job.result(timeout=20)
    assert (ledger.rows(), job.refresh().attempt) == ([], 2)


def test_an_error_after_the_commit_changes_nothing(app: Holdfast, ledger: Ledger) -> None:
    @app.task(takes_context=True, transactional=True, retry=SOON)
    def pay(ctx: JobContext, amount: int) -> None:
        with ledger.connect() as tx, ctx.settle_in(tx):
            ledger.pay(tx, ctx.job.id, amount)
        raise OSError("after everything was done")

    job = pay.enqueue(7)
    app.run_worker(burst=True)
    assert job.refresh().state is JobState.SUCCEEDED
    assert (ledger.rows(), job.run) == ([7], 1)


def test_a_run_that_lost_its_lease_rolls_back(app: Holdfast, ledger: Ledger) -> None:
    """It is interrupted, or gets LeaseLost, whichever comes first."""

    @app.task(takes_context=True, transactional=True)
    def pay(ctx: JobContext, amount: int) -> None:
        app.jobs.cancel(ctx.job.id, force=True)
        with ledger.connect() as tx, ctx.settle_in(tx):
            ledger.pay(tx, ctx.job.id, amount)

    job = pay.enqueue(7)
    app.run_worker(burst=True)
    assert job.refresh().state is JobState.CANCELLED
    assert ledger.rows() == []


def test_the_task_must_say_so(app: Holdfast, ledger: Ledger) -> None:
    @app.task(takes_context=True, max_attempts=1)
    def pay(ctx: JobContext) -> None:
        with ledger.connect() as tx, ctx.settle_in(tx):
            pass

    job = pay.enqueue()
    app.run_worker(burst=True)
    assert job.refresh().state is JobState.FAILED
    assert job.last_error is not None
    assert InvalidOption.__name__ in job.last_error.type
    assert "transactional=True" in job.last_error.message
