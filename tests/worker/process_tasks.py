"""Tasks that run in child processes, at the top of a module where a child finds them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast import Cancel, Middleware, MoveToDlq, Reschedule, Retry, Snooze, TaskRouter
from holdfast.core.outcomes import After

router = TaskRouter()
NOW = timedelta(0)


class AppError(Exception):
    """With an __init__ of its own, which nobody may call again."""

    def __init__(self, code: int, *, where: str) -> None:
        super().__init__(f"code {code} at {where}")
        self.code = code


class Unpicklable(AppError):
    def __reduce__(self) -> Any:
        raise TypeError("can't be pickled")


@router.task(name="p.pid", executor="process")
def pid(x: int, *, twice: bool = False) -> dict[str, int]:
    return {"pid": os.getpid(), "x": 2 * x if twice else x}


@router.task(name="p.raises", executor="process", max_attempts=1)
def raises() -> None:
    raise AppError(7, where="home")


@router.task(name="p.fail_on", executor="process", fail_on=(AppError,))
def fail_on() -> None:
    raise Unpicklable(8, where="home")


@router.task(name="p.exits", executor="process", max_crashes=2, retry=lambda failures, error: NOW)
def exits(how: str) -> None:
    if how == "_exit":
        os._exit(3)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    raise SystemExit(how)


@router.task(name="p.outcome", executor="process")
def outcome(which: str, file: str) -> str | Retry | Snooze | Reschedule | MoveToDlq | Cancel:
    seen = Path(file)
    if seen.exists():
        return seen.read_text()
    seen.write_text(which)
    match which:
        case "retry":
            raise Retry(after=NOW, cause=KeyError(1))
        case "snooze":
            return Snooze(NOW)
        case "reschedule":
            return Reschedule(After(NOW), args={"which": "again", "file": file})
        case "dlq":
            return MoveToDlq("no such thing", cause=LookupError("x"))
        case _:
            raise Cancel("not wanted")


@router.task(name="p.sleeps", executor="process", max_attempts=1)
def sleeps(seconds: float, file: str = "") -> int:
    if file:
        Path(file).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


@router.task(name="p.times_out", executor="process", timeout=0.2, max_attempts=1)
def times_out() -> None:
    time.sleep(60)


@router.task(name="p.bad_result", executor="process")
def bad_result() -> Any:
    return object()


@router.task(name="p.leaves_a_child", executor="process", max_attempts=1, max_crashes=1)
def leaves_a_child() -> None:
    """Another program keeps the line to the worker open when this process is gone."""
    for fd in range(3, 64):
        try:
            os.set_inheritable(fd, True)
        except OSError:
            continue
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(5)"], close_fds=False)
    os._exit(4)


class Counts(Middleware):
    """Stands around the run in the worker's own process."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    async def process(self, ctx: Any, call_next: Any) -> Any:
        found = await call_next(ctx)
        self.seen.append((os.getpid(), found.name))
        return found


counts = Counts()


@router.task(name="p.around", executor="process", middleware=[counts])
def around() -> int:
    return os.getpid()


@router.task(name="p.logs", executor="process")
def logs(file: str) -> str:
    """Logs by a logger of its own, as a library would, and enqueues nothing."""
    import logging

    from holdfast import LogFields
    from holdfast.middleware.request_id import current_request_id

    handler = logging.FileHandler(file)
    handler.addFilter(LogFields(missing="-"))
    handler.setFormatter(
        logging.Formatter("%(job_id)s %(task)s %(queue)s %(run)s %(attempt)s %(request_id)s")
    )
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    logger.warning("hello")
    logger.removeHandler(handler)
    handler.close()
    return current_request_id() or ""
