"""What a run says of itself while it goes on, and what it is asked."""

from __future__ import annotations

from datetime import timedelta

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import jobs, progress, retention
from tests.conformance.scene import HOUR, Scene


def cancel(scene: Scene, job_id: str, *, force: bool = False) -> CancelAnswer:
    return scene.store.write(jobs.cancel, job_id, scene.store.now(), None, force)


def report(scene: Scene, job: Claimed, worker: str, percent: int, message: str | None = None) -> bool:
    return scene.store.write(progress.progress, job.lease, worker, job.job_id, job.run, percent, message)


def test_progress_is_visible_at_once(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    for percent, message in ((0, None), (40, "resizing 🖼"), (100, "")):
        assert report(scene, job, worker, percent, message)
        record = scene.get(job.job_id)
        assert (record.progress, record.progress_message) == (percent, message)
    scene.finish(worker, [job])
    assert scene.get(job.job_id).progress == 100


def test_progress_without_the_lease_is_lost(scene: Scene) -> None:
    worker, other = scene.worker(), scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    assert not report(scene, job, other, 1)
    scene.settle(worker, [scene.due(scene.decide(job, o.Retry(timedelta())))])
    assert not report(scene, job, worker, 2)
    (again,) = scene.claim(other)
    assert report(scene, again, other, 3)
    assert not report(scene, job, worker, 4)
    assert scene.get(job.job_id).progress == 3
    scene.give_back(worker, neighbour.lease)
    assert not report(scene, neighbour, worker, 5)
    assert scene.get(neighbour.job_id).progress is None


def test_progress_after_a_forced_cancel_is_lost(scene: Scene) -> None:
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    cancel(scene, job.job_id, force=True)
    assert not report(scene, job, worker, 5)
    scene.finish(worker, [neighbour])


def test_progress_after_the_run_was_settled_is_lost(scene: Scene) -> None:
    """A thread that goes on after its timeout."""
    worker = scene.worker()
    job, neighbour = scene.run(2, worker=worker)
    assert report(scene, job, worker, 10)
    scene.settle(worker, [scene.decide(job, o.Fail("timed out"))])
    assert not report(scene, job, worker, 20)
    assert scene.get(job.job_id).progress == 10
    assert scene.store.write(jobs.delete, job.job_id)
    assert not report(scene, job, worker, 30)
    scene.check()
    scene.finish(worker, [neighbour])


def test_requests_that_nobody_heard_are_cleaned(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    cancel(scene, job.job_id)
    scene.store.write(retention.clean_requests, scene.store.now() - HOUR)
    assert scene.get(job.job_id).cancel_requested
    scene.store.write(retention.clean_requests, scene.store.now() + HOUR)
    assert not scene.get(job.job_id).cancel_requested
    scene.finish(worker, [job])
