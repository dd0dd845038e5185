"""Declaring schedules: `@app.every(…)` and `@app.cron(…)`, of apps and routers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import msgspec

from holdfast.client.names import check_name
from holdfast.client.task import Task
from holdfast.core.errors import InvalidArguments, InvalidOption
from holdfast.core.payload import encode_meta
from holdfast.store.records import ScheduleRow

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from holdfast.core.job import NewJob
    from holdfast.core.schedules import Cron, Every

T = TypeVar("T", bound="Task[Any, Any]")
Overlap: TypeAlias = Literal["allow", "skip"]
Missed: TypeAlias = Literal["latest", "all", "none"]


class Declared(msgspec.Struct, frozen=True):
    """A schedule that code declares."""

    name: str
    when: Any
    """`Cron` or `Every`."""
    task: Any
    args: str
    overlap: Overlap
    missed: Missed

    def row(self) -> ScheduleRow:
        """What is stored of it when a worker starts."""
        job = self.task.client.enqueues.placed(self.task.new_job(self.args))
        return schedule_row(self.name, job, self.when, self.overlap, self.missed, declared=True)


class DeclaresSchedules(ABC):
    """What has `@….every` and `@….cron`: an app, a router."""

    def every(
        self,
        interval: timedelta | float,
        /,
        *,
        name: str | None = None,
        args: Mapping[str, Any] | None = None,
        overlap: Overlap = "allow",
        missed: Missed = "latest",
    ) -> Callable[[T], T]:
        """Run a task at a fixed interval. Stands above `@app.task`; may stand there several times.

        Args:
            interval: a timedelta or seconds; 0.1 s at least. The first fire is one interval after the first worker
                has started.
            name: of the schedule; default: the task's.
            args: arguments of each run, by name.
            overlap: "skip" leaves a tick out while the job of the one before is alive.
            missed: of ticks that have passed while no worker ran, fire the "latest", "all", or "none".

        Raises:
            InvalidOption: a value makes no sense.
            InvalidArguments: the task can't be called with them.
            DuplicateTask: the name is taken, or a worker has begun.
        """
        from holdfast.core.schedules import Every

        return self._scheduled(Every(interval), name, args, overlap, missed)

    def cron(
        self,
        expr: str,
        /,
        *,
        tz: str | ZoneInfo = "UTC",
        name: str | None = None,
        args: Mapping[str, Any] | None = None,
        overlap: Overlap = "allow",
        missed: Missed = "latest",
    ) -> Callable[[T], T]:
        """Run a task at the times of a cron expression. Stands above `@app.task`; may stand there several times.

        Args:
            expr: 5 fields, or 6 with seconds first, or `@hourly`, `@daily` …; see `Cron`.
            tz: the time zone, by name or as `ZoneInfo`.
            name: see `every`.
            args: see `every`.
            overlap: see `every`.
            missed: see `every`.

        Raises:
            InvalidOption, InvalidArguments, DuplicateTask: as `every` does.
        """
        from holdfast.core.schedules import Cron

        return self._scheduled(Cron(expr, tz), name, args, overlap, missed)

    def _scheduled(
        self,
        when: Cron | Every,
        name: str | None,
        args: Mapping[str, Any] | None,
        overlap: Overlap,
        missed: Missed,
    ) -> Callable[[T], T]:
        check_words(overlap, missed)
        if name is not None:
            check_name(name, what="schedule")

        def declare(task: T) -> T:
            if not isinstance(task, Task):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidOption(
                    f"{task!r} is not a task: put the schedule's decorator above @app.task, so that it gets the task"
                )
            self._schedule(Declared(name or task.name, when, task, encoded_args(task, args), overlap, missed))
            return task

        return declare

    @abstractmethod
    def _schedule(self, declared: Declared) -> None: ...


def encoded_args(task: Task[Any, Any], args: Mapping[str, Any] | None) -> str:
    """The arguments of a scheduled task, checked now and not at three in the morning."""
    try:
        return task.signature.encode_mapping(dict(args or {}))
    except InvalidArguments as error:
        raise InvalidArguments(
            f"task {task.name} can't be scheduled like this: {error}. Give what it needs with args={{…}}, or a default"
        ) from error


def check_words(overlap: object, missed: object) -> None:
    """Raises InvalidOption where one is none of its values."""
    if overlap not in ("allow", "skip"):
        raise InvalidOption(f'overlap must be "allow" or "skip", not {overlap!r}')
    if missed not in ("latest", "all", "none"):
        raise InvalidOption(f'missed must be "latest", "all" or "none", not {missed!r}')


def schedule_row(
    name: str, job: NewJob, when: Cron | Every, overlap: Overlap, missed: Missed, *, declared: bool
) -> ScheduleRow:
    """A schedule as it is stored."""
    return ScheduleRow(
        name=name,
        spec=when.encode(),
        task=job.task,
        queue=job.queue,
        args=job.args,
        meta=encode_meta(job.meta),
        priority=job.priority,
        overrides=None if job.overrides is None else job.overrides.encode(),
        ordering_key=job.ordering_key,
        overlap=overlap,
        missed=missed,
        declared=declared,
    )
