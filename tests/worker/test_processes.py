"""Handlers in child processes: killed at their timeout, and no danger to anybody else when they die."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from holdfast import Holdfast, JobCancelled, JobFailed
from tests.worker import process_tasks as tasks
from tests.worker.conftest import StartWorker
from tests.worker.test_trouble import ended


@pytest.fixture
def app(app: Holdfast) -> Holdfast:
    app.include(tasks.router)
    return app


def test_it_runs_elsewhere_and_the_child_is_kept(app: Holdfast, start_worker: StartWorker) -> None:
    start_worker(children=1)
    found = [tasks.pid.enqueue(3, twice=True).result(timeout=30) for _ in range(3)]
    assert {value["x"] for value in found} == {6}
    assert len({value["pid"] for value in found}) == 1
    assert found[0]["pid"] != os.getpid()


def test_errors_come_home(app: Holdfast, start_worker: StartWorker) -> None:
    start_worker(children=1)
    job = ended(tasks.raises.enqueue())
    assert (job.reason, job.last_error.type) == ("exhausted", "tests.worker.process_tasks.AppError")  # type: ignore[union-attr]
    assert job.last_error.message == "code 7 at home"  # type: ignore[union-attr]
    assert "in raises" in job.last_error.traceback  # type: ignore[union-attr]
    job = ended(tasks.fail_on.enqueue())
    assert (job.reason, job.attempt) == ("error", 1)


@pytest.mark.parametrize(("how", "reason"), [("_exit", "crashed"), ("segfault", "crashed"), ("7", "panic")])
def test_death_is_the_end_of_that_job_only(
    app: Holdfast, start_worker: StartWorker, how: str, reason: str
) -> None:
    start_worker(children=1)
    beside = tasks.pid.enqueue(1)
    job = ended(tasks.exits.enqueue(how))
    assert job.reason == reason
    assert job.attempt == (2 if reason == "crashed" else 1)
    assert beside.result(timeout=30)["x"] == 1
    assert tasks.pid.enqueue(2).result(timeout=30)["x"] == 2


def test_the_death_is_told(app: Holdfast, start_worker: StartWorker) -> None:
    start_worker(children=1)
    assert "exit code 3" in str(ended(tasks.exits.enqueue("_exit")).last_error)
    assert "SIGSEGV" in str(ended(tasks.exits.enqueue("segfault")).last_error)


def test_outcomes(app: Holdfast, start_worker: StartWorker, tmp_path: Path) -> None:
    start_worker(children=1)
    for which, attempt in (("retry", 2), ("snooze", 1), ("reschedule", 1)):
        job = tasks.outcome.enqueue(which, str(tmp_path / which))
        assert job.result(timeout=30) == which
        assert job.refresh().attempt == attempt
    job = ended(tasks.outcome.enqueue("dlq", str(tmp_path / "dlq")))
    assert (job.reason, "no such thing" in str(job.last_error)) == ("error", True)
    assert ended(tasks.outcome.enqueue("cancel", str(tmp_path / "cancel"))).state == "cancelled"
    assert ended(tasks.bad_result.enqueue()).reason == "invalid_result"


def test_a_timeout_kills(app: Holdfast, start_worker: StartWorker) -> None:
    start_worker(children=1)
    before = tasks.pid.enqueue(1).result(timeout=30)["pid"]
    assert ended(tasks.times_out.enqueue()).reason == "timeout"
    assert not _alive(before)
    assert tasks.pid.enqueue(1).result(timeout=30)["pid"] != before


def test_a_cancel_kills(app: Holdfast, start_worker: StartWorker, tmp_path: Path) -> None:
    start_worker(children=1)
    job = tasks.sleeps.enqueue(60, str(tmp_path / "pid"))
    assert _eventually((tmp_path / "pid").exists)
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(timeout=20)


def test_shutdown_gives_back_uncharged(app: Holdfast, start_worker: StartWorker, tmp_path: Path) -> None:
    worker = start_worker(children=1)
    job = tasks.sleeps.enqueue(60, str(tmp_path / "pid"))
    assert _eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert worker.stop(0) is False
    assert (job.refresh().state, job.attempt) == ("pending", 0)
    assert _eventually(lambda: not _alive(int((tmp_path / "pid").read_text())))


def test_a_child_that_leaves_a_program_behind_is_missed_at_once(
    app: Holdfast, start_worker: StartWorker
) -> None:
    start_worker(children=1)
    with pytest.raises(JobFailed):
        tasks.leaves_a_child.enqueue().result(timeout=4.5)


def test_middleware_stands_around_it_in_the_worker(app: Holdfast, start_worker: StartWorker) -> None:
    tasks.counts.seen.clear()
    start_worker(children=1)
    assert tasks.around.enqueue().result(timeout=30) != os.getpid()
    assert tasks.counts.seen == [(os.getpid(), "Succeeded")]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3] if Path("/proc").exists() else True
    )


def _eventually(condition: Callable[[], object], timeout: float = 20) -> bool:
    pause = Event()
    for _ in range(int(timeout / 0.01)):
        if condition():
            return True
        pause.wait(0.01)
    return False
