"""The handler system on PostgreSQL: outcomes, reschedules, unknown types, handlers, enqueues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from holdfast import (
    After,
    Holdfast,
    JobContext,
    JobExists,
    JobState,
    MoveToDlq,
    Reason,
    Reschedule,
    Retry,
    TaskHandler,
    TaskRouter,
    UnknownTask,
)
from tests.worker.conftest import Ear, MakeApp, StartWorker

HOUR = timedelta(hours=1)
Drain = Callable[..., Any]


@pytest.mark.parity("S0.1")
@pytest.mark.parametrize("raised", [False, True], ids=["returned", "raised"])
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_every_result_of_a_run(app: Holdfast, drain: Drain, kind: str, raised: bool) -> None:
    decided: dict[str, Any] = {
        "retry": Retry(HOUR, cause=ValueError("busy")),
        "dlq": MoveToDlq("no such customer"),
        "reschedule": Reschedule(After(HOUR)),
    }

    def work(what: str) -> Any:
        outcome = decided.get(what)
        if outcome is not None and raised:
            raise outcome
        return outcome or what

    async def awork(what: str) -> Any:
        return work(what)

    task: Any = app.task(name="work")(awork if kind == "async" else work)
    jobs = {what: task.enqueue(what) for what in ("plain", *decided)}
    before = datetime.now(UTC)
    drain()
    found = {what: app.jobs.get(job.id) for what, job in jobs.items()}
    assert (found["plain"].state, found["plain"].kept_result) == (JobState.SUCCEEDED, "plain")
    assert (found["dlq"].state, found["dlq"].reason) == (JobState.FAILED, Reason.ERROR)
    assert found["dlq"].last_error is not None
    assert "no such customer" in found["dlq"].last_error.message
    for what, attempt in (("retry", 1), ("reschedule", 0)):
        job = found[what]
        assert (job.state, job.attempt, job.run) == (JobState.PENDING, attempt, 1)
        assert HOUR - timedelta(minutes=1) < job.run_at - before < HOUR + timedelta(minutes=1)
    assert found["retry"].last_error is not None
    assert (found["retry"].last_error.type, found["retry"].last_error.message) == ("ValueError", "busy")
    assert found["reschedule"].errors == []


class Noon:
    """A schedule of the user's own."""

    def next_run(self, now: datetime) -> datetime:
        return datetime(2099, 6, 1, 12, tzinfo=UTC)


class Broken:
    def next_run(self, now: datetime) -> datetime:
        raise LookupError("no calendar")


class Naive:
    def next_run(self, now: datetime) -> datetime:
        return datetime(2099, 6, 1, 12)  # noqa: DTZ001


@pytest.mark.parity("S0.2")
def test_reschedules(app: Holdfast, drain: Drain) -> None:
    """After a time or by any object with `next_run`; with or without new arguments, which replace the whole object."""
    plans: list[tuple[str, Reschedule]] = [
        ("kept", Reschedule(Noon())),
        ("replaced", Reschedule(Noon(), args={"plan": "other"})),
        ("broken", Reschedule(Broken())),
        ("naive", Reschedule(Naive())),
        ("misfit", Reschedule(After(HOUR), args={"paln": "other"})),
        ("mistyped", Reschedule(After(HOUR), args={"plan": 7})),
    ]
    outcomes = dict(plans)

    @app.task(name="planned")
    def planned(plan: str, size: int = 1) -> Any:
        return outcomes[plan]

    jobs = {plan: planned.enqueue(plan, size=5) for plan, _ in plans}
    drain()
    found = {plan: app.jobs.get(job.id) for plan, job in jobs.items()}
    for plan, args in (("kept", {"plan": "kept", "size": 5}), ("replaced", {"plan": "other"})):
        job = found[plan]
        assert (job.state, job.run_at) == (JobState.PENDING, datetime(2099, 6, 1, 12, tzinfo=UTC))
        assert (job.args, job.attempt, job.errors) == (args, 0, [])
    for plan, message in (
        ("broken", "no calendar"),
        ("naive", "time zone"),
        ("misfit", "new arguments don't fit"),
        ("mistyped", "new arguments don't fit"),
    ):
        job = found[plan]
        assert (job.state, job.reason, job.args) == (JobState.FAILED, Reason.ERROR, {"plan": plan, "size": 5})
        assert job.last_error is not None
        assert message in job.last_error.message, plan


@pytest.mark.parity("S0.2")
def test_a_rescheduled_job_runs_again_with_all_its_attempts(app: Holdfast, drain: Drain) -> None:
    seen: list[tuple[int, int]] = []

    @app.task(name="page", takes_context=True, max_attempts=1)
    def page(ctx: JobContext, number: int) -> Any:
        seen.append((number, ctx.attempt))
        return Reschedule(After(timedelta(0)), args={"number": number + 1}) if number < 3 else number

    job = page.enqueue(1)
    drain()
    assert seen == [(1, 1), (2, 1), (3, 1)]
    assert job.result(1) == 3


@pytest.mark.parity("S0.7")
def test_jobs_go_to_the_handler_of_their_type(app: Holdfast, drain: Drain) -> None:
    router, other = TaskRouter(), TaskRouter()

    @router.task(name="a")
    def a() -> str:
        return "by a"

    @other.task(name="b")
    def b() -> str:
        return "by b"

    app.include(router)
    app.include(other)
    jobs = [app.enqueue("b"), app.enqueue("a")]
    drain()
    assert [job.result(1) for job in jobs] == ["by b", "by a"]


@pytest.mark.parity("S0.7")
def test_an_unknown_type_waits_uncharged_then_is_a_dead_letter(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker, ear: Ear
) -> None:
    @app.task(name="known")
    def known() -> None: ...

    with pytest.raises(UnknownTask):
        app.enqueue("new")
    job = app.enqueue("new", {"a": 1}, declare=True)
    first = start_worker(cleanup_interval=0.05)
    known.enqueue().result(10)
    first.stop()
    waiting = app.jobs.get(job.id)
    assert (waiting.state, waiting.attempt, waiting.errors) == (JobState.PENDING, 0, [])

    second = start_worker(cleanup_interval=0.05, unknown_task_grace=0.2)
    with pytest.raises(Exception, match="unknown_task"):
        job.result(20)
    found = app.jobs.get(job.id)
    assert (found.state, found.reason, found.attempt) == (JobState.FAILED, Reason.UNKNOWN_TASK, 0)
    assert found.args == {"a": 1}, "it is kept"
    second.stop()

    later = make_app()
    later.task(name="new")(lambda a: a)
    assert app.jobs.retry(job.id)
    assert later.run_one(tasks=["new"]) == job


class Order(msgspec.Struct):
    number: int


class Ship(TaskHandler[Order, int]):
    """A handler object."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def run(self, args: Order, ctx: JobContext) -> int:
        self.seen.append(ctx.attempt)
        return args.number * 2


@pytest.mark.parity("S0.8")
def test_a_handler_object_and_a_plain_function(app: Holdfast, drain: Drain) -> None:
    ship = Ship()
    by_object = app.add(ship, name="ship", max_attempts=3)

    @app.task(name="plain")
    def plain(order: Order) -> int:
        return order.number * 3

    jobs = [by_object.enqueue(Order(2)), plain.enqueue(Order(2))]
    drain()
    assert [job.result(1) for job in jobs] == [4, 6]
    assert ship.seen == [1]


@pytest.mark.parity("S0.9")
def test_an_enqueue_with_all_it_may_say(app: Holdfast) -> None:
    @app.task(name="mail.send")
    def send(to: str) -> None: ...

    own = uuid4()
    before = datetime.now(UTC)
    app.enqueue("mail.send", {"to": "a"}, id=own, queue="slow", delay=HOUR, meta={"tenant": "x"})
    job = app.jobs.get(own)
    assert (job.id, job.queue, job.task, job.args, job.meta) == (
        own,
        "slow",
        "mail.send",
        {"to": "a"},
        {"tenant": "x"},
    )
    assert HOUR - timedelta(minutes=1) < job.run_at - before < HOUR + timedelta(minutes=1)


@pytest.mark.parity("S0.9")
def test_an_existing_id_is_refused_in_every_state(app: Holdfast, drain: Drain) -> None:
    @app.task(name="t")
    def t(n: int) -> int:
        return n

    job = t.using(id=UUID(int=7 << 64 | 2 << 62)).enqueue(1)
    for _ in range(2):  # waiting, then ended
        with pytest.raises(JobExists, match="nothing was enqueued"):
            t.using(id=job.id).enqueue(2)
        with pytest.raises(JobExists):
            app.enqueue_many([t.new(3), t.using(id=job.id).new(2)])
        with pytest.raises(JobExists):
            asyncio.run(t.using(id=job.id).aenqueue(2))
        drain()
    assert job.result(1) == 1
    assert len(app.jobs.list()) == 1


@pytest.mark.parity("S0.9")
def test_a_bulk_is_one_insert(app: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.store.statement import Many
    from holdfast.store.verbs.insert import insert

    @app.task(name="t")
    def t(n: int) -> None: ...

    writes: list[Any] = []
    store = app.client.store
    real = store.write

    def write(verb: Any, *args: Any, **kwargs: Any) -> Any:
        writes.append((verb, args))
        return real(verb, *args, **kwargs)

    monkeypatch.setattr(store, "write", write)
    jobs = app.enqueue_many(t.new(n) for n in range(500))
    ((verb, args),) = writes
    assert verb is insert
    steps = insert(*args)
    first = next(steps)
    assert isinstance(first, Many)
    assert (first.name, len(first.rows)) == ("insert_jobs", 500)
    assert [job.args["n"] for job in app.jobs.list(limit=500)] == list(reversed(range(500)))
    assert len({job.created_at for job in app.jobs.list(limit=500)}) == 1
    assert len(jobs) == 500
