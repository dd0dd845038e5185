"""What a run knows of itself."""

from __future__ import annotations

import contextvars
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast import (
    Holdfast,
    InvalidArguments,
    InvalidOption,
    JobContext,
    NoCurrentJob,
    SyncTask,
    current_job,
)
from holdfast.client.context import CURRENT
from holdfast.core.times import from_datetime
from tests.client.conftest import Hands, MakeApp


class Runner:
    """As much of a worker as a context needs."""

    def __init__(self, app: Holdfast) -> None:
        self.client = app.client
        self.worker_id = "worker-1"
        self.state: Any = {"pool": 1}
        self.shutdown_deadline: int | None = None
        self.said: list[tuple[str, int, str | None]] = []

    def progress(self, ctx: JobContext, percent: int, message: str | None) -> None:
        self.said.append((ctx.claimed.job_id, percent, message))


@pytest.fixture
def runner(app: Holdfast) -> Runner:
    return Runner(app)


@pytest.fixture
def send(app: Holdfast) -> Any:
    return app.task(name="mail.send", queue="mail")(lambda to: to)


@pytest.fixture
def ctx(runner: Runner, send: SyncTask[[str], str], hands: Hands) -> JobContext:
    job = send.using(meta={"request_id": "r-1", "tenant": "x"}).enqueue("ada")
    return JobContext(runner, hands.claim(job), send)


def test_what_it_shows(app: Holdfast, ctx: JobContext, runner: Runner) -> None:
    assert (ctx.run, ctx.attempt, ctx.cancelled, ctx.app, ctx.state) == (1, 1, False, app, {"pool": 1})
    assert (ctx.meta, ctx.request_id) == ({"request_id": "r-1", "tenant": "x"}, "r-1")
    assert (ctx.job.state, ctx.job.args, ctx.job.worker, ctx.job.task) == (
        "running",
        {"to": "ada"},
        "worker-1",
        "mail.send",
    )
    assert ctx.job is ctx.job
    assert app.jobs.get(ctx.job.id) == ctx.job
    assert ctx.args == '{"to":"ada"}'
    assert repr(ctx) == f"<JobContext mail.send {ctx.job.id} run 1>"


@pytest.mark.parity("S3.7")
@pytest.mark.parity("F12")
def test_the_deadline_is_the_earlier(ctx: JobContext, runner: Runner) -> None:
    assert ctx.deadline is None
    soon, later = datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 2, tzinfo=UTC)
    runner.shutdown_deadline = from_datetime(later)
    assert ctx.deadline == later
    timed = JobContext(runner, ctx.claimed, ctx.task, from_datetime(soon))
    assert timed.deadline == soon
    runner.shutdown_deadline = from_datetime(soon - timedelta(days=1))
    assert timed.deadline == soon - timedelta(days=1)


def test_progress(ctx: JobContext, runner: Runner) -> None:
    import asyncio

    ctx.progress(40, "resizing")
    ctx.progress(99.9)
    asyncio.run(ctx.aprogress(100))
    assert [said[1:] for said in runner.said] == [(40, "resizing"), (99, None), (100, None)]
    for wrong in (-1, 101, "40", True, float("nan")):
        with pytest.raises(InvalidOption, match="progress is a number from 0 to 100"):
            ctx.progress(wrong)  # type: ignore[arg-type]


@pytest.mark.parity("S0.6")
def test_every_line_carries_the_jobs_fields(ctx: JobContext, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ctx.log.info("sent to %s", "ada", extra={"size": 3})
    record: Any = caplog.records[-1]
    assert (record.name, record.getMessage()) == ("holdfast.mail", "sent to ada")
    assert (record.job_id, record.task, record.queue) == (str(ctx.job.id), "mail.send", "mail")
    assert (record.run, record.attempt, record.request_id, record.size) == (1, 1, "r-1", 3)


@pytest.mark.parity("S2.4")
def test_the_loggers_of_queues_stand_below_the_apps_own(make_app: MakeApp, ctx: JobContext) -> None:
    own = make_app(logger=logging.getLogger("shop.jobs"))
    assert JobContext(Runner(own), ctx.claimed, ctx.task).log.logger.name == "shop.jobs.mail"


@pytest.mark.parity("S0.3")
def test_a_copy_for_what_lies_within(ctx: JobContext, runner: Runner) -> None:
    copy = ctx.replace(args={"to": "bob"}, meta={"request_id": "r-2"}, state="other")
    assert (copy.args, copy.meta, copy.request_id, copy.state) == (
        '{"to":"bob"}',
        {"request_id": "r-2"},
        "r-2",
        "other",
    )
    assert (ctx.args, ctx.request_id, ctx.state) == ('{"to":"ada"}', "r-1", {"pool": 1})
    again = copy.replace(state=3)
    assert (again.args, again.request_id, again.state) == ('{"to":"bob"}', "r-2", 3)
    ctx.mark_cancelled()
    assert ctx.cancelled is copy.cancelled is again.cancelled is True
    with pytest.raises(InvalidArguments, match=r"mail\.send as a middleware replaced them"):
        ctx.replace(args={"to": object()})


@pytest.mark.parity("S4.5")
def test_the_current_job(ctx: JobContext) -> None:
    with pytest.raises(NoCurrentJob, match="no job is running here"):
        current_job()

    def within() -> JobContext:
        CURRENT.set(ctx)
        return current_job()

    assert contextvars.copy_context().run(within) is ctx
    with pytest.raises(LookupError):
        current_job()
    assert SimpleNamespace(ctx=ctx).ctx is ctx
