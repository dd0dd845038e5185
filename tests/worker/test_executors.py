"""The moments at which a run ends and is told to end at the same time, made to happen."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.client.clock import ids, now
from holdfast.core.job import Claimed
from holdfast.core.outcomes import Outcome
from holdfast.core.policy import Policy
from holdfast.worker.clock import Clock
from holdfast.worker.life import Life
from holdfast.worker.processes import ProcessExecutor
from holdfast.worker.runner import Runner
from holdfast.worker.runs import Lease, Run, Will
from holdfast.worker.threads import ThreadExecutor
from tests.worker import process_tasks
from tests.worker.conftest import Ear, StartWorker

Reports = SimpleQueue[tuple[Run, Outcome]]


class Bench:
    """One executor of one slot, and what it reports."""

    def __init__(self, app: Holdfast, kind: type[ThreadExecutor]) -> None:
        self.reports: Reports = SimpleQueue()
        self.runner = Runner(app.client.registry, Clock(now()))
        self.pool = kind(1, self.runner, lambda *found: self.reports.put(found), lambda: None, 5)
        self._lease = Lease("lease", Life(_Host(app), "worker"))

    def submit(self, task: str, args: str = "{}", timeout: int | None = None) -> Run:
        job = Claimed(ids.next(), task, "default", 0, args, None, None, 1, 1, 0, 0, 0, "lease")
        run = Run(
            job, self._lease, self.runner.handler(task, "default"), Policy(timeout=timeout), time.monotonic()
        )
        self.pool.submit([run])
        return run

    def outcome(self, run: Run) -> str:
        found, outcome = self.reports.get(timeout=30)
        assert found is run
        return outcome.name


class _Host:
    state = None
    shutdown_deadline = None

    def __init__(self, app: Holdfast) -> None:
        self.client = app.client

    def progress(self, *said: object) -> None: ...


@pytest.fixture
def threads(app: Holdfast) -> Iterator[Bench]:
    bench = Bench(app, ThreadExecutor)
    yield bench
    bench.pool.close()


@pytest.fixture
def processes(app: Holdfast) -> Iterator[Bench]:
    app.include(process_tasks.router)
    bench = Bench(app, ProcessExecutor)
    yield bench
    bench.pool.close()


def test_telling_a_run_that_has_ended_leaves_the_next_alone(app: Holdfast, threads: Bench) -> None:
    began, go_on = Event(), Event()

    @app.task(name="first")
    def first() -> None: ...

    @app.task(name="second")
    def second() -> None:
        began.set()
        while not go_on.is_set():
            time.sleep(0.001)

    done = threads.submit("first")
    assert threads.outcome(done) == "Succeeded"
    running = threads.submit("second")
    assert began.wait(10)
    [carrier] = threads.pool._carriers
    carrier.end(done, Will.TIMEOUT)
    carrier.give_up(done)
    time.sleep(0.02)
    go_on.set()
    assert threads.outcome(running) == "Succeeded"
    assert threads.outcome(threads.submit("first")) == "Succeeded"
    assert threads.pool._carriers == (carrier,), "its thread was not replaced"


def test_a_child_that_was_killed_after_its_answer_is_not_given_the_next_run(processes: Bench) -> None:
    """The kill comes when the answer is there and the run has not been let go."""
    way = processes.runner.run_sync

    def run_sync(run: Run) -> Outcome:
        outcome = way(run)
        if run.job.args != "{}":
            run.by.end(run, Will.CANCEL)
        return outcome

    processes.runner.run_sync = run_sync  # type: ignore[method-assign]
    for _ in range(3):
        assert processes.outcome(processes.submit("p.pid", '{"x":1}')) == "Succeeded"
        assert processes.outcome(processes.submit("p.around")) == "Succeeded"


def test_a_run_told_to_end_before_it_began_never_begins(app: Holdfast, threads: Bench) -> None:
    began: list[int] = []
    held, go_on = Event(), Event()

    @app.task(name="holds")
    def holds() -> None:
        held.set()
        go_on.wait(20)

    @app.task(name="waits")
    def waits() -> None:
        began.append(1)

    holding = threads.submit("holds")
    assert held.wait(10)
    waiting = [threads.submit("waits") for _ in range(3)]
    for run, will in zip(waiting, (Will.CANCEL, Will.SHUTDOWN, Will.LOST), strict=True):
        threads.pool.end(run, will)
    go_on.set()
    assert threads.outcome(holding) == "Succeeded"
    assert [threads.outcome(run) for run in waiting] == ["Cancel", "Interrupted", "Interrupted"]
    assert began == []


def test_withdrawing_takes_the_old_and_leaves_the_young_in_order(app: Holdfast, threads: Bench) -> None:
    order: list[int] = []
    held, go_on = Event(), Event()

    @app.task(name="holds")
    def holds() -> None:
        held.set()
        go_on.wait(20)

    @app.task(name="notes")
    def notes(n: int) -> None:
        order.append(n)

    holding = threads.submit("holds")
    assert held.wait(10)
    runs = [threads.submit("notes", f'{{"n":{n}}}') for n in range(6)]
    for run in runs[:2]:
        run.claimed_at -= 10
    assert threads.pool.withdraw(time.monotonic() - 5) == runs[:2]
    go_on.set()
    assert threads.outcome(holding) == "Succeeded"
    for run in runs[2:]:
        assert threads.outcome(run) == "Succeeded"
    assert order == [2, 3, 4, 5]


def test_a_run_that_ends_twice_does_not_end_its_lease_for_others(
    app: Holdfast, start_worker: StartWorker, ear: Ear
) -> None:
    """It is given up after its timeout and comes back later, while another of its batch still runs."""
    began, go_on = Event(), Event()
    late, left = asyncio.Event(), Event()

    @app.task(name="deaf", timeout=0.1, max_attempts=1)
    async def deaf() -> None:
        while not late.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await late.wait()
        left.set()

    @app.task(name="frees")
    async def frees() -> None:
        late.set()

    @app.task(name="beside")
    def beside() -> str:
        began.set()
        go_on.wait(20)
        return "undisturbed"

    jobs: list[Any] = app.enqueue_many([deaf.new(), beside.new()])
    start_worker(cancel_grace=0.1)
    assert began.wait(10)
    ear.until(lambda ear: ear.settlements)
    frees.enqueue().result(timeout=10)
    assert left.wait(10)
    frees.enqueue().result(timeout=10)  # behind it, the late outcome has come as well
    go_on.set()
    assert jobs[1].result(timeout=10) == "undisturbed"
    assert (jobs[1].refresh().run, ear.refused) == (1, [])
