"""Limits beside pauses, dead letters, changed jobs, order, and runs that end in transactions of their own."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest

from holdfast import Constant, Fail, Holdfast, JobContext, JobState, Limit
from tests.conformance.backends import Backend
from tests.conformance.scene import until
from tests.worker.conftest import Ear, MakeApp
from tests.worker.floor import Floor, used
from tests.worker.test_limits_together import Start, canary, floor, start, visits

__all__ = ["canary", "floor", "start"]

SOON = Constant(timedelta(milliseconds=5))


# --- transactions of the handler's own ---------------------------------------------------------------------------


@contextmanager
def connected(backend: Backend) -> Iterator[Any]:
    url: str = backend.url  # type: ignore[attr-defined]
    if backend.dialect == "sqlite":
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)
    else:
        connection = psycopg.connect(url)
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("ordered", [False, True])
def test_slots_of_runs_that_settle_in_their_own_transaction(
    app: Holdfast, backend: Backend, start: Start, floor: Floor, ordered: bool
) -> None:
    """Committed, rolled back and retried, rolled back and failed; several workers' worth of threads."""
    key: dict[str, Any] = {"ordering_key": lambda args: "one"} if ordered else {}

    @app.task(name="pay", takes_context=True, transactional=True, limit=2, max_attempts=2, retry=SOON, **key)
    def pay(ctx: JobContext, number: int, how: str) -> None:
        floor.visit("all", number)
        with connected(backend) as tx:
            with ctx.settle_in(tx):
                pass
            if how == "commit" or (how == "retry" and ctx.attempt == 2):
                tx.commit()
                return
            tx.rollback()
        raise ValueError(how)

    floor.open()
    jobs = app.enqueue_many([pay.new(n, ("commit", "retry", "fail")[n % 3]) for n in range(18)])
    start()
    for n, job in enumerate(jobs):
        until(lambda job=job: job.refresh().state.terminal, 20)
        assert job.state is (JobState.FAILED if n % 3 == 2 else JobState.SUCCEEDED)
    assert floor.most["all"] <= (1 if ordered else 2)
    until(lambda: used(backend) == {})


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_transaction_that_stays_open_keeps_its_slot(
    app: Holdfast, backend: Backend, start: Start, floor: Floor, canary: Any, ends: str
) -> None:
    """Its handler has returned, and nobody knows yet what becomes of its job."""
    if backend.dialect == "sqlite":
        pytest.skip("there nobody else could write")
    tx = psycopg.connect(backend.url)  # type: ignore[attr-defined]
    returned = Event()

    @app.task(name="pay", takes_context=True, transactional=True, limit=1)
    def pay(ctx: JobContext, number: int) -> None:
        if number or ctx.run > 1:
            floor.visit("all", number)
            return
        with ctx.settle_in(tx):
            pass
        returned.set()

    start()
    first, second = pay.enqueue(0), pay.enqueue(1)
    assert returned.wait(20)
    canary()
    assert (floor.begun, used(backend)) == ([], {"task:pay": 1})
    tx.commit() if ends == "commit" else tx.rollback()
    floor.until(lambda: floor.here["all"] == 1)
    assert used(backend) == {"task:pay": 1}
    floor.open()
    second.result(timeout=20)
    until(lambda: first.refresh().state is JobState.SUCCEEDED)
    tx.close()


# --- dead letters, pauses ----------------------------------------------------------------------------------------


def test_dead_letters_are_counted_where_they_come_to(
    app: Holdfast, start: Start, floor: Floor, canary: Any, backend: Backend
) -> None:
    app.queue("mail", limit=3, dead_letter="dead")
    app.queue("dead", limit=1)

    @app.task(name="send", queue="mail", takes_context=True)
    def send(ctx: JobContext, number: int) -> None:
        if ctx.job.queue == "mail":
            raise Fail("no")
        floor.visit("dead", number)

    app.enqueue_many([send.new(n) for n in range(8)])
    start()
    floor.until(lambda: floor.here["dead"] == 1)
    until(lambda: sum(job.state is JobState.FAILED for job in app.jobs.list()) == 8)
    canary()
    assert used(backend) == {"queue:dead": 1}
    floor.open()
    until(lambda: sum(job.state is JobState.SUCCEEDED for job in app.jobs.list(queue="dead")) == 8)
    assert floor.most == {"dead": 1}


@pytest.mark.parametrize("kind", ["queue", "task"])
def test_a_pause_while_slots_are_used(
    app: Holdfast, start: Start, floor: Floor, canary: Any, backend: Backend, kind: str
) -> None:
    visit = visits(app, floor, queue="mail", limit=2)
    start()
    jobs = app.enqueue_many([visit.new(n) for n in range(6)])
    floor.until(lambda: floor.here["all"] == 2)
    app.queues["mail"].pause() if kind == "queue" else app.pause(task="visit")
    floor.let_go(2)
    until(lambda: used(backend) == {})
    canary()
    assert len(floor.begun) == 2
    app.limits.set(task="visit", limit=3)
    canary()
    assert len(floor.begun) == 2
    app.queues["mail"].resume() if kind == "queue" else app.resume(task="visit")
    floor.until(lambda: floor.here["all"] == 3)
    floor.open()
    for job in jobs:
        until(lambda job=job: job.refresh().state is JobState.SUCCEEDED)
    assert floor.most["all"] == 3


def test_a_paused_task_leaves_the_slots_of_its_queue_to_others(
    app: Holdfast, start: Start, floor: Floor, canary: Any
) -> None:
    app.queue("mail", limit=1)
    visit = visits(app, floor, queue="mail")

    @app.task(name="other", queue="mail")
    def other(number: int) -> None:
        floor.visit("other", number)

    app.pause(task="visit")
    app.enqueue_many([visit.new(n) for n in range(3)])
    app.enqueue_many([other.new(n) for n in range(3)])
    start()
    for n in range(3):
        floor.until(lambda n=n: floor.numbers("other") == [*range(n + 1)])
        floor.let_go(key="other")
    canary()
    assert floor.numbers() == []
    app.resume(task="visit")
    floor.until(lambda: floor.numbers() == [0])


# --- changed while they wait -------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyed", [False, True])
def test_changes_of_jobs_that_wait_for_a_slot(
    app: Holdfast, start: Start, floor: Floor, canary: Any, backend: Backend, keyed: bool
) -> None:
    limit = Limit(1, key="key") if keyed else 1
    app.queue("mail", limit=limit)
    app.queue("other", limit=limit)
    visit = visits(app, floor, queue="mail")
    start()
    jobs = [visit.enqueue(n) for n in range(6)]
    floor.until(lambda: floor.here["all"] == 1)
    until(lambda: jobs[5].refresh().state is JobState.BLOCKED)
    assert jobs[4].change(priority=5)
    assert jobs[3].change(queue="other", args={"number": 3, "key": "elsewhere"})
    floor.until(lambda: floor.here["elsewhere"] == 1, "the slot of the other queue is free")
    # Of that queue the next has to wait; of its keys, another.
    assert jobs[2].change(queue="other", args={"number": 2, "key": "elsewhere"})
    canary()
    assert len(floor.begun) == 2
    floor.let_go()
    floor.until(lambda: floor.numbers() == [0, 4])
    floor.let_go()
    floor.until(lambda: floor.numbers() == [0, 4, 1])
    floor.let_go(key="elsewhere")
    floor.until(lambda: floor.numbers("elsewhere") == [3, 2])
    floor.open()
    for job in jobs:
        until(lambda job=job: job.refresh().state is JobState.SUCCEEDED)
    assert set(floor.most.values()) == {1}
    until(lambda: used(backend) == {})


def test_new_arguments_bring_a_new_key(app: Holdfast, start: Start, floor: Floor, canary: Any) -> None:
    visit = visits(app, floor, limit=Limit(1, key="key"))
    start()
    jobs = [visit.enqueue(n, key="a") for n in range(3)]
    floor.until(lambda: floor.here["a"] == 1)
    assert jobs[1].change(args={"number": 1, "key": "b"})
    floor.until(lambda: floor.here["b"] == 1)
    assert jobs[2].change(args={"number": 2, "key": "b"})
    floor.let_go(key="a")
    canary()
    assert floor.numbers("b") == [1]
    floor.let_go(key="b")
    floor.until(lambda: floor.numbers("b") == [1, 2])
    assert floor.most == {"a": 1, "b": 1}


# --- order, and what nobody knows --------------------------------------------------------------------------------


def test_fifo_queues_share_a_limit(
    make_app: MakeApp, app: Holdfast, start: Start, floor: Floor, ear: Ear
) -> None:
    other = make_app()
    for one in (app, other):
        for queue in ("one", "two", "three"):
            one.queue(queue, fifo=True, limit=3)
    visit = visits(app, floor, limit=2)
    visits(other, floor, limit=2)
    queues = ("one", "two", "three")
    app.enqueue_many(visit.using(queue=queue).new(n, queue) for n in range(12) for queue in queues)
    start()
    start(other)
    while len(floor.begun) < 30:
        begun = len(floor.begun)
        floor.until(lambda: sum(floor.here.values()) == 2)
        first, second = (key for key, _ in floor.begun[-2:])
        # Whoever came first of the two goes first; the last to come is always there.
        floor.let_go(key=next((key for key in floor.here.elements() if key != second), first))
        floor.until(lambda begun=begun: len(floor.begun) > begun)
        assert sum(floor.here.values()) <= 2
    floor.open()
    ear.until(lambda ear: len(ear.settlements) == 36)
    assert [floor.numbers(queue) for queue in queues] == [[*range(12)]] * 3
    assert floor.most == dict.fromkeys(queues, 1)
    # Neither does one queue starve another of the slots that they share.
    assert min(Counter(key for key, _ in floor.begun[:30]).values()) >= 5


@pytest.mark.parametrize("fair", [False, True])
def test_unknown_tasks_in_front_hold_up_nobody(
    make_app: MakeApp, app: Holdfast, start: Start, floor: Floor, ear: Ear, fair: bool
) -> None:
    """They stand in the very lines, before the others."""
    options: dict[str, Any] = {"limit": 2} | ({"fair_by": "key"} if fair else {})
    newer = make_app()
    for one in (app, newer):
        one.queue("mail", **options)

    @newer.task(name="newer", queue="mail")
    def later(number: int, key: str = "all") -> None: ...

    visit = visits(app, floor, queue="mail")
    unknown = newer.enqueue_many([later.new(n) for n in range(20)])
    app.enqueue_many([visit.new(n) for n in range(20)])
    floor.open()
    start()
    ear.until(lambda ear: len(ear.settlements) == 20)
    assert floor.numbers() == [*range(20)]
    assert {job.refresh().state for job in unknown} == {JobState.BLOCKED}
    start(newer)
    ear.until(lambda ear: len(ear.settlements) == 40)
