"""Jobs that must have begun by a certain time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core.job import Claimed, Settlement
from holdfast.core.outcomes import Expired, Interrupted, Retry, Snooze, Succeeded
from holdfast.core.overrides import Overrides
from holdfast.core.policy import DEFAULT
from holdfast.core.states import JobState, Reason
from holdfast.core.unique import Unique, key_for
from holdfast.store.verbs import dead_letters, jobs, pauses
from holdfast.store.verbs.expire import expire
from holdfast.store.verbs.expiry import FIRST
from holdfast.store.verbs.insert_unique import insert_unique
from tests.conformance.scene import QUEUE, SECOND, TASK, Scene

PAST = Overrides(expires_at=1)
HOUR = Overrides(expires_in=3600 * SECOND)


def expired(scene: Scene, limit: int = 100) -> list[Settlement]:
    now = scene.store.now()

    def decide(job: Claimed) -> Settlement:
        return scene.decide(job, Expired(job.expires_at or 0), DEFAULT, now)

    found: list[Settlement] = []
    place: object = FIRST
    while place is not None:
        settled, place = scene.store.write(expire, place, limit, decide)  # type: ignore[arg-type]
        found += settled
    return found


def rows(scene: Scene) -> set[str]:
    return {str(row[0]) for row in scene.backend.execute("SELECT id FROM {}expiries")}


def over(scene: Scene) -> None:
    """Time passes."""
    past = "1" if scene.store.dialect == "sqlite" else "'2001-01-01'"
    scene.backend.execute(f"UPDATE {{}}expiries SET at = {past}")


def test_wherever_it_waits_it_fails(scene: Scene) -> None:
    scene.enqueue_one()
    due = scene.enqueue_one(overrides=PAST)
    later = scene.enqueue_one(overrides=PAST, delay=3600 * SECOND)
    scene.store.write(pauses.pause, "queue", QUEUE, None, None)
    keyed = [scene.enqueue_one(overrides=PAST, ordering_key="k") for _ in range(2)]
    alive = scene.enqueue_one(overrides=HOUR)
    found = expired(scene, limit=2)
    assert {one.job.job_id for one in found} == {due, later, *keyed}
    for job_id in (due, later, *keyed):
        record = scene.get(job_id)
        assert (record.state, record.reason) == (JobState.FAILED, Reason.EXPIRED)
        assert record.attempt == 0, "not charged"
        (error,) = scene.errors(job_id)
        assert error.type == "holdfast.Expired"
        assert "1970-01-01" in error.message
    assert rows(scene) == {alive}
    assert expired(scene) == []


def test_a_duration_counts_from_when_it_is_first_due(scene: Scene) -> None:
    before = scene.store.now()
    job = scene.enqueue_one(overrides=HOUR, delay=7200 * SECOND)
    absolute = scene.enqueue_one(overrides=Overrides(expires_at=before + 5 * SECOND))
    (claimed,) = scene.claim_any(scene.worker(), limit=1)
    assert (claimed.job_id, claimed.expires_at) == (absolute, before + 5 * SECOND)
    at = scene.backend.execute("SELECT at FROM {}expiries WHERE id = ?", job)[0][0]
    at = at if scene.store.dialect == "sqlite" else int(at.timestamp() * 1e6)
    assert abs(at - before - 3 * 3600 * SECOND) < 3 * SECOND


@pytest.mark.parametrize("reason", ["retry", "snooze", "succeeded", "interrupted"])
def test_it_counts_only_until_the_first_begin(scene: Scene, reason: str) -> None:
    worker = scene.worker()
    (claimed,) = scene.run(overrides=HOUR, worker=worker)
    assert claimed.expires_at is not None
    claimed.started_at = scene.store.now()
    outcome = {
        "retry": Retry(),
        "snooze": Snooze(timedelta(0)),
        "succeeded": Succeeded("null"),
        "interrupted": Interrupted(started=True),
    }[reason]
    scene.finish(worker, [claimed], outcome)
    assert rows(scene) == set()
    assert expired(scene) == []


def test_what_was_given_back_before_it_began_expires(scene: Scene) -> None:
    worker = scene.worker()
    (claimed,) = scene.run(overrides=HOUR, worker=worker)
    over(scene)
    assert expired(scene) == [], "it is in a worker's hands"
    scene.give_back(worker, claimed.lease)
    (found,) = expired(scene)
    assert found.job.job_id == claimed.job_id
    assert scene.get(claimed.job_id).reason is Reason.EXPIRED


def test_the_next_of_its_key_has_the_turn(scene: Scene) -> None:
    first = scene.enqueue_one(overrides=PAST, ordering_key="k")
    second = scene.enqueue_one(ordering_key="k")
    (found,) = expired(scene)
    assert found.job.job_id == first
    (claimed,) = scene.claim_any(scene.worker())
    assert claimed.job_id == second


def test_brought_back_by_hand_it_expires_no_more(scene: Scene) -> None:
    one, two = (scene.enqueue_one(overrides=PAST) for _ in range(2))
    assert len(expired(scene)) == 2
    assert scene.store.write(jobs.retry, one)
    assert scene.store.write(dead_letters.redrive, [two], scene.store.now()) == 1
    claimed = scene.claim_any(scene.worker())
    assert {job.job_id for job in claimed} == {one, two}
    assert {job.expires_at for job in claimed} == {None}


def test_what_is_left_of_others_is_forgotten(scene: Scene) -> None:
    """A job that was cancelled, and one that was deleted."""
    cancelled, deleted = scene.enqueue(2, overrides=PAST)
    scene.store.write(jobs.cancel, cancelled, scene.store.now(), None)
    scene.store.write(jobs.delete, deleted)
    assert expired(scene) == []
    assert rows(scene) == set()
    assert scene.get(cancelled).state is JobState.CANCELLED


def test_jobs_without_it_leave_no_trace(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(3, worker=worker, overrides=Overrides(max_attempts=3))
    assert rows(scene) == set()
    assert [job.expires_at for job in claimed] == [None] * 3
    scene.finish(worker, [replace(job) for job in claimed])


@pytest.mark.parametrize(
    "fields", [{}, {"ordering_key": "k"}, {"limits": ("task:t",)}], ids=["plain", "ordered", "limited"]
)
def test_the_unique_key_goes_with_it(scene: Scene, fields: dict[str, Any]) -> None:
    key = key_for(Unique(key="one"), TASK, QUEUE, "")
    (first,) = scene.new(overrides=PAST, unique_key=key, **fields)
    scene.store.write(insert_unique, [first])
    (found,) = expired(scene)
    assert found.job.job_id == first.job_id
    (second,) = scene.new(unique_key=key, **fields)
    assert scene.store.write(insert_unique, [second]) == [None], "it is new"
    scene.check()
