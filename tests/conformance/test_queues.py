"""Queues and what is in them; due jobs of tasks that nobody knows."""

from __future__ import annotations

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Settlement
from holdfast.core.states import JobState, Reason
from holdfast.store.records import QueueRecord, QueueRow
from holdfast.store.verbs import queues, unknown, workers
from tests.conformance.scene import HOUR, QUEUE, Scene

# --- queues ---


def counted(scene: Scene) -> dict[str, QueueRecord]:
    return {record.name: record for record in scene.store.read(queues.list_queues)}


def test_no_queues(scene: Scene) -> None:
    assert scene.store.read(queues.list_queues) == []


def test_declared_queues_are_listed_by_name(scene: Scene) -> None:
    scene.store.write(queues.declare_queues, [QueueRow("b"), QueueRow("a", '{"x": 1}'), QueueRow("ö 'x'")])
    found = scene.store.read(queues.list_queues)
    assert found == [QueueRecord(name=name, declared=True) for name in ("a", "b", "ö 'x'")]
    scene.store.write(queues.declare_queues, [QueueRow("a", '{"x": 2}'), QueueRow("c")])
    assert list(counted(scene)) == ["a", "b", "c", "ö 'x'"]
    settings = scene.backend.execute("SELECT settings FROM {}queues WHERE name = ?", "a")[0][0]
    assert settings in ('{"x": 2}', {"x": 2})


def test_declaring_no_queues_is_nothing(scene: Scene) -> None:
    assert list(queues.declare_queues([])) == []


def test_counts_of_each_state(scene: Scene) -> None:
    worker = scene.worker()
    scene.store.write(queues.declare_queues, [QueueRow("a"), QueueRow("empty")])
    outcomes = [o.Succeeded()] * 4 + [o.Fail("x")] * 3 + [o.Cancel()] * 2
    for queue in ("a", "b"):
        claimed = scene.run(9, worker=worker, queue=queue)
        flush = [scene.decide(job, outcome) for job, outcome in zip(claimed, outcomes, strict=True)]
        scene.settle(worker, flush, [claimed[0].lease])
        scene.run(2, worker=worker, queue=queue)
        scene.enqueue(3, queue=queue), scene.enqueue(5, queue=queue, delay=HOUR)
    first = min(scene.get(job_id).run_at for job_id in scene.backend.tables().pending)
    found = counted(scene)
    assert set(found) == {"a", "b", "empty"}
    a = found["a"]
    assert (a.declared, a.pending, a.due, a.running) == (True, 8, 3, 2)
    assert (a.succeeded, a.failed, a.cancelled, a.oldest_due) == (4, 3, 2, first)
    b = found["b"]
    assert (b.declared, b.pending, b.due, b.running, b.failed) == (False, 8, 3, 2, 3)
    assert found["empty"] == QueueRecord(name="empty", declared=True)


def test_running_counts_each_job_once_whatever_its_lease_says(scene: Scene) -> None:
    worker = scene.worker()
    done, back, cancelled, running = scene.run(4, worker=worker)
    scene.settle(worker, [scene.decide(done, o.Succeeded()), scene.decide(back, o.Retry())])
    scene.settle(worker, [scene.decide(cancelled, o.Cancel())])
    record = counted(scene)[QUEUE]
    assert (record.running, record.pending, record.succeeded, record.cancelled) == (1, 1, 1, 1)
    scene.finish(worker, [running])


def test_a_queue_of_scheduled_jobs_has_none_due(scene: Scene) -> None:
    scene.enqueue(2, delay=HOUR)
    record = counted(scene)[QUEUE]
    assert (record.pending, record.due, record.oldest_due) == (2, 0, None)


# --- unknown tasks ---


def give_up(scene: Scene, *, after: int = 0, grace: int = HOUR) -> list[Settlement]:
    """Look for unknown tasks, as seen `after` microseconds from now."""
    now = scene.store.now() + after

    def decide(job: Claimed) -> Settlement:
        return scene.decide(job, o.NotKnown(), now=now)

    return scene.store.write(unknown.give_up_unknown, now, grace, decide)


def test_a_task_that_nobody_knows_is_given_up_after_the_grace(scene: Scene) -> None:
    scene.worker(tasks=["known"])
    lost = [*scene.enqueue(2, task="lost"), *scene.enqueue(1, task="lost", priority=5)]
    kept = scene.enqueue(2, task="known")
    assert give_up(scene) == []
    assert give_up(scene, after=HOUR // 2) == []
    news = scene.news()
    given = give_up(scene, after=2 * HOUR)
    assert {s.job.job_id for s in given} == set(lost)
    for job_id in lost:
        record = scene.get(job_id)
        assert (record.state, record.reason, record.run) == (JobState.FAILED, Reason.UNKNOWN_TASK, 1)
        assert record.worker is None
        (error,) = scene.errors(job_id)
        assert "has known the task 'lost'" in error.message
    assert {job_id for wake in news for job_id in wake.finished} == set(lost)
    assert {scene.get(job_id).state for job_id in kept} == {JobState.PENDING}
    assert give_up(scene, after=3 * HOUR) == []


def test_a_job_that_had_failed_before_says_why_it_was_given_up(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker, task="lost")
    scene.settle(worker, [scene.due(scene.decide(job, o.Raised(ValueError("first"))))], [job.lease])
    scene.worker(tasks=["known"])
    scene.store.write(workers.unregister, worker)
    give_up(scene)
    give_up(scene, after=2 * HOUR)
    assert scene.get(job.job_id).reason is Reason.UNKNOWN_TASK
    assert [error.type for error in scene.errors(job.job_id)] == ["ValueError", "holdfast.UnknownTask"]


def test_jobs_that_are_not_due_start_no_clock(scene: Scene) -> None:
    scene.worker(tasks=["known"])
    scene.enqueue(1, task="lost", delay=HOUR)
    assert give_up(scene) == []
    assert scene.backend.execute("SELECT * FROM {}unknown_tasks") == []


def test_workers_of_other_queues_are_no_witnesses(scene: Scene) -> None:
    scene.worker(tasks=["known"], queues=["other"])
    job_id = scene.enqueue_one(task="lost")
    for after in (0, 2 * HOUR, 4 * HOUR):
        assert give_up(scene, after=after) == []
    scene.worker(tasks=["known"], queues=[QUEUE, "other"])
    give_up(scene)
    assert [s.job.job_id for s in give_up(scene, after=2 * HOUR)] == [job_id]


def test_no_worker_no_clock(scene: Scene) -> None:
    scene.enqueue(1, task="lost")
    for after in (0, 2 * HOUR):
        assert give_up(scene, after=after) == []


def test_restricted_workers_start_no_clock(scene: Scene) -> None:
    scene.worker(tasks=["a", "b"], restricted=True)
    scene.enqueue(1, task="lost")
    for after in (0, 2 * HOUR, 4 * HOUR):
        assert give_up(scene, after=after) == []


def test_a_restricted_worker_that_knows_the_task_stops_the_clock(scene: Scene) -> None:
    scene.worker(tasks=["known"])
    scene.enqueue(1, task="lost")
    give_up(scene)
    scene.worker(tasks=["known", "lost"], restricted=True)
    for after in (2 * HOUR, 4 * HOUR):
        assert give_up(scene, after=after) == []


def test_the_clock_starts_over_when_the_task_was_known_meanwhile(scene: Scene) -> None:
    scene.worker(tasks=["known"])
    job_id = scene.enqueue_one(task="lost")
    give_up(scene)
    knower = scene.worker(tasks=["lost"])
    give_up(scene, after=1)
    scene.store.write(workers.unregister, knower)
    assert give_up(scene, after=2 * HOUR) == [], "it is noted anew"
    assert [s.job.job_id for s in give_up(scene, after=4 * HOUR)] == [job_id]


def test_only_the_lanes_with_due_jobs_are_looked_at(scene: Scene) -> None:
    scene.worker(tasks=["known"])
    due = scene.enqueue_one(task="lost")
    later = scene.enqueue_one(task="lost", delay=HOUR)
    give_up(scene)
    assert [s.job.job_id for s in give_up(scene, after=HOUR // 2, grace=HOUR // 4)] == [due]
    assert scene.get(later).state is JobState.PENDING


@pytest.mark.parametrize("known", [0, 1])
def test_the_head_of_a_long_lane_is_found(scene: Scene, known: int) -> None:
    scene.worker(tasks=["known"])
    lost = scene.enqueue(unknown.HEAD - known, task="lost")
    scene.enqueue(5, task="known")
    give_up(scene)
    assert {s.job.job_id for s in give_up(scene, after=2 * HOUR)} == set(lost)
