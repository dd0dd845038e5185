"""What is paused isn't claimed, from the commit of the pause on."""

from __future__ import annotations

import threading

import pytest

from holdfast.core.lifecycle import settle as decide
from holdfast.core.outcomes import NotKnown
from holdfast.core.policy import DEFAULT
from holdfast.store.records import PauseKind, PauseRecord
from holdfast.store.verbs.pauses import Halted, list_pauses, pause, resume, survey
from holdfast.store.verbs.unknown import give_up_unknown
from tests.conformance.scene import QUEUE, TASK, Scene, describe

WHAT: dict[PauseKind, str] = {"all": "", "queue": QUEUE, "task": TASK}


@pytest.mark.parametrize("kind", WHAT)
def test_nothing_paused_is_claimed_and_all_is_once_it_is_resumed(scene: Scene, kind: PauseKind) -> None:
    worker = scene.worker(tasks=[TASK, "other"])
    wanted = scene.enqueue(3)
    other_queue = scene.enqueue_one(queue="other")
    other_task = scene.enqueue_one(task="other")
    assert scene.store.write(pause, kind, WHAT[kind], "ada", "why")
    lanes = [(QUEUE, 0), ("other", 0)]
    found = {job.job_id for job in scene.claim(worker, *lanes, tasks=[TASK, "other"])}
    assert found == {"all": set(), "queue": {other_queue}, "task": {other_task}}[kind]
    assert scene.claim(worker, *lanes, tasks=[TASK]) == []
    assert scene.store.write(resume, kind, WHAT[kind])
    found |= {job.job_id for job in scene.claim(worker, *lanes, tasks=[TASK, "other"])}
    assert found == {*wanted, other_queue, other_task}


def test_the_order_is_kept_and_the_lanes_of_others_are_served(scene: Scene) -> None:
    worker = scene.worker()
    scene.store.write(pause, "queue", "b", None, None)
    wanted = [scene.enqueue_one(queue="a", priority=5), *scene.enqueue(2, queue="a")]
    scene.enqueue(2, queue="b", priority=9)
    last = scene.enqueue_one(queue="c")
    found = scene.claim(worker, ("b", 9), ("a", 5), ("a", 0), ("c", 0), limit=4)
    assert [job.job_id for job in found] == [*wanted, last]


def test_who_paused_it_first_stays(scene: Scene) -> None:
    since = scene.store.now()
    assert scene.store.write(pause, "queue", QUEUE, "ada", "provider is down")
    assert not scene.store.write(pause, "queue", QUEUE, "bob", None)
    assert scene.store.write(pause, "task", QUEUE, None, None)
    queue, task = scene.store.read(list_pauses)
    assert queue == PauseRecord("queue", QUEUE, "ada", "provider is down", queue.since)
    assert scene.is_now(queue.since, since)
    assert (task.kind, task.who) == ("task", None)
    assert scene.store.write(resume, "queue", QUEUE)
    assert not scene.store.write(resume, "queue", QUEUE)
    assert scene.store.read(list_pauses) == [task]


def test_workers_are_told(scene: Scene) -> None:
    news = scene.news()
    scene.store.write(pause, "all", "", None, None)
    scene.store.write(resume, "all", "")
    assert [wake.control for wake in news if wake.control] == [True, True]
    scene.enqueue_one()
    scene.store.write(pause, "task", "t", None, None)
    lanes, pauses, _ = scene.store.read(survey, None)
    assert [lane.queue for lane in lanes] == [QUEUE]
    halted = Halted(pauses)
    assert halted
    assert halted.job("any", "t")
    assert not halted.queue("any")
    assert halted == Halted(pauses)
    assert halted != Halted()


def test_no_claim_that_begins_after_a_pause_takes_anything(scene: Scene) -> None:
    """Claimers at full speed: once `pause` has returned, claims that begin bring nothing."""
    scene.enqueue(3000)
    paused = threading.Event()
    late: list[int] = []
    began = threading.Barrier(4)

    def work() -> None:
        worker = scene.worker()
        began.wait(20)
        for _ in range(400):
            after = paused.is_set()
            found = scene.claim(worker, limit=2)
            if after:
                late.append(len(found))
                if len(late) > 30:
                    return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    began.wait(20)
    scene.store.write(pause, "queue", QUEUE, None, None)
    paused.set()
    for thread in threads:
        thread.join(60)
    assert late
    assert not any(late)


@pytest.mark.parametrize("kind", WHAT)
def test_what_is_paused_is_not_unknown(scene: Scene, kind: PauseKind) -> None:
    scene.worker(tasks=["other"])
    job = scene.enqueue_one()
    now = scene.store.now() + 1_000_000

    def give_up(at: int) -> int:
        return len(
            scene.store.write(
                give_up_unknown,
                at,
                60_000_000,
                lambda job: decide(job, NotKnown(), DEFAULT, at, describe=describe),
            )
        )

    scene.store.write(pause, kind, WHAT[kind], None, None)
    assert give_up(now) == 0
    assert scene.backend.execute("SELECT * FROM {}unknown_tasks") == []
    scene.store.write(resume, kind, WHAT[kind])
    assert give_up(now) == 0
    scene.store.write(pause, kind, WHAT[kind], None, None)
    # The clock stops, and begins anew.
    assert give_up(now + 3_600_000_000) == 0
    assert scene.backend.execute("SELECT * FROM {}unknown_tasks") == []
    assert scene.get(job).state == "pending"


def test_the_limit_counts_what_is_taken(scene: Scene) -> None:
    worker = scene.worker(tasks=["a", "b"])
    scene.store.write(pause, "task", "a", None, None)
    scene.enqueue(300, task="a")
    wanted = scene.enqueue(5, task="b")
    found = scene.claim(worker, limit=3, tasks=["a", "b"])
    assert [job.job_id for job in found] == wanted[:3]
