"""Rates and fair shares with real workers, counted and not timed: what begins before what, after how many claims."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest

from holdfast import Holdfast, JobContext, Rate
from holdfast.store.statement import Verb
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.in_hand import Order, Taken
from holdfast.worker import batches
from tests.conformance.scene import until
from tests.faults.history import History, Known, note, read
from tests.worker.conftest import Ear, MakeApp, StartWorker
from tests.worker.floor import Floor, make_canary


class Claims:
    """How many claims of lines there were, and what they took."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.number = 0
        self.vain = 0
        self.most = 0
        """Statements of one claim."""

    def count(self, order: Order) -> Verb[Taken]:
        """A claim, counted."""
        claim = claim_lined(order)
        statements = 0
        answer: Any = None
        while True:
            try:
                statement = claim.send(answer)
            except StopIteration as end:
                taken: Taken = end.value
                break
            statements += 1
            answer = yield statement
        with self._lock:
            self.number += 1
            self.vain += not taken.jobs
            self.most = max(self.most, statements)
        return taken


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> Claims:
    claims = Claims()
    monkeypatch.setattr(batches, "claim_lined", claims.count)
    return claims


@pytest.fixture
def canary(app: Holdfast) -> Callable[[], None]:
    return make_canary(app)


@pytest.fixture
def floor() -> Iterator[Floor]:
    floor = Floor()
    yield floor
    floor.open()


def paced(app: Holdfast, log: Path, rate: Rate, **options: Any) -> Any:
    @app.task(name="paced", takes_context=True, rate=rate, **options)
    async def paced(ctx: JobContext, number: int, key: str = "k") -> None:
        note(log, ctx, "begin", number, f"key-{key}")
        note(log, ctx, "end", number, f"key-{key}")

    return paced


def judged(app: Holdfast, log: Path, number: int) -> History:
    jobs = app.jobs.list(task="paced", limit=number + 1)
    history = History(read(log), Known({str(job.id): job.run for job in jobs if job.state.terminal}))
    assert len(history.spans) == number
    assert history.not_once() == []
    return history


# --- rates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [60, 2000])
def test_a_rate_is_kept_and_costs_no_more_where_more_waits(
    make_app: MakeApp, app: Holdfast, start_worker: StartWorker, claims: Claims, tmp_path: Path, waiting: int
) -> None:
    log, rate = tmp_path / "log", Rate(50, per=1, burst=5)
    task = paced(app, log, rate)
    app.enqueue_many(task.new(n) for n in range(waiting))
    other = make_app()
    paced(other, log, rate)
    for one in (app, other):
        start_worker(one, poll_interval=0.5)
    until(lambda: sum(entry.what == "end" for entry in read(log)) >= 60, 30)
    number = claims.number
    app.pause(task="paced")
    history = History(read(log), Known({}))
    assert history.over_rate("key-k", rate.count, 1, 5) == []
    # Each of two workers may look for each job that may begin, and now and then in vain.
    assert number <= 2 * len(history.spans) + 40
    assert claims.most <= 30


def test_each_key_has_its_rate(app: Holdfast, start_worker: StartWorker, ear: Ear, tmp_path: Path) -> None:
    log, rate = tmp_path / "log", Rate(20, per=1, burst=3, key="key")
    task = paced(app, log, rate)
    app.enqueue_many(task.new(n, f"k{n % 10}") for n in range(100))
    start_worker(threads=4)
    ear.until(lambda ear: len(ear.settlements) == 100)
    history = judged(app, log, 100)
    assert history.keys("key-") == [f"key-k{n}" for n in range(10)]
    assert [line for key in history.keys("key-") for line in history.over_rate(key, 20, 1, 3)] == []


def test_jobs_in_order_keep_a_rate(
    app: Holdfast, start_worker: StartWorker, ear: Ear, tmp_path: Path
) -> None:
    log, rate = tmp_path / "log", Rate(50, per=1, burst=2)
    task = paced(app, log, rate, ordering_key="key", limit=3)
    app.enqueue_many(task.new(n, f"k{n % 5}") for n in range(60))
    start_worker(threads=4)
    ear.until(lambda ear: len(ear.settlements) == 60)
    history = judged(app, log, 60)
    assert history.out_of_order("key-") == []
    assert history.over_limit({"key-": 1}) == []
    everything = [entry._replace(keys=("all",)) for entry in history.entries]
    assert History(everything, history.known).over_rate("all", 50, 1, 2) == []


def test_when_all_that_waited_is_gone_nobody_looks(
    app: Holdfast, start_worker: StartWorker, ear: Ear, claims: Claims, canary: Any, tmp_path: Path
) -> None:
    task = paced(app, tmp_path / "log", Rate(100, per=1, burst=1))
    app.enqueue_many(task.new(n) for n in range(20))
    start_worker(poll_interval=0.05)
    ear.until(lambda ear: len(ear.settlements) == 20)
    canary()
    before = claims.number
    # Some polls, of which none finds a line to look at.
    Event().wait(0.6)
    assert claims.number - before <= 2


def test_what_is_over_the_rate_is_looked_at_once(
    app: Holdfast, start_worker: StartWorker, ear: Ear, claims: Claims, tmp_path: Path
) -> None:
    task = paced(app, tmp_path / "log", Rate(1, per=3600))
    app.enqueue_many(task.new(n) for n in range(50))
    start_worker(poll_interval=0.05)
    ear.until(lambda ear: len(ear.settlements) == 1)
    Event().wait(0.6)
    assert claims.number <= 4
    app.limits.set(task="paced", rate=Rate(1000, per=1))
    ear.until(lambda ear: len(ear.settlements) == 50)


# --- fair shares -------------------------------------------------------------------------------------------------


def test_weights_are_kept_over_a_window(app: Holdfast, start_worker: StartWorker, ear: Ear) -> None:
    begun: list[str] = []
    app.queue("mail", fair_by="tenant", weights={"acme": 3}, limit=2)

    @app.task(name="send", queue="mail")
    async def send(tenant: str) -> None:
        begun.append(tenant)
        await asyncio.sleep(0)

    app.enqueue_many(send.new(tenant) for tenant in ["acme"] * 200 + ["b"] * 200 + ["c"] * 200)
    start_worker()
    ear.until(lambda ear: len(ear.settlements) == 600)
    window = Counter(begun[:200])
    assert 110 <= window["acme"] <= 130, window
    assert 34 <= window["b"] <= 46, window
    assert 34 <= window["c"] <= 46, window


@pytest.mark.parametrize("limit", [None, 3])
def test_two_thousand_jobs_of_one_tenant_do_not_hold_up_ten_of_another(
    app: Holdfast, start_worker: StartWorker, floor: Floor, limit: int | None
) -> None:
    app.queue("mail", fair_by="tenant", limit=limit)

    @app.task(name="send", queue="mail")
    def send(tenant: str, number: int) -> None:
        floor.visit(tenant, number)

    def until_small(number: int) -> int:
        """Let all go on until so many of the small tenant have begun; how many of the big one have."""
        while (here := len(floor.begun)) and len(floor.numbers("small")) < number:
            floor.let_go(1, "big")
            floor.let_go(1, "small")
            floor.until(lambda: len(floor.begun) > here)
        return len(floor.numbers("big"))

    app.enqueue_many(send.new("big", n) for n in range(2000))
    app.enqueue_many(send.new("small", n) for n in range(10))
    start_worker(threads=4)
    floor.until(lambda: floor.begun)
    assert until_small(10) <= 40
    # And of ten that come while others run.
    before = len(floor.numbers("big"))
    app.enqueue_many(send.new("small", n) for n in range(10, 20))
    assert until_small(20) <= before + 60
    app.queues["mail"].purge()
    floor.open()
    until(lambda: not app.jobs.list(state="running", limit=1))


def test_weights_are_set_while_shares_are_served(
    app: Holdfast, start_worker: StartWorker, floor: Floor
) -> None:
    app.queue("mail", fair_by="tenant", limit=1)

    @app.task(name="send", queue="mail")
    def send(tenant: str) -> None:
        floor.visit(tenant)

    def next_ones(number: int) -> str:
        for _ in range(number):
            begun = len(floor.begun)
            floor.let_go(key=floor.begun[-1][0])
            floor.until(lambda begun=begun: len(floor.begun) > begun)
        return "".join(key for key, _ in floor.begun[-number:])

    app.enqueue_many(send.new(tenant) for tenant in "a" * 60 + "b" * 60)
    start_worker(threads=2)
    floor.until(lambda: floor.begun)
    assert all(one != two for one, two in pairwise(next_ones(12)))
    app.limits.set("queue:mail/fair", weights={"b": 4})
    next_ones(5)
    assert Counter(next_ones(20)) == {"a": 4, "b": 16}
    app.queues["mail"].purge()
    floor.open()
    until(lambda: not app.jobs.list(state="running", limit=1))
