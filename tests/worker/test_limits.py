"""Limits, rates and fair shares as applications declare them, kept by real workers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Limit, Rate
from tests.conformance.scene import until
from tests.worker.conftest import Ear, MakeApp, StartWorker

Drain = Callable[..., Any]


class Gauge:
    """How many run at a time, of each key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.begun: list[tuple[str, float]] = []

    def __call__(self, key: str, seconds: float = 0.02) -> None:
        with self._lock:
            self.begun.append((key, time.monotonic()))
            self._now[key] += 1
            self.most[key] = max(self.most[key], self._now[key])
        time.sleep(seconds)  # the work
        with self._lock:
            self._now[key] -= 1


@pytest.fixture
def gauge() -> Gauge:
    return Gauge()


def test_a_limit_holds_across_workers_and_is_used(
    app: Holdfast, start_worker: StartWorker, gauge: Gauge, ear: Ear
) -> None:
    app.queue("mail", limit=2)

    @app.task(name="send", queue="mail")
    def send(n: int) -> None:
        gauge("all")

    app.enqueue_many([send.new(n) for n in range(30)])
    for _ in range(2):
        start_worker(threads=8)
    ear.until(lambda ear: len(ear.settlements) == 30)
    assert gauge.most["all"] == 2


def test_each_key_has_a_limit_of_its_own(
    app: Holdfast, start_worker: StartWorker, gauge: Gauge, ear: Ear
) -> None:
    @app.task(name="send", limit=[Limit(1, key="tenant"), Limit(3)])
    def send(tenant: str) -> None:
        gauge(tenant)
        gauge("all")

    app.enqueue_many([send.new(f"t{n % 5}") for n in range(30)])
    start_worker(threads=8)
    ear.until(lambda ear: len(ear.settlements) == 30)
    assert {key: most for key, most in gauge.most.items() if key != "all"} == {f"t{n}": 1 for n in range(5)}
    assert gauge.most["all"] <= 3


def test_a_rate_is_kept(app: Holdfast, start_worker: StartWorker, gauge: Gauge, ear: Ear) -> None:
    @app.task(name="send", rate=Rate(20, per=1, burst=2))
    def send() -> None:
        gauge("all", 0)

    app.enqueue_many([send.new() for _ in range(22)])
    began = time.monotonic()
    start_worker(threads=8)
    ear.until(lambda ear: len(ear.settlements) == 22)
    # Two at once, then 20 more, 50 ms apart.
    assert time.monotonic() - began >= 0.95
    assert gauge.begun[-1][1] - gauge.begun[0][1] < 10


def test_shares_are_served_in_turn(app: Holdfast, drain: Drain, gauge: Gauge) -> None:
    app.queue("mail", fair_by="tenant", limit=1)

    @app.task(name="send", queue="mail")
    def send(tenant: str) -> None:
        gauge(tenant, 0)

    app.enqueue_many([send.new(tenant) for tenant in ["big"] * 20 + ["a"] * 5 + ["b"] * 5])
    drain()
    first = Counter(key for key, _ in gauge.begun[:12])
    assert max(first.values()) - min(first.values()) <= 2
    assert Counter(key for key, _ in gauge.begun) == {"big": 20, "a": 5, "b": 5}


def test_a_change_at_run_time_wakes_those_who_wait(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    @app.task(name="send", rate=Rate(1, per=timedelta(days=1)))
    def send() -> None: ...

    app.enqueue_many([send.new() for _ in range(5)])
    start_worker()
    ear.until(lambda ear: len(ear.settlements) == 1)
    app.limits.set(task="send", rate=Rate(1000, per=1))
    ear.until(lambda ear: len(ear.settlements) == 5, timeout=5)


def test_a_limit_may_be_lowered_and_reset(
    app: Holdfast, start_worker: StartWorker, gauge: Gauge, ear: Ear
) -> None:
    app.queue("mail", limit=8)

    @app.task(name="send", queue="mail")
    def send() -> None:
        gauge("all")

    start_worker(threads=8)
    app.limits.set(queue="mail", limit=1)
    app.enqueue_many([send.new() for _ in range(10)])
    ear.until(lambda ear: len(ear.settlements) == 10)
    assert gauge.most["all"] == 1
    app.limits.reset(queue="mail")
    app.enqueue_many([send.new() for _ in range(40)])
    ear.until(lambda ear: len(ear.settlements) == 50)
    assert 1 < gauge.most["all"] <= 8


def test_what_a_new_release_no_longer_declares_is_gone(make_app: MakeApp, start_worker: StartWorker) -> None:
    old, new = make_app(), make_app()
    old.queue("mail", limit=1)
    new.queue("mail", rate=Rate(5, per=1))
    for app in (old, new):
        app.task(name="send", queue="mail", **({"limit": 1} if app is old else {}))(lambda: None)
    start_worker(old)
    until(lambda: [one.rule for one in new.limits.list()] == ["queue:mail", "task:send"])
    start_worker(new)
    until(lambda: [one.rule for one in new.limits.list()] == ["queue:mail/rate"])


def test_a_job_that_waits_for_its_slot_is_blocked(app: Holdfast, start_worker: StartWorker, ear: Ear) -> None:
    go = threading.Event()

    @app.task(name="send", limit=1)
    def send() -> None:
        assert go.wait(20)

    jobs = app.enqueue_many([send.new(), send.new()])
    start_worker(threads=4)
    until(lambda: {job.refresh().state for job in jobs} == {JobState.RUNNING, JobState.BLOCKED})
    go.set()
    ear.until(lambda ear: len(ear.settlements) == 2)


def test_a_limit_that_no_code_knows(app: Holdfast, start_worker: StartWorker, gauge: Gauge, ear: Ear) -> None:
    @app.task(name="send", queue="mail")
    def send() -> None:
        gauge("all")

    app.enqueue_many([send.new() for _ in range(10)])
    app.limits.set(queue="mail", limit=1)
    start_worker(threads=8)
    app.enqueue_many([send.new() for _ in range(10)])
    ear.until(lambda ear: len(ear.settlements) == 20)
    assert gauge.most["all"] == 1
    app.limits.reset(queue="mail")
    app.enqueue_many([send.new() for _ in range(40)])
    ear.until(lambda ear: len(ear.settlements) == 60)
    assert gauge.most["all"] > 1


def test_jobs_by_name_are_counted_by_the_worker_that_knows_their_task(
    make_app: MakeApp, start_worker: StartWorker, gauge: Gauge, ear: Ear
) -> None:
    stranger, app = make_app(), make_app()

    @app.task(name="send", queue="mail", limit=Limit(1, key="tenant"), ordering_key="order")
    def send(tenant: str, order: int | None = None) -> None:
        gauge(tenant if order is None else str(order))

    for n in range(20):
        args = {"tenant": f"t{n % 2}"} if n < 10 else {"tenant": f"t{n}", "order": n % 2}
        stranger.enqueue("send", args, queue="mail", declare=True)
    start_worker(app, threads=8)
    ear.until(lambda ear: len(ear.settlements) == 20)
    assert gauge.most == {"t0": 1, "t1": 1, "0": 1, "1": 1}
    assert [key for key, _ in gauge.begun].count("0") == 5
