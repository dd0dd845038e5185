"""Applying what runs have decided: all kinds, fenced by the lease."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed
from holdfast.core.policy import Policy
from holdfast.core.states import JobState, Reason
from holdfast.store.verbs import settle
from tests.conformance.scene import HOUR, QUEUE, Scene

LATER = o.Retry(timedelta(hours=1))


# --- each kind ---


def test_success_keeps_the_result(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    s = scene.decide(job, o.Succeeded('{"n": 1}'))
    assert scene.settle(worker, [s], [job.lease]) == []
    record = scene.get(job.job_id)
    assert (record.state, record.reason, record.result) == (JobState.SUCCEEDED, None, '{"n": 1}')
    assert (record.run, record.attempt, record.crashes, record.worker) == (1, 1, 0, worker)
    assert record.finished_at == s.at
    assert scene.leases() == {}
    scene.check(quiet=True)


def test_a_success_may_keep_no_result(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.finish(worker, [job], o.Succeeded(None))
    assert scene.get(job.job_id).result is None


def test_the_begin_of_the_run_is_kept(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    job.started_at = scene.store.now() + 5
    scene.finish(worker, [job])
    assert scene.get(job.job_id).started_at == job.started_at


def test_failure_keeps_reason_and_error(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    s = scene.decide(job, o.Raised(ValueError("no such mailbox 😀")), Policy(max_attempts=1))
    scene.settle(worker, [s], [job.lease])
    record = scene.get(job.job_id)
    assert (record.state, record.reason) == (JobState.FAILED, Reason.EXHAUSTED)
    (error,) = scene.errors(job.job_id)
    assert (error.run, error.attempt, error.worker, error.at) == (1, 1, worker, s.at)
    assert (error.type, error.message) == ("ValueError", "no such mailbox 😀")
    assert error.traceback == "traceback of no such mailbox 😀"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_kept(scene: Scene, reason: Reason) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    s = replace(scene.decide(job, o.Fail("no")), reason=reason)
    assert scene.settle(worker, [s], [job.lease]) == []
    assert scene.get(job.job_id).reason is reason


def test_cancelled(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.finish(worker, [job], o.Cancel("withdrawn"))
    record = scene.get(job.job_id)
    assert (record.state, record.reason, record.worker) == (JobState.CANCELLED, None, worker)


def test_a_retry_waits_again_and_keeps_its_error(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker, priority=4)
    s = scene.decide(job, o.Raised(KeyError("x")))
    assert scene.settle(worker, [s], [job.lease]) == []
    record = scene.get(job.job_id)
    assert (record.state, record.run, record.attempt) == (JobState.PENDING, 1, 1)
    assert record.run_at == s.run_at
    assert (record.worker, record.started_at, record.finished_at) == (None, None, None)
    assert [error.type for error in scene.errors(job.job_id)] == ["KeyError"]
    assert scene.leases() == {}


def test_new_arguments_replace_the_old(scene: Scene) -> None:
    worker = scene.worker()
    changed, same = scene.run(2, worker=worker, args='{"page": 1}')
    outcome = o.Reschedule(o.After(timedelta()), {"page": 2})
    outcome.encoded_args = '{"page": 2}'
    plain = o.Reschedule(o.After(timedelta()))
    flush = [scene.due(scene.decide(changed, outcome)), scene.due(scene.decide(same, plain))]
    assert scene.settle(worker, flush, [changed.lease]) == []
    assert (scene.get(changed.job_id).args, scene.get(changed.job_id).attempt) == ('{"page": 2}', 0)
    again = {job.job_id: job for job in scene.claim(worker)}
    assert again[changed.job_id].args == '{"page": 2}'
    assert again[same.job_id].args == '{"page": 1}'
    assert {(job.run, job.attempt) for job in again.values()} == {(2, 1)}


def test_all_kinds_in_one_flush(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(8, worker=worker)
    outcomes: list[o.Outcome] = [
        o.Succeeded("1"),
        o.Fail("broken"),
        o.Cancel(),
        LATER,
        o.Snooze(timedelta(hours=2)),
        o.Reschedule(o.After(timedelta(hours=3))),
        o.Interrupted(),
        o.Panicked(SystemExit(1)),
    ]
    flush = [scene.decide(job, outcome) for job, outcome in zip(claimed, outcomes, strict=True)]
    assert scene.settle(worker, flush[::-1], [claimed[0].lease]) == []
    found = [scene.get(job.job_id) for job in claimed]
    assert [record.state.value for record in found] == [
        "succeeded", "failed", "cancelled", "pending", "pending", "pending", "pending", "failed",
    ]  # fmt: skip
    assert [record.attempt for record in found] == [1, 1, 1, 1, 0, 0, 0, 1]
    assert [record.run_at - s.at for record, s in zip(found[3:6], flush[3:6], strict=True)] == [
        HOUR, 2 * HOUR, 3 * HOUR,
    ]  # fmt: skip
    assert found[6].run_at == claimed[6].run_at
    assert [len(scene.errors(job.job_id)) for job in claimed] == [0, 1, 0, 1, 0, 0, 0, 1]
    scene.check(quiet=True)


def test_a_flush_of_several_leases(scene: Scene) -> None:
    worker = scene.worker()
    batches = [scene.run(5, worker=worker) for _ in range(4)]
    every = [job for batch in batches for job in batch]
    flush = [scene.decide(job, LATER if n % 3 == 0 else o.Succeeded()) for n, job in enumerate(every)]
    done = [batch[0].lease for batch in batches[:3]]
    assert scene.settle(worker, [s for s in flush if s.job is not every[-1]], done) == []
    assert set(scene.leases()) == {every[-1].lease}
    assert scene.get(every[-1].job_id).state is JobState.RUNNING
    assert scene.settle(worker, [flush[-1]], [every[-1].lease]) == []
    scene.check(quiet=True)


def test_a_lease_is_settled_bit_by_bit(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(12, worker=worker)
    for n, job in enumerate(claimed):
        last = n == len(claimed) - 1
        outcome = (o.Succeeded(), LATER)[n % 2]
        assert scene.settle(worker, [scene.decide(job, outcome)], [job.lease] if last else []) == []
        running = [scene.get(other.job_id).state is JobState.RUNNING for other in claimed]
        assert running == [m > n for m in range(len(claimed))]
        scene.check(quiet=True)
    assert scene.leases() == {}


def test_a_lease_may_be_ended_without_a_settlement(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    scene.settle(worker, [scene.decide(job, o.Succeeded()) for job in claimed])
    assert list(scene.leases()) == [claimed[0].lease], "it is deleted when the worker says that it is over"
    assert scene.settle(worker, [], [claimed[0].lease]) == []
    assert scene.leases() == {}


def test_an_empty_flush_is_nothing(scene: Scene) -> None:
    assert scene.settle(scene.worker(), []) == []


def test_a_large_flush(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2000, worker=worker)
    scene.finish(worker, claimed)
    tables = scene.backend.tables()
    assert (len(tables.finished), tables.pending, tables.leases) == (2000, [], {})


def test_a_suspect_waits_in_its_own_lane(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    s = scene.due(scene.decide(job, o.Crashed("w"), Policy(max_crashes=2)))
    scene.settle(worker, [s], [job.lease])
    assert scene.get(job.job_id).crashes == 1
    assert scene.claim(worker) == []
    (again,) = scene.claim(worker, (QUEUE, s.lane))
    assert (again.crashes, again.attempt, again.run) == (1, 2, 2)


# --- errors ---


def test_the_last_twenty_errors_are_kept(scene: Scene) -> None:
    worker = scene.worker()
    job_id = scene.enqueue_one()
    other = scene.enqueue_one(queue="other")
    (beside,) = scene.claim(worker, ("other", 0))
    scene.settle(worker, [scene.decide(beside, o.Retry(cause=OSError("beside")))], [beside.lease])
    for n in range(1, 27):
        (job,) = scene.claim(worker)
        s = scene.decide(job, o.Raised(ValueError(f"error {n}")), Policy(max_attempts=None))
        scene.settle(worker, [scene.due(s)], [job.lease])
        assert len(scene.errors(job_id)) == min(n, settle.KEPT_ERRORS)
    kept = scene.errors(job_id)
    assert [error.run for error in kept] == list(range(7, 27)), "the newest, oldest first"
    assert [error.message for error in kept] == [f"error {n}" for n in range(7, 27)]
    assert [error.message for error in scene.errors(other)] == ["beside"]


def test_runs_without_errors_use_up_none(scene: Scene) -> None:
    worker = scene.worker()
    job_id = scene.enqueue_one()
    for n in range(1, 31):
        (job,) = scene.claim(worker)
        outcome = o.Raised(ValueError(str(n))) if n % 6 == 0 else o.Snooze(timedelta())
        scene.settle(worker, [scene.due(scene.decide(job, outcome))], [job.lease])
    assert [error.run for error in scene.errors(job_id)] == [6, 12, 18, 24, 30]


def test_long_and_odd_texts_of_errors(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    s = scene.decide(job, o.Raised(ValueError("x")))
    assert s.failure is not None
    failure = replace(s.failure, message="é'\";--%s\\" * 1000, traceback="línea\n" * 3000, type="app.Ошибка")
    assert scene.settle(worker, [replace(s, failure=failure)], [job.lease]) == []
    (error,) = scene.errors(job.job_id)
    assert (error.message, error.traceback, error.type) == (failure.message, failure.traceback, failure.type)


# --- news ---


def test_news_tells_what_ended_and_what_is_due_again(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(6, worker=worker)
    news = scene.news()
    soon, late = scene.store.now() + HOUR, scene.store.now() + 2 * HOUR
    flush = [
        scene.decide(claimed[0], o.Succeeded()),
        scene.decide(claimed[1], o.Fail("x")),
        replace(scene.decide(claimed[2], LATER), run_at=late),
        replace(scene.decide(claimed[3], LATER), run_at=soon),
        replace(scene.decide(claimed[4], LATER), run_at=late),
        replace(scene.decide(claimed[5], LATER), run_at=late, lane=-993),
    ]
    scene.settle(worker, flush, [claimed[0].lease])
    assert {job_id for wake in news for job_id in wake.finished} == {claimed[0].job_id, claimed[1].job_id}
    assert {due for wake in news for due in wake.due} == {(QUEUE, 0, soon), (QUEUE, -993, late)}


def test_all_that_was_settled_is_claimable_at_its_time(scene: Scene) -> None:
    worker = scene.worker()
    claimed: list[Claimed] = scene.run(30, worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, LATER)) for job in claimed], [claimed[0].lease])
    assert {job.job_id for job in scene.claim(worker)} == {job.job_id for job in claimed}
