"""Many jobs by filter: pages, and changes to all that a filter finds."""

from __future__ import annotations

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import JobRecord
from holdfast.core.states import JobState
from holdfast.store.records import JobFilter
from holdfast.store.verbs import retention, search
from tests.conformance.scene import HOUR, QUEUE, TASK, Scene


def listed(scene: Scene, **fields: object) -> list[JobRecord]:
    return scene.store.read(search.list_jobs, JobFilter(**fields))  # type: ignore[arg-type]


def ids(scene: Scene, **fields: object) -> list[str]:
    return [record.job_id for record in listed(scene, **fields)]


def populate(scene: Scene) -> dict[JobState, list[str]]:
    """Some jobs in each state, in two queues and of two tasks, ids mixed."""
    worker = scene.worker()
    found: dict[JobState, list[str]] = {}
    outcomes = {
        JobState.SUCCEEDED: o.Succeeded("1"),
        JobState.FAILED: o.Fail("no"),
        JobState.CANCELLED: o.Cancel(),
        JobState.RUNNING: None,
        JobState.PENDING: o.Retry(),
    }
    for _ in range(2):
        for queue in ("a", "b"):
            for task in ("x", "y"):
                for state, outcome in outcomes.items():
                    (job,) = scene.run(worker=worker, queue=queue, task=task)
                    if outcome is not None:
                        scene.finish(worker, [job], outcome)
                    found.setdefault(state, []).append(job.job_id)
    return found


def test_newest_first(scene: Scene) -> None:
    made = scene.enqueue(5)
    assert ids(scene) == made[::-1]
    assert listed(scene)[0] == scene.get(made[-1])


def test_by_state_queue_and_task(scene: Scene) -> None:
    found = populate(scene)
    every = sorted((job_id for some in found.values() for job_id in some), reverse=True)
    assert ids(scene) == every
    for state, wanted in found.items():
        page = listed(scene, state=state)
        assert [record.job_id for record in page] == sorted(wanted, reverse=True)
        assert {record.state for record in page} == {state}
        for queue in ("a", "b"):
            assert {r.job_id for r in page if r.queue == queue} == set(ids(scene, state=state, queue=queue))
            for task in ("x", "y"):
                both = {r.job_id for r in page if (r.queue, r.task) == (queue, task)}
                assert len(both) == 2
                assert both == set(ids(scene, state=state, queue=queue, task=task))
        assert {r.job_id for r in page if r.task == "x"} == set(ids(scene, state=state, task="x"))
    assert len(ids(scene, queue="a")) == len(ids(scene, task="y")) == len(every) // 2
    assert len(ids(scene, queue="a", task="y")) == len(every) // 4


@pytest.mark.parametrize("state", [None, *JobState])
def test_a_filter_that_finds_nothing(scene: Scene, state: JobState | None) -> None:
    assert ids(scene, state=state) == []
    scene.enqueue(2)
    assert ids(scene, state=state, queue="nowhere") == []
    assert ids(scene, state=state, task="nothing") == []


def test_pages_of_every_state_meet_without_gap_or_overlap(scene: Scene) -> None:
    found = populate(scene)
    for state in (None, *found):
        whole = ids(scene, state=state)
        pages: list[str] = []
        while page := ids(scene, state=state, limit=3, before=pages[-1] if pages else None):
            assert len(page) <= 3
            pages += page
        assert pages == whole


def test_a_page_has_fifty_unless_asked_otherwise(scene: Scene) -> None:
    made = scene.enqueue(60)
    assert ids(scene) == made[:9:-1]
    assert ids(scene, limit=60) == made[::-1]
    assert ids(scene, limit=1) == made[-1:]


def test_a_job_under_a_lease_that_still_names_it_is_listed_once(scene: Scene) -> None:
    worker = scene.worker()
    done, back, running = scene.run(3, worker=worker)
    scene.settle(worker, [scene.decide(done, o.Succeeded()), scene.decide(back, o.Retry())])
    assert ids(scene, state=JobState.RUNNING) == [running.job_id]
    assert ids(scene, state=JobState.SUCCEEDED) == [done.job_id]
    assert ids(scene, state=JobState.PENDING) == [back.job_id]
    scene.finish(worker, [running])


def test_blocked_jobs_there_are_none_yet(scene: Scene) -> None:
    populate(scene)
    assert ids(scene, state=JobState.BLOCKED) == []


# --- changes ---


def test_cancelling_some(scene: Scene) -> None:
    found = populate(scene)
    every = [job_id for some in found.values() for job_id in some]
    now = scene.store.now()
    assert scene.store.write(search.cancel_some, every, now, None, False).effective == 16, (
        "those that wait or run"
    )
    assert len(ids(scene, state=JobState.CANCELLED)) == 16
    assert all(record.cancel_requested for record in listed(scene, state=JobState.RUNNING))
    assert scene.store.write(search.cancel_some, every, now, None, True).effective == 8
    assert ids(scene, state=JobState.RUNNING) == []
    assert scene.store.write(search.cancel_some, [], now, None, True).effective == 0


def test_retrying_some(scene: Scene) -> None:
    found = populate(scene)
    every = [job_id for some in found.values() for job_id in some]
    assert scene.store.write(search.retry_some, every) == 24
    assert len(ids(scene, state=JobState.PENDING)) == 32
    assert len(ids(scene, state=JobState.RUNNING)) == 8


def test_deleting_some_passes_over_what_runs(scene: Scene) -> None:
    found = populate(scene)
    every = [job_id for some in found.values() for job_id in some]
    assert scene.store.write(search.delete_some, every) == 32
    assert set(ids(scene)) == set(found[JobState.RUNNING])
    assert scene.store.write(search.delete_some, every) == 0


# --- retention ---


def ended(scene: Scene, expires: list[int | None]) -> list[str]:
    """Jobs that have ended, to be kept until those times from now."""
    from msgspec.structs import replace

    worker = scene.worker()
    claimed = scene.run(len(expires), worker=worker)
    now = scene.store.now()
    flush = [
        replace(scene.decide(job, o.Fail("no")), expires_at=None if at is None else now + at)
        for job, at in zip(claimed, expires, strict=True)
    ]
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    return [job.job_id for job in claimed]


def test_cleaning_deletes_what_has_expired_and_nothing_else(scene: Scene) -> None:
    expired = ended(scene, [-HOUR, -2 * HOUR, -1])
    kept = ended(scene, [HOUR, None])
    waiting = scene.enqueue_one(run_at=1)
    running = scene.run(worker=scene.worker(), queue="other")[0].job_id
    number, mark = scene.store.write(retention.clean)
    assert number == 3
    assert set(ids(scene)) == {*kept, waiting, running}
    tables = scene.backend.tables()
    assert set(tables.kept["job_errors"]) == set(kept)
    assert scene.store.write(retention.clean, 1000, mark) == (0, mark)
    assert not set(expired) & set(tables.jobs)


def test_cleaning_goes_in_steps_from_its_mark(scene: Scene) -> None:
    expired = ended(scene, [-HOUR + n for n in range(7)])
    mark, steps = 0, []
    for _ in range(4):
        number, mark = scene.store.write(retention.clean, 3, mark)
        steps.append(number)
    assert steps == [3, 3, 1, 0]
    assert not set(expired) & set(scene.backend.tables().jobs)
    ended(scene, [-1, -1, -1, HOUR])
    assert scene.store.write(retention.clean, 1000, mark)[0] == 3, "what expired since lies above the mark"


def test_cleaning_steps_over_many_of_one_moment(scene: Scene) -> None:
    ended(scene, [-HOUR] * 5)
    mark, gone = 0, 0
    for _ in range(4):
        number, mark = scene.store.write(retention.clean, 2, mark)
        gone += number
    assert gone == 5


def test_an_expired_job_that_was_retried_is_no_longer_expired(scene: Scene) -> None:
    from holdfast.store.verbs import jobs

    (job_id,) = ended(scene, [-1])
    assert scene.store.write(jobs.retry, job_id)
    assert scene.store.write(retention.clean)[0] == 0
    assert scene.get(job_id).state is JobState.PENDING


def test_nothing_to_clean(scene: Scene) -> None:
    scene.enqueue(2, queue=QUEUE, task=TASK)
    assert scene.store.write(retention.clean, 10, 5) == (0, 5)
