"""Whatever a handler raises, the worker lives; what `Recovery` names is not tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import InvalidOption, JobContext, JobState, Middleware, Outcome, Recovery, Retry
from tests.worker import process_tasks
from tests.worker.conftest import MakeApp

Drain = Callable[..., Any]
NOW = timedelta(0)


def boom() -> None:
    raise ZeroDivisionError("by nought")


async def aboom() -> None:
    boom()


@pytest.mark.parity("S0.5")
@pytest.mark.parametrize("function", [boom, aboom], ids=["thread", "async"])
def test_a_named_exception_fails_the_job_at_once_with_its_stack(
    make_app: MakeApp, drain: Drain, function: Any
) -> None:
    app = make_app(middleware=[Recovery(panics=(ArithmeticError, IndexError))])
    job = app.task(name="it", max_attempts=5)(function).enqueue()
    after = app.task(name="after")(_fine).enqueue()
    drain(app=app)
    failed = app.jobs.get(job.id)
    assert (failed.state, failed.reason, failed.attempt) == ("failed", "panic", 1)
    assert failed.errors[0].type == "ZeroDivisionError"
    assert "in boom" in failed.errors[0].traceback
    assert "by nought" in failed.errors[0].traceback
    assert app.jobs.status(after.id) is JobState.SUCCEEDED


@pytest.mark.parity("S0.5")
def test_what_is_not_named_is_retried(make_app: MakeApp, drain: Drain) -> None:
    app = make_app(middleware=[Recovery(panics=KeyError)])
    job = app.task(name="it", max_attempts=2, retry=lambda failures, error: NOW)(boom).enqueue()
    drain(app=app)
    failed = app.jobs.get(job.id)
    assert (failed.reason, failed.attempt) == ("exhausted", 2)


@pytest.mark.parity("S0.5")
@pytest.mark.parametrize("recovery", [True, False])
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_the_worker_survives_anything(make_app: MakeApp, drain: Drain, kind: str, recovery: bool) -> None:
    """With it and without."""
    app = make_app(middleware=[Recovery()] if recovery else [])

    class Odd(BaseException):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def it(what: str) -> None:
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "odd": Odd, "generator": GeneratorExit}[
            what
        ]

    async def ait(what: str) -> None:
        it(what)

    task = app.task(name="it")(ait if kind == "async" else it)  # type: ignore[operator]
    jobs = [task.enqueue(what) for what in ("exit", "interrupt", "odd", "generator")]
    fine = app.task(name="fine")(_fine)
    drain(app=app)
    assert {app.jobs.get(job.id).reason for job in jobs} == {"panic"}
    after = fine.enqueue()
    drain(app=app)
    assert app.jobs.status(after.id) is JobState.SUCCEEDED


@pytest.mark.parity("S0.5")
def test_process_handlers(make_app: MakeApp, drain: Drain) -> None:
    app = make_app(middleware=[Recovery(panics=process_tasks.AppError)])
    app.include(process_tasks.router)
    job = process_tasks.raises.using(max_attempts=5).enqueue()
    drain(app=app)
    failed = app.jobs.get(job.id)
    assert (failed.reason, failed.attempt) == ("panic", 1)
    assert "raise AppError" in failed.errors[0].traceback


class Raises(Middleware):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        raise self.error


@pytest.mark.parametrize(
    ("error", "state"), [(ZeroDivisionError(), "failed"), (Retry(timedelta(hours=1)), "pending")]
)
def test_a_middleware_within(make_app: MakeApp, drain: Drain, error: Exception, state: str) -> None:
    """Its exceptions count like the handler's; what it decides by raising is no exception."""
    app = make_app(middleware=[Recovery(panics=Exception), Raises(error)])
    job = app.task(name="it")(_fine).enqueue()
    drain(app=app)
    assert app.jobs.status(job.id) == state


def test_a_timeout_keeps_its_reason(make_app: MakeApp, drain: Drain) -> None:
    import asyncio

    app = make_app(middleware=[Recovery(panics=Exception)])

    @app.task(name="it", timeout=0.05, max_attempts=1)
    async def it() -> None:
        await asyncio.sleep(60)

    job = it.enqueue()
    drain(app=app)
    assert app.jobs.get(job.id).reason == "timeout"


@pytest.mark.parametrize("panics", [(3,), ("ValueError",), (Retry,)])
def test_what_is_refused(panics: Any) -> None:
    with pytest.raises(InvalidOption, match="panics="):
        Recovery(panics=panics)


def _fine() -> None: ...
