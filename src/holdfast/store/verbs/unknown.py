"""Due jobs of tasks that no live worker of their queue knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.core.job import Claimed, Settlement
from holdfast.store.records import LaneDue, WorkerRecord
from holdfast.store.statement import Many, Statement, Verb
from holdfast.store.verbs.claim import KEY, NOTES, lanes
from holdfast.store.verbs.pauses import Halted, list_pauses
from holdfast.store.verbs.settle import apply
from holdfast.store.verbs.workers import list_workers

HEAD = 1000
"""So many due jobs of a lane are looked at, and at most given up at once."""


def give_up_unknown(now: int, grace: int, decide: Callable[[Claimed], Settlement]) -> Verb[list[Settlement]]:
    """Note which tasks of due jobs nobody knows, and give up on those that nobody has known for the grace time.

    Args:
        now: the store's time.
        grace: microseconds.
        decide: makes the settlement of each job given up.
    """
    workers = yield from list_workers()
    # What is paused waits for whoever paused it: its clock begins anew once it is resumed.
    halted = Halted((yield from list_pauses()))
    found = yield from lanes()
    due = [
        lane for lane in found if lane.run_at <= now and lane.queue != NOTES and not halted.queue(lane.queue)
    ]
    unknown: dict[tuple[str, str], list[LaneDue]] = {}
    for lane in due:
        name = "lined_tasks" if lane.lined else "head_tasks"
        rows = yield Statement(name, {"queue": lane.queue, "lane": lane.lane, "limit": HEAD})
        for (task,) in rows:
            if not halted.job(lane.queue, task) and _nobody_knows(task, lane.queue, workers):
                unknown.setdefault((lane.queue, task), []).append(lane)
    noted: dict[tuple[str, str], int] = {(q, t): since for q, t, since in (yield Statement("unknown_tasks"))}
    gone = [key for key in noted if key not in unknown]
    if gone:
        yield Many("drop_unknown", ("queue", "task"), gone)
    fresh = [key for key in unknown if key not in noted]
    if fresh:
        yield Many("add_unknown", ("queue", "task"), fresh)
    settled: list[Settlement] = []
    for key, places in unknown.items():
        if key in noted and noted[key] + grace <= now:
            for lane in places:
                settled += yield from _give_up(lane, key[1], decide)
    return settled


def _nobody_knows(task: str, queue: str, workers: Sequence[WorkerRecord]) -> bool:
    """True if workers serve the queue and none knows the task; one that serves only some tasks is no witness."""
    serving = [worker for worker in workers if worker.queues is None or queue in worker.queues]
    return any(not w.restricted for w in serving) and not any(task in w.tasks for w in serving)


def _give_up(lane: LaneDue, task: str, decide: Callable[[Claimed], Settlement]) -> Verb[list[Settlement]]:
    place = {"queue": lane.queue, "lane": lane.lane, "task": task, "limit": HEAD}
    rows = yield Statement("lock_lined_of_task" if lane.lined else "lock_due_of_task", place)
    if not rows:
        return []
    jobs = [Claimed(*row[:15]) for row in rows]
    for job in jobs:
        # A run of its own, so that its error doesn't fall together with that of the last real one.
        job.run += 1
    settlements = [decide(job) for job in jobs]
    if lane.lined:
        yield Statement("drop_from_lines", {"ids": [row[0] for row in rows]})
    else:
        yield Many("drop_pending", KEY, [(row[2], row[15], row[10], row[0]) for row in rows])
    yield from apply(None, settlements, [])
    return settlements
