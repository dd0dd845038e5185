"""Priorities that age: nothing waits for ever behind what is more urgent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.core.times import SECOND
from holdfast.store.records import LaneDue
from holdfast.worker.lanes import Lanes

NOW = 1_000 * SECOND
Drain = Callable[..., Any]


def order(lanes: Lanes, now: int = NOW) -> list[tuple[str, int]]:
    return [(mark.queue, mark.lane) for mark in lanes.plan(now)]


def due(queue: str, lane: int, since: int, *, lined: bool = False) -> LaneDue:
    return LaneDue(queue, lane, NOW - since, lined)


@pytest.mark.parametrize("lined", [False, True])
def test_each_time_that_passes_counts_as_one_priority(lined: bool) -> None:
    lanes = Lanes(None, lined=lined, ages=lambda: {"q": 10 * SECOND})
    lanes.learn([due("q", 5, SECOND, lined=lined), due("q", 0, 49 * SECOND, lined=lined)], NOW)
    assert order(lanes) == [("q", 5), ("q", 0)]
    # A moment later both are one higher but for the first, which has not waited for ten seconds yet.
    assert order(lanes, NOW + SECOND) == [("q", 5), ("q", 0)], (
        "where both count the same the priority decides"
    )
    lanes.learn([due("q", 5, SECOND, lined=lined), due("q", 0, 60 * SECOND, lined=lined)], NOW)
    assert order(lanes) == [("q", 0), ("q", 5)]


def test_queues_that_say_nothing_do_not_age() -> None:
    lanes = Lanes(None, ages=lambda: {"q": SECOND})
    lanes.learn([due("other", 5, SECOND), due("other", 0, 500 * SECOND)], NOW)
    assert order(lanes) == [("other", 5), ("other", 0)]


def test_each_queue_keeps_its_turn() -> None:
    lanes = Lanes(None, ages=lambda: {"a": SECOND})
    lanes.learn([due("a", 0, 900 * SECOND), due("a", 1, 0), due("b", 3, 0)], NOW)
    assert order(lanes) == [("a", 0), ("a", 1), ("b", 3)]
    assert order(lanes) == [("b", 3), ("a", 0), ("a", 1)]


def test_news_alone_make_nothing_old() -> None:
    from holdfast.store.statement import Wake

    lanes = Lanes(None, ages=lambda: {"q": SECOND})
    lanes.learn([due("q", 5, 0)], NOW)
    lanes.wake(Wake(due=(("q", 0, None),)), NOW)
    assert order(lanes) == [("q", 5), ("q", 0)]


def test_a_job_that_waited_long_enough_goes_first(app: Holdfast, drain: Drain) -> None:
    app.queue("mail", age_after=0.001)
    ran: list[str] = []

    @app.task(name="step", queue="mail")
    def step(what: str) -> None:
        ran.append(what)

    old = step.using(priority=-100).enqueue("old")
    assert old.refresh().state == "pending"

    @app.task(name="wait")
    def wait() -> None: ...

    # Past a hundred milliseconds, by the store's clock.
    begin = app.client.store.now()
    while app.client.store.now() < begin + SECOND // 4:
        app.jobs.get(old.id)
    step.using(priority=100).enqueue("urgent")
    drain(threads=1, concurrency=1)
    assert ran == ["old", "urgent"]
