"""Several worker processes: what dies is started again, and signals reach all."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from holdfast import Holdfast
from tests.worker.program import dies, dozes, quick, sleeps
from tests.worker.programs import Programs

SUPERVISE = """
import json, logging, sys
from holdfast.worker import supervisor
logging.basicConfig(level=logging.INFO)
supervisor.FIRST_PAUSE = 0.05
command = [sys.executable, "-m", "tests.worker.program", sys.argv[1], sys.argv[3]]
sys.exit(supervisor.supervise(command, int(sys.argv[2]), burst="burst" in sys.argv[3]))
"""


def _start(programs: Programs, processes: int, options: str = "{}"):  # type: ignore[no-untyped-def]
    return programs.run([sys.executable, "-c", SUPERVISE, str(programs.file), str(processes), options])


def test_a_worker_that_dies_is_started_again(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many([dies.new(times=1), *(quick.new(n) for n in range(50))])
    supervisor = _start(programs, 2)
    for job in jobs:
        job.result(timeout=30)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(20) == 0, programs.logs()
    assert "SIGKILL" in programs.logs()


def test_one_signal_lets_all_finish_and_two_end_them(client_app: Holdfast, programs: Programs) -> None:
    client_app.enqueue_many(dozes.new(0.6) for _ in range(2))
    supervisor = _start(programs, 2, '{"threads": 1}')
    programs.until(lambda lines: sum(line.what == "begin" for line in lines) == 2)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(20) == 0, programs.logs()
    assert sum(line.what == "end" for line in programs.lines()) == 2
    job = sleeps.enqueue(60)
    supervisor = _start(programs, 2)
    programs.until(lambda lines: lines[-1].job_id == str(job.id))
    supervisor.send_signal(signal.SIGTERM)
    programs.until(lambda _: programs.logs().count("once more") >= 3)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(20) == 3, programs.logs()
    assert (job.refresh().state, job.attempt) == ("pending", 0), programs.logs()


def test_the_workers_of_a_killed_supervisor_end_in_order(client_app: Holdfast, programs: Programs) -> None:
    job = dozes.enqueue(0.5)
    supervisor = _start(programs, 1)
    programs.until(lambda lines: len(lines) == 1)
    worker = programs.lines()[0].pid
    supervisor.kill()
    supervisor.wait()
    job.result(timeout=20)
    programs.until(lambda _: not _alive(worker))
    assert "supervisor of this worker is gone" in programs.logs()


def test_a_burst_ends_and_max_jobs_starts_another(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many(quick.new(n) for n in range(20))
    supervisor = _start(programs, 1, '{"burst": true, "max_jobs": 8}')
    assert supervisor.wait(30) == 0, programs.logs()
    assert {str(job.refresh().state) for job in jobs} == {"succeeded"}
    assert len({line.pid for line in programs.lines()}) == 3


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
