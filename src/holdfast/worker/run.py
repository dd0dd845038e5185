"""Running a worker in the foreground: it takes the main thread and the signals."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from queue import Empty, SimpleQueue
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

from holdfast.core.times import SECOND
from holdfast.worker.reports import reporting
from holdfast.worker.status import ExitStatus

if TYPE_CHECKING:
    from holdfast.worker.health import Health
    from holdfast.worker.worker import Worker

logger = logging.getLogger("holdfast.worker")

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name))
LIFELINE = "HOLDFAST_LIFELINE"
"""The environment variable by which a supervisor names a pipe that it holds open as long as it lives."""
LOOK_UP = 0.5
"""Seconds after which a signal is heard that another thread was given."""
ENDED = 0
"""In the place of a signal: the worker has ended."""

Inbox = SimpleQueue[int]
"""Numbers of signals. A queue of this kind may be written to by a signal handler that interrupts its reader."""


def run_worker(worker: Worker, *, probe: str | int | None = None) -> ExitStatus:
    """Start a worker and block until it ends.

    In the main thread it takes SIGINT and SIGTERM for its time: the first lets running jobs finish for
    `shutdown_timeout`, the second ends them at once, and a third is the program's own again.

    Args:
        worker: not started yet.
        probe: answers `/health/live`, `/health/ready` and `/metrics` over HTTP here: a port of this host, or
            "HOST:PORT".

    Raises:
        ConfigurationError: it can't begin.
        StoreError: the database can't be used.
    """
    inbox: Inbox = SimpleQueue()
    worker.call_at_end(lambda: inbox.put(ENDED))
    with signals(inbox), reporting(worker), answering(probe, worker.health):
        _hold_lifeline(inbox)
        worker.start()
        told = 0
        while (number := _next(inbox)) != ENDED:
            told += 1
            name = signal.Signals(number).name
            if told == 1:
                seconds = worker.options.shutdown_timeout / SECOND
                logger.info(
                    "%s: running jobs have %g s to finish; once more ends them at once", name, seconds
                )
                worker.request_stop()
            else:
                logger.warning("%s again: ending at once", name)
                worker.request_stop(0)
                give_back(SIGNALS)
        status = worker.wait()
    return ExitStatus.FAILED if status is None else status


def _next(inbox: Inbox) -> int:
    """Wait for what comes, and look up now and then.

    The system may give a signal to any thread, as it does where the main one is just being continued after SIGSTOP.
    That doesn't wake the main thread, which alone runs handlers of signals.
    """
    while True:
        with suppress(Empty):
            return inbox.get(timeout=LOOK_UP)


def answering(probe: str | int | None, look: Callable[[], Health]) -> AbstractContextManager[object]:
    """Answer probes while entered, if an address is given for that."""
    if probe is None:
        return nullcontext()
    # Only those who are asked need a server.
    from holdfast.worker.probe import Probe

    return Probe(probe, look)


@contextmanager
def signals(inbox: Inbox) -> Generator[None]:
    """Put signals that would end the process into a queue instead. Outside of the main thread it does nothing."""
    if current_thread() is not main_thread():
        yield
        return

    def take(number: int, _frame: FrameType | None) -> None:
        inbox.put(number)

    before = {number: signal.signal(number, take) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def give_back(numbers: Sequence[int]) -> None:
    """Let the next such signal end the process."""
    if current_thread() is main_thread():
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _hold_lifeline(inbox: Inbox) -> None:
    """Stop when the supervisor that started this process is gone."""
    number = os.environ.pop(LIFELINE, None)
    if number is None or not number.isdecimal():
        return
    line = int(number)
    try:
        os.set_inheritable(line, False)  # noqa: FBT003 - takes no keyword
    except OSError:
        return  # another program was started in between, and the pipe is not there

    def wait() -> None:
        while os.read(line, 64):
            pass
        logger.error("the supervisor of this worker is gone")
        inbox.put(signal.SIGTERM)

    Thread(target=wait, name="holdfast-lifeline", daemon=True).start()
