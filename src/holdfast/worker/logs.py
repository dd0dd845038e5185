"""What a worker logs of runs, and how lines look: text for people, JSON for programs.

Loggers are those of the standard library: `holdfast.worker` for the worker itself, one below `holdfast` (or the
app's own logger) for each queue. A line about a run carries the job's fields.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from holdfast.client.log import FIELDS as RUN_FIELDS
from holdfast.client.log import LogFields, queue_logger
from holdfast.core.payload import decode_meta
from holdfast.core.printable import clean, clean_lines
from holdfast.core.states import JobState
from holdfast.core.times import SECOND
from holdfast.middleware.request_id import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.core.job import Settlement

FIELDS = (*RUN_FIELDS, "state", "reason", "seconds")
"""What a line may carry beside its message."""


class RunLog:
    """Logs what became of runs.

    Args:
        app_logger: below which the queues' loggers are; None is `holdfast`.
    """

    def __init__(self, app_logger: logging.Logger | None) -> None:
        self._app_logger = app_logger
        self._loggers: dict[str, logging.Logger] = {}

    def settled(self, worker: str, settlements: Iterable[Settlement]) -> None:
        """One line for each; those of success only where debugging is on."""
        for settlement in settlements:
            logger = self._logger(settlement.job.queue)
            level = _level(settlement)
            if logger.isEnabledFor(level):
                logger.log(level, _sentence(settlement), extra=_fields(worker, settlement))

    def lost(self, worker: str, settlements: Iterable[Settlement]) -> None:
        """A warning for each."""
        for settlement in settlements:
            job = settlement.job
            self._logger(job.queue).warning(
                "%s %s: run %d had lost its lease; what it decided (%s) was refused",
                job.task, job.job_id, job.run, settlement.state, extra=_fields(worker, settlement),
            )  # fmt: skip

    def _logger(self, queue: str) -> logging.Logger:
        logger = self._loggers.get(queue)
        if logger is None:
            logger = self._loggers[queue] = queue_logger(queue, self._app_logger)
        return logger


def _level(settlement: Settlement) -> int:
    match settlement.state:
        case JobState.SUCCEEDED:
            return logging.DEBUG
        case JobState.FAILED:
            return logging.ERROR
        case JobState.CANCELLED:
            return logging.INFO
        case _:
            return logging.INFO if settlement.failure is None else logging.WARNING


def _sentence(settlement: Settlement) -> str:
    job, failure = settlement.job, settlement.failure
    what = f"{job.task} {job.job_id}"
    why = "" if failure is None else f": {failure.type}: {failure.message}"
    match settlement.state:
        case JobState.SUCCEEDED:
            said = f"{what} succeeded"
        case JobState.FAILED:
            said = f"{what} failed ({settlement.reason}) on attempt {job.attempt}{why}"
        case JobState.CANCELLED:
            said = f"{what} was cancelled"
        case _ if failure is not None:
            said = f"{what} runs again in {_delay(settlement)}, after attempt {job.attempt} failed{why}"
        case _ if job.started_at is None:
            said = f"{what} was given back before it began"
        case _:
            said = f"{what} runs again in {_delay(settlement)}"
    return said


def _delay(settlement: Settlement) -> str:
    seconds = max(0, (settlement.run_at or 0) - settlement.at) / SECOND
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.3g} s"


def _fields(worker: str, settlement: Settlement) -> dict[str, Any]:
    job = settlement.job
    seconds = None if job.started_at is None else (settlement.at - job.started_at) / SECOND
    return {
        "job_id": job.job_id,
        "task": job.task,
        "queue": job.queue,
        "run": job.run,
        "attempt": job.attempt,
        "worker": worker,
        "state": str(settlement.state),
        "reason": None if settlement.reason is None else str(settlement.reason),
        "seconds": seconds,
        "request_id": None if job.meta is None else decode_meta(job.meta).get(REQUEST_ID),
    }


class TextFormatter(logging.Formatter):
    """`2030-01-31 09:00:00.123 WARNING holdfast.mail: message`; the time is local.

    A line of a run says of which job it is, and for which request, where its message doesn't. Control characters are
    written as escapes, and tracebacks are indented: what handlers say can't pass for another line.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # Not by the base class, which would take a traceback that another formatter has kept in the record.
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        parts = [clean(self.formatMessage(record))]
        if record.exc_info:
            parts.append(_indented(self.formatException(record.exc_info)))
        if record.stack_info:
            parts.append(_indented(self.formatStack(record.stack_info)))
        return "\n".join(parts)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class calls it so
        line = super().formatMessage(record)
        has = record.__dict__
        said: list[str] = []
        if has.get("job_id") is not None and str(has["job_id"]) not in line:
            said.append(f"{has.get('task')} {has['job_id']} run {has.get('run')}")
        if has.get("request_id") is not None:
            said.append(f"request {has['request_id']}")
        return f"{line} [{', '.join(said)}]" if said else line


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in clean_lines(text).split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, the job's fields, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


Style: TypeAlias = Literal["text", "json"]

_configured: tuple[int, Style] | None = None


def configure(level: str | int = "INFO", style: Style = "text") -> None:
    """Write what `holdfast` logs to standard error. For the command line; libraries leave logging to the program."""
    global _configured
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(LogFields())
    logger = logging.getLogger("holdfast")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper() if isinstance(level, str) else level)
    logger.propagate = False
    _configured = (logger.level, style)


def configure_rest() -> None:
    """Write what all other loggers say likewise, unless the application has configured that itself by now."""
    root = logging.getLogger()
    if _configured is None or root.handlers:
        return
    root.handlers[:] = logging.getLogger("holdfast").handlers
    if root.level == logging.WARNING:  # as Python begins
        root.setLevel(_configured[0])


def configured() -> tuple[int, Style] | None:
    """What `configure` was called with: the number of the level, and the style. For child processes."""
    return _configured
