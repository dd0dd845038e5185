"""Queues: what code declares, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.core.states import JobState
from holdfast.store.records import QueueCounts, QueueRecord, QueueRow
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs.claim import NOTES, lanes
from holdfast.store.verbs.lines import note_gone
from holdfast.store.verbs.retention import forget


def declare_queues(rows: Sequence[QueueRow]) -> Verb[None]:
    """Store the settings of queues as code declares them."""
    if rows:
        yield Many("declare_queues", ("name", "settings"), [(row.name, row.settings) for row in rows])


def stored_settings() -> Verb[list[tuple[str, str]]]:
    """The names and settings of all queues that any code has declared."""
    rows = yield Statement("list_queues")
    return [(str(row[0]), str(row[1])) for row in rows]


def list_queues() -> Verb[list[QueueRecord]]:
    """Every queue that is declared, paused or holds a job, by name, with counts."""
    declared = yield Statement("list_queues")
    counts: dict[str, dict[str, Any]] = {row[0]: {"declared": True} for row in declared}
    for kind, name, *_ in (yield Statement("list_pauses")):
        if kind == "queue":
            counts.setdefault(name, {})
    rows = yield Statement("count_pending")
    for queue, pending, due, first, _ in rows:
        found = counts.setdefault(queue, {})
        found.update(pending=pending, due=due or 0, oldest_due=first if due else None)
    for queue, blocked in (yield Statement("count_blocked")):
        counts.setdefault(queue, {})["blocked"] = blocked
    for queue, running in (yield Statement("count_running")):
        counts.setdefault(queue, {})["running"] = running
    for queue, state, number in (yield Statement("count_finished")):
        counts.setdefault(queue, {})[JobState(state).value] = number
    return [QueueRecord(name=name, **{"declared": False, **counts[name]}) for name in sorted(counts)]


def count_queue(queue: str) -> Verb[QueueCounts]:
    """What is in one queue."""
    (row,) = yield Statement("count_of_queue", {"queue": queue})
    blocked = {row[0]: row[1] for row in (yield Statement("count_blocked"))}
    running = {row[0]: row[1] for row in (yield Statement("count_running"))}
    pending, due, oldest, succeeded, failed, cancelled = row
    return QueueCounts(
        pending=pending,
        due=due,
        running=running.get(queue, 0),
        succeeded=succeeded or 0,
        failed=failed or 0,
        cancelled=cancelled or 0,
        oldest_due=oldest,
        blocked=blocked.get(queue, 0),
    )


def queue_names() -> Verb[list[str]]:
    """Every queue that is declared, or in which a job waits or runs, without a look at those that have ended."""
    names = {str(row[0]) for row in (yield Statement("list_queues"))}
    names.update(lane.queue for lane in (yield from lanes()) if lane.queue != NOTES)
    names.update(str(row[0]) for row in (yield Statement("count_blocked")))
    names.update(str(row[0]) for row in (yield Statement("count_running")))
    return sorted(names)


FIRST: Row = (-32768, 0, "00000000-0000-0000-0000-000000000000")
"""Before all that waits in a queue: lane, run time, id."""


def purge_waiting(queue: str, after: Row, limit: int) -> Verb[tuple[int, Row]]:
    """Delete some of the jobs that wait in a queue.

    Args:
        queue: its name.
        after: where to begin: `FIRST`, then the last call's second value, so that entries deleted already are not
            waded through again.
        limit: at most so many, to keep the transaction short.

    Returns:
        How many were deleted, and where the next call is to begin.
    """
    lined = yield Statement("drop_blocked", {"queue": queue, "limit": limit})
    ids = [row[0] for row in lined]
    yield from note_gone(((row[0], row[1]) for row in lined), ran=False)
    if not ids:
        lane, run_at, job_id = after
        place = {"queue": queue, "lane": lane, "run_at": run_at, "id": job_id, "limit": limit}
        rows = yield Statement("take_waiting", place)
        if not rows:
            return 0, after
        ids, after = [row[2] for row in rows], rows[-1]
        yield Statement("delete_pending", {"ids": ids})
    yield from forget(ids)
    # Whoever waits for one of them must not wait on.
    yield Wake(finished=tuple(ids))
    return len(ids), tuple(after)
