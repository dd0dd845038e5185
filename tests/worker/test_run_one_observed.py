"""`run_one` is a worker of one job: counted, and told of, as any worker's runs are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import (
    After,
    Cancel,
    Constant,
    Holdfast,
    Job,
    JobContext,
    JobState,
    LeaseLost,
    Metrics,
    MoveToDlq,
    Reschedule,
    Retry,
    Snooze,
    events,
)
from tests.worker.conftest import MakeApp
from tests.worker.phantom import claim_and_vanish
from tests.worker.test_events import Told

SOON = timedelta(microseconds=1)
LATER = timedelta(hours=1)


class Counts:
    """A storage of metrics that counts."""

    def __init__(self) -> None:
        self.all: Counter[tuple[str, str, str]] = Counter()
        self.internal = 0

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.all["duration", queue, task] += 1

    def inc_success(self, queue: str, task: str) -> None:
        self.all["success", queue, task] += 1

    def inc_retry(self, queue: str, task: str) -> None:
        self.all["retry", queue, task] += 1

    def inc_dlq(self, queue: str, task: str) -> None:
        self.all["dlq", queue, task] += 1

    def inc_internal_error(self) -> None:
        self.internal += 1


def act(what: str) -> object:
    match what:
        case "fails":
            raise ValueError(what)
        case "retries":
            raise Retry(after=LATER)
        case "snoozes":
            raise Snooze(LATER)
        case "reschedules":
            return Reschedule(After(LATER))
        case "gives up":
            raise MoveToDlq("no such customer")
        case "cancels":
            raise Cancel("not wanted")
        case _:
            return 1


OUTCOMES = {
    "returns": "Succeeded",
    "fails": "Retried",
    "retries": "Retried",
    "snoozes": "Snoozed",
    "reschedules": "Rescheduled",
    "gives up": "Failed",
    "cancels": "Cancelled",
}


def in_thread(app: Holdfast, **options: Any) -> Job[Any] | None:
    return app.run_one(**options)


def on_loop(app: Holdfast, **options: Any) -> Job[Any] | None:
    return asyncio.run(app.arun_one(**options))


@pytest.mark.parity("S1.5")
@pytest.mark.parity("S0.11")
@pytest.mark.parametrize("run_one", [in_thread, on_loop])
@pytest.mark.parametrize("of_the_caller", [False, True])
def test_every_outcome_is_counted_and_told_once(
    make_app: MakeApp, run_one: Callable[..., Job[Any] | None], of_the_caller: bool
) -> None:
    counts = Counts()
    app = make_app(middleware=[Metrics(counts)], retry=Constant(LATER))
    told = Told(app)

    @app.task(name="act", queue="q")
    def declared(what: str) -> Any:
        return act(what)

    def handler(ctx: JobContext) -> Any:
        return act(ctx.job.args["what"])

    options = {"handler": handler} if of_the_caller else {}
    jobs = {what: declared.enqueue(what) for what in OUTCOMES}
    for what, job in jobs.items():
        assert run_one(app, **options) == job, what
        assert told.names(job) == ["Enqueued", "Started", OUTCOMES[what]]
    assert run_one(app, **options) is None
    assert counts.all == {
        ("duration", "q", "act"): 7,
        ("success", "q", "act"): 1,
        ("retry", "q", "act"): 2,
        ("dlq", "q", "act"): 1,
    }
    assert counts.internal == 0
    assert [event.queues for event in told.all if isinstance(event, events.QueueEmpty)] == []


def test_a_job_of_a_dead_worker_that_it_finds_is_told_and_counted(make_app: MakeApp) -> None:
    counts = Counts()
    app = make_app(middleware=[Metrics(counts)], lease=1, retry=Constant(SOON))

    @app.task(name="act")
    def declared(what: str) -> Any:
        return act(what)

    job = declared.enqueue("returns")
    claim_and_vanish(app, declared)
    told = Told(app)
    done = app.run_one()
    assert done == job
    assert job.refresh().attempt == 2
    assert told.names(job) == ["Retried", "Started", "Succeeded"]
    assert counts.all["retry", "default", "act"] == 1
    assert counts.all["success", "default", "act"] == 1


def test_what_was_refused_is_neither(make_app: MakeApp) -> None:
    counts = Counts()
    app = make_app(middleware=[Metrics(counts)])
    told = Told(app)

    @app.task(name="act", takes_context=True)
    def declared(ctx: JobContext) -> None:
        app.jobs.cancel(ctx.job.id, force=True)

    job = declared.enqueue()
    with pytest.raises(LeaseLost):
        app.run_one()
    assert app.jobs.status(job.id) is JobState.CANCELLED
    assert told.names(job) == ["Enqueued", "Started", "Cancelled"]
    assert counts.all == {("duration", "default", "act"): 1}
