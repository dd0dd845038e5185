"""Middleware: its order and nesting, around enqueues one by one and in batches, and around runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    EnqueueNext,
    Holdfast,
    InvalidArguments,
    InvalidMiddleware,
    InvalidOption,
    Job,
    JobContext,
    JobExists,
    Middleware,
    NewJob,
    Outcome,
    ProcessNext,
    Retry,
    Snooze,
    Succeeded,
    SyncTask,
)
from holdfast.middleware.chain import compose_process, run_sync
from tests.client.conftest import MakeApp

Double = SyncTask[[int], int]


class Noting(Middleware):
    """Writes down what it sees."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.label = name
        self.log = log

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        self.log.append(f"{self.label} > {draft.args}")
        job = await call_next(draft)
        self.log.append(f"{self.label} < {job.args['number']}")
        return job

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        self.log.append(f"{self.label} >")
        outcome = await call_next(ctx)
        self.log.append(f"{self.label} < {type(outcome).__name__}")
        return outcome


class Doing(Middleware):
    """Does around an enqueue what a test wants."""

    def __init__(self, do: Callable[[NewJob, EnqueueNext], Any]) -> None:
        self.do = do

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        return await self.do(draft, call_next)  # type: ignore[no-any-return]


def declare(app: Holdfast, *middleware: Middleware, **options: Any) -> Double:
    def double(number: int) -> int:
        return 2 * number

    return app.task(name="double", middleware=middleware, **options)(double)  # type: ignore[call-overload,no-any-return]


# --- order ---------------------------------------------------------------------------------------------------


@pytest.mark.parity("S0.3")
def test_the_first_is_the_outermost_and_lists_nest(make_app: MakeApp) -> None:
    log: list[str] = []
    app = make_app(middleware=[Noting("app 1", log), Noting("app 2", log)])
    app.queue("numbers", middleware=[Noting("queue", log)])
    double = declare(app, Noting("task", log), queue="numbers")
    double.enqueue(1)
    names = ["app 1", "app 2", "queue", "task"]
    assert log == [f'{name} > {{"number":1}}' for name in names] + [f"{name} < 1" for name in reversed(names)]
    log.clear()
    double.using(queue="other").enqueue(1)
    assert [line.split(" >")[0] for line in log[:3]] == ["app 1", "app 2", "task"]
    log.clear()
    app.enqueue("unknown", {"number": 1}, declare=True, queue="numbers")
    assert [line.split(" >")[0] for line in log[:3]] == ["app 1", "app 2", "queue"]


def test_a_batch_goes_in_together_and_comes_out_together(make_app: MakeApp) -> None:
    log: list[str] = []
    app = make_app(middleware=[Noting("a", log)])
    double = declare(app, Noting("b", log))

    async def see(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        job = await call_next(draft)
        # One insert has served all of the batch before the first goes on.
        log.append(f"stored {len(app.jobs.list())}")
        return job

    seen = app.task(name="seen", middleware=[Doing(see)])(lambda number: None)
    jobs = app.enqueue_many([double.new(1), seen.new(2), double.new(3)])
    assert [job.args["number"] for job in jobs] == [1, 2, 3]
    assert log == [
        'a > {"number":1}', 'b > {"number":1}', 'a > {"number":2}', 'a > {"number":3}', 'b > {"number":3}',
        "b < 1", "a < 1", "stored 3", "a < 2", "b < 3", "a < 3",
    ]  # fmt: skip


def test_jobs_with_and_without_middleware_in_one_batch(app: Holdfast) -> None:
    log: list[str] = []
    double = declare(app, Noting("a", log))
    bare = app.task(name="bare")(lambda number: None)
    jobs = app.enqueue_many([bare.new(1), double.new(2), bare.new(3)])
    assert [(job.task, job.args["number"]) for job in jobs] == [("bare", 1), ("double", 2), ("bare", 3)]
    assert log == ['a > {"number":2}', "a < 2"]


def test_from_async_code(make_app: MakeApp) -> None:
    log: list[str] = []
    app = make_app(middleware=[Noting("a", log)])
    double = declare(app)

    async def main() -> None:
        await double.aenqueue(1)
        await app.aenqueue_many([double.new(2), double.new(3)])

    asyncio.run(main())
    assert log == [
        'a > {"number":1}', "a < 1", 'a > {"number":2}', 'a > {"number":3}', "a < 2", "a < 3",
    ]  # fmt: skip


# --- changing ------------------------------------------------------------------------------------------------


def test_a_changed_copy_is_what_is_stored(app: Holdfast) -> None:
    async def change(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        draft.meta["seen"] = True
        return await call_next(draft.replace(priority=9, queue="slow", args='{"number":7}'))

    job = declare(app, Doing(change)).using(meta={"a": 1}).enqueue(1)
    found = app.jobs.get(job.id)
    for one in (job, found):
        assert (one.priority, one.queue, one.args, one.meta) == (
            9,
            "slow",
            {"number": 7},
            {"a": 1, "seen": True},
        )


def test_metadata_is_not_shared_between_jobs(app: Holdfast) -> None:
    async def count(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        draft.meta["n"] = draft.meta.get("n", 0) + 1
        return await call_next(draft)

    double = declare(app, Doing(count))
    bound = double.using(meta={"a": 1})
    assert [double.enqueue(1).meta for _ in range(2)] == [{"n": 1}] * 2
    assert [bound.enqueue(1).meta for _ in range(2)] == [{"a": 1, "n": 1}] * 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"priority": 101}, InvalidOption, "from -100 to 100"),
        ({"queue": ""}, InvalidOption, "name of a queue"),
        ({"job_id": "x"}, InvalidOption, "not a job id"),
        ({"run_at": 1, "delay": 1}, InvalidOption, "set one of them to None"),
        ({"args": '{"number":"x"}'}, InvalidArguments, "number"),
        ({"args": "{"}, InvalidArguments, "double"),
        ({"meta": {"a": object()}}, InvalidArguments, "meta"),
    ],
)
def test_a_changed_copy_is_checked(
    app: Holdfast, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    told: list[BaseException] = []

    async def change(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        try:
            return await call_next(draft.replace(**changes))
        except Exception as found:
            told.append(found)
            raise

    double = declare(app, Doing(change))
    with pytest.raises(error, match=message) as raised:
        double.enqueue(1)
    assert told == [raised.value]
    assert app.jobs.list() == []


# --- refusing ------------------------------------------------------------------------------------------------


def test_what_is_raised_before_call_next_stores_nothing(app: Holdfast) -> None:
    closed: list[str] = []

    async def refuse(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        if draft.args == '{"number":2}':
            raise PermissionError("no")
        try:
            return await call_next(draft)
        finally:
            closed.append(draft.args)

    double = declare(app, Doing(refuse))
    with pytest.raises(PermissionError, match="no"):
        app.enqueue_many(double.new(number) for number in range(4))
    assert app.jobs.list() == []
    assert closed == ['{"number":0}', '{"number":1}']


def test_a_job_may_be_answered_without_storing_one(app: Holdfast) -> None:
    first = app.enqueue("first", declare=True)

    async def known(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        return first if draft.args == '{"number":1}' else await call_next(draft)

    double = declare(app, Doing(known))
    assert double.enqueue(1) is first
    jobs = app.enqueue_many([double.new(1), double.new(2)])
    assert jobs[0] is first
    assert len(app.jobs.list()) == 2
    assert app.enqueue_many([double.new(1)]) == [first]


def test_the_error_of_the_insert_is_told_to_every_chain(app: Holdfast) -> None:
    told: list[str] = []

    async def hear(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        try:
            return await call_next(draft)
        except JobExists:
            told.append(draft.args)
            raise

    double = declare(app, Doing(hear))
    job = app.enqueue("other", declare=True)
    with pytest.raises(JobExists):
        app.enqueue_many([double.new(1), double.using(id=job.id).new(2)])
    assert told == ['{"number":1}', '{"number":2}']

    async def main() -> None:
        with pytest.raises(JobExists):
            await double.using(id=job.id).aenqueue(3)

    asyncio.run(main())
    assert told[2:] == ['{"number":3}']
    assert app.jobs.list() == [job]


def test_an_error_may_be_turned_into_a_job(app: Holdfast) -> None:
    first = app.enqueue("first", declare=True)

    async def swallow(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        try:
            return await call_next(draft)
        except JobExists:
            return app.jobs.get(draft.id)

    assert declare(app, Doing(swallow)).using(id=first.id).enqueue(1) == first


def test_what_is_raised_after_call_next_comes_after_the_job_is_stored(app: Holdfast) -> None:
    done: list[str] = []

    async def complain(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        await call_next(draft)
        done.append(draft.args)
        raise RuntimeError(f"after {draft.args}")

    double = declare(app, Doing(complain))
    with pytest.raises(RuntimeError, match=r'after {"number":1}'):
        app.enqueue_many([double.new(1), double.new(2)])
    assert len(done) == len(app.jobs.list()) == 2


# --- awaiting what can't be awaited --------------------------------------------------------------------------


async def sleep(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
    await asyncio.sleep(0.01)
    return await call_next(draft)


async def let_others_run(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
    await asyncio.sleep(0)
    return await call_next(draft)


async def sleep_afterwards(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
    job = await call_next(draft)
    await asyncio.sleep(0)
    return job


async def call_twice(draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
    await call_next(draft)
    return await call_next(draft.replace(priority=1))


async def forget_the_return(draft: NewJob, call_next: EnqueueNext) -> Any:
    await call_next(draft)


async def pass_on_nothing(draft: NewJob, call_next: EnqueueNext) -> Any:
    return await call_next(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("do", "message", "stored"),
    [
        (sleep, r"Doing awaited something", 0),
        (let_others_run, r"Doing awaited something other than call_next at an enqueue", 0),
        (sleep_afterwards, r"Doing awaited something other than call_next at an enqueue", 1),
        (
            call_twice,
            r"call_next was called twice at one enqueue, and the first call stands: see \S+Doing$",
            1,
        ),
        (forget_the_return, r"enqueue returned None; it must return the job", 1),
        (pass_on_nothing, r"passed None to call_next", 0),
    ],
)
def test_misuse_is_named(app: Holdfast, do: Any, message: str, stored: int) -> None:
    double = declare(app, Doing(do))

    async def main() -> None:
        await double.aenqueue(1)

    calls = (
        lambda: double.enqueue(1),
        lambda: app.enqueue_many([double.new(1)]),
        lambda: asyncio.run(main()),
    )
    for call in calls:
        with pytest.raises(InvalidMiddleware, match=message):
            call()
    assert len(app.jobs.list()) == stored * len(calls)


@pytest.mark.parametrize("do", [sleep, let_others_run])
def test_the_one_that_awaits_is_named_among_others(app: Holdfast, do: Any) -> None:
    log: list[str] = []
    double = declare(app, Noting("outer", log), Doing(do), Noting("inner", log))
    with pytest.raises(InvalidMiddleware, match=r"^\S+Doing awaited"):
        double.enqueue(1)
    assert log == ['outer > {"number":1}']


def test_a_method_that_is_not_async(app: Holdfast) -> None:
    class Plain(Middleware):
        def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Any:
            return draft

    with pytest.raises(InvalidMiddleware, match="write it as async def"):
        declare(app, Plain()).enqueue(1)


def test_within_a_transaction_of_the_callers(app: Holdfast, tmp_path: Path) -> None:
    log: list[str] = []
    double = declare(app, Noting("a", log))
    app.migrate()
    connection = sqlite3.connect(tmp_path / "jobs.db")
    connection.execute("BEGIN IMMEDIATE")
    app.enqueue_many([double.new(1), double.new(2)], tx=connection)
    double.using(tx=connection).enqueue(3)
    connection.rollback()
    connection.close()
    assert (len(log), app.jobs.list()) == (6, [])


# --- around runs ---------------------------------------------------------------------------------------------


class Turning(Middleware):
    """Makes another outcome."""

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        outcome = await call_next(ctx)
        return Snooze.__new__(Snooze) if isinstance(outcome, Retry) else outcome


class Waiting(Middleware):
    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        await asyncio.sleep(0)
        return await call_next(ctx)


async def innermost(ctx: JobContext) -> Outcome:
    return Retry()


def test_a_run_is_driven_with_a_loop_and_without(app: Holdfast) -> None:
    log: list[str] = []
    ctx: Any = object()
    call = compose_process([Noting("a", log), Turning(), Noting("b", log)], innermost)
    assert isinstance(run_sync(call(ctx)), Snooze)
    assert isinstance(asyncio.run(_run(call, ctx)), Snooze)
    assert log == ["a >", "b >", "b < Retry", "a < Snooze"] * 2


async def _run(call: ProcessNext, ctx: JobContext) -> Outcome:
    return await call(ctx)


@pytest.mark.parametrize("seconds", [0, 0.001])
def test_waiting_is_for_the_loop(seconds: float) -> None:
    class Patient(Middleware):
        async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
            await asyncio.sleep(seconds)
            return await call_next(ctx)

    ctx: Any = object()
    log: list[str] = []
    call = compose_process([Noting("a", log), Patient(), Noting("b", log)], innermost)
    with pytest.raises(InvalidMiddleware, match=r"Patient awaited something"):
        run_sync(call(ctx))
    assert isinstance(asyncio.run(_run(call, ctx)), Retry)


def test_what_the_registry_gives_the_worker(make_app: MakeApp) -> None:
    log: list[str] = []
    outer, turning, only_enqueue = Noting("a", log), Turning(), Doing(sleep)
    app = make_app(middleware=[outer, only_enqueue])
    app.queue("numbers", middleware=[turning])
    double = declare(app, Noting("b", log), queue="numbers")
    registry = app.client.registry
    assert registry.process_middleware(double, "numbers")[:2] == (outer, turning)
    assert len(registry.process_middleware(double, "numbers")) == 3
    assert registry.process_middleware(None, "other") == (outer,)


def test_the_innermost_is_used_as_it_is_where_there_is_no_middleware() -> None:
    assert compose_process([], innermost) is innermost
    assert isinstance(Succeeded("1", 1), Outcome)
