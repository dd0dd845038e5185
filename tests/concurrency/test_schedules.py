"""Ten workers fire at once, their clocks minutes apart, and are killed while they do: each tick fires exactly once."""

from __future__ import annotations

import random
import time
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core.job import NewJob
from holdfast.core.schedules import Every
from holdfast.core.ticks import due_ticks
from holdfast.store.records import ScheduleRecord, ScheduleRow
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs import schedules
from tests.concurrency.processes import SPAWN, processes
from tests.conformance import invariant
from tests.conformance.backends import Backend
from tests.conformance.scene import QUEUE, SECOND, TASK, new_ids, until

pytestmark = pytest.mark.slow
WORKERS = 10
SCHEDULES = 20
BEHIND = 520
"""Seconds of ticks that were missed: more than 10,000 in all."""


def fire_all(backend: Backend, apart: int, most: int, answer: Any) -> None:
    """Fire what is due by a clock that is so many seconds wrong, until nothing is; answer with the number of jobs."""
    real = time.time_ns
    time.time_ns = lambda: real() + apart * 10**9
    # Small steps, so that all have to do with each other all the time.
    schedules.due_ticks = partial(due_ticks, most=most)  # type: ignore[attr-defined]
    ids = new_ids()

    def make(record: ScheduleRecord, at: int) -> NewJob:
        return NewJob(job_id=ids.next(), task=record.task, queue=record.queue, args=record.args)

    jobs = 0
    with closing(backend.open()) as store:
        while True:
            fired = store.write(schedules.fire, make, 2)
            jobs += fired.jobs
            assert not fired.failed
            if not fired.jobs and (fired.next_at or 0) > store.now():
                break
    answer.put(jobs)


def missed_ticks(backend: Backend) -> dict[str, int]:
    """Schedules with a tick a second that nobody has fired for a while; returns the first tick of each."""
    first: dict[str, int] = {}
    with closing(backend.open()) as store:
        rows = [
            ScheduleRow(name=f"s{n}", spec=Every(1).encode(), task=TASK, queue=QUEUE, args="{}", missed="all",
                        declared=True)
            for n in range(SCHEDULES)
        ]  # fmt: skip
        store.write(schedules.declare_schedules, rows)
        now = store.now()

        def set_back() -> Verb[None]:
            locked = yield Statement("lock_schedules", {"names": [row.name for row in rows]})
            records = [schedules._record(row) for row in locked]
            for record in records:
                first[record.name] = now - BEHIND * SECOND
            yield from schedules._write([replace(one, next_at=first[one.name]) for one in records])

        store.write(set_back)
    return first


def check(backend: Backend, first: dict[str, int]) -> int:
    """Without gap and without double, one job each; returns their number."""
    with closing(backend.open()) as store:
        next_at = {record.name: record.next_at or 0 for record in store.read(schedules.list_schedules)}
        ticks = {name: sorted(store.read(known, name)) for name in first}
    for name, at in first.items():
        assert ticks[name] == list(range(at, next_at[name], SECOND)), name
    noted = [str(job) for (job,) in backend.execute("SELECT job FROM {}schedule_fires")]
    assert len(set(noted)) == len(noted)
    assert set(noted) == set(backend.tables().jobs) == set(backend.tables().pending)
    invariant.check(backend)
    return len(noted)


def known(name: str) -> Verb[list[int]]:
    return [row[0] for row in (yield Statement("known_fires", {"schedule": name, "since": 0}))]


def test_ten_workers_with_clocks_apart_fire_ten_thousand_ticks_once_each(backend: Backend) -> None:
    first = missed_ticks(backend)
    with processes() as running:
        answer = SPAWN.Queue()
        for n in range(WORKERS):
            # From two minutes behind to two minutes ahead. A server's clock decides there; on a file, whoever is ahead.
            running.start(fire_all, backend, (n - WORKERS // 2) * 24, 25, answer)
        fired = [answer.get(timeout=100) for _ in range(WORKERS)]
        running.join()
    total = check(backend, first)
    assert total == sum(fired) >= 10_000
    assert sum(count > 0 for count in fired) > 1, "they have really been at it together"


def test_killed_while_firing(backend: Backend) -> None:
    first = missed_ticks(backend)
    dice = random.Random(7)
    with processes() as running:
        answer = SPAWN.Queue()
        alive = [running.start(fire_all, backend, 0, 3, answer) for _ in range(3)]
        for _ in range(5):
            before = fires(backend)
            until(lambda before=before: fires(backend) > before, 30, "somebody fires")
            victim = alive.pop(dice.randrange(len(alive)))
            victim.kill()
            victim.join()
            alive.append(running.start(fire_all, backend, 0, 3, answer))
        for process in alive:
            process.join(60)
            assert process.exitcode == 0
    assert check(backend, first) >= 10_000


def fires(backend: Backend) -> int:
    return int(backend.execute("SELECT count(*) FROM {}schedule_fires")[0][0])
