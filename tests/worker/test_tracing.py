"""Spans of real enqueues and runs, as an exporter gets them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from holdfast import (
    Cancel,
    Holdfast,
    JobContext,
    JobExists,
    Middleware,
    MissingDependency,
    MoveToDlq,
    Outcome,
    Reschedule,
    Retry,
    Snooze,
    Tracing,
    current_job,
)
from holdfast.core.outcomes import After
from tests.worker import process_tasks
from tests.worker.conftest import MakeApp

Drain = Callable[..., Any]
NOW = timedelta(0)


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        """The finished spans of a kind, the earliest first."""
        found = [span for span in self.exporter.get_finished_spans() if span.kind is kind]
        return sorted(found, key=lambda span: span.start_time or 0)

    def run(self) -> ReadableSpan:
        (span,) = self.of(SpanKind.CONSUMER)
        return span


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def app(make_app: MakeApp, spans: Spans) -> Holdfast:
    return make_app(middleware=[Tracing(spans.provider)])


class Patient(Middleware):
    needs_loop: ClassVar[bool] = True

    async def process(self, ctx: JobContext, call_next: Any) -> Outcome:
        await asyncio.sleep(0)
        outcome: Outcome = await call_next(ctx)
        return outcome


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parity("S2.10")
@pytest.mark.parametrize("form", ["async", "thread", "thread, on the loop"])
def test_enqueue_and_run_are_one_trace(app: Holdfast, spans: Spans, drain: Drain, form: str) -> None:
    def it() -> None:
        with spans.tracer.start_as_current_span("inside"):
            pass

    async def ait() -> None:
        await asyncio.sleep(0)
        it()

    around = [Patient()] if form == "thread, on the loop" else []
    task = app.task(name="it", queue="q", middleware=around)(ait if form == "async" else it)  # type: ignore[operator]
    with spans.tracer.start_as_current_span("request") as request:
        job = asyncio.run(task.aenqueue()) if form == "async" else task.enqueue()
    drain(app=app)
    (sent,) = spans.of(SpanKind.PRODUCER)
    ran = spans.run()
    (own,) = (span for span in spans.of(SpanKind.INTERNAL) if span.name == "inside")
    assert sent.parent is not None
    assert sent.parent.span_id == request.get_span_context().span_id
    assert ran.parent is not None
    assert ran.parent.span_id == sent.context.span_id
    assert ran.parent.is_remote
    assert own.parent is not None
    assert own.parent.span_id == ran.context.span_id
    assert {span.context.trace_id for span in (sent, ran, own)} == {request.get_span_context().trace_id}
    assert not trace.get_current_span().get_span_context().is_valid
    meta = app.jobs.get(job.id).meta
    assert meta["traceparent"].startswith(f"00-{sent.context.trace_id:032x}-{sent.context.span_id:016x}-0")


@pytest.mark.parity("S2.10")
def test_names_and_attributes_are_those_of_the_conventions(app: Holdfast, spans: Spans, drain: Drain) -> None:
    @app.task(name="mail.send", queue="mail")
    def send() -> None: ...

    job = send.enqueue()
    worker = drain(app=app)
    (sent,), ran = spans.of(SpanKind.PRODUCER), spans.run()
    assert (sent.name, ran.name) == ("send mail", "process mail")
    assert attributes(sent) == {
        "messaging.system": "holdfast",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(job.id),
        "holdfast.task": "mail.send",
    }
    found = attributes(ran)
    assert worker.status == 0
    assert found.pop("messaging.client.id")
    assert found == {
        "messaging.system": "holdfast",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(job.id),
        "holdfast.task": "mail.send",
        "holdfast.run": 1,
        "holdfast.attempt": 1,
        "holdfast.outcome": "Succeeded",
    }
    assert (sent.status.status_code, ran.status.status_code) == (StatusCode.UNSET, StatusCode.UNSET)


@pytest.mark.parity("S2.10")
@pytest.mark.parametrize("form", ["blocking", "async"])
def test_each_job_of_a_batch_has_a_context_of_its_own(
    app: Holdfast, spans: Spans, drain: Drain, form: str
) -> None:
    @app.task(name="it", queue="q")
    def it() -> None: ...

    drafts = [it.new() for _ in range(3)]
    with spans.tracer.start_as_current_span("request") as request:
        if form == "blocking":
            app.enqueue_many(drafts)
        else:
            asyncio.run(app.aenqueue_many(drafts))
        assert trace.get_current_span() is request
    drain(app=app)
    created, ran = spans.of(SpanKind.PRODUCER), spans.of(SpanKind.CONSUMER)
    assert [span.name for span in created] == ["create q"] * 3
    assert {span.parent.span_id for span in created if span.parent} == {request.get_span_context().span_id}
    by_job = {attributes(span)["messaging.message.id"]: span.context.span_id for span in created}
    assert {
        attributes(span)["messaging.message.id"]: span.parent.span_id for span in ran if span.parent
    } == by_job
    assert len(set(by_job.values())) == 3


@pytest.mark.parity("S2.10")
def test_failures_and_other_outcomes(app: Holdfast, spans: Spans, drain: Drain) -> None:
    def decide(what: str) -> Any:
        match what if current_job().run == 1 else "":
            case "raises":
                raise ValueError("no good")
            case "retry":
                raise Retry(after=NOW, cause=KeyError("k"))
            case "dlq":
                return MoveToDlq("no such customer")
            case "snooze":
                return Snooze(NOW)
            case "reschedule":
                return Reschedule(After(NOW))
            case "cancel":
                raise Cancel("withdrawn")
            case "exit":
                raise SystemExit(3)
            case _:
                return None

    task = app.task(name="it", retry=lambda failures, error: NOW)(decide)
    names = ("raises", "retry", "dlq", "snooze", "reschedule", "cancel", "exit")
    jobs = {str(task.enqueue(name).id): name for name in names}
    drain(app=app)
    first, second = {}, []
    for span in spans.of(SpanKind.CONSUMER):
        found = attributes(span)
        if found["holdfast.run"] == 1:
            events = [event.name for event in span.events]
            name = jobs[found["messaging.message.id"]]
            first[name] = (span.status.status_code.name, found.get("error.type"), events)
        else:
            second.append(
                (jobs[found["messaging.message.id"]], found["holdfast.attempt"], span.status.status_code.name)
            )
    assert first == {
        "raises": ("ERROR", "ValueError", ["exception"]),
        "retry": ("ERROR", "KeyError", ["retry", "exception"]),
        "dlq": ("ERROR", "MoveToDlq", []),
        "snooze": ("UNSET", None, ["snooze"]),
        "reschedule": ("UNSET", None, ["reschedule"]),
        "cancel": ("UNSET", None, ["cancel"]),
        "exit": ("ERROR", "SystemExit", ["exception"]),
    }
    # The later runs are spans of their own, in the same trace.
    assert sorted(second) == [
        ("raises", 2, "UNSET"), ("reschedule", 1, "UNSET"), ("retry", 2, "UNSET"), ("snooze", 1, "UNSET"),
    ]  # fmt: skip
    (raised,) = (
        event
        for span in spans.of(SpanKind.CONSUMER)
        for event in span.events
        if (event.attributes or {}).get("exception.type") == "ValueError"
    )
    assert "no good" in str((raised.attributes or {})["exception.stacktrace"])


@pytest.mark.parity("S2.10")
def test_process_handlers(app: Holdfast, spans: Spans, drain: Drain) -> None:
    app.include(process_tasks.router)
    process_tasks.raises.enqueue()
    drain(app=app)
    (sent,), ran = spans.of(SpanKind.PRODUCER), spans.run()
    assert ran.parent is not None
    assert ran.parent.span_id == sent.context.span_id
    assert (ran.status.status_code, attributes(ran)["error.type"]) == (StatusCode.ERROR, "AppError")


def test_an_enqueue_that_fails(app: Holdfast, spans: Spans) -> None:
    @app.task(name="it")
    def it() -> None: ...

    job = it.enqueue()
    with pytest.raises(JobExists):
        it.using(id=job.id).enqueue()
    _, failed = spans.of(SpanKind.PRODUCER)
    assert (failed.status.status_code, attributes(failed)["error.type"]) == (StatusCode.ERROR, "JobExists")


def test_runs_side_by_side_keep_their_spans_apart(app: Holdfast, spans: Spans, drain: Drain) -> None:
    @app.task(name="it")
    async def it(n: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0.001 * (n % 3))
            with spans.tracer.start_as_current_span(f"inside {n}"):
                await asyncio.sleep(0)

    for n in range(10):
        it.enqueue(n)
    drain(app=app)
    runs = {span.context.span_id for span in spans.of(SpanKind.CONSUMER)}
    parents = [(span.name, span.parent.span_id) for span in spans.of(SpanKind.INTERNAL) if span.parent]
    assert len(parents) == 30
    assert len(set(parents)) == len(runs) == 10
    assert {parent for _, parent in parents} == runs


def test_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingDependency, match=r"pip install 'holdfast\[opentelemetry\]'"):
        Tracing()
