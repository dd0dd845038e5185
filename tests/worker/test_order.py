"""FIFO queues and ordering keys as an application sees them: real workers, several at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import closing
from datetime import timedelta
from threading import Event, Lock
from typing import Any

import pytest

from holdfast import Constant, Fail, Holdfast, JobContext, JobState, Reschedule, Retry, Snooze, TaskRouter
from holdfast.core.errors import InvalidOption
from holdfast.core.outcomes import After
from tests.conformance.backends import Backend
from tests.conformance.scene import until
from tests.worker.conftest import Ear, MakeApp, StartWorker


class Track:
    """What ran, when: begin and end of each run in the order in which they happened."""

    def __init__(self) -> None:
        self.ran: dict[str, list[int]] = defaultdict(list)
        self.overlaps: list[str] = []
        self._inside: set[str] = set()
        self._lock = Lock()

    def enter(self, key: str, n: int) -> None:
        with self._lock:
            if key in self._inside:
                self.overlaps.append(f"{key}: {n}")
            self._inside.add(key)
            self.ran[key].append(n)

    def leave(self, key: str) -> None:
        with self._lock:
            self._inside.discard(key)


def tracked(app: Holdfast, track: Track, **options: Any) -> Any:
    @app.task(name="step", retry=Constant(timedelta(milliseconds=5)), **options)
    async def step(key: str, n: int) -> None:
        track.enter(key, n)
        await asyncio.sleep(0)
        track.leave(key)

    return step


@pytest.mark.parity("S2.5")
def test_a_fifo_queue_runs_one_job_at_a_time_in_order(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    track = Track()
    apps = [make_app() for _ in range(2)]
    steps = []
    for app in apps:
        app.queue("line", fifo=True)
        steps.append(tracked(app, track, queue="line"))
    for app in apps:
        start_worker(app, poll_interval=0.2)
    apps[0].enqueue_many(steps[0].new("line", n) for n in range(60))
    for n in range(60, 80):
        steps[n % 2].enqueue("line", n)
    ear.until(lambda ear: len(ear.settlements) == 80)
    assert track.overlaps == []
    assert track.ran["line"] == list(range(80))


@pytest.mark.parity("S2.5", "F10")
def test_failing_heads_hold_a_fifo_queue_only_as_long_as_they_live(
    app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    ran: list[str] = []
    app.queue("line", fifo=True)

    @app.task(queue="line", max_attempts=2, retry=Constant(timedelta(milliseconds=30)), takes_context=True)
    def step(ctx: JobContext, what: str) -> Any:
        ran.append(what)
        match what, ctx.run:
            case "error", _:
                raise ValueError(what)
            case "fail", _:
                raise Fail(what)
            case "retry", 1:
                raise Retry(timedelta(milliseconds=30))
            case "snooze", 1:
                raise Snooze(timedelta(milliseconds=30))
            case "reschedule", 1:
                return Reschedule(After(timedelta(milliseconds=1)))
            case "exit", _:
                raise SystemExit(3)
            case _:
                return None

    jobs = app.enqueue_many(step.new(what) for what in ("error", "fail", "retry", "snooze", "exit", "plain"))
    undecodable = app.enqueue("elsewhere.step", {"x": 1}, declare=True, queue="line")
    last = step.enqueue("last")
    # What was stored no longer fits: as after a release that changed the signature.
    for table in ("jobs", "blocked"):
        backend.execute(f"UPDATE {{}}{table} SET task = ? WHERE id = ?", step.name, str(undecodable.id))
    start_worker(poll_interval=0.2)
    assert last.result(timeout=20) is None
    assert ran == [
        "error", "error", "fail", "retry", "retry", "snooze", "snooze", "exit", "plain", "last",
    ]  # fmt: skip
    states = [app.jobs.get(job.id).state for job in (*jobs, undecodable)]
    assert states == [*(JobState.FAILED,) * 2, *(JobState.SUCCEEDED,) * 2, JobState.FAILED, JobState.SUCCEEDED,
                      JobState.FAILED]  # fmt: skip


@pytest.mark.parity("S2.5")
def test_no_transaction_is_open_while_the_head_runs(
    app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    app.queue("line", fifo=True)
    begun, go_on = Event(), Event()

    @app.task(queue="line")
    def hold() -> None:
        begun.set()
        assert go_on.wait(20)

    first, second = app.enqueue_many([hold.new(), hold.new()])
    start_worker()
    assert begun.wait(20)
    if backend.dialect == "postgres":
        # Others of the worker's threads have short ones now and then; one of the head's would be open all the time.
        until(
            lambda: (
                backend.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
                )
                == [(0,)]
            )
        )
    # Others can write, and take jobs from the line, as long as the head runs.
    third = hold.enqueue()
    assert app.jobs.cancel(second.id)
    go_on.set()
    third.result(timeout=20)
    assert first.refresh().state is JobState.SUCCEEDED


@pytest.mark.parity("S2.5")
def test_priorities_and_keys_are_refused_in_a_fifo_queue(app: Holdfast) -> None:
    app.queue("line", fifo=True)

    @app.task(queue="line")
    def plain() -> None: ...

    @app.task(queue="line", priority=5)
    def urgent() -> None: ...

    for using in (lambda: plain.using(priority=3).enqueue(), urgent.enqueue):
        with pytest.raises(InvalidOption, match="FIFO queue, which has no priorities"):
            using()
    with pytest.raises(InvalidOption, match="in order as a whole"):
        plain.using(ordering_key="a").enqueue()
    with pytest.raises(InvalidOption, match="no priorities"):
        app.enqueue_many([plain.new(), urgent.new()])
    with pytest.raises(InvalidOption, match="no priorities"):
        app.queue("other", fifo=True, priority=1)
    assert app.jobs.list() == []


@pytest.mark.parametrize("key", ["", "x" * 256, "a\0b", 5, None])
def test_keys_that_cannot_be_are_refused(app: Holdfast, key: Any) -> None:
    @app.task
    def plain() -> None: ...

    if key is None:
        assert plain.using(ordering_key=None).enqueue().ordering_key is None
        return
    with pytest.raises(InvalidOption, match="ordering_key"):
        plain.using(ordering_key=key)


def test_keys_run_side_by_side_each_in_order(make_app: MakeApp, start_worker: StartWorker, ear: Ear) -> None:
    track = Track()
    apps = [make_app() for _ in range(2)]
    steps = [tracked(app, track) for app in apps]
    for app in apps:
        start_worker(app, poll_interval=0.2)
    keys = [f"k{n}" for n in range(20)]
    for n in range(15):
        apps[n % 2].enqueue_many(steps[n % 2].using(ordering_key=key).new(key, n) for key in keys)
    ear.until(lambda ear: len(ear.settlements) == 300)
    assert track.overlaps == []
    assert dict(track.ran) == {key: list(range(15)) for key in keys}


def test_a_burst_runs_whole_lines(app: Holdfast) -> None:
    app.queue("line", fifo=True)
    ran: list[int] = []

    @app.task(queue="line")
    async def step(n: int) -> None:
        ran.append(n)

    app.enqueue_many(step.new(n) for n in range(30))
    app.run_worker(burst=True)
    assert ran == list(range(30))


def test_a_job_of_a_key_that_becomes_due_waits_for_no_poll(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task
    async def step() -> None: ...

    start_worker(poll_interval=60)
    job = step.using(ordering_key="a", delay=timedelta(milliseconds=400)).enqueue()
    assert job.state is JobState.BLOCKED
    job.result(timeout=25)


def test_a_program_that_does_not_know_of_the_order_still_gets_it(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    track = Track()
    app, other = make_app(), make_app()
    app.queue("line", fifo=True)
    step = tracked(app, track, queue="line")
    for n in range(10):
        other.enqueue(step.name, {"key": "line", "n": n}, declare=True, queue="line")
    start_worker(app)
    ear.until(lambda ear: len(ear.settlements) == 10)
    assert (track.overlaps, track.ran["line"]) == ([], list(range(10)))


def test_an_open_transaction_of_a_callers_holds_up_no_other_line(
    app: Holdfast, start_worker: StartWorker, backend: Backend
) -> None:
    """On SQLite an open write transaction holds up everybody, by its nature."""
    if backend.dialect == "sqlite":
        pytest.skip("one writer at a time")
    import psycopg

    ran: list[str] = []

    @app.task
    def step(key: str) -> None:
        ran.append(key)

    first = [step.using(ordering_key=key, delay=timedelta(hours=1)).enqueue(key) for key in ("a", "b")]
    del first
    held = step.using(ordering_key="a").enqueue("a1")
    with psycopg.connect(backend.url) as connection:  # type: ignore[attr-defined]
        # The head of key a is about to be cancelled, and is not yet; a new job of key c isn't committed.
        app.jobs.cancel(held.id, tx=connection)
        step.using(ordering_key="c", tx=connection).enqueue("c1")
        start_worker(poll_interval=0.1)
        after = step.using(ordering_key="a").enqueue("a2")
        others = [step.using(ordering_key="b").enqueue(f"b{n}") for n in range(5)]
        for job in others:
            job.result(timeout=10)
        assert app.jobs.status(after.id) is JobState.BLOCKED, "it would overtake, were the cancel rolled back"
        connection.rollback()
    after.result(timeout=10)
    assert [key for key in ran if key.startswith("a")] == ["a1", "a2"]
    assert "c1" not in ran


def test_routers_and_contexts_know_the_key(app: Holdfast, start_worker: StartWorker) -> None:
    router = TaskRouter()

    @router.task(takes_context=True)
    def look(ctx: JobContext) -> str | None:
        return ctx.job.ordering_key

    app.include(router)
    start_worker()
    job = look.using(ordering_key="a").enqueue()
    assert (job.ordering_key, job.result(timeout=20)) == ("a", "a")
    with closing(Holdfast(app.url)) as other:
        assert other.jobs.get(job.id).ordering_key == "a"


@pytest.mark.parity("S2.5")
def test_a_queue_becomes_a_fifo_queue_with_what_waits_in_it(
    make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    track = Track()
    old, new = make_app(), make_app()
    new.queue("line", fifo=True)
    step_before, step = tracked(old, Track(), queue="line"), tracked(new, track, queue="line")
    for n in range(4):
        step_before.enqueue("line", n)
    step_before.using(ordering_key="own").enqueue("line", 4)
    for n in (5, 6):
        step.enqueue("line", n)
    start_worker(new)
    ear.until(lambda ear: len(ear.settlements) == 7)
    assert (track.overlaps, track.ran["line"]) == ([], list(range(7)))
