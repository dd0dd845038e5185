"""`Metrics`: how long runs take and what becomes of them, told to a storage of numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from holdfast.core.errors import InvalidMiddleware
from holdfast.core.states import Again, JobState
from holdfast.middleware.observing import Observing

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.core.job import Settlement
    from holdfast.core.outcomes import Outcome
    from holdfast.middleware.base import ProcessNext

logger = logging.getLogger("holdfast.metrics")


@runtime_checkable
class MetricStorage(Protocol):
    """Where numbers are kept. Any thread of a worker may call it, and waits for it: it must be quick."""

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        """A run took so long, however it ended."""
        ...

    def inc_success(self, queue: str, task: str) -> None:
        """A job has succeeded."""
        ...

    def inc_retry(self, queue: str, task: str) -> None:
        """A run failed and is charged; its job runs again."""
        ...

    def inc_dlq(self, queue: str, task: str) -> None:
        """A job has failed for good, for whatever reason."""
        ...

    def inc_internal_error(self) -> None:
        """Something inside of a worker failed, such as the way to the database."""
        ...


class Metrics(Observing):
    """Times each run, and counts what is committed of it: success, retry, or a failure for good (`dlq`).

    Nothing is counted of a snooze, a reschedule, a cancelled job, a run that is given back, or one whose lease was
    lost. A job of a dead worker is counted by the worker that took it back. A storage that raises harms no job.

    Args:
        storage: a `MetricStorage`, such as `PrometheusStorage()`.
    """

    def __init__(self, storage: MetricStorage) -> None:
        if not isinstance(storage, MetricStorage):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidMiddleware(
                f"{storage!r} is no MetricStorage: it lacks one of that protocol's methods"
            )
        self.storage = storage

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        began = perf_counter()
        try:
            return await call_next(ctx)
        finally:
            took = perf_counter() - began
            claimed = ctx.claimed
            _try(self.storage.observe_execute_duration, claimed.queue, claimed.task, took)

    def settled(self, settlement: Settlement) -> None:
        job, state = settlement.job, settlement.state
        if state is JobState.SUCCEEDED:
            _try(self.storage.inc_success, job.queue, job.task)
        elif state is JobState.FAILED:
            _try(self.storage.inc_dlq, job.queue, job.task)
        elif settlement.again is Again.RETRY:
            _try(self.storage.inc_retry, job.queue, job.task)

    def worker_failed(self, error: BaseException) -> None:
        _try(self.storage.inc_internal_error)


def _try(method: Callable[..., None], *args: str | float) -> None:
    try:
        method(*args)
    except Exception:
        logger.exception("%r failed; a number is missing", method)
