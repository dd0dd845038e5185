"""Ends that do more than be noted: jobs of which nothing is kept, arguments that go, jobs in dead-letter queues."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core import outcomes as o
from holdfast.core.errors import JobExists, LeaseLost, WrongState
from holdfast.core.job import Claimed, DeadLetter, Settlement
from holdfast.core.lifecycle import with_letter_id
from holdfast.core.policy import Policy
from holdfast.core.retention import Keep, Retention
from holdfast.core.states import JobState, Reason
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import dead_letters, ending, jobs, leases, queues, settle_in, unknown
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.progress import progress
from holdfast.store.verbs.settle import settle
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene

NOTHING = Policy(retention=Retention.nothing().resolved())
ONLY_FAILED = Policy(retention=Retention(timedelta(days=1), only_failed=True).resolved())
DEAD = Policy(max_attempts=1, dead_letter=DeadLetter(queue="dead", priority=7))
BROKEN = o.Raised(ValueError("x"))


def ends(scene: Scene, claimed: Sequence[Claimed], outcome: o.Outcome, policy: Policy) -> list[Settlement]:
    """What a worker would send."""
    return [with_letter_id(scene.decide(job, outcome, policy), scene.ids.next) for job in claimed]


def waiting(scene: Scene, queue: str) -> list[Any]:
    rows = scene.backend.execute("SELECT id FROM {}pending WHERE queue = ? ORDER BY id", queue)
    return [scene.get(str(row[0])) for row in rows]


def remembered(scene: Scene) -> set[str]:
    return {str(row[0]) for row in scene.backend.execute("SELECT id FROM {}forgotten")}


# --- nothing is kept ---


@pytest.mark.parity("S4.7")
@pytest.mark.parametrize(
    "outcome", [o.Succeeded("1"), o.Fail("no"), o.Cancel(), o.Panicked(SystemExit(1))], ids=lambda o: o.name
)
@pytest.mark.parametrize("over", [True, False])
def test_nothing_is_kept(scene: Scene, outcome: o.Outcome, over: bool) -> None:
    worker = scene.worker()
    claimed = scene.run(3, worker=worker)
    news = scene.news()
    flush = ends(scene, claimed[:2], outcome, NOTHING)
    assert scene.settle(worker, flush) == []
    tables = scene.backend.tables()
    assert tables.jobs == [claimed[2].job_id]
    assert tables.finished == []
    assert tables.kept == {"job_errors": [], "job_progress": []}
    assert {job_id for wake in news for job_id in wake.finished} == {s.job.job_id for s in flush}
    scene.check()
    last = ends(scene, claimed[2:], outcome, NOTHING)
    assert scene.settle(worker, last, [claimed[0].lease] if over else []) == []
    assert scene.backend.tables().jobs == []
    assert remembered(scene) == {job.job_id for job in claimed}
    assert bool(scene.leases()) is not over


def test_history_goes_with_the_job(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.settle(worker, [scene.due(scene.decide(job, BROKEN))], [job.lease])
    (job,) = scene.claim(worker)
    assert scene.store.write(progress, job.lease, worker, job.job_id, job.run, 50, "half")
    assert scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING)) == []
    assert not scene.store.write(progress, job.lease, worker, job.job_id, job.run, 60, "late")
    assert scene.backend.tables().kept == {"job_errors": [], "job_progress": []}


@pytest.mark.parametrize("over", [True, False])
def test_a_flush_sent_twice_is_harmless(scene: Scene, over: bool) -> None:
    worker = scene.worker()
    claimed = scene.run(4, worker=worker)
    flush = [
        *ends(scene, claimed[:2], o.Succeeded("1"), NOTHING),
        *ends(scene, claimed[2:], o.Succeeded("1"), Policy()),
    ]
    leases = [claimed[0].lease] if over else []
    assert scene.settle(worker, flush, leases) == []
    assert scene.settle(worker, flush, leases) == []
    assert sorted(scene.backend.tables().jobs) == sorted(job.job_id for job in claimed[2:])


def test_a_lease_that_was_lost_is_found_out(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    flush = ends(scene, claimed, o.Succeeded("1"), NOTHING)
    scene.rescue((worker, 0))
    assert scene.settle(worker, flush, [claimed[0].lease]) == flush
    assert len(scene.backend.tables().pending) == 2


def test_another_outcome_of_a_run_that_has_ended_is_refused(scene: Scene) -> None:
    worker = scene.worker()
    job, _ = scene.run(2, worker=worker)
    assert scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING)) == []
    for outcome, policy in ((o.Cancel(), NOTHING), (BROKEN, NOTHING), (o.Succeeded("1"), Policy())):
        late = ends(scene, [job], outcome, policy)
        assert scene.settle(worker, late) == late, outcome
    assert job.job_id not in scene.backend.tables().jobs


def test_a_forced_cancel_wins_over_a_late_end(scene: Scene) -> None:
    worker = scene.worker()
    job, other = scene.run(2, worker=worker)
    now = scene.store.now()
    nothing = lambda *_: Keep(ended=0)  # noqa: E731
    assert scene.store.write(jobs.cancel, job.job_id, now, nothing, True) is CancelAnswer.CANCELLED
    assert scene.backend.tables().jobs == [other.job_id]
    flush = ends(scene, [job], o.Succeeded("1"), NOTHING)
    assert scene.settle(worker, flush) == flush


def test_an_end_wins_over_a_late_forced_cancel(scene: Scene) -> None:
    worker = scene.worker()
    job, _ = scene.run(2, worker=worker)
    scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING))
    for force in (False, True):
        assert (
            scene.store.write(jobs.cancel, job.job_id, scene.store.now(), None, force)
            is CancelAnswer.NOT_FOUND
        )
    assert scene.store.write(jobs.retry, job.job_id) is False
    assert scene.store.write(jobs.delete, job.job_id) is False
    assert scene.store.read(jobs.get, job.job_id) is None


def test_rescue_leaves_alone_what_has_vanished(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(3, worker=worker)
    scene.settle(worker, ends(scene, claimed[:1], o.Succeeded("1"), NOTHING))
    assert {s.job.job_id for s in scene.rescue((worker, 0))} == {job.job_id for job in claimed[1:]}
    scene.check(quiet=True)


def test_a_rescued_job_that_is_quarantined_may_vanish(scene: Scene) -> None:
    worker = scene.worker()
    scene.run(2, worker=worker)
    policy = replace(NOTHING, max_crashes=1)
    settled = scene.rescue((worker, 0), policy=policy)
    assert [s.reason for s in settled] == [Reason.CRASHED] * 2
    assert scene.backend.tables().jobs == []
    assert scene.leases() == {}


def test_a_lost_claim_is_given_back_without_the_vanished(scene: Scene) -> None:
    worker = scene.worker()
    job, _ = scene.run(2, worker=worker)
    scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING))
    assert scene.give_back(worker, job.lease) == 1
    scene.check(quiet=True)


@pytest.mark.parametrize("policy", [NOTHING, replace(DEAD, retention=NOTHING.retention)])
def test_a_job_whose_task_nobody_knows_may_vanish(scene: Scene, policy: Policy) -> None:
    scene.worker(tasks=["other"])
    job_id = scene.enqueue_one()
    now = scene.store.now()

    def decide(job: Claimed) -> Settlement:
        return with_letter_id(scene.decide(job, o.NotKnown(), policy, now), scene.ids.next)

    scene.store.write(unknown.give_up_unknown, now, 0, decide)
    (settled,) = scene.store.write(unknown.give_up_unknown, now + HOUR, 0, decide)
    assert settled.job.job_id == job_id
    assert job_id not in scene.backend.tables().jobs
    assert len(waiting(scene, "dead")) == (policy is not NOTHING)


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_cancel_goes_by_what_is_said_of_the_job(scene: Scene, state: str) -> None:
    asked: list[tuple[str, str]] = []
    if state == "waiting":
        job_id = scene.enqueue_one()
    else:
        job_id = scene.run()[0].job_id

    def keep(task: str, queue: str) -> Keep:
        asked.append((task, queue))
        return Keep(ended=HOUR, payload="failed")

    now = scene.store.now()
    assert scene.store.write(jobs.cancel, job_id, now, keep, True) is CancelAnswer.CANCELLED
    assert asked == [(TASK, QUEUE)]
    record = scene.get(job_id)
    assert (record.state, record.args) == (JobState.CANCELLED, "null")
    (row,) = scene.backend.execute("SELECT expires_at FROM {}finished")
    at = row[0] if scene.store.dialect == "sqlite" else row[0].timestamp() * SECOND
    assert abs(at - now - HOUR) < 10


@pytest.mark.parity("S4.7")
def test_only_failed_jobs_are_kept(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(3, worker=worker)
    outcomes = [o.Succeeded("1"), o.Cancel(), o.Fail("no")]
    flush = [scene.decide(job, each, ONLY_FAILED) for job, each in zip(claimed, outcomes, strict=True)]
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    assert scene.backend.tables().jobs == [claimed[2].job_id]
    assert scene.errors(claimed[2].job_id)
    scene.check(quiet=True)


def test_two_flushes_at_once_delete_each_job_once(scene: Scene) -> None:
    """The same flush, on two connections at the same moment, as after a line that broke in the middle of a commit."""
    worker = scene.worker()
    channels = [scene.store.channel(f"settler {n}") for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            claimed = scene.run(20, worker=worker)
            flush = ends(scene, claimed, o.Fail("no"), replace(NOTHING, dead_letter=DEAD.dead_letter))
            sent = [pool.submit(channel.write, settle, worker, flush, []) for channel in channels]
            assert [each.result() for each in sent] == [[], []]
            scene.settle(worker, [], [claimed[0].lease])
    assert len(waiting(scene, "dead")) == 20 * 20
    for channel in channels:
        channel.close()


# --- what is remembered of it ---


def test_an_enqueue_sent_again_takes_the_job_for_its_own(scene: Scene) -> None:
    worker = scene.worker()
    first, second = scene.new(2)
    scene.store.write(insert, [first, second])
    claimed = scene.claim(worker, limit=1)
    scene.settle(worker, ends(scene, claimed, o.Succeeded("1"), NOTHING), [claimed[0].lease])
    scene.store.write(insert, [first, second], resent=True)
    assert scene.backend.tables().jobs == [second.job_id]
    (left,) = scene.claim(worker)
    scene.settle(worker, ends(scene, [left], o.Succeeded("1"), NOTHING), [left.lease])
    scene.store.write(insert, [first, second], resent=True)
    assert scene.backend.tables().jobs == []


def test_an_enqueue_of_its_own_is_refused_for_ten_minutes(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.new()
    scene.store.write(insert, [job])
    claimed = scene.claim(worker)
    scene.settle(worker, ends(scene, claimed, o.Succeeded("1"), NOTHING), [claimed[0].lease])
    for batch in ([job], [*scene.new(2), job]):
        with pytest.raises(JobExists, match=job.job_id):
            scene.store.write(insert, batch)
    assert scene.backend.tables().jobs == []
    assert scene.store.write(ending.clean_forgotten, scene.store.now() - ending.REMEMBERED) == (0, 0)
    assert scene.store.write(ending.clean_forgotten, scene.store.now() + SECOND)[0] == 1
    assert remembered(scene) == set()
    scene.store.write(insert, [job])
    assert scene.backend.tables().jobs == [job.job_id]


def test_an_id_used_again_belongs_to_no_old_lease(scene: Scene) -> None:
    """The lease of the first job lives on, with another that runs for long."""
    worker = scene.worker()
    job, other = scene.run(2, worker=worker)
    scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING))
    scene.store.write(ending.clean_forgotten, scene.store.now() + SECOND)
    scene.store.write(insert, [replace(scene.new()[0], job_id=job.job_id)])
    scene.check()
    assert [s.job.job_id for s in scene.rescue((worker, 0))] == [other.job_id]
    assert scene.get(job.job_id).run == 0


def test_ids_are_forgotten_in_steps(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(25, worker=worker)
    scene.settle(worker, ends(scene, claimed, o.Succeeded("1"), NOTHING), [claimed[0].lease])
    before, mark, steps = scene.store.now() + SECOND, 0, []
    while not steps or steps[-1]:
        count, mark = scene.store.write(ending.clean_forgotten, before, 10, mark)
        steps.append(count)
    assert sum(steps) == 25
    assert max(steps) == 10
    assert remembered(scene) == set()


# --- in a transaction of the handler's ---


def test_settle_in_leaves_nothing_and_is_concluded(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    done = scene.decide(job, o.Succeeded("1"), NOTHING)
    scene.store.write(settle_in.settle_in, worker, done)
    scene.store.write(settle_in.settle_in, worker, done)
    assert scene.backend.tables().jobs == []
    scene.check()
    assert scene.store.write(jobs.cancel, job.job_id, 1, None, True) is CancelAnswer.NOT_FOUND
    otherwise = scene.decide(job, BROKEN, NOTHING)
    found = scene.store.write(settle_in.conclude, worker, otherwise, over=True)
    assert found is settle_in.Conclusion.SUCCEEDED
    again = scene.store.write(settle_in.conclude, worker, otherwise, over=True)
    assert again is settle_in.Conclusion.SUCCEEDED
    assert scene.leases() == {}
    scene.check(quiet=True)


@pytest.mark.parametrize("over", [True, False])
def test_what_was_not_committed_is_settled_and_may_vanish(scene: Scene, over: bool) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    otherwise = scene.decide(job, o.Fail("no"), NOTHING)
    found = scene.store.write(settle_in.conclude, worker, otherwise, over=over)
    assert found is settle_in.Conclusion.SETTLED
    assert scene.backend.tables().jobs == []
    assert scene.store.write(leases.held, worker) == ([] if over else [job.lease])


def test_a_lease_lost_before_settle_in(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.rescue((worker, 0))
    with pytest.raises(LeaseLost):
        scene.store.write(settle_in.settle_in, worker, scene.decide(job, o.Succeeded("1"), NOTHING))
    assert scene.get(job.job_id).state is JobState.PENDING


# --- arguments ---


@pytest.mark.parity("S4.7")
@pytest.mark.parametrize("payload", ["always", "failed", "never"])
def test_arguments_are_kept_as_the_policy_says(scene: Scene, payload: Any) -> None:
    policy = Policy(retention=Keep(None, None, payload))
    worker = scene.worker()
    claimed = scene.run(3, worker=worker, args='{"a": 1}')
    outcomes = [o.Succeeded('"done"'), o.Fail("no"), o.Cancel()]
    flush = [scene.decide(job, each, policy) for job, each in zip(claimed, outcomes, strict=True)]
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    kept = [scene.get(job.job_id).args == '{"a": 1}' for job in claimed]
    assert kept == {"always": [True] * 3, "failed": [False, True, False], "never": [False] * 3}[payload]
    assert scene.get(claimed[0].job_id).result == '"done"'
    for job, has in zip(claimed, kept, strict=True):
        if has:
            assert scene.store.write(jobs.retry, job.job_id)
            assert scene.get(job.job_id).args == '{"a": 1}'
        else:
            with pytest.raises(WrongState, match="arguments"):
                scene.store.write(jobs.retry, job.job_id)
            assert scene.get(job.job_id).state.terminal


def test_a_job_that_goes_on_keeps_its_arguments(scene: Scene) -> None:
    policy = Policy(retention=Keep(payload="never"))
    worker = scene.worker()
    (job,) = scene.run(worker=worker, args='{"a": 1}')
    scene.settle(worker, [scene.due(scene.decide(job, BROKEN, policy))], [job.lease])
    assert [job.args for job in scene.claim(worker)] == ['{"a": 1}']


# --- dead-letter queues ---


FAILURES: dict[str, tuple[o.Outcome, Reason]] = {
    "error": (o.Fail("no"), Reason.ERROR),
    "exhausted": (BROKEN, Reason.EXHAUSTED),
    "timeout": (o.TimedOut(TimeoutError()), Reason.TIMEOUT),
    "panic": (o.Panicked(SystemExit(1)), Reason.PANIC),
    "args": (o.InvalidArgs(TypeError("x")), Reason.INVALID_ARGS),
    "result": (o.BadResult(TypeError("x")), Reason.INVALID_RESULT),
    "unknown": (o.NotKnown(), Reason.UNKNOWN_TASK),
}


@pytest.mark.parity("S2.6")
@pytest.mark.parity("S0.1")
@pytest.mark.parametrize("outcome", FAILURES)
def test_a_failed_job_leaves_another_in_the_dead_letter_queue(scene: Scene, outcome: str) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker, args='{"a": [1, "ü"]}', meta={"tenant": "x"}, priority=3)
    decided, reason = FAILURES[outcome]
    flush = ends(scene, [job], decided, DEAD)
    news = scene.news()
    assert scene.settle(worker, flush, [job.lease]) == []
    assert (scene.get(job.job_id).state, scene.get(job.job_id).reason) == (JobState.FAILED, reason)
    (letter,) = waiting(scene, "dead")
    assert letter.origin == job.job_id
    assert (letter.task, letter.priority, letter.run, letter.overrides) == (TASK, 7, 0, None)
    assert letter.args == '{"a": [1, "ü"]}'
    assert letter.meta is not None
    assert "tenant" in letter.meta
    assert any(due[:2] == ("dead", 7) for wake in news for due in wake.due)
    (again,) = scene.claim(worker, ("dead", 7))
    assert (again.job_id, again.attempt) == (letter.job_id, 1)


@pytest.mark.parametrize(
    "outcome", [o.Succeeded("1"), o.Cancel(), o.Snooze(timedelta(1)), o.Retry(timedelta(1))]
)
def test_what_has_not_failed_leaves_none(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    policy = replace(DEAD, max_attempts=2)
    assert scene.settle(worker, ends(scene, [job], outcome, policy), [job.lease]) == []
    assert waiting(scene, "dead") == []


@pytest.mark.parity("S2.6")
def test_the_dead_letter_queue_may_name_the_task(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    policy = Policy(dead_letter=DeadLetter(queue="dead", task="bury"))
    scene.settle(worker, ends(scene, [job], o.Fail("no"), policy), [job.lease])
    assert [letter.task for letter in waiting(scene, "dead")] == ["bury"]


@pytest.mark.parity("S2.6")
@pytest.mark.parametrize(
    "keep", [Keep(), Keep(failed=0), Keep(payload="never")], ids=["kept", "nothing", "no args"]
)
def test_a_flush_sent_again_makes_no_second(scene: Scene, keep: Keep) -> None:
    """Not even when the first has run meanwhile, and is gone."""
    worker = scene.worker()
    claimed = scene.run(3, worker=worker, args='{"a": 1}')
    flush = ends(scene, claimed, o.Fail("no"), replace(DEAD, retention=keep))
    assert scene.settle(worker, flush[:2]) == []
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    assert [letter.args for letter in waiting(scene, "dead")] == ['{"a": 1}'] * 3
    for letter in scene.claim(worker, ("dead", 7)):
        scene.settle(worker, [scene.decide(letter, o.Succeeded("1"))])
        scene.store.write(jobs.delete, letter.job_id)
    assert scene.settle(worker, flush, [claimed[0].lease]) == []
    assert waiting(scene, "dead") == []


def test_a_lost_lease_makes_none(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    flush = ends(scene, claimed, o.Fail("no"), DEAD)
    scene.rescue((worker, 0))
    assert scene.settle(worker, flush, [claimed[0].lease]) == flush
    assert waiting(scene, "dead") == []


@pytest.mark.parity("S2.6")
def test_a_quarantined_job_leaves_one(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    now = scene.store.now()

    def decide(job: Claimed, dead: str) -> Settlement:
        policy = replace(DEAD, max_crashes=1)
        return with_letter_id(scene.decide(job, o.Crashed(dead), policy, now), scene.ids.next)

    scene.rescue_by(decide, worker)
    assert {letter.origin for letter in waiting(scene, "dead")} == {job.job_id for job in claimed}
    assert scene.rescue_by(decide, worker) == []
    assert len(waiting(scene, "dead")) == 2
    scene.check(quiet=True)


def test_either_both_or_neither(scene: Scene) -> None:
    """A letter that can't be stored takes the failure with it: nothing was written."""
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    taken = scene.enqueue_one(queue="other")
    (s,) = ends(scene, [job], o.Fail("no"), DEAD)
    assert s.ending is not None
    assert s.ending.dead_letter is not None
    clash = replace(s, ending=replace(s.ending, dead_letter=replace(s.ending.dead_letter, job_id=taken)))
    with pytest.raises(JobExists):
        scene.settle(worker, [clash], [job.lease])
    assert scene.get(job.job_id).state is JobState.RUNNING
    assert scene.settle(worker, [s], [job.lease]) == []
    assert len(waiting(scene, "dead")) == 1


# --- in turn ---


def ordered(scene: Scene, n: int = 2, queue: str = QUEUE) -> list[str]:
    """Some jobs of a FIFO queue, the first of which has the turn."""
    return scene.enqueue(n, queue=queue, ordering_key="")


def turn_passes(scene: Scene, worker: str, job_id: str) -> bool:
    return [job.job_id for job in scene.claim_lined(worker)] == [job_id]


def test_a_vanished_job_gives_up_its_turn(scene: Scene) -> None:
    worker = scene.worker()
    first, second = ordered(scene)
    (job,) = scene.claim_lined(worker)
    assert job.job_id == first
    scene.settle(worker, ends(scene, [job], o.Succeeded("1"), NOTHING), [job.lease])
    assert turn_passes(scene, worker, second)


@pytest.mark.parametrize("how", ["settle_in", "forced", "waiting"])
def test_and_so_it_does_in_the_callers_transaction(scene: Scene, how: str) -> None:
    worker = scene.worker()
    first, second = ordered(scene)
    if how != "waiting":
        (job,) = scene.claim_lined(worker)
    if how == "settle_in":
        scene.store.write(settle_in.settle_in, worker, scene.decide(job, o.Succeeded("1"), NOTHING))
    else:
        now = scene.store.now()
        scene.store.write(jobs.cancel, first, now, lambda *_: Keep(ended=0), True)
    assert first not in scene.backend.tables().jobs
    assert turn_passes(scene, worker, second)


def test_a_letter_waits_for_its_turn_in_a_fifo_queue(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(2, worker=worker)
    policy = Policy(dead_letter=DeadLetter(queue="dead", ordering_key=""))
    scene.settle(worker, ends(scene, claimed, o.Fail("no"), policy), [claimed[0].lease])
    assert len(scene.backend.tables().blocked) == 2
    assert len(scene.claim_lined(worker)) == 1


def test_redriven_jobs_wait_for_their_turn_again(scene: Scene) -> None:
    worker = scene.worker()
    first, second = ordered(scene)
    scene.finish(worker, scene.claim_lined(worker), o.Fail("no"))
    assert turn_passes(scene, worker, second)
    assert scene.store.write(dead_letters.redrive, [first], scene.store.now()) == 1
    assert not turn_passes(scene, worker, first)
    assert scene.backend.tables().blocked == [first]


def test_a_purged_queue_leaves_no_turn_behind(scene: Scene) -> None:
    worker = scene.worker()
    ordered(scene, 12)
    counts, place = [], queues.FIRST
    while not counts or counts[-1]:
        count, place = scene.store.write(queues.purge_waiting, QUEUE, place, 5)
        counts.append(count)
    assert sum(counts) == 12
    assert scene.backend.tables().jobs == []
    (after,) = ordered(scene, 1)
    assert turn_passes(scene, worker, after)
