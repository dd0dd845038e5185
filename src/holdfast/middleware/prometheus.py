"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from holdfast.core.errors import MissingDependency

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0)
"""Upper bounds in seconds: jobs take from a millisecond to an hour."""


class _Collectors(NamedTuple):
    duration: Histogram
    success: Counter
    retry: Counter
    dlq: Counter
    errors: Counter


_lock = Lock()
_made: WeakKeyDictionary[CollectorRegistry, dict[str, _Collectors]] = WeakKeyDictionary()
"""A registry takes each name once, and several storages may want to write under it."""


class PrometheusStorage:
    """A `MetricStorage` of prometheus-client.

    With the namespace `holdfast`, it has the histogram `holdfast_execute_duration_seconds` and the counters
    `holdfast_execute_success_total`, `holdfast_execute_retry_total` and `holdfast_execute_dlq_total`, with the labels
    `queue` and `task`, and the counter `holdfast_worker_error_total`. Another storage of the same registry and
    namespace shares them, with the buckets of the first.

    Args:
        registry: default: that of prometheus-client itself.
        namespace: what the names begin with.
        buckets: of the histogram; upper bounds in seconds.

    Raises:
        MissingDependency: prometheus-client isn't installed.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        namespace: str = "holdfast",
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        try:
            from prometheus_client import REGISTRY
        except ImportError as error:
            raise MissingDependency(
                "PrometheusStorage needs the package prometheus-client: pip install 'holdfast[prometheus]'"
            ) from error
        found = REGISTRY if registry is None else registry
        with _lock:
            of_registry = _made.setdefault(found, {})
            if namespace not in of_registry:
                of_registry[namespace] = _collectors(found, namespace, buckets)
            self._collectors = of_registry[namespace]

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        self._collectors.duration.labels(queue, task).observe(seconds)

    def inc_success(self, queue: str, task: str) -> None:
        self._collectors.success.labels(queue, task).inc()

    def inc_retry(self, queue: str, task: str) -> None:
        self._collectors.retry.labels(queue, task).inc()

    def inc_dlq(self, queue: str, task: str) -> None:
        self._collectors.dlq.labels(queue, task).inc()

    def inc_internal_error(self) -> None:
        self._collectors.errors.inc()


def _collectors(registry: CollectorRegistry, namespace: str, buckets: Sequence[float]) -> _Collectors:
    from prometheus_client import Counter, Histogram

    labels = ("queue", "task")

    def counter(name: str, text: str, labels: Sequence[str] = labels) -> Counter:
        return Counter(name, text, labels, namespace=namespace, registry=registry)

    return _Collectors(
        duration=Histogram(
            "execute_duration_seconds", "How long runs take, however they end.", labels,
            namespace=namespace, registry=registry, buckets=buckets,
        ),
        success=counter("execute_success", "Jobs that have succeeded."),
        retry=counter("execute_retry", "Runs that have failed, of jobs that run again."),
        dlq=counter("execute_dlq", "Jobs that have failed for good."),
        errors=counter("worker_error", "Failures inside of workers, such as of the way to the database.", ()),
    )  # fmt: skip
