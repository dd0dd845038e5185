"""What people who watch over a queue look at all the time, at a cost that doesn't grow with what waits or is kept."""

from __future__ import annotations

from holdfast.store.records import DepthRecord, RecentFailures
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.claim import NOTES, lanes
from holdfast.store.verbs.pauses import list_pauses


def depths(most: int) -> Verb[list[DepthRecord]]:
    """Every queue that is declared, paused, or in which a job waits or runs, by name.

    Args:
        most: counts end there.
    """
    declared = {str(row[0]) for row in (yield Statement("list_queues"))}
    paused = {one.name for one in (yield from list_pauses()) if one.kind == "queue"}
    found = [lane for lane in (yield from lanes()) if lane.queue != NOTES and not lane.lined]
    counted = [(lane.queue, lane.lane) for lane in found]
    rows = (yield Statement("depth_of_lanes", {"lanes": counted, "most": most})) if counted else []
    waiting = {row[0]: (row[1], row[2]) for row in rows}
    blocked = {row[0]: row[1] for row in (yield Statement("depth_of_lines", {"most": most}))}
    running = {row[0]: row[1] for row in (yield Statement("count_running"))}
    oldest: dict[str, int] = {}
    for lane in found:
        oldest[lane.queue] = min(lane.run_at, oldest.get(lane.queue, lane.run_at))
    return [
        DepthRecord(
            name=name,
            declared=name in declared,
            pending=min(most, waiting.get(name, (0, 0))[0]),
            due=min(most, waiting.get(name, (0, 0))[1]),
            blocked=blocked.get(name, 0),
            running=running.get(name, 0),
            oldest_due=oldest.get(name) if waiting.get(name, (0, 0))[1] else None,
        )
        for name in sorted({*declared, *paused, *waiting, *blocked, *running})
    ]


def recent_failures(since: int, most: int) -> Verb[RecentFailures]:
    """Failed jobs, counted among the `most` that were enqueued last.

    Args:
        since: those that failed at this time or later are counted by themselves.
        most: so many are looked at.
    """
    ((number, lately),) = yield Statement("recent_failures", {"since": since, "most": most})
    return RecentFailures(number=number, lately=lately)


def unknown_tasks() -> Verb[list[tuple[str, str, int]]]:
    """Tasks of due jobs that no living worker of their queue knows: queue, task, since when."""
    return [(row[0], row[1], row[2]) for row in (yield Statement("unknown_tasks"))]
