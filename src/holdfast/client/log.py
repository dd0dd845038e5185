"""Logging by the standard library: a logger for each queue, and lines of a run that carry its job's fields."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from logging import Filter, Logger, LoggerAdapter, LogRecord, getLogger
from typing import TYPE_CHECKING, Any

from holdfast.client.context import CURRENT

if TYPE_CHECKING:
    from holdfast.client.context import JobContext

    Adapter = LoggerAdapter[Logger]
else:
    Adapter = LoggerAdapter

ROOT = "holdfast"
FIELDS = ("job_id", "task", "queue", "run", "attempt", "worker", "request_id")
"""What a line of a run carries."""

ELSEWHERE: ContextVar[Mapping[str, Any]] = ContextVar("holdfast.log_fields")
"""The fields of a run whose context is in another process: set in the child that carries its handler."""


class LogFields(Filter):
    """Gives every line that is logged inside a run the fields of its job, whichever logger it comes from.

    Add it to a handler: `handler.addFilter(LogFields())`. Records then have the attributes `job_id`, `task`, `queue`,
    `run`, `attempt`, `worker` and `request_id`, unless they bring their own. It lets every line pass.

    Args:
        missing: what the attributes are where there is no run; for a format with `%(job_id)s` perhaps `"-"`.
    """

    def __init__(self, missing: object = None) -> None:
        super().__init__()
        self._missing = missing

    def filter(self, record: LogRecord) -> bool:
        fields, missing, has = current_fields(), self._missing, record.__dict__
        for name in FIELDS:
            if has.get(name) is None:
                value = fields.get(name)
                has[name] = missing if value is None else value
        return True


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
    return JobLog(queue_logger(ctx.claimed.queue, app_logger), fields_of(ctx))


def fields_of(ctx: JobContext) -> dict[str, Any]:
    """What lines of a run carry."""
    claimed = ctx.claimed
    fields = {
        "job_id": claimed.job_id,
        "task": claimed.task,
        "queue": claimed.queue,
        "run": claimed.run,
        "attempt": claimed.attempt,
        "worker": ctx.worker_id,
    }
    found: object = ctx.request_id  # metadata may hold anything
    if isinstance(found, str):
        fields["request_id"] = found
    return fields


def current_fields() -> Mapping[str, Any]:
    """Those of the run that this code is part of; none outside of any."""
    ctx = CURRENT.get(None)
    return ELSEWHERE.get({}) if ctx is None else fields_of(ctx)
