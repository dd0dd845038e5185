"""`Tracing`: spans of OpenTelemetry around enqueues and runs, joined in one trace.

Names and attributes are those of OpenTelemetry's semantic conventions for messaging; a queue is a destination, a job
a message. The trace context travels in the job's metadata, in the form of W3C Trace Context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.core import outcomes as o
from holdfast.core.errors import MissingDependency
from holdfast.middleware.base import Middleware
from holdfast.middleware.chain import current_batch

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Span, TracerProvider

    from holdfast.client.context import JobContext
    from holdfast.client.job import Job
    from holdfast.core.job import NewJob
    from holdfast.middleware.base import EnqueueNext, ProcessNext


class Tracing(Middleware):
    """A PRODUCER span around each enqueue, and a CONSUMER span around each run, its child.

    The jobs of a batch have a span each. A failed run has the status `ERROR` and the exception; what else it decided,
    such as `Retry` or `Snooze`, is an event of the span. Within a run the span is the current one; not so in the
    child process of a process handler, whose span covers the child's work from outside.

    Args:
        tracer_provider: default: the global one.
        propagator: writes the context into the metadata and reads it; default: W3C Trace Context (`traceparent`).

    Raises:
        MissingDependency: opentelemetry-api isn't installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, propagator: TextMapPropagator | None = None
    ) -> None:
        try:
            from opentelemetry import context, trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise MissingDependency(
                "Tracing needs the package opentelemetry-api: pip install 'holdfast[opentelemetry]'"
            ) from error
        self._context = context
        self._trace = trace
        self._propagator = propagator or TraceContextTextMapPropagator()
        self._tracer = trace.get_tracer("holdfast", tracer_provider=tracer_provider)

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        trace = self._trace
        # A batch is sent as one, so what each job has is the span of its creation.
        operation = "create" if current_batch().size > 1 else "send"
        parent: Context = self._context.get_current()
        if not trace.get_current_span(parent).get_span_context().is_valid:
            parent = self._propagator.extract(_texts(draft.meta), parent)
        span = self._tracer.start_span(
            f"{operation} {draft.queue}",
            context=parent,
            kind=trace.SpanKind.PRODUCER,
            attributes=_attributes(operation, draft.queue, draft.task, draft.job_id),
        )
        # It isn't made the current one: the chains of a batch are driven side by side, in one thread.
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, trace.set_span_in_context(span, parent))  # pyright: ignore[reportArgumentType] - a stub of theirs
        try:
            return await call_next(draft.replace(meta={**draft.meta, **carrier}))
        except BaseException as error:
            self._failed(span, error)
            raise
        finally:
            span.end()

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> o.Outcome:
        claimed = ctx.claimed
        span = self._tracer.start_span(
            f"process {claimed.queue}",
            context=self._propagator.extract(_texts(ctx.meta), self._context.get_current()),
            kind=self._trace.SpanKind.CONSUMER,
            attributes={
                **_attributes("process", claimed.queue, claimed.task, claimed.job_id),
                "messaging.client.id": ctx.worker_id,
                "holdfast.run": claimed.run,
                "holdfast.attempt": claimed.attempt,
            },
        )
        token = self._context.attach(self._trace.set_span_in_context(span))
        try:
            outcome = await call_next(ctx)
            self._note(span, outcome)
        except o.Outcome as outcome:  # of a middleware within
            self._note(span, outcome)
            raise
        except BaseException as error:
            self._failed(span, error)
            raise
        finally:
            self._context.detach(token)
            span.end()
        return outcome

    def _note(self, span: Span, outcome: o.Outcome) -> None:
        """Put into the span what the run decided."""
        span.set_attribute("holdfast.outcome", outcome.name)
        match outcome:
            case o.Succeeded():
                pass
            case o.Raised():
                self._failed(span, outcome.error)
            case o.MoveToDlq():
                self._failed(span, outcome if outcome.cause is None else outcome.cause, outcome.reason)
            case o.Retry():
                span.add_event("retry", {} if outcome.after is None else _delay(outcome.after))
                self._failed(span, outcome if outcome.cause is None else outcome.cause)
            case o.Crashed():
                self._failed(span, outcome)
            case o.Snooze():
                span.add_event("snooze", _delay(outcome.for_))
            case o.Reschedule():
                span.add_event("reschedule")
            case o.Cancel():
                span.add_event("cancel", {"holdfast.reason": outcome.reason})
            case _:
                span.add_event("interrupted")

    def _failed(self, span: Span, error: BaseException, said: str = "") -> None:
        trace = self._trace
        name = type(error).__qualname__
        span.set_attribute("error.type", name)
        try:
            if not isinstance(error, o.Outcome):
                span.record_exception(error)
            text = said or f"{name}: {error}"
        except Exception:  # a user's __str__
            text = name
        span.set_status(trace.Status(trace.StatusCode.ERROR, text))


def _attributes(operation: str, queue: str, task: str, job_id: str) -> dict[str, str]:
    return {
        "messaging.system": "holdfast",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
        "messaging.message.id": job_id,
        "holdfast.task": task,
    }


def _texts(meta: dict[str, Any]) -> dict[str, str]:
    """What of the metadata a propagator can read."""
    return {key: value for key, value in meta.items() if isinstance(value, str)}


def _delay(delay: Any) -> dict[str, float]:
    return {"holdfast.delay": delay.total_seconds()}
