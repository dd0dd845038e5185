"""Tasks and jobs of a web framework: enqueues by name, cancel, registering, deadlines, a database apart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import (
    ConfigurationError,
    Draft,
    Enqueuer,
    Holdfast,
    InvalidArguments,
    Job,
    JobContext,
    JobState,
    TaskRouter,
    UnknownTask,
)
from tests.worker.conftest import MakeApp, StartWorker

Drain = Callable[..., Any]
TOMORROW = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def declared(app: Holdfast) -> Holdfast:
    @app.task(name="mail", queue="mails", priority=5, max_attempts=3)
    def mail(to: str) -> str:
        return to

    @app.task(name="report", priority=-5, max_attempts=7)
    def report(day: int = 0) -> int:
        return day

    return app


@pytest.mark.parity("S3.1")
def test_code_that_registers_no_handlers(declared: Holdfast) -> None:
    def sign_up(jobs: Enqueuer) -> list[Job[Any]]:
        one = jobs.enqueue("mail", {"to": "a"})
        at = jobs.enqueue("mail", {"to": "b"}, at=TOMORROW)
        batch = jobs.enqueue_many([jobs.new("report"), jobs.new("mail", {"to": "c"}, at=TOMORROW)])
        return [one, at, *batch]

    assert isinstance(declared, Enqueuer)
    made = sign_up(declared)
    found = [declared.jobs.get(job.id) for job in made]
    assert [(job.task, job.queue, job.priority) for job in found] == [
        ("mail", "mails", 5),
        ("mail", "mails", 5),
        ("report", "default", -5),
        ("mail", "mails", 5),
    ], "each keeps its type's policy"
    assert [job.run_at == TOMORROW for job in found] == [False, True, False, True]
    assert [job.args for job in found] == [{"to": "a"}, {"to": "b"}, {}, {"to": "c"}]
    limits = declared.client.registry
    assert [limits.policy_for(job.task, job.queue).max_attempts for job in found] == [3, 3, 7, 3]


@pytest.mark.parity("S3.1")
def test_the_policy_holds_for_a_job_enqueued_by_name_only(
    declared: Holdfast, make_app: MakeApp, start_worker: StartWorker
) -> None:
    sender = make_app()
    job = sender.enqueue("breaks", declare=True)

    @declared.task(name="breaks", max_attempts=2, retry=lambda failures, error: timedelta(0))
    def breaks() -> None:
        raise ValueError("no")

    start_worker(declared, burst=True).wait(20)
    assert (job.refresh().state, job.attempt) == (JobState.FAILED, 2)


@pytest.mark.parity("S3.1")
def test_batches_are_atomic_in_order_and_may_be_empty(
    declared: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = declared.enqueue_many(declared.new("report", {"day": day}, at=TOMORROW) for day in range(20))
    assert [declared.jobs.get(job.id).args["day"] for job in jobs] == list(range(20))
    for wrong, error in (
        (lambda: declared.new("report", {"day": "x"}), InvalidArguments),
        (lambda: declared.new("repotr"), UnknownTask),
    ):
        with pytest.raises(error):
            declared.enqueue_many([declared.new("report"), wrong()])
    assert len(declared.jobs.list()) == 20

    store = declared.client.store
    for way in ("write", "within", "submit", "read"):
        monkeypatch.setattr(store, way, None)
    assert declared.enqueue_many(list[Draft[Any]]()) == [], "nothing is opened"
    assert asyncio.run(declared.aenqueue_many(list[Draft[Any]]())) == []


@pytest.mark.parity("S3.1")
def test_an_unknown_type(declared: Holdfast) -> None:
    for enqueue in (declared.enqueue, declared.new):
        with pytest.raises(UnknownTask, match="no task is called 'mial' here; known are: mail, report"):
            enqueue("mial", {"to": "a"})
    with pytest.raises(UnknownTask):
        asyncio.run(declared.aenqueue("mial"))
    assert declared.jobs.list() == []
    assert declared.enqueue("mial", {"to": "a"}, declare=True).refresh().task == "mial"


@pytest.mark.parity("S3.2")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_cancel_pending_running_and_failed(app: Holdfast, start_worker: StartWorker, kind: str) -> None:
    begun = threading.Event()

    @app.task(name="long", takes_context=True, max_attempts=1)
    def long(ctx: JobContext, how: str) -> None:
        if how == "fail":
            raise ValueError("no")
        begun.set()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if ctx.cancelled:
                from holdfast import Cancel

                raise Cancel("as asked")
            time.sleep(0.01)

    @app.task(name="along", max_attempts=1)
    async def along(how: str) -> None:
        if how == "fail":
            raise ValueError("no")
        begun.set()
        await asyncio.sleep(20)

    task: Any = along if kind == "async" else long
    waiting = task.using(at=TOMORROW).enqueue("wait")
    assert app.jobs.cancel(waiting.id)
    assert waiting.refresh().state is JobState.CANCELLED
    start_worker()
    running, failed = task.enqueue("run"), task.enqueue("fail")
    assert begun.wait(10)
    assert running.cancel()
    with pytest.raises(Exception, match="cancelled"):
        running.result(10)
    with pytest.raises(Exception, match="failed"):
        failed.result(10)
    assert failed.cancel() is False, "it had ended; delete removes it"
    assert failed.delete()
    assert app.jobs.status(failed.id) is JobState.NOT_FOUND


@pytest.mark.parity("S3.3")
def test_tasks_before_and_after_they_are_registered(app: Holdfast, drain: Drain) -> None:
    router = TaskRouter()

    @router.task(name="double")
    def double(number: int) -> int:
        return number * 2

    assert double.name == "double"
    for use in (lambda: double.enqueue(1), lambda: double.using(delay=1).enqueue(1), lambda: double.job("x")):
        with pytest.raises(ConfigurationError, match=r"call app\.include"):
            use()
    app.include(router)
    job = double.enqueue(21)
    drain()
    assert job.result(1) + 0 == 42


@pytest.mark.parity("S3.5")
def test_apps_register_their_jobs_before_the_first_claim(app: Holdfast, start_worker: StartWorker) -> None:
    called: list[str] = []

    def jobs_of_shop(given: Holdfast) -> None:
        called.append("shop")

        @given.task(name="shop.ship")
        def ship() -> str:
            return "shipped"

    app.include(jobs_of_shop)
    job = app.enqueue("shop.ship")
    for _ in range(2):
        start_worker()
    assert job.result(10) == "shipped"
    assert called == ["shop"], "once, however many workers"
    for late in (lambda: app.include(lambda: None), lambda: app.include(TaskRouter())):
        with pytest.raises(ConfigurationError, match="after a worker of this app had begun"):
            late()


@pytest.mark.parity("S3.6")
def test_priority_and_attempts_per_type_queue_and_job(app: Holdfast, drain: Drain) -> None:
    order: list[str] = []
    app.queue("q", priority=2, max_attempts=2, retry=lambda failures, error: timedelta(0))

    @app.task(name="plain", queue="q")
    def plain(name: str) -> None:
        order.append(name)
        if name.startswith("fail"):
            raise ValueError("no")

    @app.task(name="urgent", queue="q", priority=9, max_attempts=1)
    def urgent(name: str) -> None:
        plain(name)

    jobs = [
        plain.enqueue("plain"),
        plain.using(priority=-1).enqueue("last"),
        urgent.enqueue("urgent"),
        plain.using(priority=50).enqueue("first"),
    ]
    drain(threads=1)
    assert order == ["first", "urgent", "plain", "last"]
    assert [job.priority for job in jobs] == [2, -1, 9, 50]
    order.clear()
    failing = [plain.enqueue("fail"), urgent.enqueue("fail"), plain.using(max_attempts=3).enqueue("fail")]
    drain(threads=1)
    assert [job.refresh().run for job in failing] == [2, 1, 3]


@pytest.mark.parity("S3.7")
@pytest.mark.parity("F12")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_the_deadline_of_a_handler(app: Holdfast, start_worker: StartWorker, kind: str) -> None:
    """The run's timeout; once the worker ends, what it still has, where that is earlier."""
    begun, look, done = threading.Event(), threading.Event(), threading.Event()
    seen: list[Any] = []

    def first(ctx: JobContext) -> None:
        seen.append(ctx.deadline)
        begun.set()

    def second(ctx: JobContext) -> None:
        seen.append(ctx.deadline)
        done.set()

    def work(ctx: JobContext) -> None:
        first(ctx)
        assert look.wait(20)
        second(ctx)

    async def awork(ctx: JobContext) -> None:
        first(ctx)
        await asyncio.to_thread(look.wait, 20)
        second(ctx)

    task: Any = app.task(name="t", takes_context=True)(awork if kind == "async" else work)
    worker = start_worker(shutdown_timeout=15)
    job = task.using(timeout=60).enqueue()
    assert begun.wait(10)
    now = datetime.now(UTC)
    assert 50 < (seen[0] - now).total_seconds() < 70
    worker.request_stop()
    look.set()
    assert done.wait(10)
    assert 5 < (seen[1] - now).total_seconds() < 25, "the end of the shutdown is earlier"
    assert worker.stop()
    assert job.refresh().state is JobState.SUCCEEDED


@pytest.mark.parity("S3.7")
def test_without_a_timeout_there_is_no_deadline(app: Holdfast) -> None:
    @app.task(name="t")
    def t() -> None: ...

    seen: list[Any] = []
    t.enqueue()
    t.using(timeout=5).enqueue()
    for _ in range(2):
        app.run_one(handler=lambda ctx: seen.append(ctx.deadline))
    assert seen[0] is None
    assert seen[1] is not None


@pytest.mark.parity("S3.8")
def test_a_database_or_a_schema_apart_from_the_applications(backend: Any, tmp_path: Any) -> None:
    if backend.dialect == "postgres":
        url, options = backend.url, {"schema": "jobs_apart"}
    else:
        url, options = f"sqlite:///{tmp_path}/apart.db", {}
    with Holdfast(backend.url) as first, Holdfast(url, **options) as apart:
        apart.migrate()
        try:
            for app in (first, apart):
                app.task(name="t")(lambda: None)
            mine, theirs = first.enqueue("t"), apart.enqueue("t")
            assert first.jobs.list() == [mine]
            assert apart.jobs.list() == [theirs]
            assert apart.run_one() == theirs
            assert mine.refresh().state is JobState.PENDING
        finally:
            if options:
                backend.execute("DROP SCHEMA jobs_apart CASCADE")
