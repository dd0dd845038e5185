"""Middleware in a real worker: nesting, changed copies, outcomes seen as one object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from holdfast import (
    Holdfast,
    InvalidMiddleware,
    JobContext,
    JobState,
    Middleware,
    NewJob,
    Outcome,
    Retry,
    Snooze,
    Succeeded,
    current_job,
)
from tests.worker import process_tasks
from tests.worker.conftest import MakeApp

Drain = Callable[..., Any]
NOW = timedelta(0)
FORMS = ["async", "thread", "thread, on the loop"]


class Noting(Middleware):
    def __init__(self, name: str, log: list[str]) -> None:
        self.called = name
        self.log = log

    async def enqueue(self, draft: NewJob, call_next: Any) -> Any:
        self.log.append(f"enqueue {self.called}")
        job = await call_next(draft)
        self.log.append(f"enqueued {self.called}")
        return job

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        self.log.append(f"run {self.called}")
        outcome: Outcome = await call_next(ctx)
        self.log.append(f"ran {self.called}")
        return outcome


class Patient(Middleware):
    """Awaits more than call_next."""

    needs_loop: ClassVar[bool] = True

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        await asyncio.sleep(0)
        outcome: Outcome = await call_next(ctx)
        return outcome


def declare(
    app: Holdfast, form: str, function: Callable[..., Any], *middleware: Middleware, **options: Any
) -> Any:
    """A task of a function, to be run in one of the forms that there are."""
    if form == "async":

        async def call() -> Any:
            await asyncio.sleep(0)
            return function()

        return app.task(name="it", middleware=middleware, **options)(call)

    def plain() -> Any:
        return function()

    around = (Patient(), *middleware) if form == "thread, on the loop" else middleware
    return app.task(name="it", middleware=around, **options)(plain)


@pytest.mark.parity("S0.3")
@pytest.mark.parity("S2.7")
@pytest.mark.parametrize("form", FORMS)
def test_app_queue_and_task_nest_in_that_order_on_both_sides(
    make_app: MakeApp, drain: Drain, form: str
) -> None:
    log: list[str] = []
    app = make_app(middleware=[Noting("app 1", log), Noting("app 2", log)])
    app.queue("q", middleware=[Noting("queue", log)])
    task = declare(app, form, lambda: log.append("handler"), Noting("task", log), queue="q")
    task.enqueue()
    names = ["app 1", "app 2", "queue", "task"]
    assert log == [*(f"enqueue {name}" for name in names), *(f"enqueued {name}" for name in reversed(names))]
    log.clear()
    drain(app=app)
    assert log == [
        *(f"run {name}" for name in names),
        "handler",
        *(f"ran {name}" for name in reversed(names)),
    ]


@pytest.mark.parity("S2.7")
def test_a_middleware_that_writes_nothing_changes_nothing(app: Holdfast, drain: Drain) -> None:
    job = declare(app, "thread", lambda: "x", Middleware()).enqueue()
    drain()
    assert job.result(timeout=5) == "x"


class Seeing(Middleware):
    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        outcome: Outcome = await call_next(ctx)
        self.seen.append(outcome)
        return outcome


@pytest.mark.parity("S0.3")
@pytest.mark.parametrize("form", FORMS)
def test_the_outcome_is_one_object_whether_raised_or_returned(app: Holdfast, drain: Drain, form: str) -> None:
    """Four runs: snoozed by a return, retried by a raise, failed by an exception, succeeded by a value."""
    seeing = Seeing()
    run = 0

    def it() -> Any:
        nonlocal run
        run += 1
        match run:
            case 1:
                return Snooze(NOW)
            case 2:
                raise Retry(after=NOW)
            case 3:
                raise KeyError("k")
            case _:
                return "value"

    job = declare(app, form, it, seeing, retry=lambda failures, error: NOW).enqueue()
    drain()
    assert job.result(timeout=5) == "value"
    assert [outcome.name for outcome in seeing.seen] == ["Snooze", "Retry", "Raised", "Succeeded"]
    raised, succeeded = seeing.seen[2], seeing.seen[3]
    assert isinstance(raised.error, KeyError)  # type: ignore[attr-defined]
    assert isinstance(succeeded, Succeeded)
    assert (succeeded.value, succeeded.result) == ("value", '"value"')


@pytest.mark.parity("S0.3")
@pytest.mark.parametrize("form", FORMS)
def test_a_middleware_decides_in_its_place(app: Holdfast, drain: Drain, form: str) -> None:
    class Forgives(Middleware):
        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            await call_next(ctx)
            return Succeeded('"forgiven"')

    def fails() -> Any:
        raise ValueError

    job = declare(app, form, fails, Forgives()).enqueue()
    drain()
    assert job.result(timeout=5) == "forgiven"


# --- changed copies ------------------------------------------------------------------------------------------


class Replacing(Middleware):
    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self.within: JobContext | None = None
        self.afterwards: JobContext | None = None

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        copy = ctx.replace(**self.changes)
        outcome: Outcome = await call_next(copy)
        self.within, self.afterwards = copy, current_job()
        return outcome


class Looking(Middleware):
    def __init__(self) -> None:
        self.found: tuple[Any, Any] | None = None

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        self.found = (ctx, current_job())
        outcome: Outcome = await call_next(ctx)
        return outcome


@pytest.mark.parity("S0.3")
@pytest.mark.parametrize("form", FORMS)
def test_a_replaced_context_is_what_current_job_gives_within(app: Holdfast, drain: Drain, form: str) -> None:
    seen: list[JobContext] = []
    outer, inner, looking = Replacing(meta={"a": 1}), Replacing(state="s"), Looking()

    def it() -> None:
        seen.append(current_job())

    job = declare(app, form, it, outer, looking, inner).enqueue()
    drain()
    assert app.jobs.status(job.id) is JobState.SUCCEEDED
    (found,) = seen
    assert found is inner.within
    assert (found.meta, found.state) == ({"a": 1}, "s")
    assert looking.found == (outer.within, outer.within)
    # Once within is over, the middleware is where it was before.
    assert inner.afterwards is outer.within
    assert outer.afterwards is not outer.within
    assert (app.jobs.get(job.id).meta, outer.afterwards and outer.afterwards.meta) == ({}, {})


@pytest.mark.parity("S0.3")
@pytest.mark.parametrize("kind", ["async", "thread", "process"])
def test_replaced_arguments_reach_the_handler(app: Holdfast, drain: Drain, kind: str) -> None:
    replacing = Replacing(args={"x": 5})
    if kind == "process":
        app.include(process_tasks.router)
        app.queue("q", middleware=[replacing])
        job = process_tasks.pid.using(queue="q").enqueue(1)
        drain()
        assert job.result(timeout=5)["x"] == 5
        return

    async def aecho(x: int) -> int:
        return x

    def echo(x: int) -> int:
        return x

    job = app.task(name="it", middleware=[replacing])(aecho if kind == "async" else echo).enqueue(1)  # type: ignore[operator]
    drain()
    assert job.result(timeout=5) == 5
    assert app.jobs.get(job.id).args == {"x": 1}


@pytest.mark.parity("S0.3")
@pytest.mark.parametrize("form", ["blocking", "async"])
def test_a_replaced_draft_is_what_is_stored(make_app: MakeApp, form: str) -> None:
    class Urgent(Middleware):
        async def enqueue(self, draft: NewJob, call_next: Any) -> Any:
            return await call_next(draft.replace(priority=7, meta={**draft.meta, "by": "urgent"}))

    app = make_app(middleware=[Urgent()])

    @app.task(name="it")
    def it() -> None: ...

    job = it.enqueue() if form == "blocking" else asyncio.run(it.aenqueue())
    stored = app.jobs.get(job.id)
    assert (stored.priority, stored.meta) == (7, {"by": "urgent"})


def test_context_variables_of_middleware_on_the_loop_reach_the_thread(app: Holdfast, drain: Drain) -> None:
    from contextvars import ContextVar

    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    class Sets(Middleware):
        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            token = tenant.set("ada")
            try:
                outcome: Outcome = await call_next(ctx)
                return outcome
            finally:
                tenant.reset(token)

    job = declare(app, "thread, on the loop", tenant.get, Sets()).enqueue()
    drain()
    assert job.result(timeout=5) == "ada"


def test_one_that_awaits_in_a_thread_fails_the_run_and_is_named(app: Holdfast, drain: Drain) -> None:
    class Sleepy(Middleware):
        async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
            await asyncio.sleep(0.01)
            outcome: Outcome = await call_next(ctx)
            return outcome

    job = declare(app, "thread", lambda: 1, Sleepy(), max_attempts=1).enqueue()
    drain()
    error = app.jobs.get(job.id).errors[0]
    assert error.type == f"holdfast.{InvalidMiddleware.__name__}"
    assert "Sleepy" in error.message
