"""The doctor's findings about turns: each damage is planted, and its remedy mends it."""

from __future__ import annotations

import pytest

from holdfast.store.verbs import jobs, turns
from tests.conformance.scene import HOUR, QUEUE, SECOND, Scene
from tests.store.test_doctor_queue import GONE, ago, look, scene, the

__all__ = ["scene"]

KEY = "customer-7"


def goes_on(scene: Scene, worker: str, job_id: str) -> bool:
    scene.store.write(turns.give)
    return [job.job_id for job in scene.claim(worker)] == [job_id]


@pytest.mark.parametrize("key", [KEY, ""])
def test_what_goes_on_is_fine(scene: Scene, key: str) -> None:
    """Arrived, pending, running, waiting for its retry or its time, ended: nothing of it is stuck."""
    worker = scene.worker()
    assert the(scene, "turns").level == "ok"
    scene.enqueue(3, ordering_key=key)
    scene.enqueue(1, ordering_key="later", run_at=scene.store.now() + HOUR)
    for _ in range(3):
        assert the(scene, "turns").level == "ok"
        scene.store.write(turns.give)
        assert the(scene, "turns").level == "ok"
        claimed = scene.claim(worker)
        assert len(claimed) == 1
        assert the(scene, "turns").level == "ok"
        scene.finish(worker, claimed)
    assert the(scene, "turns").level == "ok"


@pytest.mark.parametrize("place", ["ended", "gone", "blocked"])
def test_a_turn_that_is_held_by_nobody(scene: Scene, place: str) -> None:
    worker = scene.worker()
    if place == "ended":
        (job,) = scene.run(worker=worker, ordering_key=None)
        scene.finish(worker, [job])
        holder = job.job_id
        # As if its end had left the turn behind.
        scene.backend.execute("UPDATE {}jobs SET ordering_key = ? WHERE id = ?", KEY, holder)
    first, second = scene.enqueue(2, ordering_key=KEY)
    if place != "ended":
        holder = GONE if place == "gone" else second
    scene.backend.execute("DELETE FROM {}arrivals")
    scene.backend.execute("INSERT INTO {}turns (queue, key, id) VALUES (?, ?, ?)", QUEUE, KEY, holder)
    found = the(scene, "turns")
    assert found.level == "error"
    assert holder in found.what
    assert KEY in found.what
    assert not goes_on(scene, worker, first)
    if place == "ended":
        assert f"holdfast jobs delete {holder}" in found.remedy
        scene.store.write(jobs.delete, holder)
    else:
        assert "table of turns" in found.remedy
        now = ago(scene, 0)
        scene.backend.execute(f"UPDATE {{}}turns SET id = NULL, due = {now} WHERE queue = ?", QUEUE)
    assert goes_on(scene, worker, first)
    assert the(scene, "turns").level == "ok"


@pytest.mark.parametrize("turn", [False, True])
def test_jobs_that_nobody_will_look_at(scene: Scene, turn: bool) -> None:
    worker = scene.worker()
    first, _ = scene.enqueue(2, ordering_key=KEY)
    other = scene.enqueue_one(ordering_key="other")
    scene.backend.execute("DELETE FROM {}arrivals WHERE key = ?", KEY)
    if turn:
        scene.backend.execute("INSERT INTO {}turns (queue, key) VALUES (?, ?)", QUEUE, KEY)
    found = the(scene, "turns")
    assert found.level == "error"
    assert "nothing will make a worker look" in found.what
    assert goes_on(scene, worker, other)
    assert scene.store.write(turns.give) is None
    # The remedy: one more job of that key.
    scene.enqueue(1, ordering_key=KEY)
    assert goes_on(scene, worker, first)
    assert the(scene, "turns").level == "ok"


def test_a_free_turn_that_nobody_gives(scene: Scene) -> None:
    first = scene.enqueue_one(ordering_key=KEY)
    scene.backend.execute("DELETE FROM {}arrivals")
    scene.backend.execute(
        f"INSERT INTO {{}}turns (queue, key, due) VALUES (?, ?, {ago(scene, 60)})", QUEUE, KEY
    )
    assert the(scene, "turns").level == "ok", "nobody is there to give it"
    worker = scene.worker()
    found = the(scene, "turns")
    assert found.level == "warning"
    assert "free and due for" in found.what
    scene.backend.execute(f"UPDATE {{}}turns SET due = {ago(scene, 5)} WHERE queue = ?", QUEUE)
    assert the(scene, "turns").level == "ok"
    assert goes_on(scene, worker, first)


def test_a_fifo_queue_is_called_that(scene: Scene) -> None:
    scene.enqueue(1, ordering_key="", queue="line")
    scene.backend.execute("DELETE FROM {}arrivals")
    assert "FIFO queue 'line'" in the(scene, "turns").what


def test_many_keys_are_told_of_in_part(scene: Scene) -> None:
    for n in range(25):
        scene.enqueue(1, ordering_key=f"key {n}")
    scene.backend.execute("DELETE FROM {}arrivals")
    assert len(look(scene, "turns")) == 20


def test_keyed_jobs_that_no_worker_serves(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in no lane before a worker has given them their turn."""
    from holdfast.store.doctor import queue

    monkeypatch.setattr(queue, "MOMENT", -10 * SECOND)
    scene.enqueue(2, ordering_key="a")
    facts = scene.store.read(queue.look, scene.store.now())
    assert [(found.level, found.data["queue"]) for found in queue.check_queues(facts)] == [("warning", QUEUE)]
    scene.worker()
    facts = scene.store.read(queue.look, scene.store.now())
    assert [found.level for found in queue.check_queues(facts)] == ["ok"]
