"""Durable background jobs in SQLite or PostgreSQL.

The names below are imported when they are first used, so that `import holdfast` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.app import Holdfast as Holdfast
    from holdfast.client.capture import ResultCapture as ResultCapture
    from holdfast.client.capture import capture_result as capture_result
    from holdfast.client.capture import capturing as capturing
    from holdfast.client.context import JobContext as JobContext
    from holdfast.client.context import current_job as current_job
    from holdfast.client.draft import Draft as Draft
    from holdfast.client.enqueuer import Enqueuer as Enqueuer
    from holdfast.client.failed_run import FailedRun as FailedRun
    from holdfast.client.handler import TaskHandler as TaskHandler
    from holdfast.client.job import Job as Job
    from holdfast.client.limits import StoredLimit as StoredLimit
    from holdfast.client.log import LogFields as LogFields
    from holdfast.client.pauses import Pause as Pause
    from holdfast.client.router import TaskRouter as TaskRouter
    from holdfast.client.stored_schedule import StoredSchedule as StoredSchedule
    from holdfast.client.task import AsyncContextTask as AsyncContextTask
    from holdfast.client.task import AsyncTask as AsyncTask
    from holdfast.client.task import BoundTask as BoundTask
    from holdfast.client.task import SyncContextTask as SyncContextTask
    from holdfast.client.task import SyncTask as SyncTask
    from holdfast.client.task import Task as Task
    from holdfast.core.causes import Cause as Cause
    from holdfast.core.errors import AppNotFound as AppNotFound
    from holdfast.core.errors import ConfigurationError as ConfigurationError
    from holdfast.core.errors import DuplicateTask as DuplicateTask
    from holdfast.core.errors import HoldfastError as HoldfastError
    from holdfast.core.errors import InvalidArguments as InvalidArguments
    from holdfast.core.errors import InvalidMiddleware as InvalidMiddleware
    from holdfast.core.errors import InvalidOption as InvalidOption
    from holdfast.core.errors import InvalidResult as InvalidResult
    from holdfast.core.errors import InvalidTask as InvalidTask
    from holdfast.core.errors import InvalidTransaction as InvalidTransaction
    from holdfast.core.errors import InvalidUrl as InvalidUrl
    from holdfast.core.errors import JobCancelled as JobCancelled
    from holdfast.core.errors import JobError as JobError
    from holdfast.core.errors import JobExists as JobExists
    from holdfast.core.errors import JobFailed as JobFailed
    from holdfast.core.errors import JobNotFound as JobNotFound
    from holdfast.core.errors import LeaseLost as LeaseLost
    from holdfast.core.errors import MissingDependency as MissingDependency
    from holdfast.core.errors import NoCurrentJob as NoCurrentJob
    from holdfast.core.errors import PayloadTooLarge as PayloadTooLarge
    from holdfast.core.errors import ResultNotKept as ResultNotKept
    from holdfast.core.errors import ResultTimeout as ResultTimeout
    from holdfast.core.errors import ScheduleNotFound as ScheduleNotFound
    from holdfast.core.errors import SchemaMismatch as SchemaMismatch
    from holdfast.core.errors import StoreClosed as StoreClosed
    from holdfast.core.errors import StoreCorrupt as StoreCorrupt
    from holdfast.core.errors import StoreError as StoreError
    from holdfast.core.errors import StoreForked as StoreForked
    from holdfast.core.errors import StoreFull as StoreFull
    from holdfast.core.errors import StoreLocked as StoreLocked
    from holdfast.core.errors import StoreMoved as StoreMoved
    from holdfast.core.errors import StoreReadOnly as StoreReadOnly
    from holdfast.core.errors import StoreUnavailable as StoreUnavailable
    from holdfast.core.errors import UnknownTask as UnknownTask
    from holdfast.core.errors import WrongState as WrongState
    from holdfast.core.explain import Explanation as Explanation
    from holdfast.core.job import NewJob as NewJob
    from holdfast.core.limits import Limit as Limit
    from holdfast.core.limits import Rate as Rate
    from holdfast.core.outcomes import After as After
    from holdfast.core.outcomes import Cancel as Cancel
    from holdfast.core.outcomes import Fail as Fail
    from holdfast.core.outcomes import MoveToDlq as MoveToDlq
    from holdfast.core.outcomes import Outcome as Outcome
    from holdfast.core.outcomes import Reschedule as Reschedule
    from holdfast.core.outcomes import Retry as Retry
    from holdfast.core.outcomes import Schedule as Schedule
    from holdfast.core.outcomes import Snooze as Snooze
    from holdfast.core.outcomes import Succeeded as Succeeded
    from holdfast.core.retention import Retention as Retention
    from holdfast.core.retries import Constant as Constant
    from holdfast.core.retries import Exponential as Exponential
    from holdfast.core.retries import Linear as Linear
    from holdfast.core.retries import RetryPolicy as RetryPolicy
    from holdfast.core.schedules import Cron as Cron
    from holdfast.core.schedules import Every as Every
    from holdfast.core.states import JobState as JobState
    from holdfast.core.states import Reason as Reason
    from holdfast.core.unique import Unique as Unique
    from holdfast.middleware.base import EnqueueNext as EnqueueNext
    from holdfast.middleware.base import Middleware as Middleware
    from holdfast.middleware.base import ProcessNext as ProcessNext
    from holdfast.middleware.metrics import Metrics as Metrics
    from holdfast.middleware.metrics import MetricStorage as MetricStorage
    from holdfast.middleware.opentelemetry_metrics import OpenTelemetryStorage as OpenTelemetryStorage
    from holdfast.middleware.prometheus import PrometheusStorage as PrometheusStorage
    from holdfast.middleware.recovery import Recovery as Recovery
    from holdfast.middleware.request_id import RequestId as RequestId
    from holdfast.middleware.tracing import Tracing as Tracing
    from holdfast.worker.running import WorkerSettings as WorkerSettings

    __version__: str

_WHERE = {
    "holdfast.app": "Holdfast",
    "holdfast.client.capture": "ResultCapture capture_result capturing",
    "holdfast.client.context": "JobContext current_job",
    "holdfast.client.draft": "Draft",
    "holdfast.client.enqueuer": "Enqueuer",
    "holdfast.client.failed_run": "FailedRun",
    "holdfast.client.handler": "TaskHandler",
    "holdfast.client.job": "Job",
    "holdfast.client.limits": "StoredLimit",
    "holdfast.client.log": "LogFields",
    "holdfast.client.pauses": "Pause",
    "holdfast.client.router": "TaskRouter",
    "holdfast.client.stored_schedule": "StoredSchedule",
    "holdfast.client.task": "AsyncContextTask AsyncTask BoundTask SyncContextTask SyncTask Task",
    "holdfast.core.causes": "Cause",
    "holdfast.core.errors": (
        "AppNotFound ConfigurationError DuplicateTask HoldfastError InvalidArguments InvalidMiddleware "
        "InvalidOption InvalidResult InvalidTask InvalidTransaction InvalidUrl JobCancelled JobError "
        "JobExists JobFailed JobNotFound LeaseLost MissingDependency NoCurrentJob PayloadTooLarge "
        "ResultNotKept ResultTimeout ScheduleNotFound SchemaMismatch StoreClosed StoreCorrupt StoreError StoreForked "
        "StoreFull StoreLocked StoreMoved StoreReadOnly StoreUnavailable UnknownTask WrongState"
    ),
    "holdfast.core.explain": "Explanation",
    "holdfast.core.job": "NewJob",
    "holdfast.core.limits": "Limit Rate",
    "holdfast.core.outcomes": (
        "After Cancel Fail MoveToDlq Outcome Reschedule Retry Schedule Snooze Succeeded"
    ),
    "holdfast.core.retention": "Retention",
    "holdfast.core.retries": "Constant Exponential Linear RetryPolicy",
    "holdfast.core.schedules": "Cron Every",
    "holdfast.core.states": "JobState Reason",
    "holdfast.core.unique": "Unique",
    "holdfast.middleware.base": "EnqueueNext Middleware ProcessNext",
    "holdfast.middleware.metrics": "MetricStorage Metrics",
    "holdfast.middleware.opentelemetry_metrics": "OpenTelemetryStorage",
    "holdfast.middleware.prometheus": "PrometheusStorage",
    "holdfast.middleware.recovery": "Recovery",
    "holdfast.middleware.request_id": "RequestId",
    "holdfast.middleware.tracing": "Tracing",
    "holdfast.worker.running": "WorkerSettings",
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names.split()}

__all__ = [
    "After",
    "AppNotFound",
    "AsyncContextTask",
    "AsyncTask",
    "BoundTask",
    "Cancel",
    "Cause",
    "ConfigurationError",
    "Constant",
    "Cron",
    "Draft",
    "DuplicateTask",
    "EnqueueNext",
    "Enqueuer",
    "Every",
    "Explanation",
    "Exponential",
    "Fail",
    "FailedRun",
    "Holdfast",
    "HoldfastError",
    "InvalidArguments",
    "InvalidMiddleware",
    "InvalidOption",
    "InvalidResult",
    "InvalidTask",
    "InvalidTransaction",
    "InvalidUrl",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobError",
    "JobExists",
    "JobFailed",
    "JobNotFound",
    "JobState",
    "LeaseLost",
    "Limit",
    "Linear",
    "LogFields",
    "MetricStorage",
    "Metrics",
    "Middleware",
    "MissingDependency",
    "MoveToDlq",
    "NewJob",
    "NoCurrentJob",
    "OpenTelemetryStorage",
    "Outcome",
    "Pause",
    "PayloadTooLarge",
    "ProcessNext",
    "PrometheusStorage",
    "Rate",
    "Reason",
    "Recovery",
    "RequestId",
    "Reschedule",
    "ResultCapture",
    "ResultNotKept",
    "ResultTimeout",
    "Retention",
    "Retry",
    "RetryPolicy",
    "Schedule",
    "ScheduleNotFound",
    "SchemaMismatch",
    "Snooze",
    "StoreClosed",
    "StoreCorrupt",
    "StoreError",
    "StoreForked",
    "StoreFull",
    "StoreLocked",
    "StoreMoved",
    "StoreReadOnly",
    "StoreUnavailable",
    "StoredLimit",
    "StoredSchedule",
    "Succeeded",
    "SyncContextTask",
    "SyncTask",
    "Task",
    "TaskHandler",
    "TaskRouter",
    "Tracing",
    "Unique",
    "UnknownTask",
    "WorkerSettings",
    "WrongState",
    "__version__",
    "capture_result",
    "capturing",
    "current_job",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is not None:
        from importlib import import_module

        value = getattr(import_module(module), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("holdfast")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, "__version__"})
