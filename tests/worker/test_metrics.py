"""Counts and durations of real workers, read as a monitoring system reads them."""

from __future__ import annotations

import asyncio
import sys
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from holdfast import (
    Cancel,
    Holdfast,
    InvalidMiddleware,
    JobState,
    Metrics,
    MetricStorage,
    MissingDependency,
    MoveToDlq,
    OpenTelemetryStorage,
    PrometheusStorage,
    Reschedule,
    Retry,
    Snooze,
    current_job,
)
from holdfast.core.outcomes import After
from tests.worker import process_tasks
from tests.worker.conftest import Ear, MakeApp, StartWorker
from tests.worker.faults import cuttable
from tests.worker.phantom import claim_and_vanish

Drain = Callable[..., Any]
NOW = timedelta(0)
SUCCESS, RETRY, DLQ = (f"holdfast_execute_{what}_total" for what in ("success", "retry", "dlq"))
RUNS = "holdfast_execute_duration_seconds_count"
ERRORS = "holdfast_worker_error_total"


class Page:
    """The metrics page of a registry, served and scraped over HTTP."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry=self.registry)

    def scrape(self) -> dict[tuple[str, str, str], float]:
        """The values by sample, queue and task."""
        url = f"http://127.0.0.1:{self._server.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        return {
            (sample.name, sample.labels.get("queue", ""), sample.labels.get("task", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if "le" not in sample.labels and not sample.name.endswith("_created")
        }

    def counts(self, task: str, queue: str = "default") -> tuple[float, ...]:
        """Runs, successes, retries and dead letters of a task."""
        found = self.scrape()
        return tuple(found.get((name, queue, task), 0) for name in (RUNS, SUCCESS, RETRY, DLQ))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def page() -> Any:
    page = Page()
    yield page
    page.close()


@pytest.fixture
def app(make_app: MakeApp, page: Page) -> Holdfast:
    return make_app(middleware=[Metrics(PrometheusStorage(page.registry))])


def decide(what: str) -> Any:
    run = current_job().run
    match what:
        case "exhausts":
            raise ValueError
        case "panics":
            raise SystemExit(3)
        case "dlq":
            return MoveToDlq("no")
        case "cancels":
            raise Cancel
        case _ if run > 1:
            return None
        case "retry":
            raise Retry(after=NOW)
        case "raises":
            raise ValueError
        case "snooze":
            return Snooze(NOW)
        case "reschedule":
            return Reschedule(After(NOW))
        case _:
            return None


@pytest.mark.parity("S0.4")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_every_outcome_is_counted_as_what_it_is(app: Holdfast, page: Page, drain: Drain, kind: str) -> None:
    expected = {
        # runs, successes, retries, dead letters
        "succeeds": (1, 1, 0, 0),
        "retry": (2, 1, 1, 0),
        "raises": (2, 1, 1, 0),
        "exhausts": (2, 0, 1, 1),
        "panics": (1, 0, 0, 1),
        "dlq": (1, 0, 0, 1),
        "cancels": (1, 0, 0, 0),
        "snooze": (2, 1, 0, 0),
        "reschedule": (2, 1, 0, 0),
    }
    tasks = {}
    for what in expected:

        async def arun(what: str) -> Any:
            return decide(what)

        def run(what: str) -> Any:
            return decide(what)

        options: dict[str, Any] = {"max_attempts": 2, "retry": lambda failures, error: NOW}
        tasks[what] = app.task(name=what, queue="q", **options)(arun if kind == "async" else run)
    app.enqueue_many([task.new(what) for what, task in tasks.items() for _ in range(3)])
    drain()
    found = {what: tuple(n / 3 for n in page.counts(what, "q")) for what in expected}
    assert found == expected
    assert page.scrape()[ERRORS, "", ""] == 0


@pytest.mark.parity("S0.4")
def test_durations_cover_failed_runs(app: Holdfast, page: Page, drain: Drain) -> None:
    @app.task(name="it", max_attempts=1)
    async def it() -> None:
        await asyncio.sleep(0.05)
        raise ValueError

    it.enqueue()
    drain()
    took = page.scrape()["holdfast_execute_duration_seconds_sum", "default", "it"]
    assert 0.045 <= took < 5


@pytest.mark.parity("S0.4")
def test_handlers_in_processes_are_counted(app: Holdfast, page: Page, drain: Drain) -> None:
    app.include(process_tasks.router)
    for x in range(3):
        process_tasks.pid.enqueue(x)
    process_tasks.raises.enqueue()
    process_tasks.exits.enqueue("_exit")
    drain()
    assert page.counts("p.pid") == (3, 3, 0, 0)
    assert page.counts("p.raises") == (1, 0, 0, 1)
    assert page.counts("p.exits") == (2, 0, 1, 1)


@pytest.mark.parity("S0.4")
def test_the_jobs_of_the_dead_are_counted_once_by_who_takes_them_back(
    app: Holdfast, page: Page, drain: Drain
) -> None:
    @app.task(name="again", retry=lambda failures, error: NOW)
    def again() -> None: ...

    @app.task(name="once", max_attempts=1)
    def once() -> None: ...

    for task in (again, once):
        task.enqueue()
        claim_and_vanish(app, task)
    drain(app=app)
    assert page.counts("again") == (1, 1, 1, 0)
    assert page.counts("once") == (0, 0, 0, 1)


@pytest.mark.parity("S0.4")
def test_a_lost_lease_counts_as_nothing(
    app: Holdfast, page: Page, start_worker: StartWorker, ear: Ear
) -> None:
    from threading import Event

    began, go_on = Event(), Event()

    @app.task(name="it")
    def it() -> None:
        began.set()
        go_on.wait(20)

    job = it.enqueue()
    start_worker()
    assert began.wait(10)
    app.jobs.cancel(job.id, force=True)
    go_on.set()
    ear.until(lambda ear: ear.refused)
    assert page.counts("it")[1:] == (0, 0, 0)


@pytest.mark.parity("S0.4")
def test_what_nobody_knows_and_what_goes_wrong_inside(
    app: Holdfast, page: Page, start_worker: StartWorker
) -> None:
    from tests.conformance.scene import until

    @app.task(name="known")
    def known() -> None: ...

    app.enqueue("unknown", {}, declare=True)
    start_worker(unknown_task_grace=0.05, cleanup_interval=0.05, poll_interval=0.02)
    until(lambda: page.counts("unknown") == (0, 0, 0, 1))
    line = cuttable(app)
    assert page.scrape()[ERRORS, "", ""] == 0
    worker = start_worker(poll_interval=0.02)
    line.cut = True
    until(lambda: page.scrape()[ERRORS, "", ""] > 0)
    line.cut = False
    assert worker.stop()


@pytest.mark.parity("S0.4")
def test_at_a_queue_and_twice(make_app: MakeApp, page: Page, drain: Drain) -> None:
    """Only the queue's jobs; what stands around a task twice still counts its jobs once."""
    metrics = Metrics(PrometheusStorage(page.registry, namespace="mine"))
    app = make_app()
    app.queue("measured", middleware=[metrics])

    @app.task(name="it", queue="measured", middleware=[metrics])
    def it() -> None: ...

    it.enqueue()
    it.using(queue="other").enqueue()  # by the task's own
    app.task(name="not")(_nothing).enqueue()
    drain(app=app)
    found = page.scrape()
    assert found["mine_execute_success_total", "measured", "it"] == 1
    assert found["mine_execute_success_total", "other", "it"] == 1
    assert not any(task == "not" for _, _, task in found)


def _nothing() -> None: ...


class Broken:
    def __init__(self) -> None:
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any) -> None:
            self.calls += 1
            raise OSError("the storage is gone")

        return fail


@pytest.mark.parity("S0.4")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_storage_that_raises_harms_no_job(
    make_app: MakeApp, drain: Drain, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = Broken()
    app = make_app(middleware=[Metrics(broken)])

    async def ait() -> int:
        return 1

    def it() -> int:
        return 1

    job = app.task(name="it")(ait if kind == "async" else it).enqueue()  # type: ignore[operator]
    drain(app=app)
    assert app.jobs.status(job.id) is JobState.SUCCEEDED
    assert broken.calls == 2
    assert "a number is missing" in caplog.text


def test_two_storages_of_one_registry_share_their_numbers() -> None:
    registry = CollectorRegistry()
    for storage in (PrometheusStorage(registry), PrometheusStorage(registry)):
        assert isinstance(storage, MetricStorage)
        storage.inc_success("q", "t")
    PrometheusStorage(registry, namespace="other").inc_success("q", "t")
    assert registry.get_sample_value(SUCCESS, {"queue": "q", "task": "t"}) == 2
    assert registry.get_sample_value("other_execute_success_total", {"queue": "q", "task": "t"}) == 1


@pytest.mark.parity("S0.4")
def test_opentelemetry_has_the_same_numbers(make_app: MakeApp, drain: Drain) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    app = make_app(middleware=[Metrics(OpenTelemetryStorage(provider.get_meter("test")))])

    @app.task(name="it", queue="q", max_attempts=2, retry=lambda failures, error: NOW)
    def it(what: str) -> Any:
        return decide(what)

    app.enqueue_many([it.new(what) for what in ("succeeds", "raises", "exhausts")])
    drain(app=app)
    data: Any = reader.get_metrics_data()
    found = {
        metric.name: [
            (dict(point.attributes), getattr(point, "value", None) or point.count)
            for point in metric.data.data_points
        ]
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.data.data_points
    }
    labels = {"queue": "q", "task": "it"}
    assert found == {
        "holdfast.execute.duration": [(labels, 5)],
        "holdfast.execute.success": [(labels, 2)],
        "holdfast.execute.retry": [(labels, 2)],
        "holdfast.execute.dlq": [(labels, 1)],
    }
    provider.shutdown()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidMiddleware, match="no MetricStorage"):
        Metrics(object())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(MissingDependency, match=r"holdfast\[prometheus\]"):
        PrometheusStorage()
    with pytest.raises(MissingDependency, match=r"holdfast\[opentelemetry\]"):
        OpenTelemetryStorage()
