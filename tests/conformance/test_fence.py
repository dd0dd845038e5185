"""The fence: what a run decides changes nothing once its lease owns the job no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import Settlement
from holdfast.core.policy import Policy
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import jobs, retention
from holdfast.store.verbs.insert import insert
from tests.conformance.scene import Scene

LATER = o.Retry(timedelta(hours=1))


def outcomes() -> list[o.Outcome]:
    return [o.Succeeded(), o.Fail("no"), o.Cancel(), LATER, o.Snooze(timedelta()), o.Interrupted()]


OUTCOMES = pytest.mark.parametrize("outcome", outcomes(), ids=lambda outcome: outcome.name)


def refused(scene: Scene, worker: str, s: Settlement, over: bool = True) -> bool:
    """Send a settlement that must change nothing; True if it comes back as refused."""
    before, errors, tables = scene.get(s.job.job_id), scene.errors(s.job.job_id), scene.backend.tables()
    answer = scene.settle(worker, [s], [s.job.lease] if over else [])
    assert answer in ([], [s])
    assert scene.get(s.job.job_id) == before
    assert scene.errors(s.job.job_id) == errors
    after = scene.backend.tables()
    assert (sorted(after.pending), sorted(after.finished)) == (
        sorted(tables.pending),
        sorted(tables.finished),
    )
    return bool(answer)


@OUTCOMES
def test_a_lease_that_is_gone_is_lost(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.give_back(worker, job.lease)
    assert refused(scene, worker, scene.decide(job, outcome))


@OUTCOMES
def test_a_lease_of_another_worker_is_no_lease(scene: Scene, outcome: o.Outcome) -> None:
    worker, other = scene.worker(), scene.worker()
    (job,) = scene.run(worker=worker)
    assert refused(scene, other, scene.decide(job, outcome), over=False)
    assert scene.get(job.job_id).state is JobState.RUNNING
    scene.finish(worker, [job])


@OUTCOMES
def test_a_run_after_a_forced_cancel_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    assert scene.store.write(jobs.cancel, job.job_id, scene.store.now(), None, True) is CancelAnswer.CANCELLED
    lost = refused(scene, worker, scene.decide(job, outcome), over=False)
    # A run that cancels itself finds itself cancelled: nothing was lost.
    assert lost != isinstance(outcome, o.Cancel)
    assert scene.get(job.job_id).state is JobState.CANCELLED
    scene.finish(worker, [neighbour])


@OUTCOMES
def test_a_run_that_was_given_back_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    assert scene.settle(worker, [scene.decide(job, LATER)]) == []
    assert refused(scene, worker, scene.decide(job, outcome), over=False)
    scene.finish(worker, [neighbour])
    scene.check(quiet=True)


@OUTCOMES
def test_an_earlier_run_of_a_running_job_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker, other = scene.worker(), scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, LATER))])
    (again,) = scene.claim(other)
    assert refused(scene, worker, scene.decide(job, outcome), over=False)
    assert (scene.get(job.job_id).state, scene.get(job.job_id).worker) == (JobState.RUNNING, other)
    scene.finish(other, [again])
    scene.finish(worker, [neighbour])


@OUTCOMES
def test_an_earlier_run_of_a_job_that_has_ended_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker, other = scene.worker(), scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, LATER))])
    scene.finish(other, scene.claim(other), o.Succeeded('"second"'))
    assert refused(scene, worker, scene.decide(job, outcome), over=False)
    assert scene.get(job.job_id).result == '"second"'
    scene.finish(worker, [neighbour])


@OUTCOMES
def test_a_run_of_a_job_that_was_retried_by_hand_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Fail("no"))])
    assert scene.store.write(jobs.retry, job.job_id)
    assert refused(scene, worker, scene.decide(job, outcome), over=False)
    assert scene.get(job.job_id).state is JobState.PENDING
    scene.finish(worker, [neighbour])


def test_a_run_of_a_job_that_was_deleted_is_refused(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Fail("no"))])
    assert scene.store.write(jobs.delete, job.job_id)
    for outcome in outcomes():
        s = scene.decide(job, outcome)
        assert scene.settle(worker, [s]) == [s]
        assert scene.backend.tables().jobs == [neighbour.job_id]
        scene.check()
    scene.finish(worker, [neighbour])


@pytest.mark.parametrize("outcome", [o.Succeeded(), LATER], ids=lambda outcome: outcome.name)
def test_a_run_of_a_job_that_was_cleaned_away_is_refused(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.expired(scene.decide(job, o.Succeeded()))])
    assert scene.store.write(retention.clean)[0] == 1
    late = scene.decide(job, outcome)
    assert scene.settle(worker, [late]) == [late]
    assert scene.backend.tables().jobs == [neighbour.job_id]
    scene.check()
    scene.finish(worker, [neighbour])


def test_a_cleaned_id_may_be_used_again_while_its_lease_lives(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.expired(scene.decide(job, o.Succeeded()))])
    assert scene.store.write(retention.clean)[0] == 1
    scene.store.write(insert, [scene.new()[0].replace(job_id=job.job_id)])
    scene.check()
    assert scene.give_back(worker, job.lease) == 1
    assert {one.job_id for one in scene.claim(worker)} == {job.job_id, neighbour.job_id}


def test_the_others_of_a_flush_are_settled_when_some_are_lost(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(6, worker=worker)
    gone = scene.run(2, worker=worker)
    for job in claimed[:2]:
        scene.store.write(jobs.cancel, job.job_id, scene.store.now(), None, True)
    scene.give_back(worker, gone[0].lease)
    every = [*claimed, *gone]
    flush = [scene.decide(job, (o.Succeeded(), LATER)[n % 2]) for n, job in enumerate(every)]
    lost = scene.settle(worker, flush, [claimed[0].lease, gone[0].lease])
    assert {s.job.job_id for s in lost} == {job.job_id for job in [*claimed[:2], *gone]}
    assert [scene.get(job.job_id).state.value for job in claimed] == [
        "cancelled", "cancelled", "succeeded", "pending", "succeeded", "pending",
    ]  # fmt: skip
    scene.check(quiet=True)


def test_a_flush_sent_twice_is_harmless(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(6, worker=worker)
    flush = [
        scene.decide(job, outcome, Policy(max_attempts=1))
        for job, outcome in zip(
            claimed, [o.Succeeded("1"), o.Raised(ValueError("x")), o.Cancel(), LATER, LATER, o.Interrupted()],
            strict=True,
        )
    ]  # fmt: skip
    over = [claimed[0].lease]
    assert scene.settle(worker, flush, over) == []
    before = [(scene.get(job.job_id), scene.errors(job.job_id)) for job in claimed]
    lost = scene.settle(worker, flush, over)
    assert not [s for s in lost if s.state.terminal], "finished shows these very runs"
    assert [(scene.get(job.job_id), scene.errors(job.job_id)) for job in claimed] == before
    scene.check(quiet=True)


def test_ends_sent_twice_while_their_lease_lives_are_no_lost_lease(scene: Scene) -> None:
    worker = scene.worker()
    *ended, neighbour = scene.run(4, worker=worker)
    flush = [
        scene.decide(job, outcome)
        for job, outcome in zip(ended, [o.Succeeded("1"), o.Fail("x"), o.Cancel()], strict=True)
    ]
    assert scene.settle(worker, flush) == []
    before = [(scene.get(job.job_id), scene.errors(job.job_id)) for job in ended]
    assert scene.settle(worker, flush) == []
    assert [(scene.get(job.job_id), scene.errors(job.job_id)) for job in ended] == before
    scene.finish(worker, [neighbour])
    scene.check(quiet=True)


def test_a_second_decision_of_the_same_run_is_refused(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Succeeded("1"))])
    for outcome in (o.Fail("no"), o.Cancel(), LATER, o.Snooze(timedelta())):
        assert refused(scene, worker, scene.decide(job, outcome), over=False)
    scene.finish(worker, [neighbour])
    assert scene.get(job.job_id).result == "1"
    assert scene.errors(job.job_id) == []


@OUTCOMES
def test_two_decisions_of_one_run_in_one_flush(scene: Scene, outcome: o.Outcome) -> None:
    """A run that timed out and came back all the same: one of the two is kept, and the flush goes through."""
    worker = scene.worker()
    *claimed, neighbour = scene.run(len(outcomes()) + 1, worker=worker)
    first = [scene.decide(job, outcome) for job in claimed]
    second = [scene.decide(job, other) for job, other in zip(claimed, outcomes(), strict=True)]
    flush = [*first, *second, scene.decide(neighbour, o.Succeeded("2"))]
    lost = scene.settle(worker, flush, [neighbour.lease])
    assert len({s.job.job_id for s in lost}) == len(lost)
    assert scene.get(neighbour.job_id).result == "2"
    for one, other in zip(first, second, strict=True):
        assert scene.get(one.job.job_id).state in {one.state, other.state}
    scene.check(quiet=True)
