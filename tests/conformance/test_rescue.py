"""Dead workers: what they held goes back, and what they still say is refused."""

from __future__ import annotations

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import SUSPECT_LANE, Claimed, Settlement
from holdfast.core.policy import Policy
from holdfast.core.states import JobState, Reason
from holdfast.store.records import RunningNote
from holdfast.store.verbs import jobs, leases, retention, workers
from tests.conformance.scene import HOUR, QUEUE, Scene


def beat_of(scene: Scene, worker: str) -> int:
    return dict(scene.store.read(workers.beats))[worker]


def test_what_a_dead_worker_held_goes_back_charged(scene: Scene) -> None:
    dead, alive = scene.worker(), scene.worker()
    lost = scene.run(3, worker=dead)
    kept = scene.run(2, worker=alive)
    applied = scene.rescue((dead, beat_of(scene, dead)))
    assert {s.job.job_id for s in applied} == {job.job_id for job in lost}
    for job in lost:
        record = scene.get(job.job_id)
        assert (record.state, record.run, record.attempt, record.crashes) == (JobState.PENDING, 1, 1, 1)
        (error,) = scene.errors(job.job_id)
        assert (error.run, error.worker, error.type) == (1, dead, "Crashed")
    assert [scene.get(job.job_id).state for job in kept] == [JobState.RUNNING] * 2
    assert [worker for worker, _ in scene.store.read(workers.beats)] == [alive]
    assert list(scene.leases()) == [kept[0].lease]
    scene.check(quiet=True)


def test_the_decider_is_told_all_that_the_lease_knows(scene: Scene) -> None:
    worker = scene.worker()
    scene.finish(worker, scene.run(worker=worker, args='{"n": 1}', meta={"m": 2}), o.Retry())
    job_id = scene.enqueue_one(args='{"n": 1}', meta={"m": 2}, priority=3)
    (claimed,) = scene.claim(worker, (QUEUE, 3))
    before = scene.get(job_id)
    told: list[tuple[Claimed, str]] = []
    now = scene.store.now()

    def decide(job: Claimed, of: str) -> Settlement:
        told.append((job, of))
        return scene.decide(job, o.Interrupted(), now=now)

    scene.rescue_by(decide, worker)
    ((job, of),) = told
    assert of == worker
    assert (job.job_id, job.task, job.queue, job.priority) == (job_id, claimed.task, QUEUE, 3)
    assert (job.args, job.meta) == (claimed.args, claimed.meta)
    assert (job.run, job.attempt, job.crashes, job.lease) == (1, 1, 0, claimed.lease)
    assert (job.created_at, job.started_at) == (claimed.created_at, before.started_at)


def test_a_worker_that_has_beaten_since_lives_on(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    seen = beat_of(scene, worker)
    assert scene.store.write(workers.beat, worker, [], None)
    assert scene.rescue((worker, seen)) == []
    assert scene.store.read(workers.beats) == [(worker, seen + 1)]
    scene.finish(worker, claimed)


def test_a_dead_worker_learns_of_it_at_its_next_beat(scene: Scene) -> None:
    worker = scene.worker()
    assert scene.store.write(workers.beat, worker, [], None)
    scene.rescue((worker, 1))
    assert not scene.store.write(workers.beat, worker, [], None)


def test_a_zombie_is_refused(scene: Scene) -> None:
    zombie, other = scene.worker(), scene.worker()
    claimed = scene.run(4, worker=zombie)
    scene.rescue((zombie, 0))
    flush = [
        scene.decide(job, outcome)
        for job, outcome in zip(claimed, [o.Succeeded(), o.Fail("x"), o.Retry(), o.Cancel()], strict=True)
    ]
    lost = scene.settle(zombie, flush, [claimed[0].lease])
    assert sorted(s.job.job_id for s in lost) == sorted(job.job_id for job in claimed)
    assert {scene.get(job.job_id).state for job in claimed} == {JobState.PENDING}
    assert all(len(scene.errors(job.job_id)) == 1 for job in claimed)
    scene.check(quiet=True)
    assert scene.claim(other) == [], "they wait for their retry"


@pytest.mark.parity("F7")
def test_a_zombie_is_refused_after_the_job_was_run_by_another(scene: Scene) -> None:
    zombie, other = scene.worker(), scene.worker()
    (old,) = scene.run(worker=zombie)
    now = scene.store.now()
    scene.rescue_by(lambda job, _: scene.due(scene.decide(job, o.Interrupted(), now=now)), zombie)
    (new,) = scene.claim(other)
    assert new.run == 2
    assert scene.settle(zombie, [scene.decide(old, o.Succeeded('"old"'))], [old.lease])
    scene.finish(other, [new], o.Succeeded('"new"'))
    assert scene.settle(zombie, [scene.decide(old, o.Succeeded('"old"'))], [old.lease])
    assert scene.get(old.job_id).result == '"new"'


def test_a_lease_without_a_worker_is_rescued(scene: Scene) -> None:
    """A claim that commits after its worker was removed."""
    gone = scene.worker()
    scene.store.write(workers.unregister, gone)
    (job,) = scene.run(worker=gone)
    assert [s.job.job_id for s in scene.rescue()] == [job.job_id]
    assert scene.leases() == {}
    assert scene.rescue() == []


def test_what_ended_or_went_back_before_is_left_alone(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(8, worker=worker)
    done, failed, back, cancelled, retried, deleted, cleaned, running = claimed
    later = o.Retry()
    scene.settle(
        worker,
        [
            scene.decide(done, o.Succeeded("1")),
            scene.decide(failed, o.Fail("x")),
            scene.decide(back, later),
            scene.decide(retried, o.Succeeded()),
            scene.decide(deleted, o.Succeeded()),
            scene.expired(scene.decide(cleaned, o.Succeeded())),
        ],
    )
    scene.store.write(jobs.cancel, cancelled.job_id, scene.store.now(), None, True)
    assert scene.store.write(jobs.retry, retried.job_id)
    assert scene.store.write(jobs.delete, deleted.job_id)
    assert scene.store.write(retention.clean)[0] == 1
    before = {job.job_id: scene.get(job.job_id) for job in (done, failed, back, cancelled, retried)}
    applied = scene.rescue((worker, 0))
    assert [s.job.job_id for s in applied] == [running.job_id]
    assert {job_id: scene.get(job_id) for job_id in before} == before
    assert scene.get(running.job_id).crashes == 1
    scene.check(quiet=True)


def test_a_lease_that_owns_nothing_is_removed_too(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.settle(worker, [scene.decide(job, o.Succeeded())])
    assert scene.rescue((worker, 0)) == []
    assert scene.leases() == {}


def test_at_most_so_many_leases_at_once(scene: Scene) -> None:
    worker = scene.worker()
    every = {scene.run(2, worker=worker)[0].lease for _ in range(7)}
    taken: list[str] = []
    for expected in (3, 3, 1, 0):
        applied = scene.rescue((worker, 0), limit=3)
        assert len({s.job.lease for s in applied}) == expected
        assert len(applied) == 2 * expected
        taken += {s.job.lease for s in applied}
        assert len(scene.leases()) == 7 - len(taken)
    assert set(taken) == every


def test_leases_of_several_dead_workers_at_once(scene: Scene) -> None:
    dead = [scene.worker() for _ in range(3)]
    held = {worker: scene.run(2, worker=worker) for worker in dead}
    told: dict[str, set[str]] = {}

    def decide(job: Claimed, worker: str) -> Settlement:
        told.setdefault(worker, set()).add(job.job_id)
        return scene.decide(job, o.Crashed(worker), now=now)

    now = scene.store.now()
    assert len(scene.rescue_by(decide, *dead)) == 6
    assert told == {worker: {job.job_id for job in claimed} for worker, claimed in held.items()}
    for worker, claimed in held.items():
        assert [scene.errors(job.job_id)[0].worker for job in claimed] == [worker] * 2


def test_a_rescue_may_end_jobs(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    news = scene.news()
    scene.rescue((worker, 0), policy=Policy(max_crashes=1))
    record = scene.get(job.job_id)
    assert (record.state, record.reason, record.crashes, record.worker) == (
        JobState.FAILED, Reason.CRASHED, 1, worker,
    )  # fmt: skip
    assert {job_id for wake in news for job_id in wake.finished} == {job.job_id}


def test_news_of_a_rescue_says_when_jobs_are_due(scene: Scene) -> None:
    worker = scene.worker()
    scene.run(2, worker=worker)
    news = scene.news()
    applied = scene.rescue((worker, 0))
    assert {due for wake in news for due in wake.due} == {(QUEUE, 0, min(s.run_at or 0 for s in applied))}


def test_nothing_dead_is_nothing(scene: Scene) -> None:
    claimed = scene.run(worker=scene.worker())
    news = scene.news()
    assert scene.rescue(("00000000-0000-7000-8000-000000000000", 0)) == []
    assert news == []
    assert scene.get(claimed[0].job_id).state is JobState.RUNNING


# --- leases whose claim was never answered ---


def test_held_lists_the_leases_under_a_workers_id(scene: Scene) -> None:
    one, two = scene.worker(), scene.worker()
    assert scene.store.read(leases.held, one) == []
    mine = sorted(scene.run(worker=one)[0].lease for _ in range(3))
    scene.run(worker=two)
    assert scene.store.read(leases.held, one) == mine


def test_giving_a_lease_back_charges_nothing_and_keeps_places(scene: Scene) -> None:
    worker, other = scene.worker(), scene.worker()
    first = scene.enqueue(5)
    claimed = scene.claim(worker, limit=3)
    news = scene.news()
    assert scene.give_back(worker, claimed[0].lease) == 3
    assert {due[:2] for wake in news for due in wake.due} == {(QUEUE, 0)}
    assert scene.leases() == {}
    assert scene.get(first[0]).run == 1, "a run number is never used twice"
    again = scene.claim(other)
    assert [job.job_id for job in again] == first
    assert [(job.run, job.attempt) for job in again] == [(2, 1)] * 3 + [(1, 1)] * 2


def test_giving_back_leaves_what_was_settled(scene: Scene) -> None:
    worker = scene.worker()
    done, back, running = scene.run(3, worker=worker)
    scene.settle(worker, [scene.decide(done, o.Succeeded()), scene.decide(back, o.Retry())])
    assert scene.give_back(worker, done.lease) == 1
    assert scene.get(done.job_id).state is JobState.SUCCEEDED
    assert scene.get(back.job_id).attempt == 1
    assert scene.get(running.job_id).attempt == 0
    scene.check(quiet=True)


def test_giving_back_a_lease_that_is_gone_is_nothing(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.finish(worker, [job])
    assert scene.give_back(worker, job.lease) == 0
    assert scene.get(job.job_id).state is JobState.SUCCEEDED


# --- workers ---


def test_a_worker_says_what_it_is(scene: Scene) -> None:
    before = scene.store.now()
    everything = scene.worker(host="höst", pid=77, version="1.2.3", concurrency=8)
    some = scene.worker(queues=["a", "b"], tasks=["x", "y"], restricted=True)
    records = {record.id: record for record in scene.store.read(workers.list_workers)}
    one, two = records[everything], records[some]
    assert (one.host, one.pid, one.version, one.concurrency) == ("höst", 77, "1.2.3", 8)
    assert (one.queues, one.restricted, one.beat, one.running, one.memory) == (None, False, 0, [], None)
    assert (two.queues, two.tasks, two.restricted) == (["a", "b"], ["x", "y"], True)
    assert scene.is_now(one.started_at, before)
    assert scene.is_now(one.beat_at, before)


def test_a_beat_counts_and_says_what_runs(scene: Scene) -> None:
    worker, other = scene.worker(), scene.worker()
    note = RunningNote(scene.enqueue_one(), "mail.send", scene.store.now() - HOUR)
    for n in range(1, 4):
        assert scene.store.write(workers.beat, worker, [note] * (n % 2), 1000 * n)
        assert dict(scene.store.read(workers.beats)) == {worker: n, other: 0}
        (record,) = [one for one in scene.store.read(workers.list_workers) if one.id == worker]
        assert (record.beat, record.running, record.memory) == (n, [note] * (n % 2), 1000 * n)


def test_a_worker_that_ends_is_gone(scene: Scene) -> None:
    worker = scene.worker()
    scene.store.write(workers.unregister, worker)
    assert scene.store.read(workers.list_workers) == []
    assert not scene.store.write(workers.beat, worker, [], None)
    scene.store.write(workers.unregister, worker)


@pytest.mark.parity("F2")
def test_the_third_death_is_the_last(scene: Scene) -> None:
    """Every death is counted in the store, whoever looks at it."""
    job_id = scene.enqueue_one()
    for death in (1, 2, 3):
        lane = 0 if death < 3 else SUSPECT_LANE
        worker = scene.worker()
        (job,) = scene.claim(worker, (QUEUE, lane))
        assert (job.attempt, job.crashes) == (death, death - 1)
        now = scene.store.now()

        def crashed(job: Claimed, worker: str, now: int = now) -> Settlement:
            settlement = scene.decide(job, o.Crashed(worker), now=now)
            return scene.due(settlement) if settlement.run_at is not None else settlement

        scene.rescue_by(crashed, worker)
    record = scene.get(job_id)
    assert (record.state, record.reason, record.attempt, record.crashes) == (
        JobState.FAILED, Reason.CRASHED, 3, 3,
    )  # fmt: skip
    assert scene.claim(scene.worker(), (QUEUE, 0), (QUEUE, SUSPECT_LANE)) == []
