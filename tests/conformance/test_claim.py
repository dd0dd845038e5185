"""Taking due jobs, and the lanes they are in."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdfast.core.job import SUSPECT_LANE
from holdfast.core.outcomes import Interrupted, Retry, Snooze
from holdfast.core.states import JobState
from holdfast.store.records import LaneDue
from holdfast.store.verbs import claim, leases
from holdfast.store.verbs.insert import insert
from tests.conformance.scene import HOUR, QUEUE, SECOND, SLACK, TASK, Scene, until


def ids_of(claimed: list[claim.Claimed]) -> list[str]:
    return [job.job_id for job in claimed]


def test_a_claim_hands_out_all_that_a_run_needs(scene: Scene) -> None:
    before = scene.store.now()
    job_id = scene.enqueue_one(priority=3, args='{"to":"x"}', meta={"a": 1})
    worker, lease = scene.worker(), scene.ids.next()
    (job,) = scene.claim(worker, (QUEUE, 3), lease=lease)
    assert (job.job_id, job.task, job.queue, job.priority) == (job_id, TASK, QUEUE, 3)
    assert (job.args, job.meta, job.overrides) == ('{"to":"x"}', '{"a":1}', None)
    assert (job.run, job.attempt, job.crashes) == (1, 1, 0)
    assert scene.is_now(job.created_at, before)
    assert scene.is_now(job.run_at, before)
    assert (job.lease, job.started_at) == (lease, None)


def test_a_claimed_job_is_running_and_named_by_one_lease(scene: Scene) -> None:
    worker, lease = scene.worker(), scene.ids.next()
    wanted = scene.enqueue(3)
    before = scene.store.now()
    scene.claim(worker, limit=2, lease=lease)
    assert scene.leases() == {lease: (wanted[:2], [])}
    assert scene.store.read(leases.held, worker) == [lease]
    record = scene.get(wanted[0])
    assert (record.state, record.worker, record.run, record.attempt) == (JobState.RUNNING, worker, 1, 1)
    assert scene.is_now(record.started_at, before)
    assert scene.get(wanted[2]).state is JobState.PENDING


def test_lanes_are_served_in_the_order_given(scene: Scene) -> None:
    low, high = scene.enqueue(3, priority=-1), scene.enqueue(3, priority=9)
    other = scene.enqueue(3, queue="other")
    worker = scene.worker()
    claimed = scene.claim(worker, (QUEUE, 9), ("other", 0), (QUEUE, -1), limit=7)
    assert ids_of(claimed) == high + other + low[:1]
    # Turned round: the caller decides, not the priority.
    more = scene.enqueue(3, priority=9)
    assert ids_of(scene.claim(worker, (QUEUE, -1), (QUEUE, 9), limit=4)) == low[1:] + more[:2]


@pytest.mark.parity("F19")
def test_inside_a_lane_the_run_time_decides_and_then_the_id(scene: Scene) -> None:
    worker = scene.worker()
    first = scene.run(4, worker=worker)
    now = scene.store.now()
    back = []
    for job, at in zip(
        first, (now - 10 * SECOND, now - 30 * SECOND, now - 10 * SECOND, now - 20 * SECOND), strict=True
    ):
        back.append(replace(scene.decide(job, Retry()), run_at=at))
    scene.settle(worker, back[::-1], [first[0].lease])
    a, b, c, d = ids_of(first)
    again = scene.claim(worker)
    assert ids_of(again) == [b, d, a, c]
    assert [job.run_at for job in again] == [now - at * SECOND for at in (30, 20, 10, 10)]


def test_the_limit_holds_across_lanes(scene: Scene) -> None:
    high, low = scene.enqueue(3, priority=1), scene.enqueue(3)
    worker = scene.worker()
    assert ids_of(scene.claim(worker, (QUEUE, 1), (QUEUE, 0), limit=2)) == high[:2]
    assert ids_of(scene.claim(worker, (QUEUE, 1), (QUEUE, 0), limit=2)) == [high[2], low[0]]
    assert ids_of(scene.claim(worker, (QUEUE, 1), (QUEUE, 0), limit=100)) == low[1:]


def test_jobs_that_are_not_due_are_passed_over_in_every_lane(scene: Scene) -> None:
    scene.enqueue(2000, priority=50, delay=HOUR)
    due = scene.enqueue(2)
    worker = scene.worker()
    assert ids_of(scene.claim(worker, (QUEUE, 50), (QUEUE, 0))) == due
    assert scene.claim(worker, (QUEUE, 50), (QUEUE, 0)) == []


def test_a_job_becomes_due_by_itself(scene: Scene) -> None:
    worker = scene.worker()
    job_id = scene.enqueue_one(delay=60_000)
    assert scene.claim(worker) == []
    began = time.monotonic()
    (job,) = until(lambda: scene.claim(worker), what="the job's being due")
    assert job.job_id == job_id
    assert time.monotonic() - began < 5


def test_tasks_that_the_worker_does_not_serve_stay(scene: Scene) -> None:
    a, b, c = (scene.enqueue(2, task=task) for task in ("a", "b", "c"))
    worker = scene.worker()
    assert ids_of(scene.claim(worker, tasks=["c", "a", "unheard-of"], limit=3)) == [*a, c[0]]
    assert scene.claim(worker, tasks=[]) == []
    assert set(scene.backend.tables().pending) == {*b, c[1]}


def test_a_backlog_of_other_tasks_hides_nothing(scene: Scene) -> None:
    scene.enqueue(3000, task="foreign")
    mine = scene.enqueue(2)
    assert ids_of(scene.claim(scene.worker(), limit=5)) == mine


def test_nothing_due_writes_no_lease(scene: Scene) -> None:
    worker = scene.worker()
    scene.enqueue(2, delay=HOUR)
    scene.enqueue(2, task="foreign")
    assert scene.claim(worker) == []
    assert scene.claim(worker, ("nowhere", 0), ("nowhere", 5)) == []
    assert scene.leases() == {}


def test_no_job_is_handed_out_twice(scene: Scene) -> None:
    wanted = scene.enqueue(100)
    one, two = scene.worker(), scene.worker()
    taken: list[str] = []
    for turn in range(20):
        taken += ids_of(scene.claim((one, two)[turn % 2], limit=7))
    assert taken == wanted
    assert len(scene.leases()) == 15
    assert set(scene.store.read(leases.held, one)) | set(scene.store.read(leases.held, two)) == set(
        scene.leases()
    )


def test_runs_grow_with_each_claim_and_attempts_with_each_charge(scene: Scene) -> None:
    worker = scene.worker()
    job_id = scene.enqueue_one()
    seen = []
    for outcome in (Retry(), Snooze(timedelta()), Interrupted(), Retry()):
        (job,) = scene.claim(worker)
        seen.append((job.run, job.attempt))
        back = scene.due(scene.decide(job, outcome))
        assert scene.settle(worker, [back], [job.lease]) == []
        assert scene.get(job_id).run == job.run
    (last,) = scene.claim(worker)
    assert [*seen, (last.run, last.attempt)] == [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3)]


def test_many_lanes_in_one_claim(scene: Scene) -> None:
    lanes = [(f"q{n}", n % 7) for n in range(200)]
    job_id = scene.enqueue_one(queue="q199", priority=199 % 7)
    assert ids_of(scene.claim(scene.worker(), *lanes)) == [job_id]


def test_a_suspect_is_in_a_lane_of_its_own(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker, priority=5)
    back = replace(scene.due(scene.decide(job, Retry())), lane=5 + SUSPECT_LANE, crashes=2)
    scene.settle(worker, [back], [job.lease])
    assert scene.claim(worker, (QUEUE, 5)) == []
    (again,) = scene.claim(worker, (QUEUE, 5 + SUSPECT_LANE))
    assert (again.priority, again.crashes) == (5, 2)


def test_lanes_tells_each_lane_and_its_first_run_time(scene: Scene) -> None:
    assert scene.store.read(claim.lanes) == []
    later = scene.store.now() + HOUR
    scene.enqueue(3, queue="b", run_at=later)
    scene.enqueue(1, queue="b", run_at=later - 5)
    scene.enqueue(1, queue="b", priority=-100, run_at=later + 7)
    scene.enqueue(2, queue="a", priority=100)
    found = {(lane.queue, lane.lane): lane.run_at for lane in scene.store.read(claim.lanes)}
    assert set(found) == {("a", 100), ("b", 0), ("b", -100)}
    assert (found["b", 0], found["b", -100]) == (later - 5, later + 7)
    assert found["a", 100] <= scene.store.now() + SLACK


def test_lanes_of_some_queues_only(scene: Scene) -> None:
    scene.enqueue(queue="a"), scene.enqueue(queue="b", priority=1), scene.enqueue(queue="c")
    found = scene.store.read(claim.lanes, ["c", "b", "none"])
    assert [(lane.queue, lane.lane) for lane in sorted(found, key=lambda lane: lane.queue)] == [
        ("b", 1),
        ("c", 0),
    ]
    assert scene.store.read(claim.lanes, []) == []


def test_many_lanes_are_all_found(scene: Scene) -> None:
    batch = [
        job for n in range(40) for p in (-100, -1, 0, 1, 100) for job in scene.new(queue=f"q{n}", priority=p)
    ]
    scene.store.write(insert, batch)
    found = scene.store.read(claim.lanes)
    assert {(lane.queue, lane.lane) for lane in found} == {(job.queue, job.priority) for job in batch}
    assert len(found) == 200
    assert all(isinstance(lane, LaneDue) and isinstance(lane.run_at, int) for lane in found)


def test_a_lane_is_gone_with_its_last_job(scene: Scene) -> None:
    scene.enqueue(2, priority=1), scene.enqueue(1)
    scene.claim(scene.worker(), (QUEUE, 1))
    assert [(lane.queue, lane.lane) for lane in scene.store.read(claim.lanes)] == [(QUEUE, 0)]
