"""Workers that die: nothing is lost, what they ran is charged, poison is quarantined and its neighbours are not."""

from __future__ import annotations

import signal
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from holdfast import Holdfast, JobFailed
from holdfast.client.clock import ids
from holdfast.store.records import LaneMark, WorkerRow
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.queues import declare_queues
from holdfast.store.verbs.workers import register, unregister
from holdfast.worker.status import ExitStatus
from tests.worker.conftest import MakeApp, StartWorker
from tests.worker.faults import cuttable
from tests.worker.program import aquick, dies, dozes, exits, quick, sleeps
from tests.worker.programs import Programs


def test_kill_9_in_the_middle_and_another_worker(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many([draft for n in range(500) for draft in (quick.new(n), aquick.new(n))])
    first = programs.start()
    programs.until(lambda lines: len(lines) > 400)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = programs.start(burst=True)
    assert second.wait(60) == 0, programs.logs()
    for job in jobs:
        assert job.refresh().state == "succeeded"
    assert programs.overlaps() == []
    ended = {line.job_id for line in programs.lines() if line.what == "end"}
    assert ended == {str(job.id) for job in jobs}


def test_the_dead_are_found_at_once_by_their_lock(client_app: Holdfast, programs: Programs) -> None:
    job = sleeps.enqueue(60)
    first = programs.start(lease=60_000_000)
    second = None
    programs.until(lambda lines: len(lines) == 1)
    second = programs.start(lease=60_000_000)
    first.send_signal(signal.SIGKILL)
    programs.until(lambda lines: len(lines) == 2, timeout=15)
    assert programs.lines()[1].pid == second.pid
    job.refresh()
    assert (job.attempt, job.run) == (2, 2)


def test_a_handler_that_calls_os_exit(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many([exits.new(), *(dozes.new(0.3) for _ in range(4))])
    assert programs.start().wait(60) == 17
    second = programs.start()
    assert jobs[0].result(timeout=20) == 2
    for job in jobs[1:]:
        job.result(timeout=20)
        assert job.refresh().attempt <= 2
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0, programs.logs()


@pytest.mark.parity("F2")
@pytest.mark.slow
def test_poison_is_quarantined_and_its_neighbours_are_not(client_app: Holdfast, programs: Programs) -> None:
    """It kills its worker every time. The third time it runs alone, and nobody else is convicted with it."""
    poison = dies.enqueue()
    neighbours = client_app.enqueue_many(sleeps.new(0.2) for _ in range(30))
    for _ in range(3):
        assert programs.start().wait(60) == -signal.SIGKILL, programs.logs()
    programs.start()
    with pytest.raises(JobFailed):
        poison.result(timeout=30)
    poison.refresh()
    assert (poison.reason, poison.run) == ("crashed", 3)
    for job in neighbours:
        job.result(timeout=30)
    # Once a worker had died of it twice, the poison ran with nothing beside it.
    third = next(line for line in programs.lines() if line.task == "dies" and line.run == 3)
    begun = {(line.job_id, line.run): line.at for line in programs.lines() if line.what == "begin"}
    ends = {(line.job_id, line.run): line.at for line in programs.lines() if line.what == "end"}
    beside = [
        key
        for key, at in begun.items()
        if at < third.at
        and key not in ends
        and key[0] != third.job_id
        and _pid_of(programs, key) == third.pid
    ]
    assert beside == []


def _pid_of(programs: Programs, key: tuple[str, int]) -> int:
    return next(line.pid for line in programs.lines() if (line.job_id, line.run) == key)


@pytest.mark.slow
def test_suspects_that_are_innocent_run_one_by_one_and_succeed(
    client_app: Holdfast, programs: Programs
) -> None:
    """Two crashes that were nobody's fault: their jobs come through."""
    jobs = client_app.enqueue_many([sleeps.new(0.01 * n) for n in range(5)] + [dies.new(times=2)])
    for _ in range(2):
        assert programs.start().wait(60) == -signal.SIGKILL, programs.logs()
    programs.start()
    for job in jobs:
        assert job.result(timeout=30)
    assert programs.overlaps() == []


@pytest.mark.parity("F7")
def test_a_stopped_worker_that_comes_back_is_refused(client_app: Holdfast, programs: Programs) -> None:
    """SIGSTOP past the lease: its lock is still held, so only its silence tells."""
    job = sleeps.enqueue(0.7)
    first = programs.start(lease=1_000_000)
    programs.until(lambda lines: len(lines) == 1)
    first.send_signal(signal.SIGSTOP)
    second = programs.start(lease=1_000_000)
    programs.until(lambda lines: sum(line.what == "end" for line in lines) == 1)
    assert job.result(timeout=10) == 2
    first.send_signal(signal.SIGCONT)
    programs.until(lambda _: "declared dead" in programs.logs())
    assert (job.refresh().state, job.run) == ("succeeded", 2)
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, programs.logs()


def test_a_burst_waits_for_what_the_dead_held(app: Holdfast, start_worker: StartWorker) -> None:
    """It looks for due jobs before the rescue has brought back what a dead worker held."""
    go_on = Event()

    @app.task(name="held", retry=lambda failures, error: timedelta(0))
    def held() -> int:
        return 1

    job = held.enqueue()
    phantom = WorkerRow(
        id=ids.next(),
        host="h",
        pid=1,
        version="0",
        queues=None,
        tasks=["held"],
        restricted=False,
        concurrency=1,
    )
    store = app.client.store
    store.write(register, phantom)
    assert store.write(claim, phantom.id, ids.next(), [LaneMark("default", 0)], 5, ["held"])
    store.write(unregister, phantom.id)
    line = cuttable(app)
    way = line.send

    def send(go: Any, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb.__name__ == "rescue":
            go_on.wait(20)
        return way(go, verb, *args, **kwargs)

    line.send = send  # type: ignore[method-assign]
    worker = start_worker(burst=True)
    assert worker.wait(0.3) is None
    go_on.set()
    assert worker.wait(20) is ExitStatus.FINISHED
    assert (job.result(timeout=5), job.refresh().attempt) == (1, 2)


def test_a_rescuer_without_the_code_goes_by_what_is_stored_of_the_queue(
    app: Holdfast, make_app: MakeApp, start_worker: StartWorker
) -> None:
    """Its queue says one attempt; the rescuer declares neither queue nor task."""
    other = make_app()
    other.queue("strict", max_attempts=1)
    task = other.task(name="elsewhere", queue="strict")(_nothing)
    store = app.client.store
    store.write(declare_queues, other.client.registry.queue_rows())
    job = task.enqueue()
    phantom = WorkerRow(
        id=ids.next(),
        host="h",
        pid=1,
        version="0",
        queues=None,
        tasks=["elsewhere"],
        restricted=False,
        concurrency=1,
    )
    store.write(register, phantom)
    assert store.write(claim, phantom.id, ids.next(), [LaneMark("strict", 0)], 5, ["elsewhere"])
    store.write(unregister, phantom.id)
    app.task(name="known")(_nothing)
    assert start_worker(burst=True).wait(20) is ExitStatus.FINISHED
    assert (job.refresh().state, job.reason, job.attempt) == ("failed", "exhausted", 1)


def _nothing() -> None:
    pass
