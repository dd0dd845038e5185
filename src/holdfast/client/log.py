"""Logging by the standard library: a logger for each queue, and lines of a run that carry its job's fields."""

from __future__ import annotations

from collections.abc import MutableMapping
from logging import Logger, LoggerAdapter, getLogger
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.client.context import JobContext

    Adapter = LoggerAdapter[Logger]
else:
    Adapter = LoggerAdapter

ROOT = "holdfast"


class JobLog(Adapter):
    """Adds the job's fields to a line's own `extra`, where LoggerAdapter would replace that."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def queue_logger(queue: str, app_logger: Logger | None) -> Logger:
    """The logger of a queue: below the app's own, or below `holdfast`."""
    return (app_logger or getLogger(ROOT)).getChild(queue)


def job_log(ctx: JobContext, app_logger: Logger | None) -> JobLog:
    """The logger of a run."""
    claimed = ctx.claimed
    fields = {
        "job_id": claimed.job_id,
        "task": claimed.task,
        "queue": claimed.queue,
        "run": claimed.run,
        "attempt": claimed.attempt,
    }
    if ctx.request_id is not None:
        fields["request_id"] = ctx.request_id
    return JobLog(queue_logger(claimed.queue, app_logger), fields)
