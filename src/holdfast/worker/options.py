"""What a worker is asked to do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast

import msgspec

from holdfast.core.errors import InvalidOption
from holdfast.core.times import SECOND


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker's settings. Durations are microseconds, memory is bytes.

    Raises:
        InvalidOption: a value that makes no sense.
    """

    queues: tuple[str, ...] | None = None
    """The queues to serve, in equal shares; None serves all that there are."""
    tasks: tuple[str, ...] | None = None
    """The tasks to serve, among those declared; None serves all of them."""
    concurrency: int = 100
    """Async handlers that run at a time."""
    threads: int = 16
    """Thread handlers that run at a time."""
    children: int | None = None
    """Process handlers that run at a time; None is the number of CPUs."""
    burst: bool = False
    """End once nothing that is due is left."""
    passing: bool = False
    """It is here for a moment only, and no witness of which tasks nobody knows."""
    shutdown_timeout: int = 30 * SECOND
    """How long running jobs may go on once the worker was asked to stop."""
    cancel_grace: int = 2 * SECOND
    """How long a run that was cancelled or has timed out may clean up before it loses its lease."""
    max_jobs: int | None = None
    """End after so many runs."""
    max_memory: int | None = None
    """End when more resident memory is used."""
    poll_interval: int = SECOND
    """How long to wait at most before looking for jobs that no wake-up has told of."""
    lease: int = 30 * SECOND
    """A worker silent for so long is dead. All workers of a database should agree on it."""
    cleanup_interval: int | None = 60 * SECOND
    """How often what need not be kept is looked for; None never looks."""
    unknown_task_grace: int = 3600 * SECOND
    """How long a due job may wait while no worker of its queue knows its task."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "threads"):
            _at_least(name, getattr(self, name), 1)
        for name in ("children", "max_jobs", "max_memory"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 1)
        for name in ("shutdown_timeout", "cancel_grace", "unknown_task_grace"):
            _at_least(name, getattr(self, name), 0)
        _at_least("poll_interval", self.poll_interval, 1_000, "a millisecond")
        if self.cleanup_interval is not None:
            _at_least("cleanup_interval", self.cleanup_interval, 10_000, "10 milliseconds")
        _at_least("lease", self.lease, SECOND // 5, "0.2 seconds")
        _names("queues", self.queues)
        _names("tasks", self.tasks)

    @property
    def beat_interval(self) -> float:
        """Seconds between two beats: five may be missed before the worker is taken for dead."""
        return self.lease / 6 / SECOND

    @property
    def process_slots(self) -> int:
        return self.children or os.cpu_count() or 1


def _at_least(name: str, value: object, least: int, what: str | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise InvalidOption(f"{name} must be at least {what or least}, not {value}")


def _names(what: str, names: Iterable[str] | None) -> None:
    if names is None:
        return
    names = tuple(names)
    if not names:
        raise InvalidOption(f"{what} names none at all; leave it out to serve all {what}")
    for name in cast(tuple[object, ...], names):
        if not (isinstance(name, str) and name):
            raise InvalidOption(f"{what} must be names, not {name!r}")
