"""Built-in middleware and subscriptions that type checkers accept; never run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import assert_type

from prometheus_client import CollectorRegistry

from holdfast import (
    Holdfast,
    LogFields,
    Metrics,
    MetricStorage,
    OpenTelemetryStorage,
    PrometheusStorage,
    Recovery,
    RequestId,
    Tracing,
    events,
)
from holdfast.middleware.request_id import current_request_id, request_id


class Counter:
    """A storage by its methods alone."""

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None: ...
    def inc_success(self, queue: str, task: str) -> None: ...
    def inc_retry(self, queue: str, task: str) -> None: ...
    def inc_dlq(self, queue: str, task: str) -> None: ...
    def inc_internal_error(self) -> None: ...


storages: list[MetricStorage] = [
    Counter(),
    PrometheusStorage(CollectorRegistry(), namespace="shop", buckets=(0.1, 1)),
    OpenTelemetryStorage(),
]
app = Holdfast(
    middleware=[
        *(Metrics(storage) for storage in storages),
        Recovery(panics=(RecursionError, SystemExit)),
        Recovery(panics=KeyError),
        RequestId(generate=lambda: "x"),
        Tracing(),
    ]
)


@app.on(events.Failed)
def failed(event: events.Failed) -> int:
    assert_type(event.reason, events.Reason)
    assert_type(event.error, events.Failure | None)
    return event.attempt


assert_type(failed, Callable[[events.Failed], int])


def retried(event: events.Retried) -> None:
    assert_type(event.delay, timedelta)


assert_type(app.on(events.Retried, retried), Callable[[], None])
app.on(events.Event, lambda event: print(event.at))
app.on(events.Retried, failed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
LogFields(missing="-")
with request_id("a") as given:
    assert_type(given, str)
assert_type(current_request_id(), str | None)
