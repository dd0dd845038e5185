"""The database goes away, or its answers are lost: nothing is lost, nothing charged, nobody declared dead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Constant, Holdfast, JobContext
from holdfast.core.errors import StoreError, StoreUnavailable
from holdfast.worker.status import ExitStatus
from tests.worker.conftest import Ear, MakeApp, StartWorker
from tests.worker.faults import cuttable

SOON = Constant(timedelta(milliseconds=1))


def test_a_claim_whose_answer_was_lost_is_given_back_uncharged(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    @app.task(name="counts", takes_context=True)
    def counts(ctx: JobContext) -> tuple[int, int]:
        return ctx.run, ctx.attempt

    line = cuttable(app)
    jobs = [counts.enqueue() for _ in range(3)]
    line.lose_answers("claim")
    start_worker(lease=1.2)
    assert [tuple(job.result(timeout=20)) for job in jobs] == [(2, 1)] * 3
    assert line.lost == ["claim"]


def test_a_settlement_whose_answer_was_lost_is_no_lost_lease(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    runs: list[int] = []

    @app.task(name="once", takes_context=True)
    def once(ctx: JobContext) -> None:
        runs.append(ctx.run)

    line = cuttable(app)
    _lose_commits(line, "settle", 3)
    job = once.enqueue()
    start_worker(lease=1.2)
    job.result(timeout=20)
    ear.until(lambda ear: ear.settlements)
    assert (runs, ear.refused) == ([1], [])


def test_a_retry_whose_answer_was_lost_runs_once_more_and_not_twice(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    runs: list[int] = []

    @app.task(name="fails", takes_context=True, max_attempts=2, retry=SOON)
    def fails(ctx: JobContext) -> None:
        runs.append(ctx.run)
        raise ValueError("no")

    line = cuttable(app)
    _lose_commits(line, "settle", 1)
    job = fails.enqueue()
    worker = start_worker(lease=1.2)
    while not job.refresh().state.terminal:
        assert worker.wait(0.01) is None
    assert runs == [1, 2]
    assert job.reason == "exhausted"
    assert ear.refused == []


def _lose_commits(line: Any, verb: str, count: int) -> None:
    """As `lose_answers`, also where the answer is empty."""
    way = line.send

    def send(go: Callable[..., Any], what: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        answer = way(go, what, *args, **kwargs)
        if what.__name__ == verb and count:
            count -= 1
            raise StoreUnavailable("the answer was lost")
        return answer

    line.send = send


def test_an_outage_longer_than_the_lease_kills_nobody(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    began, go_on = Event(), Event()

    def waits() -> str:
        began.set()
        go_on.wait(20)
        return "survived"

    task = app.task(name="waits", max_attempts=1)(waits)
    other = make_app()
    other.task(name="waits", max_attempts=1)(waits)
    job = task.enqueue()
    lines = [cuttable(app), cuttable(other)]
    start_worker(lease=0.5)
    start_worker(other, lease=0.5)
    assert began.wait(10)
    for line in lines:
        line.cut = True
    Event().wait(1.5)  # three leases
    for line in lines:
        line.cut = False
    # Long enough for a rescue that should not be.
    Event().wait(0.3)
    go_on.set()
    assert job.result(timeout=20) == "survived"
    assert (job.refresh().run, ear.taken_back, ear.refused) == (1, [], [])


def test_outcomes_wait_for_the_database(app: Holdfast, start_worker: StartWorker, ear: Ear) -> None:
    began, go_on = Event(), Event()

    @app.task(name="waits")
    def waits() -> int:
        began.set()
        go_on.wait(20)
        return 7

    line = cuttable(app)
    job = waits.enqueue()
    start_worker()
    assert began.wait(10)
    line.cut = True
    go_on.set()
    Event().wait(0.3)
    line.cut = False
    assert job.result(timeout=20) == 7
    assert job.refresh().run == 1


def test_a_worker_that_ends_without_its_database_says_so(app: Holdfast, start_worker: StartWorker) -> None:
    began, go_on = Event(), Event()

    @app.task(name="waits")
    def waits() -> None:
        began.set()
        go_on.wait(20)

    line = cuttable(app)
    waits.enqueue()
    worker = start_worker(lease=0.6)
    assert began.wait(10)
    line.cut = True
    go_on.set()
    assert worker.stop(0.2) is False
    assert worker.status is ExitStatus.UNSETTLED
    line.cut = False


def test_one_bad_row_never_blocks_the_others(app: Holdfast, start_worker: StartWorker) -> None:
    """A store that refuses one settlement, whatever the reason: the others are written, and it in a plain form."""

    @app.task(name="fails", max_attempts=1)
    def fails(text: str) -> None:
        raise ValueError(text)

    line = cuttable(app)
    way = line.send

    def send(go: Callable[..., Any], verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb.__name__ == "settle" and any(
            s.failure is not None and "poison" in s.failure.message for s in args[1]
        ):
            raise StoreError("a value can't be stored")
        return way(go, verb, *args, **kwargs)

    line.send = send  # type: ignore[method-assign]
    jobs = app.enqueue_many(fails.new(text) for text in ("a", "poison", "b"))
    worker = start_worker()
    while not all(job.refresh().state.terminal for job in jobs):
        assert worker.wait(0.01) is None
    assert {job.reason for job in jobs} == {"exhausted"}


def test_a_store_that_is_away_at_the_start_is_waited_for(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="fine")
    def fine() -> int:
        return 1

    line = cuttable(app)
    job = fine.enqueue()
    _lose_commits(line, "declare_queues", 3)
    start_worker()
    assert job.result(timeout=10) == 1


def test_a_burst_is_not_kept_waiting(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="nothing")
    def nothing() -> None: ...

    line = cuttable(app)
    _lose_commits(line, "declare_queues", 1)
    with pytest.raises(StoreUnavailable):
        start_worker(burst=True)


def test_the_app_is_closed_under_its_worker(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="nothing")
    def nothing() -> None: ...

    worker = start_worker()
    app.close()
    with pytest.raises(StoreError, match="closed"):
        worker.wait(20)
    assert worker.status is ExitStatus.FAILED


def test_a_worker_that_may_be_taken_for_dead_claims_nothing(app: Holdfast, start_worker: StartWorker) -> None:
    """Its beats don't arrive, though its claims would: what it claimed would be taken from it, and charged."""
    runs: list[int] = []

    @app.task(name="counts", takes_context=True)
    def counts(ctx: JobContext) -> None:
        runs.append(ctx.run)

    line = cuttable(app)
    way = line.send
    deaf = Event()

    def send(go: Callable[..., Any], verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb.__name__ == "beat" and deaf.is_set():
            raise StoreUnavailable("beats don't arrive")
        return way(go, verb, *args, **kwargs)

    line.send = send  # type: ignore[method-assign]
    start_worker(lease=0.6)
    counts.enqueue().result(timeout=10)
    deaf.set()
    Event().wait(0.5)
    job = counts.enqueue()
    Event().wait(0.3)
    assert (job.refresh().state, job.run) == ("pending", 0)
    deaf.clear()
    job.result(timeout=10)
