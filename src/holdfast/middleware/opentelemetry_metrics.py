"""Numbers for OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.errors import MissingDependency

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter


class OpenTelemetryStorage:
    """A `MetricStorage` of opentelemetry-api.

    It has the histogram `holdfast.execute.duration` in seconds, the counters `holdfast.execute.success`, `….retry` and
    `….dlq`, with the attributes `queue` and `task`, and the counter `holdfast.worker.errors`.

    Args:
        meter: default: one called `holdfast` of the global provider.

    Raises:
        MissingDependency: opentelemetry-api isn't installed.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        try:
            from opentelemetry.metrics import get_meter
        except ImportError as error:
            raise MissingDependency(
                "OpenTelemetryStorage needs the package opentelemetry-api: pip install 'holdfast[opentelemetry]'"
            ) from error
        found = get_meter("holdfast") if meter is None else meter
        self._duration = found.create_histogram(
            "holdfast.execute.duration", unit="s", description="How long runs take, however they end."
        )
        self._success = found.create_counter(
            "holdfast.execute.success", unit="{job}", description="Jobs that have succeeded."
        )
        self._retry = found.create_counter(
            "holdfast.execute.retry",
            unit="{run}",
            description="Runs that have failed, of jobs that run again.",
        )
        self._dlq = found.create_counter(
            "holdfast.execute.dlq", unit="{job}", description="Jobs that have failed for good."
        )
        self._errors = found.create_counter(
            "holdfast.worker.errors", unit="{error}", description="Failures inside of workers."
        )

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        self._duration.record(seconds, {"queue": queue, "task": task})

    def inc_success(self, queue: str, task: str) -> None:
        self._success.add(1, {"queue": queue, "task": task})

    def inc_retry(self, queue: str, task: str) -> None:
        self._retry.add(1, {"queue": queue, "task": task})

    def inc_dlq(self, queue: str, task: str) -> None:
        self._dlq.add(1, {"queue": queue, "task": task})

    def inc_internal_error(self) -> None:
        self._errors.add(1)
