"""Jobs looked at, cancelled, retried and deleted, one by id."""

from __future__ import annotations

import pytest

from holdfast.core import outcomes as o
from holdfast.core.errors import WrongState
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import jobs, progress
from tests.conformance.scene import HOUR, QUEUE, Scene

NOBODY = "00000000-0000-7000-8000-000000000000"


def cancel(scene: Scene, job_id: str, *, force: bool = False, keep: int | None = None) -> CancelAnswer:
    return scene.store.write(jobs.cancel, job_id, scene.store.now(), keep, force)


def in_state(scene: Scene, state: JobState) -> str:
    """A job that is in some state; the worker of a running one is let go."""
    worker = scene.worker()
    match state:
        case JobState.PENDING:
            return scene.enqueue_one(queue="waiting")
        case JobState.RUNNING:
            return scene.run(worker=worker)[0].job_id
        case _:
            outcome = {"succeeded": o.Succeeded("1"), "failed": o.Fail("no"), "cancelled": o.Cancel()}[state]
            (job,) = scene.run(worker=worker)
            scene.finish(worker, [job], outcome)
            return job.job_id


STATES = [state for state in JobState if state not in (JobState.BLOCKED, JobState.NOT_FOUND)]
ENDED = [state for state in STATES if state.terminal]


# --- looking ---


@pytest.mark.parametrize("state", STATES)
def test_a_job_is_found_in_every_state(scene: Scene, state: JobState) -> None:
    job_id = in_state(scene, state)
    record = scene.get(job_id)
    assert (record.job_id, record.state) == (job_id, state)
    assert (record.finished_at is not None) == state.terminal
    assert (record.worker is not None) == (state is not JobState.PENDING)
    assert record.run == (state is not JobState.PENDING)


def test_a_job_that_is_not_there(scene: Scene) -> None:
    assert scene.store.read(jobs.get, NOBODY) is None
    assert scene.store.read(jobs.errors, NOBODY) == []


def test_many_at_once_newest_first(scene: Scene) -> None:
    wanted = [in_state(scene, state) for state in STATES]
    found = scene.store.read(jobs.get_many, [*wanted, NOBODY, wanted[0]])
    assert [record.job_id for record in found] == sorted(wanted, reverse=True)
    assert {record.job_id: record.state for record in found} == dict(zip(wanted, STATES, strict=True))
    assert scene.store.read(jobs.get_many, []) == []


def test_ended_tells_of_those_that_have_ended(scene: Scene) -> None:
    wanted = {state: in_state(scene, state) for state in STATES}
    found = scene.store.read(jobs.ended, [*wanted.values(), NOBODY])
    assert {record.state: record.job_id for record in found} == {state: wanted[state] for state in ENDED}
    assert {record.result for record in found} == {"1", None}


def test_a_running_job_shows_its_lease(scene: Scene) -> None:
    worker, other = scene.worker(), scene.worker()
    (job,) = scene.run(worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, o.Raised(ValueError("x"))))], [job.lease])
    before = scene.store.now()
    (again,) = scene.claim(other)
    record = scene.get(job.job_id)
    assert (record.worker, record.run, record.attempt, record.crashes) == (other, 2, 2, 0)
    assert scene.is_now(record.started_at, before)
    scene.finish(other, [again])


# --- cancelling ---


def test_cancelling_a_waiting_job_ends_it(scene: Scene) -> None:
    job_id, other = scene.enqueue(2)
    news = scene.news()
    keep = scene.store.now() + HOUR
    assert cancel(scene, job_id, keep=keep) is CancelAnswer.CANCELLED
    record = scene.get(job_id)
    assert (record.state, record.run, record.attempt) == (JobState.CANCELLED, 0, 0)
    assert (record.worker, record.started_at, record.reason) == (None, None, None)
    assert {job_id for wake in news for job_id in wake.finished} == {job_id}
    assert [job.job_id for job in scene.claim(scene.worker())] == [other]


def test_cancelling_a_job_that_waits_for_its_retry_keeps_what_it_was(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.settle(worker, [scene.decide(job, o.Crashed("w"))], [job.lease])
    assert cancel(scene, job.job_id) is CancelAnswer.CANCELLED
    record = scene.get(job.job_id)
    assert (record.state, record.run, record.attempt, record.crashes) == (JobState.CANCELLED, 1, 1, 1)
    assert len(scene.errors(job.job_id)) == 1


def test_cancelling_a_running_job_asks_it(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    news = scene.news()
    assert cancel(scene, job.job_id) is CancelAnswer.REQUESTED
    assert cancel(scene, job.job_id) is CancelAnswer.REQUESTED
    assert {job_id for wake in news for job_id in wake.cancel} == {job.job_id}
    assert (scene.get(job.job_id).state, scene.get(job.job_id).cancel_requested) == (JobState.RUNNING, True)
    assert not scene.get(neighbour.job_id).cancel_requested
    runs = [(job.job_id, job.run), (neighbour.job_id, neighbour.run)]
    assert scene.store.read(jobs.cancel_requests, runs) == [job.job_id]
    # What it then does decides: it may finish first.
    scene.finish(worker, [job, neighbour], o.Succeeded("1"))
    assert scene.get(job.job_id).state is JobState.SUCCEEDED
    assert not scene.get(job.job_id).cancel_requested


def test_a_request_is_for_one_run_only(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    cancel(scene, job.job_id)
    scene.settle(worker, [scene.due(scene.decide(job, o.Retry()))], [job.lease])
    assert not scene.get(job.job_id).cancel_requested
    (again,) = scene.claim(worker)
    assert not scene.get(job.job_id).cancel_requested
    assert scene.store.read(jobs.cancel_requests, [(again.job_id, again.run)]) == []
    assert cancel(scene, job.job_id) is CancelAnswer.REQUESTED
    assert scene.store.read(jobs.cancel_requests, [(again.job_id, again.run)]) == [job.job_id]
    scene.finish(worker, [again])


def test_no_runs_no_requests(scene: Scene) -> None:
    assert scene.store.read(jobs.cancel_requests, []) == []
    assert scene.store.read(jobs.cancel_requests, [(NOBODY, 1)]) == []


def test_a_forced_cancel_takes_the_lease_away(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    news = scene.news()
    assert cancel(scene, job.job_id, force=True) is CancelAnswer.CANCELLED
    record = scene.get(job.job_id)
    assert (record.state, record.run, record.attempt, record.worker) == (JobState.CANCELLED, 1, 1, worker)
    assert record.started_at is not None
    assert {job_id for wake in news for job_id in wake.cancel} == {job.job_id}
    assert {job_id for wake in news for job_id in wake.finished} == {job.job_id}
    late = scene.decide(job, o.Succeeded("1"))
    assert scene.settle(worker, [late, scene.decide(neighbour, o.Succeeded("2"))], [job.lease]) == [late]
    assert scene.get(job.job_id).result is None
    assert scene.get(neighbour.job_id).result == "2"
    scene.check(quiet=True)


def test_a_forced_cancel_of_what_does_not_run(scene: Scene) -> None:
    assert cancel(scene, scene.enqueue_one(), force=True) is CancelAnswer.CANCELLED
    assert cancel(scene, in_state(scene, JobState.SUCCEEDED), force=True) is CancelAnswer.ENDED
    assert cancel(scene, NOBODY, force=True) is CancelAnswer.NOT_FOUND


@pytest.mark.parametrize("state", ENDED)
def test_cancelling_a_job_that_has_ended_changes_nothing(scene: Scene, state: JobState) -> None:
    job_id = in_state(scene, state)
    before = scene.get(job_id)
    assert cancel(scene, job_id) is CancelAnswer.ENDED
    assert scene.get(job_id) == before


def test_cancelling_a_job_that_ended_while_its_lease_lives(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Succeeded())])
    for force in (False, True):
        assert cancel(scene, job.job_id, force=force) is CancelAnswer.ENDED
    assert scene.get(job.job_id).state is JobState.SUCCEEDED
    scene.finish(worker, [neighbour])


def test_cancelling_a_job_that_does_not_exist(scene: Scene) -> None:
    assert cancel(scene, NOBODY) is CancelAnswer.NOT_FOUND


# --- retrying by hand ---


@pytest.mark.parametrize("state", ENDED)
def test_a_retry_brings_the_same_id_back(scene: Scene, state: JobState) -> None:
    job_id = in_state(scene, state)
    history = scene.errors(job_id)
    news, before = scene.news(), scene.store.now()
    assert scene.store.write(jobs.retry, job_id)
    record = scene.get(job_id)
    assert (record.state, record.run, record.attempt, record.crashes) == (JobState.PENDING, 1, 0, 0)
    assert (record.result, record.finished_at, record.worker, record.reason) == (None, None, None, None)
    assert scene.is_now(record.run_at, before)
    assert scene.errors(job_id) == history
    assert {due[:2] for wake in news for due in wake.due} == {(QUEUE, 0)}
    (job,) = scene.claim(scene.worker())
    assert (job.job_id, job.run, job.attempt, job.crashes) == (job_id, 2, 1, 0)


def test_a_retry_goes_back_to_its_own_lane(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker, priority=7, queue="slow")
    scene.finish(worker, [job], o.Crashed("w"))
    suspect = scene.get(job.job_id)
    cancel(scene, job.job_id)
    assert scene.store.write(jobs.retry, job.job_id)
    assert scene.get(job.job_id).crashes == 0 < suspect.crashes
    assert [one.job_id for one in scene.claim(worker, ("slow", 7))] == [job.job_id]


def test_a_job_cancelled_before_its_first_run_may_be_retried(scene: Scene) -> None:
    job_id = scene.enqueue_one(delay=HOUR)
    cancel(scene, job_id)
    assert scene.store.write(jobs.retry, job_id)
    (job,) = scene.claim(scene.worker())
    assert (job.job_id, job.run, job.attempt) == (job_id, 1, 1)


def test_history_goes_on_over_a_retry(scene: Scene) -> None:
    worker = scene.worker()
    job_id = in_state(scene, JobState.FAILED)
    for _ in range(3):
        assert scene.store.write(jobs.retry, job_id)
        scene.finish(worker, scene.claim(worker), o.Fail("again"))
    assert [error.run for error in scene.errors(job_id)] == [1, 2, 3, 4]
    assert [error.attempt for error in scene.errors(job_id)] == [1, 1, 1, 1]


def test_only_ended_jobs_are_retried(scene: Scene) -> None:
    pending, running = in_state(scene, JobState.PENDING), in_state(scene, JobState.RUNNING)
    assert not scene.store.write(jobs.retry, pending)
    assert not scene.store.write(jobs.retry, running)
    assert not scene.store.write(jobs.retry, NOBODY)
    assert (scene.get(pending).state, scene.get(running).state) == (JobState.PENDING, JobState.RUNNING)


def test_a_second_retry_is_none(scene: Scene) -> None:
    job_id = in_state(scene, JobState.FAILED)
    assert scene.store.write(jobs.retry, job_id)
    assert not scene.store.write(jobs.retry, job_id)


def test_a_retry_while_the_lease_still_names_the_job(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    ended = scene.decide(job, o.Fail("no"))
    scene.settle(worker, [ended])
    assert scene.store.write(jobs.retry, job.job_id)
    scene.check()
    assert scene.settle(worker, [ended]) == [ended], "the old run's flush, sent once more"
    assert scene.get(job.job_id).state is JobState.PENDING
    (again,) = scene.claim(worker)
    scene.check()
    scene.finish(worker, [again, neighbour])
    scene.check(quiet=True)


# --- deleting ---


@pytest.mark.parametrize("state", [JobState.PENDING, *ENDED])
def test_deleting_a_job_deletes_all_of_it(scene: Scene, state: JobState) -> None:
    job_id, other = in_state(scene, state), in_state(scene, state)
    assert scene.store.write(jobs.delete, job_id)
    assert scene.store.read(jobs.get, job_id) is None
    assert scene.errors(job_id) == []
    assert scene.backend.tables().jobs == [other]
    assert not scene.store.write(jobs.delete, job_id)


def test_a_deleted_job_leaves_no_progress(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.store.write(progress.progress, job.lease, worker, job.job_id, job.run, 50, "half")
    scene.finish(worker, [job])
    assert scene.store.write(jobs.delete, job.job_id)
    assert scene.backend.tables().kept == {"job_errors": [], "job_progress": []}


def test_deleting_a_running_job_is_refused(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    with pytest.raises(WrongState, match=f"{job.job_id} is running.*cancel it first"):
        scene.store.write(jobs.delete, job.job_id)
    assert scene.get(job.job_id).state is JobState.RUNNING
    scene.finish(worker, [job])
    assert scene.store.write(jobs.delete, job.job_id)


def test_deleting_a_job_that_waits_for_its_retry_while_its_lease_lives(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Retry())])
    assert scene.store.write(jobs.delete, job.job_id)
    scene.check()
    scene.finish(worker, [neighbour])
    assert scene.backend.tables().jobs == [neighbour.job_id]


def test_deleting_what_does_not_exist(scene: Scene) -> None:
    assert not scene.store.write(jobs.delete, NOBODY)
