"""The end of a worker: what is finished is settled, what is not is given back, uncharged."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from holdfast import Holdfast, JobContext
from holdfast.core.errors import ConfigurationError
from holdfast.worker.status import ExitStatus
from tests.worker.conftest import StartWorker
from tests.worker.faults import cuttable
from tests.worker.program import asks, dozes, quick, sleeps
from tests.worker.programs import Programs


@pytest.mark.parity("F9")
def test_running_jobs_may_finish_and_waiting_ones_go_back(app: Holdfast, start_worker: StartWorker) -> None:
    began, go_on = Event(), Event()

    @app.task(name="waits")
    def waits() -> int:
        began.set()
        go_on.wait(20)
        return 1

    jobs = [waits.enqueue() for _ in range(5)]
    worker = start_worker(threads=1)
    assert began.wait(10)
    answers: list[bool] = []
    stopping = Thread(target=lambda: answers.append(worker.stop(20)))
    stopping.start()
    assert worker.wait(0.05) is None
    go_on.set()
    stopping.join(20)
    assert answers == [True]
    assert worker.status is ExitStatus.FINISHED
    assert jobs[0].refresh().state == "succeeded"
    for job in jobs[1:]:
        assert (job.refresh().state, job.attempt) == ("pending", 0)


@pytest.mark.parametrize("timeout", [0, 0.1])
def test_what_does_not_finish_is_cancelled_and_given_back(
    app: Holdfast, start_worker: StartWorker, timeout: float
) -> None:
    began = [Event(), Event()]
    seen: list[Any] = []

    @app.task(name="on.loop", takes_context=True)
    async def on_loop(ctx: JobContext) -> None:
        began[0].set()
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(ctx.deadline)

    @app.task(name="in.thread", takes_context=True)
    def in_thread(ctx: JobContext) -> None:
        began[1].set()
        pause = Event()
        while not ctx.cancelled:
            pause.wait(0.005)
        raise RuntimeError("what it does now doesn't matter")

    @app.task(name="deaf")
    def deaf() -> None:
        Event().wait(60)

    jobs = [on_loop.enqueue(), deaf.enqueue(), in_thread.enqueue()]
    worker = start_worker(cancel_grace=0.3)
    assert all(event.wait(10) for event in began)
    assert worker.stop(timeout) is False
    assert worker.status is ExitStatus.UNFINISHED
    assert seen[0] is not None, "ctx.deadline tells of the shutdown"
    for job in jobs[:2]:
        job.refresh()
        assert (job.state, job.attempt, job.run) == ("pending", 0, 1)


def test_a_second_stop_shortens_the_first(app: Holdfast, start_worker: StartWorker) -> None:
    began = Event()

    @app.task(name="sleeps")
    async def sleeping() -> None:
        began.set()
        await asyncio.sleep(60)

    job = sleeping.enqueue()
    worker = start_worker()
    assert began.wait(10)
    patient = Thread(target=worker.stop, args=(60,))
    patient.start()
    assert worker.stop(0) is False
    patient.join(5)
    assert not patient.is_alive()
    assert (job.refresh().state, job.attempt) == ("pending", 0)


def test_a_worker_takes_leave_of_the_others(app: Holdfast, start_worker: StartWorker) -> None:
    from holdfast.store.verbs.workers import list_workers

    app.task(name="nothing")(_nothing)
    worker = start_worker()
    assert [row.id for row in app.client.store.read(list_workers)] == [worker.id]
    assert worker.stop() is True
    assert app.client.store.read(list_workers) == []


def _nothing() -> None:
    pass


def test_max_jobs(app: Holdfast, start_worker: StartWorker) -> None:
    task = app.task(name="nothing")(_nothing)
    jobs = app.enqueue_many(task.new() for _ in range(10))
    worker = start_worker(max_jobs=4)
    assert worker.wait(20) is ExitStatus.RENEW
    assert sum(job.refresh().state == "succeeded" for job in jobs) == 4


def test_max_memory(app: Holdfast, start_worker: StartWorker) -> None:
    app.task(name="nothing")(_nothing)
    worker = start_worker(max_memory=1 << 20, lease=0.3)
    assert worker.wait(20) is ExitStatus.RENEW


def test_a_burst_waits_for_what_its_jobs_enqueue(app: Holdfast, start_worker: StartWorker) -> None:
    done: list[int] = []

    @app.task(name="chain")
    def chain(n: int) -> None:
        done.append(n)
        if n:
            chain.enqueue(n - 1)

    chain.enqueue(20)
    chain.using(delay=3600).enqueue(0)
    worker = start_worker(burst=True)
    assert worker.wait(20) is ExitStatus.FINISHED
    assert done == list(range(20, -1, -1))


def test_a_burst_does_not_wait_for_what_it_cannot_run(app: Holdfast, start_worker: StartWorker) -> None:
    task = app.task(name="nothing")(_nothing)
    app.enqueue("elsewhere", {}, declare=True)
    job = task.enqueue()
    assert start_worker(burst=True).wait(20) is ExitStatus.FINISHED
    assert job.refresh().state == "succeeded"


@pytest.mark.parametrize("style", ["sync", "async"])
def test_a_lifespan_is_entered_and_left_once(app: Holdfast, start_worker: StartWorker, style: str) -> None:
    steps: list[str] = []

    @contextmanager
    def plain() -> Any:
        steps.append("in")
        yield {"pool": 7}
        steps.append("out")

    @asynccontextmanager
    async def on_loop() -> Any:
        steps.append("in")
        async with asyncio.timeout(60):
            yield {"pool": 7}
        steps.append("out")

    @app.task(name="state", takes_context=True)
    def state(ctx: JobContext) -> int:
        steps.append("job")
        return int(ctx.state["pool"])

    jobs = [state.enqueue() for _ in range(2)]
    worker = start_worker(lifespan=plain if style == "sync" else on_loop)
    assert [job.result(timeout=10) for job in jobs] == [7, 7]
    worker.stop()
    assert steps == ["in", "job", "job", "out"]


def test_a_lifespan_that_fails_is_the_error_of_start(app: Holdfast, start_worker: StartWorker) -> None:
    @asynccontextmanager
    async def fails() -> Any:
        raise LookupError("no such pool")
        yield

    app.task(name="nothing")(_nothing)
    with pytest.raises(LookupError, match="no such pool"):
        start_worker(lifespan=fails)


def test_a_worker_without_tasks_says_so(app: Holdfast, start_worker: StartWorker) -> None:
    with pytest.raises(ConfigurationError, match="has no tasks"):
        start_worker()


# --- by signals ---


def test_a_signal_lets_running_jobs_finish(client_app: Holdfast, programs: Programs) -> None:
    jobs = [sleeps.enqueue(0.5), dozes.enqueue(0.5)]
    process = programs.start()
    programs.until(lambda lines: len(lines) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == ExitStatus.FINISHED, programs.logs()
    for job in jobs:
        assert job.refresh().state == "succeeded"


def test_the_end_of_its_time_gives_back_uncharged(client_app: Holdfast, programs: Programs) -> None:
    jobs = [sleeps.enqueue(60), dozes.enqueue(60)]
    process = programs.start(shutdown_timeout=200_000)
    programs.until(lambda lines: len(lines) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitStatus.UNFINISHED, programs.logs()
    for job in jobs:
        assert (job.refresh().state, job.attempt, job.run) == ("pending", 0, 1)


def test_a_second_signal_ends_it_at_once(client_app: Holdfast, programs: Programs) -> None:
    job = sleeps.enqueue(60)
    process = programs.start()
    programs.until(lambda lines: len(lines) == 1)
    process.send_signal(signal.SIGTERM)
    programs.until(lambda _: "once more" in programs.logs())
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == ExitStatus.UNFINISHED, programs.logs()
    assert (job.refresh().state, job.attempt) == ("pending", 0)


@pytest.mark.parity("F9")
def test_a_signal_in_the_middle_of_much_loses_nothing(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many(quick.new(n) for n in range(3000))
    process = programs.start()
    programs.until(lambda lines: len(lines) > 500)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == ExitStatus.FINISHED, programs.logs()
    ran = {line.job_id for line in programs.lines() if line.what == "end"}
    assert len(ran) < 3000, "it was over before the signal came"
    for job in jobs:
        job.refresh()
        assert job.state == ("succeeded" if str(job.id) in ran else "pending")
        assert job.attempt == (1 if str(job.id) in ran else 0)


@pytest.mark.parametrize("held", ["survey", "claim"])
def test_a_claim_under_way_at_the_end_leaves_nothing_behind(
    app: Holdfast, start_worker: StartWorker, held: str
) -> None:
    """The claimer is held on its way, before its claim or within it, while the worker is told to end at once."""
    reached, go_on = Event(), Event()

    @app.task(name="nothing")
    def nothing() -> None: ...

    nothing.enqueue()
    line = cuttable(app)
    way = line.send

    def send(go: Any, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb.__name__ == held and not go_on.is_set():
            reached.set()
            go_on.wait(20)
        return way(go, verb, *args, **kwargs)

    line.send = send  # type: ignore[method-assign]
    worker = start_worker()
    assert reached.wait(10)
    stopping = Thread(target=worker.stop, args=(0,))
    stopping.start()
    stopping.join(0.2)
    go_on.set()
    stopping.join(20)
    assert not stopping.is_alive()
    Event().wait(0.2)  # for a claim that nobody waits for
    [job] = app.jobs.list()
    assert (job.state, job.attempt) == ("pending", 0)


def test_a_signal_that_another_thread_is_given_is_heard(programs: Programs, client_app: Holdfast) -> None:
    """The system chooses the thread; after SIGSTOP and SIGCONT it is often not the main one."""
    client_app.migrate()
    client_app.enqueue_many([asks.new()])
    assert programs.start().wait(30) == 0
