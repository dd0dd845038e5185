"""What else an app has, in a rehearsal: schedules, queues in order, dead letters, events, metrics, run_one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import Cron, Every, Holdfast, Metrics, TaskRouter, events
from holdfast.testing import Drained, Rehearsal
from tests.testing.conftest import Tasks
from tests.worker.conftest import MakeApp

HOUR = timedelta(hours=1)


# --- schedules -----------------------------------------------------------------------------------------------


def test_declared_schedules_are_there_from_the_first_moment(app: Holdfast) -> None:
    runs: list[str] = []

    @app.every(HOUR, name="hourly")
    @app.task(name="sweep")
    def sweep() -> None:
        runs.append("sweep")

    with app.testing() as t:
        assert [one.name for one in app.schedules.list()] == ["hourly"]
        next_at = app.schedules.get("hourly").next_at
        assert next_at is not None
        assert timedelta(minutes=59) < next_at - t.now <= HOUR
        assert t.drain() == Drained(), "not yet"
        t.travel(hours=1)
        t.assert_not_enqueued(sweep)  # a worker fires it
        assert t.drain() == Drained(succeeded=1)
        (job,) = t.assert_enqueued_times(1, sweep)
        assert (job.state, job.meta["schedule"]) == ("succeeded", "hourly")
        assert job.meta["scheduled_for"] == next_at.isoformat()
        assert t.drain() == Drained(), "once"
    assert runs == ["sweep"]
    app.migrate()
    assert app.schedules.list() == [], "the app's own database has not heard of it"


def test_an_hour_before_the_first_drain(app: Holdfast) -> None:
    @app.every(HOUR)
    @app.task(name="sweep")
    def sweep() -> None: ...

    with app.testing() as t:
        t.travel(hours=1)
        assert t.drain() == Drained(succeeded=1)
        t.assert_enqueued_times(1, sweep)


async def _in_async_code(app: Holdfast) -> Drained:
    async with app.testing() as t:
        t.travel(hours=1)
        return await t.adrain()


def test_in_async_code(app: Holdfast) -> None:
    import asyncio

    @app.every(HOUR)
    @app.task(name="sweep")
    async def sweep() -> None: ...

    assert asyncio.run(_in_async_code(app)) == Drained(succeeded=1)


def test_those_of_routers_and_of_what_is_included_later(app: Holdfast) -> None:
    router = TaskRouter()

    @router.every(HOUR)
    @router.task(name="of_router")
    def of_router() -> None: ...

    def declare(app: Holdfast) -> None:
        @app.every(HOUR)
        @app.task(name="of_function")
        def of_function() -> None: ...

    app.include(router)
    app.include(declare)
    with app.testing() as t:

        @app.every(HOUR)
        @app.task(name="of_test")
        def of_test() -> None: ...

        t.travel(hours=1)
        assert t.drain() == Drained(succeeded=3), "that of the test too, which is first seen by travel"
        t.assert_enqueued_times(1, of_test)


@pytest.mark.parametrize(("missed", "fires"), [("latest", 1), ("all", 3), ("none", 0)])
def test_ticks_that_were_jumped_over(app: Holdfast, missed: Any, fires: int) -> None:
    @app.cron("0 * * * *", missed=missed)
    @app.task(name="sweep")
    def sweep() -> None: ...

    with app.testing() as t:
        noon = (t.now + timedelta(days=1)).replace(hour=12, minute=0, second=30, microsecond=0)
        t.travel_to(noon)
        t.drain()
        t.clear()
        t.travel_to(noon.replace(hour=15, minute=30))
        assert t.drain() == Drained(succeeded=fires)
        assert [job.meta["scheduled_for"] for job in t.enqueued(sweep)] == [
            noon.replace(hour=hour, second=0).isoformat() for hour in (13, 14, 15)[3 - fires :]
        ]


def test_an_overlap_is_left_out(app: Holdfast) -> None:
    app.queue("elsewhere")

    @app.every(HOUR, overlap="skip")
    @app.task(name="sweep", queue="elsewhere")
    def sweep() -> None: ...

    with app.testing() as t:
        for _ in range(3):
            t.travel(hours=1)
            t.drain(queues=["other"])
        (job,) = t.assert_enqueued_times(1, sweep)
        assert job.state == "pending"
        assert t.drain() == Drained(succeeded=1)
        t.travel(hours=1)
        assert t.drain() == Drained(succeeded=1)


def test_what_is_put_and_run_by_hand(t: Rehearsal, app: Holdfast, tasks: Tasks) -> None:
    at = datetime(2100, 1, 1, 7, tzinfo=UTC)
    app.schedules.put("new year", tasks.mail.new("ada@x.y"), Cron("0 7 1 1 *", tz="UTC"))
    app.schedules.put("often", tasks.mail.new("bob@x.y"), Every(60))
    app.schedules.pause("often")
    t.travel_to(at)
    t.drain()
    assert tasks.ran == ["ada@x.y"]
    app.schedules.run_now("often")
    t.drain()
    assert tasks.ran == ["ada@x.y", "bob@x.y"]


def test_what_is_fired_runs_beside_the_test(app: Holdfast) -> None:
    @app.every(HOUR)
    @app.task(name="sweep")
    def sweep() -> int:
        return 7

    told: list[events.Succeeded] = []
    app.on(events.Succeeded, told.append)
    with app.testing() as t, t.worker() as worker:
        t.travel(hours=1)
        while not (found := t.enqueued(sweep)):
            assert worker.wait(0.01) is None
        assert found[0].result(timeout=20) == 7


# --- order ---------------------------------------------------------------------------------------------------


def test_a_fifo_queue_and_keys_drain_in_order(app: Holdfast) -> None:
    app.queue("line", fifo=True)
    ran: list[int] = []
    side: dict[str, list[int]] = {"a": [], "b": []}

    @app.task(name="step", queue="line", max_attempts=2)
    def step(n: int) -> None:
        ran.append(n)
        if n == 1 and ran.count(1) == 1:
            raise ValueError(n)

    @app.task(name="keyed")
    def keyed(key: str, n: int) -> None:
        side[key].append(n)

    with app.testing() as t:
        for n in range(5):
            step.enqueue(n)
            for key in side:
                keyed.using(ordering_key=key).enqueue(key, n)
        assert t.drain(raise_errors=False) == Drained(succeeded=11, retried=1)
        assert ran == [0, 1], "one that waits for its retry holds the queue"
        assert side == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 4]}
        t.travel(hours=1)
        assert t.drain() == Drained(succeeded=4)
        assert ran == [0, 1, 1, 2, 3, 4]
        assert {job.state for job in t.jobs} == {"succeeded"}


def test_schedules_of_a_fifo_queue_wait_for_their_turn(app: Holdfast) -> None:
    app.queue("line", fifo=True)
    ran: list[str] = []

    @app.every(HOUR, name="hourly", args={"what": "tick"})
    @app.task(name="note", queue="line")
    def note(what: str) -> None:
        ran.append(what)

    with app.testing() as t:
        note.enqueue("first")
        t.travel(hours=1)
        t.drain()
    assert ran == ["first", "tick"]


# --- who hears of it -----------------------------------------------------------------------------------------


class Counts:
    def __init__(self) -> None:
        self.all: Counter[str] = Counter()

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        self.all[f"duration {task}"] += 1

    def inc_success(self, queue: str, task: str) -> None:
        self.all[f"success {task}"] += 1

    def inc_retry(self, queue: str, task: str) -> None:
        self.all[f"retry {task}"] += 1

    def inc_dlq(self, queue: str, task: str) -> None:
        self.all[f"dlq {task}"] += 1

    def inc_internal_error(self) -> None:
        self.all["internal"] += 1


def test_events_and_metrics_are_as_in_production(make_app: MakeApp) -> None:
    counts = Counts()
    app = make_app(middleware=[Metrics(counts)])
    told: list[events.Event] = []
    app.on(events.Event, told.append)

    @app.every(HOUR, name="hourly")
    @app.task(name="sweep")
    def sweep() -> None: ...

    @app.task(name="fails", max_attempts=2)
    def fails() -> None:
        raise ValueError

    with app.testing() as t:
        begun = t.travel(days=2)
        fails.enqueue()
        t.drain(raise_errors=False)
        t.travel(minutes=5)
        t.drain(raise_errors=False)
        ended = t.now
        assert app.jobs.list(state="failed") == t.enqueued(fails)
    assert counts.all == {
        "duration sweep": 1, "success sweep": 1, "duration fails": 2, "retry fails": 1, "dlq fails": 1,
    }  # fmt: skip

    def names(task: str) -> list[str]:
        of_task = [event for event in told if isinstance(event, events.JobEvent) and event.task == task]
        return [type(event).__name__ for event in of_task]

    assert names("sweep") == ["Enqueued", "Started", "Succeeded"]
    assert names("fails") == ["Enqueued", "Started", "Retried", "Started", "Failed"]
    assert len([event for event in told if isinstance(event, events.QueueEmpty)]) == 2
    assert all(begun <= event.at <= ended for event in told), "in the time of the jobs"


def test_run_one(t: Rehearsal, app: Holdfast, tasks: Tasks) -> None:
    job, other = tasks.mail.enqueue("ada@x.y"), tasks.mail.using(delay=60).enqueue("bob@x.y")
    done = app.run_one(tasks=[tasks.mail])
    assert done == job
    assert app.run_one() is None
    t.travel(minutes=2)
    assert app.run_one() == other
    assert tasks.ran == ["ada@x.y", "bob@x.y"]
