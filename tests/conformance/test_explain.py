"""Why a job is not running, asked of real stores with jobs in each of the situations."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from holdfast.core import outcomes as o
from holdfast.core.causes import (
    Before,
    Behind,
    Busy,
    Cause,
    Claimable,
    Ended,
    Expired,
    Expires,
    LimitReached,
    LineAhead,
    NotDue,
    NoWorker,
    Paused,
    RateReached,
    Restricted,
    Retrying,
    Running,
    Suspect,
    UnknownTask,
)
from holdfast.core.explain import UNKNOWN_TASK_GRACE, explain
from holdfast.core.facts import HOLDERS, MOST, Facts
from holdfast.core.job import SUSPECT_LANE, Claimed, Settlement
from holdfast.core.overrides import Overrides
from holdfast.core.policy import Policy
from holdfast.core.slots import Rule, rule_name, slot_name
from holdfast.core.states import JobState, Reason
from holdfast.core.times import to_datetime
from holdfast.store.base import Store
from holdfast.store.postgres import store as postgres
from holdfast.store.records import LaneMark, LimitRow, QueueRow
from holdfast.store.statement import Many, Statement, Verb
from holdfast.store.verbs import explain as explaining
from holdfast.store.verbs import jobs, pauses
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.explain import explain as facts_of
from holdfast.store.verbs.in_hand import Order
from holdfast.store.verbs.limits import set_limits
from holdfast.store.verbs.queues import declare_queues
from holdfast.store.verbs.settle import WAITING
from holdfast.store.verbs.unknown import give_up_unknown
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene

MINUTE = 60 * SECOND
LIMIT = rule_name("task", TASK)
RATE = rule_name("queue", QUEUE, "rate")


def look(scene: Scene, job_id: str) -> Facts:
    found = scene.store.read(facts_of, job_id)
    assert found is not None
    return found


def why(scene: Scene, job_id: str) -> tuple[Cause, ...]:
    return explain(look(scene, job_id)).reasons


def only(scene: Scene, job_id: str) -> Cause:
    """The one reason that there is."""
    found = why(scene, job_id)
    assert len(found) == 1, found
    return found[0]


def claim_lines(
    scene: Scene, worker: str, *, limit: int = 100, lane: int = 0, serve: bool = True
) -> list[Claimed]:
    """Claim what may go on of the lines of the usual queue; or only see to the notes."""
    order = Order(worker, scene.ids.next(), [LaneMark(QUEUE, lane, -1)], limit, [TASK], lambda _: serve)
    return scene.store.write(claim_lined, order).jobs


def limit(scene: Scene, name: str, **rule: int) -> None:
    text = msgspec.json.encode(Rule(**rule)).decode()
    scene.store.write(set_limits, [LimitRow(name, text)])


def silence(scene: Scene, worker: str) -> None:
    """Make it long ago that a worker has beaten."""
    at = scene.store.now() - HOUR
    value = "?" if scene.store.dialect == "sqlite" else "to_timestamp(? / 1e6::float8)"
    scene.backend.execute(f"UPDATE {{}}workers SET beat_at = {value} WHERE id = ?", at, worker)


# --- begun ------------------------------------------------------------------------------------------------------------


def test_no_such_job(scene: Scene) -> None:
    assert scene.store.read(facts_of, scene.ids.next()) is None


def test_it_runs(scene: Scene) -> None:
    worker = scene.worker()
    since = scene.store.now()
    (job,) = scene.run(worker=worker)
    found = only(scene, job.job_id)
    assert isinstance(found, Running)
    assert (found.worker, found.alive, found.cancel_requested) == (worker, True, False)
    assert scene.is_now(look(scene, job.job_id).claimed_at, since)
    scene.store.write(jobs.cancel, job.job_id, scene.store.now(), None)
    silence(scene, worker)
    found = only(scene, job.job_id)
    assert isinstance(found, Running)
    assert (found.alive, found.cancel_requested) == (False, True)
    assert "was asked to cancel" in found.sentence


@pytest.mark.parametrize("outcome", [o.Succeeded("1"), o.Raised(ValueError("no")), o.Cancel("why")])
def test_it_has_ended(scene: Scene, outcome: o.Outcome) -> None:
    worker = scene.worker()
    claimed = scene.run(worker=worker)
    settlement = scene.decide(claimed[0], outcome, Policy(max_attempts=1))
    assert scene.settle(worker, [settlement], [claimed[0].lease]) == []
    found = only(scene, claimed[0].job_id)
    assert isinstance(found, Ended)
    failed = settlement.state is JobState.FAILED
    assert (found.state, found.reason) == (settlement.state, Reason.EXHAUSTED if failed else None)
    assert found.error == ("ValueError: no" if failed else None)
    assert found.at == to_datetime(settlement.at)
    assert (found.kept_until is None) == failed  # failed ones are kept for ever
    assert look(scene, claimed[0].job_id).kept_until == settlement.expires_at


# --- stopped, or not due --------------------------------------------------------------------------------------------


def test_paused(scene: Scene) -> None:
    scene.worker()
    job = scene.enqueue_one()
    for kind, name in (("task", TASK), ("queue", QUEUE), ("all", ""), ("queue", "other"), ("task", "other")):
        scene.store.write(pauses.pause, kind, name, "ada", f"of {kind}")  # type: ignore[arg-type]
    found = why(scene, job)
    assert [(one.what, one.name, one.by, one.reason) for one in found if isinstance(one, Paused)] == [
        ("all", "", "ada", "of all"), ("queue", QUEUE, "ada", "of queue"), ("task", TASK, "ada", "of task"),
    ]  # fmt: skip
    assert len(found) == 3
    scene.store.write(pauses.resume, "all", "")
    scene.store.write(pauses.resume, "queue", QUEUE)
    scene.store.write(pauses.resume, "task", TASK)
    assert isinstance(only(scene, job), Claimable)


def test_not_due_and_paused(scene: Scene) -> None:
    scene.worker()
    job = scene.enqueue_one(delay=HOUR)
    assert isinstance(only(scene, job), NotDue)
    scene.store.write(pauses.pause, "task", TASK, None, None)
    paused, later = why(scene, job)
    assert isinstance(paused, Paused)
    assert isinstance(later, NotDue)
    assert (later.until - explain(look(scene, job)).at).total_seconds() == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("ordering_key", [None, "k"])
def test_it_waits_for_its_retry(scene: Scene, ordering_key: str | None) -> None:
    worker = scene.worker()
    job = scene.enqueue_one(ordering_key=ordering_key)
    claimed = scene.claim(worker) if ordering_key is None else claim_lines(scene, worker)
    settlement = scene.decide(claimed[0], o.Raised(ValueError("no")))
    assert scene.settle(worker, [msgspec.structs.replace(settlement, run_at=settlement.at + HOUR)]) == []
    found = only(scene, job)
    assert isinstance(found, Retrying)
    assert (found.attempt, found.error) == (1, "ValueError: no")
    assert found.until == to_datetime(settlement.at + HOUR)


def test_a_snoozed_job_waits_for_no_retry(scene: Scene) -> None:
    worker = scene.worker()
    (first,) = scene.run(worker=worker)
    assert scene.settle(worker, [scene.due(scene.decide(first, o.Raised(ValueError("no"))))]) == []
    (second,) = scene.claim(worker)
    assert scene.settle(worker, [scene.decide(second, o.Snooze(timedelta(hours=1)))]) == []
    assert isinstance(only(scene, first.job_id), NotDue)


def test_it_expires(scene: Scene) -> None:
    scene.worker()
    early = scene.enqueue_one(overrides=Overrides(expires_in=HOUR))
    claimable, expires = why(scene, early)
    assert isinstance(claimable, Claimable)
    assert isinstance(expires, Expires)
    late = scene.enqueue_one(overrides=Overrides(expires_at=scene.store.now() - MINUTE))
    assert isinstance(why(scene, late)[0], Expired)


# --- in a line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ada", ""])
def test_behind_one_that_runs(scene: Scene, key: str) -> None:
    worker = scene.worker()
    first, second, third = scene.enqueue(3, ordering_key=key)
    found = only(scene, third)
    assert isinstance(found, Behind)
    assert (str(found.job), found.has_turn, found.ahead, found.ordering_key) == (first, False, 2, key or None)
    assert isinstance(found.causes[0], Claimable)
    assert [job.job_id for job in claim_lines(scene, worker)] == [first]
    for job, ahead in ((second, 0), (third, 1)):
        found = only(scene, job)
        assert isinstance(found, Behind)
        assert (str(found.job), found.has_turn, found.ahead) == (first, True, ahead)
        (running,) = found.causes
        assert isinstance(running, Running)
        assert running.worker == worker
    assert isinstance(only(scene, first), Running)


def test_behind_one_that_waits_for_its_retry(scene: Scene) -> None:
    worker = scene.worker()
    first, second = scene.enqueue(2, ordering_key="ada")
    (claimed,) = claim_lines(scene, worker)
    later = msgspec.structs.replace(
        scene.decide(claimed, o.Raised(ValueError("no"))), run_at=scene.store.now() + HOUR
    )
    assert scene.settle(worker, [later]) == []
    found = only(scene, second)
    assert isinstance(found, Behind)
    assert (str(found.job), found.has_turn, found.ahead) == (first, True, 0)
    (retrying,) = found.causes
    assert isinstance(retrying, Retrying)
    assert f"{first} of ordering key ada has the turn: it waits until" in found.sentence


def test_behind_one_whose_task_is_paused(scene: Scene) -> None:
    scene.worker(tasks=[TASK, "other"])
    first = scene.enqueue_one(ordering_key="ada", task="other")
    second = scene.enqueue_one(ordering_key="ada")
    scene.store.write(pauses.pause, "task", "other", None, "broken")
    found = only(scene, second)
    assert isinstance(found, Behind)
    assert str(found.job) == first
    assert found.sentence.startswith(
        f"1 job of ordering key ada stands before it, the first being {first}: task other"
    )


def test_behind_nobody_once_the_turn_is_free(scene: Scene) -> None:
    worker = scene.worker()
    first, second = scene.enqueue(2, ordering_key="ada")
    (claimed,) = claim_lines(scene, worker)
    scene.finish(worker, [claimed])
    assert claimed.job_id == first
    assert isinstance(only(scene, second), Claimable)


@pytest.mark.parametrize("key", [None, "acme"])
def test_a_limit_is_reached(scene: Scene, key: str | None) -> None:
    worker = scene.worker(concurrency=100)
    limit(scene, LIMIT, most=HOLDERS + 1)
    ids = scene.enqueue(HOLDERS + 3, limits=(slot_name(LIMIT, key),))
    running = {job.job_id for job in claim_lines(scene, worker)}
    assert running == set(ids[: HOLDERS + 1])
    found, line = why(scene, ids[-1])
    assert isinstance(found, LimitReached)
    assert (found.scope, found.name, found.key, found.most, found.running) == ("task", TASK, key, 6, 6)
    assert len(found.holders) == HOLDERS
    assert {str(one) for one in found.holders} <= running
    assert isinstance(line, LineAhead)
    assert (line.ahead, line.others, line.share) == (1, 0, None)
    assert isinstance(only(scene, ids[-2]), LimitReached)
    limit(scene, LIMIT, most=100)
    assert isinstance(only(scene, ids[-2]), Claimable)


def test_those_that_have_ended_hold_no_slot(scene: Scene) -> None:
    worker = scene.worker()
    limit(scene, LIMIT, most=2)
    ids = scene.enqueue(5, limits=(LIMIT,))
    first, second = claim_lines(scene, worker)
    # Their lease goes on: the other job is still in it.
    assert scene.settle(worker, [scene.decide(first, o.Succeeded("1"))]) == []
    claim_lines(scene, worker)
    found = why(scene, ids[-1])[0]
    assert isinstance(found, LimitReached)
    assert {str(one) for one in found.holders} == {second.job_id, ids[2]}


def test_a_rate_is_reached(scene: Scene) -> None:
    worker = scene.worker()
    limit(scene, RATE, count=1, per=HOUR, burst=1)
    ids = scene.enqueue(4, limits=(RATE,))
    assert [job.job_id for job in claim_lines(scene, worker)] == ids[:1]
    began = to_datetime(scene.store.now())
    for place, job in enumerate(ids[1:], 1):
        found = why(scene, job)[0]
        assert isinstance(found, RateReached)
        assert (found.scope, found.name, found.count) == ("queue", QUEUE, 1)
        assert (found.turn_at - began).total_seconds() == pytest.approx(3600 * place, abs=60)


def test_lines_that_wait_for_the_same_rate_take_turns(scene: Scene) -> None:
    worker = scene.worker()
    limit(scene, RATE, count=1, per=HOUR, burst=1)
    ids = [job for share in "abc" for job in scene.enqueue(2, share=share, limits=(RATE,))]
    for _ in range(2):  # who comes away empty waits for its turn
        claim_lines(scene, worker)
    times = {}
    for job in ids[1:]:
        found = why(scene, job)[0]
        if isinstance(found, RateReached):
            times[job] = found.turn_at
    # One of each share, and then the next of each.
    firsts, seconds = [ids[2], ids[4]], [ids[3], ids[5]]
    assert max(times[job] for job in firsts) < min(times[job] for job in seconds)


def test_a_fair_share(scene: Scene) -> None:
    worker = scene.worker()
    ids = scene.enqueue(4, share="acme")
    scene.enqueue(2, share="beta")
    claim_lines(scene, worker, limit=2)
    found = only(scene, ids[-1])
    assert isinstance(found, LineAhead)
    assert (found.share, found.ahead, found.others) == ("acme", 2, 1)


# --- workers ------------------------------------------------------------------------------------------------------


def test_nobody_serves_its_queue(scene: Scene) -> None:
    job = scene.enqueue_one()
    assert isinstance(only(scene, job), NoWorker)
    scene.worker(queues=["other"])
    silence(scene, scene.worker())
    assert isinstance(only(scene, job), NoWorker)
    scene.worker(queues=["other", QUEUE])
    assert isinstance(only(scene, job), Claimable)


def test_nobody_knows_its_task(scene: Scene) -> None:
    def never(job: Claimed) -> Settlement:
        raise AssertionError(job)

    scene.worker(tasks=["other"])
    job = scene.enqueue_one()
    found = only(scene, job)
    assert isinstance(found, UnknownTask)
    assert (found.workers, found.since, found.given_up_at) == (1, None, None)
    now = scene.store.now()
    scene.store.write(give_up_unknown, now, HOUR, never)
    found = only(scene, job)
    assert isinstance(found, UnknownTask)
    assert found.since is not None
    assert found.given_up_at == found.since + (to_datetime(UNKNOWN_TASK_GRACE) - to_datetime(0))
    assert scene.is_now(look(scene, job).unknown_since, now)
    assert look(scene, scene.enqueue_one(queue="elsewhere")).unknown_since is None


def test_only_workers_that_serve_some_of_their_tasks_know_it(scene: Scene) -> None:
    scene.worker(restricted=True)
    job = scene.enqueue_one()
    assert isinstance(only(scene, job), Restricted)
    scene.worker()
    assert isinstance(only(scene, job), Claimable)


def test_a_suspect(scene: Scene) -> None:
    policy = Policy(max_crashes=2)
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.rescue((worker, 0), policy=policy)
    # Its retry comes at once.
    scene.store.write(move_to_now, job.job_id)
    scene.worker(concurrency=1)
    found = why(scene, job.job_id)
    assert [type(one) for one in found] == [Suspect]
    assert found == (Suspect(crashes=1, sentence=found[0].sentence),)
    assert look(scene, job.job_id).lane == SUSPECT_LANE


def move_to_now(job_id: str) -> Verb[None]:
    """Make a suspect that waits for its retry due."""
    (row,) = yield Statement("lock_pending", {"ids": [job_id]})
    yield Statement("delete_pending", {"ids": [job_id]})
    yield Many("wait", WAITING, [(QUEUE, SUSPECT_LANE, 1, job_id, TASK, *row[7:10])])


def test_all_workers_are_busy(scene: Scene) -> None:
    worker = scene.worker(concurrency=2)
    scene.run(2, worker=worker)
    job = scene.enqueue_one()
    found = only(scene, job)
    assert isinstance(found, Busy)
    assert (found.workers, found.in_hand, found.slots, found.queue) == (1, 2, 2, None)
    scene.worker(concurrency=1)
    assert isinstance(only(scene, job), Claimable)


def test_a_worker_that_has_settled_is_busy_no_more(scene: Scene) -> None:
    worker = scene.worker(concurrency=2)
    first, _ = scene.run(2, worker=worker)
    assert scene.settle(worker, [scene.decide(first, o.Succeeded("1"))]) == []
    assert isinstance(only(scene, scene.enqueue_one()), Claimable)


def test_the_concurrency_of_the_queue_is_reached(scene: Scene) -> None:
    scene.store.write(declare_queues, [QueueRow(QUEUE, '{"concurrency": 1}'), QueueRow("odd", "[]")])
    worker = scene.worker(concurrency=10)
    scene.run(worker=worker, queue="other")
    job = scene.enqueue_one()
    assert isinstance(only(scene, job), Claimable)
    scene.claim(worker, limit=1)
    found = only(scene, scene.enqueue_one())
    assert isinstance(found, Busy)
    assert (found.in_hand, found.slots, found.queue) == (1, 1, QUEUE)
    assert isinstance(only(scene, scene.enqueue_one(queue="odd")), Claimable)


def test_others_come_before_it(scene: Scene) -> None:
    scene.worker()
    scene.enqueue(3)
    scene.enqueue(2, priority=7)
    scene.enqueue(2, priority=9)
    scene.enqueue(5, priority=9, delay=HOUR)
    scene.enqueue(5, priority=-1)
    scene.enqueue(5, queue="other")
    job = scene.enqueue_one()
    scene.enqueue(4)
    found = only(scene, job)
    assert isinstance(found, Before)
    assert (found.higher, found.same) == (4, 3)
    # Of a line that may go on one is the next.
    scene.enqueue(2, priority=3, share="acme")
    claim_lines(scene, scene.worker(), lane=3, serve=False)
    found = only(scene, job)
    assert isinstance(found, Before)
    assert (found.higher, found.same) == (5, 3)


def test_counting_ends(scene: Scene) -> None:
    scene.worker()
    scene.enqueue(MOST + 50)
    scene.enqueue(MOST + 50, priority=1)
    found = only(scene, scene.enqueue_one())
    assert isinstance(found, Before)
    assert (found.higher, found.same) == (MOST + 1, MOST + 1)
    scene.enqueue(MOST + 50, ordering_key="k")
    behind = why(scene, scene.enqueue_one(ordering_key="k"))[0]
    assert isinstance(behind, Behind)
    assert behind.ahead == MOST + 1


def test_it_is_about_to_be_claimed(scene: Scene) -> None:
    scene.worker()
    for fields in ({}, {"ordering_key": "k"}, {"share": "acme"}, {"limits": (LIMIT,)}):
        assert isinstance(only(scene, scene.enqueue_one(queue=f"q{len(str(fields))}", **fields)), Claimable)


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_it_sees_one_moment(scene: Scene, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed between two of its statements isn't seen."""
    job = scene.enqueue_one()

    def twice(job_id: str) -> Verb[list[str]]:
        first = yield Statement("explain_job", {"id": job_id})
        with_other = scene.backend.open()
        with_other.write(jobs.cancel, job_id, with_other.now(), None)
        with_other.close()
        second = yield Statement("explain_job", {"id": job_id})
        return [first[0][5], second[0][5]]

    assert facts_of in postgres.SNAPSHOTS
    monkeypatch.setattr(postgres, "SNAPSHOTS", {twice})
    assert store.read(twice, job) == ["pending", "pending"]
    assert isinstance(only(scene, job), Ended)
    again = scene.enqueue_one()
    assert store.submit_read(twice, again).result(30) == ["pending", "pending"]


def test_an_error_of_a_look_reaches_who_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Verb[None]:
        yield Statement("explain_job", {"id": explaining.NOBODY})
        raise LookupError("no")

    monkeypatch.setattr(postgres, "SNAPSHOTS", {fails})
    for _ in range(2):  # the connection is as good as before
        with pytest.raises(LookupError):
            store.read(fails)
        with pytest.raises(LookupError):
            store.submit_read(fails).result(30)
    assert store.submit_read(facts_of, explaining.NOBODY).result(30) is None
