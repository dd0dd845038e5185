"""Nothing has to be called after the commit: workers in other processes wake by themselves, and only then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from holdfast.store.base import Store
from holdfast.store.statement import Wake
from holdfast.store.verbs.audience import listen
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.jobs import cancel
from tests.conformance.scene import HOUR, QUEUE
from tests.transactions.conftest import DRIVERS, Bench

pytestmark = pytest.mark.parametrize("way", DRIVERS, indirect=True)

QUIET = 0.06
"""Seconds in which news would have come."""


class Listener:
    """An idle worker in another process, or a caller that waits for results, as the store's own listeners are."""

    def __init__(self) -> None:
        self.heard: list[Wake] = []

    async def news(self, seconds: float = 5.0) -> tuple[list[Wake], float]:
        """The news since the last call, and how long it took to come."""
        began = time.perf_counter()
        while not self.heard:
            assert time.perf_counter() - began < seconds, "no news came"
            await asyncio.sleep(0.001)
        took = time.perf_counter() - began
        heard, self.heard = self.heard, []
        return heard, took

    async def nothing(self) -> None:
        await asyncio.sleep(QUIET)
        assert self.heard == []


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Listener]:
    other: Store = bench.backend.open()
    listener = Listener()
    try:
        if bench.way.dialect == "postgres":
            other.write(listen, bench.scene.ids.next(), "worker", 60)
            other.write(listen, bench.scene.ids.next(), "waiter", 60)
        other.subscribe(listener.heard.append)
        with other.watching():
            await settled(listener)
            yield listener
    finally:
        other.close()


async def settled(listener: Listener) -> None:
    """Until the listener hears: on PostgreSQL it says so, and what the test has written before is over."""
    await asyncio.sleep(QUIET)
    for _ in range(100):
        if not listener.heard:
            return
        listener.heard.clear()
        await asyncio.sleep(0.02)


async def test_a_commit_wakes_a_worker_within_milliseconds(bench: Bench) -> None:
    async with bench.open() as holder, listening(bench) as listener:
        await holder.begin()
        await holder.run(bench.store, insert, bench.scene.new(2))
        await holder.run(bench.store, insert, bench.scene.new(1, priority=3, run_at=bench.store.now() + HOUR))
        await listener.nothing()
        await holder.commit()
        heard, took = await listener.news()
        assert took < 1.0, f"it took {took * 1000:.0f} ms"
        if bench.way.dialect == "postgres":
            lanes = {(queue, lane) for wake in heard for queue, lane, _ in wake.due}
            await asyncio.sleep(QUIET)
            lanes |= {(queue, lane) for wake in listener.heard for queue, lane, _ in wake.due}
            assert lanes == {(QUEUE, 0), (QUEUE, 3)}


async def test_a_rollback_wakes_nobody(bench: Bench) -> None:
    async with bench.open() as holder, listening(bench) as listener:
        await holder.begin()
        await holder.run(bench.store, insert, bench.scene.new(2))
        await holder.rollback()
        await listener.nothing()


async def test_a_rolled_back_savepoint_wakes_nobody(bench: Bench) -> None:
    async with bench.open() as holder, listening(bench) as listener:
        await holder.begin()
        await holder.execute("SAVEPOINT mine")
        await holder.run(bench.store, insert, bench.scene.new(2, queue="gone"))
        await holder.execute("ROLLBACK TO SAVEPOINT mine")
        await holder.run(bench.store, insert, bench.scene.new(2, queue="kept"))
        await holder.commit()
        heard, _ = await listener.news()
        if bench.way.dialect == "postgres":
            assert {queue for wake in heard for queue, _, _ in wake.due} == {"kept"}


async def test_in_autocommit_mode_the_call_itself_wakes(bench: Bench) -> None:
    async with bench.open(autocommit=True) as holder, listening(bench) as listener:
        await holder.run(bench.store, insert, bench.scene.new())
        await listener.news()


async def test_a_cancel_is_heard_when_it_is_committed(bench: Bench) -> None:
    scene = bench.scene
    running = scene.run(1)[0]
    waiting = scene.enqueue_one()
    async with bench.open() as holder, listening(bench) as listener:
        await holder.begin()
        await holder.run(bench.store, cancel, running.job_id, bench.store.now(), None)
        await holder.run(bench.store, cancel, waiting, bench.store.now(), None)
        await listener.nothing()
        await holder.commit()
        heard, _ = await listener.news()
        if bench.way.dialect == "postgres":
            await asyncio.sleep(QUIET)
            heard += listener.heard
            assert [job_id for wake in heard for job_id in wake.cancel] == [running.job_id]
            assert [job_id for wake in heard for job_id in wake.finished] == [waiting]
