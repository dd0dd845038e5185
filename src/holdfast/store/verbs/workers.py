"""The rows by which workers are known and known to be alive."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.core.times import SECOND
from holdfast.store.records import RunningNote, WorkerRecord, WorkerRow
from holdfast.store.statement import Statement, Verb

SILENT = 30 * SECOND
"""A worker that has not beaten for so long is dead, or as good as."""


def register(row: WorkerRow) -> Verb[None]:
    """A worker starts. It may claim once this has committed."""
    yield Statement("register_worker", msgspec.structs.asdict(row))


def beat(worker: str, running: Sequence[RunningNote], memory: int | None) -> Verb[bool]:
    """A worker lives. False: its row is gone, it was declared dead, and what it held was given to others."""
    # As text: a dialect that has arrays could not know that an empty list is meant to be JSON.
    notes = msgspec.json.encode(running).decode()
    counted = yield Statement("beat", {"id": worker, "running": notes, "memory": memory})
    return bool(counted[0][0])


def beats() -> Verb[list[tuple[str, int]]]:
    """Every worker's id and beat counter."""
    rows = yield Statement("list_beats")
    return [(row[0], row[1]) for row in rows]


def unregister(worker: str) -> Verb[None]:
    """A worker ends. What it still holds, if anything, is found by the next rescue."""
    yield Statement("remove_worker", {"id": worker})
    yield Statement("stop_listening", {"id": worker})


def list_workers() -> Verb[list[WorkerRecord]]:
    """All workers that have a row, living or not yet found dead."""
    rows = yield Statement("list_workers")
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), WorkerRecord, strict=False) for row in rows]


_FIELDS = (
    "id",
    "host",
    "pid",
    "version",
    "queues",
    "tasks",
    "restricted",
    "concurrency",
    "started_at",
    "beat",
    "beat_at",
    "running",
    "memory",
)
