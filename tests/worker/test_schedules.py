"""Workers fire schedules: on time, woken by news, without a leader, through the middleware."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast import Cron, Every, Holdfast, Job, Middleware, NewJob, Reschedule, TaskRouter
from holdfast.core.times import SECOND
from holdfast.middleware.base import EnqueueNext
from holdfast.store.records import ScheduleRecord
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs import jobs
from holdfast.store.verbs import schedules as verbs
from tests.conformance.backends import Backend
from tests.worker.conftest import Ear, MakeApp, StartWorker


def rewrite(app: Holdfast, name: str, **changes: Any) -> ScheduleRecord:
    """Change a stored schedule past its rules, as time would."""

    def change() -> Verb[ScheduleRecord]:
        rows = yield Statement("lock_schedules", {"names": [name]})
        record = replace(verbs._record(rows[0]), **changes)
        yield from verbs._write([record])
        return record

    return app.client.store.write(change)


def test_it_fires_on_time_and_says_for_when(app: Holdfast, start_worker: StartWorker) -> None:
    seen: SimpleQueue[tuple[float, dict[str, Any]]] = SimpleQueue()

    @app.every(0.4, args={"n": 3}, name="often")
    @app.task(name="note", takes_context=True)
    def note(ctx: Any, n: int) -> None:
        seen.put((time.time(), {**ctx.meta, "n": n}))

    # It looks by itself only every minute: what comes on time was waited for.
    start_worker(poll_interval=60)
    late: list[float] = []
    for _ in range(5):
        at, meta = seen.get(timeout=20)
        assert (meta["n"], meta["schedule"]) == (3, "often")
        late.append(at - datetime.fromisoformat(meta["scheduled_for"]).timestamp())
    # By the server's clock, which is this machine's here. The best of some: the machine may be busy.
    assert -0.02 < min(late) < 0.3, late


def test_one_put_by_another_process_is_heard_of(
    make_app: MakeApp, app: Holdfast, start_worker: StartWorker
) -> None:
    ran = Event()

    @app.task(name="run")
    def run() -> None:
        ran.set()

    start_worker()
    other = make_app()
    time_put = time.monotonic()
    other.schedules.put("soon", other.new("run", declare=True), Every(0.3))
    assert ran.wait(10)
    assert time.monotonic() - time_put < 2, "not by the poll alone"


def test_a_pause_and_its_end_are_heard_of(
    make_app: MakeApp, app: Holdfast, start_worker: StartWorker
) -> None:
    runs: SimpleQueue[float] = SimpleQueue()

    @app.every(0.2)
    @app.task(name="run")
    def run() -> None:
        runs.put(time.monotonic())

    start_worker()
    runs.get(timeout=10)
    other = make_app()
    other.schedules.pause("run")
    paused = time.monotonic()
    fired = other.schedules.get("run").record.last_at
    Event().wait(0.7)
    assert other.schedules.get("run").record.last_at == fired
    while not runs.empty():
        assert runs.get() < paused + 0.3
    other.schedules.resume("run")
    runs.get(timeout=5)


def test_routers_bring_their_schedules(app: Holdfast, start_worker: StartWorker) -> None:
    router = TaskRouter()
    ran = Event()

    @router.every(0.2)
    @router.cron("0 3 * * *", tz="Europe/Rome", name="nightly", overlap="skip", missed="none")
    @router.task(name="run")
    def run(n: int = 0) -> None:
        ran.set()

    app.include(router)
    start_worker()
    assert ran.wait(10)
    nightly = app.schedules.get("nightly")
    assert nightly.when == Cron("0 3 * * *", tz="Europe/Rome")
    assert (nightly.overlap, nightly.missed, nightly.declared) == ("skip", "none", True)


def test_a_worker_fires_tasks_that_it_does_not_know(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="known")
    def known() -> None: ...

    app.schedules.put("strange", app.new("unknown", declare=True), Every(0.2))
    start_worker()
    until(lambda: app.schedules.get("strange").last_job)
    job_id = app.schedules.get("strange").last_job
    assert job_id is not None
    assert app.jobs.get(job_id).task == "unknown"


def test_a_burst_fires_what_is_due_and_does_not_wait_for_more(
    app: Holdfast, drain: Callable[..., Any], ear: Ear
) -> None:
    @app.every(3600)
    @app.task(name="run")
    def run() -> int:
        return 1

    drain()
    assert ear.settlements == []
    rewrite(app, "run", next_at=app.client.store.now() - SECOND)
    another = Holdfast(app.url)
    try:
        another.task(name="run")(run.function)
        another.run_worker(burst=True)
        assert [job.state for job in another.jobs.list()] == ["succeeded"]
    finally:
        another.close()


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        Event().wait(0.01)


class Stamp(Middleware):
    def __init__(self) -> None:
        self.stored: list[str] = []
        self.refuse: set[str] = set()

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        if draft.meta.get("schedule") in self.refuse:
            raise ValueError("not this one")
        draft.meta["stamp"] = "seen"
        job = await call_next(draft)
        self.stored.append(str(job.id))
        return job


def test_the_middleware_of_enqueues_sees_scheduled_jobs(make_app: MakeApp, start_worker: StartWorker) -> None:
    stamp = Stamp()
    app = make_app(middleware=[stamp])
    done: SimpleQueue[dict[str, Any]] = SimpleQueue()

    @app.every(0.2)
    @app.task(name="run", takes_context=True)
    def run(ctx: Any) -> None:
        done.put({**ctx.meta, "id": str(ctx.job.id)})

    start_worker(app)
    meta = done.get(timeout=10)
    assert meta["stamp"] == "seen"
    until(lambda: meta["id"] in stamp.stored)


def test_a_fifo_queue_is_one_for_workers_too_that_do_not_know_it(
    make_app: MakeApp, app: Holdfast, start_worker: StartWorker
) -> None:
    app.queue("line", fifo=True)

    @app.task(name="run", queue="line")
    def run() -> None: ...

    app.schedules.put("r", run.new(), Every(0.2))
    stranger = make_app(middleware=[Stamp()])
    stranger.task(name="other")(nothing)
    start_worker(stranger)
    until(lambda: app.schedules.get("r").last_job)
    record = app.client.store.read(jobs.get, str(app.schedules.get("r").last_job))
    assert record is not None
    assert record.ordering_key == ""


def nothing() -> None: ...


def test_what_cannot_be_fired_keeps_nothing_else_from_firing(
    make_app: MakeApp, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    stamp = Stamp()
    stamp.refuse = {"refused"}
    app = make_app(middleware=[stamp])
    ran = Event()

    @app.task(name="run")
    def run() -> None:
        ran.set()

    app.schedules.put("broken", run.new(), Every(60))
    app.schedules.put("refused", run.new(), Every(60))
    app.schedules.put("good", run.new(), Every(60))
    now = app.client.store.now()
    mars = '{"cron": "@daily", "tz": "Mars/Olympus"}'
    rewrite(app, "broken", spec=mars, next_at=now - 30 * SECOND)
    refused = rewrite(app, "refused", next_at=now - 20 * SECOND)
    rewrite(app, "good", next_at=now - 10 * SECOND)
    with caplog.at_level(logging.ERROR, "holdfast.worker"):
        start_worker(app)
        assert ran.wait(10)
        # They are told of once the transaction has committed, when the job may run already.
        for name in ("broken", "refused"):
            until(lambda name=name: f"schedule {name} can't be fired here" in caplog.text)
    assert app.schedules.get("refused").record == refused
    assert app.schedules.get("broken").describe() == mars
    # It is tried again, and nothing was lost meanwhile.
    stamp.refuse.clear()
    ran.clear()
    assert ran.wait(10)
    until(lambda: app.schedules.get("refused").last_job)


def test_many_workers_fire_each_tick_once(
    make_app: MakeApp, app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    apps = [app, make_app(), make_app()]
    for one in apps:

        @one.every(0.1, missed="all")
        @one.task(name="run")
        def run() -> None: ...

    for one in apps:
        start_worker(one)
    until(lambda: len(backend.execute("SELECT job FROM {}schedule_fires")) >= 15, 30)
    fires = backend.execute("SELECT at, job FROM {}schedule_fires ORDER BY at")
    assert len({job for _, job in fires}) == len({at for at, _ in fires}) == len(fires)


@pytest.mark.parity("S0.2")
def test_reschedule_by_cron_with_new_arguments(app: Holdfast, drain: Callable[..., Any]) -> None:
    cron = Cron("30 2 * * *", tz="Europe/Berlin")

    @app.task(name="again")
    def again(page: int) -> Reschedule:
        return Reschedule(cron, args={"page": page + 1})

    began = datetime.now(UTC)
    job = again.enqueue(1)
    drain()
    job.refresh()
    assert (job.state, job.args, job.attempt) == ("pending", {"page": 2}, 0)
    assert began + timedelta(seconds=1) < job.run_at
    assert job.run_at in (cron.next_run(began), cron.next_run(datetime.now(UTC)))


@pytest.mark.parity("S0.2")
def test_a_schedule_that_has_no_next_time_sends_the_job_to_the_dead_letters(
    app: Holdfast, drain: Callable[..., Any]
) -> None:
    class Never:
        def next_run(self, now: datetime) -> datetime:
            return Every(timedelta(days=36_500)).next_run(now.replace(year=9999))

    @app.task(name="again")
    def again() -> Reschedule:
        return Reschedule(Never())

    job = again.enqueue()
    drain()
    job.refresh()
    assert (job.state, job.reason) == ("failed", "error")
    assert job.last_error is not None
    assert "year 10000" in job.last_error.message


def test_an_idle_worker_asks_seldom(app: Holdfast, start_worker: StartWorker, monkeypatch: Any) -> None:
    asked: list[float] = []
    real = verbs.next_schedule

    def counted(but: Any = ()) -> Any:
        asked.append(time.monotonic())
        return real(but)

    monkeypatch.setattr("holdfast.worker.scheduler.next_schedule", counted)

    @app.every(3600)
    @app.task(name="run")
    def run() -> None: ...

    worker = start_worker()
    Event().wait(2.5)
    # Heartbeats are news that say nothing, on a file; then a look is a read of a few microseconds.
    if app.client.store.dialect == "postgres":
        assert len(asked) <= 2
    assert worker.stop()
