"""Unique jobs in workers: the key goes with the job, through retries, crashes and its end."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Constant, Fail, Holdfast, JobFailed, JobState, Retry, Unique
from holdfast.store.verbs.unique import holder
from tests.conformance.backends import Backend
from tests.worker.conftest import Ear, StartWorker
from tests.worker.program import sleeps
from tests.worker.programs import Programs

SOON = Constant(base=timedelta(milliseconds=1))


def keys(backend: Backend) -> int:
    return int(backend.execute("SELECT count(*) FROM {}unique_keys")[0][0])


def test_the_key_is_free_when_the_job_has_ended(
    app: Holdfast, backend: Backend, start_worker: StartWorker
) -> None:
    entered, leave = threading.Event(), threading.Event()

    @app.task(unique=Unique())
    def once(n: int) -> int:
        entered.set()
        leave.wait(20)
        return n

    start_worker()
    first = once.enqueue(1)
    assert entered.wait(20)
    assert once.enqueue(1) == first
    assert once.enqueue(1).state is JobState.RUNNING
    leave.set()
    assert first.result(20) == 1
    second = once.enqueue(1)
    assert second.is_new
    assert second.result(20) == 1
    assert keys(backend) == 0


def test_it_is_kept_through_retries(app: Holdfast, backend: Backend, start_worker: StartWorker) -> None:
    met: list[bool] = []

    @app.task(unique="only one", retry=SOON, max_attempts=3)
    def fails() -> None:
        met.append(fails.enqueue().is_new)
        raise OSError("again")

    @app.task(unique="only one")
    def retries() -> None:
        met.append(retries.enqueue().is_new)
        if len(met) < 5:
            raise Retry(timedelta(milliseconds=1))
        raise Fail("enough")

    start_worker()
    for task in (fails, retries):
        with pytest.raises(JobFailed):
            task.enqueue().result(20)
    assert met == [False] * 5
    assert keys(backend) == 0


def test_one_that_waits_alone_lets_the_next_in_when_it_starts(
    app: Holdfast, start_worker: StartWorker
) -> None:
    seen: list[int] = []

    @app.task(unique=Unique(args=("key",), while_="waiting"), on_conflict="replace")
    def rebuild(key: str, version: int) -> None:
        seen.append(version)
        if version == 3:
            later = rebuild.using(delay=3600)
            assert later.enqueue(key, 4).is_new
            assert not later.enqueue(key, 5).is_new

    for version in (1, 2, 3):
        rebuild.enqueue("a", version)
    start_worker(burst=True).wait(30)
    assert seen == [3]
    assert [job.args["version"] for job in app.jobs.list(state="pending")] == [5]


def test_maintenance_removes_windows_that_are_over(
    app: Holdfast, backend: Backend, start_worker: StartWorker
) -> None:
    @app.task(unique=Unique(within=0.05))
    def ping() -> None: ...

    ping.enqueue()
    start_worker(cleanup_interval=0.05)
    end = time.monotonic() + 20
    while keys(backend):
        assert time.monotonic() < end, "the key is still there"
        time.sleep(0.02)


def test_a_schedule_fires_no_second_job_of_a_key(
    app: Holdfast, backend: Backend, start_worker: StartWorker, ear: Ear
) -> None:
    entered, leave = threading.Event(), threading.Event()

    @app.every(0.1)
    @app.task(unique=Unique(), on_conflict="raise")
    def tick() -> None:
        entered.set()
        leave.wait(20)

    start_worker()
    assert entered.wait(20)
    fires = "SELECT count(*), count(DISTINCT job) FROM {}schedule_fires"
    end = time.monotonic() + 20
    while backend.execute(fires)[0][0] < 4:
        assert time.monotonic() < end, "it fires no more"
        time.sleep(0.02)
    assert backend.execute(fires)[0][1] == 1
    assert len(app.jobs.list()) == 1
    leave.set()


def test_a_killed_worker_keeps_the_key_for_the_next_run(client_app: Holdfast, programs: Programs) -> None:
    once: Any = sleeps.using(unique="only one")
    job = once.enqueue(60)
    first = programs.start()
    programs.until(lambda lines: len(lines) == 1)
    assert once.enqueue(60) == job
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert once.enqueue(60) == job
    programs.start()
    programs.until(lambda lines: len(lines) == 2, timeout=15)
    assert once.enqueue(60) == job
    job.cancel(force=True)
    assert once.enqueue(60).is_new
    assert client_app.client.store.read(holder, '["task=nobody"]') is None
