"""Failed jobs found, brought back and removed by the store's own verbs, and beside workers that are at it too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.core import outcomes as o
from holdfast.core.errors import WrongState
from holdfast.core.policy import Policy
from holdfast.core.retention import Keep
from holdfast.core.states import JobState
from holdfast.store.records import LetterFilter
from holdfast.store.verbs import dead_letters, queues
from tests.conformance.scene import QUEUE, SECOND, Scene


def failed(scene: Scene, n: int = 1, error: str = "ValueError", **fields: object) -> list[str]:
    """The ids of some failed jobs."""
    worker = scene.worker()
    claimed = scene.run(n, worker=worker, **fields)
    scene.finish(worker, claimed, o.Fail("no"))
    return [job.job_id for job in claimed]


def test_a_redriven_job_starts_over_and_keeps_its_history(scene: Scene) -> None:
    job_id, other = failed(scene, 2, priority=4)
    news = scene.news()
    assert scene.store.write(dead_letters.redrive, [job_id], scene.store.now()) == 1
    record = scene.get(job_id)
    assert (record.state, record.run, record.attempt, record.crashes) == (JobState.PENDING, 1, 0, 0)
    assert len(scene.errors(job_id)) == 1
    assert [wake.due for wake in news] == [((QUEUE, 4, None),)]
    (again,) = scene.claim(scene.worker(), (QUEUE, 4))
    assert (again.job_id, again.run, again.attempt) == (job_id, 2, 1)
    assert scene.get(other).state is JobState.FAILED


def test_only_failed_jobs_are_touched(scene: Scene) -> None:
    worker = scene.worker()
    ids = scene.enqueue(3)
    done, gone, running = scene.claim(worker)
    scene.settle(worker, [scene.decide(done, o.Succeeded("1")), scene.decide(gone, o.Cancel())])
    waiting = scene.enqueue_one()
    every = [*ids, waiting, scene.ids.next()]
    assert scene.store.write(dead_letters.redrive, every, scene.store.now()) == 0
    assert scene.store.write(dead_letters.purge, every) == 0
    assert scene.get(running.job_id).state is JobState.RUNNING
    assert len(scene.backend.tables().jobs) == 4


def test_a_settlement_sent_again_takes_nothing_back(scene: Scene) -> None:
    """The lease still names the job: a redrive takes it from there as well."""
    worker = scene.worker()
    job, _ = scene.run(2, worker=worker)
    s = scene.decide(job, o.Fail("no"))
    assert scene.settle(worker, [s]) == []
    assert scene.store.write(dead_letters.redrive, [job.job_id], scene.store.now()) == 1
    assert scene.settle(worker, [s]) == [s]
    assert scene.get(job.job_id).state is JobState.PENDING
    scene.check()
    again = scene.claim(worker)
    s = scene.decide(again[0], o.Fail("no"))
    assert scene.settle(worker, [s]) == []
    assert scene.store.write(dead_letters.purge, [job.job_id]) == 1
    assert scene.settle(worker, [s]) == [s]
    assert job.job_id not in scene.backend.tables().jobs
    scene.check()


def test_those_without_arguments_stay(scene: Scene) -> None:
    worker = scene.worker()
    job, other = scene.run(2, worker=worker)
    without = Policy(retention=Keep(payload="never"))
    flush = [scene.decide(job, o.Fail("no"), without), scene.decide(other, o.Fail("no"))]
    scene.settle(worker, flush, [job.lease])
    now = scene.store.now()
    assert scene.store.write(dead_letters.redrive, [job.job_id, other.job_id], now) == 1
    with pytest.raises(WrongState, match="arguments"):
        scene.store.write(dead_letters.redrive_one, job.job_id, now)
    assert scene.store.write(dead_letters.redrive_one, other.job_id, now) is False
    assert scene.get(job.job_id).state is JobState.FAILED


def test_the_last_error_counts(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, o.Raised(KeyError("x"))))], [job.lease])
    scene.finish(worker, scene.claim(worker), o.MoveToDlq("no", cause=ValueError("x")))
    for error, found in (("ValueError", 1), ("KeyError", 0), ("Error", 0)):
        letters = LetterFilter(error=error)
        assert len(scene.store.read(dead_letters.find_letters, letters)) == found, error
        assert scene.store.read(dead_letters.count_letters, letters) == found


def test_pages_and_times(scene: Scene) -> None:
    ids = failed(scene, 5)
    at = scene.get(ids[0]).finished_at
    assert at is not None
    page = scene.store.read(dead_letters.list_letters, LetterFilter(limit=2))
    assert [record.job_id for record in page] == ids[::-1][:2]
    rest = scene.store.read(dead_letters.find_letters, LetterFilter(before=ids[3], limit=10))
    assert rest == ids[2::-1]
    for since, until, number in ((at, None, 5), (at + SECOND, None, 0), (None, at, 0), (at, at + SECOND, 5)):
        letters = LetterFilter(since=since, until=until)
        assert scene.store.read(dead_letters.count_letters, letters) == number


def test_two_redrives_at_once_bring_each_back_once(scene: Scene) -> None:
    ids = failed(scene, 200)
    channels = [scene.store.channel(f"people {n}") for n in range(2)]
    now = scene.store.now()
    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(channel.write, dead_letters.redrive, order, now)
            for channel, order in zip(channels, (ids, ids[::-1]), strict=True)
        ]
        assert sum(answer.result() for answer in answers) == 200
    for channel in channels:
        channel.close()
    scene.check(quiet=True)


# --- what waits is purged ---


def test_purge_in_steps(scene: Scene) -> None:
    worker = scene.worker()
    (running,) = scene.run(worker=worker)
    (ended,) = failed(scene)
    for priority in (3, 0):
        scene.enqueue(10, priority=priority)
        scene.enqueue(10, priority=priority, delay=60 * SECOND)
    other = scene.enqueue_one(queue="other")
    news = scene.news()
    steps, place = [], queues.FIRST
    while not steps or steps[-1]:
        count, place = scene.store.write(queues.purge_waiting, QUEUE, place, 7)
        steps.append(count)
    assert sum(steps) == 40
    assert max(steps) == 7
    assert sorted(scene.backend.tables().jobs) == sorted([running.job_id, ended, other])
    assert len({job_id for wake in news for job_id in wake.finished}) == 40


def test_counts_of_one_queue(scene: Scene) -> None:
    failed(scene, 2)
    scene.run(3)
    scene.enqueue(4)
    scene.enqueue(5, delay=60 * SECOND)
    scene.enqueue(6, queue="other")
    since = scene.store.now()
    found = scene.store.read(queues.count_queue, QUEUE)
    assert (found.pending, found.due, found.running, found.failed, found.succeeded) == (9, 4, 3, 2, 0)
    assert found.oldest_due is not None
    assert found.oldest_due <= since
    none = scene.store.read(queues.count_queue, "nobody's")
    assert (none.pending, none.running, none.failed, none.oldest_due) == (0, 0, 0, None)
    assert scene.store.read(queues.queue_names) == [QUEUE, "other"]
