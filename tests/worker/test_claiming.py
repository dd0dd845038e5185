"""How much is claimed, from where, and when: pure parts, and what shows from outside."""

from __future__ import annotations

import asyncio
import time
from threading import Event
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.core.job import SUSPECT_LANE
from holdfast.core.times import SECOND
from holdfast.store.records import LaneDue, LaneMark
from holdfast.store.statement import Wake
from holdfast.worker.capacity import HORIZON, Capacity
from holdfast.worker.lanes import Lanes
from holdfast.worker.liveness import Liveness
from holdfast.worker.suspects import Suspects
from tests.conformance.backends import Backend
from tests.worker.conftest import Ear, MakeApp, StartWorker

# --- lanes ---


def places(plan: list[LaneMark]) -> list[tuple[str, int]]:
    return [(mark.queue, mark.lane) for mark in plan]


def test_queues_take_turns_and_priorities_go_first() -> None:
    lanes = Lanes(None)
    lanes.learn([LaneDue("a", 0, 1), LaneDue("a", 9, 1), LaneDue("b", 5, 1), LaneDue("c", 0, 99)], 10)
    assert places(lanes.plan(10)) == [("a", 9), ("a", 0), ("b", 5)]
    assert places(lanes.plan(10)) == [("b", 5), ("a", 9), ("a", 0)]
    assert places(lanes.plan(10)) == [("a", 9), ("a", 0), ("b", 5)]
    assert lanes.next_due(10) == 99


def test_other_queues_are_none_of_its_business() -> None:
    lanes = Lanes(["a"])
    assert not lanes.wake(Wake(due=(("b", 0, None),)), 10)
    assert lanes.wake(Wake(due=(("a", 0, None),)), 10)
    lanes.learn([LaneDue("b", 0, 1)], 10)
    assert places(lanes.plan(10)) == [("a", 0)]


def test_news_during_a_look_or_a_claim_are_not_lost() -> None:
    lanes = Lanes(None)
    lanes.look_begins()
    lanes.wake(Wake(due=(("a", 0, None),)), 10)
    lanes.learn([], 10)
    assert places(lanes.plan(10)) == [("a", 0)]
    lanes.look_begins()
    lanes.wake(Wake(due=(("a", 0, 11),)), 10)
    lanes.emptied([LaneMark("a", 0)], 10, None)
    assert places(lanes.plan(10)) == []
    assert places(lanes.plan(11)) == [("a", 0)]


def test_what_was_claimed_in_vain_is_left_for_a_while() -> None:
    """A backlog of tasks that aren't known here must not be claimed from over and over."""
    lanes = Lanes(None)
    old, now, again = SECOND, 10 * SECOND, 11 * SECOND
    lanes.learn([LaneDue("a", 0, old)], now)
    lanes.look_begins()
    lanes.emptied([LaneMark("a", 0)], now, again)
    lanes.learn([LaneDue("a", 0, old)], now + 1)
    assert places(lanes.plan(again - 1)) == []
    assert lanes.next_due(now) == again
    assert places(lanes.plan(again)) == [("a", 0)]
    lanes.learn([LaneDue("a", 0, now - 1)], now + 1)  # something that came late, as far as clocks agree
    assert places(lanes.plan(now + 1)) == [("a", 0)]


def test_news_of_a_lane_that_was_claimed_in_vain_are_believed_at_once() -> None:
    """Also where a look comes between the news and the claim, and sees only what is old."""
    lanes = Lanes(None)
    now, again = 10 * SECOND, 11 * SECOND
    lanes.look_begins()
    lanes.emptied([LaneMark("a", 0)], now, again)
    lanes.wake(Wake(due=(("a", 0, SECOND),)), now)
    lanes.look_begins()
    lanes.learn([LaneDue("a", 0, SECOND)], now)
    assert places(lanes.plan(now)) == [("a", 0)]


def test_suspects_are_never_in_a_plan() -> None:
    lanes = Lanes(None)
    lane = SUSPECT_LANE + 3
    lanes.learn([LaneDue("a", lane, 1)], 10)
    assert lanes.plan(10) == []
    assert not lanes.any_due(10)
    assert lanes.suspect(10) == LaneMark("a", lane)


# --- suspects ---


def test_an_idle_worker_takes_a_suspect_and_a_busy_one_waits_for_its_moment() -> None:
    suspects = Suspects()
    assert suspects.have_the_turn(0, others_due=False, in_hand=False)
    assert not suspects.have_the_turn(0, others_due=True, in_hand=True)
    assert suspects.have_the_turn(7, others_due=True, in_hand=True), "it stops claiming"
    assert suspects.have_the_turn(7.5, others_due=True, in_hand=True)
    assert not suspects.have_the_turn(8.5, others_due=True, in_hand=True), "its patience is at an end"
    assert suspects.have_the_turn(20, others_due=True, in_hand=True), "and longer the next time"
    assert suspects.have_the_turn(21.5, others_due=True, in_hand=True)
    suspects.claimed("lease")
    assert suspects.lease == "lease"


# --- the living and the dead ---


def test_silence_is_counted_only_while_the_store_can_be_reached() -> None:
    liveness = Liveness("me", lease=6, longest=2)
    for now in range(5):
        assert liveness.look([("me", now), ("it", 7)], now) == []
    liveness.failed()
    # An outage of an hour says nothing about anybody.
    assert liveness.look([("it", 7)], 3600) == []
    assert liveness.look([("it", 7)], 3601) == []
    assert liveness.look([("it", 7)], 3602) == [("it", 7)]
    assert liveness.look([("it", 8)], 3603) == [], "it beats again"


def test_an_observer_that_was_stopped_does_not_take_others_for_dead() -> None:
    liveness = Liveness("me", lease=6, longest=2)
    liveness.look([("it", 7)], 0)
    assert liveness.look([("it", 7)], 1000) == []
    assert liveness.others() == [("it", 7)]


# --- how many ---


class Stub:
    """An executor that only counts."""

    def __init__(self, kind: str, slots: int) -> None:
        self.kind, self.slots, self.finished, self.low, self.held = kind, slots, 0, -1, 0

    def load(self) -> int:
        return self.held


def capacity(*executors: Any) -> Capacity:
    return Capacity(executors)


def test_long_jobs_are_never_claimed_ahead() -> None:
    threads = Stub("thread", 16)
    account = capacity(threads)
    ask = account.ask(0)
    assert ask is not None
    assert ask.limit == 16
    threads.held = 16
    for tenth in range(100):
        threads.finished += tenth % 10 == 0
        assert account.ask(tenth / 10) is None


def test_short_jobs_are_claimed_ahead_by_their_pace() -> None:
    loop = Stub("async", 100)
    account = capacity(loop)
    account.ask(0)
    for step in range(1, 101):
        loop.finished += 200  # 20,000 a second
        account.ask(step * 0.01)
    loop.held = 100
    ask = account.ask(1.01)
    assert ask is not None
    assert 0.8 * 20_000 * HORIZON < ask.limit < 1.2 * 20_000 * HORIZON
    account.call_when_low()
    assert 100 < loop.low < 100 + 20_000 * HORIZON


def test_a_kind_without_room_is_left_out_and_a_mix_is_kept_in_bounds() -> None:
    loop, threads = Stub("async", 100), Stub("thread", 10)
    account = capacity(loop, threads)
    account.claimed({"async": 50, "thread": 50}, 0.001)
    for _ in range(50):
        account.claimed({"async": 50, "thread": 50}, 0.001)
    ask = account.ask(0)
    assert ask is not None
    assert ask.limit == pytest.approx(20, abs=1), "half of it will be for the ten threads"
    threads.held = 10
    ask = account.ask(1)
    assert ask is not None
    assert (ask.kinds, ask.all_kinds) == (("async",), False)


# --- from outside ---


def test_a_job_is_begun_at_once_by_an_idle_worker(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="when")
    def when() -> int:
        return time.monotonic_ns()

    start_worker()
    when.enqueue().result(timeout=10)
    waits: list[float] = []
    for _ in range(30):
        Event().wait(0.01)
        sent = time.monotonic_ns()
        waits.append((when.enqueue().result(timeout=10) - sent) / 1e6)
    assert sorted(waits)[15] < 50, f"milliseconds: {sorted(waits)}"


def test_a_job_of_another_process_is_begun_soon(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker
) -> None:
    """Another store object on the same file stands for another process: its news come by the file alone."""

    @app.task(name="when")
    def when() -> int:
        return time.monotonic_ns()

    other = make_app()
    start_worker(poll_interval=60)
    when.enqueue().result(timeout=10)
    waits: list[float] = []
    for _ in range(10):
        sent = time.monotonic_ns()
        job = other.enqueue("when", declare=True)
        waits.append((job.result(timeout=10) - sent) / 1e6)
    assert sorted(waits)[5] < 100, f"milliseconds: {sorted(waits)}"


def test_a_scheduled_job_is_begun_when_it_is_due(app: Holdfast, start_worker: StartWorker) -> None:
    @app.task(name="when")
    def when() -> int:
        return time.time_ns()

    start_worker(poll_interval=60)
    sent = time.time_ns()
    job = when.using(delay=0.3).enqueue()
    waited = (job.result(timeout=10) - sent) / 1e9
    assert 0.3 <= waited < 1.0


def test_jobs_that_can_not_start_go_back_to_those_who_can_run_them(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker
) -> None:
    """One worker's threads are all busy for long: what it has claimed beside goes back, and the other runs it."""
    began, go_on = Event(), Event()

    @app.task(name="long")
    def long() -> str:
        began.set()
        go_on.wait(30)
        return "first"

    @app.task(name="quick")
    async def quick() -> str:
        await asyncio.sleep(0)
        return "first"

    jobs = [long.enqueue() for _ in range(3)]
    worker = start_worker(threads=1)
    assert began.wait(10)
    other = make_app()
    other.task(name="long")(_second)
    start_worker(other, threads=2)
    assert sorted(job.result(timeout=20) for job in jobs[1:]) == ["second", "second"]
    assert quick.enqueue().result(timeout=10) == "first", "its loop is free all the while"
    go_on.set()
    assert jobs[0].result(timeout=10) == "first"
    assert worker.stop() is True


def _second() -> str:
    return "second"


def test_an_unknown_task_waits_and_is_given_up_after_the_grace(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    app.task(name="known")(_second)
    job = app.enqueue("unknown", {}, declare=True)
    start_worker(unknown_task_grace=0.4, cleanup_interval=0.1)
    assert (job.refresh().state, job.run) == ("pending", 0)
    while not job.refresh().state.terminal:
        Event().wait(0.01)
    assert job.reason == "unknown_task"


def test_what_retention_allows_is_cleaned_away(
    app: Holdfast, backend: Backend, start_worker: StartWorker
) -> None:
    task = app.task(name="nothing")(_second)
    jobs = [task.enqueue() for _ in range(5)]
    start_worker(burst=True).wait(20)
    past = "1" if backend.dialect == "sqlite" else "to_timestamp(1)"
    backend.execute(f"UPDATE {{}}finished SET expires_at = {past}")
    start_worker(cleanup_interval=0.05)
    while any(app.jobs.status(job.id) != "not found" for job in jobs):
        Event().wait(0.01)
