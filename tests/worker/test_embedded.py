"""Workers inside of other programs: on the loop of an asyncio application, and with middleware around runs."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from threading import get_ident
from typing import Any

import pytest

from holdfast import Holdfast, JobContext, Middleware
from holdfast.core.outcomes import Raised, Succeeded
from tests.worker.conftest import StartWorker


def test_an_async_worker_uses_the_callers_loop(app: Holdfast) -> None:
    tenant: ContextVar[str] = ContextVar("tenant")

    @app.task(name="on.loop")
    async def on_loop() -> list[Any]:
        await asyncio.sleep(0)
        return [id(asyncio.get_running_loop()), get_ident(), tenant.get()]

    @app.task(name="in.thread")
    def in_thread() -> int:
        return get_ident()

    async def main() -> None:
        tenant.set("x")
        async with app.aworker(threads=1):
            job = await on_loop.aenqueue()
            here = [id(asyncio.get_running_loop()), get_ident(), "x"]
            assert await job.aresult(timeout=10) == here
            other = await in_thread.aenqueue()
            assert await other.aresult(timeout=10) != get_ident()

    asyncio.run(main())


def test_leaving_an_async_worker_waits_for_its_jobs(app: Holdfast) -> None:
    ended: list[int] = []

    @app.task(name="sleeps")
    async def sleeps() -> None:
        began.set()
        await asyncio.sleep(0.1)
        ended.append(1)

    began = asyncio.Event()

    async def main() -> None:
        async with app.aworker():
            await sleeps.aenqueue()
            await began.wait()
        assert ended == [1]

    asyncio.run(main())


def test_cancelling_an_async_worker_gives_back(app: Holdfast) -> None:
    @app.task(name="sleeps")
    async def sleeps() -> None:
        began.set()
        await asyncio.sleep(60)

    began = asyncio.Event()

    async def main() -> None:
        async with app.aworker():
            await asyncio.sleep(60)

    async def around() -> Any:
        serving = asyncio.create_task(main())
        job = await sleeps.aenqueue()
        await began.wait()
        serving.cancel()  # leaves the block, which waits for the job
        await asyncio.sleep(0.1)
        assert not serving.done()
        serving.cancel()  # does not let it wait
        with pytest.raises(asyncio.CancelledError):
            await serving
        return job

    job = asyncio.run(around())
    assert (job.refresh().state, job.attempt) == ("pending", 0)


class Trail(Middleware):
    def __init__(self, name: str, trail: list[str]) -> None:
        self._name = name
        self._trail = trail

    async def process(self, ctx: JobContext, call_next: Any) -> Any:
        self._trail.append(f"{self._name} in")
        outcome = await call_next(ctx)
        self._trail.append(f"{self._name} {outcome.name}")
        return outcome


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_middleware_nests_and_sees_the_outcome(make_app: Any, start_worker: StartWorker, kind: str) -> None:
    trail: list[str] = []
    app = make_app(middleware=[Trail("app", trail)])
    app.queue("q", middleware=[Trail("queue", trail)])

    def fail() -> None:
        raise ValueError("no")

    async def afail() -> None:
        raise ValueError("no")

    options: dict[str, Any] = {
        "name": "t",
        "queue": "q",
        "max_attempts": 1,
        "middleware": [Trail("task", trail)],
    }
    task = app.task(**options)(fail if kind == "thread" else afail)
    job = task.enqueue()
    start_worker(app, burst=True).wait(20)
    assert trail == ["app in", "queue in", "task in", "task Raised", "queue Raised", "app Raised"]
    assert job.refresh().reason == "exhausted"


class Forgives(Middleware):
    """Awaits something real, around plain functions too."""

    needs_loop = True

    async def process(self, ctx: JobContext, call_next: Any) -> Any:
        await asyncio.sleep(0)
        outcome = await call_next(ctx)
        await asyncio.sleep(0)
        return Succeeded('"forgiven"') if isinstance(outcome, Raised) else outcome


def test_middleware_that_needs_a_loop_around_a_plain_function(
    make_app: Any, start_worker: StartWorker
) -> None:
    app = make_app(middleware=[Forgives()])
    threads: list[int] = []

    @app.task(name="fails", takes_context=True)
    def fails(ctx: JobContext, badly: bool) -> str:
        from holdfast import current_job

        assert current_job() is ctx
        threads.append(get_ident())
        if badly:
            raise ValueError("no")
        return "well"

    start_worker(app, threads=1)
    assert [fails.enqueue(badly).result(timeout=10) for badly in (True, False)] == ["forgiven", "well"]
    assert len(set(threads)) == 1


class Wrong(Middleware):
    async def process(self, ctx: JobContext, call_next: Any) -> Any:
        await call_next(ctx)
        return "not an outcome"


def test_a_middleware_that_returns_nonsense_is_named(make_app: Any, start_worker: StartWorker) -> None:
    app = make_app(middleware=[Wrong()], max_attempts=1)
    job = app.task(name="fine")(_nothing).enqueue()
    start_worker(app, burst=True).wait(20)
    assert job.refresh().reason == "exhausted"
    assert "returned 'not an outcome'" in str(job.last_error)


def _nothing() -> None:
    pass


class Rewrites(Middleware):
    async def process(self, ctx: JobContext, call_next: Any) -> Any:
        return await call_next(ctx.replace(args={"x": 5}, state="other"))


def test_a_middleware_may_change_what_the_handler_sees(make_app: Any, start_worker: StartWorker) -> None:
    app = make_app(middleware=[Rewrites()])

    @app.task(name="sees", takes_context=True)
    def sees(ctx: JobContext, x: int) -> list[Any]:
        return [x, ctx.state]

    job = sees.enqueue(1)
    start_worker(app, burst=True).wait(20)
    assert job.result(timeout=5) == [5, "other"]
