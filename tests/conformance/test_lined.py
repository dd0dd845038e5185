"""Jobs that wait in lines for slots or their share: who is taken, who waits for what, what is given back."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, NewJob
from holdfast.core.lines import line_of
from holdfast.core.policy import DEFAULT
from holdfast.core.slots import Rule
from holdfast.core.states import JobState
from holdfast.store.records import LaneMark, LimitRow
from holdfast.store.verbs import claim, claim_lined, jobs, limits, lines, settle_in
from holdfast.store.verbs.in_hand import Order
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.strays import Place
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene, until

NEVER = DEFAULT.retention.ended
ONE, TWO, RATE = "task:t", "queue:q", "task:t/rate"


class Flow:
    """A scene with limits and one worker."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.worker = scene.worker()

    def rule(self, name: str, **says: int) -> None:
        text = msgspec.json.encode(Rule(**says)).decode()
        self.scene.store.write(limits.set_limits, [LimitRow(name, text)])

    def put(self, *new: NewJob) -> list[str]:
        self.scene.store.write(insert, new)
        return [job.job_id for job in new]

    def enqueue(self, n: int = 1, **fields: object) -> list[str]:
        return self.scene.enqueue(n, **fields)

    def take(self, limit: int = 100, **others: object) -> list[Claimed]:
        found = self.scene.claim_lined(self.worker, limit=limit, **others)  # type: ignore[arg-type]
        self.scene.check()
        return found

    def ids(self, limit: int = 100) -> list[str]:
        return [job.job_id for job in self.take(limit)]

    def end(self, *claimed: Claimed, outcome: o.Outcome | None = None) -> None:
        for job in claimed:
            made = self.scene.decide(job, outcome or o.Succeeded("1"))
            if not made.state.terminal:
                made = replace(made, run_at=made.at + HOUR)
            assert self.scene.settle(self.worker, [made]) == []
            self.scene.check()

    def used(self, slot: str) -> int:
        return sum(seen.used for seen in self.scene.backend.tables().slots.get(slot, []))


@pytest.fixture
def flow(scene: Scene) -> Flow:
    return Flow(scene)


def test_a_limit_is_never_exceeded_and_goes_on_in_order(flow: Flow) -> None:
    flow.rule(ONE, most=2)
    wanted = flow.enqueue(6, limits=(ONE,))
    ran: list[str] = []
    running = flow.take()
    assert len(running) == 2
    while running:
        assert flow.take() == [], "there is no room"
        job = running.pop(0)
        ran.append(job.job_id)
        flow.end(job)
        running += flow.take()
        assert len(running) <= 2
    assert ran == wanted
    assert flow.used(ONE) == 0


def test_what_waits_for_a_slot_is_not_looked_at(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    flow.enqueue(50, limits=(ONE,))
    (job,) = flow.take()
    assert flow.scene.lines() == [], "no worker is told that anything is due"
    lanes = flow.scene.store.read(claim.lanes)
    assert [lane for lane in lanes if lane.queue == claim.NOTES] == []
    flow.end(job)
    (desk,) = [lane for lane in flow.scene.store.read(claim.lanes) if lane.queue == claim.NOTES]
    assert desk.run_at <= flow.scene.store.now() + SECOND


def test_a_job_needs_room_in_all_its_slots(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    flow.rule(TWO, most=2)
    both = flow.enqueue(2, limits=(ONE, TWO))
    other = flow.enqueue(2, limits=(TWO,))
    assert set(flow.ids()) == {both[0], other[0]}
    assert (flow.used(ONE), flow.used(TWO)) == (1, 2)


def test_each_key_has_slots_of_its_own(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    made = [job for key in "abc" for job in flow.scene.new(2, limits=(f"{ONE}|{key}",))]
    flow.put(*made)
    assert set(flow.ids()) == {made[0].job_id, made[2].job_id, made[4].job_id}


@pytest.mark.parametrize(
    "outcome",
    [o.Retry(), o.Snooze(timedelta(hours=1)), o.Interrupted(started=True), o.Raised(ValueError("x"))],
    ids=["retried", "snoozed", "given back", "failed"],
)
@pytest.mark.parametrize("ordered", [False, True])
def test_a_job_that_waits_again_gives_its_slot_back(flow: Flow, outcome: o.Outcome, ordered: bool) -> None:
    flow.rule(ONE, most=1)
    (first,) = flow.enqueue(limits=(ONE,), ordering_key="a" if ordered else None)
    (second,) = flow.enqueue(limits=(ONE,), ordering_key="b" if ordered else None)
    (job,) = flow.take()
    assert job.job_id == first
    flow.end(job, outcome=outcome)
    assert flow.scene.get(first).state is JobState.BLOCKED
    assert flow.ids() == [second]


@pytest.mark.parametrize("how", ["committed", "rolled back", "forced"])
def test_an_end_in_the_callers_transaction_gives_it_back(flow: Flow, how: str) -> None:
    flow.rule(ONE, most=1)
    first, second = flow.enqueue(2, limits=(ONE,))
    (job,) = flow.take()
    made = flow.scene.decide(job, o.Succeeded("1"))
    if how == "forced":
        flow.scene.store.write(jobs.cancel, first, flow.scene.store.now(), NEVER, True)
    elif how == "committed":
        flow.scene.store.write(settle_in.settle_in, flow.worker, made)
        flow.scene.store.write(settle_in.settle_in, flow.worker, made)
    if how != "forced":
        flow.scene.store.write(settle_in.conclude, flow.worker, made, True)
    flow.scene.check()
    assert flow.ids() == [second]
    assert flow.used(ONE) == 1


def test_a_flush_of_ends_sent_twice_gives_back_once(flow: Flow) -> None:
    flow.rule(ONE, most=3)
    flow.enqueue(4, limits=(ONE,))
    first, *_ = flow.take()
    flush = [flow.scene.decide(first, o.Succeeded("1"))]
    for _ in range(2):
        assert flow.scene.settle(flow.worker, flush) == []
        flow.scene.check()
    assert flow.used(ONE) == 2


def test_a_dead_workers_slots_come_back_with_the_rescue(flow: Flow) -> None:
    flow.rule(ONE, most=2)
    flow.enqueue(3, limits=(ONE,))
    assert len(flow.take()) == 2
    now = flow.scene.store.now()

    def crashed(job: Claimed, worker: str) -> object:
        return flow.scene.due(flow.scene.decide(job, o.Crashed(worker), now=now))

    assert len(flow.scene.rescue_by(crashed, flow.worker)) == 2
    assert flow.used(ONE) == 0
    flow.worker = flow.scene.worker()
    assert len(flow.take()) == 2


def test_a_limit_that_is_raised_lets_more_go_at_once(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    flow.enqueue(5, limits=(ONE,))
    running = flow.take()
    assert len(running) == 1
    assert flow.take() == []
    flow.rule(ONE, most=3)
    running += flow.take()
    assert len(running) == 3
    flow.rule(ONE, most=1)
    flow.scene.finish(flow.worker, running[:1])
    assert flow.scene.claim_lined(flow.worker) == [], "two run still"
    flow.scene.finish(flow.worker, running[1:])
    assert len(flow.take()) == 1


def test_a_limit_that_nobody_says_is_none(flow: Flow) -> None:
    flow.enqueue(5, limits=(ONE,))
    assert len(flow.take()) == 5


def test_shares_are_taken_in_turn_whoever_came_first(flow: Flow) -> None:
    flow.put(*flow.scene.new(500, share="big"), *flow.scene.new(5, share="small"))
    taken = flow.take(10)
    shares = {job.job_id: (job.line or "").split("\x1f")[2] for job in taken}
    assert Counter(shares.values()) == {"big": 5, "small": 5}


@pytest.mark.parametrize("at_once", [1, 3, 8])
@pytest.mark.parametrize("limited", [False, True])
def test_weights_hold_however_many_go_at_once(flow: Flow, at_once: int, limited: bool) -> None:
    text = '{"weights":{"heavy":3}}'
    flow.scene.store.write(limits.set_limits, [LimitRow(f"queue:{QUEUE}/fair", text)])
    if limited:
        flow.rule(ONE, most=at_once)
    needs = (ONE,) if limited else ()
    flow.put(
        *flow.scene.new(300, share="heavy", limits=needs), *flow.scene.new(300, share="light", limits=needs)
    )
    sent: Counter[str] = Counter()
    while sent.total() < 160:
        taken = flow.scene.claim_lined(flow.worker, limit=100 if limited else at_once)
        assert taken
        sent.update((job.line or "").split("\x1f")[2] for job in taken)
        flow.scene.finish(flow.worker, taken)
    assert 112 <= sent["heavy"] <= 128, sent
    flow.scene.check()


def test_many_lines_that_share_a_slot_are_called_in_turn(flow: Flow) -> None:
    flow.rule(ONE, most=2)
    flow.put(*[job.replace(share=share) for share in "abcde" for job in flow.scene.new(4, limits=(ONE,))])
    order: list[str] = []
    while taken := flow.take():
        order += [(job.line or "").split("\x1f")[2] for job in taken]
        flow.end(*taken)
    assert len(order) == 20
    for begin in range(0, 20, 5):
        assert set(order[begin : begin + 5]) == set("abcde"), order


def test_higher_priorities_come_first_among_lines(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    low = flow.enqueue(2, limits=(ONE,))
    (high,) = flow.enqueue(priority=5, limits=(ONE,))
    order: list[str] = []
    while taken := flow.take():
        order += [job.job_id for job in taken]
        flow.end(*taken)
    assert order == [high, *low]


def test_a_rate_spaces_jobs_out_and_says_when_the_next_may_go(flow: Flow) -> None:
    flow.rule(RATE, count=10, per=SECOND, burst=2)
    flow.enqueue(8, limits=(RATE,))
    began = flow.scene.store.now()
    taken = flow.scene.take_lined(flow.worker)
    assert len(taken.jobs) == 2
    assert taken.look_at is not None
    assert began < taken.look_at <= flow.scene.store.now() + SECOND // 10
    assert flow.scene.lines() == [], "it is put off once"
    times = [began, began]
    for _ in range(4):
        (job,) = until(flow.take, what="the next")
        times.append(flow.scene.store.now())
        flow.end(job)
    # So many in so much time, whatever the machine does beside.
    for n, at in enumerate(times[2:], 3):
        assert at - began >= (n - 2) * SECOND // 10 - 1000


def test_a_job_with_new_arguments_is_placed_anew(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    (job_id,) = flow.enqueue(limits=(f"{ONE}|a",))
    (job,) = flow.take()
    again = o.Reschedule(o.After(timedelta()), args={"k": "b"})
    made = flow.scene.decide(job, again)
    assert flow.scene.settle(flow.worker, [replace(made, args='{"k":"b"}', state=JobState.PENDING)]) == []
    flow.scene.check()
    assert flow.used(f"{ONE}|a") == 0
    assert flow.scene.get(job_id).state is JobState.PENDING
    there = Place("\x1f0\x1f\x1fb", f'["{ONE}|b"]')
    lane = [claim.LaneMark(QUEUE, 0)]
    assert (
        flow.scene.store.write(
            claim.claim,
            flow.worker,
            flow.scene.ids.next(),
            lane,
            10,
            [TASK],
            lambda job: there if job.line is None else None,
        )
        == []
    )
    (job,) = flow.take()
    assert (job.run, job.limits) == (2, f'["{ONE}|b"]')
    assert flow.used(f"{ONE}|b") == 1


def test_a_lined_job_that_lacks_a_slot_is_put_where_it_needs_it(flow: Flow) -> None:
    """A limit was set after it was enqueued."""
    flow.rule(ONE, most=1)
    ids = flow.enqueue(2, ordering_key="a")
    (other,) = flow.enqueue(ordering_key="b")

    def place(job: Claimed) -> Place | None:
        return Place(job.line or "", f'["{ONE}"]') if job.limits is None else None

    def take() -> list[str]:
        lanes = [claim.LaneMark(QUEUE, 0)]
        order = Order(flow.worker, flow.scene.ids.next(), lanes, 10, [TASK], lambda queue: True, place)
        jobs = flow.scene.store.write(claim_lined.claim_lined, order).jobs
        flow.scene.check()
        flow.end(*jobs)
        return [job.job_id for job in jobs]

    ran: list[str] = []

    def done() -> bool:
        ran.extend(take())
        return len(ran) == 3

    until(done, what="all three")
    assert [job_id for job_id in ran if job_id != other] == ids


def test_paused_tasks_and_queues_that_are_not_served_leave_their_slots_to_others(flow: Flow) -> None:
    from holdfast.store.verbs.pauses import pause, resume

    flow.rule(ONE, most=1)
    (halted,) = flow.enqueue(queue="halted", limits=(ONE,))
    (elsewhere,) = flow.enqueue(queue="elsewhere", limits=(ONE,))
    (mine,) = flow.enqueue(limits=(ONE,))
    flow.scene.store.write(pause, "queue", "halted", None, None)
    taken = flow.take(serves=lambda queue: queue != "elsewhere")
    assert [job.job_id for job in taken] == [mine]
    flow.end(*taken)
    assert flow.take(serves=lambda queue: queue != "elsewhere") == []
    flow.scene.store.write(resume, "queue", "halted")
    (job,) = flow.take(serves=lambda queue: queue != "elsewhere")
    assert job.job_id == halted
    flow.end(job)
    assert flow.ids() == [elsewhere]


def test_lines_and_slots_without_jobs_are_forgotten(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    flow.rule(RATE, count=100_000, per=SECOND)
    flow.enqueue(3, limits=(ONE, RATE))
    while taken := until(lambda: flow.take() or flow.used(ONE) == 0 or None, what="the rate"):
        if taken is True:
            break
        flow.end(*taken)
    flow.take()
    until(
        lambda: flow.scene.store.write(lines.drop_idle) or not flow.scene.backend.tables().slots,
        what="all gone",
    )
    until(
        lambda: not flow.scene.backend.tables().slots or flow.scene.store.write(lines.drop_idle),
        what="all gone",
    )
    assert flow.scene.backend.tables().lines == {}


def test_lines_that_had_no_turn_for_want_of_room_go_on_at_once(flow: Flow) -> None:
    flow.put(*[job for n in range(6) for job in flow.scene.new(2, share=str(n))])
    assert [len(flow.take(2)) for _ in range(7)] == [2, 2, 2, 2, 2, 2, 0]


@pytest.mark.parametrize("many", [1, 40])
def test_the_urgent_are_called_first_however_many_wait(flow: Flow, many: int) -> None:
    flow.rule(ONE, most=1)
    flow.put(*[job for n in range(many) for job in flow.scene.new(3, share=str(n), limits=(ONE,))])
    (running,) = flow.take()
    urgent = flow.enqueue(4, priority=9, share="u", limits=(ONE,))
    order: list[str] = []
    for _ in urgent:
        flow.end(running)
        (running,) = flow.take()
        order.append(running.job_id)
    assert order == urgent


def test_what_waits_for_a_slot_ages(flow: Flow) -> None:
    flow.rule(ONE, most=1)
    (old,) = flow.enqueue(limits=(ONE,))
    urgent = flow.enqueue(3, priority=4, limits=(ONE,))
    sqlite = flow.scene.backend.dialect == "sqlite"
    since = "first_due - 10000000" if sqlite else "first_due - interval '10 s'"
    flow.scene.backend.execute(f"UPDATE {{}}blocked SET first_due = {since} WHERE id = ?", old)
    flow.scene.claim_lined(flow.worker, limit=0)

    def take(age: int) -> str:
        lanes = [LaneMark(lane.queue, lane.lane) for lane in flow.scene.lines()]
        order = Order(
            flow.worker,
            flow.scene.ids.next(),
            lanes,
            10,
            [TASK],
            lambda queue: True,
            ages={QUEUE: age * SECOND},
        )
        (job,) = flow.scene.store.write(claim_lined.claim_lined, order).jobs
        flow.end(job)
        return job.job_id

    assert take(3) == urgent[0], "three priorities higher, which is not enough"
    assert take(2) == old
    assert take(2) == urgent[1]


def test_shares_take_turns_however_old_the_jobs_of_one_are(flow: Flow) -> None:
    """Ageing is of priorities: within one it gives no share more than its part."""
    flow.put(*flow.scene.new(30, share="old"), *flow.scene.new(10, share="young"))
    sqlite = flow.scene.backend.dialect == "sqlite"
    since = "first_due - 100000000" if sqlite else "first_due - interval '100 s'"
    line = line_of(None, 0, "old")
    flow.scene.backend.execute(f"UPDATE {{}}blocked SET first_due = {since} WHERE key = ?", line)
    sent: list[str] = []
    for _ in range(12):
        lanes = [LaneMark(lane.queue, lane.lane) for lane in flow.scene.lines()] or [LaneMark(QUEUE, 0)]
        order = Order(
            flow.worker, flow.scene.ids.next(), lanes, 1, [TASK], lambda queue: True, ages={QUEUE: SECOND}
        )
        (job,) = flow.scene.store.write(claim_lined.claim_lined, order).jobs
        sent.append((job.line or "").split("\x1f")[2])
        flow.end(job)
    assert Counter(sent) == {"old": 6, "young": 6}


@pytest.mark.parametrize("ordered", [False, True])
def test_lines_that_a_worker_does_not_serve_are_there_for_others_at_once(flow: Flow, ordered: bool) -> None:
    for n in range(20):
        flow.enqueue(ordering_key=str(n) if ordered else None, share=None if ordered else str(n))
    (mine,) = flow.enqueue(share="mine", task="other")
    for _ in range(20):
        found = flow.scene.claim_lined(flow.worker, limit=1, tasks=["other"])
        if found:
            break
    assert [job.job_id for job in found] == [mine], "those in front of it are out of the way"
    assert len(flow.take(20)) == 20
