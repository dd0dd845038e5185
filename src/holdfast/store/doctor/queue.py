"""The queue itself: workers, what they held and know, and jobs that nobody runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.core.ids import timestamp_ms
from holdfast.core.times import SECOND
from holdfast.store.doctor.finding import Finding, error, fine, several, span, warning
from holdfast.store.move.marks import Mark, marks
from holdfast.store.records import LaneDue, PauseRecord, WorkerRecord
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.claim import NOTES, lanes
from holdfast.store.verbs.pauses import Halted, list_pauses
from holdfast.store.verbs.workers import SILENT, list_workers

RESCUED = 60 * SECOND
"""By then the living have rescued what the dead held."""
UNSERVED = 300 * SECOND
"""Due jobs that nobody serves: from here on it is no pause between two workers."""
MOMENT = 10 * SECOND
OVERDUE = 600 * SECOND
LONG = 3600 * SECOND
LANES = 200
"""So many due lanes are looked at."""
HEAD = 1000
"""So many due jobs of each."""
ARRIVED = 10_000
"""So many notes of jobs that have come, the first."""
LEASES = 50
"""So many leases, the oldest."""


class DueLane(msgspec.Struct, frozen=True):
    """A lane with due jobs."""

    lane: LaneDue
    tasks: list[str]
    """Of its first due jobs."""
    known: tuple[str, str, int] | None
    """The first of them whose task a living worker of the queue knows: id, task, run time."""


class Lease(msgspec.Struct, frozen=True):
    """A claimed batch."""

    id: str
    worker: str
    created_at: int
    jobs: int
    """That it may still own."""


class Facts(msgspec.Struct, frozen=True):
    """The queue at one moment."""

    now: int
    workers: list[WorkerRecord]
    due: list[DueLane]
    lanes_left_out: int
    arrived: dict[str, int]
    """Queues in which jobs stand in lines that no worker has looked at yet, and about since when."""
    leases: list[Lease]
    unknown: dict[tuple[str, str], int]
    """Tasks of due jobs that nobody knows, as workers have noted them, and since when."""
    moves: list[Mark]
    pauses: list[PauseRecord] = []

    @property
    def alive(self) -> list[WorkerRecord]:
        return [worker for worker in self.workers if self.silence(worker) < SILENT]

    @property
    def left(self) -> bool:
        """The jobs were moved elsewhere."""
        return any(mark.role == "from" and mark.state == "moved" for mark in self.moves)

    def silence(self, worker: WorkerRecord) -> int:
        return self.now - worker.beat_at

    def serving(self, queue: str) -> list[WorkerRecord]:
        """Living workers of a queue."""
        return serving(self.alive, queue)


def serving(workers: Sequence[WorkerRecord], queue: str) -> list[WorkerRecord]:
    return [worker for worker in workers if worker.queues is None or queue in worker.queues]


def look(now: int) -> Verb[Facts]:
    """Gather the facts, in a few small reads."""
    workers = yield from list_workers()
    alive = [worker for worker in workers if now - worker.beat_at < SILENT]
    pauses = yield from list_pauses()
    halted = Halted(pauses)
    # That paused jobs don't run is meant so.
    due = sorted(
        (
            lane
            for lane in (yield from lanes())
            if lane.run_at <= now and lane.queue != NOTES and not halted.queue(lane.queue)
        ),
        key=lambda lane: lane.run_at,
    )
    looked_at: list[DueLane] = []
    for lane in due[:LANES]:
        place: dict[str, Any] = {"queue": lane.queue, "lane": lane.lane, "limit": HEAD}
        rows = yield Statement("lined_tasks" if lane.lined else "head_tasks", place)
        tasks = [row[0] for row in rows if not halted.job(lane.queue, row[0])]
        served = {task for worker in serving(alive, lane.queue) for task in worker.tasks}
        known = sorted(task for task in served if not halted.job(lane.queue, task))
        overdue = "doctor/overdue_lines" if lane.lined else "doctor/overdue"
        first = (yield Statement(overdue, {**place, "tasks": known})) if known else []
        looked_at.append(DueLane(lane, sorted(tasks), tuple(first[0]) if first else None))
    leases = yield Statement("doctor/leases", {"limit": LEASES})
    noted = yield Statement("unknown_tasks")
    moves = yield from marks()
    arrived = {
        queue: timestamp_ms(first) * 1000
        for queue, first in (yield Statement("doctor/arrived", {"limit": ARRIVED}))
        if not halted.queue(queue)
    }
    return Facts(
        now=now,
        workers=workers,
        due=looked_at,
        lanes_left_out=max(0, len(due) - LANES),
        arrived=arrived,
        leases=[Lease(*row) for row in leases],
        unknown={(queue, task): since for queue, task, since in noted},
        moves=moves,
        pauses=pauses,
    )


# --- checks -----------------------------------------------------------------------------------------------------


def check_workers(facts: Facts) -> list[Finding]:
    """Are there any, and do all that are listed live?"""
    alive = facts.alive
    found: list[Finding] = []
    for worker in facts.workers:
        silence = facts.silence(worker)
        if silence < (RESCUED if alive else SILENT):
            continue
        place = f"worker {worker.id} (process {worker.pid} on {worker.host})"
        found.append(
            warning(
                "workers",
                f"{place} has been silent for {span(silence / SECOND)} and is still listed: "
                + ("the others have not rescued it" if alive else "no worker is alive to take over what it held"),
                "See why the living workers don't look after it: their logs tell" if alive else "Start a worker",
                worker=worker.id, host=worker.host, pid=worker.pid, silent_seconds=silence / SECOND,
            )
        )  # fmt: skip
    if not found:
        hosts = sorted({worker.host for worker in alive})
        on = f" on {several(hosts)}" if hosts else ""
        found.append(
            fine("workers", f"{_count(len(alive), 'worker')} alive{on}", alive=len(alive), hosts=hosts)
        )
    return found


def check_leases(facts: Facts) -> list[Finding]:
    """Jobs in the hands of workers that are no more."""
    alive = {worker.id for worker in facts.alive}
    lost = [
        lease
        for lease in facts.leases
        if lease.worker not in alive and facts.now - lease.created_at > (RESCUED if alive else SILENT)
    ]
    if not lost:
        return [fine("leases", "no jobs are in the hands of dead workers")]
    jobs = sum(lease.jobs for lease in lost)
    least = "at least " if len(facts.leases) == LEASES else ""
    workers = sorted({lease.worker for lease in lost})
    return [
        (warning if alive else error)(
            "leases",
            f"{least}{_count(jobs, 'job')} in {_count(len(lost), 'lease')} of dead workers ({several(workers, 2)}) "
            "wait to be rescued; they don't run meanwhile",
            "Wait half a minute: living workers rescue them. If this stays, a session holds a lock on the leases"
            if alive
            else "Start a worker: it rescues them within half a minute",
            leases=[lease.id for lease in lost], workers=workers, jobs=jobs,
        )
    ]  # fmt: skip


def check_queues(facts: Facts) -> list[Finding]:
    """Due jobs in queues that no living worker serves."""
    oldest = {queue: since for queue, since in facts.arrived.items() if not facts.serving(queue)}
    for due in facts.due:
        if not facts.serving(due.lane.queue):
            oldest[due.lane.queue] = min(oldest.get(due.lane.queue, due.lane.run_at), due.lane.run_at)
    found: list[Finding] = []
    for queue, since in oldest.items():
        age = facts.now - since
        if age < MOMENT:
            continue
        found.append(
            (error if age > UNSERVED else warning)(
                "queues",
                f"queue {queue!r} has jobs that have been due for up to {span(age / SECOND)}, and no living worker "
                "serves it: they will not run",
                f"Start a worker that serves it: `holdfast --app … worker -q {queue}`",
                queue=queue, due_seconds=age / SECOND,
            )
        )  # fmt: skip
    left = f" ({facts.lanes_left_out} lanes were not looked at)" if facts.lanes_left_out else ""
    return found or [
        fine("queues", f"no job has been due for long without a living worker of its queue{left}")
    ]


def check_tasks(facts: Facts) -> list[Finding]:
    """Due jobs of tasks that no living worker of their queue knows."""
    found: list[Finding] = []
    for queue, task in sorted({(due.lane.queue, task) for due in facts.due for task in due.tasks}):
        workers = facts.serving(queue)
        if not workers or any(task in worker.tasks for worker in workers):
            continue
        since = facts.unknown.get((queue, task))
        noted = f", as workers noted {span((facts.now - since) / SECOND)} ago" if since is not None else ""
        found.append(
            error(
                "tasks",
                f"queue {queue!r} has due jobs of task {task!r}, which no living worker of that queue knows{noted}: "
                "they don't run, and fail as unknown_task an hour after that was noted",
                "Deploy workers with the code that declares it, or cancel the jobs: "
                f"`holdfast jobs cancel --queue {queue} --task {task}`",
                queue=queue, task=task, noted_seconds=None if since is None else (facts.now - since) / SECOND,
            )
        )  # fmt: skip
    looked_at = f"the first {HEAD:,} of a lane"
    return found or [fine("tasks", f"the workers of each queue know the tasks of its due jobs ({looked_at})")]


def check_overdue(facts: Facts) -> list[Finding]:
    """Jobs that have been due for long although workers serve their queue and know their task."""
    found: list[Finding] = []
    for due in facts.due:
        if due.known is None or facts.now - due.known[2] < OVERDUE:
            continue
        job_id, task, run_at = due.known
        workers = facts.serving(due.lane.queue)
        running = sum(len(worker.running) for worker in workers)
        room = sum(worker.concurrency for worker in workers)
        found.append(
            warning(
                "overdue",
                f"job {job_id} ({task}) of queue {due.lane.queue!r} has been due for "
                f"{span((facts.now - run_at) / SECOND)} although {_count(len(workers), 'worker')} serve it, with "
                f"{running} of {room} slots in long runs",
                "If the slots are taken, add workers or raise their concurrency, and look for runs without a "
                "timeout; if not, see the workers' logs",
                job=job_id, task=task, queue=due.lane.queue, due_seconds=(facts.now - run_at) / SECOND,
                workers=len(workers), running=running, slots=room,
            )
        )  # fmt: skip
    return found or [
        fine("overdue", f"no job has been due for {span(OVERDUE / SECOND)} where workers serve it")
    ]


def check_long_runs(facts: Facts) -> list[Finding]:
    """Runs that have been going on for very long."""
    found: list[Finding] = []
    for worker in facts.alive:
        for note in worker.running:
            age = facts.now - note.started_at
            if age >= LONG:
                found.append(
                    warning(
                        "long runs",
                        f"job {note.job_id} ({note.task}) has been running for {span(age / SECOND)} on {worker.host} "
                        f"(process {worker.pid}), and holds a slot all that time",
                        "If that is too long, give the task a timeout; `holdfast jobs cancel` with --force ends this "
                        "one now",
                        job=note.job_id, task=note.task, worker=worker.id, seconds=age / SECOND,
                    )
                )  # fmt: skip
    return found or [fine("long runs", f"no run has been going on for {span(LONG / SECOND)}")]


def check_moves(facts: Facts) -> list[Finding]:
    """A move that has not ended, or a database that was left."""
    gone = next((mark for mark in facts.moves if mark.role == "from"), None)
    coming = [mark for mark in facts.moves if mark.role == "to" and mark.state == "moving"]
    if gone is not None and gone.state == "moved":
        what = (
            f"the jobs of this database were moved to {gone.other}; it takes no jobs and no workers any more"
        )
        return [
            error(
                "move", what, "Give applications and workers that database's URL", to=gone.other, id=gone.id
            )
        ]
    found = [
        error(
            "move",
            f"a move to {mark.other} has not ended: this database takes no jobs and no workers"
            if mark.role == "from"
            else f"a move from {mark.other} into this database has not ended: no worker can start here",
            "Run the same `holdfast move` again to go on, or with --undo to give up",
            other=mark.other, role=mark.role, id=mark.id,
        )
        for mark in [*([gone] if gone is not None else []), *coming]
    ]  # fmt: skip
    return found or [fine("move", "no move is under way")]


def check_declared(facts: Facts, declared: Sequence[str]) -> list[Finding]:
    """What the application declares, against what living workers know and what waits."""
    found: list[Finding] = []
    known = {task for worker in facts.alive for task in worker.tasks}
    missing = sorted(task for task in declared if task not in known)
    if missing and facts.alive:
        found.append(
            warning(
                "declared",
                f"this application declares tasks that no living worker knows: {several(missing)}. Their jobs wait",
                "Deploy the workers with the same code as the application",
                tasks=missing,
            )
        )
    waiting = {task for due in facts.due for task in due.tasks}
    strange = sorted(waiting - set(declared))
    if strange:
        found.append(
            warning(
                "declared",
                f"due jobs are of tasks that this application doesn't declare: {several(strange)}",
                "If they were renamed, keep the old name with name=…, or let another application's workers run them",
                tasks=strange,
            )
        )
    return found or [fine("declared", f"{_count(len(declared), 'task')} declared, and nothing else is due")]


CHECKS = (
    check_workers,
    check_leases,
    check_queues,
    check_tasks,
    check_overdue,
    check_long_runs,
    check_moves,
)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
