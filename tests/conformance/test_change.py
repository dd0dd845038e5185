"""Changing jobs that wait."""

from __future__ import annotations

import pytest

from holdfast.core.outcomes import Retry
from holdfast.core.states import JobState
from holdfast.core.unique import Unique, key_for
from holdfast.store.records import LaneMark
from holdfast.store.verbs import claim, jobs
from holdfast.store.verbs.change import Answer, Change, change, change_some
from holdfast.store.verbs.insert_unique import insert_unique
from tests.conformance.scene import HOUR, QUEUE, SECOND, Scene


def do(scene: Scene, job_id: str, **what: object) -> Answer:
    return scene.store.write(change, job_id, Change(**what), scene.store.now())  # type: ignore[arg-type]


def test_each_field_and_nothing_else(scene: Scene) -> None:
    job = scene.enqueue_one(args='{"a":1}')
    before = scene.get(job)
    assert do(scene, job, priority=7) is Answer.CHANGED
    assert do(scene, job, queue="other") is Answer.CHANGED
    assert do(scene, job, args='{"b":2}') is Answer.CHANGED
    now = scene.get(job)
    assert (now.priority, now.queue, now.args.replace(" ", "")) == (7, "other", '{"b":2}')
    assert (now.run_at, now.created_at, now.task) == (before.run_at, before.created_at, before.task)
    at = scene.store.now() + HOUR
    assert do(scene, job, run_at=at) is Answer.CHANGED
    assert scene.get(job).run_at == at
    assert scene.claim_any(scene.worker(), ("other", 7)) == []
    assert do(scene, job, run_at=0) is Answer.CHANGED
    (claimed,) = scene.claim_any(scene.worker(), ("other", 7))
    assert (claimed.priority, claimed.queue, claimed.args.replace(" ", "")) == (7, "other", '{"b":2}')


def test_only_what_waits(scene: Scene) -> None:
    worker = scene.worker()
    (running,) = scene.run(worker=worker)
    assert do(scene, running.job_id, priority=1) is Answer.TOO_LATE
    scene.finish(worker, [running])
    assert do(scene, running.job_id, priority=1) is Answer.TOO_LATE
    assert do(scene, scene.ids.next(), priority=1) is Answer.NOT_FOUND
    assert scene.get(running.job_id).priority == 0
    waits = scene.enqueue(3)
    some = [running.job_id, *waits]
    assert scene.store.write(change_some, some, Change(priority=3), scene.store.now()) == 3
    assert len(scene.claim_any(worker, (QUEUE, 3))) == 3


def test_a_suspect_stays_one(scene: Scene) -> None:
    job = scene.enqueue_one()
    scene.backend.execute("UPDATE {}pending SET lane = -1000, crashes = 2")
    do(scene, job, priority=5)
    assert scene.backend.execute("SELECT lane, crashes FROM {}pending") == [(-995, 2)]


def test_workers_are_told_of_the_new_place(scene: Scene) -> None:
    job = scene.enqueue_one(delay=HOUR)
    news = scene.news()
    do(scene, job, run_at=0, priority=4)
    ((queue, lane, at),) = [due for wake in news for due in wake.due]
    assert (queue, lane) == (QUEUE, 4)
    assert at is not None
    assert abs(at - scene.store.now()) < 5 * SECOND


def test_keys_stay_in_order(scene: Scene) -> None:
    worker = scene.worker()
    first, second, third = scene.enqueue(3, ordering_key="k")
    # The first has the turn: given another time it gives it up, and is last.
    assert do(scene, first, run_at=scene.store.now() + HOUR) is Answer.CHANGED
    assert scene.get(first).state is JobState.BLOCKED
    order: list[str] = []
    for _ in range(2):
        (claimed,) = scene.claim_any(worker)
        order.append(claimed.job_id)
        scene.finish(worker, [claimed])
    assert order == [second, third]
    # Pulled in, it is next.
    assert do(scene, first, run_at=0) is Answer.CHANGED
    assert [job.job_id for job in scene.claim_any(worker)] == [first]


def test_one_that_waits_for_its_retry_keeps_the_turn(scene: Scene) -> None:
    worker = scene.worker()
    first, second = scene.enqueue(2, ordering_key="k")
    (claimed,) = scene.claim_any(worker)
    scene.finish(worker, [claimed], Retry())
    assert do(scene, first, run_at=scene.store.now() + HOUR, priority=2) is Answer.CHANGED
    assert scene.get(second).state is JobState.BLOCKED
    assert do(scene, first, run_at=0) is Answer.CHANGED
    (claimed,) = scene.claim_any(worker, (QUEUE, 2))
    assert claimed.job_id == first


def test_another_queue_is_another_order(scene: Scene) -> None:
    worker = scene.worker()
    first, second = scene.enqueue(2, ordering_key="k")
    other = scene.enqueue_one(queue="other", ordering_key="k")
    assert do(scene, first, queue="other") is Answer.CHANGED
    assert do(scene, second, queue="line", fifo={"line"}) is Answer.KEY
    assert scene.get(second).queue == QUEUE
    found = scene.claim_any(worker, (QUEUE, 0), ("other", 0))
    assert {job.job_id for job in found} == {second, first}, "it was due before those that are there"
    scene.finish(worker, found)
    (claimed,) = scene.claim_any(worker, ("other", 0))
    assert (claimed.job_id, claimed.line) == (other, "k")


def test_into_a_fifo_queue_and_out_of_it(scene: Scene) -> None:
    worker = scene.worker()
    plain, urgent = scene.enqueue_one(), scene.enqueue_one(priority=5)
    line = scene.enqueue(2, queue="line", ordering_key="")
    fifo = {"line"}
    assert do(scene, line[0], priority=1, fifo=fifo) is Answer.PRIORITY
    assert do(scene, line[1], priority=1, fifo=fifo) is Answer.PRIORITY
    assert do(scene, urgent, queue="line", fifo=fifo) is Answer.PRIORITY
    assert do(scene, urgent, queue="line", priority=0, fifo=fifo) is Answer.CHANGED
    assert do(scene, plain, queue="line", fifo=fifo) is Answer.CHANGED
    assert do(scene, line[0], queue=QUEUE, fifo=fifo) is Answer.CHANGED
    record = scene.get(line[0])
    assert (record.state, record.ordering_key) == (JobState.PENDING, None)
    order: list[str] = []
    for _ in range(3):
        (claimed,) = scene.claim_any(worker, ("line", 0))
        order.append(claimed.job_id)
        scene.finish(worker, [claimed])
    assert set(order) == {line[1], plain, urgent}
    assert [job.job_id for job in scene.claim_any(worker)] == [line[0]]


def test_cancelled_and_deleted_jobs_are_not_brought_back(scene: Scene) -> None:
    cancelled, deleted = scene.enqueue(2)
    scene.store.write(jobs.cancel, cancelled, scene.store.now(), None)
    scene.store.write(jobs.delete, deleted)
    assert do(scene, cancelled, priority=1) is Answer.TOO_LATE
    assert do(scene, deleted, priority=1) is Answer.NOT_FOUND


@pytest.mark.postgres
def test_a_claim_that_has_read_the_old_row_does_not_take_the_new_one(scene: Scene) -> None:
    """Of thousands of changes and claims side by side no run has the arguments of before a change that returned."""
    import threading

    number = 300
    ids = scene.enqueue(number, args='{"v":0}')
    changed: set[str] = set()
    taken: dict[str, str] = {}

    def work() -> None:
        worker = scene.worker()
        while len(taken) < number:
            found = scene.store.write(
                claim.claim, worker, scene.ids.next(), [LaneMark(QUEUE, 0)], 3, ["mail.send"]
            )
            taken.update({job.job_id: job.args.replace(" ", "") for job in found})

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for job_id in reversed(ids):
        if do(scene, job_id, args='{"v":1}') is Answer.CHANGED:
            changed.add(job_id)
    for thread in threads:
        thread.join(60)
    assert changed
    assert {taken[job_id] for job_id in changed} == {'{"v":1}'}
    assert {taken[job_id] for job_id in ids if job_id not in changed} <= {'{"v":0}'}


def test_what_makes_a_job_unique_stays(scene: Scene) -> None:
    rule = Unique(key="k")
    made = scene.new()[0]
    made = made.replace(unique=rule, unique_key=key_for(rule, made.task, made.queue, ""))
    scene.store.write(insert_unique, [made])
    assert do(scene, made.job_id, args='{"a":1}') is Answer.UNIQUE
    assert do(scene, made.job_id, queue="other") is Answer.UNIQUE
    assert do(scene, made.job_id, priority=3) is Answer.CHANGED
    assert scene.get(made.job_id).priority == 3
    scene.check()
