"""FIFO queues and ordering keys: one job of a key at a time, in the order in which they first became due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed
from holdfast.core.policy import DEFAULT
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer, JobFilter
from holdfast.store.verbs import claim, jobs, lines, queues, search, settle_in
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.queues import list_queues
from holdfast.store.verbs.strays import Place, put_in_order
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene

NEVER = DEFAULT.retention.ended


class Line:
    """One ordering key on a scene, with one worker."""

    def __init__(self, scene: Scene, key: str = "a") -> None:
        self.scene = scene
        self.key = key
        self.worker = scene.worker()

    def enqueue(self, n: int = 1, **fields: object) -> list[str]:
        return self.scene.enqueue(n, ordering_key=self.key, **fields)

    def next(self) -> Claimed | None:
        """Claim what has its turn now."""
        claimed = self.scene.claim_lined(self.worker)
        self.scene.check()
        assert len(claimed) <= 1, "two of one key"
        return claimed[0] if claimed else None

    def end(self, job: Claimed, outcome: o.Outcome | None = None) -> None:
        self.scene.finish(self.worker, [job], outcome)
        self.scene.check()

    def drain(self) -> list[str]:
        """Run all to their end; returns their ids in the order in which they ran."""
        ran: list[str] = []
        while (job := self.next()) is not None:
            ran.append(job.job_id)
            self.end(job)
        return ran


@pytest.fixture
def line(scene: Scene) -> Line:
    return Line(scene)


def test_jobs_of_a_key_wait_in_blocked_and_run_one_after_the_other(line: Line) -> None:
    wanted = line.enqueue(5)
    assert {line.scene.get(job_id).state for job_id in wanted} == {JobState.BLOCKED}
    assert line.scene.claim(line.worker) == []
    first = line.next()
    assert first is not None
    assert (first.job_id, first.line) == (wanted[0], "a")
    assert line.next() is None
    line.end(first)
    assert line.drain() == wanted[1:]
    assert line.scene.store.write(lines.drop_idle) == 1
    line.scene.check(quiet=True)


def test_keys_go_side_by_side_and_jobs_without_one_wait_for_nobody(scene: Scene) -> None:
    keyed = [scene.enqueue(2, ordering_key=key)[0] for key in "abc"]
    free = scene.enqueue(2)
    assert {job.job_id for job in scene.claim_any(scene.worker())} == {*keyed, *free}


def test_the_same_key_in_two_queues_is_two_keys(scene: Scene) -> None:
    for queue in ("one", "two"):
        scene.enqueue(2, queue=queue, ordering_key="a")
    assert len(scene.claim_lined(scene.worker())) == 2


def test_the_order_is_that_of_first_becoming_due_and_then_of_ids(line: Line) -> None:
    now = line.scene.store.now()
    (later,) = line.enqueue()
    # A run time that is past means now: jobs that were due before can only come from another place.
    line.scene.backend.execute("DELETE FROM {}notes")
    times = [now - 30 * SECOND, now - 50 * SECOND, now - 40 * SECOND]
    made = [line.enqueue()[0] for _ in times]
    column = "?" if line.scene.backend.dialect == "sqlite" else "to_timestamp(? / 1e6::float8)"
    for job_id, at in zip(made, times, strict=True):
        line.scene.backend.execute(f"UPDATE {{}}blocked SET first_due = {column} WHERE id = ?", at, job_id)
    assert line.drain() == [made[1], made[2], made[0], later]


def test_a_job_that_is_not_due_holds_up_nobody(line: Line) -> None:
    (later,) = line.enqueue(delay=HOUR)
    now = line.enqueue(2)
    assert line.drain() == now
    assert line.scene.get(later).state is JobState.BLOCKED
    (lane,) = line.scene.lines()
    assert lane.run_at == line.scene.get(later).run_at, "an idle worker knows when to look again"


def test_what_becomes_due_gets_its_turn(line: Line) -> None:
    (job_id,) = line.enqueue(delay=1)
    assert line.drain() == [job_id]


def test_an_earlier_arrival_pulls_the_turn_in(line: Line) -> None:
    line.enqueue(delay=HOUR)
    assert line.next() is None
    (soon,) = line.enqueue()
    assert line.drain() == [soon]


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(o.Retry(timedelta(hours=1)), id="waits for its retry"),
        pytest.param(o.Raised(ValueError("x")), id="failed"),
        pytest.param(o.Snooze(timedelta(hours=1)), id="snoozed"),
        pytest.param(o.Interrupted(started=True), id="interrupted"),
    ],
)
def test_a_head_that_goes_back_to_waiting_is_never_overtaken(line: Line, outcome: o.Outcome) -> None:
    wanted = line.enqueue(3)
    job = line.next()
    assert job is not None
    made = line.scene.decide(job, outcome)
    line.scene.settle(line.worker, [replace(made, run_at=made.at + HOUR)], [job.lease])
    assert line.next() is None
    assert line.scene.get(wanted[0]).state is JobState.BLOCKED
    # Once its time has come it goes on, and then the others.
    taken = line.scene.store.write(jobs.cancel, wanted[0], line.scene.store.now(), NEVER)
    assert taken is CancelAnswer.CANCELLED
    assert line.drain() == wanted[1:]


def test_a_head_that_is_retried_keeps_its_turn(line: Line) -> None:
    wanted = line.enqueue(2)
    job = line.next()
    assert job is not None
    line.scene.settle(line.worker, [line.scene.due(line.scene.decide(job, o.Retry()))], [job.lease])
    assert line.drain() == wanted


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(o.Fail("no"), id="failed"),
        pytest.param(o.Cancel(), id="cancelled"),
        pytest.param(o.InvalidArgs(ValueError("x")), id="cannot be decoded"),
        pytest.param(o.Panicked(SystemExit(1)), id="panicked"),
    ],
)
def test_a_head_that_ends_badly_hands_its_turn_over(line: Line, outcome: o.Outcome) -> None:
    wanted = line.enqueue(3)
    job = line.next()
    assert job is not None
    line.end(job, outcome)
    assert line.drain() == wanted[1:]


def test_a_reschedule_gives_up_the_turn_and_waits_for_another(line: Line) -> None:
    wanted = line.enqueue(2)
    job = line.next()
    assert job is not None
    made = line.scene.decide(job, o.Reschedule(o.After(timedelta(hours=1))))
    assert line.scene.settle(line.worker, [made], [job.lease]) == []
    assert line.scene.get(wanted[0]).state is JobState.BLOCKED
    assert line.drain() == wanted[1:]
    record = line.scene.get(wanted[0])
    assert (record.state, record.run, record.attempt) == (JobState.BLOCKED, 1, 0)
    assert record.run_at > line.scene.store.now() + HOUR - 60 * SECOND


def test_a_reschedule_alone_in_its_key_runs_again(line: Line) -> None:
    (job_id,) = line.enqueue()
    job = line.next()
    assert job is not None
    line.end(job, o.Reschedule(o.After(timedelta())))
    again = line.next()
    assert again is not None
    assert (again.job_id, again.run, again.attempt) == (job_id, 2, 1)
    line.end(again)


@pytest.mark.parametrize("last", [False, True], ids=["charged", "quarantined"])
def test_a_head_whose_worker_dies(line: Line, last: bool) -> None:
    wanted = line.enqueue(2)
    job = line.next()
    assert job is not None
    policy = replace(DEFAULT, max_crashes=1 if last else 3)
    now = line.scene.store.now()

    def crashed(job: Claimed, worker: str) -> object:
        made = line.scene.decide(job, o.Crashed(worker), policy, now)
        return made if last else line.scene.due(made)

    line.scene.rescue_by(crashed, line.worker)
    line.worker = line.scene.worker()
    assert line.drain() == (wanted[1:] if last else wanted)


def test_a_forced_cancel_of_the_head_lets_the_next_run(line: Line) -> None:
    wanted = line.enqueue(2)
    job = line.next()
    assert job is not None
    line.scene.store.write(jobs.cancel, wanted[0], line.scene.store.now(), NEVER, True)
    after = line.next()
    assert after is not None
    assert after.job_id == wanted[1]
    # The zombie's own decision changes nothing, and least of all the turn of another.
    assert len(line.scene.settle(line.worker, [line.scene.decide(job, o.Succeeded("1"))], [job.lease])) == 1
    line.scene.check()
    line.end(after)


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_waiting_jobs_can_be_taken_away_anywhere_in_the_line(line: Line, verb: str) -> None:
    wanted = line.enqueue(5)
    for job_id in (wanted[0], wanted[2], wanted[4]):
        if verb == "cancel":
            line.scene.store.write(jobs.cancel, job_id, line.scene.store.now(), NEVER)
        else:
            assert line.scene.store.write(jobs.delete, job_id)
        line.scene.check()
    assert line.drain() == [wanted[1], wanted[3]]


def test_a_retry_by_hand_stands_at_the_end(line: Line) -> None:
    (first,) = line.enqueue()
    job = line.next()
    assert job is not None
    line.end(job, o.Fail("x"))
    others = line.enqueue(2)
    assert line.scene.store.write(jobs.retry, first)
    assert line.scene.get(first).state is JobState.BLOCKED
    assert line.drain() == [*others, first]


def test_unknown_heads_do_not_block_for_ever(scene: Scene) -> None:
    from holdfast.store.verbs.unknown import give_up_unknown

    unknown = scene.enqueue(2, ordering_key="a", task="gone")
    (known,) = scene.enqueue(1, ordering_key="a")
    worker = scene.worker()
    assert scene.claim_lined(worker) == []
    now = scene.store.now()

    def not_known(job: Claimed) -> object:
        return scene.decide(job, o.NotKnown(), now=now)

    scene.store.write(give_up_unknown, now, HOUR, not_known)
    for _ in unknown:
        assert scene.claim_lined(worker) == []
        scene.store.write(give_up_unknown, scene.store.now() + HOUR + SECOND, HOUR, not_known)
        scene.check()
    assert [job.job_id for job in scene.claim_lined(worker)] == [known]
    assert {scene.get(job_id).state for job_id in unknown} == {JobState.FAILED}


def test_success_in_the_handlers_transaction_frees_the_turn(line: Line) -> None:
    wanted = line.enqueue(2)
    job = line.next()
    assert job is not None
    line.scene.store.write(settle_in.settle_in, line.worker, line.scene.decide(job, o.Succeeded("1")))
    line.scene.store.write(settle_in.conclude, line.worker, line.scene.decide(job, o.Succeeded("1")), True)
    assert line.drain() == wanted[1:]


def in_order(job: Claimed) -> Place:
    return Place("", None)


def claim_in_order(scene: Scene, worker: str) -> list[Claimed]:
    """Claim, knowing that the queue is a FIFO queue."""
    lane = [claim.LaneMark(QUEUE, 0)]
    claimed = scene.store.write(claim.claim, worker, scene.ids.next(), lane, 10, [TASK], in_order)
    assert claimed == [], "none runs without the turn"
    claimed = scene.claim_lined(worker)
    scene.check()
    return claimed


def test_jobs_of_a_fifo_queue_that_came_without_its_key_are_put_in_order(scene: Scene) -> None:
    strays = scene.enqueue(3)
    worker = scene.worker()
    for wanted in strays:
        claimed = claim_in_order(scene, worker)
        assert [job.job_id for job in claimed] == [wanted]
        assert (claimed[0].run, claimed[0].attempt, claimed[0].line) == (1, 1, "")
        scene.finish(worker, claimed)
        scene.check(quiet=True)


def test_a_mixed_batch_is_all_or_nothing(scene: Scene) -> None:
    from holdfast.core.errors import JobExists

    (taken,) = scene.enqueue(1, ordering_key="a")
    fresh = [*scene.new(2), *scene.new(2, ordering_key="b")]
    for again in (
        replace(scene.new()[0], job_id=taken),
        replace(scene.new()[0], job_id=taken, ordering_key="b"),
    ):
        with pytest.raises(JobExists):
            scene.store.write(insert, [*fresh, again])
        assert scene.backend.tables().jobs == [taken]
    scene.store.write(insert, fresh)
    scene.store.write(insert, fresh, resent=True)
    assert len(scene.backend.tables().jobs) == 5
    scene.check()


def test_lists_and_counts_show_what_is_blocked(scene: Scene) -> None:
    ids = scene.enqueue(3, ordering_key="a")
    listed = scene.store.read(search.list_jobs, JobFilter(state=JobState.BLOCKED, queue=QUEUE))
    assert [record.job_id for record in listed] == ids[::-1]
    assert {record.ordering_key for record in listed} == {"a"}
    (queue,) = scene.store.read(list_queues)
    assert (queue.pending, queue.blocked) == (0, 3)


def test_many_keys_are_claimed_in_steps(scene: Scene) -> None:
    scene.store.write(insert, [job.replace(ordering_key=str(n % 50)) for n, job in enumerate(scene.new(200))])
    worker = scene.worker()
    claimed = [len(scene.claim_lined(worker, limit=20)) for _ in range(4)]
    assert claimed == [20, 20, 10, 0]
    scene.check()


def test_a_queue_that_becomes_a_fifo_queue_is_put_in_order(scene: Scene) -> None:
    waiting = scene.enqueue(3)
    keyed = scene.enqueue(3, ordering_key="c7")
    scene.claim_lined(scene.worker(), limit=0)
    later = scene.enqueue(2, ordering_key="")
    scene.enqueue(2, queue="other")
    while scene.store.write(put_in_order, QUEUE, 2):
        scene.check()
    worker = scene.worker()
    ran: list[str] = []
    while claimed := claim_in_order(scene, worker):
        ran += [job.job_id for job in claimed]
        scene.finish(worker, claimed)
    assert ran == [*waiting, *keyed, *later]
    assert len(scene.backend.tables().pending) == 2, "of the other queue"


@pytest.mark.parametrize("how", ["purge", "cancel", "delete"])
def test_turns_of_keys_whose_jobs_are_gone_are_forgotten(scene: Scene, how: str) -> None:
    ids = scene.enqueue(2, ordering_key="a", delay=1000 * HOUR)
    worker = scene.worker()
    scene.claim_lined(worker)
    if how == "purge":
        place = queues.FIRST
        while (step := scene.store.write(queues.purge_waiting, QUEUE, place, 1))[0]:
            place = step[1]
    for job_id in ids:
        if how == "cancel":
            scene.store.write(jobs.cancel, job_id, scene.store.now(), NEVER)
        if how == "delete":
            scene.store.write(jobs.delete, job_id)
    scene.backend.execute(
        "UPDATE {}lines SET due = " + ("1" if scene.backend.dialect == "sqlite" else "now()")
    )
    scene.claim_lined(worker)
    assert scene.store.write(lines.drop_idle) == 1
    assert scene.backend.tables().lines == {}
