"""Limits beside everything else that may happen to jobs: a slot is given back once, and by whatever ends its use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest

from holdfast import Constant, Holdfast, JobContext, JobState, Limit, Reschedule, Retry, Snooze
from holdfast.core.outcomes import After
from tests.conformance.backends import Backend
from tests.conformance.scene import until
from tests.worker.conftest import Ear, MakeApp, StartWorker
from tests.worker.floor import Floor, make_canary, used

HOUR = timedelta(hours=1)
Start = Callable[..., Any]


@pytest.fixture
def floor() -> Iterator[Floor]:
    floor = Floor()
    yield floor
    floor.open()


@pytest.fixture
def canary(app: Holdfast) -> Callable[[], None]:
    return make_canary(app)


@pytest.fixture
def start(start_worker: StartWorker, floor: Floor) -> Iterator[Start]:
    """Starts workers with short looks; whoever stays on the floor is let go before they are stopped."""
    yield lambda app=None, **more: start_worker(
        *([] if app is None else [app]), threads=10, poll_interval=0.2, **more
    )
    floor.open()


def visits(app: Holdfast, floor: Floor, **options: Any) -> Any:
    @app.task(name="visit", **options)
    def visit(number: int, key: str = "all") -> None:
        floor.visit(key, number)

    return visit


# --- limits that change ------------------------------------------------------------------------------------------


def test_a_limit_is_lowered_and_raised_while_jobs_run(
    make_app: MakeApp, app: Holdfast, floor: Floor, start: Start, ear: Ear, canary: Any
) -> None:
    other = make_app()
    visit = visits(app, floor, limit=4)
    visits(other, floor, limit=4)
    app.enqueue_many([visit.new(n) for n in range(16)])
    start()
    start(other)
    floor.until(lambda: floor.here["all"] == 4)
    app.limits.set(task="visit", limit=2)
    floor.let_go(2)
    floor.until(lambda: floor.here["all"] == 2)
    canary()
    assert (floor.here["all"], len(floor.begun)) == (2, 4)
    floor.let_go(1)
    floor.until(lambda: len(floor.begun) == 5)
    app.limits.set(task="visit", limit=7)
    floor.until(lambda: floor.here["all"] == 7)
    app.limits.reset(task="visit")
    floor.let_go(4)
    floor.until(lambda: floor.here["all"] == 3 or len(floor.begun) > 11)
    floor.until(lambda: floor.here["all"] == 4)
    canary()
    assert (floor.here["all"], floor.most["all"]) == (4, 7)
    floor.open()
    ear.until(lambda ear: sum(s.job.task == "visit" for s in ear.settlements) == 16)


@pytest.mark.parametrize("running", [False, True], ids=["before a worker", "beside workers"])
@pytest.mark.parametrize("lined", ["", "limit", "key", "share"])
def test_a_limit_comes_upon_jobs_that_wait_already(
    app: Holdfast, floor: Floor, start: Start, ear: Ear, canary: Any, running: bool, lined: str
) -> None:
    """They stand in no line, or in one that knows nothing of it."""
    options: dict[str, Any] = {"limit": {"limit": 9}, "key": {"ordering_key": "own"}}.get(lined, {})
    app.queue("mail", **({"fair_by": "own"} if lined == "share" else {}))

    @app.task(name="visit", queue="mail", **options)
    def visit(number: int, own: int) -> None:
        floor.visit("all", number)

    if running:
        start()
    with paused(app):
        app.enqueue_many([visit.new(n, n % 6) for n in range(24)])
        app.limits.set(queue="mail", limit=2)
        if running:
            canary()  # it has been told of the limit, which no code knows
    for _ in range(2 - running):
        start()
    floor.until(lambda: floor.here["all"] == 2)
    canary()
    for n in range(1, 10):
        floor.let_go()
        floor.until(lambda n=n: len(floor.begun) == n + 2)
    canary()
    assert floor.most["all"] == 2
    floor.open()
    ear.until(lambda ear: sum(s.job.task == "visit" for s in ear.settlements) == 24)
    assert floor.most["all"] == 2


class paused:  # noqa: N801
    """The queue mail is, for so long."""

    def __init__(self, app: Holdfast) -> None:
        self._app = app

    def __enter__(self) -> None:
        self._app.queues["mail"].pause()

    def __exit__(self, *_: object) -> None:
        self._app.queues["mail"].resume()


# --- what gives a slot back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["retry", "error", "snooze", "reschedule"])
@pytest.mark.parametrize("ordered", [False, True])
def test_who_waits_to_run_again_holds_no_slot(
    app: Holdfast, backend: Backend, floor: Floor, start: Start, how: str, ordered: bool
) -> None:
    key: dict[str, Any] = {"ordering_key": "number"} if ordered else {}

    @app.task(name="visit", takes_context=True, limit=1, retry=Constant(HOUR), **key)
    def visit(ctx: JobContext, number: int) -> Any:
        floor.visit("all", number)
        if number:
            return None
        match how:
            case "retry":
                raise Retry(HOUR)
            case "error":
                raise ValueError(how)
            case "snooze":
                raise Snooze(HOUR)
            case _:
                return Reschedule(After(HOUR))

    floor.open()
    start()
    first, second = app.enqueue_many([visit.new(0), visit.new(1)])
    second.result(timeout=20)
    assert floor.numbers() == [0, 1]
    until(lambda: first.refresh().state is not JobState.RUNNING)
    assert used(backend) == {}
    # It is counted again when it comes back.
    third = visit.enqueue(2)
    third.result(timeout=20)
    assert first.refresh().change(delay=0)
    until(lambda: floor.numbers() == [0, 1, 2, 0])


@pytest.mark.parametrize("keyed", [False, True])
def test_a_forced_cancel_gives_the_slot_back_once(
    app: Holdfast, backend: Backend, floor: Floor, start: Start, canary: Any, keyed: bool
) -> None:
    visit = visits(app, floor, **({"ordering_key": "key"} if keyed else {}), limit=1)
    start()
    jobs = app.enqueue_many([visit.new(n) for n in range(4)])
    floor.until(lambda: floor.numbers() == [0])
    assert jobs[1].cancel()
    assert jobs[0].cancel(force=True)
    floor.until(lambda: floor.numbers() == [0, 2])
    canary()
    assert (floor.numbers(), used(backend)) == ([0, 2], {"task:visit": 1})
    floor.open()
    for job in (jobs[2], jobs[3]):
        until(lambda job=job: job.refresh().state is JobState.SUCCEEDED)
    assert [job.refresh().state.value for job in jobs] == ["cancelled", "cancelled", "succeeded", "succeeded"]
    until(lambda: used(backend) == {})


def test_the_end_of_a_zombie_frees_nothing(
    app: Holdfast, backend: Backend, floor: Floor, start: Start, canary: Any
) -> None:
    visit = visits(app, floor, limit=1)
    start()
    zombie, second, third = (visit.enqueue(n, key=f"k{n}") for n in range(3))
    floor.until(lambda: floor.here["k0"])
    zombie.cancel(force=True)
    floor.until(lambda: floor.here["k1"])
    floor.let_go(key="k0")
    floor.until(lambda: not floor.here["k0"])
    canary()
    assert (len(floor.begun), used(backend)) == (2, {"task:visit": 1})
    floor.open()
    assert (second.result(timeout=20), third.result(timeout=20)) == (None, None)


def test_a_cancelled_run_gives_its_slot_back(app: Holdfast, backend: Backend, start: Start) -> None:
    begun = Event()

    @app.task(name="waits", limit=1)
    async def waits(number: int) -> None:
        if not number:
            begun.set()
            await asyncio.Event().wait()

    start()
    first, second = waits.enqueue(0), waits.enqueue(1)
    assert begun.wait(20)
    assert first.cancel()
    second.result(timeout=20)
    until(lambda: first.refresh().state is JobState.CANCELLED)
    until(lambda: used(backend) == {})


@pytest.mark.parametrize("how", ["cancel", "delete", "expire", "purge", "later", "elsewhere", "rolled back"])
@pytest.mark.parametrize("ordered", [False, True])
def test_what_is_taken_away_while_it_waits_holds_up_nobody(
    app: Holdfast, backend: Backend, floor: Floor, start: Start, how: str, ordered: bool
) -> None:
    """The first that waits for the slot goes; the one behind it gets it."""
    app.queue("mail", limit=1)
    app.queue("other")
    visit = visits(app, floor, queue="mail", **({"ordering_key": "key"} if ordered else {}))
    start()
    running = visit.enqueue(0)
    floor.until(lambda: floor.here["all"] == 1)
    next_one = visit.using(expires=0.3 if how == "expire" else HOUR).enqueue(1)
    until(lambda: next_one.refresh().state is JobState.BLOCKED)
    match how:
        case "cancel":
            assert next_one.cancel()
        case "delete":
            assert next_one.delete()
        case "expire":
            until(lambda: next_one.refresh().state is JobState.FAILED, 20)
        case "purge":
            assert app.queues["mail"].purge() == 1
        case "later":
            assert next_one.change(delay=HOUR)
        case "elsewhere":
            assert next_one.change(queue="other", args={"number": 1, "key": "other"})
            floor.until(lambda: floor.here["other"] == 1)
        case _:
            roll_back(app, backend, lambda tx: next_one.cancel(tx=tx))
    last = visit.enqueue(2)
    floor.let_go()
    stays = how == "rolled back"
    floor.until(lambda: floor.numbers()[1:2] == [1 if stays else 2])
    assert used(backend)["queue:mail"] == 1
    floor.open()
    running.result(timeout=20)
    last.result(timeout=20)
    until(lambda: used(backend) == {})


def roll_back(app: Holdfast, backend: Backend, do: Callable[[Any], object]) -> None:
    url: str = backend.url  # type: ignore[attr-defined]
    if backend.dialect == "sqlite":
        import sqlite3

        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            do(connection)
            connection.rollback()
        return
    with psycopg.connect(url) as connection:
        do(connection)
        connection.rollback()


# --- bulk --------------------------------------------------------------------------------------------------------


def test_a_thousand_jobs_of_fifty_keys(make_app: MakeApp, app: Holdfast, start: Start, ear: Ear) -> None:
    here: dict[str, int] = {}
    most: dict[str, int] = {}

    def declare(app: Holdfast) -> Any:
        @app.task(name="send", limit=[Limit(2, key="tenant"), Limit(1, key="odd", name="odd")])
        async def send(tenant: str, odd: str | None) -> None:
            for key in (tenant, odd):
                if key is not None:
                    here[key] = (
                        here.get(key, 0) + 1
                    )  # one loop for each worker, and the lock of the interpreter
                    most[key] = max(most.get(key, 0), here[key])
            await asyncio.sleep(0)
            for key in (tenant, odd):
                if key is not None:
                    here[key] -= 1

        return send

    send = declare(app)
    app.enqueue_many([send.new(f"t{n % 50}", f"o{n % 50}" if n % 2 else None) for n in range(1000)])
    start()
    other = make_app()
    declare(other)
    start(other)
    ear.until(lambda ear: len(ear.settlements) == 1000, timeout=60)
    assert {key: value for key, value in most.items() if value > (2 if key[0] == "t" else 1)} == {}
    assert {job.state for job in app.jobs.list(limit=1001)} == {JobState.SUCCEEDED}
