"""A worker as a program of its own, for tests that send it signals and kill it.

`python -m tests.worker.program FILE {options as JSON}`. Handlers write what they do into a journal beside the file,
one whole line at a time, so that it survives any death.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast import Constant, Holdfast, JobContext, Retention, TaskRouter
from holdfast.core.times import SECOND

router = TaskRouter()
RETRY = Constant(timedelta(milliseconds=1))


def journal(database: Path) -> Path:
    """Where handlers write."""
    return database.with_suffix(".journal")


def note(ctx: JobContext, what: str) -> None:
    line = f"{what} {ctx.task.name} {ctx.claimed.job_id} {ctx.run} {os.getpid()} {time.monotonic_ns()}\n"
    fd = os.open(os.environ["HOLDFAST_TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line.encode())
    os.close(fd)


@router.task(name="quick", takes_context=True, retry=RETRY)
def quick(ctx: JobContext, n: int) -> int:
    note(ctx, "begin")
    note(ctx, "end")
    return n


@router.task(name="aquick", takes_context=True, retry=RETRY)
async def aquick(ctx: JobContext, n: int) -> int:
    note(ctx, "begin")
    await asyncio.sleep(0)
    note(ctx, "end")
    return n


@router.task(name="sleeps", takes_context=True, retry=RETRY)
async def sleeps(ctx: JobContext, seconds: float) -> int:
    note(ctx, "begin")
    await asyncio.sleep(seconds)
    note(ctx, "end")
    return ctx.run


@router.task(name="dozes", takes_context=True, retry=RETRY)
def dozes(ctx: JobContext, seconds: float) -> int:
    note(ctx, "begin")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    note(ctx, "end")
    return ctx.run


@router.task(name="dies", takes_context=True, retry=RETRY)
def dies(ctx: JobContext, times: int = 99) -> int:
    """Takes the whole worker with it."""
    note(ctx, "begin")
    if ctx.run <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return ctx.run


@router.task(name="exits", takes_context=True, retry=RETRY)
def exits(ctx: JobContext) -> int:
    note(ctx, "begin")
    if ctx.run == 1:
        os._exit(17)
    return ctx.run


@router.task(name="asks", takes_context=True)
def asks(ctx: JobContext) -> None:
    """Has a signal come to a thread that is not the main one."""
    note(ctx, "begin")
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    note(ctx, "end")


@router.task(name="fails", takes_context=True, max_attempts=1)
def fails(ctx: JobContext, n: int) -> None:
    note(ctx, "begin")
    raise ValueError(n)


def app_on(file: Path | str) -> Holdfast:
    """An app with these tasks."""
    app = Holdfast(f"sqlite:///{file}", lease=2)
    app.queue("doomed", dead_letter="dead")
    app.queue("brief", retention=Retention.nothing())
    app.include(router)
    return app


def main() -> int:
    file, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    os.environ["HOLDFAST_TEST_JOURNAL"] = str(journal(file))
    from holdfast.worker.logs import configure
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.run import run_worker
    from holdfast.worker.worker import Worker

    configure("INFO")
    given: dict[str, Any] = {"lease": 2 * SECOND, **options}
    return run_worker(Worker(app_on(file).client, WorkerOptions(**given)))


if __name__ == "__main__":
    sys.exit(main())
