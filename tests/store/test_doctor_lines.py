"""The doctor's findings about lines and slots: each damage is planted, and its remedy mends it."""

from __future__ import annotations

import pytest

from holdfast.store.records import LimitRow
from holdfast.store.verbs import jobs
from holdfast.store.verbs.limits import set_limits
from tests.conformance.scene import HOUR, QUEUE, SECOND, Scene
from tests.store.test_doctor_queue import GONE, age, ago, look, scene, the

__all__ = ["scene"]

KEY = "customer-7"
SLOT = "queue:mail"
LIMIT = LimitRow(SLOT, '{"most": 1}')


def goes_on(scene: Scene, worker: str, *ids: str) -> bool:
    return {job.job_id for job in scene.claim_lined(worker)} == {*ids}


def fine(scene: Scene) -> bool:
    return [the(scene, check).level for check in ("lines", "slots")] == ["ok", "ok"]


@pytest.mark.parametrize("key", [KEY, "", None])
def test_what_goes_on_is_fine(scene: Scene, key: str | None) -> None:
    """Arrived, running, waiting for a slot, for its retry or its time, ended: nothing of it is stuck."""
    worker = scene.worker()
    scene.store.write(set_limits, [LIMIT])
    assert fine(scene)
    scene.enqueue(3, ordering_key=key, limits=(SLOT,))
    scene.enqueue(1, ordering_key="later", run_at=scene.store.now() + HOUR)
    scene.enqueue(1, share="acme", limits=(SLOT,))
    for _ in range(4):
        assert fine(scene)
        claimed = scene.claim_lined(worker)
        assert len(claimed) == 1
        assert fine(scene)
        scene.finish(worker, claimed)
    assert fine(scene)
    assert scene.claim_lined(worker) == []
    assert fine(scene)


@pytest.mark.parametrize("place", ["ended", "gone", "blocked"])
def test_a_turn_that_is_held_by_nobody(scene: Scene, place: str) -> None:
    worker = scene.worker()
    holder, run = GONE, 1
    if place == "ended":
        (job,) = scene.run(worker=worker)
        scene.finish(worker, [job])
        holder, run = job.job_id, job.run
        # As if its end had left the turn behind.
        scene.backend.execute("UPDATE {}jobs SET line = ? WHERE id = ?", KEY, holder)
    first, second = scene.enqueue(2, ordering_key=KEY)
    if place == "blocked":
        holder = second
    scene.backend.execute("DELETE FROM {}notes")
    plant = "INSERT INTO {}lines (queue, key, id, run) VALUES (?, ?, ?, ?)"
    scene.backend.execute(plant, QUEUE, KEY, holder, run)
    found = the(scene, "lines")
    assert found.level == "error"
    assert holder in found.what
    assert KEY in found.what
    assert goes_on(scene, worker)
    assert "set id to NULL and due to the time now" in found.remedy
    scene.backend.execute(f"UPDATE {{}}lines SET id = NULL, due = {ago(scene, 0)} WHERE key = ?", KEY)
    assert goes_on(scene, worker, first)
    assert fine(scene)


@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("key", [KEY, None])
def test_jobs_that_nobody_will_look_at(scene: Scene, line: bool, key: str | None) -> None:
    worker = scene.worker()
    scene.enqueue(2, ordering_key=key, share="acme")
    (name,) = {row[0] for row in scene.backend.execute("SELECT key FROM {}blocked")}
    scene.backend.execute("DELETE FROM {}notes")
    if line:
        scene.backend.execute("INSERT INTO {}lines (queue, key) VALUES (?, ?)", QUEUE, name)
    assert fine(scene), "workers may have been about to look"
    for (job_id,) in scene.backend.execute("SELECT id FROM {}blocked"):
        age(scene, "blocked", "first_due", 20, str(job_id))
    other = scene.enqueue_one(ordering_key="other")
    found = the(scene, "lines")
    assert found.level == "error"
    assert "nothing will make a worker look" in found.what
    assert ("share 'acme'" if key is None else KEY) in found.what
    assert goes_on(scene, worker, other)
    # The remedy: one more job of that line.
    ids = [str(row[0]) for row in scene.backend.execute("SELECT id FROM {}blocked ORDER BY first_due, id")]
    last = scene.enqueue_one(ordering_key=key, share="acme")
    assert goes_on(scene, worker, *([*ids, last] if key is None else ids[:1]))
    assert fine(scene)


def test_a_line_that_nobody_looks_at_in_time(scene: Scene) -> None:
    worker = scene.worker()
    first = scene.enqueue_one(ordering_key=KEY)
    assert scene.claim_lined(worker, limit=0) == []
    age(scene, "blocked", "first_due", 700, first)
    found = the(scene, "overdue")
    assert (found.level, found.data["job"]) == ("warning", first)
    assert goes_on(scene, worker, first)
    assert the(scene, "overdue").level == "ok"


def test_a_fifo_queue_is_called_that(scene: Scene) -> None:
    job_id = scene.enqueue_one(ordering_key="", queue="line")
    scene.backend.execute("DELETE FROM {}notes")
    age(scene, "blocked", "first_due", 20, job_id)
    assert "FIFO queue 'line'" in the(scene, "lines").what


def test_many_lines_are_told_of_in_part(scene: Scene) -> None:
    for n in range(25):
        age(scene, "blocked", "first_due", 20, scene.enqueue_one(ordering_key=f"key {n}"))
    scene.backend.execute("DELETE FROM {}notes")
    assert len(look(scene, "lines")) == 20


def test_lined_jobs_that_no_worker_serves(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lane shows them before a worker has seen to their note."""
    from holdfast.store.doctor import queue

    monkeypatch.setattr(queue, "MOMENT", -10 * SECOND)
    scene.enqueue(2, ordering_key="a")
    facts = scene.store.read(queue.look, scene.store.now())
    assert [(found.level, found.data["queue"]) for found in queue.check_queues(facts)] == [("warning", QUEUE)]
    scene.worker()
    facts = scene.store.read(queue.look, scene.store.now())
    assert [found.level for found in queue.check_queues(facts)] == ["ok"]


def test_lined_jobs_of_a_task_that_nobody_knows(scene: Scene) -> None:
    worker = scene.worker()
    scene.enqueue(1, ordering_key="a", task="strange")
    assert scene.claim_lined(worker) == []
    found = the(scene, "tasks")
    assert (found.level, found.data["task"]) == ("error", "strange")


# --- slots ---


@pytest.mark.parametrize("used", [3, 0])
def test_a_slot_that_counts_wrong(scene: Scene, used: int) -> None:
    worker = scene.worker()
    scene.store.write(set_limits, [LimitRow(SLOT, '{"most": 2}')])
    scene.enqueue(4, limits=(SLOT,))
    claimed = scene.claim_lined(worker, limit=1)
    (running,) = claimed
    scene.backend.execute("UPDATE {}slots SET used = ?", used)
    found = the(scene, "slots")
    assert (found.level, found.data) == (
        "error" if used else "warning",
        {"slot": SLOT, "used": used, "running": 1},
    )
    assert ("subtract 2 from used" if used else "add 1 to used") in found.remedy
    now = ago(scene, 0)
    scene.backend.execute(f"UPDATE {{}}slots SET used = 1, wake_at = CASE WHEN waiting THEN {now} END")
    assert fine(scene)
    claimed = scene.claim_lined(worker)
    assert len(claimed) == 1
    assert fine(scene)
    scene.finish(worker, [running])
    assert len(scene.claim_lined(worker)) == 1
    scene.check()


def test_a_slot_that_is_missing(scene: Scene) -> None:
    worker = scene.worker()
    scene.enqueue(1, limits=(SLOT,))
    scene.claim_lined(worker)
    scene.backend.execute("DELETE FROM {}slots")
    assert the(scene, "slots").data == {"slot": SLOT, "used": 0, "running": 1}


def test_what_has_left_and_is_not_seen_to_counts(scene: Scene) -> None:
    """A run that was cancelled by force leaves a note: a slot that still counts it is no damage."""
    worker = scene.worker()
    scene.enqueue(1, limits=(SLOT,))
    (job,) = scene.claim_lined(worker)
    assert scene.store.write(jobs.cancel, job.job_id, scene.store.now(), None, True) == "cancelled"
    assert fine(scene)
    assert scene.claim_lined(worker) == []
    assert fine(scene)


@pytest.mark.parametrize("damage", ["asleep", "not waiting", "missing"])
def test_lines_that_wait_for_a_slot_and_are_not_called(scene: Scene, damage: str) -> None:
    worker = scene.worker()
    scene.store.write(set_limits, [LIMIT])
    scene.enqueue(2, limits=(SLOT,))
    (first,) = scene.claim_lined(worker)
    scene.finish(worker, [first])
    assert fine(scene), "it is called in a moment"
    if damage == "missing":
        scene.backend.execute("DELETE FROM {}slots")
    else:
        waiting = str(damage == "asleep").lower()
        scene.backend.execute(f"UPDATE {{}}slots SET wake_at = NULL, waiting = {waiting}")
    found = the(scene, "slots")
    assert (found.level, found.data["slot"]) == ("error", SLOT)
    assert "nobody will call them" in found.what
    assert goes_on(scene, worker)
    if damage == "missing":
        scene.backend.execute("INSERT INTO {}slots (name) VALUES (?)", SLOT)
    scene.backend.execute(f"UPDATE {{}}slots SET waiting = true, wake_at = {ago(scene, 0)}")
    assert len(scene.claim_lined(worker)) == 1
    assert fine(scene)


def test_lines_that_nobody_calls_in_time(scene: Scene) -> None:
    scene.store.write(set_limits, [LIMIT])
    scene.enqueue(2, limits=(SLOT,))
    worker = scene.worker()
    scene.finish(worker, scene.claim_lined(worker))
    scene.backend.execute(f"UPDATE {{}}slots SET wake_at = {ago(scene, 60)}")
    found = the(scene, "slots")
    assert (found.level, "although workers live" in found.what) == ("warning", True)
    age(scene, "workers", "beat_at", 90, worker)
    assert the(scene, "slots").level == "ok", "nobody is there to call them"


def test_limits_of_what_nobody_declares_are_named(scene: Scene) -> None:
    assert the(scene, "limits").what == "no limits are set"
    scene.store.write(
        set_limits, [LimitRow("queue:gone", '{"most": 2}'), LimitRow("task:mail.send", '{"most": 2}')]
    )
    assert the(scene, "limits").data["undeclared"] == [], "without a worker nobody can say"
    scene.worker()
    found = the(scene, "limits")
    assert (found.level, found.data["undeclared"]) == ("ok", ["queue:gone"])
    assert "'" not in found.what
    assert "queue:gone" in found.what
