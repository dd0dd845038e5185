"""An application whose runs are written down outside of the store, and real worker processes for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from holdfast import Holdfast

app = Holdfast(lease=timedelta(seconds=float(os.environ.get("HOLDFAST_TEST_LEASE", "30"))))


def write_down(line: str) -> None:
    """One line, whole: appends of this size don't mix."""
    path = os.environ.get("HOLDFAST_TEST_LOG")
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{line}\n".encode())
        os.close(fd)


@app.task(name="note", max_attempts=50)
def note(number: int) -> int:
    """Write down that it ran."""
    write_down(f"{number} {os.getpid()}")
    return number


@app.task(name="slow_note", max_attempts=50, max_crashes=50)
def slow_note(number: int) -> int:
    """Take ten milliseconds."""
    write_down(f"begin {number} {os.getpid()}")
    time.sleep(0.01)
    write_down(f"end {number} {os.getpid()}")
    return number


@dataclass
class Fleet:
    """Worker processes on one database. Whatever happens, none outlives the `with` block."""

    url: str
    log: Path
    prefix: Sequence[str] = ()
    """What each command is run by, such as `ip netns exec NAME`."""
    app: str = "tests.faults.workload:app"
    """What they work for."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()

    def start(
        self, *options: str, url: str | None = None, prefix: Sequence[str] | None = None
    ) -> subprocess.Popen[bytes]:
        """One more worker."""
        command = [*(self.prefix if prefix is None else prefix), sys.executable, "-m", "holdfast"]
        command += ["--app", self.app, "worker", "--log-level", "warning", *options]
        environment = {**os.environ, "HOLDFAST_URL": url or self.url, "HOLDFAST_TEST_LOG": str(self.log)}
        worker = subprocess.Popen(
            command, env=environment, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL
        )
        self.workers.append(worker)
        return worker

    def stop(self, seconds: float = 60) -> list[int]:
        """Ask all to end, and wait; returns their exit codes."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        return [worker.wait(seconds) for worker in self.workers]

    def runs(self) -> Counter[int]:
        """How often each number was written down."""
        if not self.log.exists():
            return Counter()
        return Counter(int(line.split()[0]) for line in self.log.read_text().splitlines())


def eventually(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something holds that no event tells of: the state of a database that others write to."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
