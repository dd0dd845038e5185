"""`capture_result`: results kept by code below the handler."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from holdfast import (
    Cancel,
    Constant,
    Holdfast,
    InvalidResult,
    JobContext,
    JobFailed,
    JobState,
    Middleware,
    Outcome,
    Retry,
    capture_result,
    capturing,
)
from holdfast.middleware.base import ProcessNext
from tests.parity.tasks import router, weigh
from tests.worker.conftest import StartWorker

pytestmark = pytest.mark.parity("S3.4")


def deep_below(value: Any) -> None:
    capture_result(value)


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_captured_result_is_the_jobs_unless_the_handler_returns_one(
    app: Holdfast, drain: Any, kind: str
) -> None:
    async def aquiet() -> None:
        deep_below("first")
        await asyncio.to_thread(deep_below, {"n": 2})

    def quiet() -> None:
        deep_below("first")
        deep_below({"n": 2})

    async def aspeaks() -> str:
        deep_below("captured")
        return "returned"

    def speaks() -> str:
        deep_below("captured")
        return "returned"

    first = app.task(name="quiet")(aquiet if kind == "async" else quiet).enqueue()
    second = app.task(name="speaks")(aspeaks if kind == "async" else speaks).enqueue()
    drain()
    assert first.result(1) == {"n": 2}
    assert second.result(1) == "returned"
    assert app.jobs.get(first.id).kept_result == {"n": 2}
    assert app.jobs.get(first.id).to_dict()["result"] == {"n": 2}


def test_one_captured_is_kept_with_a_failed_run(app: Holdfast, drain: Any) -> None:
    @app.task(name="fails", max_attempts=2, retry=Constant(timedelta(microseconds=1)), takes_context=True)
    def fails(ctx: Any) -> None:
        capture_result({"run": ctx.run})
        raise ValueError("after that")

    @app.task(name="cancels")
    def cancels() -> None:
        capture_result("so far")
        raise Cancel("enough")

    failed, cancelled = fails.enqueue(), cancels.enqueue()
    drain()
    with pytest.raises(JobFailed, match="after that"):
        failed.result(1)
    assert failed.refresh().kept_result == {"run": 2}, "the last run's"
    assert cancelled.refresh().kept_result == "so far"
    assert app.jobs.retry(failed.id)
    assert failed.refresh().kept_result is None


def test_a_run_that_goes_on_keeps_nothing_for_the_next(app: Holdfast, drain: Any) -> None:
    @app.task(name="t", takes_context=True)
    def t(ctx: Any) -> None:
        if ctx.run == 1:
            capture_result("first")
            raise Retry(timedelta(0))

    job = t.enqueue()
    drain()
    assert job.result(1) is None


def test_in_process_handlers(app: Holdfast, drain: Any) -> None:
    app.include(router)
    good, bad = weigh.enqueue(5), weigh.enqueue(0)
    drain()
    assert good.result(1) == {"grams": 5}
    with pytest.raises(JobFailed, match="nothing to weigh"):
        bad.result(1)
    assert bad.refresh().kept_result == {"grams": 0}


def test_what_can_not_be_kept_is_an_error_where_it_is_captured(app: Holdfast, drain: Any) -> None:
    found: list[str] = []

    @app.task(name="typed")
    def typed() -> list[int]:
        for value in (["no number"], object()):
            try:
                capture_result(value)
            except InvalidResult as error:
                found.append(str(error))
        capture_result([7])
        return None  # type: ignore[return-value]

    job = typed.enqueue()
    drain()
    assert len(found) == 2
    assert "[0]" in found[0]
    assert job.result(1) == [7]


def test_outside_of_a_run_it_does_nothing() -> None:
    capture_result(object())


def test_capturing_in_tests_and_around_embedded_code(app: Holdfast, start_worker: StartWorker) -> None:
    with capturing() as outer:
        assert not outer.captured
        with capturing() as inner:
            deep_below(1)
        deep_below(2)
        deep_below(3)
    deep_below(4)
    assert (inner.captured, inner.value, outer.value) == (True, 1, 3)

    @app.task(name="embeds")
    async def embeds() -> None:
        with capturing() as rc:
            deep_below("not the job's")
        capture_result([rc.value])

    async def main() -> None:
        with capturing() as around:
            async with app.aworker():
                job = await embeds.aenqueue()
                assert await job.aresult(10) == ["not the job's"]
            assert not around.captured, "the runs of a worker are no part of it"
        assert job.refresh().state is JobState.SUCCEEDED

    asyncio.run(main())


def test_within_a_middleware_that_replaces_the_context(app: Holdfast) -> None:
    class Replace(Middleware):
        async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
            return await call_next(ctx.replace(meta={"seen": True}))

    @app.task(name="deep", middleware=[Replace()])
    def deep() -> None:
        capture_result(7)

    job = deep.enqueue()
    assert app.run_one() == job
    assert job.result(timeout=5) == 7
