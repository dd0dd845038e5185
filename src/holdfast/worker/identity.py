"""What a worker says of itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.store.records import WorkerRow

if TYPE_CHECKING:
    from holdfast.client.registry import Registry
    from holdfast.client.task import Task
    from holdfast.worker.options import WorkerOptions


def worker_row(
    worker: str, registry: Registry, tasks: Sequence[Task[Any, Any]], options: WorkerOptions
) -> WorkerRow:
    """The row of a worker under an id.

    Args:
        worker: the id.
        registry: all tasks that it knows.
        tasks: those that it serves.
        options: its settings.
    """
    known = list(dict.fromkeys([*registry.names(), *(task.name for task in tasks)]))
    return WorkerRow(
        id=worker,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=_version(),
        queues=None if options.queues is None else list(options.queues),
        tasks=known,
        restricted=options.passing or len(tasks) < len(known),
        concurrency=options.concurrency,
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("holdfast")
    except PackageNotFoundError:
        return "unknown"
