"""Starting the worker program, and reading what its handlers have written."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from tests.worker.program import journal

ROOT = Path(__file__).parents[2]


class Line(NamedTuple):
    what: str
    task: str
    job_id: str
    run: int
    pid: int
    at: int


class Programs:
    """Worker programs on one database file. Whatever is left is killed at the end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.worker.program", str(self.file), json.dumps(options)]
        return self.run(command)

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        log = (self.file.parent / f"worker-{len(self.started)}.log").open("wb")
        with log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=log)
        self.started.append(process)
        return process

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.file.parent.glob("worker-*.log")))

    def lines(self) -> list[Line]:
        """The journal: what is torn by no death, since each line is one write."""
        path = journal(self.file)
        if not path.exists():
            return []
        # The last line may be on its way at this moment.
        whole = path.read_text().rpartition("\n")[0]
        found = [line.split() for line in whole.splitlines()]
        return [Line(what, task, job, int(run), int(pid), int(at)) for what, task, job, run, pid, at in found]

    def until(self, condition: Callable[[list[Line]], object], timeout: float = 30) -> None:
        """Wait until the journal says so."""
        end = time.monotonic() + timeout
        pause = Event()
        while not condition(self.lines()):
            assert time.monotonic() < end, f"{self.lines()[-10:]}\n{self.logs()}"
            pause.wait(0.005)

    def overlaps(self) -> list[str]:
        """Runs of one job that went on side by side, in any processes of this machine."""
        runs: dict[str, list[tuple[int, float]]] = defaultdict(list)
        ends = {(line.job_id, line.run): line.at for line in self.lines() if line.what == "end"}
        for line in self.lines():
            if line.what == "begin":
                runs[line.job_id].append((line.at, ends.get((line.job_id, line.run), line.at)))
        wrong: list[str] = []
        for job, spans in runs.items():
            spans.sort()
            wrong += [job for one, two in pairwise(spans) if two[0] < one[1]]
        return wrong

    def close(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def programs_on(file: Path) -> Iterator[Programs]:
    programs = Programs(file)
    try:
        yield programs
    finally:
        programs.close()
