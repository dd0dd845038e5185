"""Queues: what code declares, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.core.states import JobState
from holdfast.store.records import QueueRecord, QueueRow
from holdfast.store.statement import Many, Statement, Verb


def declare_queues(rows: Sequence[QueueRow]) -> Verb[None]:
    """Store the settings of queues as code declares them."""
    if rows:
        yield Many("declare_queues", ("name", "settings"), [(row.name, row.settings) for row in rows])


def list_queues() -> Verb[list[QueueRecord]]:
    """Every queue that is declared or holds a job, by name, with counts."""
    declared = yield Statement("list_queues")
    counts: dict[str, dict[str, Any]] = {row[0]: {"declared": True} for row in declared}
    rows = yield Statement("count_pending")
    for queue, pending, due, first, _ in rows:
        found = counts.setdefault(queue, {})
        found.update(pending=pending, due=due or 0, oldest_due=first if due else None)
    for queue, running in (yield Statement("count_running")):
        counts.setdefault(queue, {})["running"] = running
    for queue, state, number in (yield Statement("count_finished")):
        counts.setdefault(queue, {})[JobState(state).value] = number
    return [QueueRecord(name=name, **{"declared": False, **counts[name]}) for name in sorted(counts)]
