"""What subscribers are told: every fact once, in order, after it is one, and never in the way of the work."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Condition, Event
from typing import Any

import pytest

from holdfast import (
    Cancel,
    Holdfast,
    InvalidOption,
    JobExists,
    JobState,
    MoveToDlq,
    Reschedule,
    Retry,
    Snooze,
    events,
)
from holdfast.client import telling
from holdfast.core.outcomes import After
from holdfast.core.times import to_datetime
from tests.worker.conftest import MakeApp, StartWorker
from tests.worker.faults import cuttable
from tests.worker.phantom import claim_and_vanish
from tests.worker.programs import Programs

Drain = Callable[..., Any]
NOW = timedelta(0)


class Told:
    """All that an app tells, in the order in which it is told."""

    def __init__(self, app: Holdfast, kind: type[events.Event] = events.Event) -> None:
        self.all: list[Any] = []
        self._changed = Condition()
        self.end = app.on(kind, self._hear)

    def _hear(self, event: events.Event) -> None:
        with self._changed:
            self.all.append(event)
            self._changed.notify_all()

    def until(self, condition: Callable[[Told], object], timeout: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout), self.all

    def names(self, job: Any = None) -> list[str]:
        """The classes of what was told of a job, or of any."""
        return [
            type(event).__name__
            for event in self.all
            if isinstance(event, events.JobEvent) and (job is None or event.job_id == job.id)
        ]

    def only(self, kind: type[Any]) -> Any:
        (found,) = (event for event in self.all if type(event) is kind)
        return found


@pytest.fixture
def told(app: Holdfast) -> Told:
    return Told(app)


# --- every outcome -------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.11")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_each_outcome_has_its_event(app: Holdfast, told: Told, drain: Drain, kind: str) -> None:
    def decide(what: str) -> Any:
        from holdfast import current_job

        if current_job().run > 1 and what not in ("exhausts", "dlq"):
            return "well"
        match what:
            case "retry":
                raise Retry(after=NOW, cause=KeyError("k"))
            case "raises" | "exhausts":
                raise ValueError("no good")
            case "snooze":
                return Snooze(NOW)
            case "reschedule":
                return Reschedule(After(NOW))
            case "dlq":
                return MoveToDlq("no such customer")
            case "cancel":
                raise Cancel("withdrawn")
            case _:
                return "well"

    async def adecide(what: str) -> Any:
        return decide(what)

    def plain(what: str) -> Any:
        return decide(what)

    function = adecide if kind == "async" else plain
    task = app.task(name="it", queue="q", max_attempts=2, retry=lambda failures, error: NOW)(function)
    jobs = {
        what: task.enqueue(what)
        for what in ("", "retry", "raises", "exhausts", "snooze", "reschedule", "dlq", "cancel")
    }
    worker = drain()
    again = ["Started", "Succeeded"]
    expected = {
        "": ["Succeeded"],
        "retry": ["Retried", *again],
        "raises": ["Retried", *again],
        "exhausts": ["Retried", "Started", "Failed"],
        "snooze": ["Snoozed", *again],
        "reschedule": ["Rescheduled", *again],
        "dlq": ["Failed"],
        "cancel": ["Cancelled"],
    }
    for what, after in expected.items():
        assert told.names(jobs[what]) == ["Enqueued", "Started", *after], what
    assert worker.wait() is not None
    failed = {event.job_id: event for event in told.all if isinstance(event, events.Failed)}
    assert {(str(one.reason), one.error.type) for one in failed.values()} == {
        ("exhausted", "ValueError"), ("error", "holdfast.MoveToDlq"),
    }  # fmt: skip
    last = failed[jobs["exhausts"].id]
    assert (last.task, last.queue, last.run, last.attempt) == ("it", "q", 2, 2)
    begins = {event.worker for event in told.all if isinstance(event, events.Started)}
    assert len(begins) == 1
    assert begins == {one.worker for one in told.all if isinstance(one, (events.Succeeded, events.Failed))}
    retried = [event for event in told.all if isinstance(event, events.Retried)]
    assert {one.error.type for one in retried if one.error} == {"KeyError", "ValueError"}
    assert all(one.delay == NOW and one.run == 1 for one in retried)


@pytest.mark.parity("S0.11")
def test_what_an_event_says(app: Holdfast, told: Told, drain: Drain) -> None:
    @app.task(name="it", queue="q", max_attempts=3, retry=lambda failures, error: timedelta(hours=1))
    def it() -> None:
        raise ValueError("no good")

    before = app.client.store.now()
    job = it.enqueue()
    drain()
    stored = app.jobs.get(job.id)
    enqueued, started, retried = (one for one in told.all if isinstance(one, events.JobEvent))
    assert (enqueued.committed, enqueued.run_at, enqueued.run, enqueued.worker) == (True, None, 0, None)
    assert (started.job_id, started.run, started.attempt) == (job.id, 1, 1)
    assert retried.delay == timedelta(hours=1)
    assert (retried.error.type, retried.error.message) == ("ValueError", "no good")
    assert "raise ValueError" in retried.error.traceback
    assert retried.at == stored.errors[0].at
    slack = timedelta(seconds=2)
    assert to_datetime(before) - slack <= started.at <= to_datetime(app.client.store.now()) + slack


@pytest.mark.parity("S0.11")
def test_timeouts_and_crashes_and_deaths_of_children(app: Holdfast, told: Told, drain: Drain) -> None:
    from tests.worker import process_tasks

    app.include(process_tasks.router)

    @app.task(name="late", timeout=0.05, max_attempts=1)
    async def late() -> None:
        await asyncio.sleep(60)

    late_job, dies = late.enqueue(), process_tasks.exits.enqueue("_exit")
    drain()
    assert told.names(late_job) == ["Enqueued", "Started", "Failed"]
    assert told.names(dies) == ["Enqueued", "Started", "Retried", "Started", "Failed"]
    reasons = {event.task: event.reason for event in told.all if isinstance(event, events.Failed)}
    assert reasons == {"late": "timeout", "p.exits": "crashed"}


# --- other workers, other processes --------------------------------------------------------------------------


@pytest.mark.parity("S0.11")
def test_a_rescuer_tells_what_became_of_the_jobs_of_the_dead(app: Holdfast, told: Told, drain: Drain) -> None:
    @app.task(name="again", retry=lambda failures, error: NOW)
    def again() -> None: ...

    @app.task(name="once", max_attempts=1)
    def once() -> None: ...

    first, second = again.enqueue(), once.enqueue()
    claim_and_vanish(app, again)
    claim_and_vanish(app, once)
    drain()
    assert told.names(first) == ["Enqueued", "Retried", "Started", "Succeeded"]
    assert told.names(second) == ["Enqueued", "Failed"]
    assert (told.only(events.Retried).worker, told.only(events.Retried).run) == (None, 1)
    assert told.only(events.Failed).reason == "exhausted"


@pytest.mark.parity("S0.11")
def test_a_worker_that_was_killed_is_told_of_by_another_process(
    client_app: Holdfast, programs: Programs
) -> None:
    """Each process tells what happens in it: here the enqueue, and the rescue of what the other held."""
    here = Told(client_app)
    job = client_app.enqueue("sleeps", {"seconds": 60})
    process = programs.start()
    programs.until(lambda lines: any(line.what == "begin" for line in lines))
    assert here.names() == ["Enqueued"]
    process.kill()
    process.wait()
    with client_app.worker(tasks=["quick"]):
        here.until(lambda it: "Retried" in it.names())
    assert here.names(job) == ["Enqueued", "Retried"]
    assert here.only(events.Retried).attempt == 1


def test_a_cancel_is_told_where_it_is_a_fact(
    app: Holdfast, make_app: MakeApp, told: Told, start_worker: StartWorker
) -> None:
    """The other app stands for another process: it cancels, and the worker here is told of that by the store."""
    began, go_on = Event(), Event()

    @app.task(name="it", takes_context=True)
    async def it(ctx: Any) -> None:
        began.set()
        await asyncio.sleep(60)

    @app.task(name="stubborn")
    def stubborn() -> None:
        began.set()
        go_on.wait(20)

    other = make_app()
    there = Told(other, events.Cancelled)
    waiting, running, forced = (
        it.using(delay=3600).enqueue(),
        it.enqueue(),
        stubborn.using(delay=3600).enqueue(),
    )
    worker = start_worker()
    assert began.wait(10)
    assert other.jobs.cancel(running.id)
    told.until(lambda it: "Cancelled" in it.names(running))
    assert other.jobs.cancel(waiting.id)
    there.until(lambda it: it.names(waiting))
    began.clear()
    forced = stubborn.enqueue()
    assert began.wait(10)
    assert other.jobs.cancel(forced.id, force=True)
    there.until(lambda it: it.names(forced))
    go_on.set()
    worker.stop()
    assert told.names(running) == ["Enqueued", "Started", "Cancelled"]
    assert told.names(waiting) == ["Enqueued"]
    assert told.names(forced) == ["Enqueued", "Started"]  # its end was refused here, and told there
    assert there.names() == ["Cancelled", "Cancelled"]
    assert [(one.job_id, one.run, one.committed) for one in there.all] == [
        (waiting.id, 0, True), (forced.id, 1, True),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["blocking", "async"])
def test_many_cancelled_at_once(app: Holdfast, told: Told, form: str) -> None:
    @app.task(name="it")
    def it() -> None: ...

    jobs = app.enqueue_many([it.new() for _ in range(5)])
    assert app.jobs.cancel(jobs[0].id)
    assert not app.jobs.cancel(jobs[0].id)
    count = app.jobs.cancel(task="it") if form == "blocking" else asyncio.run(app.jobs.acancel(task="it"))
    assert count == 4
    assert app.client.events.flush()
    assert sorted(told.names()) == ["Cancelled"] * 5 + ["Enqueued"] * 5
    assert all(told.names(job) == ["Enqueued", "Cancelled"] for job in jobs)


def test_a_job_whose_task_nobody_knows(
    app: Holdfast, make_app: MakeApp, told: Told, start_worker: StartWorker
) -> None:
    @app.task(name="known")
    def known() -> None: ...

    job = app.enqueue("unknown", {}, declare=True)
    start_worker(unknown_task_grace=0.05, cleanup_interval=0.05)
    told.until(lambda it: it.names(job) == ["Enqueued", "Failed"])
    assert told.only(events.Failed).reason == "unknown_task"


def test_a_run_that_shutdown_interrupts_is_given_back(
    app: Holdfast, told: Told, start_worker: StartWorker
) -> None:
    began = Event()

    @app.task(name="it")
    async def it() -> None:
        began.set()
        await asyncio.sleep(60)

    job = it.enqueue()
    worker = start_worker(concurrency=1)
    assert began.wait(10)
    never_begun = it.enqueue()
    assert not worker.stop(0)
    assert told.names(job) == ["Enqueued", "Started", "GivenBack"]
    assert told.names(never_begun) == ["Enqueued"]


# --- enqueues ------------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.11")
def test_enqueues_of_every_form(app: Holdfast, told: Told) -> None:
    @app.task(name="it")
    def it(n: int = 0) -> None: ...

    async def main() -> list[Any]:
        one = await it.aenqueue()
        return [one, *await app.aenqueue_many([it.new(), it.new()])]

    jobs = [
        it.using(delay=60).enqueue(),
        app.enqueue("it"),
        *app.enqueue_many([it.new()]),
        *asyncio.run(main()),
    ]
    with pytest.raises(JobExists):
        it.using(id=jobs[0].id).enqueue()
    assert app.enqueue_many([]) == []
    assert app.client.events.flush()
    assert [event.job_id for event in told.all] == [job.id for job in jobs]
    assert {type(event) for event in told.all} == {events.Enqueued}
    later = told.all[0]
    assert later.run_at - later.at == timedelta(seconds=60)


def test_in_a_transaction_of_the_callers_it_is_no_fact_yet(tmp_path: Path) -> None:
    with Holdfast(f"sqlite:///{tmp_path}/tx.db") as app:

        @app.task(name="it")
        def it() -> None: ...

        app.migrate()
        told = Told(app)
        connection = sqlite3.connect(tmp_path / "tx.db")
        connection.execute("BEGIN")
        job = it.using(tx=connection).enqueue()
        app.jobs.cancel(job.id, tx=connection)
        connection.rollback()
        connection.close()
        assert app.client.events.flush()
        assert [(type(one), one.committed) for one in told.all] == [
            (events.Enqueued, False),
            (events.Cancelled, False),
        ]
        assert app.jobs.status(job.id) is JobState.NOT_FOUND


def test_the_order_holds_although_others_are_quicker(
    app: Holdfast, told: Told, start_worker: StartWorker
) -> None:
    """The enqueue's and the settlement's answers are late; the next run has begun by then."""
    second = Event()

    @app.task(name="it", takes_context=True, retry=lambda failures, error: NOW)
    async def it(ctx: Any) -> None:
        if ctx.run == 1:
            raise ValueError
        second.set()

    line = cuttable(app)
    way = line.send

    def slow(go: Any, verb: Any, *args: Any, **kwargs: Any) -> Any:
        answer = way(go, verb, *args, **kwargs)
        if verb.__name__ == "settle" and not second.is_set():
            assert second.wait(10)
        return answer

    line.send = slow  # type: ignore[method-assign]
    start_worker(poll_interval=0.02)
    job = it.enqueue()
    told.until(lambda it: it.names(job)[-1:] == ["Succeeded"])
    assert told.names(job) == ["Enqueued", "Started", "Retried", "Started", "Succeeded"]


def test_an_enqueue_is_told_before_the_run_that_overtakes_it(
    app: Holdfast, told: Told, start_worker: StartWorker
) -> None:
    ran = Event()

    @app.task(name="it")
    def it() -> None:
        ran.set()

    start_worker(poll_interval=0.02)
    store = app.client.store
    write = store.write

    def late(verb: Any, *args: Any, **kwargs: Any) -> Any:
        answer = write(verb, *args, **kwargs)
        if verb.__name__ == "insert":
            assert ran.wait(10)
        return answer

    store.write = late  # type: ignore[method-assign]
    job = it.enqueue()
    told.until(lambda it: "Succeeded" in it.names(job))
    assert told.names(job) == ["Enqueued", "Started", "Succeeded"]


# --- workers -------------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.11")
def test_a_worker_that_has_run_dry_says_so_once(app: Holdfast, told: Told, start_worker: StartWorker) -> None:
    @app.task(name="it")
    def it() -> None: ...

    def dry(it: Told) -> int:
        return sum(type(event) is events.QueueEmpty for event in it.all)

    worker = start_worker(poll_interval=0.02)
    it.enqueue()
    told.until(lambda it: dry(it) == 1)
    assert told.names() == ["Enqueued", "Started", "Succeeded"]
    assert isinstance(told.all[-1], events.QueueEmpty)
    assert (told.all[-1].worker, told.all[-1].queues) == (worker.id, None)
    app.enqueue_many([it.new() for _ in range(50)])
    told.until(lambda it: dry(it) >= 2 and it.names().count("Succeeded") == 51)
    worker.stop()
    # Perhaps it ran dry before the last of them was there; never while idle, though.
    assert 2 <= dry(told) <= 52


@pytest.mark.parity("S0.11")
def test_troubles_of_the_worker(app: Holdfast, told: Told, start_worker: StartWorker) -> None:
    @app.task(name="it")
    def it() -> None: ...

    line = cuttable(app)
    worker = start_worker(poll_interval=0.02)
    line.cut = True
    told.until(lambda it: any(type(one) is events.WorkerError for one in it.all))
    line.cut = False
    error = next(one for one in told.all if type(one) is events.WorkerError)
    assert (type(error.error).__name__, error.worker) == ("StoreUnavailable", worker.id)
    job = it.enqueue()
    told.until(lambda it: "Succeeded" in it.names(job))


# --- subscribing ---------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.11")
def test_subscribing_and_unsubscribing(app: Holdfast, drain: Drain) -> None:
    heard: list[str] = []

    @app.on(events.Succeeded)
    def decorated(event: events.Succeeded) -> None:
        heard.append("succeeded")

    end = app.on(events.JobEvent, lambda event: heard.append("job"))
    app.on(events.WorkerEvent, lambda event: heard.append("worker"))

    @app.task(name="it")
    def it() -> None: ...

    it.enqueue()
    drain()
    assert heard == ["job", "job", "succeeded", "job", "worker"]
    end()
    end()
    it.enqueue()
    assert app.client.events.flush()
    assert len(heard) == 5
    assert callable(decorated)


def test_what_is_refused(app: Holdfast) -> None:
    async def later(event: events.Event) -> None: ...

    with pytest.raises(InvalidOption, match=r"is async.*run_coroutine_threadsafe"):
        app.on(events.Event, later)
    with pytest.raises(InvalidOption, match=r"holdfast\.events"):
        app.on(ValueError, print)  # type: ignore[type-var]
    with pytest.raises(InvalidOption, match="takes a function"):
        app.on(events.Failed, 3)  # type: ignore[call-overload]


def test_slow_and_raising_subscribers_harm_no_job(
    app: Holdfast, drain: Drain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How long the end of the worker waits for them.
    monkeypatch.setattr(app.client.events.flush.__func__, "__defaults__", (0.1,))
    release, told = Event(), list[events.Event]()

    @app.on(events.Event)
    def bad(event: events.Event) -> None:
        raise SystemExit("no")

    @app.on(events.Event)
    def slow(event: events.Event) -> None:
        release.wait(20)
        told.append(event)

    @app.task(name="it")
    def it() -> None: ...

    jobs = app.enqueue_many([it.new() for _ in range(20)])
    drain()
    assert told == []
    assert {app.jobs.status(job.id) for job in jobs} == {JobState.SUCCEEDED}
    release.set()
    assert app.client.events.flush()
    assert len(told) == 61
    assert "failed at Enqueued" in caplog.text


def test_what_is_dropped_is_logged(
    app: Holdfast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telling, "KEPT", 10)
    began, release, heard = Event(), Event(), list[events.Event]()

    @app.on(events.Enqueued)
    def slow(event: events.Event) -> None:
        heard.append(event)
        began.set()
        release.wait(20)

    @app.task(name="it")
    def it() -> None: ...

    it.enqueue()
    assert began.wait(10)
    app.enqueue_many([it.new() for _ in range(30)])
    release.set()
    assert app.client.events.flush()
    assert len(heard) == 11
    assert "further ones are dropped" in caplog.text
    assert "20 events were dropped and never told" in caplog.text


def test_nothing_is_made_where_nobody_listens(
    app: Holdfast, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("an event was made")

    for name in ("tell", "before", "_start"):
        monkeypatch.setattr(app.client.events, name, never)

    @app.task(name="it")
    def it() -> None: ...

    job = it.enqueue()
    end = app.on(events.Failed, print)
    end()
    drain()
    assert app.jobs.status(job.id) is JobState.SUCCEEDED


PROGRAM = """
import sys
from holdfast import Holdfast, events
app = Holdfast(sys.argv[1])
app.on(events.Enqueued, lambda event: print("told", event.task, flush=True))
@app.task(name="it")
def it() -> None: ...
it.enqueue()
"""


def test_what_happened_last_is_told_though_the_program_leaves_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path}/x.db"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("told it\n", 0), done.stderr


def test_an_async_worker_tells_too(app: Holdfast, told: Told) -> None:
    @app.task(name="it")
    async def it() -> None: ...

    async def main() -> Any:
        async with app.aworker():
            job = await it.aenqueue()
            await job.aresult(timeout=10)
            return job

    job = asyncio.run(main())
    assert told.names(job) == ["Enqueued", "Started", "Succeeded"]
