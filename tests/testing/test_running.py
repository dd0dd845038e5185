"""Jobs run by the real worker, when the test says so; and time moved forward."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import (
    After,
    Cancel,
    Constant,
    Fail,
    Holdfast,
    InvalidOption,
    JobContext,
    JobFailed,
    Middleware,
    Reschedule,
    Retry,
    Snooze,
    WrongState,
)
from holdfast.testing import Drained, Rehearsal
from tests.testing.conftest import Tasks
from tests.worker.conftest import MakeApp


def test_a_drain_runs_what_is_due_and_what_comes_of_it(t: Rehearsal, tasks: Tasks) -> None:
    tasks.chain.enqueue(2)
    later = tasks.mail.using(delay=60).enqueue("later@x.y")
    assert t.drain() == Drained(succeeded=3)
    assert tasks.ran == [2, 1, 0]
    assert later.refresh().state == "pending"
    assert t.drain() == Drained()


def test_what_a_handler_raises_is_raised(t: Rehearsal, tasks: Tasks) -> None:
    failed = tasks.flaky.enqueue("no such thing")
    mail = tasks.mail.enqueue("ada@x.y")
    with pytest.raises(LookupError, match="no such thing") as caught:
        t.drain()
    assert caught.traceback[-1].name == "flaky"
    assert str(failed.id) in caught.value.__notes__[0]
    # The drain has gone on before it was raised.
    assert mail.refresh().state == "succeeded"


def test_errors_may_be_left_to_the_retry_policy(t: Rehearsal, tasks: Tasks) -> None:
    job = tasks.flaky.enqueue("no")
    assert t.drain(raise_errors=False) == Drained(retried=1)
    assert job.refresh().state == "pending"
    t.travel(hours=1)
    assert t.drain(raise_errors=False) == Drained(failed=1)
    assert job.refresh().reason == "exhausted"
    assert len(tasks.ran) == 2


def test_outcomes_are_counted_and_raise_nothing(app: Holdfast, t: Rehearsal) -> None:
    @app.task(name="decide")
    def decide(what: str) -> None:
        outcomes: dict[str, Exception] = {
            "retry": Retry(timedelta(hours=1)),
            "snooze": Snooze(timedelta(hours=1)),
            "reschedule": Reschedule(After(timedelta(hours=1))),
            "cancel": Cancel(),
            "fail": Fail("no"),
        }
        raise outcomes[what]

    for what in ("retry", "snooze", "reschedule", "cancel", "fail"):
        decide.enqueue(what)
    drained = t.drain()
    assert drained == Drained(failed=1, cancelled=1, retried=1, rescheduled=1, snoozed=1)
    assert drained.runs == 5


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_the_test_run_is_wrapped(app: Holdfast, t: Rehearsal, error: BaseException) -> None:
    @app.task(name="stop")
    def stop() -> None:
        raise error

    stop.enqueue()
    with pytest.raises(JobFailed, match=type(error).__name__):
        t.drain()


def test_timeouts_and_arguments_that_do_not_decode_are_raised(app: Holdfast, t: Rehearsal) -> None:
    @app.task(name="slow", timeout=0.05)
    async def slow() -> None:
        import asyncio

        await asyncio.sleep(30)

    slow.enqueue()
    with pytest.raises(TimeoutError):
        t.drain()


def test_middleware_and_lifespan_are_those_of_production(make_app: MakeApp) -> None:
    heard: list[str] = []

    class Loud(Middleware):
        async def enqueue(self, draft: Any, call_next: Any) -> Any:
            heard.append("enqueue")
            return await call_next(draft)

        async def process(self, ctx: JobContext, call_next: Any) -> Any:
            heard.append(f"process with {ctx.state}")
            return await call_next(ctx)

    @contextmanager
    def lifespan() -> Iterator[str]:
        heard.append("in")
        yield "state"
        heard.append("out")

    app = make_app(middleware=[Loud()], lifespan=lifespan)

    @app.task(name="work")
    def work() -> None:
        heard.append("work")

    with app.testing() as t:
        work.enqueue()
        t.drain()
    assert heard == ["enqueue", "in", "process with state", "work", "out"]


def test_handlers_of_processes_run_in_this_one(app: Holdfast) -> None:
    app.task(name="pid", executor="process")(os.getpid)
    with app.testing() as t:
        job = app.enqueue("pid")
        t.drain()
        assert job.result(0) == os.getpid()
    (task,) = list(app.client.registry)
    assert task.kind == "process"


def test_tasks_may_be_declared_after_a_drain(app: Holdfast, t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.enqueue("ada@x.y")
    t.drain()

    @app.task(name="new")
    def new() -> int:
        return 1

    assert t.run(new.enqueue()).result(0) == 1


def test_a_drain_may_be_narrowed(t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.enqueue("ada@x.y")
    tasks.chain.enqueue(0)
    assert t.drain(tasks=[tasks.chain]).runs == 1
    assert tasks.ran == [0]


# --- one job -------------------------------------------------------------------------------------------------


def test_one_job_runs_and_no_other(t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.using(priority=100).enqueue("first@x.y")
    job = tasks.mail.using(delay=3600).enqueue("later@x.y")
    tasks.chain.enqueue(1)
    assert t.run(job).result(0) == "hi later@x.y"
    assert tasks.ran == ["later@x.y"]
    assert len(t.jobs) == 3


def test_a_job_that_does_not_wait_can_not_be_run(t: Rehearsal, tasks: Tasks) -> None:
    job = t.run(tasks.mail.enqueue("ada@x.y"))
    with pytest.raises(WrongState, match="succeeded"):
        t.run(job)


def test_jobs_in_order_run_in_their_turn(app: Holdfast, t: Rehearsal, tasks: Tasks) -> None:
    jobs = [tasks.mail.using(ordering_key="ada").enqueue(f"{n}@x.y") for n in range(3)]
    with pytest.raises(WrongState, match=f"job {jobs[0].id} is before it"):
        t.run(jobs[1])
    assert tasks.ran == []
    t.assert_enqueued_times(3, tasks.mail.using(ordering_key="ada"))
    t.assert_not_enqueued(tasks.mail.using(ordering_key="bob"))
    assert t.run(jobs[0]).state == "succeeded"
    with pytest.raises(WrongState, match=f"job {jobs[1].id} is before it"):
        t.run(jobs[2])
    assert t.run(jobs[1]).state == "succeeded"
    assert t.drain() == Drained(succeeded=1)
    assert tasks.ran == ["0@x.y", "1@x.y", "2@x.y"]


@pytest.mark.parametrize("fifo", [True, False])
def test_the_first_in_order_runs_although_it_is_not_due(app: Holdfast, fifo: bool) -> None:
    app.queue("line", fifo=fifo)

    @app.task(name="step", queue="line")
    def step(n: int) -> int:
        return n

    using = step.using(delay=3600) if fifo else step.using(delay=3600, ordering_key="k")
    with app.testing() as t:
        first, second = using.enqueue(1), using.enqueue(2)
        with pytest.raises(WrongState, match=f"job {first.id} is before it"):
            t.run(second)
        assert t.run(first).result(0) == 1
        assert t.run(second).result(0) == 2


def test_who_waits_for_a_retry_keeps_the_turn(app: Holdfast, t: Rehearsal, tasks: Tasks) -> None:
    first, second = (tasks.flaky.using(ordering_key="k").enqueue(what) for what in "ab")
    assert t.run(first, raise_errors=False).state == "blocked"
    with pytest.raises(WrongState, match=f"job {first.id} is before it"):
        t.run(second)
    assert t.run(first, raise_errors=False).state == "failed"
    assert t.run(second, raise_errors=False).state == "blocked"


@pytest.mark.parametrize("fifo", [True, False])
def test_a_reschedule_in_order_counts_as_one(app: Holdfast, fifo: bool) -> None:
    app.queue("line", fifo=fifo)

    @app.task(name="again", queue="line")
    def again() -> Reschedule:
        return Reschedule(After(timedelta(hours=1)))

    with app.testing() as t:
        job = (again if fifo else again.using(ordering_key="k")).enqueue()
        assert t.drain() == Drained(rescheduled=1)
        t.travel(hours=1)
        assert t.drain() == Drained(rescheduled=1)
        assert t.run(job).state == "blocked"


@pytest.mark.parametrize("what", [None, "zz", 5])
def test_only_jobs_are_run(t: Rehearsal, what: Any) -> None:
    with pytest.raises(InvalidOption, match="run takes a job"):
        t.run(what)


@pytest.mark.parametrize(
    ("by", "parts", "said"),
    [
        ((), {"days": float("nan")}, "days= of travel"),
        ((), {"hours": float("inf")}, "hours= of travel"),
        ((), {"minutes": "x"}, "minutes= of travel"),
        ((), {"seconds": None}, "seconds= of travel"),
        ((), {"days": 10**9}, "days=1000000000"),
        ((), {"days": 10**400}, "days=1000"),
        ((float("nan"),), {}, "not nan"),
        (("x",), {}, "not 'x'"),
        ((None,), {}, "not None"),
    ],
)
def test_no_way_to_travel(t: Rehearsal, by: Any, parts: Any, said: str) -> None:
    before = t.now
    with pytest.raises(InvalidOption, match=said):
        t.travel(*by, **parts)
    assert t.now - before < timedelta(minutes=1)


def test_a_run_that_fails_waits_for_its_retry(t: Rehearsal, tasks: Tasks) -> None:
    job = tasks.flaky.enqueue("no")
    with pytest.raises(LookupError):
        t.run(job)
    assert t.run(job, raise_errors=False).reason == "exhausted"


# --- time ----------------------------------------------------------------------------------------------------


def test_travelling_makes_jobs_due(t: Rehearsal, tasks: Tasks) -> None:
    job = tasks.mail.using(delay=timedelta(days=400)).enqueue("ada@x.y")
    real = datetime.now(UTC)
    t.travel(timedelta(days=399))
    assert t.drain().runs == 0
    assert t.travel(days=1) >= job.run_at
    assert t.drain().runs == 1
    assert timedelta(days=400) <= t.now - real < timedelta(days=400, minutes=1)
    assert datetime.now(UTC) - real < timedelta(minutes=1)
    ended = job.refresh()
    assert ended.finished_at is not None
    assert ended.finished_at >= ended.run_at


def test_jobs_of_the_future_are_made_then(t: Rehearsal, tasks: Tasks) -> None:
    t.travel_to(datetime(2050, 6, 1, tzinfo=UTC))
    job = tasks.mail.using(delay=60).enqueue("ada@x.y")
    assert timedelta(0) <= job.created_at - datetime(2050, 6, 1, tzinfo=UTC) < timedelta(seconds=30)
    drawn = job.run_at
    assert abs(job.refresh().run_at - drawn) < timedelta(seconds=5)
    assert t.drain().runs == 0


def test_time_only_moves_forward(t: Rehearsal) -> None:
    for wrong in (
        lambda: t.travel(hours=-1),
        lambda: t.travel_to(datetime(2020, 1, 1, tzinfo=UTC)),
        lambda: t.travel_to(datetime(2050, 1, 1)),  # noqa: DTZ001 - that is what is refused
        lambda: t.travel(days=365_000 * 9),
    ):
        with pytest.raises(InvalidOption):
            wrong()


def test_retries_are_as_far_as_the_policy_says(app: Holdfast, t: Rehearsal) -> None:
    runs: list[datetime] = []

    @app.task(name="again", retry=Constant(timedelta(minutes=10)), max_attempts=3)
    def again() -> None:
        runs.append(t.now)
        raise ValueError

    again.enqueue()
    for minutes in (0, 9, 2, 9, 2):
        t.travel(minutes=minutes)
        t.drain(raise_errors=False)
    assert len(runs) == 3


# --- beside the test -----------------------------------------------------------------------------------------


def test_a_worker_beside_the_test_hears_of_the_new_time(t: Rehearsal, tasks: Tasks) -> None:
    with t.worker(poll_interval=60) as worker:
        first = tasks.mail.enqueue("first@x.y")
        assert first.result(10) == "hi first@x.y"
        before = worker.id
        later = tasks.mail.using(delay=timedelta(days=3)).enqueue("later@x.y")
        t.travel(days=3)
        assert later.result(10) == "hi later@x.y"
        assert worker.id == before, "it was taken for dead"


def test_a_long_run_survives_a_travel(app: Holdfast, t: Rehearsal) -> None:
    go, begun = threading.Event(), threading.Event()

    @app.task(name="wait")
    def wait() -> int:
        begun.set()
        go.wait(20)
        return 1

    with t.worker(), t.worker():
        job = wait.enqueue()
        assert begun.wait(10)
        t.travel(days=1)
        go.set()
        assert job.result(10) == 1
        assert job.refresh().run == 1
